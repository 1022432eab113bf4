"""The layers of the networks: each is ``forward``, ``backward`` and its parameters.

Notation: b digits in a batch, n inputs and m outputs of a layer, L the mean loss over the batch.
A layer is given x and returns z = f(x); later it is given dz = ∂L/∂z, gives the gradients of its
parameters to the optimiser and returns dx = ∂L/∂x. Buffers are made once and reused, so what a layer
returns is valid until its next call. It belongs to the layer that it is handed to, which may overwrite
it: a layer keeps nothing that it has returned. ``backward`` follows a training ``forward``.
"""

import math
from typing import Any

import numpy as np

from benchmarks.mnist.optimisers import Optimiser, Parameter
from benchmarks.mnist.products import (
    Array,
    add_to_rows,
    affine,
    aligned,
    are_multiplied_whole,
    axpby,
    axpy,
    constant,
    largest,
)

Shape = tuple[int, ...]
DRAWN = 16_384  # numbers of a mask at a time


class Layer:
    """What all layers share: a place for buffers. By itself it is the identity."""

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        """Make the parameters for inputs of `shape` (without the batch axis); return the output's shape."""
        self._buffers: dict[str, tuple[Array, Array]] = {}
        self._dtype = np.dtype(dtype)
        return shape

    @property
    def parameters(self) -> list[Parameter]:
        """What the optimiser changes."""
        return []

    def forward(self, x: Array, training: bool) -> Array:
        """Return f(x), shape (b, ...)."""
        return x

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        """Give the gradients of matrices to `optimiser`, write those of vectors; return ∂L/∂x if needed."""
        return dz

    def buffer(self, name: str, shape: Shape, dtype: Any = None) -> Array:
        """Reusable array; a smaller batch takes the beginning of what was made for a larger one."""
        flat, view = self._buffers.get(name, (None, None))
        if view is None or view.shape != shape:
            size = math.prod(shape)
            if flat is None or flat.size < size:
                flat = aligned((size,), dtype or self._dtype)
            view = flat[:size].reshape(shape)
            self._buffers[name] = flat, view
        return view

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_buffers": {}}


class Dense(Layer):
    """z = x Wᵀ + 1 βᵀ, with x (b, n), W (m, n), β (m,).

    dx = dz W,  ∂L/∂W = dzᵀ x,  ∂L/∂β = Σ over the batch of dz. W begins at N(0, 2/n) (He et al.,
    "Delving deep into rectifiers", ICCV 2015, eq. 10), β at 0. Before a batch normalisation, which
    has a shift of its own, β would be in vain: ``bias=False``. Weights that are not multiplied in pieces
    are kept as Wᵀ: if BLAS multiplies the whole, it is a tenth to a third quicker with that.
    """

    def __init__(self, n_outputs: int, bias: bool = True) -> None:
        self.n_outputs = n_outputs
        self.has_bias = bias

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        (n,) = shape
        weight = rng.standard_normal((self.n_outputs, n), dtype=dtype)
        weight *= np.sqrt(2 / n)
        self.is_transposed = are_multiplied_whole(self.n_outputs)
        self.weight = Parameter(np.ascontiguousarray(weight.T) if self.is_transposed else weight, decays=True)
        self.bias = Parameter(np.zeros(self.n_outputs, dtype))
        return (self.n_outputs,)

    @property
    def W(self) -> Array:
        """The weights as they stand in the equations, (m, n)."""
        return self.weight.value.T if self.is_transposed else self.weight.value

    @property
    def parameters(self) -> list[Parameter]:
        return [self.weight, self.bias] if self.has_bias else [self.weight]

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x if training else None
        bias = self.bias.value if self.has_bias else None
        return affine(x, self.W, bias, self.buffer("z", (len(x), self.n_outputs)))

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        assert self._x is not None
        dx = None
        if needs_dx:  # before the weights move
            dx = np.dot(dz, self.W, out=self.buffer("dx", self._x.shape))
        optimiser.step_product(self.weight, *((self._x, dz) if self.is_transposed else (dz, self._x)))
        if self.has_bias:
            column_sums(dz, out=self.bias.gradient)
        return dx

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_x": None}


class ReLU(Layer):
    """z = max(x, 0), in place;  dx = dz where z > 0, else 0."""

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        self._zeros = np.zeros(0, dtype)
        return super().build(shape, rng, dtype)

    def forward(self, x: Array, training: bool) -> Array:
        if self._zeros.shape != x.shape:
            self._zeros = np.zeros_like(x)  # NumPy is three times as quick with an array as with a number
        if training:
            self._is_on = np.greater(x, self._zeros, out=self.buffer("is_on", x.shape, bool))
        return np.maximum(x, self._zeros, out=x)

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        dz *= self._is_on
        return dz

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_is_on": None, "_zeros": self._zeros[:0]}


