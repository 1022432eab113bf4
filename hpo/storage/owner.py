"""Which process runs a trial of a server's study, and whether it still does: quicker than its lease."""

from __future__ import annotations

import os
import socket
import uuid
import weakref
from pathlib import Path
from typing import ClassVar

UNKNOWN = "?"


class Owner:
    """Identity of one open study in one process, as it is written beside the trials it runs.

    The token names the machine (its boot and, on Linux, the namespace of its process numbers), the
    process with its time of birth, and the open study: a process number alone is used again.
    """

    _alive: ClassVar[weakref.WeakValueDictionary[str, Owner]] = weakref.WeakValueDictionary()

    def __init__(self) -> None:
        self.token = ""
        self.leave()

    def leave(self) -> None:
        """Take another name; the one before is that of nobody any more."""
        Owner._alive.pop(self.token, None)
        pid = os.getpid()
        self.token = f"{_machine()}|{pid}|{_birth(pid)}|{uuid.uuid4().hex}"
        Owner._alive[self.token] = self

    @staticmethod
    def is_dead(token: str) -> bool:
        """Whether the owner is known to be gone; False where it is on another machine."""
        machine, pid, birth, _ = token.rsplit("|", 3)
        if machine != _machine():
            return False
        if int(pid) == os.getpid() and birth == _birth(int(pid)):
            return token not in Owner._alive
        return _birth(int(pid)) not in (birth, UNKNOWN)


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    if boot.exists() and namespace.is_symlink():
        return f"{socket.gethostname()}|{boot.read_text().strip()}|{os.readlink(namespace)}"
    return f"{socket.gethostname()}|{uuid.getnode()}|"


def _birth(pid: int) -> str:
    """When the process was started, in the kernel's ticks; empty where there is no such process.

    `UNKNOWN` where that is not shown: on macOS, and of other users' processes where ``/proc`` hides them.
    """
    try:
        # The name in parentheses may hold anything; the fields after it are plain.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return UNKNOWN
