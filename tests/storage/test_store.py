"""A stored study goes on where it was, and nothing recorded is lost."""

import collections
import dataclasses
import enum
import functools
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

import hpo
from hpo.cli import main
from hpo.storage import StorageError, statements
from hpo.storage.connection import connect
from hpo.storage.database import Database
from hpo.storage.store import Store

SPACE = hpo.Space({"x": hpo.Float(0, 1), "n": hpo.Int(1, 5), "k": hpo.Categorical(["a", ("b", 1)])})


def loss(params):
    return (params["x"] - 0.3) ** 2 + params["n"]


def table(study):
    return [(t.number, t.params, str(t.state), t.value) for t in study.trials]


@pytest.mark.parametrize("searcher", ["grid", "random", "gp", "tpe"])
def test_a_resumed_study_is_the_uninterrupted_one(tmp_path, searcher):
    whole = hpo.minimize(loss, SPACE, searcher=searcher, n_trials=14, seed=3, progress=False)
    file = tmp_path / "runs.db"
    hpo.minimize(loss, SPACE, searcher=searcher, n_trials=6, seed=3, storage=file, progress=False)
    resumed = hpo.load_study(file, "study").optimize(loss, n_trials=8, progress=False)
    assert table(resumed) == table(whole)
    assert table(hpo.load_study(file)) == table(whole)


def test_a_killed_run_loses_nothing_and_goes_on(tmp_path):
    script = textwrap.dedent("""
        import os, sys, hpo
        from tests.storage.test_store import SPACE, loss
        def objective(params, trial):
            if trial.number == 5:
                os.kill(os.getpid(), 9)
            return loss(params)
        hpo.minimize(objective, SPACE, searcher="random", n_trials=9, seed=1, storage=sys.argv[1])
    """)
    file = tmp_path / "runs.db"
    root = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", script, str(file)], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    study = hpo.load_study(file)
    assert [str(t.state) for t in study.trials] == ["complete"] * 5 + ["queued"]
    study.optimize(loss, n_trials=4, progress=False)
    assert table(study) == table(
        hpo.minimize(loss, SPACE, searcher="random", n_trials=9, seed=1, progress=False)
    )
    assert study.trials[5].attempt == 2


def test_names_are_kept_literally_and_not_twice(tmp_path):
    file = tmp_path / "runs.db"
    for name in ("'; DROP TABLE trials;--", "<b>\0\U0001f600", "../x"):
        hpo.Study(SPACE, storage=file, name=name)
        assert hpo.load_study(file, name).name == name
    with pytest.raises(StorageError, match="load_study"):
        hpo.Study(SPACE, storage=file, name="../x")
    with pytest.raises(StorageError, match="name='none'"):
        hpo.load_study(file, "none")


def test_damage_is_detected_and_the_file_left_as_it_is(tmp_path):
    file = tmp_path / "runs.db"
    study = hpo.minimize(loss, SPACE, searcher="random", n_trials=40, seed=1, storage=file, progress=False)
    expected = table(study)
    del study
    whole = file.read_bytes()
    for i, cut in enumerate([0, 10, 100, 5000, len(whole) - 4096]):
        copy = tmp_path / f"cut{i}.db"
        copy.write_bytes(whole[:cut])
        with pytest.raises(StorageError, match=r"damaged|empty"):
            hpo.load_study(copy)
        assert copy.read_bytes() == whole[:cut]
    for i in range(60):
        copy = tmp_path / f"flip{i}.db"
        place = (i * 7919) % len(whole)
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        copy.write_bytes(flipped)
        try:
            found = table(hpo.load_study(copy))
        except StorageError:
            continue
        assert found == expected


def test_constraints_are_given_again(tmp_path):
    file = tmp_path / "runs.db"
    space = hpo.Space(SPACE.parameters, constraints=[lambda p: p["n"] > 1])
    hpo.minimize(loss, space, searcher="random", n_trials=3, seed=0, storage=file, progress=False)
    name = "test_constraints_are_given_again.<locals>.<lambda>"
    with pytest.raises(ValueError, match=re.escape(f"its constraints ({name}) are code")):
        hpo.load_study(file)
    with pytest.raises(ValueError, match="space="):
        hpo.load_study(file, space=SPACE)
    assert len(hpo.load_study(file, space=space).trials) == 3


