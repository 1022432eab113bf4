"""What tells the parts of a finished run's definition apart: the same text in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from hpo.space.serial import ADDRESS

LONGEST = 200
DEEPEST, WIDEST = 6, 100  # what `held` looks into: options, not the data behind an objective
PLAIN = (bool, int, float, str, type(None))


def fingerprint(thing: Any) -> str:
    """Name of a function, else the repr without memory addresses: the same in every process.

    A method is told by the state of its object as well, and so is what has memory addresses in its repr.
    """
    name = getattr(thing, "__qualname__", None)
    if isinstance(name, str):
        owner = getattr(thing, "__self__", None)
        has_state = owner is not None and not isinstance(owner, type | ModuleType)
        return f"{name} of {_short(_state(owner))}" if has_state else name
    text = repr(thing)
    return _short(_state(thing)) if ADDRESS.search(text) else text


def of_code(constraint: Any) -> str:
    """A constraint by its name and the constants in it."""
    code = getattr(constraint, "__code__", None)
    constants = [c for c in getattr(code, "co_consts", ()) if not isinstance(c, CodeType)]
    return f" with {fingerprint(constraint)}{_short(_state(constants))}"


def held(thing: Any) -> str:
    """What a thing holds that its fingerprint does not tell: the same text in every process.

    Values in closures and defaults of functions, and all that the fields of an object lead to.
    """
    return _short(_held(thing, ()))


def _held(thing: Any, above: tuple[int, ...]) -> str:
    cls: Any = type(thing)
    name = getattr(thing, "__qualname__", None)
    if id(thing) in above or len(above) == DEEPEST:
        return str(cls.__qualname__)

    def within(part: Any) -> str:
        return _held(part, (*above, id(thing)))

    def named(parts: Mapping[Any, Any]) -> str:
        return f"({', '.join(f'{n}={within(part)}' for n, part in parts.items())})"

    if isinstance(thing, MethodType):
        return f"{name} of {within(thing.__self__)}"
    if isinstance(thing, FunctionType):
        return f"{name}{named(parts) if (parts := _bound(thing)) else ''}"
    if isinstance(name, str):
        return name
    if isinstance(thing, set | frozenset | list | tuple | dict) and len(thing) > WIDEST:
        return f"{cls.__qualname__} of {len(thing)}"
    if isinstance(thing, set | frozenset):
        return f"{{{', '.join(sorted(map(within, thing)))}}}"
    if isinstance(thing, list | tuple):
        return f"({', '.join(map(within, thing))})"
    if isinstance(thing, dict):
        return f"{cls.__qualname__}{named(thing)}"
    if isinstance(thing, partial):
        return named({"func": thing.func, "args": thing.args, "keywords": thing.keywords})
    if is_dataclass(thing):
        return f"{cls.__qualname__}{named({f.name: getattr(thing, f.name) for f in fields(thing) if f.repr})}"
    shape = getattr(thing, "shape", ())
    if isinstance(shape, tuple) and shape:  # data, and how tables print is up to the terminal
        return f"{cls.__qualname__}{shape}"
    if cls.__repr__ is object.__repr__:
        return f"{cls.__qualname__}{named(dict(sorted(getattr(thing, '__dict__', {}).items())))}"
    return ADDRESS.sub("", repr(thing))


def _bound(function: FunctionType) -> dict[str, Any]:
    """Defaults of a function, and what it has from the functions around it."""
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    found = dict(zip(positional[len(positional) - len(defaults) :], defaults))
    found |= function.__kwdefaults__ or {}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return found


def _state(thing: Any, depth: int = 4) -> str:
    """What an object holds, to a depth: fields of dataclasses, items of containers, plain attributes.

    Runs that are kept say this of their parts, so it stays as it is; what it does not see, `held` adds.
    """
    cls: Any = type(thing)
    if isinstance(getattr(thing, "__qualname__", None), str):
        return str(thing.__qualname__)
    if depth == 0:
        return str(cls.__qualname__)
    parts: Mapping[Any, Any]
    if isinstance(thing, set | frozenset):
        return f"{{{', '.join(sorted(_state(item, depth - 1) for item in thing))}}}"
    if isinstance(thing, list | tuple):
        return f"({', '.join(_state(item, depth - 1) for item in thing)})"
    if isinstance(thing, dict):
        parts = thing
    elif isinstance(thing, partial):
        parts = {"func": thing.func, "args": thing.args, "keywords": thing.keywords}
    elif is_dataclass(thing):
        parts = {f.name: getattr(thing, f.name) for f in fields(thing) if f.repr}
    elif cls.__repr__ is object.__repr__:
        parts = {n: v for n, v in sorted(getattr(thing, "__dict__", {}).items()) if isinstance(v, PLAIN)}
    else:
        return ADDRESS.sub("", repr(thing))
    shown = ", ".join(f"{name}={_state(part, depth - 1)}" for name, part in parts.items())
    return f"{cls.__qualname__}({shown})"


def _short(text: str) -> str:
    """The text, or its beginning and a checksum: it is written with every run."""
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}... ({digest[:16]})"
