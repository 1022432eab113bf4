"""``python -m benchmarks parts``: what weight decay, dropout and batch normalisation are worth.

The network with none, one and all of them, each tuned with the same budget by gp: what a part is worth
is what it gives once everything around it is chosen with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import click
import numpy as np

import hpo
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.objective import Problem, make_mlp, mlp_space, prepared, split
from benchmarks.mnist.products import Array
from benchmarks.options import folder_of, jobs_option, said_plainly
from hpo.compare.curves import runs
from hpo.compare.digits import with_interval
from hpo.compare.statistics import Interval, interval, paired
from hpo.plots import BLUE, INK, RULE

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
    folder_of(out)
    folder = folder_of(into or out, "--into")  # before the searches: what is wrong with it shows now
    with said_plainly():
        _, y = load_mnist(data)
    problem = SameSize(data)
    tasks = {name: problem.task(variant_space(parts)) for name, parts in VARIANTS.items()}
    with said_plainly():
        comparison = hpo.compare(tasks, ["gp"], n_trials=trials, repeats=seeds, out=out, n_jobs=jobs)
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
        "searches with 95% bootstrap intervals."
    )
    table = as_markdown(columns)
    (folder / "parts.md").write_text(
        f"# What the parts of the network are worth\n\n{about}\n\n{table}\n![Their test errors](parts.svg)\n",
        encoding="utf-8",
    )
    (folder / "parts.svg").write_text(as_svg(columns), encoding="utf-8")
    click.echo(f"{about}\n\n{table}\nfigure: {folder / 'parts.svg'}")


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
    left, right, top, row = 170, 690, 20, 44
    values = np.concatenate(list(columns.test.values()))
    low, high = min(values), max(values)
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    foot = top + row * len(columns.test)

    def x(error: float) -> float:
        return left + float((error - low) / (high - low)) * (right - left)

    marks = []
    for tick in _ticks(low, high):
        marks.append(f'<path d="M{x(tick):.1f} {top}V{foot}" stroke="{RULE}"/>')
        marks.append(f'<text x="{x(tick):.1f}" y="{foot + 20}" text-anchor="middle">{tick:g}</text>')
    for i, (name, errors) in enumerate(columns.test.items()):
        y, found = top + row * (i + 0.5), interval(errors)
        marks.append(f'<text x="{left - 14}" y="{y + 5}" text-anchor="end">{escape(name)}</text>')
        marks += [f'<circle cx="{x(e):.1f}" cy="{y}" r="4" fill="{BLUE}" opacity="0.3"/>' for e in errors]
        if not np.isnan(found.low):  # few seeds have none
            line = f"M{x(found.low):.1f} {y}H{x(found.high):.1f}"
            marks.append(f'<path d="{line}" stroke="{BLUE}" stroke-width="2"/>')
        marks.append(f'<circle cx="{x(found.mean):.1f}" cy="{y}" r="6" fill="{BLUE}"/>')
    place = f'x="{(left + right) / 2}" y="{foot + 46}" text-anchor="middle"'
    marks.append(f"<text {place}>test error (%)</text>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right + 30}" height="{foot + 60}" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(marks)}</svg>\n'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, four to nine of them."""
    power = 10.0 ** np.floor(np.log10(high - low))
    step = next(s * power for s in (0.1, 0.2, 0.5, 1.0, 2.0) if (high - low) / (s * power) <= 9)
    return [float(round(k * step, 10)) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]


def _shown(x: Interval) -> str:
    return with_interval(x, ".2f")
