"""A forest plot: estimates with their intervals, a row a name and a panel a group of problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from hpo.compare.statistics import Interval
from hpo.plots import INK, RULE

TOP, GAP, WIDTH = 20, 34, 520  # room above and between panels, and of one or of all of them
NARROWEST = 260
LETTER = 7.6  # what one takes on average, at most


@dataclass(frozen=True)
class Marks:
    """What is drawn of one kind in a row: a dot at the mean, a line of its interval, a pale dot a point.

    Parameters
    ----------
    colour : str
    estimates : mapping
        One for each row, by its name.
    points : mapping
        Of some rows.
    label : str
        What they are, for the legend; none is needed where a panel has one kind alone.
    """

    colour: str
    estimates: Mapping[str, Interval]
    points: Mapping[str, Sequence[float]] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """Estimates on one axis.

    Parameters
    ----------
    label : str
        Below the axis.
    marks : sequence of Marks
        Those of a name share its row, the first on top. All panels of a plot have the same names and kinds.
    log : bool
        Whether the axis is logarithmic.
    line : float or None
        Where a line is drawn from top to bottom.
    """

    label: str
    marks: Sequence[Marks]
    log: bool = False
    line: float | None = None


def as_svg(panels: Sequence[Panel], row: int) -> str:
    """Panels side by side, each row of so many pixels."""
    names = list(panels[0].marks[0].estimates)
    labelled = [marks for marks in panels[0].marks if marks.label]
    left = round(LETTER * max(map(len, names))) + 20
    width = max(WIDTH // len(panels), NARROWEST)
    top = TOP + 24 * bool(labelled)
    right = left + len(panels) * (width + GAP)
    parts = _legend(left, labelled)
    parts += [_text(left - 14, top + row * (i + 0.5) + 5, name, "end") for i, name in enumerate(names)]
    for i, panel in enumerate(panels):
        parts += _panel(panel, left + i * (width + GAP), width, top, row)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right}" height="{top + row * len(names) + 60}" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _legend(left: int, labelled: Sequence[Marks]) -> list[str]:
    parts, x = [], left
    for marks in labelled:
        parts += [_dot(x + 6, TOP, 5, marks.colour), _text(x + 18, TOP + 5, marks.label)]
        x += round(LETTER * len(marks.label)) + 44
    return parts


def _panel(panel: Panel, left: int, width: int, top: int, row: int) -> list[str]:
    low, high = _reach(panel)
    foot = top + row * len(panel.marks[0].estimates)

    def x(value: float) -> float:
        return left + (_on_axis(panel, value) - low) / (high - low) * width

    parts = []
    for tick in _ticks(panel, low, high):
        parts.append(f'<path d="M{x(tick):.1f} {top}V{foot}" stroke="{RULE}"/>')
        parts.append(_text(x(tick), foot + 20, f"{tick:g}", "middle"))
    if panel.line is not None:
        parts.append(f'<path d="M{x(panel.line):.1f} {top}V{foot}" stroke="{INK}"/>')
    for k, marks in enumerate(panel.marks):
        for i, (name, found) in enumerate(marks.estimates.items()):
            y = top + row * (i + (k + 1) / (len(panel.marks) + 1))
            parts += [_dot(x(point), y, 4, marks.colour, 0.3) for point in marks.points.get(name, ())]
            if not np.isnan(found.low):  # few seeds have none
                line = f"M{x(found.low):.1f} {y:.1f}H{x(found.high):.1f}"
                parts.append(f'<path d="{line}" stroke="{marks.colour}" stroke-width="2"/>')
            parts.append(_dot(x(found.mean), y, round(row / 7), marks.colour))
    return [*parts, _text(left + width / 2, foot + 46, panel.label, "middle")]


def _dot(x: float, y: float, radius: int, colour: str, opacity: float = 1.0) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _on_axis(panel: Panel, value: float) -> float:
    return float(np.log(value)) if panel.log else value


def _reach(panel: Panel) -> tuple[float, float]:
    """Ends of the axis, a little beyond all that is drawn, also where that is one value."""
    drawn = [] if panel.line is None else [panel.line]
    for marks in panel.marks:
        for name, found in marks.estimates.items():
            drawn += [found.mean, found.low, found.high, *marks.points.get(name, ())]
    values = [_on_axis(panel, value) for value in drawn if not np.isnan(value)]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _ticks(panel: Panel, low: float, high: float) -> list[float]:
    """Round numbers between the two."""
    if panel.log:
        found = [d * 10.0**k for k in range(-12, 13) for d in (1, 1.5, 2, 3, 5, 7)]
        return [float(round(t, 12)) for t in found if low <= np.log(t) <= high]
    power = 10.0 ** np.floor(np.log10(high - low))
    step = next(s * power for s in (0.1, 0.2, 0.5, 1.0, 2.0) if (high - low) / (s * power) <= 9)
    return [float(round(k * step, 10)) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]
