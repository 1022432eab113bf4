"""What a damaged file still holds comes through, and nothing else."""

import errno
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import event

import hpo
from hpo.cli import main
from hpo.storage import StorageError
from hpo.storage.connection import connect
from hpo.storage.pages import _BadCellError, _payload, records
from hpo.storage.recover import Saved, recover
from tests.storage.test_store import SPACE, loss, table


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    file = tmp_path_factory.mktemp("original") / "runs.db"
    study = hpo.Study(SPACE, storage=file, name="first [red]", searcher="random", seed=1)
    study.optimize(loss, 150, progress=False)
    trial = study.ask()
    study.tell(trial, state="failed", reason="long " * 4000)  # kept on overflow pages
    hpo.minimize(loss, SPACE, storage=file, name="second", searcher="random", n_trials=3, progress=False)
    return file, table(study)


@pytest.fixture
def stored(original, tmp_path):
    file, expected = original
    return shutil.copy(file, tmp_path / "runs.db"), expected


def test_the_pages_hold_what_sqlite_says(stored):
    file, _ = stored
    with sqlite3.connect(file) as connection:
        expected = connection.execute("SELECT * FROM trials ORDER BY id").fetchall()
    found = sorted(r for r in records(file.read_bytes()) if len(r) == len(expected[0]))
    assert found == [list(row) for row in expected]


@pytest.mark.parametrize("size", [512, 65536])
def test_pages_of_any_size_and_values_of_any_kind_are_read(tmp_path, size):
    numbers = [0, 1, -1, 127, -128, 2**15, 2**23, 2**31, -(2**47), 2**47, 2**62, -(2**63), 0.5, None]
    rows = [[i << 57, value, "text " * i**3, b"\0blob" * i] for i, value in enumerate(numbers)]
    with closing(sqlite3.connect(tmp_path / "any.db")) as connection, connection:
        connection.execute(f"PRAGMA page_size = {size}")
        connection.execute("CREATE TABLE any (id INTEGER PRIMARY KEY, number, text, blob)")
        connection.executemany("INSERT INTO any VALUES (?, ?, ?, ?)", rows)
    found = [record for record in records((tmp_path / "any.db").read_bytes()) if len(record) == 4]
    assert sorted(found, key=lambda record: record[0]) == rows


def test_records_that_just_fit_on_a_page_and_just_do_not_are_read(tmp_path):
    rows = [[i, "x" * i] for i in range(460, 500)]  # up to 477 bytes are kept on a page of 512
    with closing(sqlite3.connect(tmp_path / "any.db")) as connection, connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE any (id INTEGER PRIMARY KEY, text)")
        connection.executemany("INSERT INTO any VALUES (?, ?)", rows)
    assert sorted(r for r in records((tmp_path / "any.db").read_bytes()) if len(r) == 2) == rows


@pytest.mark.parametrize("size", [0, 256, 1000, 65535])
def test_where_the_head_names_no_size_of_a_page_it_is_the_usual_one(original, size):
    raw = original[0].read_bytes()
    damaged = raw[:16] + size.to_bytes(2, "big") + raw[18:]
    assert list(records(damaged)) == list(records(raw)) != []


def test_noise_is_read_without_an_error():
    rng = np.random.default_rng(0)
    pages = [b"\x0d" + rng.bytes(511) for _ in range(20)]  # each a leaf of up to 65,535 cells
    raw = [cell for record in records(b"\0" * 512 + b"".join(pages)) for cell in record]
    assert all(isinstance(cell, int | float | str | bytes | None) for cell in raw)


def test_a_page_that_leads_to_itself_has_an_end():
    page = (b"\0\0\0\1".ljust(39, b"\0") + b"\0\0\0\1").ljust(512, b"\0")
    with pytest.raises(_BadCellError):
        _payload([page], page, 0, 39 + 508 * 2**40, 512)


def test_a_whole_file_comes_through_whole_and_goes_on(stored, tmp_path):
    file, expected = stored
    before = file.read_bytes()
    saved = recover(file, tmp_path / "new.db")
    assert [(s.name, s.n_saved, s.lost) for s in saved] == [("first [red]", 151, ()), ("second", 3, ())]
    assert file.read_bytes() == before
    study = hpo.load_study(tmp_path / "new.db", "first [red]")
    assert table(study) == expected
    study.optimize(loss, 2, progress=False)
    assert len(study.trials) == 153


def test_a_damaged_head_hides_nothing(stored, tmp_path):
    file, expected = stored
    raw = file.read_bytes()
    file.write_bytes(b"\0" * 16 + raw[16:28] + b"\xff" * 40 + raw[68:])
    with pytest.raises(StorageError, match="hpo storage recover"):
        hpo.load_study(file, "first [red]")
    recover(file, tmp_path / "new.db")
    assert table(hpo.load_study(tmp_path / "new.db", "first [red]")) == expected


