"""``python -m benchmarks mnist``: every searcher tunes a NumPy network on real digits."""

from dataclasses import dataclass

import click

import hpo
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.objective import Problem, cnn_space, mlp_space, wide_space


@dataclass(frozen=True)
class Preset:
    """Size of a comparison; `max_epochs` bounds the cost of one training."""

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


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="default", show_default=True)
@click.option("--model", type=click.Choice(["mlp", "cnn"]), default="mlp", show_default=True)
@click.option("--data", default=None, help="Folder of the IDX files; --preset full needs all 70,000 digits.")
@click.option("--out", default=None, help="Folder of the results; finished runs in it are not repeated.")
@click.option("--searchers", default="grid,random,gp,genetic,tpe", show_default=True, help="Comma-separated.")
@click.option("--jobs", type=int, default=None, help="Runs at a time; one a core by default.")
def command(
    preset: str, model: str, data: str | None, out: str | None, searchers: str, jobs: int | None
) -> None:
    """Compare grid, random, Gaussian process, genetic and TPE on MNIST and write the report."""
    if preset == "full" and data is None:
        raise click.UsageError("--preset full needs --data DIR, a folder of MNIST's four IDX files")
    size = PRESETS[preset]
    if model == "cnn":
        network, space = "cnn", cnn_space(min(12, size.max_epochs))
    elif preset == "full":
        network, space = "wide", wide_space()
    else:
        network, space = "mlp", mlp_space(size.max_epochs)
    # The presets but for the full one are sized for the subset, so that everyone's figures compare.
    source = data or "subset"
    try:
        load_mnist(source)  # says which digits these are, and finds what is wrong with them before any run
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    problem = Problem(source, network, size.n_train, size.n_validation)
    folder = out or f"results/mnist-{model}-{preset}"
    name = f"MNIST, {network}"
    tasks = {name: problem.task(space)}
    try:
        comparison = hpo.compare(
            tasks, searchers.split(","), n_trials=size.n_trials, repeats=size.repeats, out=folder, n_jobs=jobs
        )
    except ValueError as error:  # such as results of another definition in the folder
        raise click.ClickException(str(error)) from error
    report = comparison.report(f"{folder}/report.html")
    click.echo(f"report: {report}")
