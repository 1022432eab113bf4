"""From the records of a comparison to arrays: best-so-far by trial and by time, final values, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.compare.records import Records
from hpo.trial import TrialState

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """All finished runs of one searcher on one task, one row a planned seed; NaN: not run.

    Attributes
    ----------
    best : (seeds, trials) array
        Value of the incumbent after each trial, in the task's own direction: chosen by what the
        searcher saw, valued without noise where that is known. NaN before the first value.
    training, searching : (seeds, trials) arrays
        Seconds spent until the end of each trial, in the objective and in the searcher.
    made, failed : (seeds,) arrays
        Trials, and those of them that failed; a pruned one has no value and is none.
    test : mapping of str to (seeds,) array
        Scores of the winners on the untouched test set.
    cells : sequence of record or None
    """

    best: Array
    training: Array
    searching: Array
    made: Array
    failed: Array
    test: Mapping[str, Array]
    cells: Sequence[Mapping[str, Any] | None]

    @property
    def final(self) -> Array:
        """Value of the winner of each run, (seeds,)."""
        return self.best[:, -1]

    @property
    def total(self) -> Array:
        """Seconds until the end of each trial, (seeds, trials)."""
        return self.training + self.searching


def runs(comparison: Records, task: str) -> dict[str, Runs]:
    """Runs of every searcher on `task`."""
    seeds, n = comparison.plan["seeds"], int(comparison.plan["n_trials"])
    found = {(c["searcher"], c["seed"]): c for c in comparison.cells if c["task"] == task}
    return {
        searcher: _runs([found.get((searcher, seed)) for seed in seeds], n)
        for searcher in comparison.searchers
    }


def sign(comparison: Records, task: str) -> float:
    """1.0 where the task is minimised, -1.0 where it is maximised."""
    for cell in comparison.cells:
        if cell["task"] == task:
            return 1.0 if cell["definition"]["direction"] == "minimize" else -1.0
    return 1.0


def by_time(group: Runs, times: Array) -> Array:
    """Incumbents' values at the given seconds, (seeds, times); NaN before the first value."""
    values = np.full((len(group.best), len(times)), np.nan)
    for i, (best, total) in enumerate(zip(group.best, group.total)):
        reached = np.searchsorted(total, times, side="right") - 1
        values[i] = np.where(reached >= 0, best[np.maximum(reached, 0)], np.nan)
    return values


def _runs(cells: Sequence[Mapping[str, Any] | None], n: int) -> Runs:
    shape = (len(cells), n)
    best, training, searching = (np.full(shape, np.nan) for _ in range(3))
    made, failed = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    names = {name for cell in cells if cell and cell["test"] for name in cell["test"]}
    test = {name: np.full(len(cells), np.nan) for name in names}
    for i, cell in enumerate(cells):
        if cell is None:
            continue
        trials = cell["trials"]
        best[i] = _to_length(incumbents(trials, cell["definition"]["direction"]), n)
        training[i] = _to_length(np.cumsum([t["seconds"] or 0.0 for t in trials]), n)
        searching[i] = _to_length(np.cumsum([t["search_seconds"] or 0.0 for t in trials]), n)
        made[i] = len(trials)
        failed[i] = sum(t["state"] == TrialState.FAILED for t in trials)
        for name, score in (cell["test"] or {}).items():
            test[name][i] = score
    return Runs(best, training, searching, made, failed, test, cells)


def incumbents(trials: Sequence[Mapping[str, Any]], direction: str) -> Array:
    """Value of the best trial so far after each trial, (len(trials),)."""
    turn = 1.0 if direction == "minimize" else -1.0
    values = np.empty(len(trials))
    lowest, held = np.inf, np.nan
    for i, trial in enumerate(trials):
        if trial["value"] is not None and turn * trial["value"] < lowest:
            lowest = turn * trial["value"]
            held = trial["value"] if trial["noise_free"] is None else trial["noise_free"]
        values[i] = held
    return values


def _to_length(x: Array, n: int) -> Array:
    """`x` with its last value kept up to `n`: a grid that ran out keeps what it found."""
    if len(x) == 0:
        return np.full(n, np.nan)
    return np.concatenate([x[:n], np.full(max(0, n - len(x)), x[-1])])
