"""Configurations as the peers have them: plain numbers, and indices for choices."""

from __future__ import annotations

from typing import Any

import numpy as np

import hpo
from hpo.space import Categorical, Ordinal


def plain_history(space: hpo.Space, history: hpo.History) -> tuple[list[list[Any]], list[float]]:
    """Values (indices for choices, the middle where absent) and losses, failures as bad as the worst."""
    middle = space.decode(np.full((1, len(space)), 0.5))[0]
    rows = []
    for params in space.decode(history.X):
        values = {**middle, **params}
        rows.append([index(p, values[n]) if n in values else _centre(p) for n, p in space.parameters.items()])
    worst = float(np.nanmax(history.y)) if history.complete.any() else 0.0
    return rows, [worst if np.isnan(y) else float(y) for y in history.y]


def index(p: Any, value: Any) -> Any:
    """The value, of choices its place."""
    return int(p.number(value)) if isinstance(p, Ordinal | Categorical) else value


def _centre(p: Any) -> Any:
    return index(p, hpo.Space({"v": type(p)(**_fields(p))}).decode(np.array([[0.5]]))[0]["v"])


def _fields(p: Any) -> dict[str, Any]:
    return {
        name: value for name, value in vars(p).items() if name in ("low", "high", "log", "step", "choices")
    }


def from_plain(space: hpo.Space, values: list[Any]) -> dict[str, Any]:
    """A peer's point as a configuration, without what is inactive."""
    params = {
        name: p.choices[int(v)] if isinstance(p, Ordinal | Categorical) else p.value(v)
        for (name, p), v in zip(space.parameters.items(), values)
    }
    return space.decode(space.encode([params]))[0]
