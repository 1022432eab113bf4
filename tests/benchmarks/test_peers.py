"""What other libraries are told is what they would be told by their own users."""

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.suites.command import _searchers
from benchmarks.suites.peers import peers


def test_nevergrad_is_told_how_many_trials_there_will_be():
    assert peers()["nevergrad"][1](300).budget == 300
    pytest.importorskip("nevergrad")
    searcher = _searchers("nevergrad", 30)["nevergrad"]
    assert searcher._optimizer(hpo.Space({"x": hpo.Float(0, 1)}), 0).budget == 30
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=searcher, seed=0)
    study.optimize(lambda p: p["x"], 5, progress=False)
    assert np.isfinite(study.best_value)


def test_the_command_runs_a_peer(tmp_path):
    pytest.importorskip("optuna")
    arguments = ["functions", "--problems", "branin", "--trials", "10", "--seeds", "1", "--searchers",
                 "tpe,optuna-nsgaii", "--jobs", "1", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
