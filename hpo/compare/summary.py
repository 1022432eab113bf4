"""The numbers of the report, worked out once for its page and its Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.compare.curves import Array, Runs, runs, sign
from hpo.compare.records import Records
from hpo.compare.statistics import (
    Interval,
    Paired,
    difference,
    differences,
    friedman,
    holm,
    interval,
    mean_ranks,
    paired,
    ranks_behind,
)

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Winner:
    """Best run of one searcher: its configuration and value, its seed and trial."""

    searcher: str
    value: float
    seed: int
    number: int
    params: Mapping[str, Any]
    test: Mapping[str, float]


@dataclass(frozen=True)
class TaskSummary:
    """What is to be said of one task.

    Attributes
    ----------
    turn : float
        1.0 to minimise, -1.0 to maximise.
    metric : str
        With its unit.
    groups : mapping of searcher to Runs
    final : mapping of searcher to Interval
    pairs : mapping of searcher to Paired
        Against the baseline, on values turned so that less is better.
    p_corrected : mapping of searcher to float
        Their p-values after Holm's correction.
    winners : sequence of Winner
        One a searcher, the best first.
    """

    name: str
    turn: float
    metric: str
    baseline: str
    groups: Mapping[str, Runs]
    final: Mapping[str, Interval]
    pairs: Mapping[str, Paired]
    p_corrected: Mapping[str, float]
    winners: Sequence[Winner]

    @property
    def order(self) -> list[str]:
        """Searchers from the best mean to the worst; those without a value last."""
        return sorted(self.losses, key=lambda s: _last_if_nan(self.losses[s]))

    @cached_property
    def losses(self) -> dict[str, float]:
        """Mean final value of each searcher, turned so that less is better; NaN without a value.

        Over the seeds with which none of them ended without a value, if it has any of them: one that fails
        with the hard seeds would be judged by the easy ones.
        """
        finals = {name: group.final for name, group in self.groups.items()}
        failing = [self._is_without(n) for n, final in finals.items() if not np.isnan(final).all()]
        shared = ~np.any(failing, axis=0)
        judged = {n: f if np.isnan(f[shared]).all() else f[shared] for n, f in finals.items()}
        return {n: self.turn * interval(final).mean for n, final in judged.items()}

    def loss_to_rank(self, searcher: str) -> float:
        """Loss of a searcher as it is ranked: infinite where it found no value, NaN where it was not run."""
        loss = self.losses[searcher]
        return math.inf if math.isnan(loss) and searcher in self.without_value else loss

    @property
    def n_seeds(self) -> int:
        """Finished runs of the searcher that has fewest."""
        return min(int((~np.isnan(g.failed)).sum()) for g in self.groups.values())

    @property
    def without_value(self) -> dict[str, int]:
        """How many finished runs of a searcher found no value, where there are any."""
        counts = {name: int(self._is_without(name).sum()) for name in self.groups}
        return {name: count for name, count in counts.items() if count}

    def _is_without(self, searcher: str) -> NDArray[np.bool_]:
        """Which runs are finished and found no value, (seeds,)."""
        group = self.groups[searcher]
        return np.isnan(group.final) & ~np.isnan(group.failed)

    def is_ahead(self, one: str, other: str) -> bool:
        """Whether the first of two searchers is told to be the better one.

        By the interval of the difference, and beside the baseline by the corrected test as well, which may
        speak for the other where a few large differences make the mean.
        """
        tested = {one, other} - {self.baseline} if self.baseline in (one, other) else set()
        return self.is_ahead_by_interval(one, other) and all(
            self._paired(one, other).leaning < 0 and self.p_corrected[name] < SIGNIFICANT for name in tested
        )

    def is_ahead_by_interval(self, one: str, other: str) -> bool:
        """Whether the interval of the difference tells the first of two searchers to be the better one.

        Not where it found no value with a seed with which the other did: the difference knows nothing of
        that seed.
        """
        if np.any(self._is_without(one) & ~np.isnan(self.groups[other].final)):
            return False
        return self._paired(one, other).difference.high < 0

    def is_behind(self, one: str, other: str) -> bool:
        """Whether the first of two searchers has the worse mean over the seeds that both have."""
        return self.turn * difference(self.groups[one].final, self.groups[other].final).mean > 0

    def is_level(self, one: str, other: str) -> bool:
        """Whether two searchers have the same mean over the seeds that both have."""
        return difference(self.groups[one].final, self.groups[other].final).mean == 0

    def difference(self, searcher: str) -> Interval:
        """Mean difference from the baseline in the task's own direction."""
        return self._turned(self.pairs[searcher].difference)

    def relative(self, searcher: str) -> Interval:
        """The same in percent of the size of the baseline's mean; NaN where that has no meaning."""
        loss = self.pairs[searcher].relative
        return Interval(math.nan, math.nan, math.nan) if loss is None else self._turned(loss)

    def per_seed(self, searcher: str) -> Array:
        """Differences from the baseline on the seeds that both have, in the task's own direction."""
        found = differences(self.groups[searcher].final, self.groups[self.baseline].final)
        return found[~np.isnan(found)]

    def _paired(self, one: str, other: str) -> Paired:
        return paired(self.turn * self.groups[one].final, self.turn * self.groups[other].final)

    def _turned(self, loss: Interval) -> Interval:
        low, high = sorted((self.turn * loss.low, self.turn * loss.high))
        return Interval(self.turn * loss.mean, low, high)


