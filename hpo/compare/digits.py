"""Numbers as text: the digits of a column alike, and no sign on a zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hpo.compare.statistics import Interval

APART = 100  # times as large: what is so much smaller than the largest of a column has digits of its own
HUGE, TINY = 1e7, 1e-4  # from and below which numbers are written with an exponent


def column(
    cells: Sequence[Interval | float],
    significant: int = 4,
    *,
    decimals: int = 0,
    signed: bool = False,
    unit: str = "",
) -> list[str]:
    """Numbers, or means with their intervals, as ``mean [low, high]``; a dash where there is none.

    Parameters
    ----------
    cells : sequence of Interval or float
    significant : int
        Digits of the largest number; the others have as many decimals, without the zeros at the end that
        all of them share. A cell 100 times smaller is written by its own largest number.
    decimals : int
        At least so many of them.
    signed : bool
        Whether numbers above zero have a plus. What comes out as zero has no sign.
    unit : str
        Set behind every number.
    """
    scales = [max((abs(x) for x in _numbers(cell)), default=0.0) for cell in cells]
    least = max(scales, default=0.0) / APART
    alike = [x for cell, scale in zip(cells, scales) if scale >= least for x in _numbers(cell)]
    shared = _style(alike, significant, decimals)
    return [
        _written(
            cell, _style(_numbers(cell), significant, decimals) if 0 < scale < least else shared, signed, unit
        )
        for cell, scale in zip(cells, scales)
    ]


def number(x: float | None) -> str:
    """A number to 4 significant digits, a dash where there is none."""
    return column([math.nan if x is None else x])[0]


def counted(n: int, thing: str) -> str:
    """So many of a thing: ``1 seed``, ``2 seeds``."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def with_interval(x: Interval, style: str) -> str:
    """``mean [low, high]`` in a format of `format`."""
    return _written(x, style)


def p_value(p: float) -> str:
    """A p-value for reading."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_is(p: float, name: str = "p") -> str:
    """A p-value in a sentence: ``p = 0.012``, ``p < 0.001``."""
    text = p_value(p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def _numbers(cell: Interval | float) -> list[float]:
    found = (cell.mean, cell.low, cell.high) if isinstance(cell, Interval) else (cell,)
    return [x for x in found if math.isfinite(x)]


def _style(values: Sequence[float], significant: int, decimals: int) -> str:
    """How to write these numbers alike: a format for `format`."""
    scale = max(map(abs, values), default=0.0)
    if scale == 0:
        return f".{decimals}f"
    if not TINY <= scale < HUGE:
        return f".{significant - 1}e"
    most = max(decimals, significant - 1 - math.floor(math.log10(scale)))
    texts = [f"{x:.{most}f}" for x in values]
    shared = min((len(text) - len(text.rstrip("0")) for text in texts), default=0)
    return f".{max(decimals, most - shared)}f"


def _written(cell: Interval | float, style: str, signed: bool = False, unit: str = "") -> str:
    def text(x: float) -> str:
        bare = f"{x:{'+' if signed else ''}{style}}"
        if float(bare) == 0:  # written without the sign of a zero, or of what the digits do not show
            bare = f"{0:{style}}" if style.endswith("f") else "0"
        return bare + unit

    mean = cell.mean if isinstance(cell, Interval) else cell
    if math.isnan(mean):
        return "–"
    if not isinstance(cell, Interval) or math.isnan(cell.low):
        return text(mean)
    return f"{text(mean)} [{text(cell.low)}, {text(cell.high)}]"
