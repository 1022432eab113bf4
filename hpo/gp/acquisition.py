"""Logarithm of the expected improvement, stable where the improvement underflows."""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, log_ndtr

from hpo.gp.kernels import Array

HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))
SQRT_2 = float(np.sqrt(2.0))
SQRT_PI_2 = float(np.sqrt(np.pi / 2.0))


def log_expected_improvement(mean: Array, sd: Array, best: float) -> tuple[Array, Array, Array]:
    """log E[max(best - f, 0)] for f ~ N(mean, sd^2), and its derivatives by mean and sd.

    With u = (best - mean) / sd it is log h(u) + log sd, h(u) = phi(u) + u Phi(u)
    (arXiv 2310.20708, eq. 8 and 9); its derivatives are -Phi(u) / (h(u) sd) and
    phi(u) / (h(u) sd).
    """
    u = (best - mean) / sd
    log_h = _log_h(u)
    d_mean = -np.exp(np.minimum(log_ndtr(u) - log_h, 700.0)) / sd
    d_sd = np.exp(np.minimum(-0.5 * u * u - HALF_LOG_2PI - log_h, 700.0)) / sd
    return log_h + np.log(sd), d_mean, d_sd


def _log_h(u: Array) -> Array:
    """log(phi(u) + u Phi(u)) in three branches."""
    # Above -1 nothing cancels.
    right = np.maximum(u, -1.0)
    phi = np.exp(-0.5 * right * right - HALF_LOG_2PI)
    plain = np.log(phi + right * np.exp(log_ndtr(right)))
    # Down to -1e3, phi is taken out: h = phi (1 + u sqrt(pi/2) erfcx(-u / sqrt 2)).
    middle = np.clip(u, -1e3, -1.0)
    bracket = 1.0 + middle * SQRT_PI_2 * erfcx(-middle / SQRT_2)
    scaled = -0.5 * middle * middle - HALF_LOG_2PI + np.log(np.maximum(bracket, 1e-300))
    # Below, the bracket is 1 / u^2 to within 3 / u^4 and cancels in floating point.
    left = np.minimum(u, -1e3)
    tail = -0.5 * left * left - HALF_LOG_2PI - 2.0 * np.log(-left)
    chosen: Array = np.where(u > -1.0, plain, np.where(u > -1e3, scaled, tail))
    return chosen


def log_probability_positive(mean: Array, sd: Array) -> tuple[Array, Array, Array]:
    """log P(g > 0) for g ~ N(mean, sd^2), and its derivatives by mean and sd."""
    u = mean / sd
    value = log_ndtr(u)
    ratio = np.exp(np.minimum(-0.5 * u * u - HALF_LOG_2PI - value, 700.0))
    return value, ratio / sd, -ratio * u / sd
