"""Figures of a study (plotly), and the looks that they share with the report of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from hpo.axes import (
    axis,
    choice_names,
    literal,
    names_in_two_lines,
    parallel_axis,
    parallel_value_axis,
    short,
    two_lines,
    value_axis,
)
from hpo.checks import whole
from hpo.study import Study
from hpo.trial import Array, Trial, TrialState

try:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots
except ModuleNotFoundError as error:
    raise ImportError("figures need plotly: pip install plotly") from error

INK, FAINT, RULE = "#1a1a1a", "#6b7280", "#e5e7eb"
# M. Okabe and K. Ito, "Color Universal Design" (2008), without its yellow, which is pale on white.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
GREY = "#7f7f7f"
MOST_AXES = 60  # plotly leaves out those beyond, without a word
CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False}


def history(study: Study) -> go.Figure:
    """Value of each trial, and the best so far, against the trial's number."""
    trials = _complete(study)
    numbers = [t.number for t in trials]
    values = np.array([t.value for t in trials], dtype=float)
    so_far = np.minimum.accumulate(values) if study.direction == "minimize" else np.maximum.accumulate(values)
    figure = go.Figure()
    figure.add_scatter(
        x=numbers, y=values, mode="markers", name="trial", marker={"color": SKY, "size": 8},
        text=[_hover_text(t) for t in trials], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=numbers, y=so_far, mode="lines", name="best so far", line={"color": BLUE, "width": 3, "shape": "hv"}
    )
    return styled(figure, "trial number", "objective value", legend=True).update_yaxes(value_axis(trials))


def parallel_coordinates(study: Study) -> go.Figure:
    """One line a trial over all parameters to its value, which colours it; inactive ones stand at the foot.

    Of more than 8 parameters the figure is wider than a window.

    Raises
    ------
    ValueError
        If no trial is complete, or there are more than 59 parameters.
    """
    trials = _complete(study)
    if len(study.space) + 1 > MOST_AXES:
        raise ValueError(
            f"study: has {len(study.space)} parameters; this figure has room for {MOST_AXES - 1}"
        )
    axes = [parallel_axis(*p, u) for p, u in zip(study.space.parameters.items(), _encoded(study, trials).T)]
    left = max(80, 20 + 6 * max(map(len, axes[0]["ticktext"])))
    value = parallel_value_axis(trials)
    bar = {
        "title": {"text": "objective value", "side": "right"},
        "tickvals": value.get("tickvals"), "ticktext": value.get("ticktext"),
    }  # fmt: skip
    line = {
        "color": value["values"], "colorscale": "Cividis", "reversescale": study.direction == "minimize",
        "colorbar": bar,
    }  # fmt: skip
    # With the value as an axis there is a line to see where there is one parameter only.
    figure = go.Figure(go.Parcoords(dimensions=[*axes, value], line=line))
    return styled(figure, "", "").update_layout(
        margin={"l": left, "r": 40, "t": 70, "b": 40},
        width=None if len(axes) <= 8 else left + 120 * len(axes),
    )


