"""The bar is for who looks at a terminal, and takes nothing from anyone else."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import hpo
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
hpo.minimize(objective, {{"n": hpo.Int(1, 3)}}, searcher="grid", n_trials=9)
"""
NESTED = 'hpo.minimize(lambda q: q["x"], {"x": hpo.Float(0, 1)}, searcher="random", n_trials=7)'


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
    shown, printed = in_a_terminal(SEARCH.format(nested=""))
    assert sorted(printed.splitlines()) == ["printed 1", "printed 2", "printed 3"]
    assert "printed" not in shown
    for part in ("trial", "0/9", "3/9", "best none yet", "best 1e-300", "left", "nothing is left to try"):
        assert part in shown


def test_a_search_within_a_search_shows_no_second_bar():
    shown, _ = in_a_terminal(SEARCH.format(nested=NESTED))
    assert "3/9" in shown
    assert "/7" not in shown


def test_a_narrow_terminal_shows_how_far_how_well_and_how_long_still():
    shown, _ = in_a_terminal(SEARCH.format(nested=""), columns=32)
    plain = re.sub(r"\x1b\[\d*m", "", shown)  # without colours
    assert re.search(r"3/9 best 1e-300 left \d\d:\d\d", plain)
    assert "…" not in plain


def test_a_comparison_shows_how_many_runs_are_done_and_which_was_the_last():
    code = "with CellProgress(True, 3) as bar: bar.update(1, 'a [b]')"
    shown, _ = in_a_terminal(f"from hpo.compare.progress import CellProgress\n{code}")
    assert "1/3" in shown
    assert "a [b]" in shown


@pytest.mark.parametrize("stderr", [io.StringIO, lambda: None])
def test_what_is_no_terminal_is_sent_nothing_whatever_forces_colours(monkeypatch, stderr):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", stream := stderr())
    study = hpo.minimize(lambda params: 1.0, {"n": hpo.Int(1, 3)}, searcher="grid", n_trials=9)
    assert len(study.trials) == 3
    with CellProgress(enabled=True, total=3) as bar:
        bar.update(1, "done")
    assert stream is None or stream.getvalue() == ""
