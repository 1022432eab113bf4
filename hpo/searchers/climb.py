"""A climb from the best trial: the (1+1)-CMA-ES, replayed from the history at every suggestion.

Source: C. Igel, T. Suttorp and N. Hansen, "A computational efficient covariance matrix update and a
(1+1)-CMA for evolution strategies" (2006). Its state is a function of the trials, so none is kept:
a search goes on after a restart, and trials of other origin fit in.

Notation
--------
d         number of parameters
x (d,)    best point so far; the climb starts anew wherever another kind of trial finds a better one
σ         step size in the unit cube
C (d, d)  covariance of the steps, from the evolution path p of those that led to a new best
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hpo.trial import Array

SIGMA = 0.2  # first step size, and that after a jump from far away
JUMP = 0.5  # after a jump, step size by the distance jumped
SMALLEST, LARGEST = 1e-13, 0.5  # bounds of the step size
CONVERGED = 1e-11  # step size below which nothing is left to find
FARTHEST = 5.0  # σ that a step counts for at most: one to the neighbour of a discrete value may be far more
UP, DOWN = 0.8, -0.2  # log σ after a success and a failure, times 1/√(d + 1): steady at one in five


@dataclass(frozen=True)
class Climb:
    """Where a climb stands: `x` (d,), NaN where inactive; `sigma`; `C` (d, d)."""

    x: Array
    sigma: float
    C: Array

    @property
    def is_converged(self) -> bool:
        """Whether the steps have become too small to matter."""
        return self.sigma < CONVERGED

    def step(self, rng: np.random.Generator) -> Array:
        """One step away from `x`, (d,); half of them move a random subset of the coordinates."""
        d = len(self.x)
        z: Array = self.sigma * (np.linalg.cholesky(self.C) @ rng.standard_normal(d))
        if rng.random() < 0.5:
            moves = rng.random(d) < max(1 / d, rng.random())
            moves[rng.integers(d)] = True
            z = z * moves
        return z


def replay(X: Array, y: Array, is_step: NDArray[np.bool_]) -> Climb:
    """State of the climb after the given trials.

    Parameters
    ----------
    X : (n, d) array
        Trials in their order, NaN where inactive.
    y : (n,) array
        Values to minimise, inf where a trial failed; at least one is finite.
    is_step : (n,) array
        Which trials were steps of a climb.
    """
    d = X.shape[1]
    is_best = found_best(y)
    start = (
        int(np.flatnonzero(is_best & ~is_step)[-1]) if (is_best & ~is_step).any() else int(is_best.argmax())
    )
    rows = start + 1 + np.flatnonzero(is_step[start + 1 :])
    success = is_best[rows]
    changes = np.where(success, UP, DOWN) / math.sqrt(d + 1)
    log_sigma = math.log(_first_step(X, y, start)) + np.concatenate([[0.0], np.cumsum(changes)])
    sigma = np.exp(np.clip(log_sigma, math.log(SMALLEST), math.log(LARGEST)))
    points = np.nan_to_num(X[[start, *rows[success]]])
    steps = np.clip(np.diff(points, axis=0) / sigma[:-1][success][:, None], -FARTHEST, FARTHEST)
    return Climb(X[int(np.argmin(y))], float(sigma[-1]), _covariance(steps))


def found_best(y: Array) -> NDArray[np.bool_]:
    """Which trials were the best at their time, (n,)."""
    before = np.concatenate([[np.inf], np.minimum.accumulate(y)[:-1]])
    return y < before


def _first_step(X: Array, y: Array, start: int) -> float:
    """Step size by how far the start lies from the best before it."""
    if not np.isfinite(y[:start]).any():
        return SIGMA
    jump = np.nan_to_num(X[start] - X[int(np.argmin(y[:start]))])
    return float(np.clip(JUMP * np.sqrt(np.mean(jump**2)), 1e3 * CONVERGED, SIGMA))


def _covariance(steps: Array) -> Array:
    """C after the given successful steps in units of σ, (n, d): C ← (1 - c) C + c p pᵀ."""
    n, d = steps.shape
    if n == 0:
        return np.eye(d)
    c_path, c = 2 / (d + 2), 2 / (d * d + 6)
    P = lfilter([math.sqrt(c_path * (2 - c_path))], [1.0, c_path - 1.0], steps, axis=0)
    weights = c * (1 - c) ** np.arange(n - 1, -1, -1)
    C: Array = (1 - c) ** n * np.eye(d) + (P * weights[:, None]).T @ P
    C += 1e-10 * np.trace(C) / d * np.eye(d)  # positive definite in spite of rounding
    return C
