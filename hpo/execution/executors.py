"""Any executor: a thread pool, a process pool, loky, MPI, Dask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any

from hpo.checks import is_whole
from hpo.execution.dask import DaskExecutor
from hpo.execution.live import LiveTrial
from hpo.execution.outcome import Objective, Outcome, adapted, evaluate
from hpo.execution.payload import ObjectiveError, dump, dump_trial, evaluate_payload
from hpo.execution.values import summarised
from hpo.trial import TrialState
from hpo.warn import warn


class ExecutorRunner:
    """Trials on an executor that the caller made and closes.

    Parameters
    ----------
    objective : callable
    executor : concurrent.futures.Executor
        Or anything whose ``submit`` returns such futures, or a Dask client.
    capacity : int or None
        Trials at a time; None: as many as the executor says it has workers, else 1.
    """

    def __init__(self, objective: Objective, executor: Any, capacity: int | None) -> None:
        if hasattr(executor, "get_executor"):  # Dask's client: its own futures are of another kind
            executor = executor.get_executor(retries=0)
        if hasattr(executor, "_wrap_future"):  # Dask's, whose futures may be pending for ever
            executor = DaskExecutor(executor)
        # Others cannot say: a future that is pending may be one that nobody told of its begin, such as Ray's.
        self._waiting: Callable[[], Collection[Future[Outcome]]] = getattr(executor, "waiting", tuple)
        workers = _workers_of(executor)
        self.capacity = capacity or workers
        self._submit: Callable[[LiveTrial], Future[Outcome]]
        if isinstance(executor, ThreadPoolExecutor):
            call = adapted(objective)
            self._submit = lambda live: executor.submit(evaluate, call, live)
        else:
            payload = dump(objective)
            self._submit = lambda live: executor.submit(evaluate_payload, payload, dump_trial(live))
        self._running: dict[Future[Outcome], tuple[int, float]] = {}

    def submit(self, live: LiveTrial) -> None:
        """Hand the trial to the executor.

        Raises
        ------
        RuntimeError
            If the executor is broken or shut down.
        TypeError
            If it gives no future that can be waited for.
        """
        future = self._submit(live)
        if not isinstance(future, Future):
            raise TypeError(f"executor: submit() must return a concurrent.futures.Future, not {future!r}")
        self._running[future] = (live.number, time.monotonic())

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Outcomes of the trials that ended.

        Raises
        ------
        ObjectiveError, BrokenExecutor
            What ends the study; not before everything that came with it has been returned.
        """
        wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        outcomes: list[tuple[int, Outcome]] = []
        fatal: BaseException | None = None
        # Asked one by one: `wait` overlooks those that a pool's shutdown has cancelled.
        for future in [future for future in self._running if future.done()]:
            number, begin = self._running[future]
            try:
                outcome = future.result()
            except (ObjectiveError, KeyboardInterrupt, BrokenExecutor) as error:
                fatal = error  # its trial stays among the running ones, so that the next call finds it again
                continue
            except CancelledError as error:  # a Dask client may even lose, in silence, what comes after that
                fatal = BrokenExecutor(
                    "the executor gave up its trials, as one does that is shut down or has lost its "
                    "scheduler; they are queued again"
                )
                fatal.__cause__ = error
                continue
            except BaseException as error:  # the evaluation itself never raises: its worker was lost
                seconds = time.monotonic() - begin
                outcome = Outcome(TrialState.FAILED, None, "lost", summarised(error), seconds=seconds)
            del self._running[future]
            outcomes.append((number, outcome))
        if fatal is not None and not outcomes:
            raise fatal
        return sorted(outcomes, key=lambda pair: pair[0])

    def withdraw(self) -> Collection[int]:
        """Numbers of the trials that a Dask cluster held without a worker; they are cancelled."""
        withdrawn = [future for future in self._waiting() if future.cancel()]
        return [self._running.pop(future)[0] for future in withdrawn]

    def close(self, *, kill: bool) -> None:
        """The executor is the caller's; only what has not begun is withdrawn."""
        for future in self._running:
            future.cancel()


def _workers_of(executor: Any) -> int:
    """Workers that an executor says it has."""
    found = getattr(executor, "_max_workers", None)
    if is_whole(found):
        return max(1, int(found))
    client = getattr(executor, "_client", None)  # Dask's ClientExecutor
    if client is not None:
        threads = sum(client.nthreads().values())
        if not threads:  # no error: those of an adaptive cluster come when there is something to do
            warn("executor: the Dask cluster has no workers; trials wait for one")
        return max(1, int(threads))
    return 1
