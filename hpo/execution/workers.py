"""Worker processes of our own: each trial can be killed, and none takes its neighbours along.

Each worker is a fresh interpreter, never a fork (threads and BLAS do not survive one), and leads a
process group of its own: what an objective starts is found and killed with it, and Ctrl-C in a
terminal reaches the coordinator only. Each has its own pipe, and nothing is shared between workers, so
that one that dies, at whatever moment, cannot hold up another. All waiting is on the monotonic clock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from hpo.execution.guard import Guard
from hpo.execution.live import LiveTrial
from hpo.execution.outcome import Objective, Outcome
from hpo.execution.payload import ObjectiveError, dump, dump_trial
from hpo.execution.reports import of_trial, taken
from hpo.execution.serving import READY, Setup
from hpo.shown import WORKER
from hpo.trial import TrialState

BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
POLL_SECONDS = 0.25  # how often a death is looked for that closed no pipe: a child still holds it
GRACE_SECONDS = 2.0  # for workers to end by themselves when their work is done
EXIT_SECONDS = 1.0  # for one whose pipe has closed: it may still be on its way out, with a code of its own
HALF_SECONDS = 3  # for the rest of a message: its sender may be dead, and a child of it hold the pipe
MAX_FAILED_STARTS = 3  # in a row, before it is no accident
BOOT = (
    "import sys; from multiprocessing.connection import Connection as C; c = C(int(sys.argv[1]));"
    "sys.path[:], sys.argv[:] = c.recv(); from hpo.execution.serving import serve; serve(c)"
)


class WorkerError(RuntimeError):
    """No worker process can be started."""


class Workers:
    """`capacity` worker processes; each is started when it is first needed.

    Parameters
    ----------
    objective : callable
    capacity : int
    threads : int
        BLAS threads of each worker, at most.
    trial_timeout : float or None
        Seconds after which a trial is killed.
    trial_memory_limit : int or None
        Bytes that a trial may take beyond an idle worker. Each trial then has a fresh process, so that
        nobody pays for what another leaked.

    Raises
    ------
    ObjectiveError
        If the objective cannot be sent to another process.
    """

    def __init__(
        self,
        objective: Objective,
        capacity: int,
        threads: int,
        trial_timeout: float | None,
        trial_memory_limit: int | None,
    ) -> None:
        self.capacity = capacity
        self._payload = dump(objective)
        self._timeout = trial_timeout
        self._memory = trial_memory_limit
        self._environment = {**_with_threads(threads), WORKER: "1"}
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._leaving: list[tuple[_Worker, float]] = []  # and until when they have time to
        self._failed_starts = 0
        self._fatal: ObjectiveError | WorkerError | None = None  # raised when nothing else is left to return

    def submit(self, live: LiveTrial) -> None:
        """Send the trial to a free worker.

        Raises
        ------
        ObjectiveError
            If the trial cannot be sent to another process.
        """
        trial = dump_trial(live)
        while self._idle:
            worker = self._idle.pop()
            if worker.give(live.number, trial):
                break
            self._end(worker)
        else:
            guard, setup = self._place
            worker = _Worker(setup, self._environment)
            guard.add(worker.pid)
            worker.give(live.number, trial)
        self._busy.append(worker)

    def wait(self, timeout: float | None) -> Sequence[tuple[int, Outcome]]:
        """Outcomes of the trials that ended, or were killed; none where a quarter second brought none.

        Raises
        ------
        ObjectiveError
            If the objective cannot be loaded in a worker.
        WorkerError
            If workers end before they can take a trial, again and again. Both not before everything that
            came with them has been returned.
        """
        if self._fatal is not None:
            raise self._fatal
        now = time.monotonic()
        pauses = [POLL_SECONDS, *(w.begin + self._timeout - now for w in self._busy if self._timeout)]
        if timeout is not None:
            pauses.append(timeout)
        wait([worker.connection for worker in self._busy], max(0.0, min(pauses)))
        outcomes = []
        for worker in tuple(self._busy):
            try:
                outcome = self._looked_at(worker)
            except (ObjectiveError, WorkerError) as error:
                self._fatal = error
                continue
            if outcome is not None:
                outcomes.append((worker.number, outcome))
        if self._fatal is not None and not outcomes:
            raise self._fatal
        self._leaving = [(w, until) for w, until in self._leaving if not self._has_left(w, until)]
        return sorted(outcomes, key=lambda pair: pair[0])

    def withdraw(self) -> Collection[int]:
        """None: a worker begins at once, or when it has been started."""
        return ()

    def close(self, *, kill: bool) -> None:
        """End the workers, and whatever their trials left running."""
        workers = [*self._busy, *self._idle, *(worker for worker, _ in self._leaving)]
        self._busy, self._idle, self._leaving = [], [], []
        try:
            if not kill:
                for worker in workers:
                    worker.connection.close()
                deadline = time.monotonic() + GRACE_SECONDS
                while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
                    time.sleep(0.005)
            for worker in workers:
                self._end(worker)
        finally:  # ends those, too, that an interrupt has left
            if "_place" in vars(self):
                self._place[0].close()

    @cached_property
    def _place(self) -> tuple[Guard, Setup]:
        """Made with the first worker: the objective in a folder of its own, and who clears up."""
        folder = tempfile.mkdtemp(prefix="hpo-workers-")
        guard = Guard(folder)
        file = Path(folder) / "objective"
        try:
            file.write_bytes(self._payload)
        except BaseException:  # such as for want of room
            guard.close()
            raise
        return guard, Setup(str(file), self._memory)

    def _looked_at(self, worker: _Worker) -> Outcome | None:
        """What became of a busy worker's trial; None while it runs."""
        message = worker.received()
        if isinstance(message, ObjectiveError):
            raise message
        if message == READY:
            worker.is_ready, worker.begin, self._failed_starts = True, time.monotonic(), 0
            return None
        if isinstance(message, Outcome):
            self._busy.remove(worker)
            if self._memory is not None:
                worker.connection.close()
                self._leaving.append((worker, time.monotonic() + GRACE_SECONDS))
            else:
                self._idle.append(worker)
            if message.reports:
                self._reported(worker)  # and come with the outcome as well
            return message
        seconds = time.monotonic() - worker.begin
        if message is _GONE:
            code = self._end(worker, EXIT_SECONDS)
            failure, reason = "crash", _how_it_died(code)
            self._failed_starts += not worker.is_ready and code != -signal.SIGKILL
        elif self._timeout is not None and seconds > self._timeout:
            failure, reason = "timeout", f"killed after trial_timeout={self._timeout} s"
            self._end(worker)
        else:
            return None
        self._busy.remove(worker)
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WorkerError(
                f"{MAX_FAILED_STARTS} worker processes in a row ended as they started: {reason}"
            )
        reports = self._reported(worker)
        return Outcome(TrialState.FAILED, None, failure, reason, reports, max(0.0, seconds))

    def _reported(self, worker: _Worker) -> dict[int, float]:
        """What a worker's trial had reported when it ended; asked once."""
        return taken(of_trial(Path(self._place[1].objective).parent, worker.number))

    def _has_left(self, worker: _Worker, until: float) -> bool:
        if worker.is_alive() and time.monotonic() < until:  # a thread of its trial may never end
            return False
        self._end(worker)
        return True

    def _end(self, worker: _Worker, patience: float = 0.0) -> int | None:
        code = worker.end(patience)
        self._place[0].discard(worker.pid)
        return code


