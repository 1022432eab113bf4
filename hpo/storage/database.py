"""Transactions of one database: one at a time, again where it was merely out of reach."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from hpo.storage.connection import connect, sqlite_path
from hpo.storage.errors import QUEUE_SECONDS, StorageError, damaged, explained

T = TypeVar("T")

RECONNECT_SECONDS = 60.0  # how long to wait for a server that went away


class Database:
    """A storage that is open; thread-safe.

    Parameters
    ----------
    storage : str or path
        See `hpo.storage.connection.connect`, also for what is raised.
    create : bool
        Make it where there is none.
    """

    def __init__(self, storage: str | os.PathLike[str], *, create: bool) -> None:
        self.engine = connect(storage, create=create)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.shown = str(storage) if self.is_sqlite else self.engine.url.render_as_string()  # no password
        # One connection to a file for all transactions: to hand it out costs as much as a statement.
        self._connection = self.engine.connect() if self.is_sqlite else None
        path = sqlite_path(storage)
        self._place = None if path is None else path.resolve()  # a link may lead elsewhere later
        self._file = None if self._place is None else self._place.stat()
        self._process = os.getpid()
        self._lock = threading.RLock()

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction.

        It is run once more where a server went away meanwhile, even if only the answer to its commit was
        lost: it has to find out itself what it did before.

        Raises
        ------
        StorageError
            If the database is damaged, full, out of reach or no longer in its place.
        """
        failed: float | None = None  # when it first did: to be queued and to search may take longer
        while True:
            try:
                with self._lock:
                    return self._once(work)
            except UnicodeDecodeError as error:  # a text that is no longer one
                raise damaged(self.shown, str(error)) from error
            except DBAPIError as error:
                now = time.monotonic()
                failed = now if failed is None else failed
                if now - failed > self._patience(error):
                    raise explained(error, self.shown) from error
                time.sleep(0.0 if self.is_sqlite else 0.5)

    def now(self, connection: Connection) -> float:
        """Seconds since the epoch on the server's clock, which all hosts share."""
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def damaged(self, what: str) -> StorageError:
        """The error for a damaged database."""
        return damaged(self.shown, what)

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()

    def _once(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; an error undoes it."""
        if self._connection is not None:
            if not self._is_in_place():  # with a write-ahead log SQLite would not notice
                raise StorageError(
                    f"storage={self.shown!r}: was moved, replaced or deleted while this study was open; go "
                    "on with hpo.load_study where it is now"
                )
            driver: Any = self._connection.connection.driver_connection
            if driver.in_transaction:  # an exception came in the middle of SQLAlchemy itself
                self._connection.rollback()
                driver.rollback()
            with self._connection.begin():
                return work(self._connection)
        if os.getpid() != self._process:  # what a fork said on its parent's line, either might be answered
            self._process = os.getpid()
            self.engine.dispose(close=False)
        with self.engine.begin() as connection:
            return work(connection)

    def _is_in_place(self) -> bool:
        """Whether the file that is open is still the one at its path."""
        if self._place is None or self._file is None:
            return True
        try:
            return os.path.samestat(self._place.stat(), self._file)
        except FileNotFoundError:
            return False
        except OSError:  # a folder that may no longer be looked into: the file is open all the same
            return True

    def _patience(self, error: DBAPIError) -> float:
        """Seconds for which this error may pass by itself."""
        if self.is_sqlite:
            return QUEUE_SECONDS if "database is locked" in str(error.orig) else -1.0
        is_gone = error.connection_invalidated or isinstance(error, OperationalError)
        return RECONNECT_SECONDS if is_gone else -1.0
