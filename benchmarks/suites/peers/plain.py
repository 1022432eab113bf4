"""Configurations as the peers have them: plain numbers, and indices for choices."""

from __future__ import annotations

from typing import Any

import hpo
from hpo.space import Categorical, Ordinal


def index(p: Any, value: Any) -> Any:
    """The value, of choices its place."""
    return int(p.number(value)) if isinstance(p, Ordinal | Categorical) else value


def from_plain(space: hpo.Space, values: list[Any]) -> dict[str, Any]:
    """A peer's point as a configuration, without what is inactive."""
    params = {
        name: p.choices[int(v)] if isinstance(p, Ordinal | Categorical) else p.value(v)
        for (name, p), v in zip(space.parameters.items(), values)
    }
    return space.decode(space.encode([params]))[0]
