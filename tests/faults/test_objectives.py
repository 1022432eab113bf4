"""Whatever an objective does, it costs its own trial, with the kind of failure kept."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import hpo
from tests.faults.processes import gone_within
from tests.faults.scale import faults

pytestmark = faults
TIMEOUT = 2.0


class Unpicklable(Exception):
    def __init__(self):
        super().__init__("held a lock", threading.Lock())


def _segfault():
    ctypes.string_at(0)


def _endless_in_c():
    ctypes.CDLL(None).pause()


def _endless_holding_the_interpreter():
    ctypes.PyDLL(None).pause()  # no other thread of the worker ever runs again


def _ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(0.1)


def _eats_memory():
    blocks = []
    while True:
        blocks.append(np.ones(10_000_000))


def _forks_and_comes_back_twice():
    os.fork()
    return 1.0


def _leaks_files():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(limit))


def _raise(error):
    raise error


kept = []
BEHAVIOURS = {
    "NaN": (lambda: float("nan"), "invalid value"),
    "inf": (lambda: float("inf"), "invalid value"),
    "None": (lambda: None, "invalid value"),
    "a string": (lambda: "1.5", "invalid value"),
    "a bool": (lambda: True, "invalid value"),
    "complex": (lambda: 1j, "invalid value"),
    "10**400": (lambda: 10**400, "invalid value"),
    "a list": (lambda: [1.0], "invalid value"),
    "an array of one number": (lambda: np.array([2.0]), "invalid value"),
    "raises": (lambda: _raise(RuntimeError("no")), "exception"),
    "raises what cannot be pickled": (lambda: _raise(Unpicklable()), "exception"),
    "sys.exit": (lambda: sys.exit(3), "exception"),
    "os._exit": (lambda: os._exit(3), "crash"),
    "segfault": (_segfault, "crash"),
    "out of memory": (_eats_memory, "out of memory"),
    "endless loop in C": (_endless_in_c, "timeout"),
    "endless loop in C that holds the interpreter": (_endless_holding_the_interpreter, "timeout"),
    "ignores SIGTERM": (_ignores_sigterm, "timeout"),
    "forks and comes back twice": (_forks_and_comes_back_twice, None),
    "leaks open files": (_leaks_files, "exception"),
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_it_is_contained_to_its_trial(name, tmp_path):
    behaviour, failure = BEHAVIOURS[name]

    def objective(params, trial):
        return behaviour() if trial.number == 1 else params["x"]

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0, storage=tmp_path / "runs.db")
    study.optimize(
        objective,
        n_trials=5,
        n_jobs=2,
        trial_timeout=TIMEOUT if failure == "timeout" else None,
        trial_memory_limit=500_000_000,
        progress=False,
    )
    trial = hpo.load_study(tmp_path / "runs.db").trials[1]
    assert trial.failure == failure, trial.reason
    assert (trial.reason is None) == (failure is None)
    if failure == "timeout":
        assert trial.seconds < TIMEOUT + 4
    others = [t for t in study.trials if t.number != 1]
    assert [(str(t.state), t.value) for t in others] == [("complete", t.params["x"]) for t in others]
    assert len(others) == 4


def test_what_an_objective_started_ends_with_its_timeout(tmp_path):
    note = tmp_path / "pid"

    def objective(params, trial):
        if trial.number == 1:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
            note.write_text(str(child.pid))
            while True:
                time.sleep(0.1)
        return params["x"]

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(objective, n_trials=5, n_jobs=2, trial_timeout=TIMEOUT, progress=False)
    assert [t.failure for t in study.trials] == [None, "timeout", None, None, None]
    assert gone_within(5, [int(note.read_text())])


def test_a_leak_does_not_reach_the_next_trial():
    def leaking(params, trial):
        leaking.kept = [*getattr(leaking, "kept", []), np.ones(20_000_000)]
        return float(len(leaking.kept))

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(leaking, n_trials=6, n_jobs=2, trial_memory_limit=400_000_000, progress=False)
    assert [t.value for t in study.trials] == [1.0] * 6


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_failure_whose_text_cannot_be_made_is_still_one(n_jobs):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def objective(params):
        raise Mute

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(objective, n_trials=2, n_jobs=n_jobs, progress=False)
    assert [t.failure for t in study.trials] == ["exception"] * 2
    assert all("Mute" in t.reason for t in study.trials)