def test_a_constraint_without_a_name_of_its_own_is_called_by_its_class(tmp_path):
    constraint = functools.partial(lambda least, params: params["n"] >= least, 2)
    space = hpo.Space(SPACE.parameters, constraints=[constraint])
    hpo.Study(space, searcher="random", storage=tmp_path / "runs.db")
    with pytest.raises(ValueError, match=r"its constraints \(partial\) are code"):
        hpo.load_study(tmp_path / "runs.db")


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Kind(enum.StrEnum):
    A = "a"
    B = "b"


Shape = collections.namedtuple("Shape", "height width")


def relu(x):
    return max(x, 0)


RICH = {
    "size": hpo.Ordinal(list(Size)),
    "kind": hpo.Categorical(list(Kind)),
    "shape": hpo.Categorical([Shape(1, 2), Shape(3, 4)]),
    "of": hpo.Categorical([relu, Size, float("nan"), len, str.upper]),
}
OTHERS = {  # whose repr is another in every process, by the order of sets or the place in memory
    "call": hpo.Categorical([functools.partial(relu), functools.partial(max, 0)]),
    "features": hpo.Categorical([{*"abcdef"}, frozenset("ghijkl"), (frozenset("ghijkl"), 1), set()]),
    "preset": hpo.Categorical([[{*"abcdef"}, ({*"ghijkl"},)], {"use": {*"abcdef"}, "n": [1, 2]}]),
}


def test_choices_that_json_has_not_come_back_as_what_they_are(tmp_path):
    file = tmp_path / "runs.db"
    study = hpo.minimize(lambda p: 1.0, RICH, searcher="grid", storage=file, progress=False)
    with pytest.raises(ValueError, match="give the space again"):
        hpo.load_study(file)
    again = hpo.load_study(file, space=RICH)
    assert len(again.trials) == 40
    assert repr([t.params for t in again.trials]) == repr([t.params for t in study.trials])


def test_tuples_among_choices_are_stored_and_lists_are_not(tmp_path):
    layers = {"layers": hpo.Categorical([(64, "relu"), (64, (32, None)), True, 0.5])}
    hpo.Study(layers, searcher="random", storage=tmp_path / "tuples.db")
    assert repr(hpo.load_study(tmp_path / "tuples.db").space) == repr(hpo.Space(layers))
    hpo.Study({"shape": hpo.Categorical([Shape(1, 2)])}, storage=tmp_path / "named.db")
    with pytest.raises(ValueError, match=r"'shape': the choice Shape.*is not stored"):
        hpo.load_study(tmp_path / "named.db")
    hpo.Study({"layers": hpo.Categorical([[64], [64, 32]])}, storage=tmp_path / "lists.db")
    with pytest.raises(ValueError, match=r"'layers': the choice \[64\] is not stored; give the space again"):
        hpo.load_study(tmp_path / "lists.db")


def test_all_that_a_space_says_without_code_is_stored(tmp_path):
    space = hpo.Space(
        {
            "kind": hpo.Categorical([("a", 1), "b", None]),
            "rate": hpo.Float(0.001, 1, log=True, when={"kind": [("a", 1), None]}),
            "drop": hpo.Float(0, 1, step=0.25),
            "units": hpo.Int(1, 64, log=True, when={"drop": 0.5, "kind": "b"}),
            "layers": hpo.Int(0, 10, step=5),
            "size": hpo.Ordinal([3, 1, 2]),
        }
    )
    hpo.Study(space, searcher="random", storage=tmp_path / "runs.db")
    assert repr(hpo.load_study(tmp_path / "runs.db").space) == repr(space)


