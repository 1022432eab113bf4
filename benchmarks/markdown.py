"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpo.compare.digits import with_interval
from hpo.compare.statistics import Interval


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, all text."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(mean: float, low: float, high: float) -> str:
    """``mean [low, high]`` to two decimals."""
    return with_interval(Interval(float(mean), float(low), float(high)), ".2f")
