"""The progress of a comparison: runs, time left, and what the latest was."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from hpo.bars import TimeLeft, bar


class CellProgress:
    """Context manager: a bar over cells with the time left, `before` of which are finished already."""

    def __init__(self, enabled: bool, total: int, before: int = 0) -> None:
        columns = [
            TextColumn("runs"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeLeft(before=before),
            TextColumn("{task.fields[last]}", markup=False),  # names, as they stand
        ]
        self._bar = bar(columns) if enabled else None
        if self._bar is not None:
            self._task = self._bar.add_task("", total=total, completed=before, last="")

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
            self._bar.update(self._task, completed=n_done, last=last)
