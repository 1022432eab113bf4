"""SQLite's write-ahead log: one sync a commit where a rollback journal takes four or five.

SQLite before 3.51.3 may lose what was committed when one connection copies the log into the file (a
checkpoint) at the very moment in which another commits and begins the log anew ("the WAL-reset bug",
sqlite.org/wal.html). Left to itself, SQLite makes a checkpoint after any thousandth page, whoever else is
writing. Here that is switched off, and `File` makes it while its process holds the lock for writing:
nobody can commit meanwhile, by SQLite's own lock. When the last connection closes the file, SQLite folds
the log under a lock that keeps everyone out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

# Of this process between two checkpoints: a log that still grows takes twice as long to sync as one that is
# written anew, so it is kept short; a checkpoint costs no more than a commit or two.
COMMITS = 100


def switch_on(raw: Any, driver: Any) -> None:
    """Have a file keep a write-ahead log; a rollback journal where its file system does not allow one.

    Parameters
    ----------
    raw : the driver's own connection
    driver : module
    """
    found = "wal"
    # Someone may be doing the same, or the disk be full: the first transaction will say what is wrong.
    with contextlib.suppress(driver.Error):
        (found,) = raw.execute("PRAGMA journal_mode = wal").fetchone()
    if found != "wal":
        raw.execute("PRAGMA journal_mode = persist").fetchone()
    raw.execute("PRAGMA wal_autocheckpoint = 0").fetchone()


class File:
    """Transactions of an open SQLite file; the caller has them one at a time.

    One connection is kept for all of them: to hand it out costs as much as a statement.

    Parameters
    ----------
    path : Path
    engine : Engine
        Has it open.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path = path
        self._driver: Any = engine.dialect.dbapi  # for both connections: a process must not mix two SQLites
        self._connection = engine.connect()
        self._folding: Any = None
        self._n_commits = 0

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; an error undoes it."""
        with self._connection.begin():
            done = work(self._connection)
        self._n_commits += 1
        if self._n_commits >= COMMITS:
            self._n_commits = 0
            # Where this fails, on a full disk or behind a long search elsewhere, it is all still in the log.
            with contextlib.suppress(DBAPIError, self._driver.Error), self._connection.begin():
                self._fold()
        return done

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        if self._folding is not None:
            self._folding.close()

    def _fold(self) -> None:
        """Copy the log into the file, which this process has locked; the next commit begins the log anew."""
        if self._folding is None:  # while a connection is in a transaction, a checkpoint needs another
            self._folding = self._driver.connect(
                str(self._path), timeout=0, isolation_level=None, check_same_thread=False
            )
            self._folding.execute("PRAGMA synchronous = FULL")
        self._folding.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
