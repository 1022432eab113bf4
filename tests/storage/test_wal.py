"""The write-ahead log of a file: copied into the file while nobody can commit, and never left to grow."""

import sqlite3
from contextlib import closing

import pytest

import hpo
from hpo.storage import wal
from tests.storage.test_store import SPACE, loss, table

PREFIXES = ["", "sqlite+pysqlite3:///"]


def new_study(storage, **options):
    return hpo.Study(SPACE, searcher="random", seed=1, storage=storage, **options)


def of_file(study):
    return study._book._store._database._file


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_log_is_kept_and_sqlite_itself_makes_no_checkpoint(tmp_path, prefix):
    if prefix:
        pytest.importorskip("pysqlite3")
    file = tmp_path / "runs.db"
    study = new_study(f"{prefix}{file}").optimize(loss, 3, progress=False)
    with of_file(study)._connection.begin() as _:
        found = [of_file(study)._connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                 for name in ("journal_mode", "wal_autocheckpoint")]  # fmt: skip
    assert found == ["wal", 0]
    expected = table(study)
    del study
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs.db", "runs.db-owners"]
    assert table(hpo.load_study(f"{prefix}{file}")) == expected


def test_the_log_is_copied_now_and_then_and_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(wal, "COMMITS", 10)
    file = tmp_path / "runs.db"
    study = new_study(file)
    sizes = []
    for _ in range(10):
        study.optimize(loss, 20, progress=False)
        sizes.append(file.with_name("runs.db-wal").stat().st_size)
    assert max(sizes) < 300_000  # of 200 trials, each of which puts some 25,000 bytes into it
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as alone:  # without the log
        (n_copied,) = alone.execute("SELECT count(*) FROM trials").fetchone()
    assert n_copied >= 190


def test_nobody_can_commit_while_the_log_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(wal, "COMMITS", 4)
    file, refused = tmp_path / "runs.db", []
    fold = wal.File._fold

    def watched(self):
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                refused.append(str(error))
        fold(self)

    monkeypatch.setattr(wal.File, "_fold", watched)
    new_study(file).optimize(loss, 10, progress=False)
    assert len(refused) >= 5
    assert set(refused) == {"database is locked"}


def test_a_copy_that_fails_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(wal, "COMMITS", 2)

    def full(self):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(wal.File, "_fold", full)
    file = tmp_path / "runs.db"
    expected = table(new_study(file).optimize(loss, 10, progress=False))
    assert table(hpo.load_study(file)) == expected
    assert expected == table(new_study(None).optimize(loss, 10, progress=False))


def test_a_file_with_a_rollback_journal_goes_on_with_a_log(tmp_path):
    file = tmp_path / "runs.db"
    new_study(file).optimize(loss, 3, progress=False)
    with closing(sqlite3.connect(file)) as opened:
        assert opened.execute("PRAGMA journal_mode = delete").fetchone() == ("delete",)
    first, second = hpo.load_study(file), hpo.load_study(file)
    for study in (first, second, first):
        study.optimize(loss, 2, progress=False)
    with of_file(first)._connection.begin():
        assert of_file(first)._connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert table(hpo.load_study(file)) == table(new_study(None).optimize(loss, 9, progress=False))


def test_where_no_log_is_possible_a_journal_is_kept(tmp_path):
    with closing(sqlite3.connect(":memory:")) as raw:  # has neither file nor shared memory for a log
        wal.switch_on(raw, sqlite3)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("memory",)
