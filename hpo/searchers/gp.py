"""The Gaussian-process searcher: log expected improvement on a fitted model of the trials so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from hpo.gp.acquisition import log_expected_improvement, log_probability_positive
from hpo.gp.kernels import Array, Features, squared_distance
from hpo.gp.maximize import Domain, maximize
from hpo.gp.regression import LOG_2PI, Posterior, Prior, condition, fit
from hpo.gp.warping import half_rank, standardise
from hpo.searchers.base import Searcher, SearchSpaceExhausted
from hpo.space import Space
from hpo.trial import History, Suggestion

WARPS = {"raw": standardise, "half-rank": half_rank}
MAX_LISTED = 4096  # a space with at most this many configurations is scored whole
MAX_POINTS = 256  # above it the model sees a subset, so that a suggestion's time stays bounded
MAX_FIT = 128  # hyperparameters are fitted on at most this many points
MAX_PENDING = 64
WARM_ITERATIONS = 15  # of a fit that starts from the hyperparameters of the trial before


@dataclass(frozen=True)
class GPSearcher(Searcher):
    """Bayesian optimisation with a Gaussian process; the defaults need no setting.

    Parameters
    ----------
    n_initial : int
        Trials with a value before the model is used; the first is the centre of the space. Raise
        it only where the objective is so noisy that a handful of trials mislead.
    warp : str
        How outputs are transformed: ``"half-rank"`` keeps the spacing of the better half and only the
        order of the worse, ``"raw"`` keeps all of it, ``"auto"`` takes the one that predicts the better
        half best, each trial left out in turn (twice the time, and no better: docs/ablations.md).

    Notes
    -----
    `Suggestion.info` holds the predicted mean and sd (in warped units, lower is better), the log
    expected improvement, the length scale of each parameter, and the fitted hyperparameters that
    the next suggestion starts from.
    """

    n_initial: int = 6
    warp: str = "half-rank"
    name: ClassVar[str] = "gp"
    prior: ClassVar[Prior] = Prior()  # no option: what a user knows of length scales the data know better

    def __post_init__(self) -> None:
        if isinstance(self.n_initial, bool) or not isinstance(self.n_initial, int) or self.n_initial < 2:
            raise ValueError(f"n_initial={self.n_initial!r}: must be a whole number of at least 2")
        if self.warp not in ("auto", *WARPS):
            raise ValueError(f"warp={self.warp!r}: must be one of auto, {', '.join(WARPS)}")

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        with _blas().limit(limits=1):  # thread counts change sums, and threads fight at these sizes
            return self._suggest(space, history, rng)

    def _suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        seen = _Seen(space, history)
        features = Features(space.n_cells, space.is_categorical, space.is_conditional)
        complete = history.complete
        if int(complete.sum()) < self.n_initial:
            u = _spread_out(space, history, seen, features, rng)
            return Suggestion(space.decode(u[None])[0], {"reason": "initial"})
        model = _Model.fitted(features, history, self.warp, self.prior)
        found = _maximum(space, history, seen, features, model, rng)
        if found is None:
            u, value = seen.fresh(rng), None
        else:
            u, value = found
        mean, sd = model.objective.predict(features(u[None]))
        info = {
            "reason": "expected improvement" if value is not None else "random",
            "mean": _short(mean[0]),
            "sd": _short(sd[0]),
            "acquisition": None if value is None else _short(value),
            "length_scales": {
                space.names[j]: _short(s)
                for j, s in zip(features.columns, np.exp(model.objective.theta[:-2]))
            },
            "gp": model.memory,
        }
        return Suggestion(space.decode(u[None])[0], info)


class _Seen:
    """The configurations tried or pending, and what is left of a space that can be listed."""

    def __init__(self, space: Space, history: History) -> None:
        self.space = space
        self.keys = set(space.keys(history.X)) | set(space.keys(history.pending))
        self.listed = space.enumerate(MAX_LISTED) if space.size <= MAX_LISTED else None
        if self.listed is not None:
            self.listed = self.listed[self.is_new(self.listed)]
            if len(self.listed) == 0:
                raise SearchSpaceExhausted("every configuration of the space has been tried")

    def is_new(self, U: Array) -> NDArray[np.bool_]:
        return np.array([key not in self.keys for key in self.space.keys(U)], dtype=bool)

    def allowed(self, U: Array) -> NDArray[np.bool_]:
        good = self.is_new(U)
        good[good] = self.space.feasible(U[good])
        return good

    def fresh(self, rng: np.random.Generator) -> Array:
        """A random new configuration."""
        if self.listed is not None:
            return np.asarray(self.listed[rng.integers(len(self.listed))])
        for n in (64, 1024, 16384):
            U = self.space.sample(n, rng)
            new = U[self.is_new(U)]
            if len(new):
                return np.asarray(new[0])
        everything = self.space.enumerate(10**6)
        left = U[:1] if everything is None else everything[self.is_new(everything)]
        if everything is not None and len(left) == 0:
            raise SearchSpaceExhausted("every configuration of the space has been tried")
        return np.asarray(left[rng.integers(len(left))])


@dataclass(frozen=True)
class _Model:
    """What the trials say: the objective's process, that of success, and what to remember."""

    objective: Posterior
    success: Posterior | None
    best: float
    memory: dict[str, Any]

    @classmethod
    def fitted(cls, features: Features, history: History, warp: str, prior: Prior) -> _Model:
        X, y = history.X[history.complete], history.y[history.complete]
        kept = _subset(y)
        Z, groups = features(X), features.groups
        memory = _remembered(history, features, warp)
        # Refits thin out: hyperparameters move little once trials are many.
        if memory is None or len(y) - memory["n"] >= max(1, len(y) // 20):
            names = list(WARPS) if warp == "auto" else [warp]
            memory = _refit(Z, y, groups, names, memory, prior)
        posterior = condition(Z[kept], WARPS[memory["warp"]](y)[kept], np.array(memory["theta"]), groups)
        best = float(posterior.predict(posterior.Z)[0].min())
        success = None
        if history.failed.any():
            success = _success(features, history, prior)
            # A failed point counts as an ordinary bad one: its neighbours lose their promise.
            Z_failed = features(history.X[history.failed][-MAX_PENDING:])
            pessimistic = np.full(len(Z_failed), np.median(posterior.y))
            posterior = posterior.given(Z_failed, np.maximum(posterior.predict(Z_failed)[0], pessimistic))
        if len(history.pending):
            # The believer's fantasy: the mean stays, the uncertainty at pending points goes.
            Z_pending = features(history.pending[-MAX_PENDING:])
            posterior = posterior.given(Z_pending, posterior.predict(Z_pending)[0])
        return cls(posterior, success, best, memory)

    def score(self, Z: Array) -> Array:
        mean, sd = self.objective.predict(Z)
        value = log_expected_improvement(mean, sd, self.best)[0]
        if self.success is not None:
            value = value + log_probability_positive(*self.success.predict(Z))[0]
        return value

    def score_with_gradient(self, Z: Array) -> tuple[Array, Array]:
        mean, sd, d_mean, d_sd = self.objective.predict_with_gradient(Z)
        value, by_mean, by_sd = log_expected_improvement(mean, sd, self.best)
        gradient = by_mean[:, None] * d_mean + by_sd[:, None] * d_sd
        if self.success is not None:
            mean, sd, d_mean, d_sd = self.success.predict_with_gradient(Z)
            more, by_mean, by_sd = log_probability_positive(mean, sd)
            value = value + more
            gradient = gradient + by_mean[:, None] * d_mean + by_sd[:, None] * d_sd
        return value, gradient


def _refit(
    Z: Array,
    y: Array,
    groups: NDArray[np.int64],
    names: list[str],
    memory: Mapping[str, Any] | None,
    prior: Prior,
) -> dict[str, Any]:
    """Fit under each warp; keep the one that predicts the better half best, each point left out.

    Both warps are affine there, so densities compare after dividing by the scale.
    """
    n = len(y)
    kept = _subset(y, MAX_FIT)
    y = y[kept]
    mean = prior.moments(int(groups.max()) + 1 if len(groups) else 0)[0]
    starts = [mean] if memory is None else [np.array(memory["theta"])]
    if memory is not None and len(y) <= 20:
        starts.append(mean)
    results = []
    for name in names:
        warped = WARPS[name](y)
        iterations = 60 if memory is None else WARM_ITERATIONS
        posterior, _ = fit(Z[kept], warped, groups, starts, iterations, prior)
        loo_mean, variance = posterior.leave_one_out()
        good = y <= np.sort(y)[(len(y) - 1) // 2]  # the median, which cannot overflow
        density = -0.5 * ((warped - loo_mean) ** 2 / variance + np.log(variance) + LOG_2PI)[good]
        spread = max(float(np.ptp(warped[good])), 1e-12)
        results.append((round(float(density.mean() + np.log(spread)), 9), name, posterior.theta))
    _, name, theta = max(results, key=lambda r: r[0])
    return {"n": n, "warp": name, "theta": [_short(t) for t in theta]}


def _success(features: Features, history: History, prior: Prior) -> Posterior:
    """Process of +1 where trials succeeded and -1 where they failed, nearest the best points."""
    label = np.where(history.failed, -1.0, 1.0)
    kept = np.arange(len(label))[-MAX_FIT:]
    Z, groups = features(history.X[kept]), features.groups
    mean = prior.moments(int(groups.max()) + 1 if len(groups) else 0)[0]
    return fit(Z, label[kept], groups, [mean], 20, prior)[0]


def _subset(y: Array, limit: int = MAX_POINTS) -> NDArray[np.int64]:
    """At most `limit` trials: the better half of them the best, the rest spread over the others."""
    if len(y) <= limit:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    best, rest = order[: limit // 2], order[limit // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, limit - limit // 2).astype(np.int64)]
    return np.sort(np.concatenate([best, spread]))


def _remembered(history: History, features: Features, warp: str) -> dict[str, Any] | None:
    """Hyperparameters noted with the latest trial that has usable ones."""
    n_theta = len(features.columns) + 2
    for info in reversed(list(history.infos[-50:])):
        memory = info.get("gp") if isinstance(info, Mapping) else None
        if not isinstance(memory, Mapping) or not {"n", "warp", "theta"} <= memory.keys():
            continue
        theta = memory["theta"]
        usable = len(theta) == n_theta and bool(np.isfinite(theta).all())
        if usable and memory["warp"] in WARPS and (warp in ("auto", memory["warp"])):
            return dict(memory)
    return None


def _maximum(
    space: Space, history: History, seen: _Seen, features: Features, model: _Model, rng: np.random.Generator
) -> tuple[Array, float] | None:
    """Best new configuration by the model, and its acquisition value."""
    if seen.listed is not None:
        values = model.score(features(seen.listed))
        best = int(np.argmax(np.round(values, 9)))
        return seen.listed[best], float(values[best])

    def score_with_gradient(U: Array) -> tuple[Array, Array]:
        values, gradient = model.score_with_gradient(features(U))
        return values, features.pull_back(gradient)

    return maximize(
        lambda U: model.score(features(U)),
        score_with_gradient,
        Domain(space.n_cells, space.is_categorical, space.snap, seen.allowed),
        _candidates(space, history, rng),
        rng,
    )


def _candidates(space: Space, history: History, rng: np.random.Generator, n: int = 512) -> Array:
    """Points to start from: uniform ones, and the best trials with a few columns redrawn or nudged."""
    uniform = space.sample(n, rng)
    uniform = np.where(np.isnan(uniform), rng.random(uniform.shape), uniform)
    X = history.X[history.complete]
    best = X[np.argsort(history.y[history.complete], kind="stable")[:10]]
    parents = best[np.minimum((rng.random(n) ** 2 * len(best)).astype(np.int64), len(best) - 1)]
    parents = np.where(np.isnan(parents), rng.random(parents.shape), parents)
    d = len(space.names)
    moved = rng.random(parents.shape) < max(1.5 / d, 0.2)
    nudged = np.clip(parents + rng.normal(size=parents.shape) * 10.0 ** -rng.uniform(0.5, 2.5, (n, 1)), 0, 1)
    redrawn = np.where(rng.random(parents.shape) < 0.3, rng.random(parents.shape), nudged)
    local = np.where(moved, redrawn, parents)
    return np.concatenate([np.where(np.isnan(best), 0.5, best), uniform, local])


def _spread_out(
    space: Space, history: History, seen: _Seen, features: Features, rng: np.random.Generator
) -> Array:
    """The centre first, then new random points, each the farthest of a few from all earlier ones."""
    if history.k == 0 or not (len(history) or len(history.pending)):
        centre = np.where(space.is_categorical, rng.random(len(space.names)), 0.5)
        point = space.snap(centre[None])
        if seen.allowed(point)[0]:
            return np.asarray(point[0])
    U = space.sample(16, rng) if seen.listed is None else seen.listed[rng.integers(len(seen.listed), size=16)]
    U = U[seen.is_new(U)]
    if len(U) == 0:
        return seen.fresh(rng)
    earlier = np.concatenate([history.X, history.pending])[-200:]
    if len(earlier) == 0:
        return np.asarray(U[0])
    Z = features(U)
    distance = squared_distance(Z, features(earlier), np.ones(Z.shape[1])).min(1)
    return np.asarray(U[int(np.argmax(np.round(distance, 9)))])


@cache
def _blas() -> ThreadpoolController:
    """Finding the BLAS libraries takes milliseconds, limiting them microseconds."""
    return ThreadpoolController()


def _short(value: float) -> float:
    return float(f"{value:.6g}")
