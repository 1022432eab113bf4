"""``python -m benchmarks genetic``: the genetic searcher at its own game, 200 to 2,000 cheap trials.

Every problem of both suites, each searcher with the same seeds: a noisy problem shows all of them the
same noise. Optuna's samplers run in studies of Optuna's own, told of one trial after another, which is
both what their authors ship and six times quicker than rebuilding a study for every suggestion. Hence
not by `hpo.compare`, whose records of a thousand trials also are 300 kB a run: regrets alone are kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np

import hpo
from benchmarks.markdown import shown, table
from benchmarks.options import folder_of, jobs_option, labels_of, names_with, said_plainly
from benchmarks.suites.collection import functions
from benchmarks.suites.functions import Array
from benchmarks.suites.kept import Part, definition, kept
from benchmarks.suites.peers import installed
from benchmarks.suites.problem import Problem
from benchmarks.suites.regret import Regrets, random_regret
from benchmarks.suites.tables import tables
from hpo.compare.curves import incumbents
from hpo.compare.statistics import mean_interval

MARKS = (100, 200, 500, 1000, 2000)
OURS = "genetic"
OWN: dict[str, Callable[[int], hpo.Searcher]] = {
    OURS: lambda n: hpo.GeneticSearcher(n_trials=n),
    "random": lambda _: hpo.RandomSearcher(),
}
# Optuna's sampler, and the libraries that it takes.
PEERS = {"optuna-nsgaii": ("NSGAIISampler", "optuna"), "optuna-cmaes": ("CmaEsSampler", "optuna", "cmaes")}
LABELS = (OURS, *PEERS, "random")

Evaluations = list[dict[str, Any]]


@click.command()
@click.option("--trials", type=click.IntRange(MARKS[0]), default=1000, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Paired runs.")
@click.option("--problems", default=None, help="Parts of names, comma-separated; all by default.")
@click.option("--searchers", default=",".join(LABELS), show_default=True, help="Comma-separated.")
@click.option("--out", default="results/genetic", show_default=True, help="Finished runs are not repeated.")
@jobs_option
def command(
    trials: int, seeds: int, problems: str | None, searchers: str, out: str, jobs: int | None
) -> None:
    """The genetic searcher beside Optuna's NSGA-II and CMA-ES on both suites; writes genetic.md."""
    labels = installed(labels_of(searchers, LABELS, "--searchers"))
    found: dict[str, Problem] = {**functions(), **tables()}
    chosen = {name: found[name] for name in names_with(problems, found, "--problems")}
    folder = folder_of(out)
    with said_plainly():
        text = as_markdown(_measured(labels, chosen, trials, seeds, folder, jobs))
    (folder / "genetic.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _measured(
    labels: Sequence[str],
    problems: Mapping[str, Problem],
    trials: int,
    seeds: int,
    folder: Path,
    jobs: int | None,
) -> Regrets:
    parts = []
    about = {name: definition(problem) for name, problem in problems.items()}
    for label, (name, problem), seed in product(labels, problems.items(), range(seeds)):
        file = folder / "runs" / name / label / f"{seed}.json"
        of = {"n_trials": trials, "seed": seed, **about[name], **_described(label, trials)}
        parts.append(Part(file, of, partial(regret, label, problem, trials, seed)))
    R = np.array(kept(parts, "runs", jobs)).reshape(len(labels), len(problems), seeds, trials)
    return Regrets(labels, list(problems), R, random_regret(problems, trials, folder / "random", jobs))


def _described(label: str, trials: int) -> dict[str, Any]:
    """A searcher by its options, a peer by the versions of its libraries too."""
    if label not in PEERS:
        return {"searcher": repr(OWN[label](trials))}
    sampler, *libraries = PEERS[label]
    return {"searcher": sampler, "libraries": {name: version(name) for name in libraries}}


def regret(label: str, problem: Problem, trials: int, seed: int) -> Array:
    """Noise-free value of the best observed configuration minus the optimum, after each trial; NaN: none."""
    evaluations: Evaluations = []

    def objective(params: dict[str, Any]) -> float | None:
        try:
            value = problem.observe(params, seed)
        except FloatingPointError:
            value = None
        evaluations.append({"value": value, "noise_free": problem.truth(params)})
        return value

    if label in PEERS:
        _run_optuna(PEERS[label][0], problem.space, objective, trials, seed)
    else:
        searcher = OWN[label](trials)
        hpo.minimize(objective, problem.space, searcher=searcher, n_trials=trials, seed=seed, progress=False)
    return np.maximum(incumbents(evaluations, "minimize") - problem.optimum, 0.0)


def _run_optuna(
    sampler: str, space: hpo.Space, objective: Callable[[dict[str, Any]], Any], trials: int, seed: int
) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a sampler that cannot model every parameter together
        study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed))
        for _ in range(trials):
            trial = study.ask()
            value = objective(hpo.OptunaSearcher.suggested(space, trial))
            study.tell(trial, value, state=optuna.trial.TrialState.FAIL if value is None else None)


def as_markdown(result: Regrets) -> str:
    """Mean rank, regret, and how far the genetic searcher is ahead of each of the others."""
    marks = result.marks(MARKS)
    names = result.searchers
    parts = [
        f"{result.about}.",
        _table(f"Mean rank among {len(names)}", names, [result.mean_rank(m) for m in marks], marks),
        _table(
            "Regret, random search at the same number of trials = 1",
            names,
            [result.geometric_mean(m) for m in marks],
            marks,
        ),
    ]
    if OURS in names:
        ahead = [_ahead(result, m) for m in marks]
        parts.append(_table(f"Ranks that {OURS} is ahead", names, ahead, marks))
    return "\n\n".join(parts) + "\n"


def _ahead(result: Regrets, mark: int) -> tuple[Array, Array, Array]:
    """Each searcher's mean rank minus the genetic searcher's, with its interval over problems."""
    ranks = result.ranks(mark)
    return mean_interval((ranks - ranks[result.searchers.index(OURS)]).T)


def _table(
    title: str,
    names: Sequence[str],
    columns: Sequence[tuple[Array, Array, Array]],
    marks: Sequence[int],
) -> str:
    rows = [
        [name, *(shown(mean[i], low[i], high[i]) for mean, low, high in columns)]
        for i, name in enumerate(names)
    ]
    return f"**{title}**\n\n" + table(["", *(f"{m} trials" for m in marks)], rows)
