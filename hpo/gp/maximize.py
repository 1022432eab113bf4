"""Maximisation of an acquisition over a mixed domain.

All starts climb together: a batched L-BFGS-B moves the columns that are smooth, and all one-step
neighbours of the discrete ones are scored in one product, in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hpo.gp.kernels import Array

MAX_CHOICES = 16  # categories tried per column and step; more are sampled
MAX_STEPS = 20  # of a climb over neighbours
CLIMBED = 1e-5  # a climb by gradient ends where a step gains less than this share of the sum of scores


@dataclass(frozen=True)
class Domain:
    """Where to search.

    Attributes
    ----------
    n_cells : (d,) array
        Distinct values of each column, inf where continuous.
    is_categorical, is_fine : (d,) bool arrays
        Columns of names, and of numbers that are as good as continuous: those move by gradient.
    snap : callable
        (n, d) points anywhere in the cube to the exact configurations they stand for, NaN inactive.
    allowed : callable
        (n, d) snapped points to (n,) bool: feasible, and not tried before.
    telling : callable
        (n, d) snapped points to (n,) bool: worth a trial if any of those allowed is.
    """

    n_cells: Array
    is_categorical: NDArray[np.bool_]
    is_fine: NDArray[np.bool_]
    snap: Callable[[Array], Array]
    allowed: Callable[[Array], NDArray[np.bool_]]
    telling: Callable[[Array], NDArray[np.bool_]]


Score = Callable[[Array], Array]
ScoreWithGradient = Callable[[Array], tuple[Array, Array]]


def maximize(
    score: Score,
    score_with_gradient: ScoreWithGradient,
    domain: Domain,
    candidates: Array,
    rng: np.random.Generator,
    n_starts: int = 6,
    rounds: int = 2,
) -> tuple[Array, float] | None:
    """Best allowed point found from the best candidates, and its score; None where none is allowed.

    Parameters
    ----------
    score : callable
        (m, d) points to (m,) values.
    score_with_gradient : callable
        (m, d) points to values and their gradients, (m, d).
    domain : Domain
    candidates : (m, d) array
        Points to start from; values of inactive parameters are kept for when they become active.
    rng : numpy.random.Generator
    n_starts, rounds : int
        Points that climb, and how often gradient and neighbour moves alternate.
    """
    pool = _Pool(score, domain)
    order = _descending(pool.scored(candidates))
    U = candidates[_diverse(candidates, order, n_starts)]
    is_smooth = bool(domain.is_fine.any())
    is_discrete = bool(np.isfinite(domain.n_cells[domain.n_cells > 1]).any())
    for _ in range(rounds):
        if is_smooth:
            U = _climb_smooth(score_with_gradient, domain, U)
        if not is_discrete:
            pool.scored(U)
            break
        climbed, U = U, _climb_neighbours(pool, domain, U, rng)
        if not is_smooth or np.array_equal(climbed, U):
            break  # there is one way only, or neither leads up
    return pool.best_allowed()


class _Pool:
    """Every point scored so far: the best one may have been tried already, and so may many next to it."""

    def __init__(self, score: Score, domain: Domain) -> None:
        self.score, self.domain = score, domain
        self.points: list[Array] = []
        self.values: list[Array] = []

    def scored(self, U: Array) -> Array:
        """Values of the configurations that these points stand for, (m,)."""
        snapped = self.domain.snap(U)
        values = self.score(snapped)
        self.points.append(snapped)
        self.values.append(values)
        return values

    def best_allowed(self) -> tuple[Array, float] | None:
        points, values = np.concatenate(self.points), np.concatenate(self.values)
        order = _descending(values)
        best: int | None = None
        for start in range(0, len(order), 64):
            block = order[start : start + 64]
            block = block[self.domain.allowed(points[block])]
            if best is None and block.size:
                best = int(block[0])
            block = block[self.domain.telling(points[block])]
            if block.size:
                best = int(block[0])
                break
        return None if best is None else (points[best], float(values[best]))


def _descending(values: Array) -> NDArray[np.int64]:
    """Positions from the best value down; ties, also by rounding, in their order."""
    return np.argsort(-np.round(values, 9), kind="stable")


def _diverse(U: Array, order: NDArray[np.int64], n: int) -> list[int]:
    """The first `n` points in this order that are not next to an earlier one."""
    chosen: list[int] = []
    for i in order[: 20 * n].tolist():
        if all(np.abs(U[i] - U[j]).max() > 0.02 for j in chosen):
            chosen.append(i)
            if len(chosen) == n:
                break
    return chosen


def _climb_smooth(score_with_gradient: ScoreWithGradient, domain: Domain, U: Array) -> Array:
    """One L-BFGS-B over all starts stacked: their sum is separable, so each climbs its own hill."""
    fine = domain.is_fine
    # Inactive parameters are NaN in `fixed`; they contribute nothing and stay what they are.
    fixed = domain.snap(U)
    active = ~np.isnan(fixed[:, fine])

    def negative(flat: Array) -> tuple[float, Array]:
        moved = fixed.copy()
        moved[:, fine] = np.where(active, flat.reshape(active.shape), np.nan)
        values, gradient = score_with_gradient(moved)
        return -float(values.sum()), -np.where(active, gradient[:, fine], 0.0).ravel()

    result = minimize(
        negative,
        np.clip(U[:, fine], 0.0, 1.0).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * active.size,
        options={"maxiter": 40, "maxfun": 60, "ftol": CLIMBED},
    )
    climbed = U.copy()
    climbed[:, fine] = result.x.reshape(active.shape)
    return climbed


def _climb_neighbours(pool: _Pool, domain: Domain, U: Array, rng: np.random.Generator) -> Array:
    """Move every start by discrete steps until no step is better.

    A step goes to the best neighbour, or takes the best neighbours in several columns at once where that
    is better still: with many columns a step in each of them, one after another, would take long.
    """
    current = U.copy()
    values = pool.scored(current).copy()  # the pool keeps its own
    climbing = np.arange(len(U))
    for _ in range(MAX_STEPS):
        points, owner, column = _neighbours(domain, current[climbing], rng)
        scores = pool.scored(points)
        better = scores > values[climbing[owner]] + 1e-9
        if not better.any():
            break
        points, scores, owner, column = points[better], scores[better], owner[better], column[better]
        several, their_owner = _several_steps(current[climbing], points, scores, owner, column)
        points, owner = np.concatenate([points, several]), np.concatenate([owner, their_owner])
        scores = np.concatenate([scores, pool.scored(several)])
        moving = np.unique(owner)
        for i in moving.tolist():
            mine = np.flatnonzero(owner == i)
            best = mine[np.argmax(scores[mine])]
            current[climbing[i]], values[climbing[i]] = points[best], scores[best]
        climbing = climbing[moving]
    return current


def _several_steps(
    U: Array, better: Array, scores: Array, owner: NDArray[np.int64], column: NDArray[np.int64]
) -> tuple[Array, NDArray[np.int64]]:
    """Each row of U with its two best columns moved, with its three best and so on, and the row it is of."""
    found, owners = [np.empty((0, U.shape[1]))], [np.empty(0, dtype=np.int64)]
    order = _descending(scores)
    for i in range(len(U)):
        mine = order[owner[order] == i]
        # np.unique's positions are those of the first, which is the best, of each column.
        best = mine[np.sort(np.unique(column[mine], return_index=True)[1])]
        moved = np.tile(U[i], (len(best), 1))
        for k, which in enumerate(best.tolist()):
            moved[k:, column[which]] = better[which, column[which]]
        found.append(moved[1:])
        owners.append(np.full(max(len(best) - 1, 0), i))
    return np.concatenate(found), np.concatenate(owners)


def _neighbours(
    domain: Domain, U: Array, rng: np.random.Generator
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """All points one step away in one discrete column, (m, d), the row each belongs to, and that column."""
    found, owners, columns = [], [], []
    for j in np.flatnonzero(np.isfinite(domain.n_cells) & (domain.n_cells > 1)):
        m = int(domain.n_cells[j])
        cell = np.minimum((U[:, j] * m).astype(np.int64), m - 1)[:, None]
        if domain.is_categorical[j]:
            steps = np.arange(1, m) if m <= MAX_CHOICES else rng.integers(1, m, size=MAX_CHOICES)
            target = (cell + steps) % m
        else:
            target = cell + np.array([-1, 1])
        owner, which = np.nonzero((target >= 0) & (target < m))
        moved = U[owner]
        moved[:, j] = (target[owner, which] + 0.5) / m
        found.append(moved)
        owners.append(owner)
        columns.append(np.full(len(owner), j))
    return np.concatenate(found), np.concatenate(owners), np.concatenate(columns)
