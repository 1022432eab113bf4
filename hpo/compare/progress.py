"""The progress bar of a comparison; quiet where the output is not a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeft


class CellProgress:
    """Context manager: a bar over cells with the time left."""

    def __init__(self, enabled: bool, total: int) -> None:
        console = Console(stderr=True)
        self._bar: Any = None
        if enabled and console.is_terminal:
            self._bar = Progress(
                TextColumn("runs"),
                MofNCompleteColumn(),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                # Cells take seconds to minutes, in turns: the average over all of them is the best guess.
                TimeLeft(),
                TextColumn("{task.fields[last]}"),
                console=console,
                speed_estimate_period=24 * 3600,
            )
            self._task = self._bar.add_task("", total=total, last="")

    def __enter__(self) -> CellProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, n_done: int, last: str) -> None:
        """Show that `n_done` cells are finished, `last` being the latest."""
        if self._bar is not None:
            self._bar.update(self._task, completed=n_done, last=escape(last))
