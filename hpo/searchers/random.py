"""Random search: the space's own scales, independent draws or a scrambled Sobol sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from hpo.checks import one_of
from hpo.searchers.base import Searcher
from hpo.searchers.untried import is_tried, untried
from hpo.space import Space
from hpo.trial import Array, History, Suggestion


@dataclass(frozen=True)
class RandomSearcher(Searcher):
    """Samples uniformly on the scales of the space.

    A configuration of a finite space is not drawn again before all have been tried.

    Parameters
    ----------
    sequence : {"independent", "sobol"}
        ``"sobol"``: suggestion k is point k of one scrambled Sobol sequence (Owen 1995), which
        covers the space more evenly; a point that is taken or not allowed gives way to a draw.

    Raises
    ------
    ValueError
        If `sequence` is neither.
    """

    name: ClassVar[str] = "random"
    sequence: Literal["independent", "sobol"] = "independent"

    def __post_init__(self) -> None:
        one_of("sequence", self.sequence, "independent", "sobol")

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        if self.sequence == "independent":
            if np.isinf(space.size) and not space.constraints:  # any draw will do as it is: mapped only once
                return Suggestion(space.decode(rng.random((1, len(space))))[0])
            return Suggestion(space.decode(untried(space, history, rng))[0])
        scramble = _scramble(history, rng)
        u = space.snap(_sobol_point(len(space), scramble, history.k))
        if not space.feasible(u)[0] or (np.isfinite(space.size) and is_tried(u[0], history)):
            u = untried(space, history, rng)
        return Suggestion(space.decode(u)[0], {"scramble": scramble})


def _scramble(history: History, rng: np.random.Generator) -> int:
    """Seed of the sequence: drawn once, then handed on from trial to trial."""
    for infos in (history.pending_infos, history.infos):
        for i in reversed(range(len(infos))):
            if "scramble" in infos[i]:
                return int(infos[i]["scramble"])
    return int(rng.integers(2**31))


def _sobol_point(d: int, scramble: int, k: int) -> Array:
    """Point `k` of a scrambled sequence, (1, d)."""
    from scipy.stats import qmc  # takes most of a second to load; independent draws do without

    sequence = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(scramble))
    if k:
        sequence.fast_forward(k)
    point: Array = sequence.random(1)
    return point
