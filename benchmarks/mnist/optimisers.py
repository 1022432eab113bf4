"""Optimisers: each takes the gradient of one parameter at a time and moves that parameter.

A weight matrix W (n, m) has the gradient xᵀ dz. It is given as its two factors, so that BLAS can add
the product straight into the weights (C ← α A B + β C) without a pass of its own. Weight decay is
decoupled: W shrinks by 1 − η λ a step (Loshchilov & Hutter, ICLR 2019), which for plain gradient descent
is the same as the penalty λ/2 ‖W‖².
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm, sgemm

Array = NDArray[Any]


class Parameter:
    """An array that training changes, with the optimiser's memory of it."""

    def __init__(self, value: Array, decays: bool = False) -> None:
        self.value = value
        self.decays = decays
        self.memory: dict[str, Array] = {}

    def remembered(self, name: str) -> Array:
        """Array of the value's shape, zeros at first."""
        if name not in self.memory:
            self.memory[name] = np.zeros_like(self.value)
        return self.memory[name]


class Optimiser(Protocol):
    """What a layer needs of an optimiser."""

    learning_rate: float

    def begin_batch(self) -> None:
        """One more step begins; `learning_rate` is set."""

    def step(self, parameter: Parameter, gradient: Array) -> None:
        """Move along `gradient`, which may be overwritten."""

    def step_product(self, parameter: Parameter, x: Array, dz: Array) -> None:
        """Move along the gradient xᵀ dz."""


class SGD:
    """v ← μ v − η g,  θ ← (1 − η λ) θ + v  (with momentum μ; without, the product goes straight into θ)."""

    def __init__(self, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay

    def begin_batch(self) -> None:
        """Nothing to count."""

    def step(self, parameter: Parameter, gradient: Array) -> None:
        gradient *= -self.learning_rate
        if not self.momentum:
            self._shrink(parameter)
            parameter.value += gradient
            return
        velocity = parameter.remembered("velocity")
        velocity *= self.momentum
        velocity += gradient
        self._shrink(parameter)
        parameter.value += velocity

    def step_product(self, parameter: Parameter, x: Array, dz: Array) -> None:
        if not self.momentum:
            accumulate(-self.learning_rate, x, dz, self._shrinkage(parameter), parameter.value)
            return
        velocity = parameter.remembered("velocity")
        accumulate(-self.learning_rate, x, dz, self.momentum, velocity)
        self._shrink(parameter)
        parameter.value += velocity

    def _shrinkage(self, parameter: Parameter) -> float:
        return 1 - self.learning_rate * self.weight_decay if parameter.decays else 1.0

    def _shrink(self, parameter: Parameter) -> None:
        factor = self._shrinkage(parameter)
        if factor != 1:
            parameter.value *= factor


class Adam:
    """m ← β₁ m + (1−β₁) g,  v ← β₂ v + (1−β₂) g²,  θ ← (1 − η λ) θ − η m̂ / (√v̂ + ε).

    Kingma & Ba, ICLR 2015, algorithm 1. What is kept are the plain sums M = m / (1−β₁) and
    V = v / (1−β₂), so that with k² = (1−β₂) / (1−β₂ᵗ), the factor of v̂ in V,
    η m̂ / (√v̂ + ε) = η (1−β₁) / ((1−β₁ᵗ) k) · M / (√V + ε/k): all constants are in one factor.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self._n_steps = 0

    def begin_batch(self) -> None:
        self._n_steps += 1
        k = ((1 - self.BETA2) / (1 - self.BETA2**self._n_steps)) ** 0.5
        self._epsilon = self.EPSILON / k
        self._factor = self.learning_rate * (1 - self.BETA1) / ((1 - self.BETA1**self._n_steps) * k)

    def step(self, parameter: Parameter, gradient: Array) -> None:
        M, V = parameter.remembered("M"), parameter.remembered("V")
        M *= self.BETA1
        M += gradient
        np.multiply(gradient, gradient, out=gradient)
        V *= self.BETA2
        V += gradient
        np.sqrt(V, out=gradient)
        gradient += self._epsilon
        np.divide(M, gradient, out=gradient)
        gradient *= self._factor
        if parameter.decays and self.weight_decay:
            parameter.value *= 1 - self.learning_rate * self.weight_decay
        parameter.value -= gradient

    def step_product(self, parameter: Parameter, x: Array, dz: Array) -> None:
        gradient = parameter.remembered("gradient")
        accumulate(1.0, x, dz, 0.0, gradient)
        self.step(parameter, gradient)


def accumulate(alpha: float, x: Array, dz: Array, beta: float, target: Array) -> None:
    """target ← alpha xᵀ dz + beta target, in one call of BLAS, for row-major x (b, n), dz (b, m)."""
    gemm = sgemm if target.dtype == np.float32 else dgemm
    # The transposes of row-major arrays are what BLAS calls column-major: nothing is copied.
    gemm(alpha, dz.T, x.T, beta, target.T, trans_b=True, overwrite_c=True)
