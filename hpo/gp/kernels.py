"""The Matérn-5/2 kernel.

Notation
--------
Z (n, p)  features
w (p,)    1 / (length scale)^2 of each feature
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def squared_distance(Z1: Array, Z2: Array, w: Array) -> Array:
    """Weighted squared distances between rows, (n1, n2); rounding below zero is clipped."""
    A = Z1 * (-2.0 * w)
    r2: Array = A @ Z2.T
    r2 += (A * Z1).sum(1)[:, None] * -0.5
    r2 += (Z2 * Z2) @ w
    return np.maximum(r2, 0.0, out=r2)


def matern52(r2: Array) -> Array:
    """Matérn-5/2 correlation of squared distances.

    k = (1 + s + s^2 / 3) exp(-s) with s = sqrt(5) r    (Rasmussen & Williams 2006, eq. 4.17)
    """
    s = np.sqrt(5.0 * r2)
    k = s * (1.0 / 3.0)
    k += 1.0
    k *= s
    k += 1.0
    k *= np.exp(np.negative(s, out=s), out=s)
    return k


def matern52_with_slope(r2: Array) -> tuple[Array, Array]:
    """The correlation, and its derivative by the squared distance.

    dk / d(r^2) = -5/6 (1 + s) exp(-s), finite at r = 0
    """
    s = np.sqrt(5.0 * r2)
    e = np.exp(-s)
    slope = (1.0 + s) * e
    k: Array = slope + (5.0 / 3.0) * r2 * e
    slope *= -5.0 / 6.0
    return k, slope
