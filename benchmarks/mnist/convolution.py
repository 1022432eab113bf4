"""The layers for images: convolution, max-pooling, and the ways between rows and images.

Images are (b, height, width, channels): the channels of a pixel lie together, so that a convolution is
one matrix product over patches (Chellapilla, Puri & Simard, 2006). See `layers` for the notation.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.mnist.layers import Array, Dense, Layer, Shape
from benchmarks.mnist.optimisers import Optimiser


class Reshape(Layer):
    """The same numbers in another shape: rows to images and back."""

    def __init__(self, shape: Shape = (-1,)) -> None:
        self.shape = shape

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        self._shape_in = shape
        return np.empty(shape, bool).reshape(self.shape).shape

    def forward(self, x: Array, training: bool) -> Array:
        return x.reshape(len(x), *self.shape)

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        return dz.reshape(len(dz), *self._shape_in)


class Convolution(Layer):
    """z[i, j] = Σ over u, v of x[i + u, j + v] W[u, v] + β, without padding: (h, w, c) to (h−k+1, w−k+1, m).

    With the k × k × c patches as the rows of a matrix P (b (h−k+1) (w−k+1), k² c), this is the dense layer
    z = P W + 1 βᵀ with W (k² c, m). Backward, that layer gives dP = dz Wᵀ, of the shape of P, and
    dx[i, j] = Σ over u, v of dP[i − u, j − v, u, v]: what a pixel got from all patches that hold it.
    """

    def __init__(self, n_filters: int, kernel_size: int) -> None:
        self.kernel_size = kernel_size
        self.dense = Dense(n_filters)

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        height, width, channels = shape
        k = self.kernel_size
        if k > min(height, width):
            raise ValueError(f"kernel_size={k}: the image is only {height} x {width}")
        (n_filters,) = self.dense.build((k * k * channels,), rng, dtype)
        return (height - k + 1, width - k + 1, n_filters)

    @property
    def parameters(self) -> list[Any]:
        return self.dense.parameters

    def forward(self, x: Array, training: bool) -> Array:
        k = self.kernel_size
        b, height, width, channels = self._shape = x.shape
        windows = sliding_window_view(x, (k, k), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        patches = self.buffer("patches", windows.shape)
        patches[...] = windows
        z = self.dense.forward(patches.reshape(-1, k * k * channels), training)
        return z.reshape(b, height - k + 1, width - k + 1, -1)

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        b, h, w, m = dz.shape
        k = self.kernel_size
        d_patches = self.dense.backward(dz.reshape(-1, m), optimiser, needs_dx)
        if d_patches is None:
            return None
        d_patches = d_patches.reshape(b, h, w, k, k, -1)
        dx = self.buffer("dx", self._shape)
        dx[...] = 0
        for u in range(k):
            for v in range(k):
                dx[:, u : u + h, v : v + w] += d_patches[:, :, :, u, v]
        return dx


class MaxPooling(Layer):
    """z = the greatest of each 2 × 2 pixels; dx = dz at the first pixel that is the greatest, else 0.

    An odd last row or column is left out.
    """

    def build(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Shape:
        super().build(shape, rng, dtype)
        height, width, channels = shape
        return (height // 2, width // 2, channels)

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x
        first, *others = self._quarters(x)
        z = self.buffer("z", first.shape)
        z[...] = first
        for other in others:
            np.maximum(z, other, out=z)
        self._z = z
        return z

    def backward(self, dz: Array, optimiser: Optimiser, needs_dx: bool = True) -> Array | None:
        assert self._x is not None
        assert self._z is not None
        dx = self.buffer("dx", self._x.shape)
        dx[...] = 0
        is_open = self.buffer("is_open", dz.shape, bool)
        is_open[...] = True
        for source, target in zip(self._quarters(self._x), self._quarters(dx)):
            is_greatest = (source == self._z) & is_open
            np.multiply(dz, is_greatest, out=target)
            is_open ^= is_greatest
        return dx

    def _quarters(self, x: Array) -> list[Array]:
        h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
        return [x[:, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_x": None, "_z": None}
