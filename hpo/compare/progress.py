"""The progress bar of a comparison; quiet where the output is not a terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeft

from hpo.progress import bar


class CellProgress:
    """Context manager: a bar over cells with the time left."""

    def __init__(self, enabled: bool, total: int) -> None:
        columns = [
            TextColumn("runs"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            # Cells take seconds to minutes, in turns: the average over all of them is the best guess.
            TimeLeft(),
            TextColumn("{task.fields[last]}"),
        ]
        self._bar = bar(columns, speed_estimate_period=24 * 3600) if enabled else None
        if self._bar is not None:
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
