"""Features of unit-cube points, and the Matérn-5/2 kernel on them.

Notation
--------
X (n, d)  unit-cube points, NaN where a parameter is inactive
Z (n, p)  features, so that every squared distance is one matrix product
g (p,)    the length scale that each feature uses; a parameter's features share one
w (p,)    1 / (length scale)^2 of each feature
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SQRT5 = np.sqrt(5.0)


@dataclass(frozen=True)
class Features:
    """Map from unit-cube points to features.

    A number is its own feature; a conditional number is (0, 0) when inactive and (x - 1/2, 1/2)
    when active; a categorical is a one-hot vector over sqrt(2), which makes the squared distance
    of two different choices 1 (Hamming).

    Attributes
    ----------
    n_cells : (d,) array
        Distinct values of each column, inf where continuous. Constant columns get no feature.
    is_categorical, is_conditional : (d,) bool arrays
    """

    n_cells: Array
    is_categorical: NDArray[np.bool_]
    is_conditional: NDArray[np.bool_]

    @property
    def groups(self) -> NDArray[np.int64]:
        """Length scale of each feature, (p,)."""
        widths = [self._width(j) for j in range(len(self.n_cells))]
        used = [w for w in widths if w]
        return np.repeat(np.arange(len(used)), used)

    @property
    def columns(self) -> NDArray[np.int64]:
        """Column that each length scale belongs to, (number of length scales,)."""
        return np.flatnonzero([self._width(j) for j in range(len(self.n_cells))])

    def __call__(self, X: Array) -> Array:
        """Features of points, (n, p)."""
        blocks = [self._block(j, X[:, j]) for j in range(X.shape[1]) if self._width(j)]
        return np.hstack(blocks) if blocks else np.zeros((len(X), 0))

    def pull_back(self, gradient: Array) -> Array:
        """Gradient with respect to X from the one with respect to Z; 0 for categoricals, (n, d)."""
        out = np.zeros((len(gradient), len(self.n_cells)))
        start = 0
        for j in range(len(self.n_cells)):
            width = self._width(j)
            if width and not self.is_categorical[j]:
                out[:, j] = gradient[:, start]
            start += width
        return out

    def _width(self, j: int) -> int:
        if self.is_categorical[j]:
            return int(self.n_cells[j]) if self.n_cells[j] > 1 or self.is_conditional[j] else 0
        if self.is_conditional[j]:
            return 2
        return int(self.n_cells[j] > 1)

    def _block(self, j: int, x: Array) -> Array:
        active = ~np.isnan(x)
        filled = np.where(active, x, 0.5)
        if self.is_categorical[j]:
            m = int(self.n_cells[j])
            cell = np.minimum((filled * m).astype(np.int64), m - 1)
            one_hot: Array = (cell[:, None] == np.arange(m)) * active[:, None] / np.sqrt(2.0)
            return one_hot
        if self.is_conditional[j]:
            return np.column_stack([filled - 0.5, 0.5 * active])
        return filled[:, None]


def squared_distance(Z1: Array, Z2: Array, w: Array) -> Array:
    """Weighted squared distances between rows, (n1, n2); rounding below zero is clipped."""
    A = Z1 * w
    r2 = (A * Z1).sum(1)[:, None] + (Z2 * Z2 * w).sum(1)[None, :] - 2.0 * A @ Z2.T
    clipped: Array = np.maximum(r2, 0.0)
    return clipped


def matern52(r2: Array) -> tuple[Array, Array]:
    """Matérn-5/2 correlation of squared distances, and its derivative by them.

    k = (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)    (Rasmussen & Williams 2006, eq. 4.17)
    dk / d(r^2) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r), finite at r = 0
    """
    s = SQRT5 * np.sqrt(r2)
    e = np.exp(-s)
    return (1.0 + s + (5.0 / 3.0) * r2) * e, (-5.0 / 6.0) * (1.0 + s) * e