def test_choices_are_known_again_in_another_process(tmp_path):
    file = tmp_path / "runs.db"
    script = (
        "import sys, hpo; from tests.storage.test_store import RICH, OTHERS;"
        "hpo.minimize(lambda p: 1, RICH | OTHERS, searcher='random', n_trials=3, storage=sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=True, timeout=60)
    space = RICH | OTHERS
    assert len(hpo.load_study(file, space=space).trials) == 3
    for name, one, other in [("of", len, max), ("features", {*"abcdef"}, {*"abcdeg"})]:
        choices = [other if choice == one else choice for choice in space[name].choices]
        with pytest.raises(ValueError, match=f"different: {name}$"):
            hpo.load_study(file, space=space | {name: hpo.Categorical(choices)})


def test_what_differs_in_a_space_is_named(tmp_path):
    file, x, n = tmp_path / "runs.db", hpo.Float(0, 1), hpo.Int(1, 3)
    hpo.Study({"x": x, "n": n}, searcher="random", storage=file)
    for given, differing in [
        ({"x": x}, "n"),
        ({"x": x, "n": n, "k": ["a", "b"]}, "k"),
        ({"x": hpo.Float(0, 2), "n": hpo.Int(1, 4)}, "x, n"),
        ({"n": n, "x": x}, "the constraints or the order"),
    ]:
        with pytest.raises(ValueError, match=rf"space=.*: is not the study's own; different: {differing}$"):
            hpo.load_study(file, space=given)


def test_another_searcher_and_pruner_stay_the_studys(tmp_path):
    file = tmp_path / "runs.db"
    hpo.Study(SPACE, storage=file, window=1)
    hpo.load_study(file, searcher="random", pruner="median")
    again = hpo.load_study(file)
    assert (type(again.searcher), type(again.pruner)) == (hpo.RandomSearcher, hpo.MedianPruner)


@pytest.mark.parametrize(
    "look",
    [
        lambda study: study.ask(),
        lambda study: study.enqueue({"x": 0.5}),
        lambda study: study.add_trial({"x": 0.5}, 9.0),
        lambda study: study.optimize(lambda params: 9.0, 1, progress=False),
    ],
)
def test_what_others_did_is_seen_with_the_next_trial(tmp_path, look):
    ours = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "runs.db")
    theirs = hpo.load_study(tmp_path / "runs.db")
    theirs.tell(theirs.ask(), 1.0)
    assert ours.trials == ()
    look(ours)
    assert (len(ours.trials), ours.best_value) == (2, 1.0)


def test_what_another_process_made_of_the_definition_is_kept(tmp_path):
    file = tmp_path / "runs.db"
    ours = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    theirs = hpo.load_study(file, searcher="grid")
    with ThreadPoolExecutor(3) as executor:
        ours.optimize(lambda params: 1.0, 3, executor=executor, progress=False)
    theirs.optimize(lambda params: 1.0, 1, progress=False)
    assert (ours.window, theirs.window) == (3, 3)
    again = hpo.load_study(file, pruner="median")
    assert (again.window, type(again.searcher)) == (3, hpo.GridSearcher)


def test_what_becomes_of_one_study_leaves_the_others_of_the_file_as_they_were(tmp_path):
    file = tmp_path / "runs.db"
    for name in ("second", "first"):
        hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name=name)
    hpo.load_study(file, "second", searcher="grid").add_trial({"x": 0.5}, 0.5)
    other = hpo.load_study(file, "first")
    other.add_trial({"x": 0.25}, 0.25)
    other.enqueue({"x": 0.75})
    assert type(other.searcher) is hpo.RandomSearcher
    with pytest.raises(StorageError, match=r"name=None: .* holds 'second', 'first'$"):
        hpo.load_study(file)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["storage", "list", str(file)])
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.output.splitlines()[3:-1]]
    assert rows == [
        ["'second'", "minimize", "1", "1 complete", "0.5"],
        ["'first'", "minimize", "2", "1 complete, 1 queued", "0.25"],
    ]


def test_a_file_whose_first_study_was_never_made_holds_none(tmp_path):
    connect(tmp_path / "runs.db", create=True).dispose()
    with pytest.raises(StorageError, match=r"name=None: .* holds no study$"):
        hpo.load_study(tmp_path / "runs.db")


def test_only_a_name_that_is_taken_is_called_so(tmp_path, monkeypatch):
    def full(database, work):
        raise StorageError("disk full")

    monkeypatch.setattr(Database, "transact", full)
    with pytest.raises(StorageError, match=r"^disk full$"):
        hpo.Study(SPACE, storage=tmp_path / "runs.db")


@dataclasses.dataclass(frozen=True)
class RandomSearcher(hpo.Searcher):
    name = "mine"

    def suggest(self, space, history, rng):
        return hpo.Suggestion({"x": 0.25, "n": 1, "k": "a"})


