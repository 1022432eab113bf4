"""The progress of a running study: trial, best value and where, time left."""

from __future__ import annotations

from typing import Any

from hpo.trial import Trial


class Progress:
    """Context manager around `optimize`.

    Parameters
    ----------
    enabled : bool
    total : int or None
        Trials to run; None when only a timeout ends the run.
    timeout : float or None
        Seconds after which it ends.
    best : Trial or None
        What earlier runs found.
    """

    def __init__(
        self, enabled: bool, total: int | None, timeout: float | None = None, best: Trial | None = None
    ) -> None:
        self._enabled = enabled
        self._total = total
        self._timeout = timeout
        self._bar: Any = None
        self._best = best
        self._found = _shown(best)

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
        if best is not self._best:
            self._best = best
            self._found = _shown(best)
        self._bar.update(self._task, completed=n_done, **self._found)

    def say(self, message: str) -> None:
        """Show a message; from a signal's handler, too."""
        if self._bar is not None:
            self._bar.say(message)

    def _start(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        from hpo.bars import TimeLeft, bar

        best = "best {task.fields[best]}"
        best_and_where = TextColumn(best + "{task.fields[where]}")
        trial, time = MofNCompleteColumn(table_column=Column(no_wrap=True)), TimeElapsedColumn()
        left = [TextColumn("left"), TimeLeft(limit=self._timeout)]
        short = [TextColumn("left"), TimeLeft(limit=self._timeout, compact=True)]
        self._bar = bar(
            [TextColumn("trial"), trial, BarColumn(), best_and_where, time, *left],
            narrow=[trial, TextColumn(best, table_column=Column()), *short],
        )
        if self._bar is not None:
            self._task = self._bar.add_task("", total=self._total, **self._found)
            self._bar.start()


def _shown(best: Trial | None) -> dict[str, str]:
    if best is None:
        return {"best": "none yet", "where": ""}
    return {"best": f"{best.value:.6g}", "where": f" (trial {best.number})"}
