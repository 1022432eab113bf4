"""The progress line of a running study: trial, best value and where, time left."""

from __future__ import annotations

import os
import sys
from typing import Any

from hpo.trial import Trial


class Progress:
    """Context manager around `optimize`; shows nothing where the output is not a terminal.

    Parameters
    ----------
    enabled : bool
    total : int or None
        Trials to run; None when only a timeout ends the run.
    """

    def __init__(self, enabled: bool, total: int | None) -> None:
        self._enabled = enabled
        self._total = total
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self._enabled:
            self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, n_done: int, best: Trial | None) -> None:
        """Show that `n_done` trials of this run are finished."""
        if self._bar is None:
            return
        shown = "none yet" if best is None else f"{best.value:.6g} (trial {best.number})"
        self._bar.update(self._task, completed=n_done, best=shown)

    def say(self, message: str) -> None:
        """Show a message; from a signal's handler, too, which may have come in the middle of a write."""
        if self._bar is not None:
            os.write(sys.stderr.fileno(), f"\r\n{message}\r\n".encode())

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        if not console.is_terminal:
            return
        self._bar = Bar(
            TextColumn("trial"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("best {task.fields[best]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=self._total, best="none yet")
        self._bar.start()
