"""What the trials say, as Gaussian processes: one of the objective's values, one of success."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.gp.acquisition import log_expected_improvement, log_probability_positive
from hpo.gp.features import Features
from hpo.gp.kernels import Array, matern52, squared_distance
from hpo.gp.regression import Data, Posterior, Prior, condition, fit
from hpo.gp.sampling import draw_lengths
from hpo.gp.warping import doubt, half_rank, standardise
from hpo.searchers.hyperparameters import MAX_FIT, refit, remembered, short, subset
from hpo.searchers.surprise import surprise
from hpo.trial import History

# Of outputs, and how much each warped one is doubted.
WARPS: dict[str, tuple[Callable[..., Array], Callable[[Array], Array]]] = {
    "raw": (standardise, np.zeros_like),
    "half-rank": (half_rank, doubt),
}
MAX_POINTS = 256  # above it the model sees a subset, so that a suggestion's time stays bounded
MAX_PENDING = 64
N_DRAWS = 8
MAX_AVERAGED = 64  # trials; above it draws would take too long


@dataclass(frozen=True)
class Surrogate:
    """Posteriors of value and success, ready to score points.

    Attributes
    ----------
    features : Features
        What the posteriors are shown of a configuration, each range on the scale that was found for it.
    objective : Posterior
        Of the warped values, lower is better, for the fitted hyperparameters.
    beliefs : tuple of Posterior
        What expected improvement is averaged over: `objective` alone, or the same for length scales drawn
        from their posterior.
    bests : tuple of float
        The lowest mean of each belief over the finished trials: the incumbent.
    success : Posterior or None
        Positive where trials succeed; None while none failed.
    inflation : float
        Factor on the objective's sd in the acquisition.
    memory : dict
        Plain JSON that the next suggestion starts from.
    """

    features: Features
    objective: Posterior
    beliefs: tuple[Posterior, ...]
    bests: tuple[float, ...]
    success: Posterior | None
    inflation: float
    memory: dict[str, Any]

    @classmethod
    def fitted(
        cls,
        features: Features,
        history: History,
        warp: str,
        prior: Prior,
        few_matter: Callable[[int, float], bool],
        inflation: Callable[[int, float, bool], float],
        rng: np.random.Generator,
    ) -> Surrogate:
        """Fit to a history with at least one value.

        `few_matter` is given how many parameters every configuration has, and which share of these matters by
        the fit. If it says so, length scales are drawn by `rng` while trials are few. `inflation` is given
        how many parameters a configuration has at most, those of one value and inactive ones not counted,
        how far off predictions have been (`surprise`), and what `few_matter` said.
        """
        prior = replace(prior, n_offsets=features.n_offsets)
        X, y = history.X[history.complete], history.y[history.complete]
        n, kept = len(y), subset(y, MAX_POINTS)
        warped_by, doubted_by = WARPS[warp]
        X, warped = X[kept], warped_by(y[kept])
        doubts = doubted_by(warped)
        memory = remembered(history, features, warp)
        # Refits thin out: hyperparameters move little once trials are many.
        if memory is None or n - memory["n"] >= max(1, n // 20):
            memory = {
                "n": n,
                "warp": warp,
                **refit(features, X, warped, doubts, memory, prior),
                "surprise": short(
                    surprise(history, warp, lambda y, at: warped_by(y[subset(y, MAX_POINTS)], at))
                ),
            }
        features = replace(features, scales=tuple(memory["scales"]))
        data = Data(features(X), warped, features.lengths, doubts)
        fit_to_data = condition(data, np.array(memory["theta"]))
        objective = _with_fantasies(fit_to_data, features, history)
        lengths = fit_to_data.theta[: len(features.columns)][features.is_unconditional]
        few = few_matter(len(lengths), _share_that_matters(lengths))
        beliefs, on_data = [objective], [fit_to_data]
        if few and n <= MAX_AVERAGED:
            drawn = draw_lengths(data, fit_to_data.theta, prior, N_DRAWS, rng)
            beliefs, on_data = ([condition(d, theta) for theta in drawn] for d in (objective.data, data))
        bests = tuple(float(belief.predict(data.Z)[0].min()) for belief in on_data)
        success = _success(features, history, prior) if history.failed.any() else None
        factor = inflation(features.most_active(X), memory["surprise"], few)
        return cls(features, objective, tuple(beliefs), bests, success, factor, memory)

    def tells_apart(self, Z: Array, share: float) -> NDArray[np.bool_]:
        """Whether points differ from every earlier one by at least this share of the noise's variance, (m,).

        The values of two points of a process with signal s and correlation k differ by a variance of
        2 s (1 - k).
        """
        signal, noise = np.exp(self.objective.theta[-2:])
        k = matern52(squared_distance(Z, self.objective.data.Z, self.objective.w)).max(1)
        apart: NDArray[np.bool_] = 2.0 * signal * (1.0 - k) >= share * noise
        return apart

    def score(self, Z: Array) -> Array:
        """Log expected improvement times the probability of success, (m,)."""
        improvements = []
        for belief, best in zip(self.beliefs, self.bests):
            mean, sd = belief.predict(Z)
            improvements.append(log_expected_improvement(mean, self.inflation * sd, best)[0])
        value = _log_mean(improvements)
        if self.success is not None:
            value = value + log_probability_positive(*self.success.predict(Z))[0]
        return value

    def score_with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """The score, (m,), and its gradient by the features, (m, p)."""
        improvements, gradients = [], []
        for belief, best in zip(self.beliefs, self.bests):
            mean, sd, d_mean, d_sd = belief.predict_with_gradient(Z)
            improvement, by_mean, by_sd = log_expected_improvement(mean, self.inflation * sd, best)
            improvements.append(improvement)
            gradients.append(by_mean[:, None] * d_mean + self.inflation * by_sd[:, None] * d_sd)
        value = _log_mean(improvements)
        shares = np.exp(improvements - value) / len(improvements)  # of the mean, one a belief
        gradient = np.einsum("km,kmp->mp", shares, gradients)
        if self.success is not None:
            mean, sd, d_mean, d_sd = self.success.predict_with_gradient(Z)
            more, by_mean, by_sd = log_probability_positive(mean, sd)
            value = value + more
            gradient = gradient + by_mean[:, None] * d_mean + by_sd[:, None] * d_sd
        return value, gradient


def _log_mean(logarithms: Sequence[Array]) -> Array:
    """Logarithm of the mean of what has these logarithms."""
    mean: Array = np.logaddexp.reduce(logarithms) - np.log(len(logarithms))
    return mean


def _share_that_matters(lengths: Array) -> float:
    """Share of the parameters with these log length scales that matters, in (0, 1].

    It is the participation ratio of the inverse squared length scales: 1 if they are all alike, k of q if k
    are alike and the others much longer.
    """
    w = np.exp(-2.0 * lengths)
    return float(w.sum() ** 2 / (w @ w) / len(w)) if len(w) else 1.0


def _with_fantasies(posterior: Posterior, features: Features, history: History) -> Posterior:
    """The posterior given what trials without a value may be thought to give."""
    if history.failed.any():
        # A failed point counts as an ordinary bad one: its neighbours lose their promise.
        Z_failed = features(history.X[history.failed][-MAX_PENDING:])
        pessimistic = np.full(len(Z_failed), np.median(posterior.data.y))
        posterior = posterior.given(Z_failed, np.maximum(posterior.predict(Z_failed)[0], pessimistic))
    if len(history.pending):
        # The believer's fantasy: the mean stays, the uncertainty at pending points goes.
        Z_pending = features(history.pending[-MAX_PENDING:])
        posterior = posterior.given(Z_pending, posterior.predict(Z_pending)[0])
    return posterior


def _success(features: Features, history: History, prior: Prior) -> Posterior:
    """Process of +1 where trials succeeded and -1 where they failed, over the latest of them."""
    ended = np.flatnonzero(history.complete | history.failed)[-MAX_FIT:]  # what was cancelled says nothing
    label = np.where(history.failed[ended], -1.0, 1.0)
    data = Data(features(history.X[ended]), label, features.lengths, np.zeros(len(label)))
    return fit(data, prior.starts(features.n_lengths)[:1], 20, prior)[0]
