"""What other libraries are told is what they would be told by their own users."""

import subprocess
import sys
from threading import Event, Thread, current_thread

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.suites.command import _searchers
from benchmarks.suites.peers import _in_daemon, peers


def test_nevergrad_is_told_how_many_trials_there_will_be():
    assert peers()["nevergrad"][1](300).budget == 300
    pytest.importorskip("nevergrad")
    searcher = _searchers("nevergrad", 30)["nevergrad"]
    assert searcher._optimizer(hpo.Space({"x": hpo.Float(0, 1)}), 0).budget == 30
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=searcher, seed=0)
    study.optimize(lambda p: p["x"], 5, progress=False)
    assert np.isfinite(study.best_value)


def test_a_thread_that_waits_for_good_does_not_keep_the_process():
    def start():
        thread = Thread(target=Event().wait)
        assert current_thread().daemon
        return thread.daemon

    assert _in_daemon(start)
    with pytest.raises(KeyError, match="told"):
        _in_daemon(lambda: {}["told"])


def test_a_process_ends_after_nevergrad():
    pytest.importorskip("nevergrad")
    code = """
import hpo
from benchmarks.suites.peers import NevergradSearcher

study = hpo.Study({"x": hpo.Float(-1, 1), "y": hpo.Float(-1, 1)}, searcher=NevergradSearcher(30), seed=0)
study.optimize(lambda p: p["x"] ** 2 + p["y"] ** 2, 30, progress=False)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_the_command_runs_a_peer(tmp_path):
    pytest.importorskip("optuna")
    arguments = ["functions", "--problems", "branin", "--trials", "10", "--seeds", "1", "--searchers",
                 "tpe,optuna-nsgaii", "--jobs", "1", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
