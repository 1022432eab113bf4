"""A space as plain JSON and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

from hpo.space.checks import Places, SpaceError
from hpo.space.parameters import Categorical, Float, Int, Ordinal, Parameter
from hpo.space.space import Space

JSON_TYPES = (type(None), str, bool, int, float)  # exactly: a member of an enum may be a str as well
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Float, Int, Ordinal, Categorical)}
FIELDS = {
    "Float": ("low", "high", "log", "step"),
    "Int": ("low", "high", "log", "step"),
    "Ordinal": ("choices",),
    "Categorical": ("choices",),
}


def to_json(space: Space) -> dict[str, Any]:
    """Plain JSON that says all there is to say of a space, but for the code of its constraints.

    Equal for equal spaces, so that it tells whether two are the same. Constraints are named, and choices
    that are neither of `JSON_TYPES` nor tuples are given by their repr; neither can be rebuilt.
    """
    return {
        "parameters": [[name, _described(parameter)] for name, parameter in space.parameters.items()],
        "constraints": [getattr(c, "__qualname__", type(c).__name__) for c in space.constraints],
    }


def from_json(stored: dict[str, Any]) -> Space:
    """Rebuild a space.

    Raises
    ------
    SpaceError
        If it has constraints, or choices that were given by their repr.
    """
    if stored["constraints"]:
        names = ", ".join(stored["constraints"])
        raise SpaceError(
            f"space: its constraints ({names}) are code, which is not stored; give the space again"
        )
    return _space(stored, _value)


def outline(stored: dict[str, Any]) -> Space:
    """The space as far as it is stored, to look at its trials: no constraints, choices as they are called.

    Where several are called the same, as functions without a name are, a number tells them apart.
    """
    parameters = [[name, _told_apart(parameter)] for name, parameter in stored["parameters"]]
    return _space({"parameters": parameters}, lambda _, value: _called(value))


def _described(parameter: Parameter) -> dict[str, Any]:
    kind = type(parameter).__name__
    fields = {field: _plain(getattr(parameter, field)) for field in FIELDS[kind]}
    conditions = parameter.when or {}
    when = {parent: [_plain(v) for v in values] for parent, values in conditions.items()}
    return {"kind": kind, **fields, "when": when or None}


def _plain(value: Any) -> Any:
    if type(value) is tuple:
        return {"tuple": [_plain(v) for v in value]}
    return value if type(value) in JSON_TYPES else {"repr": _named(value)}


def _named(value: Any) -> str:
    """What a value without JSON is called: the same in every process."""
    if isinstance(value, type | FunctionType):
        return f"{value.__module__}.{value.__qualname__}"  # its repr has its address in memory
    return ADDRESS.sub("", _written(value))


def _written(value: Any) -> str:
    """Its repr, but for sets, whose order differs between processes: in them the order of the reprs."""
    kind = type(value)
    if kind in (set, frozenset) and value:
        inside = f"{{{', '.join(sorted(map(_written, value)))}}}"
        return inside if kind is set else f"frozenset({inside})"
    if kind is list:
        return f"[{', '.join(map(_written, value))}]"
    if kind is tuple:
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    if kind is dict:
        return f"{{{', '.join(f'{_written(k)}: {_written(v)}' for k, v in value.items())}}}"
    return repr(value)


def _space(stored: dict[str, Any], value: Callable[[str, Any], Any]) -> Space:
    """The space without constraints; `value` makes what it was of a parameter's name and a stored value."""

    def rebuilt(name: str, parameter: dict[str, Any]) -> Parameter:
        fields = {field: value(name, parameter[field]) for field in FIELDS[parameter["kind"]]}
        when = parameter["when"] and {
            parent: [value(name, v) for v in values] for parent, values in parameter["when"].items()
        }
        found: Parameter = KINDS[parameter["kind"]](**fields, when=when)
        return found

    return Space({name: rebuilt(name, parameter) for name, parameter in stored["parameters"]})


def _value(name: str, stored: Any) -> Any:
    if not isinstance(stored, dict):
        return stored
    if "tuple" in stored:
        return tuple(_value(name, v) for v in stored["tuple"])
    raise SpaceError(f"parameter {name!r}: the choice {stored['repr']} is not stored; give the space again")


def _told_apart(parameter: dict[str, Any]) -> dict[str, Any]:
    if "choices" not in parameter:
        return parameter
    choices = parameter["choices"]["tuple"]
    # Plain values keep their name: trials have them as they are, and all others by their place.
    taken = Places(choice for choice in choices if not isinstance(choice, dict))
    names = []
    for choice in choices:
        name = called = _called(choice)
        n = 1
        while isinstance(choice, dict) and taken.of(name) is not None:
            n += 1
            name = f"{called} ({n})"
        taken.add(name)
        names.append(name)
    return {**parameter, "choices": {"tuple": names}}


def _called(stored: Any) -> Any:
    if not isinstance(stored, dict):
        return stored
    return tuple(map(_called, stored["tuple"])) if "tuple" in stored else stored["repr"]
