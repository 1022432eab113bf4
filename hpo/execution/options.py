"""How a run of `Study.optimize` is to be: checked as a whole before anything is made or spent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hpo.checks import as_float, is_real, number_of_jobs, one_of, takes, truth, whole, whole_or_none


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
        plain = {
            "n_trials": whole_or_none("n_trials", self.n_trials, 0),
            "n_jobs": number_of_jobs("n_jobs", self.n_jobs),
            "trial_memory_limit": whole_or_none(
                "trial_memory_limit", self.trial_memory_limit, 1, unit="bytes"
            ),
            "max_retries": whole("max_retries", self.max_retries, 0),
            "progress": truth("progress", self.progress),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        self._check_seconds("timeout", may_be_zero=True)
        self._check_seconds("trial_timeout", may_be_zero=False)
        one_of("order", self.order, "deterministic", "async")
        if not isinstance(self.callbacks, list | tuple) or not all(takes(2, f) for f in self.callbacks):
            raise ValueError(f"callbacks={self.callbacks!r}: must be a list of functions (study, trial)")
        if self.executor is not None:
            self._check_executor()

    def _check_executor(self) -> None:
        if isinstance(self.executor, type) or not callable(getattr(self.executor, "submit", None)):
            raise ValueError(
                f"executor={self.executor!r}: must be an object with submit(), such as a "
                "concurrent.futures.ThreadPoolExecutor(4)"
            )
        for name in ("trial_timeout", "trial_memory_limit"):
            value = getattr(self, name)
            if value is not None:
                raise ValueError(f"{name}={value!r}: needs worker processes (n_jobs=...), not an executor")

    def _check_seconds(self, name: str, *, may_be_zero: bool) -> None:
        value = getattr(self, name)
        if value is None:
            return
        seconds = as_float(value) if is_real(value) else math.nan
        if not (seconds > 0 or (may_be_zero and seconds == 0)):
            least = "from 0" if may_be_zero else "above 0"
            raise ValueError(f"{name}={value!r}: must be seconds {least}, or None")
        # In sums with NumPy's short floats a clock would be rounded to seconds, or to infinity.
        if type(value) is not int or seconds == math.inf:
            object.__setattr__(self, name, seconds)
