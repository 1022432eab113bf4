"""``python -m benchmarks parts``: what weight decay, dropout and batch normalisation are worth.

The network with none, one and all of them, each tuned with the same budget by gp: what a part is worth
is what it gives once everything around it is chosen with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

import hpo
from benchmarks import forest_plot
from benchmarks.forest_plot import Marks, Panel
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.objective import Problem, make_mlp, mlp_space, prepared, split
from benchmarks.mnist.products import Array
from benchmarks.options import folder_of, jobs_option, said_plainly
from hpo.compare import Comparison
from hpo.compare.curves import runs
from hpo.compare.digits import with_interval
from hpo.compare.statistics import FEWEST, Interval, interval, paired
from hpo.plots import BLUE

N_REFITS = 5
REGULARISERS = ("weight_decay", "dropout", "batch_norm")
VARIANTS = {
    "none": (),
    "weight decay": ("weight_decay",),
    "dropout": ("dropout",),
    "batch normalisation": ("batch_norm",),
    "all": REGULARISERS,
}


class SameSize(Problem):
    """Tests networks that are trained as in the search: what suits few digits need not suit many."""

    def test(self, params: dict[str, Any], seed: int = 0) -> dict[str, float]:
        """Mean accuracy of five networks on the test part in %, and CPU seconds to train one."""
        X, y, (train, _, _, test) = prepared(self)
        begin = time.process_time()
        seeds = range(N_REFITS * seed, N_REFITS * (seed + 1))
        models = [make_mlp(params, random_state=s).fit(X[train], y[train]) for s in seeds]
        seconds = (time.process_time() - begin) / N_REFITS
        accuracy = np.mean([model.score(X[test], y[test]) for model in models])
        return {"test accuracy": 100 * float(accuracy), "CPU seconds": seconds}


@click.command()
@click.option(
    "--data", default="subset", show_default=True, help="Folder of IDX files, or the shipped subset."
)
@click.option("--trials", type=click.IntRange(3), default=25, show_default=True)
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--out", default="results/parts", show_default=True, help="Finished runs are not repeated.")
@click.option("--into", default=None, help="Folder of parts.md and parts.svg; that of the runs by default.")
@jobs_option
def command(data: str, trials: int, seeds: int, out: str, into: str | None, jobs: int | None) -> None:
    """Tune the network with none, one and all of its regularisers; a table and a figure."""
    with said_plainly():
        _, y = load_mnist(data)
    folder_of(out)
    folder = folder_of(out if into is None else into, "--into")  # before the searches
    problem = SameSize(data)
    tasks = {name: problem.task(variant_space(parts)) for name, parts in VARIANTS.items()}
    with said_plainly():
        comparison = hpo.compare(tasks, ["gp"], n_trials=trials, repeats=seeds, out=out, n_jobs=jobs)
        _check_tested(comparison)
    groups = {name: runs(comparison, name)["gp"] for name in VARIANTS}
    columns = Columns(
        validation={name: group.final for name, group in groups.items()},
        test={name: 100 - group.test["test accuracy"] for name, group in groups.items()},
        seconds={name: group.test["CPU seconds"] for name, group in groups.items()},
    )
    _, test = split(y)
    about = (
        f"{trials} trials of gp each, {seeds} paired seeds. A network is trained on {problem.n_train:,} "
        f"digits and validated on {problem.n_validation:,}; the best configuration of a search is trained "
        f"{N_REFITS} times more and tested on {len(test):,} digits, which nothing has seen. Means over "
        f"searches{' with 95% bootstrap intervals' if seeds >= FEWEST else '; too few for intervals'}."
    )
    table = as_markdown(columns)
    (folder / "parts.md").write_text(
        f"# What the parts of the network are worth\n\n{about}\n\n{table}\n![Their test errors](parts.svg)\n",
        encoding="utf-8",
    )
    (folder / "parts.svg").write_text(as_svg(columns), encoding="utf-8")
    click.echo(f"{about}\n\n{table}\nfigure: {folder / 'parts.svg'}")


def _check_tested(comparison: Comparison) -> None:
    """Raise a RuntimeError if a search has no test error: the means would be of fewer than is said."""
    for cell in comparison.cells:
        if not cell["test"]:
            why = cell["test_failure"] or "no trial has a value"
            raise RuntimeError(
                f"{cell['task']}, seed {cell['seed']}: what was found could not be tested ({why}); "
                "another --out runs it anew"
            )


@dataclass(frozen=True)
class Columns:
    """What was found: for each variant an entry a seed; errors in %, CPU seconds of a training."""

    validation: dict[str, Array]
    test: dict[str, Array]
    seconds: dict[str, Array]


def variant_space(parts: tuple[str, ...]) -> hpo.Space:
    """The space of the network with only these of its regularisers; one that is on may not be off."""
    parameters = dict(mlp_space(20).parameters)
    for name in REGULARISERS:
        if name not in parts:
            del parameters[name]
    if "batch_norm" in parts:
        parameters["batch_norm"] = hpo.Categorical([True])
    return hpo.Space(parameters)


def as_markdown(columns: Columns) -> str:
    """A row a variant, with the paired difference of its test error from that of "none"."""
    lines = [
        "| | validation error (%) | test error (%) | less that of 'none' | CPU time of a training (s) |",
        "|---|---|---|---|---|",
    ]
    base = columns.test["none"]
    for name, errors in columns.test.items():
        difference = "–" if name == "none" else _shown(paired(errors, base).difference)
        lines.append(
            f"| {name} | {_shown(interval(columns.validation[name]))} | {_shown(interval(errors))} "
            f"| {difference} | {interval(columns.seconds[name]).mean:.2f} |"
        )
    return "\n".join(lines) + "\n"


def as_svg(columns: Columns) -> str:
    """Test error of each seed (pale), and mean and interval, a row a variant."""
    estimates = {name: interval(errors) for name, errors in columns.test.items()}
    points = {name: errors.tolist() for name, errors in columns.test.items()}
    panel = Panel("test error (%)", [Marks(BLUE, estimates, points)])
    return forest_plot.as_svg([panel], 44)


def _shown(x: Interval) -> str:
    return with_interval(x, ".2f")
