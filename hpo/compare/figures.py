"""Figures of a comparison, one colour a searcher throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from hpo.axes import literal, names_in_two_lines, wrapped
from hpo.compare.curves import Array, Runs, by_time
from hpo.compare.digits import column
from hpo.compare.statistics import Interval, mean_interval
from hpo.plots import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, styled

KNOWN = {"gp": BLUE, "tpe": VERMILION, "genetic": GREEN, "grid": PURPLE, "random": GREY}
SPARE = (ORANGE, SKY, "#332288", "#882255", "#117733", "#AA4499", "#661100", "#6699CC", "#999933")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
# Characters in a line of a tick label, and of the titles below and beside a plot.
NARROW, WIDE, HIGH = 16, 30, 44


def colours(searchers: Sequence[str]) -> dict[str, str]:
    """Colour of each searcher: its own where it is a known one, else the next spare."""
    spare = iter(SPARE * (1 + len(searchers) // len(SPARE)))
    return {name: KNOWN.get(name) or next(spare) for name in searchers}


def against_trials(groups: Mapping[str, Runs], metric: str) -> go.Figure:
    """Mean best-so-far after each trial, with the interval over seeds."""
    figure = go.Figure()
    for name, group in groups.items():
        numbers = np.arange(1, group.best.shape[1] + 1, dtype=float)
        _curve(figure, name, list(groups), numbers, _finished(group.best, group))
    return _scaled(styled(figure, "number of trials", wrapped(f"best so far: {metric}", HIGH)))


def against_time(groups: Mapping[str, Runs], metric: str) -> go.Figure:
    """Mean best-so-far against the time spent training and searching, with the interval over seeds."""
    totals = [group.total[~np.isnan(group.total).any(axis=1)] for group in groups.values()]
    ends = [float(np.max(total[:, -1])) for total in totals if len(total)]
    starts = [float(np.min(total[:, 0])) for total in totals if len(total)]
    figure = go.Figure()
    styled(figure, "time of training and searching (s)", wrapped(f"best so far: {metric}", HIGH))
    if not ends:
        return figure
    is_log = max(ends) > 30 * min(ends)
    for name, group in groups.items():
        own = group.total[~np.isnan(group.total).any(axis=1)]
        if not len(own):
            continue
        # To the end of the slowest run, where the curve has come down to the final mean.
        end, start = float(np.max(own[:, -1])), max(min(starts), 1e-9)
        times = np.geomspace(start, max(start, end), 160) if is_log else np.linspace(0, end, 160)
        values = _finished(by_time(group, times), group)
        _curve(figure, name, list(groups), times, values)
    if is_log:
        figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    return _scaled(figure)


def final_distribution(groups: Mapping[str, Runs], metric: str) -> go.Figure:
    """Final value of every seed, one dot each, with quartiles."""
    figure = go.Figure()
    for name, group in groups.items():
        colour = colours(list(groups))[name]
        figure.add_box(
            x=group.final[~np.isnan(group.final)], name=literal(name), boxpoints="all", jitter=0.6,
            pointpos=0,
            marker={"color": colour, "size": 6, "opacity": 0.75}, line={"color": colour, "width": 1.5},
            fillcolor=_pale(colour, 0.12), hoverinfo="x",
        )  # fmt: skip
    return _rows(figure, f"final {metric}", list(groups))


def differences(
    means: Mapping[str, Interval], per_seed: Mapping[str, Array], title: str, searchers: Sequence[str]
) -> go.Figure:
    """Paired difference from the baseline: each seed faintly, the mean with its interval on top."""
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    for name, difference in means.items():
        colour = colours(searchers)[name]
        row = literal(name)
        figure.add_scatter(
            x=per_seed[name], y=[row] * len(per_seed[name]), mode="markers", hoverinfo="x",
            marker={"color": _pale(colour, 0.6), "size": 9, "symbol": "line-ns-open"},
        )  # fmt: skip
        mean, low, high = difference.mean, difference.low, difference.high
        known = not math.isnan(low)
        (said,) = column([difference], signed=True)
        figure.add_scatter(
            x=[mean], y=[row], mode="markers", marker={"color": colour, "size": 12, "symbol": "diamond"},
            error_x={"type": "data", "symmetric": False, "array": [high - mean if known else 0],
                     "arrayminus": [mean - low if known else 0], "color": colour, "thickness": 3, "width": 7},
            hovertemplate=f"{said}<extra>{row}</extra>",
        )  # fmt: skip
    return _rows(figure, title, list(means))


def time_spent(groups: Mapping[str, Runs], kind: str) -> go.Figure:
    """Mean seconds of a run spent ``"training"`` or ``"searching"``, with the interval over seeds."""
    figure = go.Figure()
    for name, group in groups.items():
        ends = (group.training if kind == "training" else group.searching)[:, -1]
        mean, low, high = (float(x) for x in mean_interval(ends[~np.isnan(ends)]))
        bars = {"type": "data", "symmetric": False, "array": [high - mean], "arrayminus": [mean - low]}
        figure.add_bar(
            x=[mean], y=[literal(name)], orientation="h", marker_color=colours(list(groups))[name],
            error_x={**bars, "color": INK, "thickness": 1.5, "width": 5} if not math.isnan(low) else None,
            hovertemplate="%{x:.3g} s<extra></extra>",
        )  # fmt: skip
    return _rows(figure, f"time {kind} in one run (s)", list(groups)).update_xaxes(rangemode="tozero")


def ranks(mean: Mapping[str, Interval]) -> go.Figure:
    """Mean rank of each searcher over tasks, with its interval over tasks."""
    figure, names = go.Figure(), list(mean)
    for name, rank in mean.items():
        colour = colours(names)[name]
        figure.add_scatter(
            x=[rank.mean], y=[literal(name)], mode="markers",
            marker={"color": colour, "size": 12, "symbol": "diamond"},
            error_x={"type": "data", "symmetric": False, "array": [np.nan_to_num(rank.high - rank.mean)],
                     "arrayminus": [np.nan_to_num(rank.mean - rank.low)], "color": colour, "thickness": 3,
                     "width": 7},
        )  # fmt: skip
    return _rows(figure, "mean rank (1 is best)", names)


def is_empty(figure: go.Figure) -> bool:
    """Whether there is nothing to see: no number, or none that is known."""
    return not any(_is_seen(trace.x) and _is_seen(trace.y) for trace in figure.data)


def _is_seen(coordinates: Sequence[float | str] | None) -> bool:
    if coordinates is None:  # boxes have a name instead
        return True
    return any(isinstance(x, str) or math.isfinite(x) for x in coordinates)


def _finished(values: Array, group: Runs) -> Array:
    """Rows of the seeds that were run and found anything."""
    return values[~np.isnan(group.final)]


def _curve(figure: go.Figure, name: str, searchers: Sequence[str], x: Array, values: Array) -> None:
    colour = colours(searchers)[name]
    known_first = [*KNOWN, *(s for s in searchers if s not in KNOWN)]
    dash = DASHES[known_first.index(name) % len(DASHES)]
    mean, low, high = mean_interval(values)
    known = ~np.isnan(low)
    figure.add_scatter(
        x=np.concatenate([x[known], x[known][::-1]]), y=np.concatenate([high[known], low[known][::-1]]),
        fill="toself", fillcolor=_pale(colour, 0.14), line={"width": 0}, mode="lines", hoverinfo="skip",
    )  # fmt: skip
    # Of one point, after one trial, there is no line to be seen.
    mode = "lines" if len(np.unique(x[~np.isnan(mean)])) > 1 else "markers"
    figure.add_scatter(
        x=x, y=mean, mode=mode, name=literal(name), marker={"color": colour, "size": 8},
        line={"color": colour, "width": 2.5, "dash": dash},
        hovertemplate="%{y:.4g}<extra>" + literal(name) + "</extra>",
    )  # fmt: skip


def _scaled(figure: go.Figure) -> go.Figure:
    """Value axis for what follows the first sixth of each curve; logarithmic where that spans a decade.

    The first trials are often so much worse that drawing them in full would flatten all that follows.
    """
    drawn = [(np.asarray(t.x, dtype=float), np.asarray(t.y, dtype=float)) for t in figure.data]
    values = np.concatenate([y[x >= x.max(initial=0.0) / 6] for x, y in drawn] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if not values.size or values.min() == values.max():
        return figure
    low, high = float(values.min()), float(values.max())
    if not (low > 0 and high > 10 * low):
        margin = 0.05 * (high - low)
        return figure.update_yaxes(range=[low - margin, high + margin])
    start, end = math.log10(low), math.log10(high)
    digits = (1, 2, 5) if end - start < 3 else (1,)
    stride = max(1, math.ceil((end - start) / 8))
    decades = range(math.floor(start), min(math.ceil(end), 307) + 1, stride)  # five times the last is a float
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    margin = 0.05 * (end - start)
    return figure.update_yaxes(
        type="log", range=[start - margin, end + margin], tickvals=ticks, ticktext=[f"{t:g}" for t in ticks]
    )


def _rows(figure: go.Figure, title: str, names: Sequence[str]) -> go.Figure:
    """A row a name, the first on top, in looks that leave the plot most of a narrow window."""
    title = wrapped(title, WIDE)
    below = 18 * title.count("<br>")  # else further lines of the title would take the room of the rows
    styled(figure, title, "").update_layout(height=110 + 46 * len(names) + below)
    figure.update_yaxes(
        autorange="reversed", type="category",
        tickvals=[literal(name) for name in names], ticktext=names_in_two_lines(names, NARROW),
    )  # fmt: skip
    return figure.update_xaxes(nticks=5)


def _pale(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
