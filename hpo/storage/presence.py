"""Whether the open study behind a running trial still lives: leases on servers, locks beside files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from hpo.storage.errors import StorageError

SUFFIX = "-owners"  # of the file beside an SQLite file in which each open study locks one byte


class Presence(Protocol):
    """One open study, as it is written beside the trials that it runs."""

    @property
    def token(self) -> str:
        """Its name, kept up from now on."""

    def leave(self) -> None:
        """Give the name up; the next use has another."""

    def is_dead(self, token: str) -> bool:
        """Whether the study behind a token is known to be gone."""


class Locked:
    """Presence beside an SQLite file: a byte of a companion file, locked as long as the study is open.

    The kernel lets go of the lock when the process ends, however it ends. So a token is told dead or
    alive at once and for certain, after a reboot, from another container, or in a file that was moved:
    where process numbers, host names and clocks mislead.
    """

    def __init__(self, database: Path) -> None:
        there = database.resolve()  # one file by all its names, through links too
        self._path = there.with_name(there.name + SUFFIX)
        self._token: str | None = None
        self._release: weakref.finalize[..., Locked] | None = None

    @property
    def token(self) -> str:
        """Number of the byte, locked from the first use on."""
        if self._token is None:
            place = secrets.randbits(62)
            try:
                with _LockFile.at(self._path) as file:
                    file.hold(place)
            except OSError as error:
                raise StorageError(
                    f"storage: {str(self._path)!r} cannot be locked, which says who runs a trial ({error})"
                ) from error
            self._release = weakref.finalize(self, file.release, place)
            self._token = str(place)
        return self._token

    def leave(self) -> None:
        """Unlock the byte; the next token is another."""
        if self._release is not None:
            self._release()
        self._token = None

    def is_dead(self, token: str) -> bool:
        """Whether nobody holds that byte."""
        if not token.isdigit() or not self._path.exists():
            return True
        with _LockFile.at(self._path) as file:
            return not file.is_held(int(token))


class _LockFile:
    """The only descriptor of a file in this process: closing any would drop all its locks here."""

    _open: ClassVar[dict[tuple[int, int, int], _LockFile]] = {}
    _guard = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._held: set[int] = set()  # a process is never kept out by its own locks

    @classmethod
    @contextlib.contextmanager
    def at(cls, path: Path) -> Iterator[_LockFile]:
        """The file, for one thread at a time; those in which nothing is held are closed first."""
        with cls._guard:
            for key, file in tuple(cls._open.items()):
                if not file._held and key[0] == os.getpid():
                    del cls._open[key]
                    os.close(file._descriptor)
            yield cls._found(path)

    @classmethod
    def _found(cls, path: Path) -> _LockFile:
        with contextlib.suppress(FileNotFoundError):
            there = path.stat()
            known = cls._open.get((os.getpid(), there.st_dev, there.st_ino))
            if known is not None:
                return known
        file = cls(path)
        made = os.fstat(file._descriptor)
        cls._open[os.getpid(), made.st_dev, made.st_ino] = file
        return file

    def hold(self, place: int) -> None:
        """Lock a byte."""
        self._held.add(place)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)

    def release(self, place: int) -> None:
        """Unlock it; may come from the garbage collector, so nothing is waited for or closed here."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)
        self._held.discard(place)

    def is_held(self, place: int) -> bool:
        """Whether this process or another has locked it."""
        if place in self._held:
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return True
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)
        return False
