"""Regret over a suite of problems: 0 the optimum, 1 what random search has left.

Notation
--------
R (searchers, problems, seeds, trials)  regret: noise-free value of the best observed configuration,
                                        minus the optimum
r (problems, trials)                    mean regret of random search
FLOOR                                   a thousandth of random search's regret counts as solved, as
                                        one function hit exactly would otherwise decide every mean; a
                                        thousand times as much is as bad as it gets, where random search
                                        has hit it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.suites.functions import Array
from benchmarks.suites.kept import Part, definition, kept
from benchmarks.suites.problem import Problem
from hpo.compare import Comparison
from hpo.compare.curves import runs
from hpo.compare.statistics import FEWEST, mean_interval

FLOOR = 1e-3
RANDOM_RUNS = 200  # of random search alone, from which the scale of each problem is estimated


@dataclass(frozen=True)
class Regrets:
    """Regrets of a finished suite.

    A run has the worst regret of its problem, over all searchers and seeds, until its first value.

    Attributes
    ----------
    searchers, problems : sequence of str
    R : (searchers, problems, seeds, trials) array
        Given with NaN before the first value of a run.
    random : (problems, trials) array
    tried : Regrets or None
        The same with the lowest value without noise of all configurations tried in place of that of the best
        observed one: what a searcher found, whichever of them luck makes the best observed. None where it
        is not known, or no other.

    Raises
    ------
    ValueError
        If no run of a problem has a value.
    """

    searchers: Sequence[str]
    problems: Sequence[str]
    R: Array
    random: Array
    tried: Regrets | None = None

    def __post_init__(self) -> None:
        # Here and not per searcher: a worst of its own would rank one above others that have no value either.
        worst = np.fmax.reduce(self.R, axis=(0, 2, 3), keepdims=True)
        if empty := [name for name, w in zip(self.problems, worst.ravel()) if np.isnan(w)]:
            raise ValueError(f"R: no run of {', '.join(empty)} has a value")
        object.__setattr__(self, "R", np.where(np.isnan(self.R), worst, self.R))

    @property
    def about(self) -> str:
        """How many problems and seeds there are, and what intervals are."""
        many = len(self.problems) >= FEWEST
        intervals = "95% bootstrap intervals over problems" if many else "too few problems for intervals"
        return f"{len(self.problems)} problems, {self.R.shape[2]} paired seeds; {intervals}"

    def marks(self, among: Sequence[int]) -> list[int]:
        """Those of these numbers of trials that runs had, and their last."""
        n = self.R.shape[-1]
        return [*(mark for mark in among if mark < n), n]

    def normalised(self, mark: int, by: int | None = None) -> Array:
        """Mean regret over seeds after `mark` trials, (searchers, problems).

        In units of random search's at the same number of trials, or after `by` trials.
        """
        regret: Array = self.R[:, :, :, mark - 1].mean(axis=2)
        unit = np.maximum(self.random[:, (by or mark) - 1], FLOOR * regret)
        return np.maximum(np.divide(regret, unit, out=np.ones_like(regret), where=unit > 0), FLOOR)

    def geometric_mean(self, mark: int, by: int | None = None) -> tuple[Array, Array, Array]:
        """Geometric mean over problems with its 95% bootstrap interval, (searchers,) each."""
        mean, low, high = mean_interval(np.log(self.normalised(mark, by)).T)
        return np.exp(mean), np.exp(low), np.exp(high)

    def ratio(self, mark: int, searcher: str, other: str, other_mark: int | None = None) -> Array:
        """Ratio of two geometric means and its interval, (3,); problems are paired.

        The marks may differ: both are then in units of random search after `other_mark` trials.
        """
        by = other_mark or mark
        a = np.log(self.normalised(mark, by))[self.searchers.index(searcher)]
        b = np.log(self.normalised(by, by))[self.searchers.index(other)]
        ratio: Array = np.exp([float(x[0]) for x in mean_interval((a - b)[:, None])])
        return ratio

    def ranks(self, mark: int) -> Array:
        """Mean rank over seeds among the searchers, 1 the best, ties shared, (searchers, problems)."""
        # Equal up to rounding is equal: many end on the very same configuration of a table.
        ranks: Array = rankdata(np.round(self.R[:, :, :, mark - 1], 12), axis=0).mean(axis=2)
        return ranks

    def mean_rank(self, mark: int) -> tuple[Array, Array, Array]:
        """Mean rank over problems with its 95% bootstrap interval, (searchers,) each."""
        return mean_interval(self.ranks(mark).T)

    def lead(self, mark: int, searcher: str) -> tuple[str, Array]:
        """The best-ranked other searcher, and its mean rank minus that of `searcher`, (3,)."""
        ranks = self.ranks(mark)
        own = self.searchers.index(searcher)
        means = ranks.mean(axis=1)
        means[own] = np.inf
        other = int(np.argmin(means))
        difference = mean_interval((ranks[other] - ranks[own])[:, None])
        return self.searchers[other], np.array([float(x[0]) for x in difference])


def regrets(comparison: Comparison, problems: Mapping[str, Problem], random: Array) -> Regrets:
    """Regrets of a comparison in which every searcher and seed has finished on every problem.

    Parameters
    ----------
    comparison : Comparison
        Of `problems`, with one task each of the same name.
    problems : mapping
    random : (problems, trials) array
        From `random_regret`.

    Raises
    ------
    ValueError
        If a run is missing, or no run of a problem has a value.
    """
    names, optima = list(problems), np.array([problem.optimum for problem in problems.values()])
    of_best, of_tried = (
        Regrets(comparison.searchers, names, np.maximum(values - optima[:, None, None], 0.0), random)
        for values in (_best(comparison, names), _tried(comparison, names))
    )
    return of_best if (of_best.R == of_tried.R).all() else replace(of_best, tried=of_tried)


def regrets_among(comparison: Comparison, problems: Sequence[str], unit: str) -> Regrets:
    """Regrets where nobody knows the optimum: above the lowest value that any of the runs has found.

    Parameters
    ----------
    comparison : Comparison
    problems : sequence of str
        Tasks of it.
    unit : str
        The searcher, one of the comparison's, whose mean regret is 1.

    Raises
    ------
    ValueError
        If a run is missing, or no run of a problem has a value.
    """
    best = _best(comparison, problems)
    R = best - np.fmin.reduce(best, axis=(0, 2, 3), keepdims=True)
    unscaled = Regrets(comparison.searchers, problems, R, np.ones((len(problems), R.shape[-1])))
    own = unscaled.R[comparison.searchers.index(unit)].mean(axis=1)
    return replace(unscaled, random=own)


def random_regret(
    problems: Mapping[str, Problem], n_trials: int, folder: Path, n_jobs: int | None = None
) -> Array:
    """Mean regret of random search after each trial, (problems, n_trials), from runs of its own.

    Kept in `folder`.

    Raises
    ------
    ValueError
        If `folder` holds that of other problems, or for another number of trials.
    """
    parts = [
        Part(
            folder / f"{name}.json",
            {**definition(problem), "runs": RANDOM_RUNS, "n_trials": n_trials},
            partial(_random_curve, problem, n_trials),
        )
        for name, problem in problems.items()
    ]
    return np.array(kept(parts, f"problems, {RANDOM_RUNS} runs of random search alone", n_jobs))


def _best(comparison: Comparison, problems: Sequence[str]) -> Array:
    """Value without noise of the best observed configuration, (searchers, problems, seeds, trials)."""
    searchers, seeds = comparison.searchers, comparison.plan["seeds"]
    cubes = []
    for name in problems:
        groups = runs(comparison, name)
        for searcher in searchers:
            # A missing run would look like one in which every trial failed.
            if missing := [s for s, cell in zip(seeds, groups[searcher].cells) if cell is None]:
                raise ValueError(f"comparison: {searcher} has not finished {name} with seed {missing[0]}")
        cubes.append(np.stack([groups[searcher].best for searcher in searchers]))
    return np.stack(cubes, axis=1)


def _tried(comparison: Comparison, problems: Sequence[str]) -> Array:
    """Lowest value without noise of the configurations tried, (searchers, problems, seeds, trials).

    Of a comparison in which every run is there.
    """
    n, seeds = comparison.plan["n_trials"], comparison.plan["seeds"]
    trials = {(cell["searcher"], cell["task"], cell["seed"]): cell["trials"] for cell in comparison.cells}
    return np.array([
        [[_lowest(trials[searcher, name, seed], n) for seed in seeds] for name in problems]
        for searcher in comparison.searchers
    ])  # fmt: skip


def _lowest(trials: Sequence[Mapping[str, Any]], n: int) -> Array:
    values = np.array([np.nan if t["value"] is None else t["noise_free"] for t in trials], dtype=float)
    return np.pad(np.fmin.accumulate(values), (0, n - len(values)), mode="edge")


def _random_curve(problem: Problem, n_trials: int) -> Array:
    curves = np.empty((RANDOM_RUNS, n_trials))
    for run in range(RANDOM_RUNS):
        rng = np.random.default_rng([run, 20_241])
        drawn = problem.space.decode(problem.space.sample(n_trials, rng))
        truth = np.array([problem.truth(params) for params in drawn])
        observed = np.array([_observed(problem, params, 100_000 + run) for params in drawn])
        curves[run] = _incumbents(observed, truth) - problem.optimum
    worst = np.nanmax(curves)
    mean: Array = np.where(np.isnan(curves), worst, curves).mean(axis=0)
    return mean


def _observed(problem: Problem, params: dict[str, Any], seed: int) -> float:
    try:
        return problem.observe(params, seed)
    except FloatingPointError:
        return np.inf


def _incumbents(observed: Array, truth: Array) -> Array:
    """Truth of the best observed so far; NaN before the first that did not fail (inf)."""
    lowest = np.minimum.accumulate(observed)
    is_better = observed < np.concatenate([[np.inf], lowest[:-1]])
    positions = np.maximum.accumulate(np.where(is_better, np.arange(len(observed)), 0))
    return np.where(np.isinf(lowest), np.nan, truth[positions])
