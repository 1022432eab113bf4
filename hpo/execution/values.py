"""What objectives and callers say, checked, and shown in messages whatever it is."""

from __future__ import annotations

import math
import reprlib
import traceback
from collections.abc import Mapping
from typing import Any

from hpo.checks import as_float, is_real, is_whole, plain

LAST_STEP = 2**63 - 1  # pruners compare steps as 64-bit integers
LONGEST_REASON = 2_000  # characters: a reason is kept with its trial, whatever an objective puts into it


def checked_step(step: Any) -> int:
    """`step` as an int.

    Raises
    ------
    ValueError
        If it is no whole number from 0 to 2**63 - 1.
    """
    if not is_whole(step) or not 0 <= step <= LAST_STEP:
        raise ValueError(f"step={shown(step)}: must be a whole number from 0 to 2**63 - 1")
    return int(step)


def checked_value(value: Any) -> float:
    """`value` as a finite float; an array or tensor without dimensions counts as the number that it holds.

    Raises
    ------
    ValueError
        If it is anything else: a bool, None, a string, a complex number, another array, NaN, infinite.
    """
    if type(value) is float and math.isfinite(value):  # what nearly all are
        return value + 0.0  # -0.0 becomes 0.0, which databases keep as it is
    value = plain(value)
    if not is_real(value):
        raise ValueError(f"value={shown(value)} ({type(value).__name__}): must be a finite real number")
    try:
        x = as_float(value)
    except Exception as error:  # a number of someone's own
        raise ValueError(f"value={shown(value)}: is no float ({summarised(error)})") from error
    if not math.isfinite(x):
        raise ValueError(f"value={x!r}: must be a finite real number")
    return x + 0.0


def checked_reports(reports: Any) -> dict[int, float]:
    """`reports` as finite floats by step; none where it is None.

    Raises
    ------
    ValueError
        If it is no mapping, or a step or a value is not usable.
    """
    if not isinstance(reports, Mapping | None):
        raise ValueError(f"reports={shown(reports)}: must be a mapping of values by step, or None")
    try:
        return {checked_step(step): checked_value(value) for step, value in (reports or {}).items()}
    except ValueError as error:
        raise ValueError(f"reports={shown(reports)}: {error}") from None


def shown(value: Any) -> str:
    """A short `repr` of anything; of what has none, its type."""
    try:
        return _SHORT.repr(value)
    except Exception:  # such as a whole number of too many digits to be written out
        return f"<{type(value).__name__}>"


def summarised(error: BaseException) -> str:
    """Kind and message of an exception, shortened."""
    try:
        message = "".join(traceback.format_exception_only(error)).strip()
    except BaseException:  # an exception whose __str__ raises
        message = type(error).__name__
    if len(message) <= LONGEST_REASON:
        return message
    return f"{message[:LONGEST_REASON]}... ({len(message):,} characters)"


_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 200
