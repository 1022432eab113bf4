"""The four kinds of parameter: frozen, validated when made, each knowing its own values.

A parameter describes its values as *numbers* on a warped line, which is all that the codec in
``hpo.space.codec`` needs: the `first` and the `last` number, the `step` between the numbers of a
discrete parameter, and the translation from a number to a plain Python value and back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cached_property
from typing import Any

from hpo.checks import is_real
from hpo.space import checks
from hpo.space.checks import Places, SpaceError

MAX_CELLS = 2**50  # with more, a step is no longer than what rounding may add to it
NARROW = 1e-6  # of its first number: the width of a range that is linear on a log scale, too
EXACT = Context(prec=28)  # not the thread's own, which an objective may have set to fewer digits
SLACK = 1e-9  # of a step: what someone's own rounding may add to or take from a multiple of it


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
    def is_log(self) -> bool:
        """Whether logarithms spread its numbers: those of a narrow range are linear, and may all be alike."""
        return self.log and self.last > (1 + NARROW) * self.first

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
        low, high = checks.real("low", self.low), checks.real("high", self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "log", checks.scale(self.log, low, high))
        object.__setattr__(self, "when", checks.conditions(self.when))
        if self.step is not None:
            step = checks.real("step", self.step)
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
        slack = self._slack(self.step)
        x = self._written(math.floor((self.high - self.low + slack) / self.step))
        return self.high if abs(self.high - x) <= slack else x

    def value(self, number: float) -> float:
        """Plain float at `number`, without the rounding dust of stepping."""
        if self.step is None:
            return float(number)
        x = self._written(round((number - self.low) / self.step))
        return self.last if abs(self.last - x) <= self._slack(self.step) else x

    def number(self, value: Any) -> float:
        """Check that `value` is in range and on the grid, and move it onto the grid's number."""
        if is_real(value) and self.low <= value <= self.high:
            x = float(value)
            if self.step is None:
                return x
            i = round((x - self.low) / self.step)
            if abs(x - self.low - i * self.step) <= max(1e-6 * self.step, self._dust):
                return min(self.low + self.step * i, self.last)  # as the codec computes it, to the bit
        steps = f" in steps of {self.step!r}" if self.step else ""
        raise ValueError(f"must be a number from {self.low!r} to {self.high!r}{steps}")

    @property
    def _dust(self) -> float:
        """What rounding may add to or take from a multiple of the step: some units in the last place."""
        return 4 * math.ulp(max(abs(self.low), abs(self.high)))

    def _slack(self, step: float) -> float:
        """The same, where it must not reach the next multiple."""
        return min(max(SLACK * step, self._dust), step / 4)

    def _written(self, i: int) -> float:
        """``low + i * step`` as one would write it: 0.3 for three steps of 0.1, not 0.30000000000000004."""
        return float(EXACT.fma(i, Decimal(repr(self.step)), Decimal(repr(self.low))))


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
            object.__setattr__(self, name, checks.whole(name, getattr(self, name)))
        object.__setattr__(self, "log", checks.scale(self.log, self.low, self.high))
        object.__setattr__(self, "when", checks.conditions(self.when))
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
        object.__setattr__(self, "choices", checks.choices(self.choices))
        object.__setattr__(self, "when", checks.conditions(self.when))

    @property
    def last(self) -> float:  # type: ignore[override]
        """Index of the last choice."""
        return float(len(self.choices) - 1)

    def value(self, number: float) -> Any:
        """Choice at index `number`."""
        return self.choices[int(number)]

    def number(self, value: Any) -> float:
        """Index of `value` among the choices."""
        place = self._places.of(value)
        if place is None:
            raise ValueError(f"must be one of {list(self.choices)!r}")
        return float(place)

    @cached_property
    def _places(self) -> Places:
        return Places(self.choices)


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
