"""Worker processes of our own: each trial can be killed, and none takes its neighbours along.

Workers are spawned, never forked (threads and BLAS do not survive a fork), and each leads a process
group of its own: what an objective starts is found and killed with it, and Ctrl-C in a terminal
reaches the coordinator only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, TimeoutError, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from hpo.execution.outcome import LiveTrial, Objective, Outcome
from hpo.execution.payload import ObjectiveError, dump, evaluate_payload
from hpo.trial import Params, TrialState

BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


class Workers:
    """`capacity` worker processes.

    Parameters
    ----------
    objective : callable
    capacity : int
    trial_timeout : float or None
        Seconds after which a trial is killed.
    trial_memory_limit : int or None
        Bytes that a trial may take beyond an idle worker. Each trial then has a fresh process, so that
        nobody pays for what another leaked.
    """

    def __init__(
        self, objective: Objective, capacity: int, trial_timeout: float | None, trial_memory_limit: int | None
    ) -> None:
        self.capacity = capacity
        self._timeout = trial_timeout
        payload = dump(objective)
        self._folder = Path(tempfile.mkdtemp(prefix="hpo-workers-"))
        file = self._folder / "objective"
        file.write_bytes(payload)
        threads = max(1, len(os.sched_getaffinity(0)) // capacity)
        self._pool = ProcessPool(
            max_workers=capacity,
            max_tasks=0 if trial_memory_limit is None else 1,
            initializer=_begin,
            initargs=(str(self._folder), threads, trial_memory_limit, os.getpid()),
            context=_Context(),
        )
        self._file = str(file)
        self._running: dict[Any, tuple[int, float]] = {}

    def submit(self, live: LiveTrial) -> None:
        """Send the trial to a free worker."""
        task = (self._file, live.number, live.params, live.study_seed)
        future = self._pool.schedule(_evaluate_file, args=task, timeout=self._timeout)
        self._running[future] = (live.number, time.monotonic())

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Outcomes of the trials that ended, or were killed."""
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        outcomes = []
        for future in done:
            number, begin = self._running.pop(future)
            outcomes.append((number, self._outcome(future, time.monotonic() - begin)))
        return sorted(outcomes, key=lambda pair: pair[0])

    def close(self, *, kill: bool) -> None:
        """End the workers, and whatever their trials left running."""
        if kill:
            self._pool.stop()  # type: ignore[no-untyped-call]
        else:
            self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()
        self._kill_groups()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _outcome(self, future: Any, seconds: float) -> Outcome:
        try:
            outcome: Outcome = future.result()
        except ObjectiveError:
            raise
        except TimeoutError:
            reason = f"killed after trial_timeout={self._timeout} s"
            outcome = Outcome(TrialState.FAILED, None, "timeout", reason, seconds=seconds)
        except ProcessExpired as error:
            outcome = Outcome(TrialState.FAILED, None, "crash", _how_it_died(error.exitcode), seconds=seconds)
        except CancelledError:
            outcome = Outcome(TrialState.FAILED, None, "lost", "the pool was stopped", seconds=seconds)
        except Exception as error:  # what came back cannot be read
            outcome = Outcome(TrialState.FAILED, None, "crash", repr(error), seconds=seconds)
        else:
            return outcome
        self._kill_groups()
        return outcome

    def _kill_groups(self) -> None:
        """Kill what is left of the process groups of workers that are gone."""
        for note in self._folder.glob("worker-*"):
            pid = int(note.name.partition("-")[2])
            if _is_running(pid):
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            note.unlink(missing_ok=True)


def _begin(folder: str, threads: int, memory: int | None, parent: int) -> None:
    """First thing in a worker."""
    os.setpgid(0, 0)
    (Path(folder) / f"worker-{os.getpid()}").touch()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for variable in BLAS_VARIABLES:  # for libraries that are loaded from here on
        os.environ[variable] = str(threads)
    threadpool_limits(threads)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if sys.platform == "linux":
        # Killed by the kernel with its parent, even in an endless loop that never lets the thread run.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
    if memory is not None:
        import resource

        used = _virtual_memory()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))


def _evaluate_file(file: str, number: int, params: Params, seed: int) -> Outcome:
    return evaluate_payload(Path(file).read_bytes(), number, params, seed)


def _end_with(parent: int) -> None:
    """End the whole process group once the coordinator is gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.killpg(0, signal.SIGKILL)


def _virtual_memory() -> int:
    """Bytes of address space that this process has."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self/stat").exists()


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"the worker process was killed by {name}"
    return f"the worker process ended with exit code {code}"


class _Process(SpawnProcess):
    """Spawned without running the caller's script again: the objective travels by value."""

    _hiding = threading.Lock()

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _Process._hiding:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process
