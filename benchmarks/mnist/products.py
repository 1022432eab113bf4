"""The matrix products of a dense layer, in the pieces that BLAS multiplies fastest.

Before a large product BLAS copies both factors into an order that its kernel likes, which pays when each
number is used many times. OpenBLAS leaves that out up to a million multiplications (on processors with
AVX-512; others lose nothing by the pieces), and a batch of 46 digits times 784 x 73 weights is only 2.6
million: cut along its 784 inputs into three pieces it takes an eighth less time.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy, dgemm, saxpy, sgemm

Array = NDArray[Any]
PIECE = 1_000_000  # multiplications
MOST_PIECES = 8  # what is larger is better off whole


@lru_cache(maxsize=64)
def pieces(b: int, n: int, m: int) -> tuple[slice, ...]:
    """The n inputs of a layer in slices of about equal length, for a product of b x n x m multiplications."""
    count = -(-b * n * m // PIECE)
    if count > min(MOST_PIECES, n):
        count = 1
    return tuple(slice(n * i // count, n * (i + 1) // count) for i in range(count))


def affine(x: Array, weight: Array, bias: Array | None, out: Array) -> Array:
    """out ← x W + 1 βᵀ, for x (b, n), W (n, m), β (m,) or None for none, out (b, m)."""
    parts = pieces(*x.shape, len(out.T))
    if len(parts) == 1:
        np.dot(x, weight, out=out)
        if bias is not None:
            out += bias
        return out
    out[...] = 0 if bias is None else bias
    gemm = sgemm if out.dtype == np.float32 else dgemm
    for part in parts:
        gemm(1.0, weight[part].T, x[:, part].T, 1.0, out.T, overwrite_c=1)
    return out


def accumulate(alpha: float, x: Array, dz: Array, beta: float, target: Array) -> None:
    """target ← alpha xᵀ dz + beta target, for x (b, n), dz (b, m), target (n, m), which is row-major."""
    gemm = sgemm if target.dtype == np.float32 else dgemm
    # The transpose of a row-major array is what BLAS calls column-major, so that nothing is copied but a
    # piece of a row-major x, which takes less time than the pieces save.
    dz_is_row_major, x_is_row_major = dz.flags.c_contiguous, x.flags.c_contiguous
    a = dz.T if dz_is_row_major else dz
    for part in pieces(*x.shape, len(target.T)):
        b = x[:, part].T if x_is_row_major else x[:, part]
        gemm(alpha, a, b, beta, target[part].T, not dz_is_row_major, x_is_row_major, 1)


def axpy(a: float, x: Array, y: Array) -> None:
    """y ← a x + y, for arrays of one axis."""
    (saxpy if y.dtype == np.float32 else daxpy)(x, y, a=a)
