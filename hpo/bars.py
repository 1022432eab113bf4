"""Where progress is shown: live in a terminal or a notebook, elsewhere by a line of text now and then."""

from __future__ import annotations

import html
import io
import math
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, ProgressColumn, Task
from rich.progress import Progress as RichBar
from rich.text import Text

from hpo.shown import is_shown

NARROW = 70  # columns of a terminal with fewer of which there is room for the narrow columns only
LOG_SECONDS = 60.0  # from line to line where the output is no terminal
NOTEBOOK_SECONDS = 1.0  # from look to look
WIDE = 10_000  # columns of text that shall not be wrapped
# Of a stream that is no file, or a closed one, or whose reader has gone: no reason to end a search.
UNUSABLE = (AttributeError, OSError, ValueError)


def bar(columns: Sequence[Any], *, narrow: Sequence[Any] = ()) -> Any:
    """A bar of rich, with `start`, `add_task`, `update` and `stop`, that can `say` something, too.

    None where there is no stderr, or where someone's bar is shown already.

    Parameters
    ----------
    columns : sequence of rich.progress.ProgressColumn
    narrow : sequence of rich.progress.ProgressColumn
        Shown instead in a terminal that is too narrow for the others.
    """
    if is_shown() or isinstance(sys.stderr, FileProxy):
        return None
    if _notebook() is not None:
        return NotebookBar(*columns)
    if sys.stderr is None:
        return None
    console = Console(file=sys.stderr)  # and not where an objective sends it meanwhile
    if not (_is_terminal(sys.stderr) and console.is_terminal):
        return LogBar(*columns)
    return TerminalBar(*(narrow if narrow and console.width < NARROW else columns), console=console)


class TerminalBar(RichBar):
    """A bar in a terminal."""

    def __init__(self, *columns: Any, console: Console) -> None:
        # What is printed meanwhile goes above the bar, but not what goes into a file or a pipe.
        super().__init__(*columns, console=console, redirect_stdout=_is_terminal(sys.stdout))

    def start(self) -> None:
        """Show it, and go on doing so; nothing where the terminal has just been closed."""
        try:
            super().start()
        except UNUSABLE:
            self.disable = True

    def stop(self) -> None:
        """Show how it ended."""
        with suppress(*UNUSABLE):
            super().stop()

    def say(self, message: str) -> None:
        """Show a message; from a signal's handler, too, which may have come in the middle of a write."""
        _write(self.console.file, f"\r\n{message}\r\n")


class _TextBar(RichBar):
    """What cannot be drawn over: rich counts, and what it would show is read from it as text."""

    def __init__(self, *columns: Any) -> None:
        plain = [column for column in columns if not isinstance(column, BarColumn)]
        console = Console(file=io.StringIO(), width=WIDE, color_system=None, force_jupyter=False)
        super().__init__(*plain, console=console)

    def _text(self) -> str:
        with self.console.capture() as captured:
            self.console.print(self.get_renderable())
        return " ".join(captured.get().split())


class LogBar(_TextBar):
    """A line on stderr when something was finished, a minute apart; none of what takes no minute."""

    def start(self) -> None:
        """Begin to wait for the first minute's end."""
        self._stream = sys.stderr  # and not where an objective sends it meanwhile
        self._latest: tuple[Any, dict[str, Any]] | None = None
        self._has_begun = False
        self._due = time.monotonic() + LOG_SECONDS

    def update(self, task_id: Any, **fields: Any) -> None:
        """Note where things stand: without more, as a million trials may come within the minute."""
        self._latest = (task_id, fields)
        if time.monotonic() >= self._due:
            self._write(task_id, fields)

    def stop(self) -> None:
        """Show how it ended, if anything was shown before."""
        if self._has_begun and self._latest is not None:
            self._write(*self._latest)

    def say(self, message: str) -> None:
        """Show a message; from a signal's handler, too, which may have come in the middle of a write."""
        _write(self._stream, f"{message}\n")

    def _write(self, task_id: Any, fields: dict[str, Any]) -> None:
        super().update(task_id, **fields)
        self._latest, self._has_begun = None, True
        self._due = time.monotonic() + LOG_SECONDS
        with suppress(*UNUSABLE):
            print(self._text(), file=self._stream, flush=True)


class NotebookBar(_TextBar):
    """A bar in the output of a notebook's cell, which needs no widgets."""

    def start(self) -> None:
        """Show it, and look each second for what is new."""
        self._said = ""
        self._shown = _notebook().display(self._page(), raw=True, display_id=True)
        self._has_ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Show how it ended."""
        self._has_ended.set()
        self._watch.join()
        self._shown.update(self._page(), raw=True)

    def say(self, message: str) -> None:
        """Show a message below; from a signal's handler, too: it only notes it."""
        self._said = message

    def _look(self) -> None:
        while not self._has_ended.wait(NOTEBOOK_SECONDS):
            self._shown.update(self._page(), raw=True)

    def _page(self) -> dict[str, str]:
        text, said = self._text(), self._said
        bars = "".join(
            f'<progress value="{task.completed}" max="{task.total}"></progress> '
            for task in self.tasks
            if task.total
        )
        lines = [bars + html.escape(text), html.escape(said)]
        body = "<br>".join(line for line in lines if line)
        return {"text/plain": f"{text}\n{said}".strip(), "text/html": f"<code>{body}</code>"}


class TimeLeft(ProgressColumn):
    """Time until the end, by the mean time of what has been finished since the beginning.

    Rich's own column forgets what came more than half a minute ago: all there is where a trial takes as long.

    Parameters
    ----------
    before : int
        How many were finished already when it began, and say nothing of the time that one takes.
    limit : float or None
        Seconds after which it ends anyway.
    compact : bool
    """

    def __init__(self, *, before: int = 0, limit: float | None = None, compact: bool = False) -> None:
        super().__init__()
        self._before = before
        self._limit = limit
        self._compact = compact
        self._latest = (0.0, 0.0)  # how many were finished when this changed, and the seconds until then

    def render(self, task: Task) -> Text:
        """The time left, or dashes where nothing says it."""
        try:
            shown = str(timedelta(seconds=round(self._seconds(task))))
        except OverflowError:  # no end is known, or it is millions of years away
            shown = "-:--:--"
        if self._compact and shown.startswith(("0:", "-:")):
            shown = shown[2:]
        return Text(shown, style="progress.remaining")

    def _seconds(self, task: Task) -> float:
        elapsed = task.elapsed or 0.0
        if task.completed != self._latest[0]:
            self._latest = (task.completed, elapsed)
        completed, until_then = self._latest
        ends = [] if self._limit is None else [self._limit]
        if task.total is not None and completed > self._before:
            ends.append(until_then * (task.total - self._before) / (completed - self._before))
        return max(min(ends, default=math.inf) - elapsed, 0.0)


def _notebook() -> Any:
    """IPython's module of displays in a notebook, where a kernel shows what is displayed; None elsewhere."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    if get_ipython is None or getattr(get_ipython(), "kernel", None) is None:
        return None
    from IPython import display

    return display


def _write(stream: Any, text: str) -> None:
    """Write past what Python has in hand: from a signal's handler it must not be written to twice at once."""
    with suppress(*UNUSABLE):
        os.write(stream.fileno(), text.encode())


def _is_terminal(stream: Any) -> bool:
    """Whether it truly is one: rich takes anything for it where FORCE_COLOR is set."""
    with suppress(*UNUSABLE):
        return os.isatty(stream.fileno())
    return False
