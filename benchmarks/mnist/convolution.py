"""The layers for images: convolution, max-pooling, and the ways between rows and images.

Images are (channels, height, width, b): the batch comes last, so that whatever is done to a pixel is done
to a run of numbers that lie together. A shape without its batch is (c, h, w). See `layers` for the notation.
"""

from math import isqrt
from typing import Any

import numpy as np

from benchmarks.mnist.layers import Layer, Shape
from benchmarks.mnist.optimisers import Optimiser, Parameter
from benchmarks.mnist.products import Array, constant


class ToImages(Layer):
    """Rows (b, h²) of square images of one channel, to (1, h, h, b)."""

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        side = isqrt(shape[0])
        return (1, side, side)

    def forward(self, x: Array, training: bool) -> Array:
        side = isqrt(x.shape[1])
        z = self.buffer("z", (x.shape[1], len(x)))
        z[...] = x.T
        return z.reshape(1, side, side, len(x))


class ToRows(Layer):
    """Images (c, h, w, b) to rows (b, c h w)."""

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        self._shape = shape
        return (int(np.prod(shape)),)

    def forward(self, x: Array, training: bool) -> Array:
        rows = x.reshape(-1, x.shape[-1]).T
        z = self.buffer("z", rows.shape)
        z[...] = rows
        return z

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        dx = self.buffer("dx", dz.shape[::-1])
        dx[...] = dz.T
        return dx.reshape(*self._shape, len(dz))


class Convolution(Layer):
    """z[m, i, j] = Σ over u, v, c of W[m, u, v, c] x[c, i + u, j + v] + β[m]: (c, h, w) to (m, h−k+1, w−k+1).

    Let P (k² c, h' w' b) have a row for each (u, v, c): channel c of all images, moved by (u, v). With W
    as (m, k² c) and z as (m, h' w' b), the convolution is one matrix product, z = W P + β 1ᵀ (Chellapilla,
    Puri & Simard, 2006). Hence ∂L/∂W = dz Pᵀ, ∂L/∂β = dz 1, and dP = Wᵀ dz, of which each row is moved
    back and added to dx. W begins as that of `Dense`.
    """

    def __init__(self, n_filters: int, kernel_size: int) -> None:
        self.n_filters = n_filters
        self.kernel_size = kernel_size

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        c, height, width = shape
        k = self.kernel_size
        weight = rng.standard_normal((self.n_filters, k * k * c), dtype=dtype)
        weight *= np.sqrt(2 / (k * k * c))
        self.weight = Parameter(weight, decays=True)
        self.bias = Parameter(np.zeros(self.n_filters, dtype))
        return (self.n_filters, height - k + 1, width - k + 1)

    @property
    def parameters(self) -> list[Parameter]:
        return [self.weight, self.bias]

    def forward(self, x: Array, training: bool) -> Array:
        (c, height, width, b), k, m = x.shape, self.kernel_size, self.n_filters
        h, w = height - k + 1, width - k + 1
        P = self.buffer("P", (k, k, c, h, w, b))
        for u in range(k):
            for v in range(k):
                P[u, v] = x[:, u : u + h, v : v + w]
        self._P, self._x_shape = P.reshape(k * k * c, h * w * b), x.shape
        z: Array = np.dot(self.weight.value, self._P, out=self.buffer("z", (m, h * w * b)))
        z += self.bias.value[:, None]
        return z.reshape(m, h, w, b)

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        assert self._P is not None
        m, h, w, _ = dz.shape
        flat = dz.reshape(m, -1)
        dx = self._moved_back(flat, h, w) if needs_dx else None  # before the weights move
        optimiser.step_product(self.weight, flat.T, self._P.T)
        np.dot(flat, constant(1.0, flat.shape[1], flat.dtype), out=self.bias.gradient)
        return dx

    def _moved_back(self, dz: Array, h: int, w: int) -> Array:
        (c, _, _, b), k = self._x_shape, self.kernel_size
        dP = np.dot(self.weight.value.T, dz, out=self.buffer("dP", (k * k * c, h * w * b)))
        dP = dP.reshape(k, k, c, h, w, b)
        dx = self.buffer("dx", self._x_shape)
        dx[...] = 0
        for u in range(k):
            for v in range(k):
                dx[:, u : u + h, v : v + w] += dP[u, v]
        return dx

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_P": None}


class MaxPooling(Layer):
    """z = the greatest of each 2 × 2 pixels; dx = dz at the first pixel that is the greatest, else 0.

    An odd last row or column is left out.
    """

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        c, height, width = shape
        return (c, height // 2, width // 2)

    def forward(self, x: Array, training: bool) -> Array:
        first, *others = quarters = self._quarters(x)
        z = self.buffer("z", first.shape)
        z[...] = first
        for other in others:
            np.maximum(z, other, out=z)
        if training:
            self._shape = x.shape
            self._is_first_greatest = self.buffer("is_first_greatest", (4, *z.shape), bool)
            is_open = self.buffer("is_open", z.shape, bool)
            is_open[...] = True
            for quarter, is_first_greatest in zip(quarters, self._is_first_greatest):
                np.equal(quarter, z, out=is_first_greatest)
                is_first_greatest &= is_open
                is_open ^= is_first_greatest
        return z

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        assert self._is_first_greatest is not None
        dx = self.buffer("dx", self._shape)
        dx[...] = 0
        for is_first_greatest, target in zip(self._is_first_greatest, self._quarters(dx)):
            np.multiply(dz, is_first_greatest, out=target)
        return dx

    def _quarters(self, x: Array) -> list[Array]:
        h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
        return [x[:, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_is_first_greatest": None}
