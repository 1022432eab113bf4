"""Progress is for who looks at a terminal, a notebook or a log, and takes nothing from anyone else."""

import contextlib
import errno
import fcntl
import io
import math
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as RichBar
from rich.progress import TextColumn

import hpo
from hpo.bars import LogBar, NotebookBar, TerminalBar, TimeLeft
from hpo.compare.progress import CellProgress

ROOT = Path(__file__).parents[1]
SEARCH = """
import contextlib, hpo, io, time
def objective(params):
    print("printed", params["n"])
    with contextlib.redirect_stderr(io.StringIO()):
        time.sleep(0.15)
    {nested}
    return 1e-300 * params["n"]
hpo.minimize(objective, {{"n": hpo.Int(1, 3)}}, searcher="grid", n_trials=9, n_jobs={jobs})
"""
NESTED = 'hpo.minimize(lambda q: q["x"], {"x": hpo.Float(0, 1)}, searcher="random", n_trials=7)'

IN_A_THREAD = f"import threading; t = threading.Thread(target=lambda: {NESTED}); t.start(); t.join()"
IN_A_PROCESS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {f'import hpo; {NESTED}'!r}])"


def in_a_terminal(code, columns=80):
    """What a terminal is sent on stderr, and what comes out of stdout, a pipe."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    ignored = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"}
    environment = {name: value for name, value in os.environ.items() if name not in ignored}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its last user
            while more := os.read(ours, 65536):
                shown += more
        printed = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return shown.decode(), printed


def test_the_bar_counts_and_leaves_what_is_printed_to_its_pipe():
    shown, printed = in_a_terminal(SEARCH.format(nested="", jobs=1))
    assert sorted(printed.splitlines()) == ["printed 1", "printed 2", "printed 3"]
    assert "printed" not in shown
    for part in ("trial", "0/9", "3/9", "best none yet", "best 1e-300", "left", "nothing is left to try"):
        assert part in shown


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_within_a_search_shows_no_second_bar(jobs):
    shown, _ = in_a_terminal(SEARCH.format(nested=NESTED, jobs=jobs))
    assert "3/9" in shown
    assert "/7" not in shown


@pytest.mark.parametrize("nested", [IN_A_THREAD, IN_A_PROCESS], ids=["thread", "process"])
def test_what_a_trial_starts_in_its_worker_shows_no_second_bar(nested):
    shown, _ = in_a_terminal(SEARCH.format(nested=nested, jobs=2))
    assert "3/9" in shown
    assert "/7" not in shown


def test_a_narrow_terminal_shows_how_far_how_well_and_how_long_still():
    shown, _ = in_a_terminal(SEARCH.format(nested="", jobs=1), columns=32)
    plain = re.sub(r"\x1b\[\d*m", "", shown)  # without colours
    assert re.search(r"3/9 best 1e-300 left \d\d:\d\d", plain)
    assert "…" not in plain


def test_a_narrow_terminal_shows_the_time_left_of_a_timeout():
    code = 'hpo.Study({"n": hpo.Int(1, 3)}, searcher="grid").optimize(lambda params: 1.0, timeout=7200)'
    shown, _ = in_a_terminal(f"import hpo; {code}", columns=32)
    assert re.search(r"left (1:59:5\d|2:00:00)", re.sub(r"\x1b\[\d*m", "", shown))


def test_a_search_within_someones_own_bar_leaves_the_terminal_to_that():
    code = "from rich.console import Console; from rich.progress import Progress\n"
    code += "with Progress(console=Console(stderr=True)) as own: own.add_task('mine'); exec(" + repr(
        SEARCH.format(nested="", jobs=1)
    )
    shown, _ = in_a_terminal(code + ")")
    assert "mine" in shown
    assert "/9" not in shown


@pytest.mark.parametrize("columns", [80, 60])
def test_a_comparison_shows_how_many_runs_are_done_and_which_was_the_last(columns):
    code = "with CellProgress(True, 3) as bar: bar.update(1, 'a [b] :x:')"
    shown, _ = in_a_terminal(f"from hpo.compare.progress import CellProgress\n{code}", columns)
    assert "runs" in shown
    assert "1/3" in shown
    assert "a [b] :x:" in shown


@pytest.mark.parametrize("stderr", [io.StringIO, lambda: None])
def test_what_takes_no_minute_sends_nothing_to_a_log_whatever_forces_colours(monkeypatch, stderr):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", stream := stderr())
    study = hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert len(study.trials) == 3
    with CellProgress(enabled=True, total=3) as bar:
        bar.update(1, "done")
    assert stream is None or stream.getvalue() == ""


class Clock:
    """The time, as a test sets it."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("hpo.bars.time", clock)
    return clock


