"""What a study is, as plain JSON: enough to go on with it in another process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from hpo.checks import one_of
from hpo.pruning import Pruner, resolve_pruner
from hpo.searchers import SEARCHERS, Searcher, resolve
from hpo.space import Space
from hpo.space.serial import from_json, to_json

PRUNERS = [("hpo.pruning", name) for name in ("MedianPruner", "ASHAPruner", "HyperbandPruner")]


def check(direction: Any, name: Any) -> None:
    """Refuse what no study can have.

    Raises
    ------
    ValueError
        If a field is not usable; the message names it, its value and what is allowed.
    """
    one_of("direction", direction, "minimize", "maximize")
    if not isinstance(name, str) or not name:
        raise ValueError(f"name={name!r}: must be a string of at least one character")


def definition(
    space: Space, searcher: Searcher, pruner: Pruner | None, direction: str, seed: int, window: int | None
) -> dict[str, Any]:
    """Plain JSON of a study's definition."""
    return {
        "space": to_json(space),
        "searcher": _described(searcher),
        "pruner": None if pruner is None else _described(pruner),
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
    if _same(found, kept):
        return space
    old, new = dict(kept["parameters"]), dict(found["parameters"])
    differing = [n for n in {**old, **new} if not _same(old.get(n), new.get(n))]
    differing = differing or ["the constraints or the order"]
    raise ValueError(f"space={given!r}: is not the study's own; different: {', '.join(differing)}")


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same JSON; a NaN, too, is the same as itself."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def searcher_of(stored: Mapping[str, Any], given: str | Searcher | None) -> Searcher:
    """The stored searcher, or `given`, which from now on suggests.

    Raises
    ------
    ValueError
        If the stored one cannot be rebuilt and none is given.
    """
    if given is not None:
        return resolve(given)
    searcher: Searcher = _rebuilt("searcher", stored["searcher"], SEARCHERS.values())
    return searcher


def pruner_of(stored: Mapping[str, Any], given: str | Pruner | None) -> Pruner | None:
    """The stored pruner, or `given`, which prunes from now on.

    Raises
    ------
    ValueError
        If the stored one cannot be rebuilt and none is given.
    """
    if given is not None:
        return resolve_pruner(given)
    kept = stored.get("pruner")
    pruner: Pruner | None = None if kept is None else _rebuilt("pruner", kept, PRUNERS)
    return pruner


def _rebuilt(field: str, kept: Mapping[str, Any], known: Iterable[tuple[str, str]]) -> Any:
    """The part as `_described` has it, of one of the known classes: module and name."""
    for module, name in known:
        if kept["kind"] == name and kept["options"] is not None:
            return getattr(import_module(module), name)(**kept["options"])
    raise ValueError(
        f"{field}: the study's {kept['kind']} is not stored in full; give it again as {field}=..."
    )


def _described(part: Searcher | Pruner) -> dict[str, Any]:
    options: dict[str, Any] | None = None
    its_class = type(part).__module__, type(part).__name__  # one of the user's own may have a name of ours
    if dataclasses.is_dataclass(part) and its_class in (*SEARCHERS.values(), *PRUNERS):
        options = {f.name: getattr(part, f.name) for f in dataclasses.fields(part) if f.init}
        if not _is_json(options):
            options = None
    return {"kind": type(part).__name__, "options": options}


def _is_json(value: Any) -> bool:
    """Whether an option comes back from JSON as it was."""
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return value is None or isinstance(value, str | bool | int | float)