def test_a_damaged_schema_that_is_no_text_hides_nothing(stored, tmp_path):
    file, expected = stored
    raw = bytearray(file.read_bytes())
    at = raw.index(b"tabletrialstrials") + len("table")
    raw[at : at + 40] = b"\xc8\x28" * 20
    file.write_bytes(raw)
    with pytest.raises(StorageError, match=r"its schema cannot be read.*hpo storage recover"):
        hpo.load_study(file, "first [red]")
    recover(file, tmp_path / "new.db")
    assert table(hpo.load_study(tmp_path / "new.db", "first [red]")) == expected


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_a_torn_page_had_comes_from_the_journal_beside_and_what_is_newer_from_the_file(
    stored, tmp_path, mode
):
    file, _ = stored
    beside = tmp_path / f"runs.db-{'wal' if mode == 'wal' else 'journal'}"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("UPDATE trials SET owner = 'someone'")  # has every page of them in the journal
        if mode == "wal":
            connection.execute("COMMIT")
        journal = beside.read_bytes()
        if mode == "delete":
            connection.execute("ROLLBACK")
    study = hpo.load_study(file, "first [red]").optimize(loss, 1, progress=False)
    expected = table(study)
    del study
    raw, value = file.read_bytes(), str(expected[75][1]["x"]).encode()
    pages = [raw[at : at + 4096] for at in range(0, len(raw), 4096)]
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / file.name).write_bytes(b"".join(bytes(4096) if value in p else p for p in pages))
    (tmp_path / "torn" / beside.name).write_bytes(journal)
    recover(tmp_path / "torn" / file.name, tmp_path / "new.db")
    assert table(hpo.load_study(tmp_path / "new.db", "first [red]")) == expected


