"""The regrets of a suite as tables on screen, as Markdown and as a page to look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.table import Table

from benchmarks.markdown import shown, table
from benchmarks.suites.functions import Array
from benchmarks.suites.regret import Regrets
from hpo.compare.figures import colours
from hpo.plots import CONFIG, INK, RULE

MARKS = (10, 20, 25, 30, 50, 100, 200, 500, 1000)
TPE = "tpe"

Rows = tuple[str, list[str], list[list[str]]]


def as_tables(result: Regrets, suite: str) -> list[Table]:
    """Tables for a terminal."""
    made = []
    for title, header, rows in _tables(result, suite):
        one = Table(title=title, title_justify="left")
        for column in header:
            one.add_column(column)
        for row in rows:
            one.add_row(*row)
        made.append(one)
    return made


def as_markdown(result: Regrets, suite: str) -> str:
    """The same tables, and the regret of each problem."""
    found = [*_tables(result, suite), _by_problem(result)]
    return "\n\n".join(f"**{title}**\n\n{table(header, rows)}" for title, header, rows in found) + "\n"


def as_page(result: Regrets, suite: str) -> str:
    """Geometric mean of the regret and mean rank against the number of trials, with intervals."""
    n = result.R.shape[-1]
    numbers = np.unique(np.round(np.geomspace(5, n, 40)).astype(int))
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.09)
    regret = [np.stack(result.geometric_mean(m, by=n)) for m in numbers]
    rank = [np.stack(result.mean_rank(m)) for m in numbers]
    colour = colours(result.searchers)
    for column, curves in ((1, np.array(regret)), (2, np.array(rank))):
        for i, name in enumerate(result.searchers):
            _curve(figure, column, name, colour[name], numbers, curves[:, :, i])
    ticks = result.marks((5, *MARKS))
    figure.update_xaxes(title="number of trials", type="log", gridcolor=RULE, tickvals=ticks)
    figure.update_yaxes(
        title=f"regret, random search after {n} trials = 1", type="log", gridcolor=RULE,
        tickvals=[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10], col=1,
    )  # fmt: skip
    figure.update_yaxes(title=f"mean rank among {len(result.searchers)} searchers", gridcolor=RULE, col=2)
    figure.update_layout(
        title=f"{suite}: {result.about}",
        template="plotly_white", height=620,
        font={"family": "system-ui, sans-serif", "color": INK, "size": 14},
        legend={"orientation": "h", "y": -0.18},
    )  # fmt: skip
    return str(figure.to_html(include_plotlyjs=True, config=CONFIG))


def _curve(figure: go.Figure, column: int, name: str, colour: str, x: Array, curves: Array) -> None:
    mean, low, high = curves.T
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
        line={"width": 0}, fillcolor=f"rgba({red},{green},{blue},0.10)", hoverinfo="skip", showlegend=False,
        legendgroup=name, row=1, col=column,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=mean, mode="lines", name=name, line={"color": colour, "width": 2.5}, legendgroup=name,
        showlegend=column == 1, row=1, col=column,
    )  # fmt: skip


def _tables(result: Regrets, suite: str) -> list[Rows]:
    n = result.R.shape[-1]
    marks = result.marks(MARKS)
    about = f"{len(result.problems)} {suite}, {result.R.shape[2]} paired seeds"
    tables = [
        _by_mark(f"Regret, random search at the same number of trials = 1; {about}",
                 result, marks, lambda m: result.geometric_mean(m)),
        _by_mark(f"Regret, random search after {n} trials = 1; {about}",
                 result, marks, lambda m: result.geometric_mean(m, by=n)),
        _by_mark(f"Mean rank among {len(result.searchers)}; {about}", result, marks, result.mean_rank),
    ]  # fmt: skip
    if "gp" in result.searchers and len(result.searchers) > 2:
        tables.append(_answers(result, marks))
    return [one for one in tables if one[2]]  # after few trials there is nothing to answer yet


def _by_mark(
    title: str, result: Regrets, marks: list[int], figures: Callable[[int], tuple[Array, Array, Array]]
) -> Rows:
    columns = [figures(m) for m in marks]
    order = np.argsort(columns[-1][0])
    rows = [
        [
            result.searchers[i],
            *(shown(mean[i], low[i], high[i]) for mean, low, high in columns),
        ]
        for i in order
    ]
    return title, ["searcher", *(f"{m} trials" for m in marks)], rows


def _answers(result: Regrets, marks: list[int]) -> Rows:
    """gp against the best of the others at each mark, and its first trials against TPE's last."""
    n = result.R.shape[-1]
    rows = []
    for mark in (m for m in marks if m >= 20):
        means = result.geometric_mean(mark)[0].copy()
        means[result.searchers.index("gp")] = np.inf
        best = result.searchers[int(np.argmin(means))]
        second, lead = result.lead(mark, "gp")
        ahead = f"{shown(*lead)} ranks ahead of {second}"
        rows.append([f"{mark} trials", *_ratios(result, mark, best), ahead])
    quarter = n // 4
    if TPE in result.searchers:
        rows.append([f"gp after {quarter}, tpe after {n}", *_ratios(result, quarter, TPE, n), ""])
    regrets = ["regret"] if result.tried is None else ["regret", "regret of the best one tried"]
    return "gp against the best of the others", ["", *regrets, "mean rank"], rows


def _ratios(result: Regrets, mark: int, other: str, other_mark: int | None = None) -> list[str]:
    """Of gp's regret to another's: by the best observed configuration, then by the best one tried."""
    found = [result] if result.tried is None else [result, result.tried]
    return [f"{shown(*one.ratio(mark, 'gp', other, other_mark))} of {other}'s" for one in found]


def _by_problem(result: Regrets) -> Rows:
    n = result.R.shape[-1]
    values = result.normalised(n)
    rows = [[name, *(f"{v:.3f}" for v in values[:, j])] for j, name in enumerate(result.problems)]
    return f"Regret of each problem after {n} trials, random search = 1", ["problem", *result.searchers], rows