def test_a_log_has_a_line_when_a_minute_has_passed_and_one_for_the_end(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    bar = LogBar(TextColumn("{task.completed:.0f} of {task.total:.0f}"))
    task = bar.add_task("", total=9)
    bar.start()
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # as an objective may do
    seen = {}
    for n, clock.now in enumerate([20.0, 59.0, 60.0, 62.0, 121.5, 181.0, 182.0, 183.0], start=1):
        bar.update(task, completed=n)
        seen[n] = log.getvalue().splitlines()
    bar.stop()
    assert seen[2] == []
    assert seen[4] == ["3 of 9"]
    assert seen[6] == ["3 of 9", "5 of 9"]
    assert seen[8] == ["3 of 9", "5 of 9", "7 of 9"]
    assert log.getvalue().splitlines() == ["3 of 9", "5 of 9", "7 of 9", "8 of 9"]


def test_a_log_says_how_far_how_well_and_how_long_still_but_not_of_searches_within(monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())

    def objective(params):
        hpo.minimize(lambda inner: inner["x"], {"x": hpo.Float(0, 1)}, searcher="random", n_trials=7)
        return 0.5 * params["n"]

    hpo.minimize(objective, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=3)
    lines = log.getvalue().splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"trial 3/3 best 0.5 \(trial \d\) \d:\d\d:\d\d left 0:00:00", lines[-1])


class Gone(io.StringIO):
    """A pipe whose reader has ended, or a terminal that has been closed."""

    def __init__(self, error=errno.EPIPE):
        super().__init__()
        self.error = error

    def write(self, text):
        raise OSError(self.error, "is gone")


class Logger:
    """What takes the place of stderr where a program sends all its output to a log of its own."""

    def __init__(self):
        self.written = ""

    def write(self, text):
        self.written += text


def test_a_log_that_nobody_reads_any_more_ends_no_search(monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", Gone())
    study = hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert len(study.trials) == 3


def test_a_log_that_is_no_file_has_its_lines_all_the_same(monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", log := Logger())
    study = hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert len(study.trials) == 3
    begins = [line.split(" best")[0] for line in log.written.splitlines()]
    assert begins == ["trial 1/9", "trial 2/9", "trial 3/9"]


def test_a_terminal_that_is_closed_meanwhile_ends_no_search():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SEARCH.format(nested="", jobs=1) + 'print("and went on")']
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while b"0/9" not in shown:
            shown += os.read(ours, 65536)
        os.close(ours)
        printed = process.stdout.read().decode()
    assert printed.splitlines()[-1] == "and went on"


def test_a_terminal_that_is_closed_just_now_is_shown_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream := Gone(errno.EIO))
    bar = TerminalBar(TextColumn("progress"), console=Console(file=stream, force_terminal=True))
    task = bar.add_task("", total=9)
    bar.start()
    assert sys.stderr is stream
    bar.update(task, completed=1)
    bar.say("nothing is left to try")
    bar.stop()
    assert sys.stderr is stream


