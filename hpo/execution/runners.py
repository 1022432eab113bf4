"""What the study's loop needs of a place where objectives run, and the plainest such place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from hpo.execution.outcome import LiveTrial, Objective, Outcome, adapted, evaluate


class Runner(Protocol):
    """Runs trials; the loop never submits more than `capacity` at a time."""

    capacity: int

    def submit(self, live: LiveTrial) -> None:
        """Start one evaluation."""

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Numbers and outcomes of what has ended, at least one unless `timeout` seconds passed."""

    def close(self, *, kill: bool) -> None:
        """Let go of everything; with `kill`, of what is still running too."""


def make_runner(
    objective: Objective,
    *,
    n_jobs: int | None,
    executor: Any,
    trial_timeout: float | None,
    trial_memory_limit: int | None,
) -> Runner:
    """The place that the options ask for.

    Raises
    ------
    ValueError
        If an option is out of range, or does not go with the others.
    """
    is_whole = isinstance(n_jobs, int) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not is_whole or n_jobs == 0 or n_jobs < -1):
        raise ValueError(f"n_jobs={n_jobs!r}: must be a whole number from 1 up, or -1 for one a core")
    if trial_timeout is not None and not trial_timeout > 0:
        raise ValueError(f"trial_timeout={trial_timeout!r}: must be seconds above 0, or None")
    if trial_memory_limit is not None and (
        isinstance(trial_memory_limit, bool)
        or not isinstance(trial_memory_limit, int)
        or trial_memory_limit < 1
    ):
        raise ValueError(f"trial_memory_limit={trial_memory_limit!r}: must be bytes from 1 up, or None")
    if executor is not None:
        from hpo.execution.executors import ExecutorRunner

        for name, value in (("trial_timeout", trial_timeout), ("trial_memory_limit", trial_memory_limit)):
            if value is not None:
                raise ValueError(f"{name}={value!r}: needs worker processes (n_jobs=...), not an executor")
        return ExecutorRunner(objective, executor, None if n_jobs == -1 else n_jobs)
    n_workers = len(os.sched_getaffinity(0)) if n_jobs == -1 else n_jobs or 1
    if n_workers == 1 and trial_timeout is None and trial_memory_limit is None:
        return InProcess(objective)
    from hpo.execution.workers import Workers

    return Workers(objective, n_workers, trial_timeout, trial_memory_limit)


class InProcess:
    """One trial at a time, in the coordinating process."""

    capacity = 1

    def __init__(self, objective: Objective) -> None:
        self._objective = adapted(objective)
        self._waiting: list[LiveTrial] = []

    def submit(self, live: LiveTrial) -> None:
        """Keep the trial until `wait`."""
        self._waiting.append(live)

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Evaluate it; a running objective is not interrupted, whatever the timeout."""
        live = self._waiting.pop()
        return [(live.number, evaluate(self._objective, live))]

    def close(self, *, kill: bool) -> None:
        """Nothing to let go of."""
