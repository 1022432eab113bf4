"""The hyperparameters of the surrogate: refitted as trials come, remembered from suggestion to suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.gp.features import Features
from hpo.gp.kernels import Array
from hpo.gp.regression import N_VARIANCES, Data, Posterior, Prior, fit, log_evidence
from hpo.gp.scales import neighbours
from hpo.trial import History

NOTED = {"n", "warp", "theta", "scales", "surprise"}  # what a suggestion's memory holds
MAX_FIT = 128  # hyperparameters are fitted on at most this many points
WORTH_A_FIT = 1.0  # nats that another scale may lack before its hyperparameters are fitted
COLD_ITERATIONS = 60
WARM_ITERATIONS = 15  # of a fit that starts from the hyperparameters of the trial before


def refit(
    features: Features, X: Array, y: Array, doubts: Array, memory: Mapping[str, Any] | None, prior: Prior
) -> dict[str, Any]:
    """Fit hyperparameters to warped values; then one range may move to another scale."""
    kept = subset(y, MAX_FIT)
    X, y, doubts = X[kept], y[kept], doubts[kept]
    starts = prior.starts(features.n_lengths)
    if memory is not None:
        features = replace(features, scales=tuple(memory["scales"]))
        starts = [np.array(memory["theta"]), *starts]
    iterations = COLD_ITERATIONS if memory is None else WARM_ITERATIONS
    data = Data(features(X), y, features.lengths, doubts)
    posterior, value = fit(data, starts, iterations, prior)
    features, theta = _rescaled(features, X, posterior, value, prior)
    return {"theta": [short(t) for t in theta], "scales": list(features.scales)}


def subset(y: Array, limit: int) -> NDArray[np.int64]:
    """At most `limit` trials: the better half of them the best, the rest spread over the others."""
    if len(y) <= limit:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    best, rest = order[: limit // 2], order[limit // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, limit - limit // 2).astype(np.int64)]
    return np.sort(np.concatenate([best, spread]))


def remembered(history: History, features: Features, warp: str) -> dict[str, Any] | None:
    """What was noted with the latest trial that has usable hyperparameters."""
    n_theta = features.n_lengths + N_VARIANCES
    for info in reversed(list(history.infos[-50:])):
        memory = info.get("gp") if isinstance(info, Mapping) else None
        if not isinstance(memory, Mapping) or not memory.keys() >= NOTED:
            continue
        theta, found = memory["theta"], memory["scales"]
        usable = len(theta) == n_theta and len(found) == len(features.n_cells)
        usable = usable and bool(np.isfinite([*theta, *found, memory["surprise"]]).all())
        if usable and memory["warp"] == warp:
            return dict(memory)
    return None


def short(value: float) -> float:
    """Six digits, as `Suggestion.info` keeps them."""
    return float(f"{value:.6g}")


def _rescaled(
    features: Features, X: Array, posterior: Posterior, density: float, prior: Prior
) -> tuple[Features, Array]:
    """Features with at most one range on a more probable scale than now, and their hyperparameters.

    `density` is the log posterior of the hyperparameters as things are. One step at a time is enough, as the
    next fit takes the next.
    """
    theta, now = posterior.theta, np.array(features.scales or [0.0] * X.shape[1])

    def on(scales: Array) -> Features:
        return replace(features, scales=tuple(scales.tolist()))

    def data(scales: Array) -> Data:
        return replace(posterior.data, Z=on(scales)(X))

    def gain(scales: Array, density_there: float) -> float:
        more = np.count_nonzero(scales) - np.count_nonzero(now)
        return density_there - density - prior.scale_log_odds * more

    others, known = neighbours(now, features.is_fine), prior.log_density(theta)[0]
    at_theta = [gain(s, known + log_evidence(theta, data(s))) for s in others]
    if others and max(at_theta) > -WORTH_A_FIT:
        best = others[int(np.argmax(np.round(at_theta, 9)))]
        refitted, fitted = fit(data(best), [theta], WARM_ITERATIONS, prior)
        if gain(best, fitted) > 0:
            return on(best), refitted.theta
    return on(now), theta
