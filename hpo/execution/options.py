"""How a run of `Study.optimize` is to be: checked as a whole before anything is made or spent."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """The arguments of `Study.optimize`, which describes them.

    Raises
    ------
    ValueError
        If one is out of range, or does not go with the others.
    """

    n_trials: int | None = None
    n_jobs: int | None = None
    timeout: float | None = None
    trial_timeout: float | None = None
    trial_memory_limit: int | None = None
    max_retries: int = 1
    executor: Any = None
    order: str = "deterministic"
    callbacks: tuple[Callable[..., Any], ...] = ()
    progress: bool = True

    def __post_init__(self) -> None:
        n_jobs = self.n_jobs
        if n_jobs is not None and (not _is_whole(n_jobs) or n_jobs == 0 or n_jobs < -1):
            raise ValueError(f"n_jobs={n_jobs!r}: must be a whole number from 1 up, or -1 for one a core")
        self._check_whole("n_trials", 0, or_none=True)
        self._check_whole("max_retries", 0)
        self._check_whole("trial_memory_limit", 1, or_none=True, unit="bytes as ")
        self._check_seconds("timeout", may_be_zero=True)
        self._check_seconds("trial_timeout", may_be_zero=False)
        if self.order not in ("deterministic", "async"):
            raise ValueError(f"order={self.order!r}: must be 'deterministic' or 'async'")
        if not isinstance(self.callbacks, list | tuple) or not all(map(callable, self.callbacks)):
            raise ValueError(f"callbacks={self.callbacks!r}: must be a list of functions (study, trial)")
        if self.executor is not None:
            self._check_executor()

    def _check_executor(self) -> None:
        if not callable(getattr(self.executor, "submit", None)):
            raise ValueError(
                f"executor={self.executor!r}: must have submit(), as concurrent.futures.Executor has"
            )
        for name in ("trial_timeout", "trial_memory_limit"):
            value = getattr(self, name)
            if value is not None:
                raise ValueError(f"{name}={value!r}: needs worker processes (n_jobs=...), not an executor")

    def _check_whole(self, name: str, least: int, *, or_none: bool = False, unit: str = "") -> None:
        value = getattr(self, name)
        if (value is None and or_none) or (_is_whole(value) and value >= least):
            return
        raise ValueError(
            f"{name}={value!r}: must be {unit}a whole number from {least} up{', or None' if or_none else ''}"
        )

    def _check_seconds(self, name: str, *, may_be_zero: bool) -> None:
        value = getattr(self, name)
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if value is None or (is_number and (value > 0 or (may_be_zero and value == 0))):
            return
        raise ValueError(f"{name}={value!r}: must be seconds {'from' if may_be_zero else 'above'} 0, or None")


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
