"""One thread for linear algebra on small arrays.

There threads wait for each other longer than they work, and their number changes sums. NumPy and SciPy bring
a BLAS each, whose threads wait in a loop: where both multiply in turns, all cores together take many times as
long as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg  # noqa: F401  loads SciPy's BLAS, which is looked for once
from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit every BLAS of the process to one thread meanwhile; also a decorator, ``@one_blas_thread()``."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """Finding the libraries takes milliseconds, limiting them microseconds."""
    return ThreadpoolController()
