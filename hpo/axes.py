"""Axes of parameters and values in the figures of a study: their ends, ticks and labels."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpo.space import Float, Parameter, Space
from hpo.trial import Array, Trial

WIDEST = 18  # characters of a choice
FEW = 8  # values of a parameter that are all marked


def axis(parameter: Parameter) -> dict[str, Any]:
    """What the axis of a parameter is: its choices in their order, or powers of ten on a log scale."""
    if hasattr(parameter, "choices"):
        # Long names of choices are turned to the left: to the right of the last panel is the bar of colours.
        return {
            "type": "category", "categoryarray": choice_names(parameter), "autotickangles": [0, -30, -90],
        }  # fmt: skip
    # As wide as the parameter: between two trials there may be no power of ten to mark, and no whole number.
    scale = math.log10 if parameter.log else float
    first, last = scale(parameter.first), scale(parameter.last)
    margin = 0.05 * last - 0.05 * first or 0.5
    found = {"type": "log" if parameter.log else "linear", "range": [first - margin, last + margin]}
    if not parameter.log and parameter.n_cells > FEW:
        return found
    ticks = _powers(parameter, 3) if parameter.log else _every_value(parameter)
    return {**found, "tickvals": ticks, "ticktext": _labels(ticks)}


def parallel_axis(name: str, parameter: Parameter, column: Array) -> dict[str, Any]:
    """Axis of a parameter in parallel coordinates, with its column of unit coordinates."""
    marks, labels = _marks(parameter)
    if np.isnan(column).any():
        marks, labels = np.append(-0.15, marks), ["absent", *labels]
        column = np.where(np.isnan(column), -0.15, column)
    return {
        "label": two_lines(name, 16), "values": column, "range": [min(0, float(marks[0])), 1],
        "tickvals": marks, "ticktext": labels,
    }  # fmt: skip


def value_axis(trials: Sequence[Trial]) -> dict[str, Any]:
    """What the axis of the values is: logarithmic where small ones could not be told apart else."""
    values = [t.value for t in trials if t.value is not None]
    low, high = min(values), max(values)
    return {"type": "log", "exponentformat": "power"} if 0 < low < high / 1000 else {}


def parallel_value_axis(trials: Sequence[Trial]) -> dict[str, Any]:
    """Axis of the values in parallel coordinates, logarithmic where that of the other figures is."""
    values = [t.value for t in trials if t.value is not None]
    if not value_axis(trials):
        return {"label": "value", "values": values}
    scale = Float(min(values), max(values), log=True)
    column = Space({"value": scale}).encode([{"value": value} for value in values])[:, 0]
    return parallel_axis("value", scale, column)


def choice_names(parameter: Any) -> list[str]:
    """Names of the choices at an axis that reads HTML."""
    return [literal(text) for text in _labels(parameter.choices)]


def literal(text: str) -> str:
    """`text` so that plotly, which reads some HTML, shows it as it stands."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def wrapped(text: str, width: int) -> str:
    """A text in lines of so many characters at most, literal."""
    return "<br>".join(map(literal, textwrap.wrap(text, width)))


def two_lines(name: str, width: int) -> str:
    """A name in two lines at most, literal; variants often differ at the end, so the middle is left out."""
    lines = textwrap.wrap(name, width)
    if len(lines) > 2:
        lines = [lines[0], "…" + name[1 - width :].lstrip()]
    return "<br>".join(map(literal, lines))


def names_in_two_lines(names: Sequence[str], width: int) -> list[str]:
    """Different names in two lines at most; of what would look alike, the part that differs."""
    labels = [two_lines(name, width) for name in names]
    told = _told_apart(names, labels, width)
    return [label if text == label else literal(text) for text, label in zip(told, labels)]


def short(value: Any) -> str:
    """A value in few characters; a choice that is a float and more than that, by its own name."""
    return f"{value:.4g}" if type(value) is float else str(value)


def _marks(parameter: Parameter) -> tuple[Array, list[str]]:
    """Unit coordinates of the ticks of a parameter, and their labels: powers of ten on a log scale."""
    alone = Space({"it": dataclasses.replace(parameter, when=None)})  # type: ignore[type-var]
    if parameter.n_cells <= FEW:
        values = _every_value(parameter)
    elif parameter.log:
        values = _powers(parameter, 8)
    else:
        values = [params["it"] for params in alone.decode(np.linspace(0, 1, 5)[:, None])]
    return alone.encode([{"it": value} for value in values])[:, 0], _labels(values)


def _every_value(parameter: Parameter) -> list[Any]:
    return [parameter.value(parameter.first + i * parameter.grid_step) for i in range(int(parameter.n_cells))]


def _powers(parameter: Parameter, most: int) -> list[Any]:
    """Values at some powers of ten of a log scale, and at its ends where it has hardly any."""
    first, last = parameter.first, parameter.last
    low, high = math.log10(first), math.log10(last)
    stride = max(1, math.ceil((high - low) / most))
    exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1, stride)
    powers = [min(max(float(f"1e{k}"), first), last) for k in exponents]
    # A range within a decade or two has so few of them that its ends are marked as well.
    marked = powers if len(powers) > 2 else sorted({first, *powers, last})
    return [parameter.value(number) for number in marked]


def _labels(values: Sequence[Any]) -> list[str]:
    """Texts of different values that differ as well: plotly merges equal ones. Long ones are clipped."""
    texts = [short(value) for value in values]
    texts = [repr(v) if texts.count(text) > 1 else text for v, text in zip(values, texts)]
    labels = _told_apart(texts, [_clipped(text) for text in texts], WIDEST)
    return labels if len(set(labels)) == len(labels) else texts


def _told_apart(texts: Sequence[str], labels: Sequence[str], width: int) -> list[str]:
    """The labels; where some are alike, as their texts differ in the middle, what is there instead."""
    alike = [text for text, label in zip(texts, labels) if labels.count(label) > 1]
    apart = next((i for i, letters in enumerate(zip(*alike)) if len(set(letters)) > 1), 0)
    start = max(0, apart - width // 2)
    return [
        f"…{text[start : start + width - 2].strip()}…" if text in alike else label
        for text, label in zip(texts, labels)
    ]


def _clipped(text: str) -> str:
    """A label of at most `WIDEST` characters, without its middle: variants often differ at the end."""
    half = WIDEST // 2
    return text if len(text) <= WIDEST else f"{text[: half - 1]}…{text[-half:]}"
