"""Grid search: the full factorial, in an order in which every beginning covers the whole space.

The grid is never listed. Position p has mixed-radix digits a_1, a_2, ... (a_1 fastest, for the
axis with most levels); axis j then takes level c_j1 a_1 + ... + c_jj a_j modulo m_j.
The matrix is triangular, so this is a permutation of the grid, and since every c is coprime to m_j
all axes move at every step: the idea of digital nets (Faure 1982), for any number of levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpo.checks import whole
from hpo.searchers.base import Searcher, SearchSpaceExhausted
from hpo.searchers.untried import is_tried
from hpo.space import Float, Int, Space
from hpo.trial import Array, History, Suggestion

RESOLUTION = 5  # levels of a parameter that a mapping does not name
GOLDEN = (math.sqrt(5) - 1) / 2
MAX_LEVELS = 2**53  # choices are never thinned out
MAX_SKIPPED = 1_000_000  # forbidden or repeated grid points in a row before the grid counts as done
MAX_BLOCK = 1024  # points that are looked at together


@dataclass(frozen=True)
class GridSearcher(Searcher):
    """Tries every combination of levels once.

    Parameters
    ----------
    resolution : int or mapping of str to int
        Levels of each `Float` and `Int`, spread evenly on the parameter's scale, both ends
        included; a parameter with no more values than that uses all of them. In a mapping,
        parameters that are not named have 5. `Ordinal` and `Categorical` use every choice.

    Raises
    ------
    ValueError
        If a resolution is less than 1 or names a parameter that the space does not have.
    """

    name: ClassVar[str] = "grid"
    resolution: int | Mapping[str, int] = RESOLUTION

    def __post_init__(self) -> None:
        plain: int | Mapping[str, int]
        if isinstance(self.resolution, Mapping):
            plain = {name: whole(f"resolution: {name!r}", n, 1) for name, n in self.resolution.items()}
        else:
            plain = whole("resolution", self.resolution, 1)
        object.__setattr__(self, "resolution", plain)

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`. The order needs no randomness."""
        grid = _Grid(self._levels(space))
        start = _next_position(history, grid.m)
        end, n = min(grid.size, start + MAX_SKIPPED), 1
        tried: set[bytes] = set()
        while start < end:
            U = space.snap(grid.points(start, min(n, end - start)))
            keys = space.keys(U)
            # Points that differ only in inactive parameters are one configuration: where there are many
            # branches, nearly all that is passed on the way to the end are repeats of a few.
            left = np.array([i for i, key in enumerate(keys) if key not in tried], dtype=np.intp)
            for i in left[space.feasible(U[left])].tolist():
                if not is_tried(U[i], history):
                    return Suggestion(space.decode(U[[i]])[0], {"position": start + i, "levels": grid.m})
                tried.add(keys[i])
            start, n = start + len(U), min(2 * n, MAX_BLOCK)
        where = "left" if end == grid.size else f"among {MAX_SKIPPED:,} in a row"
        raise SearchSpaceExhausted(
            f"the grid with resolution={self.resolution!r} has no point {where} that is allowed and new"
        )

    def _levels(self, space: Space) -> list[Array]:
        chosen = self.resolution if isinstance(self.resolution, Mapping) else {}
        default = RESOLUTION if isinstance(self.resolution, Mapping) else self.resolution
        for name in chosen:
            if name not in space.parameters:
                raise ValueError(f"resolution: {name!r}: not in the space; it has {', '.join(space.names)}")
        return [
            space.levels(
                name, chosen.get(name, default) if isinstance(parameter, Float | Int) else MAX_LEVELS
            )
            for name, parameter in space.parameters.items()
        ]


def _next_position(history: History, levels: list[int]) -> int:
    """The first position after all that have been suggested from a grid with so many levels of each axis."""
    for infos in (history.pending_infos, history.infos):
        for i in reversed(range(len(infos))):
            if "position" in infos[i] and infos[i].get("levels") == levels:
                return int(infos[i]["position"]) + 1
    return 0


class _Grid:
    """The permuted factorial of the levels of each axis."""

    def __init__(self, levels: list[Array]) -> None:
        self.levels = levels
        self.m = [len(column) for column in levels]
        self.size = math.prod(self.m)
        self.order = sorted(range(len(levels)), key=lambda j: -self.m[j])

    def points(self, start: int, n: int) -> Array:
        """Unit-cube points at n positions of the order, (n, d)."""
        U = np.empty((n, len(self.m)))
        digits = np.zeros((n, len(self.m)), dtype=np.int64)
        left = start + np.arange(n)
        for i, j in enumerate(self.order):
            left, digits[:, i] = np.divmod(left, self.m[j])
            level = (digits @ self.mixing[i] + self.m[j] // 2) % self.m[j]
            U[:, j] = self.levels[j][level]
        return U

    @cached_property
    def mixing(self) -> NDArray[np.int64]:
        """Lower triangular matrix c; row i is coprime to the levels of its axis."""
        d = len(self.m)
        drawn = np.random.default_rng(0).random((d, d))  # any fixed matrix serves; a drawn one has no pattern
        C = np.zeros((d, d), dtype=np.int64)
        for i, j in enumerate(self.order):
            units = np.arange(1, min(self.m[j], 1000) + 1)
            units = units[np.gcd(units, self.m[j]) == 1]
            C[i, :i] = units[(drawn[i, :i] * len(units)).astype(np.int64)]
            # Golden steps keep a sweep along one axis spread out, too.
            C[i, i] = units[np.argmin(np.abs(units - GOLDEN * self.m[j]))]
        return C
