"""Ending trials early that will not win: pure functions of the history, like searchers.

A pruner is asked once a trial, as the trial starts, for the rule that it will be held to. The rule is a
function of the results that suggestion k may see, so that which trials are pruned is the same for any
number of workers and after any restart; and it travels with the trial, so that a worker decides by
itself. Values are to be minimised here, whatever the study's direction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.checks import make_whole
from hpo.trial import Array, Curve, History

Reports = Mapping[int, float]
Rule = Callable[[Reports], bool]


class Pruner(ABC):
    """Says what a trial is held to. Subclasses are frozen dataclasses whose fields are their options."""

    @abstractmethod
    def rule(self, history: History) -> Rule:
        """Rule of the trial ``history.k``.

        Parameters
        ----------
        history : History
            With ``reports``, the intermediate values of finished trials.

        Returns
        -------
        callable
            From the trial's own reports so far, at least one, to whether it ends now. It is sent to
            worker processes: a frozen dataclass, not a closure.
        """


@dataclass(frozen=True)
class MedianPruner(Pruner):
    """Ends a trial whose best value is worse than the median of the others' running averages.

    The median stopping rule of Golovin et al., "Google Vizier" (KDD 2017), section 3.2.2. The median at a
    step is over all trials that got so far, not over those alone that ran to their end: those are the
    better ones, and with every trial pruned the rule would tighten by itself.

    Parameters
    ----------
    n_startup : int
        No trial is ended before so many others have got to its step.
    warmup : int
        No trial is ended before this step.
    """

    n_startup: int = 5
    warmup: int = 0

    def __post_init__(self) -> None:
        make_whole(self, n_startup=1, warmup=0)

    def rule(self, history: History) -> Rule:
        """Rule of the trial ``history.k``; see `Pruner.rule`."""
        curves = _curves(history)
        steps = np.array(sorted({step for curve in curves for step in curve}), dtype=np.int64)
        steps = steps[steps >= self.warmup]
        with np.errstate(over="ignore", invalid="ignore"):  # a bar that is no number ends nobody
            means = _running_means(curves, steps)
            enough = np.sum(~np.isnan(means), axis=0) >= self.n_startup
            bars = np.full(len(steps), math.inf)
            bars[enough] = _medians(means[:, enough])
        return BestSoFar(tuple(steps.tolist()), tuple(bars.tolist()))


@dataclass(frozen=True)
class ASHAPruner(Pruner):
    """Lets the best 1/eta of the trials that reach a rung go on; rungs are `min_steps` eta^i steps.

    Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning",
    MLSys 2020) in its stopping form: a trial is judged when it reaches a rung, by those before it.

    Parameters
    ----------
    min_steps : int
        The first rung.
    eta : int
        At each rung, 1/eta of the trials go on.
    """

    min_steps: int = 1
    eta: int = 3

    def __post_init__(self) -> None:
        make_whole(self, min_steps=1, eta=2)

    def rule(self, history: History) -> Rule:
        """Rule of the trial ``history.k``; see `Pruner.rule`."""
        curves = _curves(history)
        last = max((curve.steps[-1] for curve in curves), default=0)
        return _rungs(curves, _powers(self.min_steps, self.eta, last), self.eta)


@dataclass(frozen=True)
class HyperbandPruner(Pruner):
    """Successive halving in several brackets, which differ in when they begin to end trials.

    Li et al., "Hyperband" (JMLR 2018), algorithm 1, with the brackets' sizes as there; a trial's bracket
    is a function of its number, and each bracket halves as `ASHAPruner` does.

    Parameters
    ----------
    max_steps : int
        Steps of a trial that is not ended early.
    min_steps : int
        The earliest rung.
    eta : int
        At each rung, 1/eta of the trials go on.
    """

    max_steps: int
    min_steps: int = 1
    eta: int = 3

    def __post_init__(self) -> None:
        make_whole(self, min_steps=1, eta=2)
        make_whole(self, max_steps=self.min_steps)

    def rule(self, history: History) -> Rule:
        """Rule of the trial ``history.k``; see `Pruner.rule`."""
        rungs = _powers(self.min_steps, self.eta, self.max_steps)
        own = self.bracket(history.k)
        same = [self.bracket(int(number)) == own for number in history.numbers]
        return _rungs(_curves(history, same), [r for r in rungs[own:] if r < self.max_steps], self.eta)

    def bracket(self, k: int) -> int:
        """Bracket of trial `k`: how many of the earliest rungs it skips."""
        s_max = len(_powers(self.min_steps, self.eta, self.max_steps)) - 1
        sizes = (-(-(s_max + 1) * self.eta**s // (s + 1)) for s in range(s_max, -1, -1))  # rounded up
        ends = list(accumulate(sizes))
        return bisect_right(ends, k % ends[-1])


@dataclass(frozen=True)
class BestSoFar:
    """Ends a trial whose best value is above the bar of the step it is at.

    Between two steps the earlier one's bar counts; beyond the last nobody is judged.
    """

    steps: tuple[int, ...]
    bars: tuple[float, ...]

    def __call__(self, reports: Reports) -> bool:
        """Whether the trial ends now."""
        own = Curve.of(reports)
        at = own.steps[-1]
        place = bisect_right(self.steps, at) - 1
        if place < 0 or at > self.steps[-1]:
            return False
        return own.lowest > self.bars[place]


@dataclass(frozen=True)
class Rungs:
    """Ends a trial whose value at a rung, the first one reported from there on, is above its bar."""

    steps: tuple[int, ...]
    bars: tuple[float, ...]

    def __call__(self, reports: Reports) -> bool:
        """Whether the trial ends now."""
        own = Curve.of(reports)
        return any(
            value is not None and value > bar for value, bar in zip(map(own.at, self.steps), self.bars)
        )


BY_NAME: dict[str, type[Pruner]] = {"median": MedianPruner, "asha": ASHAPruner}


def resolve_pruner(pruner: Any) -> Pruner | None:
    """Pruner of that name with its default options, or `pruner` itself.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if pruner is None or isinstance(pruner, Pruner):
        return pruner
    if isinstance(pruner, str) and pruner in BY_NAME:
        return BY_NAME[pruner]()
    names = ", ".join(map(repr, BY_NAME))
    raise ValueError(f"pruner={pruner!r}: must be {names}, a Pruner such as HyperbandPruner(81), or None")