def test_who_wants_no_progress_is_shown_none(monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    space = {"n": hpo.Int(1, 3)}
    study = hpo.minimize(lambda params: 1.0, space, searcher="grid", n_trials=3, progress=False)
    assert len(study.trials) == 3
    with CellProgress(enabled=False, total=3) as bar:
        bar.update(1, "done")
    assert log.getvalue() == ""


def test_where_there_is_no_stderr_nothing_is_printed(monkeypatch, capsys):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", None)
    study = hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert len(study.trials) == 3
    assert capsys.readouterr().out == ""


def test_lines_of_a_log_are_in_its_file_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setitem(sys.modules, "IPython", None)  # as where it is not installed
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        hpo.minimize(lambda params: 2 / 3, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
        *lines, last = (tmp_path / "log").read_text().splitlines()
    told = [line.partition(" (")[0] for line in lines]
    assert told == [f"trial {n}/9 best 0.666667" for n in (1, 2, 3)]
    assert last.startswith("nothing is left to try")


def test_a_log_is_told_that_the_space_is_used_up(capfd):
    hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert capfd.readouterr().err == "nothing is left to try: the search ends here\n"


def time_left(clock, ends, total, at, **options):
    """What is shown at a time, where trials have ended at those times and somebody looked each time."""
    column, before = TimeLeft(**options), options.get("before", 0)
    bar = RichBar(column, get_time=clock.monotonic)
    task = bar.add_task("", total=total, completed=before)
    column.render(bar.tasks[0])
    for n, clock.now in enumerate(ends, start=before + 1):
        bar.update(task, completed=n)
        column.render(bar.tasks[0])
    clock.now = at
    return column.render(bar.tasks[0]).plain


@pytest.mark.parametrize(
    ("ends", "total", "at", "options", "shown"),
    [
        ([], 10, 5.0, {}, "-:--:--"),
        ([], 10, 5.0, {"compact": True}, "--:--"),
        (
            [100.0],
            10,
            100.0,
            {},
            "0:15:00",
        ),  # from a first trial longer than rich remembers
        ([100.0, 200.0, 300.0], 10, 300.0, {}, "0:11:40"),
        ([100.0, 200.0, 300.0], 10, 360.0, {}, "0:10:40"),  # and goes down meanwhile
        ([100.0, 200.0, 300.0], 10, 360.0, {"compact": True}, "10:40"),
        ([8000.0], 2, 8000.0, {"compact": True}, "2:13:20"),
        ([100.0], 2, 250.0, {}, "0:00:00"),  # the second takes longer than the first
        ([100.0], None, 100.0, {}, "-:--:--"),
        ([100.0], None, 100.0, {"limit": 3600.0}, "0:58:20"),
        ([], 10, 60.0, {"limit": 3600.0}, "0:59:00"),
        ([100.0], 10, 100.0, {"limit": 3600.0}, "0:15:00"),
        ([100.0], 10, 100.0, {"limit": 500.0}, "0:06:40"),
        ([100.0], None, 100.0, {"limit": math.inf}, "-:--:--"),
        ([100.0], None, 100.0, {"limit": 1e300}, "-:--:--"),
        ([100.0], sys.maxsize, 100.0, {}, "-:--:--"),
        ([100.0], sys.maxsize, 100.0, {"compact": True}, "--:--"),
        ([100.0], sys.maxsize, 100.0, {"limit": 500.0}, "0:06:40"),
        pytest.param([100.0], 10**400, 100.0, {}, "-:--:--", id="no float"),
        ([], 10, 5.0, {"before": 7}, "-:--:--"),
        ([100.0], 10, 100.0, {"before": 7}, "0:03:20"),
        ([100.0, 200.0], 10, 230.0, {"before": 7}, "0:01:10"),
    ],
)
def test_the_time_left_is_by_the_mean_time_of_a_trial_or_the_limit(clock, ends, total, at, options, shown):
    assert time_left(clock, ends, total, at, **options) == shown


def test_a_comparison_that_goes_on_counts_what_was_finished_but_not_for_the_time_left(clock, monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    monkeypatch.setattr("rich.console.monotonic", clock.monotonic)
    with CellProgress(True, 100, before=90) as bar:
        clock.now = 60.0
        bar.update(91, label := "latest" * 50)
    assert log.getvalue() == f"runs 91/100 0:01:00 left 0:09:00 {label}\n"


def test_a_study_knows_the_time_left_of_its_timeout(monkeypatch):
    monkeypatch.setattr("hpo.bars.LOG_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    study = hpo.Study({"n": hpo.Int(1, 3)}, searcher="grid")
    study.optimize(lambda params: 1.0, timeout=7200)
    assert re.search(r"trial 3/\? best 1 \(trial 0\) 0:00:0\d left (1:59:5\d|2:00:00)", log.getvalue())


def test_a_study_that_goes_on_shows_its_best_from_the_first(monkeypatch):
    pages = []
    monkeypatch.setattr("hpo.bars._notebook", lambda: Pages(pages))
    study = hpo.Study({"n": hpo.Int(1, 3)}, searcher="grid")
    study.add_trial({"n": 2}, 0.5)
    study.optimize(lambda params: None, 1)
    assert "trial 0/1 best 0.5 (trial 0)" in pages[0]["text/plain"]
    assert "trial 1/1 best 0.5 (trial 0)" in pages[-1]["text/plain"]


class Pages:
    """A notebook that keeps what it is to show."""

    def __init__(self, pages):
        self.pages = pages

    def display(self, page, **options):
        self.pages.append(page)
        return self

    def update(self, page, **options):
        self.pages.append(page)


class SlowNotebook:
    """A notebook that takes its time for what comes while a search runs."""

    def __init__(self):
        self.pages, self.was_asked, self.is_busy = [], threading.Event(), False

    def display(self, page, **options):
        assert options == {"raw": True, "display_id": True}
        self.pages.append(page)
        return self

    def update(self, page, *, raw):
        if threading.current_thread() is not threading.main_thread():
            self.is_busy = True
            self.was_asked.set()
            time.sleep(0.2)
            self.is_busy = False
        assert not self.is_busy  # or an older page would take the place of this one
        self.pages.append(page)


@pytest.mark.parametrize(("total", "drawn"), [(9, '<progress value="1" max="9"></progress> '), (None, "")])
def test_the_last_page_of_a_notebook_is_how_it_ended_with_all_names_as_they_stand(monkeypatch, total, drawn):
    monkeypatch.setattr("hpo.bars.NOTEBOOK_SECONDS", 0.01)
    monkeypatch.setattr("hpo.bars._notebook", lambda: notebook)
    notebook = SlowNotebook()
    shown = NotebookBar(TextColumn("{task.completed:.0f} of {task.fields[what]}"))
    task = shown.add_task("", total=total, what="<i> & j")
    shown.start()
    assert notebook.was_asked.wait(60)
    shown.update(task, completed=1)
    shown.say("x < y")
    shown.stop()
    assert len(notebook.pages) >= 3
    assert notebook.pages[-1] == {
        "text/plain": "1 of <i> & j\nx < y",
        "text/html": f"<code>{drawn}1 of &lt;i&gt; &amp; j<br>x &lt; y</code>",
    }


def outputs(source):
    """What a cell of a notebook has below it when it is done."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cell = nbformat.v4.new_code_cell(source)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook.cells[0].outputs


def test_a_notebook_shows_a_bar_of_its_own_beside_what_is_printed():
    shown, *others = outputs(SEARCH.format(nested=NESTED, jobs=1) + "None")
    page = shown["data"]["text/html"]
    assert '<progress value="3" max="9">' in page
    assert "trial 3/9 best 1e-300 (trial " in page
    assert page.index("left") < page.index("<br>nothing is left to try")
    assert shown["data"]["text/plain"].startswith("trial 3/9 best 1e-300")
    assert [other["name"] for other in others] == ["stdout"] * len(others)
    assert "".join(other["text"] for other in others).count("printed") == 3
