"""One thread for linear algebra on small arrays.

There threads wait for each other longer than they work, and their number changes sums. NumPy and SciPy bring
a BLAS each, whose threads wait in a loop: where both multiply in turns, all cores together take many times as
long as one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  loads SciPy's BLAS, which is looked for once
from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit every BLAS of the process to one thread meanwhile; also a decorator, ``@one_blas_thread()``."""
    with _LIMIT:
        yield


class _Limit:
    """The limit of the whole process: threads may overlap, so the first sets it and the last ends it."""

    def __init__(self) -> None:
        self._libraries = ThreadpoolController()  # to find them takes milliseconds, to limit them not
        self._lock = threading.Lock()
        self._n_inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limiter = self._libraries.limit(limits=1, user_api="blas")
            self._n_inside += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limiter.restore_original_limits()


_LIMIT = _Limit()  # one, as the number of BLAS threads is one of the process
