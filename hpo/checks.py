"""What arguments may be: each check returns the plain value, or the error names what is allowed."""

from __future__ import annotations

import inspect
import math
import numbers
import os
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np


def whole(name: str, value: Any, least: int, *, unit: str = "") -> int:
    """`value` as an int; NumPy's integers are whole numbers, booleans are not.

    Raises
    ------
    ValueError
        If it is no whole number (of `unit`), or less than `least`.
    """
    if is_whole(value) and value >= least:
        return int(value)
    raise ValueError(f"{name}={value!r}: must be {_allowed(least, unit)}")


def whole_or_none(name: str, value: Any, least: int, *, unit: str = "") -> int | None:
    """The same, where None is allowed, too."""
    if value is None or (is_whole(value) and value >= least):
        return None if value is None else int(value)
    raise ValueError(f"{name}={value!r}: must be {_allowed(least, unit)}, or None")


def number_of_jobs(name: str, value: Any) -> int | None:
    """How many of something may run at a time: a whole number from 1 up, -1 for one a core, or None."""
    if value is None or (is_whole(value) and (value >= 1 or value == -1)):
        return None if value is None else int(value)
    raise ValueError(f"{name}={value!r}: must be {_allowed(1)}, -1 for one a core, or None")


def make_whole(record: Any, **least: int) -> None:
    """Check these fields of a frozen dataclass, each with the least that it may be, and make them plain."""
    for name, bound in least.items():
        object.__setattr__(record, name, whole(name, getattr(record, name), bound))


def truth(name: str, value: Any) -> bool:
    """`value` as a bool; NumPy's are truth values, too, numbers and words are not."""
    if isinstance(plain(value), bool):
        return bool(value)
    raise ValueError(f"{name}={value!r}: must be True or False")


def one_of(name: str, value: Any, *allowed: str) -> str:
    """`value`, which must be one of these words."""
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(f"{name}={value!r}: must be {' or '.join(map(repr, allowed))}")


def as_float(value: Any) -> float:
    """A real number as a float; infinite where it is beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def path_of(name: str, value: Any, what: str) -> Path:
    """`value` as the path of something, as the error is to say."""
    if isinstance(value, str | os.PathLike) and str(value):
        return Path(value)
    raise ValueError(f"{name}={value!r}: must be the path of {what}")


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether `value` is a whole number of Python or NumPy; booleans are not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_real(value: Any) -> TypeGuard[float]:
    """Whether `value` is a real number of Python or NumPy; booleans are not."""
    if type(value) is float or type(value) is int:  # what nearly all are; the abstract class is slow
        return True
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def takes(n: int, function: Any) -> bool:
    """Whether `function` can be called with `n` arguments."""
    try:
        inspect.signature(function).bind(*[None] * n)
    except ValueError:  # some functions of C say nothing of themselves
        return True
    except TypeError:  # no function, or one of other arguments
        return False
    return True


def plain(value: Any) -> Any:
    """Scalars of NumPy, and arrays and tensors without dimensions, become Python's own; all else stays.

    So does what is masked, such as the mean of nothing but masked numbers: its item is 0.0.
    """
    item = getattr(value, "item", None)
    if item is None or getattr(value, "ndim", None) != 0 or np.ma.is_masked(value):
        return value
    return item()


def _allowed(least: int, unit: str = "") -> str:
    return f"a whole number {f'of {unit} ' if unit else ''}from {least} up"