class Dropout(Layer):
    """z = x ∘ r, each r drawn 1 / (1 − p) with probability 1 − p, else 0;  dx = dz ∘ r.  z = x to predict.

    "Inverted" scaling, so that prediction needs none (Srivastava et al., JMLR 15, 2014, section 10).
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        self._rng = rng
        self._threshold = round(self.rate * 65536)
        self._scale = np.dtype(dtype).type(1 / (1 - self.rate))
        self._drawn: list[Array] = []
        return super().build(shape, rng, dtype)

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            if not self._drawn or self._drawn[-1].shape != x.shape:
                self._draw(x.shape)
            self._r = self._drawn.pop()
            x *= self._r
        return x

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        dz *= self._r
        return dz

    def _draw(self, shape: Shape) -> None:
        """Draw r for as many batches of `shape` as a cache holds: for small ones the calls cost the most."""
        size = math.prod(shape)
        shape = (max(DRAWN // size, 1), *shape)
        size = math.prod(shape)
        # 16 random bits decide well enough between kept and dropped, and cost a fifth of a float.
        bits = self._rng.bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size]
        r = self.buffer("r", shape)
        np.copyto(r, np.greater_equal(bits.reshape(shape), self._threshold))
        r *= self._scale
        self._drawn = list(r)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_r": None}  # what is drawn already, a copy uses as well


class BatchNorm(Layer):
    """z = γ ∘ x̂ + β with x̂ = (x − μ) / σ, μ and σ² of the batch.

    dx = γ/σ ∘ (dz − mean(dz) − x̂ ∘ mean(dz ∘ x̂)),  ∂L/∂γ = Σ dz ∘ x̂,  ∂L/∂β = Σ dz
    (Ioffe & Szegedy, ICML 2015, algorithm 1 and section 3). Prediction uses running means of μ and σ².
    In between only x − μ is kept: dividing factors (m,) by σ is quicker than dividing x − μ (b, m).
    """

    MOMENTUM = 0.9
    EPSILON = 1e-5

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        self.gamma = Parameter(np.ones(shape, dtype))
        self.beta = Parameter(np.zeros(shape, dtype))
        self.running = np.stack([np.zeros(shape, dtype), np.ones(shape, dtype)])  # of μ and of σ²
        self._batch = np.empty_like(self.running)  # the same of the batch
        self._epsilon = np.full(shape, self.EPSILON, dtype)
        return shape

    @property
    def parameters(self) -> list[Parameter]:
        return [self.gamma, self.beta]

    def forward(self, x: Array, training: bool) -> Array:
        z = self.buffer("z", x.shape)
        if not training:
            mean, variance = self.running
            scale = self.gamma.value / np.sqrt(variance + self.EPSILON)
            np.multiply(x, scale, out=z)
            z += self.beta.value - mean * scale
            return z
        batch = self._batch
        add_to_rows(-1.0, column_means(x, out=batch[0]), x)
        column_means(np.multiply(x, x, out=z), out=batch[1])
        self._centred, self._sigma = x, np.sqrt(batch[1] + self._epsilon)
        self._scale = self.gamma.value / self._sigma
        np.multiply(x, self._scale, out=z)
        add_to_rows(1.0, self.beta.value, z)
        axpby(1 - self.MOMENTUM, batch.reshape(-1), self.MOMENTUM, self.running.reshape(-1))
        return z

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        centred, sigma, by = self._centred, self._sigma, -1 / len(dz)
        assert centred is not None
        product = np.multiply(dz, centred, out=self.buffer("z", dz.shape))  # z is not needed any more
        dgamma = np.divide(column_sums(product), sigma, out=self.gamma.gradient)
        dbeta = column_sums(dz, out=self.beta.gradient)
        centred *= dgamma / sigma  # nor is this
        axpy(by, centred.reshape(-1), dz.reshape(-1))
        add_to_rows(by, dbeta, dz)
        dz *= self._scale
        return dz

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_centred": None}


def column_sums(x: Array, out: Array | None = None) -> Array:
    """Σ over the batch, (m,): a product with ones, which BLAS does faster than a sum down the columns."""
    sums: Array = np.dot(constant(1.0, len(x), x.dtype), x, out=out)
    return sums


def column_means(x: Array, out: Array) -> Array:
    """Mean over the batch, (m,), into `out`."""
    return np.dot(constant(1 / len(x), len(x), x.dtype), x, out=out)


def cross_entropy(z: Array, target: Array) -> tuple[float, Array]:
    """Mean loss L of scores z (b, k), and ∂L/∂z in the place of z.

    `target` (b, k) holds 1 / b at the class y of each row, else 0. L = mean over rows of
    log Σ exp(z) − z[y], and ∂L/∂z = softmax(z) / b − target. Neither changes if each row is shifted by its
    maximum, which is done if exp(z) could overflow or underflow.
    """
    b, k = z.shape
    if not largest(z) < 70:
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
    of_targets = np.vdot(z, target)
    np.exp(z, out=z)
    sums = np.dot(z, constant(b, k, z.dtype))  # of b exp(z)
    loss = float(np.dot(np.log(sums), constant(1 / b, b, z.dtype)) - of_targets) - math.log(b)
    z /= sums[:, None]
    z -= target
    return loss, z


def log_softmax(z: Array) -> Array:
    """Turn scores (b, k) into log probabilities in place, row by row: z − max − log Σ exp(z − max)."""
    z -= np.maximum.reduce(z, axis=1, keepdims=True)
    z -= np.log(np.dot(np.exp(z), constant(1.0, z.shape[1], z.dtype)))[:, None]
    return z
