"""Whoever runs a trial is known to live, or to be gone, whatever its process number says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

import hpo
from hpo.storage import StorageError, owner
from hpo.storage.presence import Locked
from hpo.storage.schema import events
from hpo.storage.store import Store

ROOT = Path(__file__).parents[2]
SPACE = {"x": hpo.Float(0, 1)}
ASK_AND_WAIT = (
    "import sys, hpo; study = hpo.load_study(sys.argv[1]); print(study.ask().number, flush=True);"
    "sys.stdin.read()"
)


@pytest.fixture
def other(tmp_path):
    """A study, and a process that runs its trial 0 until it is told to end."""
    file = tmp_path / "runs.db"
    hpo.Study(SPACE, searcher="random", seed=0, storage=file)
    process = subprocess.Popen(
        [sys.executable, "-c", ASK_AND_WAIT, str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"0\n"
    yield file, process
    process.kill()
    process.communicate()


def states(file):
    return [str(t.state) for t in hpo.load_study(file).trials]


def messages(study):
    """The log of events."""
    found = study._book._store._database.transact(
        lambda c: c.execute(select(events.c.message)).scalars().all()
    )
    return list(map(json.loads, found))


def test_a_trial_is_its_runners_until_that_is_killed(other):
    file, process = other
    assert states(file) == ["running"]
    for _ in range(3):  # looking must not take the lock away
        study = hpo.load_study(file)
        assert study.ask().number > 0
        del study
    assert states(file)[0] == "running"
    process.kill()
    process.wait()
    study = hpo.load_study(file)
    assert (str(study.trials[0].state), study.trials[0].started) == ("queued", None)
    again = study.ask()
    assert (again.number, again.attempt) == (0, 2)


def test_a_running_study_sees_the_death_of_another(other):
    file, process = other
    study = hpo.load_study(file)
    study.tell(study.ask(), 1.0)
    process.kill()
    process.wait()
    assert study.ask().number == 0


def test_a_file_that_was_moved_has_no_runners(other, tmp_path):
    file, _ = other
    copy = tmp_path / "elsewhere" / "runs.db"
    copy.parent.mkdir()
    shutil.copy(file, copy)
    assert states(copy) == ["queued"]


def test_a_child_that_was_forked_takes_no_presence_along(tmp_path):
    presence, looking = Locked(tmp_path / "runs.db"), Locked(tmp_path / "runs.db")
    token = presence.token
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert not looking.is_dead(token)
    del presence
    assert looking.is_dead(token)
    assert looking.is_dead("host|boot|1|2")
    child = os.fork()
    if child == 0:
        os._exit(not looking.is_dead(token))  # who looked before has not kept the lock
    assert os.waitpid(child, 0)[1] == 0


def test_who_has_left_is_someone_else(tmp_path):
    presence, looking = Locked(tmp_path / "runs.db"), Locked(tmp_path / "runs.db")
    before = presence.token
    presence.leave()
    assert looking.is_dead(before)
    assert not looking.is_dead(presence.token)
    assert looking.is_dead(before)


def test_the_results_of_an_attempt_that_was_given_up_are_logged(tmp_path):
    file = tmp_path / "runs.db"
    first = hpo.Study(SPACE, searcher="random", seed=0, storage=file)
    old = first.ask()
    first._book._store._presence = Locked(file)  # as if its process had died meanwhile
    second = hpo.load_study(file)
    new = second.ask()
    assert (new.number, new.attempt) == (0, 2)
    assert first.tell(old, 5.0).state == "running"
    second.tell(new, 1.0)
    assert second.tell(old, 5.0).value == 1.0
    assert hpo.load_study(file).trials[0].value == 1.0
    assert sum("late result of attempt 1" in message for message in messages(second)) == 2


def test_what_could_not_be_queued_again_is_left_to_who_looks_next(tmp_path, monkeypatch):
    def fails(store, trial):
        raise StorageError("disk full")

    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db")
    asked = study.ask()
    monkeypatch.setattr(Store, "end", fails)
    with pytest.raises(StorageError, match="disk full"):
        study._book.requeue(asked.number, asked.attempt)
    monkeypatch.undo()
    again = hpo.load_study(tmp_path / "runs.db").ask()
    assert (again.number, again.attempt) == (0, 2)


def test_an_attempt_that_was_lost_is_logged(tmp_path):
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db")
    asked = study.ask()
    study._book.requeue(asked.number, asked.attempt)
    assert messages(study) == ["attempt 1 was lost; queued again"]


def test_a_file_is_one_by_all_its_names(other, tmp_path):
    file, _ = other
    link = tmp_path / "link.db"
    link.symlink_to(file.name)
    assert states(link) == ["running"]


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_what_could_not_be_queued_again_is_taken_over(tmp_path, monkeypatch, is_looked_at):
    """As on a disk that is full for a while: the same object goes on, and so does another."""
    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=file)
    is_full = []

    def end(store, trial, original=Store.end):
        if trial.number == 1 and is_full:
            raise StorageError("no room")
        return original(store, trial)

    monkeypatch.setattr(Store, "end", end)
    is_full.append(True)
    with pytest.raises(StorageError, match="no room"):
        study.optimize(lambda params: params["x"], n_trials=3, progress=False)
    is_full.clear()
    if is_looked_at:
        assert states(file) == ["complete", "queued"]
    study.optimize(lambda params: params["x"], n_trials=2, progress=False)
    assert [(t.number, str(t.state), t.attempt) for t in study.trials] == [
        (0, "complete", 1),
        (1, "complete", 2),
        (2, "complete", 1),
    ]


def test_who_may_only_read_sees_what_was_running_as_it_is(tmp_path, monkeypatch):
    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=file)
    study.tell(study.ask(), 1.0)
    study.ask()
    del study
    before = file.read_bytes()
    with monkeypatch.context() as reader:  # permissions do not keep out the superuser
        reader.setattr(os, "access", lambda path, mode: mode != os.W_OK)
        assert hpo.load_study(file).best_value == 1.0
        assert states(file) == ["complete", "running"]
    assert file.read_bytes() == before
    assert states(file) == ["complete", "queued"]


def test_a_process_that_is_hidden_is_not_taken_for_dead(monkeypatch):
    """As of another user, where /proc is mounted with hidepid: its lease is all there is to go by."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    token = f"{owner._machine()}|{process.pid}|{owner._birth(process.pid)}|1"

    def read_text(path, *arguments, original=Path.read_text):
        if path == Path(f"/proc/{process.pid}/stat"):
            raise FileNotFoundError(path)
        return original(path, *arguments)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert not owner.Owner.is_dead(token)
    process.communicate(b"\n")
    assert owner.Owner.is_dead(token)
