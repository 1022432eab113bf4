"""``python -m benchmarks mnist``: every searcher tunes a NumPy network on real digits."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

import hpo
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.headline import headline, write
from benchmarks.mnist.objective import SPACES, Problem, split
from benchmarks.options import folder_of, jobs_option, labels_of, said_plainly
from hpo.compare import Comparison
from hpo.compare.curves import runs
from hpo.searchers import SEARCHERS

ALL_SEARCHERS = ",".join(SEARCHERS)
N_REFITS = 5


@dataclass(frozen=True)
class Preset:
    """Size of a search; `repeats` is the number of seeds of a comparison."""

    n_trials: int
    repeats: int
    n_train: int
    n_validation: int
    max_epochs: int


PRESETS = {
    "smoke": Preset(6, 2, 500, 1_000, 12),
    "default": Preset(30, 10, 2_000, 5_000, 20),
    "full": Preset(12, 5, 10_000, 10_000, 20),
}
FULL_CNN_TRIALS = 24  # its seven parameters are less well known beforehand


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="default", show_default=True)
@click.option("--model", type=click.Choice(["mlp", "cnn"]), default="mlp", show_default=True)
@click.option("--data", default=None, help="Folder of the IDX files; --preset full needs all 70,000 digits.")
@click.option("--out", default=None, help="Folder of the results; finished runs in it are not repeated.")
@click.option("--searchers", default=None, help=f"Comma-separated; {ALL_SEARCHERS} by default. With --preset "
              "full: compare these instead of the headline.")  # fmt: skip
@click.option("--trials", type=click.IntRange(1), default=None, help="Budget of a run, not the preset's.")
@click.option("--seeds", type=click.IntRange(1), default=None, help="Paired runs, not the preset's.")
@click.option("--initial", type=click.IntRange(0), default=None, help="Random configurations that all share "
              "first, 10 or a third of the trials by default; 0: each begins as it likes.")  # fmt: skip
@jobs_option
def command(
    preset: str, model: str, data: str | None, out: str | None, searchers: str | None,
    trials: int | None, seeds: int | None, initial: int | None, jobs: int | None,
) -> None:  # fmt: skip
    """Compare grid, random, Gaussian process, genetic and TPE on MNIST and write the report.

    The preset "full" is the headline instead: one search by gp on all 70,000 digits, its choice refitted
    on 56,000 of them with five seeds and scored on the untouched 14,000.
    """
    labels = labels_of(ALL_SEARCHERS if searchers is None else searchers, SEARCHERS, "--searchers")
    is_headline = preset == "full" and searchers is None
    if is_headline:
        _refuse_those_of_a_comparison({"--seeds": seeds, "--initial": initial, "--jobs": jobs})
    if preset == "full" and data is None:
        raise click.UsageError("--preset full needs --data DIR, a folder of MNIST's four IDX files")
    size = PRESETS[preset]
    if model == "cnn" and preset == "full":
        size = replace(size, n_trials=FULL_CNN_TRIALS)
    size = replace(size, n_trials=trials or size.n_trials, repeats=seeds or size.repeats)
    network = "wide" if model == "mlp" and preset == "full" else model
    # The presets but for the full one are sized for the subset, so that everyone's figures compare.
    source = "subset" if data is None else data
    with said_plainly():  # which digits these are, and what is wrong with them, before any run
        _, y = load_mnist(source)
        split(y)
    if preset == "full" and len(y) != 70_000:
        raise click.UsageError(f"--data {data}: has {len(y):,} digits; --preset full needs all 70,000")
    problem = Problem(source, network, size.n_train, size.n_validation)
    space = SPACES[network](size.max_epochs)
    folder = folder_of(f"results/mnist-{model}-{preset}" if out is None else out)
    if is_headline:
        report = _headline(problem, space, size.n_trials, folder)
    else:
        report = _comparison(problem, space, size, labels, initial, folder, jobs)
    click.echo(f"report: {report}")


def _refuse_those_of_a_comparison(options: dict[str, int | None]) -> None:
    for option, given in options.items():
        if given is not None:
            raise click.UsageError(
                f"{option} {given}: must be left out with --preset full, which is one search in this "
                "process, or --searchers be given for a comparison"
            )


def _headline(problem: Problem, space: hpo.Space, n_trials: int, folder: Path) -> Path:
    with said_plainly():  # such as that every trial failed
        found = headline(problem, space, n_trials, N_REFITS)
    click.echo("\n".join(found.lines()))
    return write(found, folder)


def _comparison(
    problem: Problem,
    space: hpo.Space,
    size: Preset,
    searchers: list[str],
    n_initial: int | None,
    folder: Path,
    jobs: int | None,
) -> Path:
    tasks = {f"MNIST, {problem.model}": problem.task(space)}
    with said_plainly():  # such as results of another definition in the folder
        comparison = hpo.compare(
            tasks, searchers, n_trials=size.n_trials, repeats=size.repeats,
            n_initial=n_initial, out=str(folder), n_jobs=jobs,
        )  # fmt: skip
    for line in _quarter(comparison, next(iter(tasks))):
        click.echo(line)
    return comparison.report(folder / "report.html")


def _quarter(comparison: Comparison, task: str) -> list[str]:
    """gp after a quarter of its trials beside tpe after all: mean best value, and seeds that gp wins.

    Nothing where the quarter holds only the first trials, which all searchers share.
    """
    best = {name: run.best for name, run in runs(comparison, task).items()}
    if not {"gp", "tpe"} <= best.keys():
        return []
    n = best["tpe"].shape[1]
    quarter = n // 4
    if quarter <= comparison.plan["n_initial"]:
        return []
    early, late = best["gp"][:, quarter - 1], best["tpe"][:, -1]
    return [
        f"gp after {quarter} trials {early.mean():.4f}, tpe after {n} {late.mean():.4f}; "
        f"gp is ahead with {int((early < late).sum())} of {len(late)} seeds"
    ]
