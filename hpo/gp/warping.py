"""Monotone maps of the outputs before regression."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from hpo.gp.kernels import Array


def standardise(y: Array) -> Array:
    """Zero mean and unit variance; zeros where all are equal. Safe for 1e±300."""
    scaled = _to_unit_range(y)
    deviation = scaled - scaled.mean()
    sd = float(np.sqrt(np.mean(deviation * deviation)))
    return deviation / sd if sd > 1e-14 else np.zeros_like(y)


def half_rank(y: Array) -> Array:
    """Values above the median become normal quantiles of their ranks; the others keep their spacing.

    Vizier's half-rank warping (arXiv 2408.11527, section 3.2): how bad a bad trial is says nothing
    about where the good ones are. The good half is divided by its root mean square distance from
    the median, the standard deviation of the normal distribution whose lower half it would be.
    """
    scaled = _to_unit_range(y)
    below = scaled - np.median(scaled)
    good = below <= 0.0
    scale = float(np.sqrt(np.mean(below[good] ** 2)))
    if scale <= 1e-14:
        return standardise(rankdata(y))
    quantiles = ndtri((rankdata(scaled) - 0.5) / len(y))
    warped: Array = np.where(good, below / scale, np.maximum(quantiles, 0.0))
    return warped


def _to_unit_range(y: Array) -> Array:
    """Affine map into [0, 1], without overflow where the range exceeds the largest float."""
    low, high = y.min(), y.max()
    half = high / 2 - low / 2
    return (y / 2 - low / 2) / half if half > 0 else np.zeros_like(y)
