"""What is left running when the coordinator is killed is found and ended by a small process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys

# Reads which process groups there are; its input ends with the coordinator, however that dies. An empty line
# is an end, too: a child that the coordinator has forked may hold the other side.
PROGRAM = """
import os, shutil, signal, sys
groups = set()
for line in sys.stdin:
    if line == "\\n":
        break
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class Guard:
    """Ends process groups and removes a folder when this process is gone, or at `close`.

    The kernel's own signal at a parent's death would reach the workers, not what their objectives
    started, and only where the kernel is Linux.

    Parameters
    ----------
    folder : str
        Is removed.
    """

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM, folder],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # no signal of a terminal reaches it
        )

    def add(self, group: int) -> None:
        """Look after a process group."""
        self._say(f"+{group}\n")

    def discard(self, group: int) -> None:
        """Leave a group alone that is gone: its number may be used again."""
        self._say(f"-{group}\n")

    def close(self) -> None:
        """End all groups that are left."""
        assert self._process.stdin is not None
        self._say("\n")
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # someone killed the guard: the trials go on without one
            self._process.stdin.write(line)
            self._process.stdin.flush()