@dataclasses.dataclass(frozen=True)
class MedianPruner(hpo.Pruner):
    def rule(self, history):
        raise NotImplementedError


def test_the_levels_of_a_grid_are_stored_with_it(tmp_path):
    grid = hpo.GridSearcher({"x": 3, "n": 2})
    hpo.minimize(loss, SPACE, searcher=grid, n_trials=2, storage=tmp_path / "runs.db", progress=False)
    study = hpo.load_study(tmp_path / "runs.db").optimize(loss, progress=False)
    assert study.searcher == grid
    assert len(study.trials) == 3 * 2 * 2


def test_parts_of_ones_own_that_are_called_as_ours_are_given_again(tmp_path):
    file = tmp_path / "runs.db"
    hpo.Study(SPACE, searcher=RandomSearcher(), pruner=MedianPruner(), storage=file)
    with pytest.raises(ValueError, match="give it again as searcher"):
        hpo.load_study(file, pruner=MedianPruner())
    with pytest.raises(ValueError, match="give it again as pruner"):
        hpo.load_study(file, searcher=RandomSearcher())
    assert hpo.load_study(file, searcher=RandomSearcher(), pruner=MedianPruner()).ask().params["x"] == 0.25


def test_two_processes_share_a_file(tmp_path):
    file = tmp_path / "runs.db"
    hpo.Study(SPACE, searcher="random", storage=file, seed=0)
    script = "import sys, hpo; from tests.storage.test_store import loss;" \
             "hpo.load_study(sys.argv[1]).optimize(loss, n_trials=20, progress=False)"  # fmt: skip
    root = Path(__file__).parents[2]
    runs = [
        subprocess.Popen([sys.executable, "-c", script, str(file)], cwd=root, env=os.environ) for _ in "ab"
    ]
    assert [run.wait(timeout=60) for run in runs] == [0, 0]
    trials = hpo.load_study(file).trials
    assert [t.number for t in trials] == list(range(40))
    assert all(t.state == "complete" and t.value == loss(t.params) for t in trials)


@pytest.mark.parametrize("has_links", [True, False])
def test_what_another_process_made_meanwhile_is_kept(tmp_path, monkeypatch, has_links):
    file = tmp_path / "runs.db"

    def link(*args, original=os.link):
        monkeypatch.setattr(os, "link", original)
        first = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name="first")
        first.add_trial({"x": 0.5}, 1.0)
        if not has_links:
            raise PermissionError("no links here")
        original(*args)

    monkeypatch.setattr(os, "link", link)
    hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name="second")
    assert hpo.load_study(file, "first").best_value == 1.0
    assert hpo.load_study(file, "second").trials == ()
    assert {path.name for path in tmp_path.iterdir()} <= {"runs.db", "runs.db-journal", "runs.db-owners"}


def test_a_new_file_has_its_name_for_good_before_anything_is_told_of_it(tmp_path, monkeypatch):
    synced = []

    def fsync(handle, original=os.fsync):
        synced.append(os.path.samestat(os.fstat(handle), tmp_path.stat()) and (tmp_path / "runs.db").exists())
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    connect(tmp_path / "runs.db", create=True).dispose()
    assert any(synced)


def test_others_may_do_with_a_file_what_the_umask_leaves_them(tmp_path):
    before = os.umask(0o027)
    try:
        hpo.Study(SPACE, storage=tmp_path / "runs.db")
    finally:
        assert os.umask(before) == 0o027
    assert (tmp_path / "runs.db").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("n", [5, 40])
def test_a_long_queue_is_read_for_what_changed_only(tmp_path, monkeypatch, n):
    file = tmp_path / "runs.db"
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    other = hpo.load_study(file)
    for i in range(n):
        study.enqueue({"x": i / n})
    assert other.ask().params == {"x": 0.0}
    read = []

    def parsed(store, rows, original=Store._parsed):
        read.extend(rows)
        return original(store, rows)

    monkeypatch.setattr(Store, "_parsed", parsed)
    assert study.enqueue({"x": 1.0}).number == n
    assert [row.number for row in read] == [0]
    assert [str(t.state) for t in study.trials] == ["running"] + ["queued"] * n


