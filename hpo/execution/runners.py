"""What the study's loop needs of a place where objectives run, and the plainest such place."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Protocol

from hpo.execution.live import LiveTrial
from hpo.execution.options import Options
from hpo.execution.outcome import Objective, Outcome, adapted, evaluate


class Runner(Protocol):
    """Runs trials; the loop never submits more than `capacity` at a time."""

    capacity: int

    def submit(self, live: LiveTrial) -> None:
        """Start one evaluation."""

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Numbers and outcomes of what has ended; may be none, after `timeout` seconds at the latest."""

    def withdraw(self) -> Collection[int]:
        """Numbers of the trials that have not begun, and now will not; may be none."""

    def close(self, *, kill: bool) -> None:
        """Let go of everything; with `kill`, of what is still running too."""


def make_runner(objective: Objective, options: Options) -> Runner:
    """The place that the options ask for.

    Raises
    ------
    ValueError
        If the objective is no function, or cannot be sent there.
    """
    adapted(objective)  # refuses what cannot be called so, before a worker is made for it
    n_jobs = options.n_jobs
    if options.executor is not None:
        from hpo.execution.executors import ExecutorRunner

        return ExecutorRunner(objective, options.executor, None if n_jobs == -1 else n_jobs)
    n_workers = n_cores() if n_jobs == -1 else n_jobs or 1
    limits = options.trial_timeout, options.trial_memory_limit
    if n_workers == 1 and limits == (None, None):
        return InProcess(objective)
    from hpo.execution.workers import Workers

    return Workers(objective, n_workers, max(1, n_cores() // n_workers), *limits)


def n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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

    def withdraw(self) -> Collection[int]:
        """None: what is submitted is evaluated at once."""
        return ()

    def close(self, *, kill: bool) -> None:
        """Nothing to let go of."""