_GONE = object()


class _Worker:
    """One worker process, seen from the coordinator."""

    def __init__(self, setup: Setup, environment: Mapping[str, str]) -> None:
        self.connection: Connection[Any, Any]
        self.connection, theirs = Pipe()
        with socket.socket(fileno=os.dup(self.connection.fileno())) as ours:
            ours.setblocking(True)  # undoes what a default timeout of the program makes of the pipe, too
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", HALF_SECONDS, 0))
        with theirs:
            self._process = subprocess.Popen(
                # Not from the folder that it starts in, whose files may have the names of Python's modules.
                [sys.executable, "-P", "-c", BOOT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.number = -1
        self.is_ready = False
        self.begin = float("inf")  # when the trial began; not before the worker is ready
        self._send((sys.path, sys.argv))
        self._send(setup)

    def give(self, number: int, trial: bytes) -> bool:
        """Send a trial; whether it is on its way, for then the worker may die of it at once."""
        self.number = number
        if self.is_ready:
            self.begin = time.monotonic()
        return self.is_alive() and self._send(trial)

    def received(self) -> Any:
        """What it said; None if nothing, `_GONE` if it is gone or talks nonsense."""
        is_alive = self.is_alive()  # before the pipe: its last words may arrive with its end
        try:
            if self.connection.poll():
                return self.connection.recv()
        except Exception:  # the end of the pipe, half a message, or bytes that are none
            return _GONE
        return None if is_alive else _GONE

    def is_alive(self) -> bool:
        """Whether the process runs; it is not reaped here, so that its number stays its own."""
        if self._process.returncode is not None:
            return False
        if hasattr(os, "waitid"):  # not on macOS before Python 3.13
            with contextlib.suppress(ChildProcessError):  # reaped already, as where SIGCHLD is ignored
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        return self._process.poll() is None

    def end(self, patience: float = 0.0) -> int | None:
        """Kill the process and its group; returns the exit code, or None if it had not ended by itself.

        It is given `patience` seconds to end by itself.
        """
        deadline = time.monotonic() + patience
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        has_ended = not self.is_alive()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.connection.close()
        code = self._process.wait()
        return code if has_ended else None

    def _send(self, message: Any) -> bool:
        try:
            self.connection.send(message)
        except OSError:  # it is gone
            return False
        return True


def _with_threads(threads: int) -> dict[str, str]:
    """The environment with at most so many BLAS threads."""
    found = {name: os.environ.get(name, "") for name in BLAS_VARIABLES}
    return {
        **os.environ,
        **{n: str(min(threads, int(v)) if v.isdigit() and int(v) else threads) for n, v in found.items()},
    }


def _how_it_died(code: int | None) -> str:
    if code is None:
        return "the worker process had lost its connection, or said half a message, and was killed for that"
    if code >= 0:
        return f"the worker process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", as the kernel does when memory runs out" if -code == signal.SIGKILL else ""
    return f"the worker process was killed by {name}{hint}"
