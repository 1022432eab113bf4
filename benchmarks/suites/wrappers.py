"""What makes a test function like real tuning; every wrapper keeps the optimum where it is known.

A `FunctionProblem` is a function, the axes that its coordinates are searched on, and what happens to
its value. Each wrapper returns a changed copy, so that any of them go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

import hpo
from benchmarks.suites.functions import Array, Function
from benchmarks.suites.problem import noise_generator


@dataclass(frozen=True)
class Axis:
    """One coordinate of the function as a hyperparameter.

    Attributes
    ----------
    parameter : Parameter
    coordinate : callable
        The hyperparameter's value to the function's coordinate.
    absent : float
        Coordinate where the hyperparameter does not exist.
    """

    parameter: Any
    coordinate: Callable[[Any], float]
    absent: float = 0.0


@dataclass(frozen=True)
class FunctionProblem:
    """A function searched on its axes; see `plain`."""

    function: Function
    axes: dict[str, Axis]
    warp: Callable[[float], float] = field(default=lambda excess: excess)
    noise: float = 0.0
    accidents: tuple[float, float] = (0.0, 0.0)
    added: Callable[[Array], float] = field(default=lambda u: 0.0)
    fails: Callable[[Array], bool] | None = None

    @cached_property
    def space(self) -> hpo.Space:
        """One parameter an axis."""
        return hpo.Space({name: axis.parameter for name, axis in self.axes.items()})

    @property
    def optimum(self) -> float:
        """The function's minimum, which all wrappers keep."""
        return self.function.minimum

    def observe(self, params: dict[str, Any], seed: int = 0) -> float:
        """Value with noise.

        Raises
        ------
        FloatingPointError
            In the failing region.
        """
        if self.fails is not None and self.fails(self._unit(params)):
            raise FloatingPointError("diverged")
        value = self.truth(params)
        if self.noise:
            value += self.noise * float(noise_generator(params, seed).normal())
        share, size = self.accidents
        if share:
            rng = noise_generator({**params, "": "accident"}, seed)
            value += size * float(rng.exponential()) * (rng.random() < share)
        return value

    def truth(self, params: dict[str, Any]) -> float:
        """Value without noise."""
        f = self.function
        excess = self.warp(max(f.value(self._point(params)) - f.minimum, 0.0))
        return f.minimum + excess + self.added(self._unit(params))

    def _point(self, params: dict[str, Any]) -> Array:
        axes = list(self.axes.items())[: self.function.d]
        return np.array([a.coordinate(params[n]) if n in params else a.absent for n, a in axes])

    def _unit(self, params: dict[str, Any]) -> Array:
        f = self.function
        return (self._point(params) - f.low) / (f.high - f.low)


def plain(function: Function) -> FunctionProblem:
    """The function on its own box."""
    axis = Axis(hpo.Float(function.low, function.high), float)
    return FunctionProblem(function, {f"x{j}": axis for j in range(function.d)})


def noisy(problem: FunctionProblem, sd: float) -> FunctionProblem:
    """Normal noise on every observation."""
    return replace(problem, noise=sd)


def heavy_tailed(problem: FunctionProblem, scale: float) -> FunctionProblem:
    """Bad values grow exponentially: the excess over the minimum v becomes scale (exp(v / scale) - 1)."""
    return replace(problem, warp=lambda v: scale * float(np.expm1(min(v / scale, 600.0))))


def accidental(problem: FunctionProblem, share: float, size: float) -> FunctionProblem:
    """This share of the trials ends badly whatever the configuration: worse by `size`, exponentially."""
    return replace(problem, accidents=(share, size))


def cliff(problem: FunctionProblem, height: float, seed: int) -> FunctionProblem:
    """Values are worse by `height` on one side of a plane that is 0.05 of the box from the minimiser."""
    f = problem.function
    normal = np.random.default_rng(seed).standard_normal(f.d)
    normal /= np.linalg.norm(normal)
    edge = float((f.argmin - f.low) / (f.high - f.low) @ normal) + 0.05
    return replace(problem, added=lambda u: height if u @ normal > edge else 0.0)


def plateaus(problem: FunctionProblem, step: float) -> FunctionProblem:
    """The excess over the minimum rounded down to multiples of `step`."""
    return replace(problem, warp=lambda v: step * float(np.floor(v / step)))


def rescaled(problem: FunctionProblem) -> FunctionProblem:
    """Axes in turn logarithmic over six decades, of the order 1e6, and of the order 1e-3."""
    f = problem.function
    width = f.high - f.low
    kinds = (
        Axis(hpo.Float(1e-6, 1.0, log=True), lambda v: f.low + width * (np.log10(v) / 6.0 + 1.0)),
        Axis(hpo.Float(0.0, 1e6), lambda v: f.low + width * v / 1e6),
        Axis(hpo.Float(-1e-3, 1e-3), lambda v: f.low + width * (v / 2e-3 + 0.5)),
    )
    return replace(problem, axes={name: kinds[j % 3] for j, name in enumerate(problem.axes)})


