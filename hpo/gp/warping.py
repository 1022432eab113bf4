"""Monotone maps of the outputs before regression.

Each takes the outputs y (n,) that define it, and values `at` (m,) to map, which are y itself unless given.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from hpo.gp.kernels import Array

WIDEST = 1e100  # how far out a value is mapped, in ranges of y


def standardise(y: Array, at: Array | None = None) -> Array:
    """Zero mean and unit variance; zeros where all are equal. Safe for 1e±300."""
    scaled = _to_unit_range(y, y)
    values = scaled if at is None else _to_unit_range(y, at)
    mean = scaled.mean()
    deviation = scaled - mean
    sd = float(np.sqrt(np.mean(deviation * deviation)))
    return (values - mean) / sd if sd > 1e-14 else np.zeros_like(values)


def half_rank(y: Array, at: Array | None = None) -> Array:
    """Values above the median become normal quantiles of their ranks; the others keep their spacing.

    Vizier's half-rank warping (arXiv 2408.11527, section 3.2): how bad a bad trial is says nothing
    about where the good ones are. The good half is divided by its root mean square distance from
    the median, the standard deviation of the normal distribution whose lower half it would be.
    """
    scaled = _to_unit_range(y, y)
    values = scaled if at is None else _to_unit_range(y, at)
    in_order, n = np.sort(scaled), len(y)
    median = 0.5 * (in_order[(n - 1) // 2] + in_order[n // 2])
    below = in_order[: np.searchsorted(in_order, median, "right")] - median
    scale = float(np.sqrt(np.mean(below * below)))
    if scale <= 1e-14:
        return standardise(_shares_below(in_order, scaled), _shares_below(in_order, values))
    quantiles = ndtri(_shares_below(in_order, values))
    warped: Array = np.where(values <= median, (values - median) / scale, np.maximum(quantiles, 0.0))
    return warped


def doubt(warped: Array) -> Array:
    """How much of the noise of bad outcomes each half-rank has: its square above the median, 0 below.

    Beside a good configuration a bad outcome is often an accident: a run that diverged with one seed, a
    crash that returned the worst value. With one noise variance for all, such accidents make a fit think
    little of what the good ones tell. The worse the outcome the less it is believed, as far as the evidence
    agrees; a cliff, behind which all are bad, speaks against it.
    """
    above: Array = np.maximum(warped, 0.0) ** 2
    return above


def _shares_below(in_order: Array, at: Array) -> Array:
    """Share of the sorted y that is less than each value, one that is equal by half; never none nor all."""
    twice = np.searchsorted(in_order, at, "left") + np.searchsorted(in_order, at, "right")
    shares: Array = np.minimum(np.maximum(twice, 1), 2 * len(in_order) - 1) / (2 * len(in_order))
    return shares


def _to_unit_range(y: Array, at: Array) -> Array:
    """Affine map of y into [0, 1], without overflow where the range exceeds the largest float."""
    low, high = float(y.min()), float(y.max())
    half = high / 2 - low / 2
    if not half > 0:
        return np.zeros_like(at)
    farthest = half * WIDEST  # so that the quotient of a value outside the range does not overflow
    values: Array = np.minimum(np.maximum(at / 2 - low / 2, -farthest), farthest) / half
    return values