@dataclass(frozen=True)
class Ranking:
    """Ranks over the tasks that are comparable.

    Attributes
    ----------
    mean : mapping of searcher to Interval
        Mean rank.
    behind : mapping of searcher to Interval
        By how many ranks each is behind the first of `order`, in intervals that hold together.
    p_value : float
        Friedman's, NaN with fewer than 3 tasks.
    n_tasks : int
    """

    mean: Mapping[str, Interval]
    behind: Mapping[str, Interval]
    p_value: float
    n_tasks: int

    @property
    def order(self) -> list[str]:
        """Searchers, the best mean rank first."""
        return sorted(self.mean, key=lambda name: self.mean[name].mean)


def summarise(comparison: Records, task: str) -> TaskSummary:
    """Summary of one task."""
    groups, turn, baseline = runs(comparison, task), sign(comparison, task), comparison.baseline
    about = comparison.plan["tasks"][task]
    others = [name for name in groups if name != baseline]
    pairs = {name: paired(turn * groups[name].final, turn * groups[baseline].final) for name in others}
    corrected = holm(np.array([pair.p_value for pair in pairs.values()]))
    return TaskSummary(
        name=task,
        turn=turn,
        metric=f"{about['metric']} ({about['unit']})" if about["unit"] else about["metric"],
        baseline=baseline,
        groups=groups,
        final={name: interval(group.final) for name, group in groups.items()},
        pairs=pairs,
        p_corrected={name: float(p) for name, p in zip(others, corrected)},
        winners=sorted(
            (w for name, group in groups.items() if (w := _winner(name, group, turn)) is not None),
            key=lambda w: turn * w.value,
        ),
    )


def rank(summaries: Sequence[TaskSummary]) -> Ranking | None:
    """Ranks over the tasks on which every searcher was run; None with fewer than two of them.

    Who found no value on a task is last on it: left out, it would be judged by the tasks that it can do.
    """
    if len(summaries) < 2:
        return None
    names = list(summaries[0].groups)
    losses = np.array([[summary.loss_to_rank(name) for name in names] for summary in summaries])
    losses = losses[~np.isnan(losses).any(axis=1)]
    if len(losses) < 2 or len(names) < 2:
        return None
    mean = mean_ranks(losses)
    behind = ranks_behind(losses, int(np.argmin(mean[0])))
    return Ranking(_by_name(names, mean), _by_name(names, behind), friedman(losses), len(losses))


def _winner(searcher: str, group: Runs, turn: float) -> Winner | None:
    found = [c for c in group.cells if c is not None and c["winner"] is not None]
    if not found:
        return None
    cell = min(found, key=lambda c: turn * float(c["trials"][c["winner"]]["value"]))
    trial = cell["trials"][cell["winner"]]
    return Winner(
        searcher, float(trial["value"]), cell["seed"], trial["number"], trial["params"], cell["test"] or {}
    )


def _by_name(names: Sequence[str], ends: tuple[Array, Array, Array]) -> dict[str, Interval]:
    return {name: Interval(*values) for name, *values in zip(names, *(end.tolist() for end in ends))}


def _last_if_nan(x: float) -> float:
    return math.inf if math.isnan(x) else x
