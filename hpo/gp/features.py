"""Features of unit-cube points.

Notation
--------
X (n, d)  unit-cube points, NaN where a parameter is inactive
Z (n, p)  features, so that every squared distance is one matrix product
B (p, q)  what makes up the logarithm of each feature's length scale: B theta, see `Features.lengths`
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hpo.gp.kernels import Array
from hpo.gp.scales import warp, warp_slope

SMOOTH_CELLS = 12  # a numeric column with more cells than this is as good as continuous
FEWEST_ALIKE = 3  # columns with the same choices, and choices of theirs, that are worth counting


@dataclass(frozen=True)
class Features:
    """Map from unit-cube points to features.

    A number is its own feature, on the scale of its column (hpo.gp.scales); a conditional number is
    (0, 0) when inactive and (x - 1/2, 1/2) when active; a categorical is a one-hot vector over sqrt(2),
    which makes the squared distance of two different choices 1 (Hamming).

    Where several categoricals offer the same choices, as the layers of a network or the edges of a cell
    do, how often each choice occurs is often most of what there is to know (the histogram of operations
    in Ru et al., ICLR 2021, arXiv 2006.07556). The sums of their one-hot vectors are features as well,
    with a length scale of their own; and how much a choice differs from the others is learned from all
    places where it may stand. Two flags that happen to be both yes or no are not counted.

    Attributes
    ----------
    n_cells : (d,) array
        Distinct values of each column, inf where continuous. Constant columns get no feature.
    is_categorical, is_conditional : (d,) bool arrays
    alike : tuple of tuples of int
        Categorical columns that offer the same choices.
    scales : tuple of float
        Scale of each column; empty where all are as given.
    """

    n_cells: Array
    is_categorical: NDArray[np.bool_]
    is_conditional: NDArray[np.bool_]
    alike: tuple[tuple[int, ...], ...] = ()
    scales: tuple[float, ...] = ()

    @property
    def is_fine(self) -> NDArray[np.bool_]:
        """Numeric columns that are as good as continuous, (d,)."""
        return ~self.is_categorical & (self.n_cells > SMOOTH_CELLS)

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """Column that each length scale belongs to; those of counts, which belong to several, come after."""
        return np.flatnonzero(self._widths)

    @property
    def n_lengths(self) -> int:
        """Number of length scales and of offsets to them, q."""
        return int(self.lengths.shape[1])

    @property
    def n_offsets(self) -> int:
        """How many of them, the last ones, are offsets of choices."""
        return sum(int(self._widths[alike[0]]) for alike in self._counted)

    @cached_property
    def lengths(self) -> Array:
        """The parts of which the logarithm of each feature's length scale is the sum, (p, q) of 0 and 1.

        The length scale of its column, or that of counts; and, where columns are alike, the offset of its
        choice, which is the same in all of them and where it is counted.
        """
        m = [int(self._widths[alike[0]]) for alike in self._counted]
        scale = np.concatenate([self._owners, len(self.columns) + np.repeat(np.arange(len(m)), m)])
        offset = np.full(len(scale), -1)
        offset[len(self._owners) :] = np.arange(sum(m))
        for alike, first in zip(self._counted, np.cumsum([0, *m])):
            mine = np.isin(self._source, alike)
            offset[: len(self._owners)][mine] = first + self._places[mine]
        n_scales = len(self.columns) + len(m)
        parts = [np.equal.outer(scale, np.arange(n_scales)), np.equal.outer(offset, np.arange(sum(m)))]
        return np.hstack(parts).astype(np.float64)

    @property
    def is_unconditional(self) -> NDArray[np.bool_]:
        """Which columns with a length scale every configuration has, in the order of `columns`."""
        found: NDArray[np.bool_] = ~self.is_conditional[self.columns]
        return found

    def most_active(self, X: Array) -> int:
        """How many columns with a length scale are active in the point that has the most of them."""
        return int((~np.isnan(X[:, self.columns])).sum(1).max())

    def __call__(self, X: Array) -> Array:
        """Features of points, (n, p)."""
        Z = self._of_columns(self._scaled(X))
        return np.hstack([Z, Z @ self._sums]) if self._counted else Z

    def _scaled(self, X: Array) -> Array:
        """Points with every column on its scale."""
        if self._rescaled:
            X = X.copy()
        for j, c in self._rescaled:
            X[:, j] = warp(X[:, j], c)
        return X

    def _of_columns(self, X: Array) -> Array:
        """Features of single columns."""
        if self._is_plain:
            return np.ascontiguousarray(X[:, self.columns])
        inactive = np.isnan(X)
        Z = np.zeros((len(X), len(self._owners)))
        numeric, columns = self._numbers
        Z[:, numeric] = np.where(inactive[:, columns], 0.0, X[:, columns] - self._offset)
        flags, columns = self._flags
        Z[:, flags] = np.where(inactive[:, columns], 0.0, 0.5)
        first, columns = self._names
        row, name = np.nonzero(~inactive[:, columns])
        m = self.n_cells[columns][name]
        choice = np.minimum(np.floor(X[row, columns[name]] * m), m - 1.0)
        Z[row, first[name] + choice.astype(np.int64)] = 1.0 / np.sqrt(2.0)
        return Z

    def pull_back(self, gradient: Array, X: Array) -> Array:
        """Gradient by X from the one by its features; 0 for categoricals and inactive numbers, (n, d)."""
        out = np.zeros(X.shape)
        numeric = ~self.is_categorical[self.columns]
        out[:, self.columns[numeric]] = gradient[:, self._starts[numeric]]
        for j, c in self._rescaled:
            out[:, j] *= np.where(np.isnan(X[:, j]), 0.0, warp_slope(X[:, j], c))
        return out

    @cached_property
    def _rescaled(self) -> list[tuple[int, float]]:
        """Columns on another scale than given, and that scale."""
        return [(j, c) for j, c in enumerate(self.scales) if c]

    @cached_property
    def _widths(self) -> NDArray[np.int64]:
        """Number of features of each column, (d,)."""
        varies = (self.n_cells > 1) | self.is_conditional
        m = np.where(self.is_categorical, self.n_cells, 1.0 + self.is_conditional)
        return np.where(varies, m, 0.0).astype(np.int64)

    @cached_property
    def _counted(self) -> list[tuple[int, ...]]:
        """Those of `alike` that are worth counting."""
        return [alike for alike in self.alike if min(len(alike), self.n_cells[alike[0]]) >= FEWEST_ALIKE]

    @cached_property
    def _sums(self) -> Array:
        """Matrix that adds up the one-hot vectors of columns that are alike."""
        blocks = [
            np.isin(self._source, alike)[:, None]
            * np.equal.outer(self._places, np.arange(self._widths[alike[0]]))
            for alike in self._counted
        ]
        return np.hstack(blocks).astype(np.float64)

    @cached_property
    def _owners(self) -> NDArray[np.int64]:
        """Length scale of each feature of a single column."""
        return np.repeat(np.arange(len(self.columns)), self._widths[self.columns])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """First feature of each column's length scale."""
        return np.searchsorted(self._owners, np.arange(len(self.columns)))

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Place of each feature of a single column among those of that column."""
        return np.arange(len(self._owners)) - self._starts[self._owners]

    @cached_property
    def _source(self) -> NDArray[np.int64]:
        """Column that each feature of a single column comes from."""
        return self.columns[self._owners]

    @cached_property
    def _is_plain(self) -> bool:
        return not (self.is_categorical | self.is_conditional)[self.columns].any()

    @cached_property
    def _offset(self) -> Array:
        """What is taken from each number."""
        return np.where(self.is_conditional, 0.5, 0.0)[self._numbers[1]]

    @cached_property
    def _numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Features that hold a number, and their columns."""
        return self._firsts(~self.is_categorical)

    @cached_property
    def _flags(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Features that say whether a conditional number is active, and their columns."""
        first, columns = self._firsts(self.is_conditional & ~self.is_categorical)
        return first + 1, columns

    @cached_property
    def _names(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First feature of each one-hot vector, and its column."""
        return self._firsts(self.is_categorical)

    def _firsts(self, which: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First feature of each of these columns, as far as they have any, and the columns."""
        chosen = which[self.columns]
        return self._starts[chosen], self.columns[chosen]
