"""Standard test functions with known minima, each shifted so that the centre is not the answer.

Definitions as in Surjanovic and Bingham, Virtual Library of Simulation Experiments (sfu.ca/~ssurjano);
Hartmann and Shekel after Dixon and Szegö (1978), Michalewicz (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Function:
    """A function on a box.

    Attributes
    ----------
    value : callable
        (d,) point to its value.
    low, high : float
        The box, the same for every coordinate.
    argmin : (d,) array
        A global minimiser.
    minimum : float
    """

    value: Callable[[Array], float]
    low: float
    high: float
    argmin: Array
    minimum: float

    @property
    def d(self) -> int:
        """Dimension."""
        return len(self.argmin)

    def shifted(self, seed: int) -> Function:
        """The minimiser moved to a point drawn from the middle 70 % of the box.

        For functions that are defined everywhere and have no other minimum outside of the box.
        """
        reach = 0.35 * (self.high - self.low)
        middle = 0.5 * (self.high + self.low)
        target = middle + np.random.default_rng([seed, self.d]).uniform(-reach, reach, self.d)
        offset, inner = target - self.argmin, self.value
        return Function(lambda x: inner(x - offset), self.low, self.high, target, self.minimum)


def sphere(d: int) -> Function:
    """Σ x²."""
    return Function(lambda x: float(x @ x), -5.0, 5.0, np.zeros(d), 0.0).shifted(1)


def rosenbrock(d: int) -> Function:
    """A bent valley: Σ 100 (x_{i+1} - x_i²)² + (1 - x_i)²."""
    return Function(
        lambda x: float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)),
        -2.0, 3.0, np.ones(d), 0.0,
    )  # fmt: skip


def ackley(d: int) -> Function:
    """A hole in a plain of ripples."""

    def value(x: Array) -> float:
        ripples = np.exp(np.mean(np.cos(2 * np.pi * x)))
        return float(20.0 + np.e - 20.0 * np.exp(-0.2 * np.sqrt(np.mean(x * x))) - ripples)

    return Function(value, -5.0, 5.0, np.zeros(d), 0.0).shifted(2)


def levy(d: int) -> Function:
    """Ripples across a bowl."""

    def value(x: Array) -> float:
        w = 1.0 + (x - 1.0) / 4.0
        first = np.sin(np.pi * w[0]) ** 2
        middle = np.sum((w[:-1] - 1.0) ** 2 * (1.0 + 10.0 * np.sin(np.pi * w[:-1] + 1.0) ** 2))
        last = (w[-1] - 1.0) ** 2 * (1.0 + np.sin(2 * np.pi * w[-1]) ** 2)
        return float(first + middle + last)

    return Function(value, -10.0, 10.0, np.ones(d), 0.0).shifted(3)


def rastrigin(d: int) -> Function:
    """A grid of holes in a bowl."""
    return Function(
        lambda x: float(10.0 * len(x) + np.sum(x * x - 10.0 * np.cos(2 * np.pi * x))),
        -5.0, 5.0, np.zeros(d), 0.0,
    ).shifted(4)  # fmt: skip


def griewank(d: int) -> Function:
    """Fine ripples on a wide bowl."""
    root = np.sqrt(np.arange(1, d + 1))
    return Function(
        lambda x: float(1.0 + np.sum(x * x) / 4000.0 - np.prod(np.cos(x / root))),
        -100.0, 100.0, np.zeros(d), 0.0,
    ).shifted(5)  # fmt: skip


def zakharov(d: int) -> Function:
    """A plate with no local minima but one."""
    half = 0.5 * np.arange(1, d + 1)
    return Function(
        lambda x: float(x @ x + (half @ x) ** 2 + (half @ x) ** 4), -5.0, 5.0, np.zeros(d), 0.0
    ).shifted(6)


def styblinski_tang(d: int) -> Function:
    """Two wells a coordinate, of unequal depth."""
    return Function(
        lambda x: float(0.5 * np.sum(x**4 - 16.0 * x**2 + 5.0 * x)),
        -5.0, 5.0, np.full(d, -2.903534027771177), -39.16616570377142 * d,
    )  # fmt: skip


def michalewicz(d: int) -> Function:
    """Steep ridges; d is 2 or 5, of which the minimum is known."""
    known = {
        2: ([2.202906, 1.570796], -1.8013034100985532),
        5: ([2.202906, 1.570796, 1.284992, 1.923058, 1.720470], -4.687658179088148),
    }
    argmin, minimum = known[d]
    i = np.arange(1, d + 1)
    return Function(
        lambda x: -float(np.sum(np.sin(x) * np.sin(i * x * x / np.pi) ** 20)),
        0.0, float(np.pi), np.array(argmin), minimum,
    )  # fmt: skip


def branin() -> Function:
    """Three equal minima; both coordinates scaled to 0..1."""

    def value(u: Array) -> float:
        a, b = 15.0 * u[0] - 5.0, 15.0 * u[1]
        bend = b - 5.1 / (4 * np.pi**2) * a * a + 5.0 / np.pi * a - 6.0
        return float(bend**2 + 10.0 * (1.0 - 1.0 / (8 * np.pi)) * np.cos(a) + 10.0)

    return Function(value, 0.0, 1.0, np.array([(np.pi + 5.0) / 15.0, 2.275 / 15.0]), 0.39788735772973816)


def six_hump_camel() -> Function:
    """Six minima, two of them global."""

    def value(x: Array) -> float:
        a, b = x
        return float((4.0 - 2.1 * a**2 + a**4 / 3.0) * a**2 + a * b + (4.0 * b**2 - 4.0) * b**2)

    return Function(value, -2.0, 2.0, np.array([0.0898420131, -0.7126564030]), -1.0316284534898774)


def hartmann(d: int) -> Function:
    """Four bumps; d is 3 or 6."""
    A, P, argmin, minimum = _HARTMANN[d]
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    return Function(
        lambda x: -float(weights @ np.exp(-np.sum(A * (x - P) ** 2, axis=1))), 0.0, 1.0, argmin, minimum
    )


def shekel() -> Function:
    """Ten narrow wells in four dimensions."""
    centres = np.array(
        [[4, 1, 8, 6, 3, 2, 5, 8, 6, 7], [4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6]] * 2, dtype=np.float64
    ).T
    widths = 0.1 * np.array([1, 2, 2, 4, 4, 6, 3, 7, 5, 5])
    argmin = np.array([4.000746869, 3.999509481, 4.000746868, 3.999509478])
    return Function(
        lambda x: -float(np.sum(1.0 / (np.sum((x - centres) ** 2, axis=1) + widths))),
        0.0, 10.0, argmin, -10.53644315348353,
    )  # fmt: skip


_HARTMANN = {
    3: (
        np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
        1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
        np.array([0.114588868, 0.555648896, 0.852546985]),
        -3.862779787332663,
    ),
    6: (
        np.array([
            [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]),
        1e-4 * np.array([
            [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
        ]),
        np.array([0.20168951, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053]),
        -3.322368011415515,
    ),
}  # fmt: skip
