"""Whatever an objective does, it costs its own trial, with the kind of failure kept."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import hpo
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


def _ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(0.1)


def _eats_memory():
    blocks = []
    while True:
        blocks.append(np.ones(10_000_000))


def _forks():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    while True:
        time.sleep(0.1)


def _raise(error):
    raise error


BEHAVIOURS = {
    "NaN": (lambda: float("nan"), "invalid value"),
    "inf": (lambda: float("inf"), "invalid value"),
    "None": (lambda: None, "invalid value"),
    "a string": (lambda: "1.5", "invalid value"),
    "a bool": (lambda: True, "invalid value"),
    "complex": (lambda: 1j, "invalid value"),
    "10**400": (lambda: 10**400, "invalid value"),
    "a list": (lambda: [1.0], "invalid value"),
    "a 0-d array": (lambda: np.array(2.0), "invalid value"),
    "raises": (lambda: _raise(RuntimeError("no")), "exception"),
    "raises what cannot be pickled": (lambda: _raise(Unpicklable()), "exception"),
    "sys.exit": (lambda: sys.exit(3), "exception"),
    "os._exit": (lambda: os._exit(3), "crash"),
    "segfault": (_segfault, "crash"),
    "out of memory": (_eats_memory, "out of memory"),
    "endless loop in C": (_endless_in_c, "timeout"),
    "ignores SIGTERM": (_ignores_sigterm, "timeout"),
    "forks": (_forks, "timeout"),
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_it_is_contained_to_its_trial(name, tmp_path):
    behaviour, failure = BEHAVIOURS[name]

    def objective(params, trial):
        return behaviour() if trial.number == 1 else params["x"]

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0, storage=tmp_path / "runs.db")
    begin = time.monotonic()
    study.optimize(
        objective, n_trials=5, n_jobs=2, trial_timeout=TIMEOUT, trial_memory_limit=500_000_000, progress=False
    )
    assert time.monotonic() - begin < 60
    trial = hpo.load_study(tmp_path / "runs.db").trials[1]
    assert trial.failure == failure, trial.reason
    assert trial.reason
    if failure == "timeout":
        assert trial.seconds < TIMEOUT + 4
    assert [str(t.state) for t in study.trials if t.number != 1] == ["complete"] * 4
    children = subprocess.run(
        ["pgrep", "-f", "time.sleep(1000)"], capture_output=True, text=True, check=False
    )
    assert children.stdout == ""


def test_a_leak_does_not_reach_the_next_trial():
    def leaking(params, trial):
        leaking.kept = [*getattr(leaking, "kept", []), np.ones(20_000_000)]
        return float(len(leaking.kept))

    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(leaking, n_trials=6, n_jobs=2, trial_memory_limit=400_000_000, progress=False)
    assert [t.value for t in study.trials] == [1.0] * 6
