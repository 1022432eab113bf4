"""Ctrl-C: what a running search makes of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stopping_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, the second is the usual KeyboardInterrupt."""
    previous = signal.getsignal(signal.SIGINT) if _is_main() else None
    if not callable(previous):  # nohup, or a shell's background
        yield
        return

    def first(signum: int, frame: FrameType | None) -> None:
        own.close()
        stop()

    with ExitStack() as own:  # gives back once: later the handler may be that of a study around this one
        own.callback(signal.signal, signal.SIGINT, previous)
        signal.signal(signal.SIGINT, first)
        yield


class Undisturbed:
    """Context in which the first Ctrl-C waits until its end; the second does not, should it never come.

    What is written to a database and then noted in memory must not be cut in two. (A class: a generator
    can be interrupted between its last line and the end of the block.)
    """

    def __enter__(self) -> None:
        self._n_waiting = 0
        self._previous: Any = None
        # None: a handler that is not Python's, and could not be put back.
        if _is_main() and signal.getsignal(signal.SIGINT) is not None:
            self._previous = signal.signal(signal.SIGINT, self._wait)

    def __exit__(self, *exc: object) -> None:
        self._end()

    def _wait(self, signum: int, frame: FrameType | None) -> None:
        self._n_waiting += 1
        if self._n_waiting > 1:
            self._end()

    def _end(self) -> None:
        """Put the handler back, and hand on what waits: the first may change who is there for the second."""
        previous, self._previous = self._previous, None
        if previous is None:
            return
        signal.signal(signal.SIGINT, previous)
        while self._n_waiting:
            self._n_waiting -= 1
            signal.raise_signal(signal.SIGINT)


def _is_main() -> bool:
    """Whether this is the thread that Ctrl-C interrupts."""
    return threading.current_thread() is threading.main_thread()
