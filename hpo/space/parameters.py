"""The four kinds of parameter: frozen, validated when made, each knowing its own values.

A parameter describes its values as *numbers* on a warped line, which is all that the codec in
``hpo.space.space`` needs: `bounds` in warped coordinates, the `step` between the numbers of a
discrete parameter, and the translation from a number to a plain Python value and back.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

MAX_INT = 2**53  # beyond it float64, in which all encodings are held, skips integers
MAX_CELLS = 2**53


class SpaceError(ValueError):
    """A search space, or values given for it, are not usable; the message names the field."""


class Parameter:
    """Base of `Float`, `Int`, `Ordinal` and `Categorical`.

    Attributes
    ----------
    when : mapping of str to tuple, or None
        The values of other parameters under which this one exists; None: always.
    log : bool
        Whether the parameter lives on a logarithmic scale.
    first, last, step : float
        The smallest and largest number, and the distance between numbers; step 0: continuous.
    n_cells : float
        How many distinct values there are; inf for a continuous parameter.
    """

    when: Mapping[str, tuple[Any, ...]] | None
    log: bool
    first: float
    last: float
    step: float | None

    @property
    def grid_step(self) -> float:
        """Distance between neighbouring numbers; 0.0 where the parameter is continuous."""
        return 0.0 if self.step is None else float(self.step)

    @property
    def n_cells(self) -> float:
        """Number of distinct values, inf for a continuous range with ``low < high``."""
        if self.first == self.last:
            return 1.0
        return math.inf if self.grid_step == 0 else round((self.last - self.first) / self.grid_step) + 1.0

    def value(self, number: float) -> Any:
        """Plain Python value that stands at `number`."""
        raise NotImplementedError

    def number(self, value: Any) -> float:
        """Number at which `value` stands; raises ValueError with what is allowed otherwise."""
        raise NotImplementedError


@dataclass(frozen=True)
class Float(Parameter):
    """A real number in ``[low, high]``, both ends included.

    Parameters
    ----------
    low, high : float
        The range; ``low == high`` makes a constant.
    log : bool
        Search on a logarithmic scale; needs ``low > 0`` and no `step`.
    step : float, optional
        Restrict to ``low, low + step, ...``; a step that does not divide the range ends at the
        last multiple below `high`.
    when : mapping, optional
        ``{"parent": value}`` or ``{"parent": [values]}``: the parameter exists only then.

    Raises
    ------
    SpaceError
        If a field is not usable.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        low, high = _real("low", self.low), _real("high", self.high)
        _check_range(low, high, self.log)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "log", bool(self.log))
        object.__setattr__(self, "when", _conditions(self.when))
        if self.step is not None:
            step = _real("step", self.step)
            if step <= 0:
                raise SpaceError(f"step={self.step!r}: must be greater than 0")
            if self.log:
                raise SpaceError(f"step={self.step!r}: a Float has either log=True or a step, not both")
            if (high - low) / step > MAX_CELLS:
                raise SpaceError(f"step={self.step!r}: too fine for {low!r}..{high!r}; leave it out")
            object.__setattr__(self, "step", step)

    @property
    def first(self) -> float:  # type: ignore[override]
        """Smallest value."""
        return self.low

    @property
    def last(self) -> float:  # type: ignore[override]
        """Largest value that the step reaches."""
        if self.step is None:
            return self.high
        # The small slack keeps 0.1 * 5 inside 0.0..0.5 in spite of rounding.
        return min(self.high, self.low + self.step * math.floor((self.high - self.low) / self.step + 1e-9))

    def value(self, number: float) -> float:
        """Plain float at `number`, without the rounding dust of stepping (0.9, not 0.8999999999999999)."""
        return float(number) if self.step is None else float(f"{number:.12g}")

    def number(self, value: Any) -> float:
        """Check that `value` is in range and on the grid."""
        if is_real(value) and self.low <= value <= self.high:
            x = float(value)
            if self.step is None or abs(math.remainder(x - self.low, self.step)) <= 1e-6 * self.step:
                return x
        steps = f" in steps of {self.step!r}" if self.step else ""
        raise ValueError(f"must be a number from {self.low!r} to {self.high!r}{steps}")