def _rungs(curves: Sequence[Curve], steps: Sequence[int], eta: int) -> Rungs:
    """The bar at each rung: the worst value with which a trial is still among the best 1/eta."""
    bars = []
    for step in steps:
        values = sorted(value for curve in curves if (value := curve.at(step)) is not None)
        n_kept = (len(values) + 1) // eta  # of these and the trial itself
        bars.append(values[n_kept - 1] if n_kept > 0 else math.inf)
    return Rungs(tuple(steps), tuple(bars))


def _curves(history: History, mask: Sequence[bool] | None = None) -> list[Curve]:
    """Reports of the trials that have a value and any."""
    kept = history.complete if mask is None else history.complete & np.array(mask, dtype=bool)
    return [Curve.of(history.reports[i]) for i in np.flatnonzero(kept).tolist() if history.reports[i]]


def _running_means(curves: Sequence[Curve], steps: NDArray[np.int64]) -> Array:
    """Mean of what each trial reported up to each step, (trials, steps); NaN where it did not get there."""
    means = np.full((len(curves), len(steps)), np.nan)
    for row, curve in zip(means, curves):
        own = np.array(curve.steps)
        averages = np.cumsum([curve[s] for s in curve.steps]) / np.arange(1, len(own) + 1)
        there = (steps >= own[0]) & (steps <= own[-1])
        row[there] = averages[np.searchsorted(own, steps[there], side="right") - 1]
    return means


def _medians(columns: Array) -> Array:
    """Median of each column's numbers, at least one: NumPy's `nanmedian` takes the columns one by one."""
    ordered = np.sort(columns, axis=0)  # NaN last
    n = np.sum(~np.isnan(columns), axis=0)
    lower, upper = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in ((n - 1) // 2, n // 2))
    medians: Array = np.where(n % 2, lower, (lower + upper) / 2)
    return medians


def _powers(first: int, eta: int, last: int) -> list[int]:
    """first, first eta, first eta^2, ... up to `last`."""
    found = []
    while first <= last:
        found.append(first)
        first *= eta
    return found