def test_of_a_long_queue_only_what_was_started_is_handed_over(tmp_path, monkeypatch):
    file = tmp_path / "runs.db"
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    for i in range(40):
        study.enqueue({"x": i / 40})
    other = hpo.load_study(file)
    other.ask()
    other.tell(other.ask(), 1.0)
    handed_over = []

    def standing(connection, statement, *arguments, original=Connection.execute):
        found = original(connection, statement, *arguments)
        if statement is not statements.STARTED_BETWEEN:
            return found
        rows = found.all()
        handed_over.extend(row.number for row in rows)
        return rows

    monkeypatch.setattr(Connection, "execute", standing)
    assert study.ask().number == 2
    assert handed_over == [0, 1]
    assert [str(t.state) for t in study.trials][:4] == ["running", "complete", "running", "queued"]


def test_what_is_queued_again_comes_before_later_numbers(tmp_path):
    file = tmp_path / "runs.db"
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    for i in range(4):
        study.enqueue({"x": i / 4})
    other = hpo.load_study(file)
    assert [other.ask().number, study.ask().number] == [0, 1]
    del other
    assert [study.ask().number for _ in range(3)] == [0, 2, 3]


@pytest.mark.parametrize(("direction", "best"), [("minimize", "0.25"), ("maximize", "0.75")])
def test_the_list_of_studies_shows_the_best_value_and_the_states(tmp_path, direction, best):
    file = tmp_path / "runs.db"
    study = hpo.Study({"x": hpo.Float(0, 1)}, direction=direction, searcher="random", storage=file)
    for x in (0.25, 0.75, 0.5):
        study.add_trial({"x": x}, x)
    study.enqueue({"x": 1.0})
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["storage", "list", str(file)])
    assert shown.exit_code == 0
    assert "4" in shown.output
    assert "3 complete, 1 queued" in shown.output
    assert best in shown.output


@pytest.mark.parametrize("charset", ["utf-8", "ascii"])
def test_the_list_of_studies_shows_all_of_every_name_as_it_is(tmp_path, charset):
    file = tmp_path / "runs.db"
    names = ["[red]lr:warning:0.1", "long" * 40, "näher"]
    for name in names:
        hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name=name)
    runner = CliRunner(charset=charset, env={"COLUMNS": "60"})
    shown = runner.invoke(main, ["storage", "list", str(file)])
    assert shown.exit_code == 0
    cells = [line.split(line[0])[1].strip() for line in shown.output.splitlines()[3:-1]]
    assert "".join(cells) == "".join(map(repr if charset == "utf-8" else ascii, names))


@pytest.mark.parametrize("columns", [1, 23])
def test_the_list_of_studies_loses_no_text_in_a_narrow_terminal(tmp_path, columns):
    file, name = tmp_path / "runs.db", "a-study-of-many-words"  # the lowest rich itself folds others wrongly
    hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name=name).add_trial({"x": 0.5}, 0.25)
    shown = CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["storage", "list", str(file)])
    lines = [line.split("│")[1:-1] for line in shown.output.splitlines() if line.startswith("│")]
    cells = ["".join(map(str.strip, parts)) for parts in zip(*lines)]
    assert cells == [repr(name), "minimize", "1", "1complete", "0.25"]


def test_a_definition_that_was_changed_is_damage(tmp_path):
    file = tmp_path / "runs.db"
    hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE studies SET definition = replace(definition, 'minimize', 'maximize')")
    with pytest.raises(StorageError, match="the definition of a study is not what was written"):
        hpo.load_study(file)


