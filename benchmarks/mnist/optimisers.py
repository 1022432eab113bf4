"""Optimisers: they take in the gradients of a batch, and move all parameters once a batch.

A weight matrix (m, n) has the gradient dzᵀ x. It comes as its two factors u and v, so that one call of BLAS,
C ← α uᵀ v + β C, multiplies and accumulates; what C, α and β are is what tells the optimisers apart.
The gradient of a vector is written by its layer to the place that the optimiser keeps for it.
The parameters lie one after another in one flat array, weights first, so that the rest of a step is a
few passes over that array however many layers there are. Weight decay is decoupled: weights (not biases)
shrink by 1 − η λ a step (Loshchilov & Hutter, ICLR 2019), which for plain gradient descent is the same
as the penalty λ/2 ‖W‖².
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.mnist.products import Array, accumulate, aligned, axpby, axpy

BLOCK = 65_536  # numbers a pass; four arrays of as many float32 fit a second-level cache


class Parameter:
    """An array that training changes, and the place for its gradient.

    The layer writes the gradient of a vector there. What stands there for a matrix is the optimiser's affair.
    """

    def __init__(self, value: Array, decays: bool = False) -> None:
        self.value = value
        self.decays = decays
        self.gradient: Array = np.empty(0)  # until an optimiser takes it on

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "gradient": np.empty(0)}


class Optimiser:
    """Moves `parameters`, whose values it lays out in one flat array.

    Parameters
    ----------
    parameters : sequence of Parameter
    learning_rate : float
        η; may be changed between batches.
    weight_decay : float
        λ.
    """

    def __init__(
        self, parameters: Sequence[Parameter], learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        self.parameters = sorted(parameters, key=lambda parameter: not parameter.decays)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        size = sum(p.value.size for p in parameters)
        self.gradients = aligned((size,), parameters[0].value.dtype)
        self._lay_out()

    def begin_batch(self) -> None:
        """One more step begins; `learning_rate` is set."""

    def step_product(self, parameter: Parameter, u: Array, v: Array) -> None:
        """Take in the gradient uᵀ v of `parameter` (p, q), for u (b, p) and v (b, q)."""
        raise NotImplementedError

    def end_batch(self) -> None:
        """All gradients of the batch are there."""
        raise NotImplementedError

    @property
    def shrinkage(self) -> float:
        """What a step leaves of the weights."""
        return 1 - self.learning_rate * self.weight_decay

    def _lay_out(self) -> None:
        self.values = aligned(self.gradients.shape, self.gradients.dtype)
        np.concatenate([p.value.reshape(-1) for p in self.parameters], out=self.values)
        self.n_decaying = sum(p.value.size for p in self.parameters if p.decays)
        begin = 0
        for p in self.parameters:
            place, shape = slice(begin, begin + p.value.size), p.value.shape
            p.value = self.values[place].reshape(shape)
            p.gradient = self.gradients[place].reshape(shape)
            begin = place.stop

    def __getstate__(self) -> dict[str, Any]:
        return {name: kept for name, kept in self.__dict__.items() if name != "values"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lay_out()  # copies of views share nothing: joined again


class SGD(Optimiser):
    """θ ← (1 − η λ) θ − η g: the product goes straight into the weights."""

    def step_product(self, parameter: Parameter, u: Array, v: Array) -> None:
        accumulate(-self.learning_rate, u, v, self.shrinkage, parameter.value)

    def end_batch(self) -> None:
        axpy(-self.learning_rate, self.gradients[self.n_decaying :], self.values[self.n_decaying :])


class Momentum(Optimiser):
    """v ← μ v − η g,  θ ← (1 − η λ) θ + v: the product goes straight into v, in the gradient's place."""

    def __init__(
        self, parameters: Sequence[Parameter], learning_rate: float, weight_decay: float, momentum: float
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.momentum = momentum
        self.of_vectors = np.zeros_like(self.gradients[self.n_decaying :])  # their v

    def step_product(self, parameter: Parameter, u: Array, v: Array) -> None:
        accumulate(-self.learning_rate, u, v, self.momentum, parameter.gradient)

    def end_batch(self) -> None:
        n = self.n_decaying
        if self.weight_decay:
            self.values[:n] *= self.shrinkage
        self.values[:n] += self.gradients[:n]
        self.of_vectors *= self.momentum
        axpy(-self.learning_rate, self.gradients[n:], self.of_vectors)
        self.values[n:] += self.of_vectors


class Adam(Optimiser):
    """m ← β₁ m + (1−β₁) g,  v ← β₂ v + (1−β₂) g²,  θ ← (1 − η λ) θ − η m̂ / √(v̂ + ε²).

    Kingma & Ba, ICLR 2015, algorithm 1. So that nothing need be multiplied by β₁ and β₂ at each step,
    which would cost a pass each, what is kept are sums that grow instead of fading: M = Σ g / β₁ˢ and
    V = Σ g² / β₂ˢ over the steps s, of which m̂ = a M and v̂ = k² V with a = (1−β₁) β₁ᵗ / (1−β₁ᵗ) and
    k² = (1−β₂) β₂ᵗ / (1−β₂ᵗ). Then m̂ / √v̂ = (a/k) M / √V.
    The paper adds ε to √v̂, another pass; here ε² / (1−β₂) joins V whenever V is scaled back, and fades
    like the rest of it: in the long run v̂ holds between ε² and 2 ε² more than the gradients gave it.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
    FLOOR = EPSILON**2 / (1 - BETA2)
    GROWTH1, GROWTH2 = 1e6, 2.0  # how far M and V may grow beyond what they stand for

    def __init__(
        self, parameters: Sequence[Parameter], learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.n_steps = 0
        self.M, self.V = (aligned(self.values.shape, self.values.dtype) for _ in range(2))
        self.V += self.FLOOR
        self.growth1 = self.growth2 = 1.0  # 1 / β₁ˢ and 1 / β₂ˢ, s counted from the last scaling back

    def begin_batch(self) -> None:
        self.n_steps += 1
        self.growth1 /= self.BETA1
        self.growth2 /= self.BETA2
        if self.growth1 > self.GROWTH1:
            self.M /= self.growth1
            self.growth1 = 1.0
        if self.growth2 > self.GROWTH2:
            self.V /= self.growth2
            self.V += self.FLOOR
            self.growth2 = 1.0

    def step_product(self, parameter: Parameter, u: Array, v: Array) -> None:
        accumulate(1.0, u, v, 0.0, parameter.gradient)

    def end_batch(self) -> None:
        a = (1 - self.BETA1) / (self.growth1 * (1 - self.BETA1**self.n_steps))
        k = ((1 - self.BETA2) / (self.growth2 * (1 - self.BETA2**self.n_steps))) ** 0.5
        factor = -self.learning_rate * a / k
        for g, M, V, (g_decaying, decaying), (g_rest, rest) in self._blocks:
            axpy(self.growth1, g, M)
            g *= g
            axpy(self.growth2, g, V)
            np.sqrt(V, out=g)
            np.divide(M, g, out=g)
            if decaying.size:
                axpby(factor, g_decaying, self.shrinkage, decaying)
            if rest.size:
                axpy(factor, g_rest, rest)

    @cached_property
    def _blocks(self) -> list[tuple[Any, ...]]:
        """Views of g, M and V, and of g and θ where weights decay and where they do not, in blocks."""
        blocks = []
        for begin in range(0, self.values.size, BLOCK):
            theta, g, M, V = (x[begin : begin + BLOCK] for x in (self.values, self.gradients, self.M, self.V))
            n = max(self.n_decaying - begin, 0)
            blocks.append((g, M, V, (g[:n], theta[:n]), (g[n:], theta[n:])))
        return blocks

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_blocks", None)
        return state
