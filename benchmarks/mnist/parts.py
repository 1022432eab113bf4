"""``python -m benchmarks parts``: what weight decay, dropout and batch normalisation are worth.

The network with none, one and all of them, each tuned with the same budget by gp: what a part is worth
is what it gives once everything around it is chosen with it.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

import hpo
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.objective import Problem, mlp_space
from hpo.compare.curves import runs
from hpo.compare.statistics import Interval, interval, paired
from hpo.plots import BLUE, styled

REGULARISERS = ("weight_decay", "dropout", "batch_norm")
VARIANTS = {
    "none": (),
    "weight decay": ("weight_decay",),
    "dropout": ("dropout",),
    "batch normalisation": ("batch_norm",),
    "all": REGULARISERS,
}


@click.command()
@click.option(
    "--data", default="subset", show_default=True, help="Folder of IDX files, or the shipped subset."
)
@click.option("--trials", type=click.IntRange(3), default=25, show_default=True)
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--out", default="results/parts", show_default=True, help="Finished runs are not repeated.")
@click.option("--jobs", type=int, default=None, help="Runs at a time; one a core by default.")
def command(data: str, trials: int, seeds: int, out: str, jobs: int | None) -> None:
    """Tune the network with none, one and all of its regularisers; a table and a figure."""
    load_mnist(data)
    problem = Problem(data)
    tasks = {name: problem.task(variant_space(parts)) for name, parts in VARIANTS.items()}
    comparison = hpo.compare(tasks, ["gp"], n_trials=trials, repeats=seeds, out=out, n_jobs=jobs)
    groups = {name: runs(comparison, name)["gp"] for name in VARIANTS}
    errors = {name: group.final for name, group in groups.items()}
    tests = {name: 100 - group.test["test accuracy"] for name, group in groups.items()}
    seconds = {name: group.training[:, -1] for name, group in groups.items()}
    table = as_markdown(errors, tests, seconds)
    folder = Path(out)
    about = f"{trials} trials of gp each, {seeds} paired seeds; 95% bootstrap intervals over seeds."
    (folder / "parts.md").write_text(f"{about}\n\n{table}", encoding="utf-8")
    (folder / "parts.html").write_text(as_page(errors), encoding="utf-8")
    click.echo(f"{about}\n\n{table}\nfigure: {folder / 'parts.html'}")


def variant_space(parts: tuple[str, ...]) -> hpo.Space:
    """The space of the network with only these of its regularisers; one that is on may not be off."""
    parameters = dict(mlp_space(20).parameters)
    for name in REGULARISERS:
        if name not in parts:
            del parameters[name]
    if "batch_norm" in parts:
        parameters["batch_norm"] = hpo.Categorical([True])
    return hpo.Space(parameters)


def as_markdown(
    errors: dict[str, np.ndarray], tests: dict[str, np.ndarray], seconds: dict[str, np.ndarray]
) -> str:
    """A row a variant: errors in %, the paired difference from "none", seconds of training."""
    lines = [
        "| | validation error (%) | less 'none' | test error, refitted (%) | training in a search (s) |",
        "|---|---|---|---|---|",
    ]
    for name, values in errors.items():
        difference = "–" if name == "none" else _shown(paired(values, errors["none"]).difference)
        lines.append(
            f"| {name} | {_shown(interval(values))} | {difference} | {_shown(interval(tests[name]))} "
            f"| {interval(seconds[name]).mean:.0f} |"
        )
    return "\n".join(lines) + "\n"


def as_page(errors: dict[str, np.ndarray]) -> str:
    """Validation error of each variant with its interval."""
    import plotly.graph_objects as go

    found = {name: interval(values) for name, values in errors.items()}
    figure = go.Figure()
    for name, values in errors.items():
        figure.add_scatter(
            x=values, y=[name] * len(values), mode="markers", showlegend=False,
            marker={"color": BLUE, "opacity": 0.35, "size": 7},
        )  # fmt: skip
    figure.add_scatter(
        x=[i.mean for i in found.values()], y=list(found), mode="markers",
        marker={"color": BLUE, "size": 13, "symbol": "diamond"}, showlegend=False,
        error_x={
            "type": "data", "symmetric": False,
            "array": [i.high - i.mean for i in found.values()],
            "arrayminus": [i.mean - i.low for i in found.values()],
        },
    )  # fmt: skip
    styled(figure, "validation error (%) of the best configuration", "")
    figure.update_layout(height=380, width=900, margin={"l": 170})
    figure.update_yaxes(autorange="reversed")
    return str(figure.to_html(include_plotlyjs=True))


def _shown(x: Interval) -> str:
    return f"{x.mean:.2f} [{x.low:.2f}, {x.high:.2f}]"
