"""The numbers of the report, worked out once for its page and its Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.compare.comparison import Comparison
from hpo.compare.curves import Array, Runs, runs, sign
from hpo.compare.statistics import Interval, Paired, friedman, holm, interval, mean_ranks, paired

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
        Against the baseline, on values turned so that less is better; p-values after Holm.
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

    @cached_property
    def order(self) -> list[str]:
        """Searchers from the best mean to the worst; those without a value last.

        The means are over the seeds with which none of them ended without a value, if there are any: one that
        fails with the hard seeds would be judged by the easy ones.
        """
        finals = {name: group.final for name, group in self.groups.items()}
        failing = [self._is_without(n) for n, final in finals.items() if not np.isnan(final).all()]
        shared = ~np.any(failing, axis=0) if failing else np.zeros(0, dtype=bool)
        means = {n: interval(f[shared] if shared.any() else f).mean for n, f in finals.items()}
        return sorted(means, key=lambda s: _last_if_nan(self.turn * means[s]))

    @property
    def n_seeds(self) -> int:
        """Finished runs of the searcher that has fewest."""
        return min(int((~np.isnan(g.total[:, -1])).sum()) for g in self.groups.values())

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

        By the interval of the difference, and beside the baseline by the corrected test as well.
        """
        pair = paired(self.turn * self.groups[one].final, self.turn * self.groups[other].final)
        tested = {one, other} - {self.baseline} if self.baseline in (one, other) else set()
        return pair.difference.high < 0 and all(self.p_corrected[name] < SIGNIFICANT for name in tested)

    def difference(self, searcher: str) -> Interval:
        """Mean difference from the baseline in the task's own direction."""
        loss = self.pairs[searcher].difference
        low, high = sorted((self.turn * loss.low, self.turn * loss.high))
        return Interval(self.turn * loss.mean, low, high)

    def per_seed(self, searcher: str) -> Array:
        """Differences from the baseline on the seeds that both have, in the task's own direction."""
        difference: Array = self.groups[searcher].final - self.groups[self.baseline].final
        return difference[~np.isnan(difference)]


@dataclass(frozen=True)
class Ranking:
    """Ranks over several tasks; `p_value` is Friedman's, NaN where there are fewer than 3 tasks."""

    names: Sequence[str]
    mean: Array
    low: Array
    high: Array
    p_value: float
    n_tasks: int


def summarise(comparison: Comparison, task: str) -> TaskSummary:
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
    """Ranks over the tasks on which every searcher has a value; None with fewer than two of them."""
    if len(summaries) < 2:
        return None
    names = list(summaries[0].groups)
    losses = np.array([[s.turn * s.final[name].mean for name in names] for s in summaries])
    losses = losses[~np.isnan(losses).any(axis=1)]
    if len(losses) < 2 or len(names) < 2:
        return None
    return Ranking(names, *mean_ranks(losses), friedman(losses), len(losses))


def headline(summary: TaskSummary, n_trials: int) -> str:
    """The answer in one sentence, and a second where runs found no value."""
    valued = [name for name in summary.order if not math.isnan(summary.final[name].mean)]
    if not valued:
        return f"No searcher found a value on {summary.name}."
    gaps = "".join(
        f" {name} found no value with {_seeds(count)}." for name, count in summary.without_value.items()
    )
    return _answer(summary, valued, n_trials) + gaps


def _answer(summary: TaskSummary, valued: Sequence[str], n_trials: int) -> str:
    name, baseline = summary.name, summary.baseline
    # Means over other seeds, as in a comparison that is not finished, may be in another order than the pairs.
    best = next((one for one in valued if not any(summary.is_ahead(o, one) for o in valued)), valued[0])
    rivals = [other for other in valued if other != best and not summary.is_ahead(best, other)]
    behind = f"{_listed(rivals)} {'is' if len(rivals) == 1 else 'are'} not clearly behind" if rivals else ""
    if len(valued) == 1 or baseline not in valued:
        mean = number(summary.final[best].mean)
        n = int((~np.isnan(summary.groups[best].final)).sum())
        found = f"a mean {summary.metric} of {mean} (after {n_trials} trials, over {_seeds(n)})"
        if len(valued) == 1:
            return f"{best} reached {found} on {name}."
        return f"{best} has the best mean on {name}, {found}" + (f", but {behind}." if behind else ".")
    # Whose distance from the baseline is said: that of the best, or where it leads, of who is nearest.
    told = best if best != baseline else next(iter(rivals or [o for o in valued if o != best]))
    pair = summary.pairs[told]
    whose = "its" if told == best and not rivals else f"{told}'s"
    gap = f"{whose} mean {summary.metric} is {_gap(summary, told)}"
    if pair.n:
        p = p_value(summary.p_corrected[told])
        gap += f" (after {n_trials} trials, over {pair.n} paired seeds; Wilcoxon p = {p})"
    if not rivals:
        return f"{best} is best on {name}: {gap}."
    return f"{best} has the best mean on {name}, but {behind}: {gap}."


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def number(x: float | None) -> str:
    """A number to 4 significant digits, a dash where there is none."""
    return "–" if x is None or math.isnan(x) else f"{x:.4g}"


def with_interval(x: Interval, digits: str = ".4g") -> str:
    """``mean [low, high]``."""
    if math.isnan(x.mean):
        return "–"
    if math.isnan(x.low):
        return f"{x.mean:{digits}}"
    return f"{x.mean:{digits}} [{x.low:{digits}}, {x.high:{digits}}]"


def _gap(summary: TaskSummary, searcher: str) -> str:
    """How far a searcher's mean lies from the baseline's, in words, with its interval."""
    pair = summary.pairs[searcher]
    if not pair.n:
        return f"of other seeds than {summary.baseline}'s"
    if pair.difference.mean == 0:
        return f"the same as {summary.baseline}'s"
    lower = summary.turn * pair.difference.mean < 0
    size, unit = (pair.difference, "") if pair.relative is None else (pair.relative, "%")
    # Said as an amount by which it is lower (or higher): the sign goes into the word.
    flip = -1.0 if pair.difference.mean < 0 else 1.0
    ends = sorted((flip * size.low, flip * size.high))
    digits = ".1f" if unit else ".4g"
    amount = f"{flip * size.mean:{digits}}{unit}"
    if not math.isnan(size.low):
        amount += f" [{ends[0]:{digits}}{unit}, {ends[1]:{digits}}{unit}]"
    return f"{amount} {'lower' if lower else 'higher'} than {summary.baseline}'s"


def p_value(p: float) -> str:
    """A p-value for reading."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _winner(searcher: str, group: Runs, turn: float) -> Winner | None:
    found = [c for c in group.cells if c is not None and c["winner"] is not None]
    if not found:
        return None
    cell = min(found, key=lambda c: turn * float(c["trials"][c["winner"]]["value"]))
    trial = cell["trials"][cell["winner"]]
    return Winner(
        searcher, float(trial["value"]), cell["seed"], trial["number"], trial["params"], cell["test"] or {}
    )


def _last_if_nan(x: float) -> float:
    return math.inf if math.isnan(x) else x
