"""Ctrl-C: what a running search makes of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stopping_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, the second is the usual KeyboardInterrupt."""
    if not _is_main() or not callable(signal.getsignal(signal.SIGINT)):  # nohup, or a shell's background
        yield
        return

    def first(signum: int, frame: FrameType | None) -> None:
        stop()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class Undisturbed:
    """Context in which the first Ctrl-C waits until its end; the second does not, should it never come.

    What is written to a database and then noted in memory must not be cut in two. (A class: a generator
    can be interrupted between its last line and the end of the block.)
    """

    def __enter__(self) -> None:
        self._waiting: tuple[int, FrameType | None] | None = None
        self._previous: Any = None
        # None: a handler that is not Python's, and could not be put back.
        if _is_main() and signal.getsignal(signal.SIGINT) is not None:
            self._previous = signal.signal(signal.SIGINT, self._wait)

    def __exit__(self, *exc: object) -> None:
        if self._previous is None:
            return
        signal.signal(signal.SIGINT, self._previous)
        if self._waiting is not None:
            self._hand_on(*self._waiting)

    def _wait(self, signum: int, frame: FrameType | None) -> None:
        if self._waiting is not None:
            self._hand_on(signum, frame)
        self._waiting = signum, frame

    def _hand_on(self, signum: int, frame: FrameType | None) -> None:
        if callable(self._previous):  # nohup and a shell's background ignore it
            self._previous(signum, frame)


def _is_main() -> bool:
    """Whether this is the thread that Ctrl-C interrupts."""
    return threading.current_thread() is threading.main_thread()
