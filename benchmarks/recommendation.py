"""``python -m benchmarks recommendation``: what `Study.recommend` is worth beside the best observed trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import click
import numpy as np
from joblib import Parallel, delayed

import hpo
from benchmarks.ablations import SUITES, TITLES
from benchmarks.markdown import shown, table
from benchmarks.options import folder_of, jobs_option, labels_of, said_plainly
from benchmarks.suites.bbob import bbob
from benchmarks.suites.collection import noisy
from benchmarks.suites.functions import Array
from benchmarks.suites.problem import Problem, task
from benchmarks.suites.regret import FLOOR, random_regret
from hpo.compare.statistics import mean_interval
from hpo.searchers import SEARCHERS

MARKS = (20, 50, 100)
ALL: Mapping[str, Callable[[], Mapping[str, Problem]]] = {"noisy": noisy, **SUITES, "bbob": bbob}
NAMES = {**TITLES, "noisy": "noisy functions", "bbob": "functions of BBOB"}


@click.command()
@click.option("--searchers", default="gp,tpe,random", show_default=True, help="Labels, comma-separated.")
@click.option("--suites", default=",".join(ALL), show_default=True, help="Which of them, comma-separated.")
@click.option("--trials", type=click.IntRange(20), default=50, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=4, show_default=True)
@click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", default="results/recommendation", show_default=True, help="Runs there are kept.")
@jobs_option
def command(
    searchers: str, suites: str, trials: int, seeds: int, first_seed: int, out: str, jobs: int | None
) -> None:
    """Noise-free regret of the recommended trial, as a share of that of the best observed one."""
    chosen, labels = labels_of(suites, ALL, "--suites"), labels_of(searchers, SEARCHERS, "--searchers")
    folder = folder_of(out)
    marks = [*(m for m in MARKS if m < trials), trials]
    rows = []
    for suite in chosen:
        problems = ALL[suite]()
        with said_plainly():
            comparison = hpo.compare(
                {name: task(problem) for name, problem in problems.items()}, labels, n_trials=trials,
                repeats=seeds, seed=first_seed, n_initial=0, out=folder / suite, n_jobs=jobs,
            )  # fmt: skip
            random = random_regret(problems, trials, folder / suite / "random", jobs)
            found = {
                label: share(
                    [cell for cell in comparison.cells if cell["searcher"] == label],
                    problems, dict(zip(problems, random)), marks, jobs,
                )
                for label in labels
            }  # fmt: skip
        title = f"{len(problems)} {NAMES.get(suite, suite)}"
        rows += [[title, label, *(shown(*ratio) for ratio in ratios)] for label, ratios in found.items()]
    text = table(["problems", "searcher", *(f"after {m} trials" for m in marks)], rows)
    (folder / "recommendation.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


def share(
    runs: list[Mapping[str, Any]],
    problems: Mapping[str, Problem],
    random: Mapping[str, Array],
    marks: list[int],
    n_jobs: int | None = None,
) -> list[Array]:
    """Geometric mean over problems of recommended to best observed regret, and its interval, (3,) a mark.

    Parameters
    ----------
    runs : list of mapping
        Records of a comparison's cells, of one searcher.
    problems : mapping
    random : mapping
        Mean regret of random search after each trial, of each problem: a thousandth of it counts as solved.
    marks : list of int
        Numbers of trials.
    n_jobs : int, optional
        None: one a core.
    """
    spaces = {name: problem.space for name, problem in problems.items()}
    jobs = [delayed(_picked)(spaces[run["task"]], run["trials"], marks) for run in runs]
    found = np.array(Parallel(n_jobs or -1)(jobs))  # (runs, marks, 2)
    logs = []
    for name, problem in problems.items():
        values = found[[run["task"] == name for run in runs]]
        regret = np.maximum(values - problem.optimum, 0.0).mean(axis=0)
        unit = np.maximum(random[name][np.array(marks) - 1], FLOOR * regret.max(axis=1))
        solved = np.maximum(FLOOR * unit, np.finfo(float).tiny)
        recommended, observed = np.maximum(regret, solved[:, None]).T
        logs.append(np.log(recommended / observed))
    mean, low, high = mean_interval(np.array(logs))
    return list(np.exp(np.stack([mean, low, high], axis=1)))


def _picked(space: hpo.Space, trials: list[Mapping[str, Any]], marks: list[int]) -> list[list[float]]:
    """Value without noise of the recommended and of the best observed trial after so many, (marks, 2).

    A run that had nothing left to try before a mark stays as it ended.
    """
    study, values = hpo.Study(space), []
    for done, mark in pairwise([0, *marks]):
        for trial in trials[done:mark]:
            study.add_trial(trial["params"], trial["value"], trial["state"])
        values.append([trials[t.number]["noise_free"] for t in (study.recommend(), study.best_trial)])
    return values
