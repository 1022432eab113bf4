"""Scales of ranges: which of them should have been logarithmic.

A step size or a penalty is often given from 0 to 1 although its logarithm matters; a stationary kernel then
sees a cliff at one end and a plain over the rest. Warping the inputs mends it (Snoek et al., ICML 2014,
arXiv 1402.0929), but with free parameters for every range it overfits a dozen trials. Here a range keeps
the scale that its author gave it, unless one of four others is the more probable by evidence and prior.

Notation
--------
x (n,)      coordinates of one column in the unit cube
c           the column's scale: 0 as given, positive where the low end is spread out, negative the high end
scales (d,) of all columns, 0 for names and coarse numbers
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpo.gp.kernels import Array

STEP = 3.0  # of c: the slopes of w at its two ends differ by e³, about 20
LARGEST = 6.0


def warp(x: Array, c: float) -> Array:
    """Monotone map of [0, 1] onto itself, w = log(1 + (e^c - 1) x) / c.

    For c > 0 it is linear up to about e^-c and logarithmic above, over c / log 10 decades.
    """
    return np.log1p(np.expm1(c) * x) / c if c else x


def warp_slope(x: Array, c: float) -> Array:
    """Its derivative, dw/dx = (e^c - 1) / (c (1 + (e^c - 1) x))."""
    m = np.expm1(c)
    return m / (c * (1.0 + m * x)) if c else np.ones_like(x)


def neighbours(scales: Array, is_fine: NDArray[np.bool_]) -> list[Array]:
    """What differs from `scales` by one step of one fine column."""
    found = []
    for j in np.flatnonzero(is_fine):
        for step in (-STEP, STEP):
            other = scales.copy()
            other[j] += step
            if abs(other[j]) <= LARGEST:
                found.append(other)
    return found
