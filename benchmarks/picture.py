"""Estimates with their intervals as a picture: a row a name, a panel a group of problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from hpo.compare.statistics import Interval
from hpo.plots import INK, RULE

TOP, GAP, WIDTH = 20, 34, 520  # room above and between panels, and of one or of all of them
LETTER = 7.6  # the widest that one is on average


@dataclass(frozen=True)
class Marks:
    """What is drawn of one kind in a row: a dot at the mean, a line of its interval, a pale dot a point."""

    colour: str
    estimates: Mapping[str, Interval]
    points: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """Estimates on one axis.

    Parameters
    ----------
    label : str
        Below the axis.
    marks : sequence of Marks
        Those of a name share its row, the first on top.
    log : bool
        Whether the axis is logarithmic.
    line : float or None
        Where a line is drawn from top to bottom.
    """

    label: str
    marks: Sequence[Marks]
    log: bool = False
    line: float | None = None


def as_svg(
    names: Sequence[str], panels: Sequence[Panel], row: int, legend: Mapping[str, str] | None = None
) -> str:
    """Panels side by side, a row of so many pixels a name; `legend` has the colour of each kind of marks."""
    left = round(LETTER * max(len(name) for name in names)) + 20
    width = max(WIDTH // len(panels), 260)
    top = TOP + 24 * bool(legend)
    foot = top + row * len(names)
    right = left + len(panels) * (width + GAP)
    parts = _legend(left, legend or {})
    for i, name in enumerate(names):
        parts.append(_text(left - 14, top + row * (i + 0.5) + 5, name, "end"))
    for i, panel in enumerate(panels):
        parts += _panel(panel, names, left + i * (width + GAP), width, top, row)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right}" height="{foot + 60}" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _panel(panel: Panel, names: Sequence[str], left: int, width: int, top: int, row: int) -> list[str]:
    low, high = _reach(panel)
    foot = top + row * len(names)

    def x(value: float) -> float:
        return left + float((_on_axis(panel, value) - low) / (high - low)) * width

    parts = []
    for tick in _ticks(panel, low, high):
        parts.append(f'<path d="M{x(tick):.1f} {top}V{foot}" stroke="{RULE}"/>')
        parts.append(_text(x(tick), foot + 20, f"{tick:g}", "middle"))
    if panel.line is not None:
        parts.append(f'<path d="M{x(panel.line):.1f} {top}V{foot}" stroke="{INK}"/>')
    for k, marks in enumerate(panel.marks):
        for i, name in enumerate(names):
            if name in marks.estimates:
                y = top + row * (i + (k + 1) / (len(panel.marks) + 1))
                parts += [_dot(x(p), y, 4, marks.colour, 0.3) for p in marks.points.get(name, ())]
                found = marks.estimates[name]
                if not np.isnan(found.low):  # few seeds have none
                    line = f"M{x(found.low):.1f} {y:.1f}H{x(found.high):.1f}"
                    parts.append(f'<path d="{line}" stroke="{marks.colour}" stroke-width="2"/>')
                parts.append(_dot(x(found.mean), y, 6 if row > 40 else 4, marks.colour))
    return [*parts, _text(left + width / 2, foot + 46, panel.label, "middle")]


def _legend(left: int, legend: Mapping[str, str]) -> list[str]:
    parts, x = [], left
    for label, colour in legend.items():
        parts.append(
            f'<circle cx="{x + 6}" cy="{TOP}" r="5" fill="{colour}"/>{_text(x + 18, TOP + 5, label)}'
        )
        x += round(LETTER * len(label)) + 44
    return parts


def _dot(x: float, y: float, radius: int, colour: str, opacity: float = 1.0) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _on_axis(panel: Panel, value: float) -> float:
    return float(np.log(value)) if panel.log else value


def _reach(panel: Panel) -> tuple[float, float]:
    """Ends of the axis, a little beyond all that is drawn."""
    estimates = [found for marks in panel.marks for found in marks.estimates.values()]
    drawn = [value for found in estimates for value in (found.mean, found.low, found.high)]
    drawn += [value for marks in panel.marks for points in marks.points.values() for value in points]
    drawn += [] if panel.line is None else [panel.line]
    values: NDArray[np.float64] = np.array([_on_axis(panel, v) for v in drawn if not np.isnan(v)])
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def _ticks(panel: Panel, low: float, high: float) -> list[float]:
    """Round numbers between the two."""
    if panel.log:
        found = [d * 10.0**k for k in range(-12, 13) for d in (1, 1.5, 2, 3, 5, 7)]
        return [float(round(t, 12)) for t in found if low <= np.log(t) <= high]
    power = 10.0 ** np.floor(np.log10(high - low))
    step = next(s * power for s in (0.1, 0.2, 0.5, 1.0, 2.0) if (high - low) / (s * power) <= 9)
    return [float(round(k * step, 10)) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]
