"""Opening a database, and the promises made while doing so: nothing is reset, nothing newer is touched."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from hpo.storage.errors import QUEUE_SECONDS, StorageError, damaged, explained, first_line
from hpo.storage.schema import APPLICATION_ID, VERSION

LOG_PAGES = 300  # of a write-ahead log between two checkpoints: about 100 commits
BUSY_SECONDS = 30  # how long SQLite itself waits for another process's transaction


def connect(storage: str | os.PathLike[str], *, create: bool) -> Engine:
    """Engine on a storage whose schema is this version's.

    Parameters
    ----------
    storage : str or path
        A path: an SQLite file. A URL (``postgresql://...``, ``sqlite:///...``): that database;
        ``sqlite+pysqlite3:///...`` is a file, too, by the newer SQLite of the package pysqlite3.
    create : bool
        Make it where there is none.

    Raises
    ------
    StorageError
        If it does not exist (without `create`), is damaged, is something else or of a newer version.
    """
    path = sqlite_path(storage)
    if path is None:
        return _server(str(storage), create)
    driver = _driver(storage)
    if not _is_there(path):
        if not create:
            raise StorageError(f"storage={str(path)!r}: there is no such file")
        there = Path(os.path.realpath(path)) if path.is_symlink() else path  # a link may lead to nothing yet
        _create(there, driver)
    begin = time.monotonic()
    while True:
        try:
            return _file(path, driver)
        except StorageError as error:
            is_locked = isinstance(error.__cause__, DBAPIError) and "locked" in str(error.__cause__.orig)
            if not is_locked or time.monotonic() - begin > QUEUE_SECONDS:
                raise


def sqlite_path(storage: str | os.PathLike[str]) -> Path | None:
    """Path of an SQLite storage; None where it is another database."""
    if isinstance(storage, os.PathLike):
        return Path(storage)
    if not isinstance(storage, str) or not storage:
        raise ValueError(f"storage={storage!r}: must be a path or a database URL")
    if storage == ":memory:":
        raise ValueError(f"storage={storage!r}: names no file; storage=None keeps a study in memory")
    if "://" not in storage:
        return Path(os.path.expanduser(storage))  # what a shell does, but not to a value in a program
    scheme, _, rest = storage.partition("://")
    if not scheme.startswith("sqlite"):
        return None
    # With two slashes the path's first folder would be a host, which a file does not have.
    if scheme not in ("sqlite", "sqlite+pysqlite3") or rest[:1] not in ("", "/"):
        raise ValueError(f"storage={storage!r}: must begin with sqlite:/// or sqlite+pysqlite3:///")
    if "?" in rest:
        raise ValueError(f"storage={storage!r}: takes no options; leave out what follows the '?'")
    database = make_url(storage).database
    if not database or database == ":memory:":
        raise ValueError(f"storage={storage!r}: names no file; storage=None keeps a study in memory")
    return Path(database)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        raise StorageError(f"storage={str(path)!r}: cannot be reached ({error})") from error


def _file(path: Path, driver: Any) -> Engine:
    """Engine on an SQLite file that is there."""
    try:
        # Only SQLite itself opens the file: closing another descriptor would drop the locks of this process.
        there = path.stat()
    except OSError as error:  # a link to itself, a file that was deleted meanwhile
        raise StorageError(f"storage={str(path)!r}: cannot be reached ({error})") from error
    if stat.S_ISDIR(there.st_mode):
        raise StorageError(f"storage={str(path)!r}: is a folder, not a file")
    if there.st_size == 0:
        raise StorageError(
            f"storage={str(path)!r}: is empty; it was cut off, or is no study. It is left as it is; "
            "choose another path, or delete it to begin anew"
        )
    engine = _sqlite_engine(path, driver)
    try:
        with engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA application_id").scalar()
            if found != APPLICATION_ID:
                raise StorageError(f"storage={str(path)!r}: is an SQLite file, but not one of hpo's")
            report = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if report != "ok":
                raise damaged(path, str(report).replace("\n", " "))
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise damaged(path, "it holds trials of a study that is not there")
            _check_version(connection, str(path))
        _set_journal(engine, path, driver)
    except DBAPIError as error:
        engine.dispose()
        raise explained(error, str(path)) from error
    except UnicodeDecodeError as error:  # SQLite's own message, quoting a damaged schema
        engine.dispose()
        raise damaged(path, "its schema cannot be read") from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _create(path: Path, driver: Any) -> None:
    """Make the file beside its place and link it in whole: no other process sees half of it."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StorageError(f"storage={str(path)!r}: the folder {str(folder)!r} does not exist")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
        os.close(handle)
    except OSError as error:
        raise StorageError(f"storage={str(path)!r}: cannot be created ({error})") from error
    temporary = Path(name)
    try:
        engine = _sqlite_engine(temporary, driver)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                _upgrade(connection)
        finally:
            engine.dispose()
        os.chmod(temporary, 0o666 & ~_umask())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was quicker, and its file is as good
        except OSError:  # a file system without links
            _move(temporary, path)
        _sync_folder(folder)
    except DBAPIError as error:
        raise explained(error, str(path)) from error
    except OSError as error:
        raise StorageError(f"storage={str(path)!r}: cannot be created ({error})") from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _move(temporary: Path, path: Path) -> None:
    """Give a file its name unless there is one of that name; a lock keeps others from doing so meanwhile."""
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        if not path.exists():
            os.replace(temporary, path)
        lock.unlink(missing_ok=True)  # whoever waits for it, or makes another, finds the file there


def _sqlite_engine(path: Path, driver: Any) -> Engine:
    name = str(path.absolute())  # as it is, ":memory:" and what begins with "file:" are no files to SQLite
    # One connection, which the store guards with a lock: SQLite has one writer anyway.
    engine = create_engine(
        "sqlite://",
        module=driver,
        creator=lambda: driver.connect(
            name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        ),
        poolclass=StaticPool,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The write lock at once: a transaction that reads first and writes later can fail half-way.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _driver(storage: str | os.PathLike[str]) -> Any:
    """Python's own SQLite unless the URL asks for the other: a process must not mix two on one file."""
    if not str(storage).startswith("sqlite+"):
        return sqlite3
    try:
        from pysqlite3 import dbapi2
    except ImportError as error:
        raise StorageError(
            f"storage={str(storage)!r}: needs pysqlite3: pip install pysqlite3 ({error})"
        ) from error
    return dbapi2


def _set_journal(engine: Engine, path: Path, driver: Any) -> None:
    """A write-ahead log where it is safe (one sync a commit), else a rollback journal (five)."""
    is_safe = _wal_is_safe(driver.sqlite_version_info)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        try:
            (found,) = raw.execute(f"PRAGMA journal_mode = {'wal' if is_safe else 'persist'}").fetchone()
        except driver.Error as error:
            if is_safe or "locked" not in str(error):
                raise DBAPIError("PRAGMA journal_mode", None, error) from error
            found = "wal"  # which is not given up as long as another process has the file open
        # A log that grows takes twice as long to sync as one that is written anew: it is kept short.
        raw.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}").fetchone()
    if found == "wal" and not is_safe:
        raise StorageError(
            f"storage={str(path)!r}: another process writes it by a newer SQLite, in a way that is not safe "
            f"with the one of this process; use storage='sqlite+pysqlite3:///{path}' here, too"
        )


def _wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix of the bug that could lose data when a WAL is reset.

    Fixed in 3.51.3 and in the branches 3.50.7 and 3.44.6 (sqlite.org/wal.html, "the WAL-reset bug").
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def _server(url: str, create: bool) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        shown = re.sub("://.*@", "://***@", url)  # a password, too, may be what cannot be read
        raise ValueError(f"storage={shown!r}: is no database URL ({error})") from None
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() != "postgresql":
        raise ValueError(f"storage={shown!r}: must be a path, sqlite:/// or postgresql://")
    if parsed.drivername not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(f"storage={shown!r}: must begin with postgresql:// or postgresql+psycopg://")
    parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=2, isolation_level="READ COMMITTED")
    except ImportError as error:
        raise StorageError(f"PostgreSQL needs psycopg: pip install 'psycopg[binary]' ({error})") from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # A host that froze in the middle of a search would keep all others waiting for good.
        connection.execute(f"SET idle_in_transaction_session_timeout = '{QUEUE_SECONDS}s'")
        connection.commit()

    try:
        with engine.begin() as connection:
            # Several hosts may come at once: one of them makes the tables.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPLICATION_ID})
            if not inspect(connection).has_table("alembic_version"):
                if not create:
                    raise StorageError(f"storage={shown!r}: holds no studies yet")
                _upgrade(connection)
            _check_version(connection, shown)
    except DBAPIError as error:
        engine.dispose()
        raise StorageError(f"storage={shown!r}: {first_line(error)}") from error
    return engine


def _check_version(connection: Connection, shown: str) -> None:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == VERSION:
        return
    if found is None or str(found) > VERSION:
        raise StorageError(
            f"storage={shown!r}: its schema is version {found}, this hpo knows up to {VERSION}; "
            "it is left as it is. Install a newer hpo"
        )
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "hpo:storage/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, VERSION)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
