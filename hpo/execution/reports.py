"""Reports of a running trial, in a file that outlives its process: a kill loses none of them.

A file and no pipe, so that an objective never waits for a coordinator that is searching.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO


class ReportFile:
    """Writes down what one trial reports.

    Parameters
    ----------
    path : Path
        Made with the first report.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._file: BinaryIO | None = None

    def add(self, step: int, value: float) -> None:
        """Note one report; where that fails, as on a full disk, it still comes with the outcome."""
        if os.getpid() != self._process:  # a child that the objective forked
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            line = f"{step} {value!r}\n".encode()
            n_written = self._file.write(line)
            if n_written < len(line):  # the disk is full: what comes later must not join half a line
                self._file.truncate(self._file.tell() - n_written)

    def close(self) -> None:
        """Let go of the file, which stays."""
        if self._file is not None:
            self._file.close()


def of_trial(folder: Path, number: int) -> Path:
    """Where the reports of a trial are noted."""
    return folder / f"reports-{number}"


def taken(path: Path) -> dict[int, float]:
    """The reports in a file, which is removed; a line that was cut off by a kill is left out."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        path.unlink()
    except OSError:  # nothing was reported
        return {}
    return {int(step): float(value) for step, value in (line.split() for line in lines)}
