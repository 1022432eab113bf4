"""The headline: a search, its choice refitted and scored, and what it cost."""

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.mnist import headline as module
from benchmarks.mnist.headline import headline, write
from benchmarks.mnist.objective import MAKERS, SPACES, Problem, split

SPACE = hpo.Space({"hidden_size": hpo.Int(8, 16), "learning_rate": hpo.Float(0.01, 0.5, log=True)})


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.notes, "measured", lambda source: 4000.0)
        yield headline(Problem("subset", "mlp", 200, 300), SPACE, n_trials=4, n_refits=2)


def test_the_chosen_configuration_is_refitted_with_other_seeds_and_scored_on_the_test_part(found):
    assert len(found.study.trials) == 4
    assert found.params == found.study.recommend().params
    problem = Problem("subset", "mlp", 200, 300)
    assert found.accuracies == tuple(problem.test(found.params, seed)["test accuracy"] for seed in (0, 1))
    assert found.accuracies[0] != found.accuracies[1]


def test_words_and_report_say_what_was_found_and_what_it_cost(found, tmp_path):
    lines = found.lines()
    assert f"{np.mean(found.accuracies):.2f} %" in lines[1]
    assert "a quarter is 1,000 s" in lines[2]
    assert (
        f"{(found.search_seconds + np.mean(found.refit_seconds)) / 4000:.2f} of the notes' time" in lines[2]
    )
    page = write(found, tmp_path / "new").read_text()
    assert "Plotly.newPlot" in page
    assert "test accuracy of 2 refits" in page
    assert lines[0] in (tmp_path / "new" / "report.md").read_text()


def test_no_test_digit_is_seen_before_the_refits_are_scored(monkeypatch):
    """The objective trains and validates on rows of the training part alone."""
    X = np.arange(12_000, dtype=np.float32)[:, None].repeat(2, axis=1)  # a row says its number
    y = np.arange(12_000) % 10
    monkeypatch.setattr("benchmarks.mnist.objective.load_mnist", lambda source, quiet: (X, y))
    seen = set()

    class Spy:
        def fit(self, X, y):
            seen.update(X[:, 0].tolist())
            return self

        def score(self, X, y):
            seen.update(X[:, 0].tolist())
            return 0.5

    monkeypatch.setitem(MAKERS, "mlp", lambda params, seed: Spy())
    problem = Problem("another subset", "mlp", 2_000, 5_000)
    assert problem.objective({}, 0) == 50
    training, test = split(y)
    assert seen <= set(training.tolist())
    assert len(seen) == 7_000
    problem.test({}, 0)
    assert seen >= set(test.tolist())


def test_the_notes_split_is_that_of_all_digits():
    training, test = split(np.zeros(70_000))
    assert (len(training), len(test)) == (56_000, 14_000)
    assert not np.intersect1d(training, test).size


def test_the_full_preset_needs_the_digits_and_prints_where_the_report_is(found, tmp_path, monkeypatch):
    refused = CliRunner().invoke(main, ["mnist", "--preset", "full"])
    assert refused.exit_code == 2
    assert "--data" in refused.output
    refused = CliRunner().invoke(main, ["mnist", "--preset", "full", "--data", "subset"])
    assert refused.exit_code == 2
    assert "12,000 digits" in refused.output
    monkeypatch.setattr("benchmarks.mnist.command.load_mnist", lambda source: (None, np.zeros(70_000)))
    asked = []
    monkeypatch.setattr(
        "benchmarks.mnist.command.headline", lambda *arguments: asked.append(arguments) or found
    )
    for model, network in (("mlp", "wide"), ("cnn", "cnn")):
        arguments = [
            "mnist",
            "--preset",
            "full",
            "--model",
            model,
            "--data",
            "subset",
            "--out",
            str(tmp_path),
        ]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert f"report: {tmp_path / 'report.html'}" in done.output
        problem, space, _, n_refits = asked.pop()
        assert problem.model == network
        assert n_refits == 5
        assert space.names == SPACES[network](20).names


def test_a_search_of_which_no_trial_is_complete_says_so_and_why(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.command.load_mnist", lambda source: (None, np.zeros(70_000)))
    monkeypatch.setattr(Problem, "objective", lambda problem, params, seed=0: float("nan"))
    arguments = ["mnist", "--preset", "full", "--data", "folder", "--trials", "2", "--out", str(tmp_path)]
    failed = CliRunner().invoke(main, arguments)
    assert failed.exit_code == 1
    assert isinstance(failed.exception, SystemExit)
    assert "Error: study: none of the 2 trials is complete; the latest failure is" in failed.output
    assert not list(tmp_path.iterdir())


def test_digits_too_few_for_a_test_part_are_refused_before_any_run(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.command.load_mnist", lambda source: (None, np.zeros(10_000)))
    arguments = ["mnist", "--preset", "smoke", "--data", "folder", "--out", str(tmp_path / "results")]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert "10,000 digits: must be all 70,000, or more than the 10,000" in refused.output
    assert not (tmp_path / "results").exists()


def test_a_comparison_prints_where_its_report_is(tmp_path):
    arguments = ["mnist", "--preset", "smoke", "--searchers", "random", "--out", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "report.html").exists()
    assert f"report: {tmp_path / 'report.html'}" in done.output
