"""The answers of a comparison in sentences: on one task, and over several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hpo.compare.digits import column, counted, number, p_is
from hpo.compare.statistics import Interval
from hpo.compare.summary import Ranking, TaskSummary


def headline(summary: TaskSummary, n_trials: int) -> str:
    """The answer in one sentence, and a second where runs found no value."""
    valued = [name for name in summary.order if not math.isnan(summary.final[name].mean)]
    if not valued:
        return f"No searcher found a value on {summary.name}."
    gaps = "".join(
        f" {name} found no value with {counted(count, 'seed')}."
        for name, count in summary.without_value.items()
    )
    return _answer(summary, valued, n_trials) + gaps


def overall(ranking: Ranking) -> str:
    """Who ranks best over the tasks, in one sentence."""
    best, *others = ranking.order
    tasks = f"over {counted(ranking.n_tasks, 'task')}"
    rivals = [other for other in others if not ranking.behind[other].low > 0]
    rank, behind = column([ranking.mean[best].mean], 3)[0], column([ranking.behind[others[0]]], 3)[0]
    if equals := [other for other in others if ranking.behind[other].mean == 0]:
        return f"{listed([best, *equals])} share the best mean rank {tasks}, {rank}."
    gap = f"{best}'s mean rank is {rank}, {others[0]}'s {behind} more"
    if not rivals:
        return f"{best} is best {tasks}: {gap}."
    return f"{best} has the best mean rank {tasks}, but {_not_clearly_behind(rivals)}: {gap}."


def _answer(summary: TaskSummary, valued: Sequence[str], n_trials: int) -> str:
    name, baseline = summary.name, summary.baseline
    best = _best(summary, valued)
    if best is None:
        return (
            f"No searcher has the best mean on {name}: over the seeds that both have, each is behind another."
        )
    rivals = [other for other in valued if other != best and not summary.is_ahead(best, other)]
    equals = [other for other in rivals if summary.is_level(best, other)]
    doubtful = [other for other in rivals if other not in equals]
    behind = _not_clearly_behind(doubtful, [o for o in doubtful if summary.is_ahead_by_interval(best, o)])
    leads = f"{listed([best, *equals])} {'share' if equals else 'has'} the best mean on {name}"
    if len(valued) == 1 or baseline not in valued:
        mean = number(summary.final[best].mean)
        seeds = counted(int((~np.isnan(summary.groups[best].final)).sum()), "seed")
        found = f"a mean {summary.metric} of {mean} (after {counted(n_trials, 'trial')}, over {seeds})"
        if len(valued) == 1:
            return f"{best} reached {found} on {name}."
        return f"{leads}, {found}" + (f", but {behind}." if behind else ".")
    # Whose distance from the baseline is said: that of the best, or where it leads, of who is nearest.
    told = best if best != baseline else next(iter(rivals or [o for o in valued if o != best]))
    pair = summary.pairs[told]
    whose = "its" if told == best and not rivals else f"{told}'s"
    gap = f"{whose} mean {summary.metric} is {_gap(summary, told)}"
    if pair.n:
        p = p_is(summary.p_corrected[told], "p after Holm")
        gap += f" (after {counted(n_trials, 'trial')}, over {counted(pair.n, 'paired seed')}; {p})"
    if not rivals:
        return f"{best} is best on {name}: {gap}."
    return leads + (f", but {behind}" if behind else "") + f": {gap}."


def _best(summary: TaskSummary, valued: Sequence[str]) -> str | None:
    """Who has the best mean: in every pair, over the seeds that both have.

    Means over other seeds may be in another order than the pairs: where runs are missing or found no value.
    None where the pairs go round in a circle: whoever was named, the next words could say the contrary.
    """
    return next((one for one in valued if not any(summary.is_behind(one, o) for o in valued)), None)


def _not_clearly_behind(rivals: Sequence[str], by_test: Sequence[str] = ()) -> str:
    """Whom the best is not told from; of those that only the test leaves in doubt it is said.

    Beside the baseline there is the test as well: of two searchers the worse may be the one in doubt.
    """
    others = [rival for rival in rivals if rival not in by_test]
    told = [
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} not clearly behind{how}"
        for names, how in ((others, ""), (by_test, " by the corrected test"))
        if names
    ]
    return listed(told)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


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
    shown = Interval(flip * size.mean, *ends)
    (amount,) = column([shown], 2, decimals=1, unit=unit) if unit else column([shown])
    return f"{amount} {'lower' if lower else 'higher'} than {summary.baseline}'s"
