"""The benchmark of the recommendation, at its smallest."""

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks import recommendation
from benchmarks.__main__ import main
from benchmarks.suites.collection import functions


class Line:
    """Its value is x, its optimum 0."""

    space = hpo.Space({"x": hpo.Float(0.0, 1.0)})
    optimum = 0.0


def run(task, values, truths):
    trials = [
        {"params": {"x": x}, "value": v, "noise_free": t, "state": "complete" if v is not None else "failed"}
        for x, v, t in zip(np.linspace(0, 1, len(values)), values, truths)
    ]
    return {"task": task, "trials": trials}


def test_the_share_is_of_regrets_without_noise_over_problems_and_seeds(monkeypatch):
    monkeypatch.setattr(
        hpo.Study, "recommend", lambda study: [t for t in study.trials if t.value is not None][-1]
    )
    runs = [
        run("a", [1.0, None, 3.0], [4.0, None, 2.0]),
        run("a", [1.0, 2.0, 3.0], [8.0, 2.0, 1.0]),
        run("b", [1.0, 2.0, 3.0], [0.0, 5.0, 0.0]),
    ]
    problems, random = {"a": Line, "b": Line}, dict.fromkeys("ab", np.array([4.0, 2.0, 1.0, 1.0]))
    # After three trials nothing was left to try.
    at_two, at_four = (ratio[0] for ratio in recommendation.share(runs, problems, random, [2, 4], n_jobs=1))
    assert at_four == pytest.approx((3 / 12) ** 0.5)  # of `b` both are solved
    # What is within a thousandth of random search's regret is solved.
    assert at_two == pytest.approx((6 / 12 * 5 / 0.002) ** 0.5)


def test_each_row_is_of_its_searcher_with_the_seeds_that_were_asked_for(tmp_path, monkeypatch):
    seen = []

    def share(runs, problems, random, marks, n_jobs):
        seen.append([(run["searcher"], run["seed"], len(run["trials"])) for run in runs])
        assert marks == [20]
        return [np.ones(3) for _ in marks]

    few = {"branin": functions()["branin"]}
    monkeypatch.setattr(recommendation, "ALL", {"functions": lambda: few})
    monkeypatch.setattr(recommendation, "share", share)
    monkeypatch.setattr("benchmarks.suites.regret.RANDOM_RUNS", 2)
    arguments = ["recommendation", "--searchers", "random,genetic", "--suites", "functions", "--trials", "20"]
    arguments += ["--seeds", "2", "--first-seed", "7", "--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert seen == [[(searcher, seed, 20) for seed in (7, 8)] for searcher in ("random", "genetic")]


def test_the_command_writes_a_row_a_suite_and_searcher(tmp_path, monkeypatch):
    few = {name: problem for name, problem in functions().items() if name in ("branin", "ackley-2")}
    monkeypatch.setattr(recommendation, "ALL", {"functions": lambda: few})
    monkeypatch.setattr("benchmarks.suites.regret.RANDOM_RUNS", 2)
    arguments = ["recommendation", "--suites", "functions", "--searchers", "random,gp", "--trials", "22"]
    done = CliRunner().invoke(main, [*arguments, "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (tmp_path / "recommendation.md").read_text().splitlines()
    ]
    assert rows[0] == ["problems", "searcher", "after 20 trials", "after 22 trials"]
    assert [row[:2] for row in rows[2:]] == [["2 functions", "random"], ["2 functions", "gp"]]
    assert all(float(cell.split()[0]) > 0 for row in rows[2:] for cell in row[2:])


def test_a_run_without_a_value_is_said_plainly(tmp_path, monkeypatch):
    class Broken(Line):
        def observe(self, params, seed=0):
            raise FloatingPointError("always")

        def truth(self, params):
            return params["x"]

    monkeypatch.setattr(recommendation, "ALL", {"broken": lambda: {"line": Broken()}})
    monkeypatch.setattr(recommendation, "random_regret", lambda *_: np.ones((1, 20)))
    arguments = ["recommendation", "--suites", "broken", "--searchers", "random", "--trials", "20"]
    with pytest.warns(UserWarning, match="all 20 trials failed"):
        done = CliRunner().invoke(main, [*arguments, "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "none of the 20 trials is complete" in done.output
