"""What the fields of parameters may be: each check returns the plain value or names what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hpo.checks import as_float, is_real, plain

MAX_INT = 2**53  # beyond it float64, in which all encodings are held, skips integers


class SpaceError(ValueError):
    """A search space, or values given for it, are not usable; the message names the field."""


def same(a: Any, b: Any) -> bool:
    """Whether two choices are the same value: ``1``, ``1.0`` are, ``1`` and ``True`` are not."""
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if type(a) is not type(b) or a.shape != b.shape:
            return False
        return np.array_equal(a, b) or all(map(same, a.flat, b.flat))  # where both have a NaN
    if any(isinstance(a, kind) and isinstance(b, kind) for kind in (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    try:
        return bool(a == b) or (a != a and b != b)
    except (TypeError, ValueError):  # such as those of tables, which have no plain truth value
        return a is b


class Places:
    """Where each of some choices stands, from 0: found by their hash, so that there may be thousands."""

    def __init__(self, choices: Iterable[Any] = ()) -> None:
        self._choices: list[Any] = []
        self._hashed: dict[tuple[Any, Any], int] = {}
        self._others: list[int] = []  # without a hash, or not even equal to themselves, such as NaN
        for choice in choices:
            self.add(choice)

    def add(self, choice: Any) -> None:
        """Put a choice behind those that are there."""
        place = len(self._choices)
        self._choices.append(choice)
        if _is_hashed(choice):
            self._hashed[_truths(choice), choice] = place
        else:
            self._others.append(place)

    def of(self, value: Any) -> int | None:
        """Place of the choice that is the `same` as `value`; None where there is none."""
        places: Iterable[int] = range(len(self._choices))
        if _is_hashed(value):
            place = self._hashed.get((_truths(value), value))
            if place is not None:
                return place
            places = self._others
        return next((i for i in places if same(value, self._choices[i])), None)


def _is_hashed(value: Any) -> bool:
    """Whether what is equal to `value` has its hash, if it has any."""
    if isinstance(value, tuple):
        return all(map(_is_hashed, value))
    try:
        hash(value)
        return bool(value == value)
    except (TypeError, ValueError):
        return False


def _truths(value: Any) -> Any:
    """Whether `value` is a truth value, which equals a number; of a tuple, which of its items are."""
    return tuple(map(_truths, value)) if isinstance(value, tuple) else isinstance(value, bool)


def real(field: str, value: Any) -> float:
    """`value` as a finite float."""
    value = plain(value)
    if not is_real(value):
        raise SpaceError(f"{field}={value!r}: must be a number")
    x = as_float(value)
    if not math.isfinite(x):
        raise SpaceError(f"{field}={value!r}: must be finite")
    return x


def whole(field: str, value: Any) -> int:
    """`value` as an int that float64 holds exactly."""
    value = plain(value)
    if is_real(value) and -MAX_INT <= value <= MAX_INT:
        x = float(value)
        if x == int(x):
            return int(x)
    raise SpaceError(f"{field}={value!r}: must be a whole number within ±2**53")


def scale(log: Any, low: float, high: float) -> bool:
    """`log` as a bool, which the range must allow."""
    log = plain(log)
    if not isinstance(log, bool):
        raise SpaceError(f"log={log!r}: must be True or False")
    if low > high:
        raise SpaceError(f"low={low!r}: must not be above high={high!r}")
    if log and low <= 0:
        raise SpaceError(f"low={low!r}: must be greater than 0 on a log scale")
    return log


def choices(values: Any) -> tuple[Any, ...]:
    """Choices as a tuple of plain values, each there once."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise SpaceError(f"choices={values!r}: must be a list of values")
    if isinstance(values, set | frozenset):
        raise SpaceError(f"choices={values!r}: must be a list; the order of a set differs between processes")
    if isinstance(values, Mapping):
        raise SpaceError(f"choices={values!r}: must be a list; of a mapping only the keys would be left")
    found = tuple(plain(value) for value in values)
    if not found:
        raise SpaceError("choices=[]: must hold at least one value")
    places = Places()
    for choice in found:
        if places.of(choice) is not None:
            raise SpaceError(f"choices={list(found)!r}: {choice!r} stands there twice")
        places.add(choice)
    return found


def conditions(when: Any) -> Mapping[str, tuple[Any, ...]] | None:
    """Every condition as a tuple of the values that satisfy it."""
    if when is None:
        return None
    if not isinstance(when, Mapping) or not when:
        raise SpaceError(f'when={when!r}: must be {{"parent": value}} or {{"parent": [values]}}')
    found = {}
    for parent, values in when.items():
        if isinstance(values, set | frozenset):
            values = sorted(values, key=repr)  # the order of a set differs between processes
        several = isinstance(values, list | tuple)
        found[str(parent)] = tuple(plain(v) for v in values) if several else (plain(values),)
        if not found[str(parent)]:
            raise SpaceError(f"when={when!r}: names no value for {parent!r}")
    return found
