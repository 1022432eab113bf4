"""Draws of length scales from their posterior, by elliptical slice sampling.

Murray, Adams and MacKay, "Elliptical slice sampling" (AISTATS 2010, arXiv 1001.0175), is cited as ESS.

Notation
--------
theta (q+3,)  hyperparameters, as in hpo.gp.regression; its three variances stay as they are
x (q+2,)      what the length scales are made of, N(0, I) before any data: the logarithm of their spread, the
              part that they have in common, and the own part of each length scale and offset
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from hpo.gp.kernels import Array
from hpo.gp.regression import N_VARIANCES, Data, Prior, log_evidence

BURN_IN = 40  # steps from the fit to the first draw
THINNING = 10  # steps from one draw to the next
LEAST_SPREAD = 0.1  # that a chain starts from


def draw_lengths(
    data: Data, theta: Array, prior: Prior, n_draws: int, rng: np.random.Generator
) -> list[Array]:
    """`n_draws` of theta with length scales from their posterior, by a chain that starts at `theta`.

    The spread of the length scales about their common part is drawn with them. A fit cannot find it: the
    density grows without end where it vanishes and all length scales are alike.
    """
    bounds = prior.bounds(len(theta) - N_VARIANCES)

    def theta_of(x: Array) -> Array:
        made: Array = np.clip(np.concatenate([_lengths(x, prior), theta[-N_VARIANCES:]]), *bounds)
        return made

    chain = _chain(lambda x: log_evidence(theta_of(x), data), _parts(theta, prior), rng)
    kept = islice(chain, BURN_IN, BURN_IN + n_draws * THINNING, THINNING)
    return [theta_of(x) for x in kept]


def _chain(log_likelihood: Callable[[Array], float], x: Array, rng: np.random.Generator) -> Iterator[Array]:
    """States whose distribution is that of x given the likelihood, for x ~ N(0, I) (ESS figure 2)."""
    now = log_likelihood(x)
    while True:
        other, floor = rng.standard_normal(len(x)), now + math.log(1.0 - rng.random())
        angle = rng.uniform(0.0, 2 * math.pi)
        low, high = angle - 2 * math.pi, angle
        while (there := log_likelihood(at := x * math.cos(angle) + other * math.sin(angle))) < floor:
            low, high = (angle, high) if angle < 0 else (low, angle)
            angle = rng.uniform(low, high)
        x, now = at, there
        yield x


def _lengths(x: Array, prior: Prior) -> Array:
    """Log length scales and offsets, (q,)."""
    own, offsets = _split(x[2:], prior)
    spread = math.exp(prior.spread_mean + prior.spread_sd * x[0])
    lengths = prior.length_mean + prior.length_sd * x[1] + spread * own
    return np.concatenate([lengths, prior.offset_spread * offsets])


def _parts(theta: Array, prior: Prior) -> Array:
    """An x that `theta` can be made of."""
    lengths, offsets = _split(theta[:-N_VARIANCES], prior)
    u = lengths - prior.length_mean
    common, spread = u.mean(), max(float(u.std()), LEAST_SPREAD)
    shared = [(math.log(spread) - prior.spread_mean) / prior.spread_sd, common / prior.length_sd]
    return np.concatenate([shared, (u - common) / spread, offsets / prior.offset_spread])


def _split(values: Array, prior: Prior) -> tuple[Array, Array]:
    """Those of length scales, and of the offsets after them."""
    n = len(values) - prior.n_offsets
    return values[:n], values[n:]