@dataclass(frozen=True)
class Int(Parameter):
    """A whole number in ``low..high``, both ends included.

    Parameters
    ----------
    low, high : int
        The range, within ±2**53 (beyond it float64 skips integers).
    log : bool
        Search on a logarithmic scale; needs ``low >= 1`` and ``step == 1``.
    step : int
        Distance between neighbouring values.
    when : mapping, optional
        ``{"parent": value}`` or ``{"parent": [values]}``: the parameter exists only then.

    Raises
    ------
    SpaceError
        If a field is not usable.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        _check_range(self.low, self.high, self.log)
        object.__setattr__(self, "log", bool(self.log))
        object.__setattr__(self, "when", _conditions(self.when))
        if self.step < 1:
            raise SpaceError(f"step={self.step!r}: must be at least 1")
        if self.log and self.step != 1:
            raise SpaceError(f"step={self.step!r}: an Int with log=True takes no step")

    @property
    def first(self) -> float:  # type: ignore[override]
        """Smallest value."""
        return float(self.low)

    @property
    def last(self) -> float:  # type: ignore[override]
        """Largest value that the step reaches."""
        return float(self.low + (self.high - self.low) // self.step * self.step)

    def value(self, number: float) -> int:
        """Plain int at `number`."""
        return int(number)

    def number(self, value: Any) -> float:
        """Check that `value` is whole, in range and on the grid."""
        if is_real(value) and self.low <= value <= self.high:
            x = float(value)
            if x == int(x) and (int(x) - self.low) % self.step == 0:
                return x
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        raise ValueError(f"must be a whole number from {self.low} to {self.high}{steps}")


@dataclass(frozen=True)
class _Choices(Parameter):
    choices: Sequence[Any]
    when: Mapping[str, Any] | None = None
    log: bool = field(default=False, init=False, repr=False)
    step: float = field(default=1.0, init=False, repr=False)
    first: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.choices, str | bytes) or not hasattr(self.choices, "__iter__"):
            raise SpaceError(f"choices={self.choices!r}: must be a list of values")
        choices = tuple(plain(choice) for choice in self.choices)
        if not choices:
            raise SpaceError("choices=[]: must hold at least one value")
        for i, choice in enumerate(choices):
            if any(same(choice, other) for other in choices[:i]):
                raise SpaceError(f"choices={list(choices)!r}: {choice!r} stands there twice")
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "when", _conditions(self.when))

    @property
    def last(self) -> float:  # type: ignore[override]
        """Index of the last choice."""
        return float(len(self.choices) - 1)

    def value(self, number: float) -> Any:
        """Choice at index `number`."""
        return self.choices[int(number)]

    def number(self, value: Any) -> float:
        """Index of `value` among the choices."""
        for i, choice in enumerate(self.choices):
            if same(plain(value), choice):
                return float(i)
        raise ValueError(f"must be one of {list(self.choices)!r}")


@dataclass(frozen=True)
class Ordinal(_Choices):
    """One of a list of values whose order means something, such as ``[16, 32, 64, 128]``.

    Parameters
    ----------
    choices : list
        The values in their order.
    when : mapping, optional
        ``{"parent": value}`` or ``{"parent": [values]}``: the parameter exists only then.

    Raises
    ------
    SpaceError
        If `choices` is empty, no list, or holds a value twice.
    """


@dataclass(frozen=True)
class Categorical(_Choices):
    """One of a list of values without an order, such as ``["sgd", "adam"]``.

    Parameters
    ----------
    choices : list
        The values.
    when : mapping, optional
        ``{"parent": value}`` or ``{"parent": [values]}``: the parameter exists only then.

    Raises
    ------
    SpaceError
        If `choices` is empty, no list, or holds a value twice.
    """


def same(a: Any, b: Any) -> bool:
    """Whether two choices are the same value: ``1``, ``1.0`` are, ``1`` and ``True`` are not."""
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    try:
        return bool(a == b) or (a != a and b != b)
    except (TypeError, ValueError):  # arrays and the like have no plain truth value
        return a is b


def plain(value: Any) -> Any:
    """NumPy scalars become Python's own; everything else stays."""
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", None) == 0 else value


def is_real(value: Any) -> TypeGuard[float]:
    """Whether `value` is a real number of Python or NumPy; booleans are not."""
    if type(value) is float or type(value) is int:  # what nearly all are; the abstract class is slow
        return True
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _real(name: str, value: Any) -> float:
    value = plain(value)
    if not is_real(value):
        raise SpaceError(f"{name}={value!r}: must be a number")
    try:
        x = float(value)
    except OverflowError:
        x = math.inf
    if not math.isfinite(x):
        raise SpaceError(f"{name}={value!r}: must be finite")
    return x


def _whole(name: str, value: Any) -> int:
    value = plain(value)
    if is_real(value) and -MAX_INT <= value <= MAX_INT:
        x = float(value)
        if x == int(x):
            return int(x)
    raise SpaceError(f"{name}={value!r}: must be a whole number within ±2**53")


def _check_range(low: float, high: float, log: bool) -> None:
    if low > high:
        raise SpaceError(f"low={low!r}: must not be above high={high!r}")
    if log and low <= 0:
        raise SpaceError(f"low={low!r}: must be greater than 0 on a log scale")


def _conditions(when: Mapping[str, Any] | None) -> Mapping[str, tuple[Any, ...]] | None:
    """Every condition as a tuple of the values that satisfy it."""
    if when is None:
        return None
    if not isinstance(when, Mapping) or not when:
        raise SpaceError(f'when={when!r}: must be {{"parent": value}} or {{"parent": [values]}}')
    conditions = {}
    for parent, values in when.items():
        several = isinstance(values, list | tuple | set | frozenset)
        conditions[str(parent)] = tuple(plain(v) for v in values) if several else (plain(values),)
        if not conditions[str(parent)]:
            raise SpaceError(f"when={when!r}: names no value for {parent!r}")
    return conditions
