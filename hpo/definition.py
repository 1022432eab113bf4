"""What a study is, as plain JSON: enough to go on with it in another process."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hpo.searchers import SEARCHERS, Searcher, resolve
from hpo.space import Space
from hpo.space.serial import from_json, to_json


def definition(
    space: Space, searcher: Searcher, direction: str, seed: int, window: int | None
) -> dict[str, Any]:
    """Plain JSON of a study's definition."""
    return {
        "space": to_json(space),
        "searcher": _described(searcher),
        "direction": direction,
        "seed": seed,
        "window": window,
    }


def space_of(stored: Mapping[str, Any], given: Space | Mapping[str, Any] | None) -> Space:
    """The stored space; `given` where it is equal, which brings the constraints along.

    Raises
    ------
    ValueError
        If the given space is another one, or one is needed and missing.
    """
    if given is None:
        return from_json(stored["space"])
    space = Space.of(given)
    found, kept = to_json(space), stored["space"]
    if found == kept:
        return space
    old, new = dict(kept["parameters"]), dict(found["parameters"])
    differing = [n for n in {**old, **new} if old.get(n) != new.get(n)] or ["the constraints or the order"]
    raise ValueError(f"space={given!r}: is not the study's own; different: {', '.join(differing)}")


def searcher_of(stored: Mapping[str, Any], given: str | Searcher | None) -> Searcher:
    """The stored searcher, or `given`, which from now on suggests.

    Raises
    ------
    ValueError
        If the stored one cannot be rebuilt and none is given.
    """
    if given is not None:
        return resolve(given)
    kept = stored["searcher"]
    for module, name in SEARCHERS.values():
        if kept["kind"] == name and kept["options"] is not None:
            cls: Any = getattr(import_module(module), name)
            searcher: Searcher = cls(**kept["options"])
            return searcher
    raise ValueError(
        f"searcher: the study's {kept['kind']} is not stored in full; give it again as searcher=..."
    )


def _described(searcher: Searcher) -> dict[str, Any]:
    options: dict[str, Any] | None = None
    if dataclasses.is_dataclass(searcher):
        options = {f.name: getattr(searcher, f.name) for f in dataclasses.fields(searcher) if f.init}
        if not all(v is None or isinstance(v, str | bool | int | float) for v in options.values()):
            options = None
    return {"kind": type(searcher).__name__, "options": options}
