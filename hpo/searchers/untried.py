"""Which configurations are left: no searcher repeats one of a finite space before it must."""

from __future__ import annotations

import numpy as np

from hpo.searchers.base import SearchSpaceExhausted
from hpo.space import Space
from hpo.trial import Array, History

MAX_LISTED = 1_000_000  # configurations; larger finite spaces are drawn from, not listed
MAX_COUNTED = 10_000  # configurations; whether more than these are all tried is not asked
REDRAWS = 32  # repeats drawn before the untried configurations are listed
DRAWS = 4096  # draws that stand for a space too large to list
EQUAL = 1e-12  # unit-cube distance below which two coordinates are one value


def untried(space: Space, history: History, rng: np.random.Generator) -> Array:
    """One feasible point, (1, d), that no trial of a finite space has taken.

    Raises
    ------
    SearchSpaceExhausted
        If every configuration has been tried.
    """
    if not np.isfinite(space.size):
        return space.sample(1, rng)
    for _ in range(REDRAWS):
        u = space.sample(1, rng)
        if not is_tried(u[0], history):
            return u
    listed = space.enumerate(MAX_LISTED)
    candidates = space.sample(DRAWS, rng) if listed is None else listed
    tried = {*space.keys(history.X), *space.keys(history.pending)}
    left = [i for i, key in enumerate(space.keys(candidates)) if key not in tried]
    if not left:
        raise SearchSpaceExhausted("every configuration of the space has been tried")
    return candidates[[left[rng.integers(len(left))]]]


def is_exhausted(space: Space, history: History) -> bool:
    """Whether every configuration of a finite space, of 10,000 at most, has been tried."""
    listed = space.enumerate(MAX_COUNTED)
    if listed is None or len(listed) > len(history) + len(history.pending):
        return False
    return {*space.keys(listed)} <= {*space.keys(history.X), *space.keys(history.pending)}


def is_tried(u: Array, history: History) -> bool:
    """Whether a snapped point, (d,), is a finished or pending trial."""
    return any(_is_among(tried, u) for tried in (history.pending, history.X))


def _is_among(tried: Array, u: Array) -> bool:
    """Whether a row is equal to a snapped point: column by column, as the first leaves few rows over."""
    rows = np.arange(len(tried))
    # Equal where u is active means equal: the values of the parents decide what else is active.
    for j in np.flatnonzero(~np.isnan(u)).tolist():
        if len(rows) == 0:
            break
        column = tried[:, j] if len(rows) == len(tried) else tried[rows, j]
        rows = rows[np.abs(column - u[j]) < EQUAL]
    return len(rows) > 0
