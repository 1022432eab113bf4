"""The matrix products of a dense layer, in the pieces that BLAS multiplies fastest.

Before it multiplies, BLAS copies both factors into an order that its kernel likes, which pays when each
number is used many times. On processors with AVX-512 OpenBLAS leaves that out for small products [1], and a
batch of 46 digits times 784 x 73 weights falls not far short of that: cut in three it takes a quarter less
time. Each piece must lie together in memory, and for W (m, n), a row for each output, rows of W and of x do.

[1] OpenBLAS, kernel/x86_64/sgemm_small_kernel_permit_skylakex.c: up to 10⁶ multiplications, and for x Wᵀ
    up to 1200 results.
"""

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy, dgemm, dger, drot, idamax, isamax, saxpy, sgemm, sger, srot
from threadpoolctl import threadpool_info

Array = NDArray[Any]
SMALL_PRODUCT, SMALL_RESULT = 1_000_000, 1_200
FEWEST_ROWS = 8  # of x in a piece, each of which reads all of W anew; with fewer the whole is as fast
MOST_PIECES = 8  # rearranging the factors pays from about there on
CACHE_LINE = 64  # bytes


def affine(x: Array, weight: Array, bias: Array | None, out: Array) -> Array:
    """out ← x Wᵀ + 1 βᵀ, for x (b, n), W (m, n), β (m,) or None for none, out (b, m)."""
    for part in pieces_of_x(len(x), *weight.shape):
        np.dot(x[part], weight.T, out=out[part])
    if bias is not None:
        add_to_rows(1.0, bias, out)
    return out


def accumulate(alpha: float, u: Array, v: Array, beta: float, target: Array) -> None:
    """target ← alpha uᵀ v + beta target, for u (b, p), v (b, q), target (p, q), which is row-major."""
    gemm = sgemm if target.dtype == np.float32 else dgemm
    # The transpose of a row-major array is what BLAS calls column-major: only pieces of u are copied.
    u_is_row_major, v_is_row_major = u.flags.c_contiguous, v.flags.c_contiguous
    first = v.T if v_is_row_major else v
    for part in pieces_of_gradient(len(u), *target.shape):
        second = u[:, part].T if u_is_row_major else u[:, part]
        gemm(alpha, first, second, beta, target[part].T, not v_is_row_major, u_is_row_major, 1)


def are_multiplied_whole(m: int) -> bool:
    """Whether products with weights of m outputs never go in pieces."""
    return m > SMALL_RESULT // FEWEST_ROWS or not has_small_kernels()


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of zeros that begins with a cache line.

    The 64 bytes that AVX-512 reads at a time are then a line of the cache and not the ends of two: products
    are a fifteenth and passes over an array a tenth quicker than at the places where NumPy begins an array.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    begin = -memory.ctypes.data % CACHE_LINE
    found: Array = memory[begin : begin + size].view(dtype).reshape(shape)
    return found


def axpy(a: float, x: Array, y: Array) -> None:
    """y ← a x + y, for arrays of one axis."""
    (saxpy if y.dtype == np.float32 else daxpy)(x, y, len(y), a)


def axpby(a: float, x: Array, b: float, y: Array) -> None:
    """y ← a x + b y, for arrays of one axis; x is lost.

    In one pass: a plane rotation gives y that value, and x one that nobody needs.
    """
    rotate = srot if y.dtype == np.float32 else drot
    rotate(y, x, b, a, len(y), 0, 1, 0, 1, 1, 1)  # from 0 on, one by one, both in place


def add_to_rows(a: float, row: Array, x: Array) -> None:
    """x ← x + a 1 rowᵀ, for x (b, m) row-major and row (m,): up to twice as quick as adding arrays."""
    assert x.flags.c_contiguous  # a copy would be changed otherwise
    add_product = sger if x.dtype == np.float32 else dger
    # By position: names take f2py a third of the time that a small batch does. The last 1 is overwrite_a.
    add_product(a, row, constant(1.0, len(x), x.dtype), 1, 1, x.T, 1, 1, 1)


def largest(x: Array) -> float:
    """max |x|, of a hundred numbers in a quarter of the time that NumPy needs; a NaN may go unseen."""
    flat = x.reshape(-1)
    return abs(float(flat[(isamax if x.dtype == np.float32 else idamax)(flat)]))


@lru_cache(maxsize=64)
def constant(value: float, n: int, dtype: Any) -> Array:
    """The same number n times, (n,); not to be changed."""
    return np.full(n, value, dtype)


@lru_cache(maxsize=64)
def pieces_of_x(b: int, m: int, n: int) -> tuple[slice, ...]:
    """The b rows of x in slices, for x Wᵀ."""
    most = min(SMALL_PRODUCT // (m * n), SMALL_RESULT // m)
    return slices(b, most) if most >= FEWEST_ROWS and MOST_PIECES * most >= b else slices(b, b)


@lru_cache(maxsize=64)
def pieces_of_gradient(b: int, p: int, q: int) -> tuple[slice, ...]:
    """The p rows of uᵀ v in slices."""
    most = SMALL_PRODUCT // (b * q)
    return slices(p, most) if MOST_PIECES * most >= p else slices(p, p)


def slices(length: int, most: int) -> tuple[slice, ...]:
    """`length` in slices of about equal lengths up to `most`; in one where BLAS has nothing to leave out."""
    if not has_small_kernels():
        most = length
    step = -(-length // -(-length // most))
    if step < most:
        step += step % 2  # the kernels take rows in twos
    return tuple(slice(begin, min(begin + step, length)) for begin in range(0, length, step))


@cache
def has_small_kernels() -> bool:
    """Whether an OpenBLAS is loaded that runs its kernels for AVX-512."""
    names = {library.get("architecture") for library in threadpool_info()}
    return not names.isdisjoint({"SkylakeX", "Cooperlake", "SapphireRapids"})
