"""The one map between the unit cube and the values of parameters, whole matrices at a time.

Notation
--------
n        number of trials
d        number of parameters
U (n, d) points of the unit cube, anywhere in [0, 1]; NaN marks an inactive parameter
V (n, d) the same points as *numbers*: the value itself for Float and Int, the index for choices

A discrete column of m values is cut into m cells of equal width in its warped coordinate (linear
or log); a value is encoded as the centre of its cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hpo.space.checks import SpaceError
from hpo.space.parameters import Parameter

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# (column, [(parent's column, numbers of the parent that satisfy)]), parents before their children.
Conditions = list[tuple[int, list[tuple[int, Array]]]]


class Codec:
    """Arithmetic of the columns of a space.

    Parameters
    ----------
    columns : sequence of Parameter
    conditions : Conditions
    """

    def __init__(self, columns: Sequence[Parameter], conditions: Conditions) -> None:
        self.conditions = conditions
        self._activity = _Activity(conditions)
        self.first = np.array([p.first for p in columns])
        self.last = np.array([p.last for p in columns])
        self.step = np.array([p.grid_step for p in columns])
        self._discrete = np.flatnonzero(self.step > 0)
        # The last number can be an ulp away from its multiple of the step, and only one of both may be used.
        span = self.last[self._discrete] - self.first[self._discrete]
        self._most = np.rint(span / self.step[self._discrete])
        self._log = np.flatnonzero([p.is_log for p in columns])
        self._constant = self.first == self.last
        self._has_constant = bool(self._constant.any())
        # Cells reach half a step beyond the first and the last number.
        self._low = self._warp(self.first - self.step / 2)
        self._high = self._warp(self.last + self.step / 2)
        with np.errstate(over="ignore"):  # halves where the width overflows, such as that of -1e308..1e308
            self._part = np.where(np.isfinite(self._high - self._low), 1.0, 0.5)
        self._start = self._low * self._part
        self._width = np.where(self._constant, 1.0, self._high * self._part - self._start)

    def numbers(self, U: Array) -> Array:
        """Numbers at points of the unit cube; those of inactive parameters mean nothing."""
        U = np.asarray(U, dtype=np.float64)
        V: Array = self._low * (1 - U) + self._high * U
        if self._log.size:
            V[:, self._log] = np.exp(V[:, self._log])
        return self.on_grid(V)

    def on_grid(self, V: Array) -> Array:
        """The nearest numbers that parameters have. `V` is used up."""
        if self._discrete.size:
            first, step = self.first[self._discrete], self.step[self._discrete]
            multiple = np.minimum(np.rint((V[:, self._discrete] - first) / step), self._most)
            V[:, self._discrete] = first + step * multiple
        nearest: Array = np.minimum(np.maximum(V, self.first), self.last)
        return nearest

    def to_unit(self, V: Array) -> Array:
        """Points of the unit cube that stand for numbers."""
        U = (self._warp(V) * self._part - self._start) / self._width
        if self._has_constant:
            U[:, self._constant] = np.where(np.isnan(V[:, self._constant]), np.nan, 0.5)
        clipped: Array = np.minimum(np.maximum(U, 0.0), 1.0)
        return clipped

    def active(self, V: Array) -> NDArray[np.bool_]:
        """Which parameters exist where their parents have these numbers, (n, d)."""
        return self._activity.of(V)

    def cells(self, j: int, m: int) -> Array:
        """Unit coordinates of the first `m` values of the discrete or constant column `j`, (m,)."""
        if self._constant[j]:
            return np.full(m, 0.5)
        v = np.minimum(self.first[j] + self.step[j] * np.arange(m), self.last[j])
        warped = np.log(v) if j in self._log else v
        column: Array = (warped * self._part[j] - self._start[j]) / self._width[j]
        return column

    def _warp(self, V: Array) -> Array:
        warped: Array = V.copy()
        if self._log.size:
            warped[..., self._log] = np.log(V[..., self._log])
        return warped


class _Activity:
    """Which parameters exist: conditions are looked at together, but for those on what others decide."""

    def __init__(self, conditions: Conditions) -> None:
        tests: dict[tuple[int, tuple[float, ...]], int] = {}  # many parameters may share a condition
        depth: dict[int, int] = {}
        levels: dict[int, list[tuple[int, list[tuple[int, int]]]]] = {}
        for j, parents in conditions:
            own = [
                (tests.setdefault((parent, tuple(values.tolist())), len(tests)), parent)
                for parent, values in parents
            ]
            depth[j] = 1 + max(depth.get(parent, 0) for parent, _ in parents)
            levels.setdefault(depth[j], []).append((j, own))
        n_values = [len(values) for _, values in tests]
        self._parents = np.repeat([parent for parent, _ in tests], n_values).astype(np.intp)
        self._values = np.array([value for _, values in tests for value in values])[:, None]
        self._tests = _starts(n_values)
        self._levels = [_level(levels[n]) for n in sorted(levels)]

    def of(self, V: Array) -> NDArray[np.bool_]:
        """Which parameters exist where all have these numbers, (n, d)."""
        active = np.ones(V.shape[::-1], dtype=bool)  # a row a parameter
        if self._levels:
            holds = np.logical_or.reduceat(V.T[self._parents] == self._values, self._tests)
            for columns, tests, parents, starts in self._levels:
                active[columns] = np.logical_and.reduceat(holds[tests] & active[parents], starts)
        return active.T


def _level(conditions: list[tuple[int, list[tuple[int, int]]]]) -> tuple[Indices, Indices, Indices, Indices]:
    pairs = np.array([pair for _, own in conditions for pair in own])
    columns = np.array([j for j, _ in conditions])
    return columns, pairs[:, 0], pairs[:, 1], _starts([len(own) for _, own in conditions])


def _starts(lengths: Sequence[int]) -> Indices:
    """Where each of several runs of these lengths begins."""
    return np.cumsum([0, *lengths[:-1]])


def conditions_of(parameters: Mapping[str, Parameter]) -> Conditions:
    """Conditions of all parameters in terms of columns and numbers.

    Raises
    ------
    SpaceError
        If one names a parent that is not there, a value that it does not have, or a continuous
        parent, or if they depend on each other in a circle.
    """
    index = {name: j for j, name in enumerate(parameters)}
    waiting = {name: dict(p.when) for name, p in parameters.items() if p.when is not None}
    for name, when in waiting.items():
        for parent in when:
            if parent not in parameters:
                raise SpaceError(f"parameter {name!r}: when={when!r} names {parent!r}, not in the space")
    resolved: Conditions = []
    while waiting:
        ready = [name for name, when in waiting.items() if not waiting.keys() & when.keys()]
        if not ready:
            raise SpaceError(f"when: the conditions of {', '.join(waiting)} depend on each other in a circle")
        for name in ready:
            parents = [
                (index[parent], _satisfying(name, parent, parameters[parent], values))
                for parent, values in waiting.pop(name).items()
            ]
            resolved.append((index[name], parents))
    return resolved


def _satisfying(name: str, parent: str, parameter: Parameter, values: Sequence[object]) -> Array:
    """Numbers of a parent under which the parameter `name` exists."""
    if not np.isfinite(parameter.n_cells):
        raise SpaceError(
            f"parameter {name!r}: when {parent!r} is {values!r}: {parent!r} is continuous and would never "
            "be exactly that; give it a step or choices"
        )
    numbers = []
    for value in values:
        try:
            numbers.append(parameter.number(value))
        except (ValueError, TypeError, OverflowError) as error:
            raise SpaceError(f"parameter {name!r}: when {parent!r} is {value!r}: {error}") from None
    return np.array(numbers)
