"""Processes killed at random moments: nothing is lost, nothing is doubled, nothing is stuck."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hpo
from tests.faults.scale import faults, times

pytestmark = faults
ROOT = Path(__file__).parents[2]
SPACE = {"x": hpo.Float(0, 1), "n": hpo.Int(1, 50), "k": hpo.Categorical(["a", "b"])}


def loss(params):
    time.sleep(0.003)
    return (params["x"] - 0.3) ** 2 + 0.01 * params["n"]


def coordinate(storage, n_trials, n_jobs=None, name="study"):
    """One coordinator: go on until `n_trials` are finished; run in a process of its own."""
    study = hpo.load_study(storage, name)
    left = n_trials - sum(t.state.is_finished for t in study.trials)
    if left > 0:
        study.optimize(loss, n_trials=left, n_jobs=n_jobs, progress=False)


def started(call):
    code = f"from tests.faults.test_kills import *; {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def table(study):
    return [(t.number, t.params, str(t.state), t.value, t.info) for t in study.trials]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_coordinator_killed_again_and_again_ends_with_the_uninterrupted_table(tmp_path, n_jobs):
    n_kills = times(100)
    n_trials = 30 * n_kills
    file, rng = tmp_path / "runs.db", np.random.default_rng(0)
    options = {"searcher": "random", "seed": 5, "window": 2}
    hpo.Study(SPACE, storage=file, **options)
    for _ in range(n_kills):
        process = started(f"coordinate({str(file)!r}, {n_trials}, {n_jobs})")
        before = size = file.stat().st_mtime_ns
        while size == before and process.poll() is None:  # kill it while it works, not while it starts
            time.sleep(0.01)
            size = file.stat().st_mtime_ns
        time.sleep(rng.uniform(0, 0.25))
        process.kill()
        process.communicate()
    process = started(f"coordinate({str(file)!r}, {n_trials}, {n_jobs})")
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors.decode()
    uninterrupted = hpo.Study(SPACE, **options).optimize(loss, n_trials, progress=False)
    assert table(hpo.load_study(file)) == table(uninterrupted)


def test_a_killed_worker_costs_one_retry_and_leaves_no_process(tmp_path):
    n_kills = times(200)
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
    deadline = time.monotonic() + 5
    while any(_is_alive(pid) for pid in killed) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in killed)
    expected = hpo.Study(SPACE, searcher="random", seed=0, window=2).optimize(loss, n_kills, progress=False)
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]


def test_eight_coordinators_share_one_file(tmp_path):
    file, each = tmp_path / "runs.db", times(250)
    hpo.Study(SPACE, storage=file, searcher="random", seed=0)
    processes = [started(f"contribute({str(file)!r}, {each})") for _ in range(8)]
    for process in processes:
        _, errors = process.communicate(timeout=1800)
        assert process.returncode == 0, errors.decode()
    trials = hpo.load_study(file).trials
    assert [t.number for t in trials] == list(range(8 * each))
    assert all(t.state == "complete" and t.attempt == 1 for t in trials)
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def contribute(storage, n_trials, name="study"):
    """One of several coordinators: `n_trials` more."""
    hpo.load_study(storage, name).optimize(loss, n_trials=n_trials, progress=False)


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
