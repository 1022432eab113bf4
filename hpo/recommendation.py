"""The noise-aware choice among the trials: what a model of all of them believes in, not the luckiest draw."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from hpo.gp.features import Features
from hpo.gp.regression import Data, Prior, fit
from hpo.gp.warping import doubt, half_rank
from hpo.space import Space
from hpo.threads import one_blas_thread
from hpo.trial import History

MAX_POINTS = 256  # of many trials, only this many of the best can be the recommendation


@one_blas_thread()
@np.errstate(under="ignore")
def recommend(space: Space, history: History, complete: Collection[int]) -> int | None:
    """Number of the trial that is lowest in ``mean + tanh(y - mean)``, y what was observed, half-ranked.

    A Gaussian process with fitted noise shares what neighbours and replicates say, so that one lucky
    draw of a poor configuration loses to a good one (Frazier, arXiv 1807.02811, section 3, who takes the
    lowest posterior mean). By the mean alone a jagged function without noise would be taken for a noisy one,
    and its best trial for luck. So what was observed counts for itself as long as the model finds it likely,
    and the less the further it is from the mean: as Huber's estimators (1964) treat outliers, with a bend of
    one sd of the outputs. docs/recommendation.md has what that is worth.

    Parameters
    ----------
    space : Space
    history : History
        All trials, values to be minimised.
    complete : collection of int
        Numbers of the complete trials; what a pruned one had reported last is a value of another step.

    Returns
    -------
    int or None
        None where no trial is complete.
    """
    rows = np.flatnonzero(np.isin(history.numbers, list(complete)))
    rows = rows[np.argsort(history.y[rows], kind="stable")[:MAX_POINTS]]
    if len(rows) == 0:
        return None
    if len(rows) < 3:
        return int(history.numbers[rows[0]])
    features = Features(space.n_cells, space.is_categorical, space.is_conditional, space.alike)
    prior = Prior(n_offsets=features.n_offsets)
    y = half_rank(history.y[rows])
    data = Data(features(history.X[rows]), y, features.lengths, doubt(y))
    posterior, _ = fit(data, prior.starts(features.n_lengths), prior=prior)
    mean, _ = posterior.predict(data.Z)
    score = mean + np.tanh(y - mean)
    return int(history.numbers[rows[int(np.argmin(np.round(score, 9)))]])
