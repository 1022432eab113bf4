"""How far off the model's predictions have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hpo.gp.kernels import Array
from hpo.trial import History

LATEST = 32  # trials that count
BELIEF = 6.0  # trials, as expected, that are thought to have gone before
FARTHEST = 3.0  # sds; beyond it a trial counts no more


def surprise(history: History, warp: str, warped: Callable[[Array, Array], Array]) -> float:
    """Root mean square error of what was predicted for the latest trials, in predicted sds, at least 1.

    A prediction is made before its trial, with hyperparameters fitted without it: unlike the residuals of a
    fit, its errors show by how much the model was too sure of itself. An outcome is warped as the trials
    before its own were when the model predicted it: `warped` maps it, given theirs. Predictions noted under
    another name of a warp than `warp`, which are in other units, do not count.
    """
    complete = np.flatnonzero(history.complete)
    total, n = BELIEF, BELIEF
    for k in range(len(complete) - 1, 0, -1):
        predicted = _prediction(history.infos[complete[k]], warp)
        if predicted is not None:
            mean, sd = predicted
            outcome = warped(history.y[complete[:k]], history.y[complete[k : k + 1]])[0]
            total += min(abs(float(outcome) - mean) / sd, FARTHEST) ** 2
            n += 1
            if n == BELIEF + LATEST:
                break
    return max(float(np.sqrt(total / n)), 1.0)


def _prediction(info: Any, warp: str) -> tuple[float, float] | None:
    """Mean and sd, of the noise as well, that were noted with a suggestion; None without any."""
    try:
        if info["gp"]["warp"] != warp:
            return None
        mean, sd, noise = float(info["mean"]), float(info["sd"]), float(info["gp"]["theta"][-1])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    spread = float(np.sqrt(sd * sd + np.exp(min(noise, 0.0))))
    return (mean, spread) if np.isfinite(mean) and 0.0 < spread < np.inf else None
