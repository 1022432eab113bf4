"""Processes killed at random moments: nothing is lost, nothing is doubled, nothing is stuck."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import hpo
from tests.faults.processes import gone_within
from tests.faults.scale import faults, times

pytestmark = faults
ROOT = Path(__file__).parents[2]
SPACE = {"x": hpo.Float(0, 1), "n": hpo.Int(1, 50), "k": hpo.Categorical(["a", "b"])}
SQLITES = ["", "sqlite+pysqlite3:///"]  # Python's own, and a newer one


def loss(params):
    time.sleep(0.003)
    return (params["x"] - 0.3) ** 2 + 0.01 * params["n"]


def coordinate(storage, n_trials, n_jobs=None, name="study"):
    """One coordinator: go on until `n_trials` are finished; run in a process of its own."""
    study = hpo.load_study(storage, name)
    left = n_trials - sum(t.state.is_finished for t in study.trials)
    if left > 0:
        study.optimize(loss, n_trials=left, n_jobs=n_jobs, progress=False)


def contribute(storage, n_trials, name="study"):
    """One of several coordinators: `n_trials` more."""
    hpo.load_study(storage, name).optimize(loss, n_trials=n_trials, progress=False)


def started(call):
    often = "from hpo.storage import connection; connection.LOG_PAGES = 15"  # a log is copied into the file
    code = f"{often}; from tests.faults.test_kills import *; {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def table(study):
    return [(t.number, t.params, str(t.state), t.value, t.info) for t in study.trials]


def children(pid, word="hpo.execution.serving"):
    """Processes of that parent whose command line has the word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and word in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:  # it has just ended
            continue
    return found


@pytest.mark.parametrize(("sqlite", "n_jobs"), list(zip(SQLITES, [None, 2])))
def test_a_coordinator_killed_again_and_again_ends_with_the_uninterrupted_table(tmp_path, sqlite, n_jobs):
    n_kills = times(100)  # each: 200 in all
    n_trials = 30 * n_kills
    file, rng = tmp_path / "runs.db", np.random.default_rng(0)
    options = {"searcher": "random", "seed": 5, "window": 2}
    hpo.Study(SPACE, storage=f"{sqlite}{file}", **options)
    call = f"coordinate({f'{sqlite}{file}'!r}, {n_trials}, {n_jobs})"
    for _ in range(n_kills):
        before = _written(file)
        process = started(call)
        while _written(file) == before and process.poll() is None:  # kill it at work, not as it starts
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.25))
        workers = children(process.pid)
        process.kill()
        process.communicate()
        assert gone_within(5, workers)
    process = started(call)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    uninterrupted = hpo.Study(SPACE, **options).optimize(loss, n_trials, progress=False)
    found = hpo.load_study(f"{sqlite}{file}")
    assert table(found) == table(uninterrupted)
    assert max(t.attempt for t in found.trials) > 1


def _written(file):
    """When the file or the log beside it was last written."""
    beside = [file.with_name(file.name + suffix) for suffix in ("", "-wal", "-journal")]
    return max(f.stat().st_mtime_ns for f in beside if f.exists())


def test_a_worker_that_kills_itself_costs_one_retry_and_leaves_no_process(tmp_path):
    n_kills = times(100)
    notes = tmp_path / "pids"
    notes.mkdir()

    def fatal(params, trial):
        note = notes / f"{trial.number}"
        if not note.exists():
            note.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(params)

    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(fatal, n_trials=n_kills, n_jobs=2, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"] * n_kills
    assert {t.attempt for t in study.trials} == {2}
    killed = {int(note.read_text()) for note in notes.iterdir()}
    assert len(killed) == n_kills
    assert gone_within(5, killed)
    expected = hpo.Study(SPACE, searcher="random", seed=0, window=2).optimize(loss, n_kills, progress=False)
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]


def test_workers_killed_from_outside_at_any_moment_cost_their_own_trials_only():
    n_kills = times(100)
    rng, killed, is_over = np.random.default_rng(1), set(), threading.Event()

    def kill_on():
        while len(killed) < n_kills and not is_over.is_set():
            time.sleep(rng.uniform(0.0, 0.4))
            workers = children(os.getpid())
            if workers:
                victim = workers[rng.integers(len(workers))]
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
        study.stop()

    def work(params):
        time.sleep(0.02)
        return params["x"]

    study = hpo.Study(SPACE, searcher="random", seed=0)
    killer = threading.Thread(target=kill_on)
    killer.start()
    try:
        study.optimize(work, n_jobs=2, max_retries=n_kills, progress=False)
    finally:
        is_over.set()
        killer.join()
    assert len(killed) == n_kills
    assert gone_within(5, killed)
    assert not children(os.getpid())
    complete = [t for t in study.trials if t.state == "complete"]
    left = [t for t in study.trials if t.state != "complete"]
    assert len(left) <= 2  # to be tried again when the study was stopped
    assert all(t.state == "queued" for t in left)
    assert sum(t.attempt - 1 for t in complete) <= n_kills
    expected = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    expected.optimize(lambda p: p["x"], len(study.trials), progress=False)
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]


def test_what_objectives_started_ends_with_a_killed_coordinator(tmp_path):
    code = (
        "import subprocess, sys, hpo\n"
        "def objective(params, trial):\n"
        f"    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        f"    open({str(tmp_path)!r} + f'/{{trial.number}}', 'w').write(f'{{child.pid}}\\n')\n"
        "    while True: pass\n"
        "hpo.minimize(objective, {'x': hpo.Float(0, 1)}, searcher='random', n_jobs=2, progress=False)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    while len([f for f in tmp_path.glob("[0-9]*") if f.read_text().endswith("\n")]) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    left = [int(f.read_text()) for f in tmp_path.glob("[0-9]*")] + children(process.pid)
    assert len(left) == 4
    assert list(temporary.iterdir())
    process.kill()
    process.wait()
    assert gone_within(5, left)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("sqlite", SQLITES)
def test_eight_coordinators_share_one_file(tmp_path, sqlite):
    file, each = f"{sqlite}{tmp_path / 'runs.db'}", times(250)
    hpo.Study(SPACE, storage=file, searcher="random", seed=0)
    call = f"contribute({file!r}, {each})"
    processes = [started(call) for _ in range(8)]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    trials = hpo.load_study(file).trials
    assert [t.number for t in trials] == list(range(8 * each))
    assert all(t.state == "complete" and t.attempt == 1 for t in trials)
    assert len({tuple(t.params.values()) for t in trials}) == 8 * each
    with sqlite3.connect(tmp_path / "runs.db") as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
