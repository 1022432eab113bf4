"""Older files are brought up to date, newer and foreign ones refused and left as they are."""

import sqlite3
from contextlib import closing

import pytest

import hpo
from hpo.storage import StorageError, connection
from tests.storage.test_store import SPACE, loss, table


def test_a_file_of_the_first_version_goes_on(tmp_path, monkeypatch):
    file = tmp_path / "runs.db"
    with monkeypatch.context() as first:
        first.setattr(connection, "VERSION", "0001")
        study = hpo.minimize(loss, SPACE, searcher="random", n_trials=5, seed=1, storage=file, progress=False)
        expected = table(study)
        del study
    assert _version(file) == ("0001", False)
    study = hpo.load_study(file)
    assert table(study) == expected
    study.optimize(loss, 1, progress=False)
    assert _version(file) == ("0002", True)


def _version(file):
    with closing(sqlite3.connect(file)) as opened:
        indexes = opened.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
        (version,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    return version, ("trials_running",) in indexes


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "runs.db"
    hpo.minimize(loss, SPACE, searcher="random", n_trials=2, storage=file, progress=False)
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.commit()
    before = file.read_bytes()
    for attempt in (lambda: hpo.load_study(file), lambda: hpo.Study(SPACE, storage=file, name="b")):
        with pytest.raises(StorageError, match=r"version 9999, this hpo knows up to 0002.*Install a newer"):
            attempt()
    assert file.read_bytes() == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_another_programs_file_is_refused_and_left_as_it_is(tmp_path, mode):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute(f"PRAGMA journal_mode = {mode}")
        opened.execute("CREATE TABLE trials (id INTEGER)")
        opened.commit()
    before = file.read_bytes()
    for attempt in (lambda: hpo.load_study(file), lambda: hpo.Study(SPACE, storage=file)):
        with pytest.raises(StorageError, match="not one of hpo's"):
            attempt()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_a_write_ahead_log_only_where_its_reset_is_mended(version, is_safe):
    assert connection._wal_is_safe(version) == is_safe


def test_a_write_ahead_log_that_another_process_uses_is_no_place_for_an_older_sqlite(tmp_path, monkeypatch):
    file = tmp_path / "runs.db"
    hpo.Study(SPACE, storage=file)
    monkeypatch.setattr(connection, "_wal_is_safe", lambda version: False)
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA journal_mode = wal").fetchone()
        newer.execute("SELECT count(*) FROM trials").fetchone()
        with pytest.raises(StorageError, match=r"by a newer SQLite.*use storage='sqlite\+pysqlite3:///"):
            hpo.load_study(file)
    assert hpo.load_study(file).trials == ()


@pytest.mark.parametrize("prefix", ["", "sqlite:///", "sqlite+pysqlite3:///"])
def test_the_promises_of_sqlite_are_switched_on(tmp_path, prefix):
    if prefix.startswith("sqlite+"):
        pytest.importorskip("pysqlite3")
    study = hpo.Study(SPACE, storage=f"{prefix}{tmp_path / 'runs.db'}", searcher="random")
    study.optimize(loss, 2, progress=False)
    engine = study._book._store._database.engine
    expected = {"synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1, "wal_autocheckpoint": 300}
    with engine.begin() as opened:
        found = {
            name: opened.exec_driver_sql(f"PRAGMA {name}").scalar() for name in (*expected, "journal_mode")
        }
        second = engine.dialect.dbapi.connect(tmp_path / "runs.db", timeout=0)
        with closing(second), pytest.raises(engine.dialect.dbapi.OperationalError, match="is locked"):
            second.execute("BEGIN IMMEDIATE")  # a transaction is the only one from its beginning on
    is_safe = connection._wal_is_safe(engine.dialect.dbapi.sqlite_version_info)
    assert found == {**expected, "journal_mode": "wal" if is_safe else "persist"}


@pytest.mark.parametrize(
    ("storage", "error", "message"),
    [
        ("nowhere/runs.db", StorageError, "folder .* does not exist"),
        ("x" * 300, StorageError, "cannot be reached"),
        (".", StorageError, "is a folder"),
        (3, ValueError, "storage=3"),
        ("", ValueError, "storage=''"),
        ("sqlite://", ValueError, "names no file"),
        ("sqlite:///:memory:", ValueError, "names no file"),
        ("sqlite+other:///x.db", ValueError, "sqlite\\+pysqlite3"),
        ("sqlite://folder/x.db", ValueError, "='sqlite://folder/x.db': must begin with sqlite:///"),
        ("sqlite://C:x.db", ValueError, "='sqlite://C:x.db': must begin with sqlite:///"),
        ("sqlite:///x.db?timeout=5", ValueError, r"='sqlite:///x.db\?timeout=5': takes no options"),
        (
            "mysql://me:secret@host/db",
            ValueError,
            r"='mysql://me:\*+@host/db': must be a path, sqlite:/// or postgresql://",
        ),
        (
            "postgresql://me:secret@host:port/x",
            ValueError,
            r"='postgresql://\*+@host:port/x': is no database URL",
        ),
        (
            "postgresql+psycopg2://me:secret@host/x",
            ValueError,
            r"://me:\*+@host/x': must begin with postgresql:// or postgresql\+psycopg:",
        ),
    ],
)
def test_what_is_no_storage_is_refused_by_name(tmp_path, monkeypatch, storage, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        hpo.Study(SPACE, storage=storage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["./:memory:", "file:runs.db", "file:runs.db?mode=memory", "a?b#c%20.db"])
def test_what_sqlite_reads_more_into_is_the_name_of_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    hpo.Study(SPACE, storage=name)
    assert (tmp_path / name).is_file()
    assert hpo.load_study(tmp_path / name).trials == ()
    assert all(path.name.startswith((tmp_path / name).name) for path in tmp_path.iterdir())


def test_a_link_to_a_file_that_is_not_there_yet_makes_it_there(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.db").symlink_to("there/runs.db")
    hpo.Study(SPACE, storage=tmp_path / "link.db")
    assert (tmp_path / "there" / "runs.db").is_file()
    assert hpo.load_study(tmp_path / "there" / "runs.db").trials == ()


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "link.db").symlink_to("link.db")
    with pytest.raises(StorageError, match="cannot be reached"):
        hpo.Study(SPACE, storage=tmp_path / "link.db")
    assert [path.name for path in tmp_path.iterdir()] == ["link.db"]
