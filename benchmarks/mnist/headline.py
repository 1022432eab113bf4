"""The headline of MNIST: one search by gp, its choice refitted, the test part scored once a refit.

The search sees training digits only, and is one study in this process, so that its CPU time can be held
against that of the starting notes' own procedure, measured in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

import hpo
from benchmarks.mnist import notes
from benchmarks.mnist.objective import Problem
from hpo.compare.statistics import interval

NOTES_TEST_ACCURACY = 97.55  # % on the same split, as the starting notes print it
T = TypeVar("T")


@dataclass(frozen=True)
class Headline:
    """What a search found, what it is worth on the test digits, and CPU seconds of both and of the notes.

    `accuracies` (%) and `refit_seconds` have an entry a refit; `notes_seconds` says what the starting
    notes' procedure takes on this machine.
    """

    study: hpo.Study
    params: dict[str, Any]
    accuracies: Sequence[float]
    search_seconds: float
    refit_seconds: Sequence[float]
    notes_seconds: float

    def lines(self) -> list[str]:
        """The result in words."""
        trial = self.study.recommend()
        found, refit = interval(np.array(self.accuracies)), float(np.mean(self.refit_seconds))
        each = ", ".join(f"{accuracy:.2f}" for accuracy in self.accuracies)
        spent, quarter = self.search_seconds + refit, self.notes_seconds / 4
        return [
            f"search: {len(self.study.trials)} trials by gp; chosen is trial {trial.number} with validation "
            f"error {trial.value:.2f} %: {self.params}",
            f"test accuracy of {len(self.accuracies)} refits: {found.mean:.2f} % "
            f"[{found.low:.2f}, {found.high:.2f}] ({each}); the notes: {NOTES_TEST_ACCURACY} %",
            f"CPU time: search {self.search_seconds:,.0f} s + refit {refit:,.0f} s = {spent:,.0f} s; the "
            f"notes' own procedure {self.notes_seconds:,.0f} s (scaled from one epoch of one fold of each "
            f"configuration), of which a quarter is {quarter:,.0f} s: "
            f"{spent / self.notes_seconds:.2f} of the notes' time",
        ]


def headline(problem: Problem, space: hpo.Space, n_trials: int, n_refits: int, seed: int = 0) -> Headline:
    """Search, refit the recommended configuration `n_refits` times, score each refit on the test part.

    Parameters
    ----------
    problem : Problem
    space : Space
    n_trials, n_refits : int
    seed : int
        Of the search; the refits have the seeds 0, 1, and so on.
    """
    with threadpool_limits(1):
        study, search_seconds = _timed(
            lambda: hpo.minimize(problem.objective, space, searcher="gp", n_trials=n_trials, seed=seed)
        )
        params = dict(study.recommend().params)
        refits = [_timed(partial(problem.test, params, i)) for i in range(n_refits)]
        notes_seconds = notes.measured(problem.source)
    accuracies = tuple(tested["test accuracy"] for tested, _ in refits)
    refit_seconds = tuple(seconds for _, seconds in refits)
    return Headline(study, params, accuracies, search_seconds, refit_seconds, notes_seconds)


def write(found: Headline, folder: Path) -> Path:
    """Write ``report.html`` and ``report.md`` into `folder`; the path of the former."""
    from hpo import plots

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text("\n\n".join(found.lines()) + "\n", encoding="utf-8")
    figures = [plots.history(found.study), plots.slices(found.study), plots.parallel_coordinates(found.study)]
    body = "".join(f"<p>{escape(line)}</p>" for line in found.lines())
    body += found.study.dataframe().to_html(index=False, float_format="%.4g")
    for i, figure in enumerate(figures):
        body += figure.to_html(full_html=False, include_plotlyjs=not i)
    path = folder / "report.html"
    path.write_text(
        '<!doctype html><meta charset="utf-8"><title>MNIST</title>'
        "<style>body {font: 16px sans-serif; margin: 2em} table {border-collapse: collapse; font-size: 12px}"
        f" td, th {{padding: 2px 8px}}</style><h1>MNIST: the headline</h1>{body}",
        encoding="utf-8",
    )
    return path


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    begin = time.process_time()
    return call(), time.process_time() - begin
