"""The progress line of a running study: trial, best value and where, time left."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from hpo.trial import Trial

NARROW = 70  # columns of a terminal with fewer of which the bar and where the best was found have no room


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
        if best is not None:
            self._bar.update(self._task, best=f"{best.value:.6g}", where=f" (trial {best.number})")
        self._bar.update(self._task, completed=n_done)

    def say(self, message: str) -> None:
        """Show a message; from a signal's handler, too, which may have come in the middle of a write."""
        if self._bar is not None:
            os.write(self._bar.console.file.fileno(), f"\r\n{message}\r\n".encode())

    def _start(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import TimeRemainingColumn as TimeLeft
        from rich.table import Column

        best, left = "best {task.fields[best]}", TextColumn("left")
        best_and_where = TextColumn(best + "{task.fields[where]}")
        trial, time = MofNCompleteColumn(table_column=Column(no_wrap=True)), TimeElapsedColumn()
        self._bar = bar(
            [TextColumn("trial"), trial, BarColumn(), best_and_where, time, left, TimeLeft()],
            narrow=[trial, TextColumn(best, table_column=Column()), left, TimeLeft(compact=True)],
        )
        if self._bar is not None:
            self._task = self._bar.add_task("", total=self._total, best="none yet", where="")
            self._bar.start()


def bar(columns: Sequence[Any], *, narrow: Sequence[Any] = (), **options: Any) -> Any:
    """A bar of rich on stderr; None where that is no terminal, or shows a bar of someone's already.

    Parameters
    ----------
    columns : sequence of rich.progress.ProgressColumn
    narrow : sequence of rich.progress.ProgressColumn
        Shown instead in a terminal that is too narrow for the others.
    **options
        Those of rich.progress.Progress.
    """
    from rich.console import Console
    from rich.file_proxy import FileProxy
    from rich.progress import Progress as Bar

    if isinstance(sys.stderr, FileProxy) or not _is_terminal(sys.stderr):
        return None
    console = Console(file=sys.stderr)  # and not where an objective sends it meanwhile
    if not console.is_terminal:
        return None
    shown = narrow if narrow and console.width < NARROW else columns
    # What is printed meanwhile goes above the bar, but not what goes into a file or a pipe.
    return Bar(*shown, console=console, redirect_stdout=_is_terminal(sys.stdout), **options)


def _is_terminal(stream: Any) -> bool:
    """Whether it truly is one: rich takes anything for it where FORCE_COLOR is set."""
    try:
        return os.isatty(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no stream, none of a file, a closed one
        return False