def slices(study: Study, columns: int = 3) -> go.Figure:
    """Value against each parameter, a panel each in so many columns, coloured by the trial's number."""
    most = whole("columns", columns, 1)
    trials = _complete(study)
    names = study.space.names
    n_columns = min(most, len(names))
    n_rows = -(-len(names) // n_columns)
    # Names of choices are turned where they are many or long: the next row begins below them.
    above = list(study.space.parameters.values())[: (n_rows - 1) * n_columns]
    widest = max((len(c) for p in above if hasattr(p, "choices") for c in choice_names(p)), default=0)
    gap = 60 + 6 * widest
    height = 196 * n_rows + gap * (n_rows - 1)
    figure = make_subplots(
        rows=n_rows, cols=n_columns, shared_yaxes=True, horizontal_spacing=min(0.04, 0.5 / n_columns),
        vertical_spacing=gap / height if n_rows > 1 else 0,
    )  # fmt: skip
    for j, name in enumerate(names):
        having = [t for t in trials if name in t.params]
        parameter = study.space.parameters[name]
        xs = [t.params[name] for t in having]
        if hasattr(parameter, "choices"):
            choices = choice_names(parameter)
            xs = [choices[int(parameter.number(x))] for x in xs]
        marker = {"color": [t.number for t in having], "coloraxis": "coloraxis", "size": 8}
        place = {"row": j // n_columns + 1, "col": j % n_columns + 1}
        figure.add_scatter(x=xs, y=[t.value for t in having], mode="markers", marker=marker, **place)
        figure.update_xaxes(title_text=two_lines(name, 20), title_font_size=13, **axis(parameter), **place)
        if j % n_columns == 0:
            figure.update_yaxes(title_text="objective value", **place)
    # One scale of colours for all panels: those of parameters that not every trial has hold fewer numbers.
    bar = {"title": {"text": "trial number", "side": "right"}}
    colours = {"colorscale": "Cividis", "reversescale": True, "colorbar": bar}
    styled(figure, None, None).update_layout(height=174 + height, coloraxis=colours)
    return figure.update_yaxes(value_axis(trials))


def importance(study: Study) -> go.Figure:
    """How much of the value each parameter explains.

    Permutation importance (L. Breiman, 2001) in a random forest fitted to the complete trials: the
    loss of R² when a parameter is shuffled, as a share of the sum over all of them.

    Raises
    ------
    ValueError
        If fewer than 4 trials are complete.
    """
    trials = _complete(study, at_least=4)
    U = np.nan_to_num(_encoded(study, trials), nan=-0.5)
    y = np.array([t.value for t in trials], dtype=float)
    y /= np.abs(y).max() or 1.0  # the squares of large values overflow; shares have no scale
    forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=0).fit(U, y)
    drops = permutation_importance(forest, U, y, n_repeats=20, random_state=0).importances_mean
    shares = 100 * np.maximum(drops, 0) / max(float(np.maximum(drops, 0).sum()), 1e-300)
    order = np.argsort(shares)
    names = [study.space.names[j] for j in order]
    rows = [literal(name) for name in names]
    figure = go.Figure(
        go.Bar(
            x=shares[order], y=rows, orientation="h",
            marker_color=BLUE, text=[f"{shares[j]:.0f}%" for j in order], textposition="outside",
            cliponaxis=False,
        )
    )  # fmt: skip
    styled(figure, "share of the explained variation (%)", "").update_layout(height=120 + 36 * len(order))
    # A name may look like a number.
    return figure.update_yaxes(type="category", tickvals=rows, ticktext=names_in_two_lines(names, 24))


def timeline(study: Study) -> go.Figure:
    """When each trial ran, coloured by how it ended."""
    colours = {"complete": BLUE, "pruned": ORANGE, "failed": VERMILION, "cancelled": GREY}
    _check(study)
    timed = [t for t in study.trials if t.started is not None and t.seconds is not None]
    if not timed:
        raise ValueError(f"timeline: none of the {len(study.trials)} trials has run")
    begin = min(t.started for t in timed if t.started is not None)
    figure = go.Figure()
    for state, colour in colours.items():
        group = [t for t in timed if t.state == state]
        if group:
            figure.add_bar(
                y=[t.number for t in group], x=[t.seconds for t in group],
                base=[(t.started or begin) - begin for t in group], orientation="h", name=state, width=0.8,
                marker_color=colour, text=[_hover_text(t) for t in group], textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return styled(figure, "time since the first trial began (s)", "trial number", legend=True)


# -- the looks, shared with the report -------------------------------------------------------------


def styled(figure: go.Figure, x_title: str | None, y_title: str | None, *, legend: bool = False) -> go.Figure:
    """The figure in the house's looks: dark ink on white, thin rules, named axes."""
    figure.update_layout(
        template="none", paper_bgcolor="white", plot_bgcolor="white", showlegend=legend, barmode="overlay",
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 13, "color": INK},
        margin={"l": 64, "r": 18, "t": 14, "b": 56}, height=380, hoverlabel={"align": "left"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    if legend:
        figure.update_layout(margin_t=44)
    looks: dict[str, Any] = {
        "gridcolor": RULE, "linecolor": FAINT, "showline": True, "zeroline": False, "ticks": "outside",
        "tickcolor": FAINT, "ticklen": 4, "automargin": True, "title_standoff": 10,
    }  # fmt: skip
    figure.update_xaxes(**looks)
    figure.update_yaxes(**looks)
    if x_title is not None:
        figure.update_xaxes(title_text=x_title)
    if y_title is not None:
        figure.update_yaxes(title_text=y_title)
    return figure


def _hover_text(trial: Trial) -> str:
    """A trial in a few lines, for hovering over."""
    lines = [f"trial {trial.number}: {trial.state}"]
    if trial.value is not None:
        lines.append(f"value {trial.value:.6g}")
    lines += [f"{literal(name)} = {literal(short(value))}" for name, value in trial.params.items()]
    return "<br>".join(lines + ([literal(trial.reason[:200])] if trial.reason else []))


def _check(study: Any) -> None:
    if not isinstance(study, Study):
        raise ValueError(f"study={study!r}: must be an hpo.Study")


def _complete(study: Study, at_least: int = 1) -> list[Trial]:
    _check(study)
    trials = [t for t in study.trials if t.state is TrialState.COMPLETE]
    if len(trials) < at_least:
        raise ValueError(f"study: has {len(trials)} complete trials; this figure needs {at_least} at least")
    return trials


def _encoded(study: Study, trials: list[Trial]) -> Array:
    return study.space.encode([t.params for t in trials])
