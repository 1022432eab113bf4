"""scikit-learn's notation for a space: lists and frozen scipy.stats distributions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hpo.checks import is_real, plain
from hpo.space.checks import SpaceError
from hpo.space.parameters import Categorical, Float, Int, Ordinal, Parameter
from hpo.warn import warn

ALLOWED = (
    "hpo.Float, hpo.Int, hpo.Ordinal, hpo.Categorical, a list of values, "
    "or a frozen scipy.stats randint, uniform or loguniform"
)


def parameter_of(name: str, notation: Any) -> Parameter:
    """Parameter that `notation` stands for.

    A list of numbers becomes an `Ordinal` in ascending order, any other list a `Categorical`;
    ``randint(low, high)`` excludes `high`, ``uniform(loc, scale)`` ends at ``loc + scale``. A tuple is a
    list; one of two numbers, which would be a range elsewhere, is warned of.

    Raises
    ------
    SpaceError
        If nothing is known by that notation.
    """
    if isinstance(notation, Parameter):
        return notation
    try:
        found = _read(plain(notation))
    except SpaceError as error:
        raise SpaceError(f"parameter {name!r}: {error}") from None
    if type(notation) is tuple and len(notation) == 2 and isinstance(found, Ordinal):
        low, high = found.choices
        kind = "Int" if isinstance(low, int) and isinstance(high, int) else "Float"
        warn(
            f"parameter {name!r}: {notation!r} are two choices, [{low!r}, {high!r}] without this warning; "
            f"the range between them is hpo.{kind}({low!r}, {high!r})"
        )
    return found


def _read(notation: Any) -> Parameter:
    if hasattr(notation, "dist") and hasattr(notation, "support"):
        return _from_distribution(notation)
    if isinstance(notation, Iterable) and not isinstance(notation, str | bytes | Mapping | set | frozenset):
        choices = [plain(choice) for choice in notation]
        # A NaN has no place in an order.
        numeric = all(isinstance(c, int | float) and not isinstance(c, bool) and c == c for c in choices)
        return Ordinal(sorted(choices)) if numeric else Categorical(choices)
    raise SpaceError(f"{notation!r} is not a parameter; allowed: {ALLOWED}")


def _from_distribution(frozen: Any) -> Parameter:
    kind = frozen.dist.name
    given = f"{kind}{frozen.args}{frozen.kwds or ''}"
    # SciPy makes both ends alike: two numbers, two NaN or two arrays.
    low, high = (plain(end) for end in frozen.support())
    if not is_real(low):
        raise SpaceError(f"distribution {given} is several; its arguments must be numbers, not arrays")
    if math.isnan(low):
        raise SpaceError(f"distribution {given} has no values; check its arguments")
    if kind == "randint":
        return Int(int(low), int(high))
    if kind == "uniform":
        return Float(low, high)
    if kind in ("loguniform", "reciprocal"):
        loc = frozen.kwds.get("loc", frozen.args[2] if len(frozen.args) > 2 else 0)
        if loc == 0:  # shifted, it is not uniform in log
            return Float(low, high, log=True)
    raise SpaceError(f"distribution {given} is not known; allowed: {ALLOWED}")