@pytest.mark.parametrize("seed", range(6))
def test_lost_rows_are_named_and_the_others_unchanged(stored, tmp_path, seed):
    file, expected = stored
    rng, raw = np.random.default_rng(seed), bytearray(file.read_bytes())
    page = int(rng.integers(4, len(raw) // 4096))
    raw[page * 4096 + 8 : page * 4096 + 4000] = rng.bytes(3992)
    file.write_bytes(raw)
    saved = {s.name: s for s in recover(file, tmp_path / "new.db")}["first [red]"]
    kept = table(hpo.load_study(tmp_path / "new.db", "first [red]"))
    assert len(kept) == saved.n_saved > 100
    originals = [row[1:] for row in expected]
    positions = [originals.index(row[1:]) for row in kept]
    assert positions == sorted(positions)
    assert set(saved.lost) == set(range(max(positions) + 1)) - set(positions)
    done = CliRunner().invoke(main, ["storage", "recover", str(file), str(tmp_path / "again.db")])
    assert done.exit_code == (1 if saved.lost else 0)
    assert all(str(number) in done.output for number in saved.lost)


def test_a_running_trial_is_queued_again(tmp_path):
    study = hpo.Study(SPACE, storage=tmp_path / "runs.db", searcher="random", seed=0)
    asked = study.ask()
    recover(tmp_path / "runs.db", tmp_path / "new.db")
    (trial,) = hpo.load_study(tmp_path / "new.db").trials
    assert (str(trial.state), trial.params, trial.started) == ("queued", asked.params, None)


def test_a_study_without_trials_has_lost_none(tmp_path):
    hpo.Study(SPACE, storage=tmp_path / "runs.db", name="new", searcher="random")
    assert recover(tmp_path / "runs.db", tmp_path / "new.db") == [Saved("new", 0, ())]


def test_a_folder_is_no_damaged_file(tmp_path):
    with pytest.raises(StorageError, match=r"damaged=.*there is no such file"):
        recover(tmp_path, tmp_path / "new.db")


@pytest.mark.parametrize("is_stale_last", [False, True])
def test_of_several_versions_of_a_trial_the_last_comes_through(tmp_path, is_stale_last):
    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, storage=file, searcher="random", seed=0)
    for _ in range(4):
        study.enqueue({"x": 0.5, "n": 1, "k": "a"})
    study.ask(), study.ask(), study.ask()
    study._book.requeue(0, 1)
    before = file.read_bytes()
    study.tell(study.ask(), 2.0)
    study.tell(study.trials[1], 3.0)
    study._book.requeue(2, 1)
    study.ask()
    after = file.read_bytes()
    file.write_bytes(after + before if is_stale_last else before + after)  # as on a page that was freed
    recover(file, tmp_path / "new.db")
    found = [(str(t.state), t.value, t.attempt) for t in hpo.load_study(tmp_path / "new.db").trials]
    assert found == [
        ("complete", 2.0, 2), ("complete", 3.0, 1), ("queued", None, 2), ("queued", None, 0)
    ]  # fmt: skip


def test_without_a_definition_the_trials_are_kept_as_lines(stored, tmp_path):
    file, _ = stored
    raw = bytearray(file.read_bytes())
    for name in (b'"first [red]"', b'"second"'):
        at = raw.index(name)
        raw[at + 1 : at + 3] = b"??"
    file.write_bytes(raw)
    with pytest.raises(StorageError, match="154 trials"):
        recover(file, tmp_path / "new.db")
    assert len((tmp_path / "new.db.orphans.jsonl").read_text().splitlines()) == 154


def test_the_command_says_what_it_saved_and_never_overwrites(stored, tmp_path):
    file, _ = stored
    arguments = ["storage", "recover", str(file), str(tmp_path / "new.db")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0
    assert "first [red]" in done.output
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert "exists already" in again.output
    listed = CliRunner().invoke(main, ["storage", "list", str(tmp_path / "new.db")])
    assert "first [red]" in listed.output
    assert "150 complete, 1 failed" in " ".join(listed.output.split())
    missing = CliRunner().invoke(main, ["storage", "list", str(tmp_path / "none.db")])
    assert missing.exit_code == 1
    assert "no such file" in missing.output
    with pytest.raises(StorageError, match="there is no such file"):
        hpo.load_study(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()  # nor made by looking


def test_what_holds_no_trial_names_no_file_of_trials(tmp_path):
    (tmp_path / "notes.txt").write_text("no database at all")
    with pytest.raises(StorageError, match="no study's definition came through; nor did any trial"):
        recover(tmp_path / "notes.txt", tmp_path / "new.db")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_trials_are_written_together_and_the_log_says_which_have_moved_up(stored, tmp_path, monkeypatch):
    file, _ = stored
    raw = file.read_bytes()
    at = raw.rindex(b"complete", 0, raw.index(b"long long"))
    file.write_bytes(raw[:at] + b"?" + raw[at + 1 :])
    statements = []

    def watched(storage, *, create):
        engine = connect(storage, create=create)
        event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        return engine

    monkeypatch.setattr("hpo.storage.recover.connect", watched)
    first, _ = recover(file, tmp_path / "new.db")
    assert len(statements) < 10
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        found = connection.execute("SELECT study_id, number, message FROM events ORDER BY number").fetchall()
    (lost,) = first.lost
    assert found == [
        (1, n, f'"recovered from a damaged file, where its number was {n + 1}"') for n in range(lost, 150)
    ]


def test_what_cannot_be_written_is_an_error_that_leaves_nothing_in_the_way(stored, tmp_path, monkeypatch):
    file, expected = stored

    def small(storage, *, create):
        engine = connect(storage, create=create)
        with engine.begin() as opened:
            opened.exec_driver_sql("PRAGMA max_page_count = 12")  # as on a disk that is full
        return engine

    with monkeypatch.context() as full:
        full.setattr("hpo.storage.recover.connect", small)
        done = CliRunner().invoke(main, ["storage", "recover", str(file), str(tmp_path / "new.db")])
    assert done.exit_code == 1
    assert "could not be made (database or disk is full)" in " ".join(done.output.split())
    assert {path.name for path in tmp_path.iterdir()} <= {"runs.db"}
    recover(file, tmp_path / "new.db")
    assert table(hpo.load_study(tmp_path / "new.db", "first [red]")) == expected


def test_trials_without_a_definition_and_a_place_are_an_error_that_says_so(stored, tmp_path):
    file, _ = stored
    file.write_bytes(file.read_bytes().replace(b'"second"', b'"s?cond"'))
    with pytest.raises(StorageError, match=r"new=.*nowhere.*could not be made"):
        recover(file, tmp_path / "nowhere" / "new.db")


@pytest.mark.parametrize(("name", "why"), [("nowhere/new.db", "the folder "), ("x" * 300, "[Errno ")])
def test_a_place_that_cannot_be_is_named_as_the_new_file(stored, tmp_path, name, why):
    refused = CliRunner().invoke(main, ["storage", "recover", str(stored[0]), str(tmp_path / name)])
    assert refused.output.startswith(f"Error: new={str(tmp_path / name)!r}: could not be made ({why}")


def test_a_damaged_file_that_cannot_be_read_is_named(stored, tmp_path, monkeypatch):
    long, new = str(tmp_path / ("x" * 300)), str(tmp_path / "new.db")
    refused = CliRunner().invoke(main, ["storage", "recover", long, new])
    assert refused.output.startswith(f"Error: damaged={long!r}: ")

    def closed(path, *mode):  # root may read all
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(StorageError, match=r"damaged=.*: cannot be read \(Permission denied\)"):
        recover(stored[0], new)