def misscaled(problem: FunctionProblem, seed: int) -> FunctionProblem:
    """Half of the axes from 0 to 1 on a scale that their author did not know.

    A linear range where one and a half to four decades or a power of the hyperparameter matter, or a power
    where it should be linear; a quarter of them at the high end.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(list(problem.axes))[: (len(problem.axes) + 1) // 2].tolist()
    return replace(problem, axes=problem.axes | {name: _misscaled(problem.function, rng) for name in names})


def _misscaled(f: Function, rng: np.random.Generator) -> Axis:
    """A range from 0 to 1 on one of these scales."""
    e, is_high_end = rng.uniform(1.5, 4.0), rng.random() < 0.25

    def decades(v: float) -> float:
        return 1.0 + float(np.log10(10.0**-e + (1.0 - 10.0**-e) * v)) / e

    scale = (decades, decades, lambda v: v ** (1.0 / e), lambda v: v**e)[rng.integers(4)]

    def coordinate(v: float) -> float:
        return f.low + (f.high - f.low) * (1.0 - scale(1.0 - v) if is_high_end else scale(v))

    return Axis(hpo.Float(0.0, 1.0), coordinate)


def integers(problem: FunctionProblem, columns: Sequence[int], levels: int) -> FunctionProblem:
    """These axes become whole numbers, one of which is the minimiser."""
    changes = {}
    for j in columns:
        value_at = dict(enumerate(_levels(problem.function, j, levels).tolist(), start=1))
        changes[f"x{j}"] = Axis(hpo.Int(1, levels), value_at.__getitem__)
    return replace(problem, axes=problem.axes | changes)


def ordinals(problem: FunctionProblem, columns: Sequence[int], levels: int) -> FunctionProblem:
    """These axes become ordered choices 1, 2, 4, ..., one of which is the minimiser."""
    changes = {}
    for j in columns:
        grid = _levels(problem.function, j, levels)
        value_at = {2**i: float(grid[i]) for i in range(levels)}
        changes[f"x{j}"] = Axis(hpo.Ordinal(list(value_at)), value_at.__getitem__)
    return replace(problem, axes=problem.axes | changes)


def categories(problem: FunctionProblem, columns: Sequence[int], levels: int) -> FunctionProblem:
    """These axes become names in an order that says nothing, one of which is the minimiser."""
    changes = {}
    for j in columns:
        grid = np.random.default_rng(j).permutation(_levels(problem.function, j, levels))
        value_at = {chr(ord("a") + i): float(grid[i]) for i in range(levels)}
        changes[f"x{j}"] = Axis(hpo.Categorical(list(value_at)), value_at.__getitem__)
    return replace(problem, axes=problem.axes | changes)


def conditional(problem: FunctionProblem, columns: Sequence[int]) -> FunctionProblem:
    """These axes exist in the mode "tuned" only; in the others they stand at an edge of the box."""
    f = problem.function
    mode = Axis(hpo.Categorical(["default", "tuned", "legacy"]), lambda _: 0.0)
    changes = {}
    for j in columns:
        axis = problem.axes[f"x{j}"]
        edge = f.low if f.argmin[j] > 0.5 * (f.low + f.high) else f.high
        absent = 0.5 * (edge + float(f.argmin[j]))
        changes[f"x{j}"] = replace(
            axis, parameter=replace(axis.parameter, when={"mode": "tuned"}), absent=absent
        )
    return replace(problem, axes=problem.axes | changes | {"mode": mode})


def failing(problem: FunctionProblem, share: float) -> FunctionProblem:
    """The corner of the box farthest from the minimiser fails, `share` of the volume."""
    f = problem.function
    unit = (f.argmin - f.low) / (f.high - f.low)
    away = np.where(unit < 0.5, 1.0, -1.0)
    points = np.random.default_rng(0).random((20_000, f.d)) @ away
    threshold = max(float(np.quantile(points, 1.0 - share)), float(unit @ away) + 0.05)
    return replace(problem, fails=lambda u: bool(u @ away > threshold))


def _levels(function: Function, j: int, levels: int) -> Array:
    """`levels` even coordinates in the box, the one nearest the minimiser moved onto it."""
    grid = np.linspace(function.low, function.high, levels)
    grid[np.argmin(np.abs(grid - function.argmin[j]))] = function.argmin[j]
    return grid