@pytest.mark.parametrize("library", ["sqlite3", "pysqlite3"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_moved_while_a_study_is_open_is_told_at_once(tmp_path, library, replaced):
    # With a write-ahead log SQLite itself notices nothing, and trials would go where nobody finds them.
    pytest.importorskip(library)
    file, moved = tmp_path / "runs.db", tmp_path / "moved.db"
    storage = f"sqlite+pysqlite3:///{file}" if library == "pysqlite3" else file
    study = hpo.minimize(loss, SPACE, searcher="random", n_trials=2, seed=0, storage=storage, progress=False)
    trial = study.ask()
    file.rename(moved)
    for log in tmp_path.glob("runs.db-wal"):
        log.rename(f"{moved}-wal")
    if replaced:
        hpo.Study(SPACE, searcher="random", seed=1, storage=file, name="other")
    message = "storage='.*runs.db': was moved, replaced or deleted while this study was open; go on with hpo"
    for do in (study.ask, lambda: study.tell(trial, 1.0)):
        with pytest.raises(StorageError, match=message):
            do()
    moved.rename(file)
    for log in tmp_path.glob("moved.db-wal"):
        log.rename(f"{file}-wal")
    study.tell(trial, 1.0)
    assert [t.value for t in hpo.load_study(storage).trials] == [t.value for t in study.trials]


def test_a_link_may_lead_elsewhere_while_a_study_is_open(tmp_path):
    latest = tmp_path / "latest.db"
    studies = []
    for n in (1, 2):
        latest.unlink(missing_ok=True)
        latest.symlink_to(tmp_path / f"{n}.db")
        studies.append(hpo.Study(SPACE, searcher="random", seed=n, storage=latest))
    for n, study in enumerate(studies, 1):
        study.optimize(loss, n_trials=n, progress=False)
        assert len(hpo.load_study(tmp_path / f"{n}.db").trials) == n


def test_trials_of_a_study_that_is_gone_are_damage(tmp_path):
    file = tmp_path / "runs.db"
    for name in ("a", "b"):
        hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file, name=name).enqueue({"x": 0.5})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM studies WHERE id = 1")
    with pytest.raises(StorageError, match="it holds trials of a study that is not there"):
        hpo.load_study(file, "b")


def test_an_index_that_lost_its_entries_is_damage_and_hides_no_trials(tmp_path):
    file = tmp_path / "runs.db"
    hpo.minimize(loss, SPACE, searcher="random", n_trials=2, seed=0, storage=file, progress=False)
    whole, indexes = file.read_bytes(), 0
    for at in range(0, len(whole), 4096):
        if whole[at] == 0x0A and whole[at + 4]:  # a leaf of an index, and how many entries it has
            indexes += 1
            file.write_bytes(whole[: at + 3] + b"\0\0" + whole[at + 5 :])
            with pytest.raises(StorageError, match=r"is damaged .*hpo storage recover"):
                hpo.load_study(file)
    assert indexes > 2


def test_a_tilde_is_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    hpo.Study({"x": hpo.Float(0, 1)}, storage="~/study.db", name="s")
    assert (tmp_path / "study.db").exists()
    assert len(hpo.load_study("~/study.db", "s").trials) == 0


@pytest.mark.parametrize("storage", [None, "", 3])
def test_only_what_is_kept_can_be_loaded(storage):
    with pytest.raises(ValueError, match=rf"^storage={storage!r}: must be a path or a database URL$"):
        hpo.load_study(storage)


def test_no_name_of_a_file_is_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="storage=':memory:': names no file; storage=None"):
        hpo.Study({"x": hpo.Float(0, 1)}, storage=":memory:")
    assert list(tmp_path.iterdir()) == []


def test_a_long_search_takes_nothing_from_the_time_that_a_storage_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("hpo.storage.database.QUEUE_SECONDS", 0.2)
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "runs.db")
    searched = []

    def search(connection):
        searched.append(time.sleep(0.3))
        if len(searched) == 1:
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("database is locked"))
        return "found"

    assert study._book._store._database.transact(search) == "found"


def test_what_was_undone_is_done_again(tmp_path, monkeypatch):
    """The trials of dead processes are queued again, though a reader is in the way of the commit."""
    monkeypatch.setattr("hpo.storage.connection.BUSY_SECONDS", 0.1)
    file = tmp_path / "runs.db"
    dead = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=file)
    dead.ask()
    dead.ask()
    del dead
    reader = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def catch_up(store, *arguments, original=Store.catch_up):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trials").fetchone()
        threading.Timer(0.4, reader.execute, ["COMMIT"]).start()
        return original(store, *arguments)

    monkeypatch.setattr(Store, "catch_up", catch_up)
    study = hpo.load_study(file)
    assert [str(t.state) for t in study.trials] == ["queued"] * 2
    assert [study.ask().number, study.ask().number] == [0, 1]
    reader.close()
