"""The headline: a search, its choice refitted and scored, and what it cost."""

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.mnist import headline as module
from benchmarks.mnist.command import _quarter
from benchmarks.mnist.headline import Headline, headline, write
from benchmarks.mnist.objective import MAKERS, SPACES, Problem, split
from hpo.compare.statistics import interval

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


def test_the_words_are_of_the_recommended_trial_and_of_what_each_part_took(monkeypatch):
    monkeypatch.setattr(hpo.Study, "recommend", lambda study: study.trials[2])  # not the luckiest
    study = hpo.Study(SPACE, searcher="random", seed=0)
    for size, error in ((8, 5.0), (9, 3.25), (16, 4.0)):
        study.add_trial({"hidden_size": size, "learning_rate": 0.1}, error)
    params = study.trials[2].params
    found = Headline(study, params, (98.0, 99.0, 98.5, 98.5, 98.0), 100.0, (10.0, 30.0), 480.0)
    search, accuracy, spent = found.lines()
    assert search == f"search: 3 trials by gp; chosen is trial 2 with validation error 4.00 %: {params}"
    ends = interval(np.array(found.accuracies))
    assert accuracy == (
        f"test accuracy of 5 refits: 98.40 % [{ends.low:.2f}, {ends.high:.2f}] (98.00, 99.00, 98.50, 98.50, "
        "98.00); the notes: 97.55 %"
    )
    assert "search 100 s + refit 20 s = 120 s; the notes' own procedure 480 s" in spent
    assert spent.endswith("of which a quarter is 120 s: 0.25 of the notes' time")


def test_the_page_shows_names_as_they_stand_and_every_trial(tmp_path):
    study = hpo.Study(hpo.Space({"a<b": hpo.Int(0, 9), "c": hpo.Int(0, 9)}), searcher="random", seed=0)
    for a in range(3):
        study.add_trial({"a<b": a, "c": a}, 7.125 + a)
    page = write(Headline(study, {"a<b": 0}, (98.0,), 1.0, (1.0,), 4.0), tmp_path).read_text()
    assert "{&#x27;a&lt;b&#x27;: 0" in page
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert [f"{7.125 + a:.4g}" in rows for a in range(3)] == [True] * 3
    assert page.count('class="plotly-graph-div"') == 3
    assert len(page) < 6_000_000  # the library is there once


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
    for model, network, trials in (("mlp", "wide", 12), ("cnn", "cnn", 24)):
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
        problem, space, n_trials, n_refits = asked.pop()
        assert problem == Problem("subset", network, 10_000, 10_000)
        assert (n_trials, n_refits) == (trials, 5)
        assert repr(space) == repr(SPACES[network](20))
        assert CliRunner().invoke(main, [*arguments, "--trials", "3"]).exit_code == 0
        assert asked.pop()[2] == 3


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


@pytest.mark.parametrize(
    ("arguments", "problem", "expected"),
    [
        (["--preset", "smoke", "--jobs", "2"], Problem("subset", "mlp", 500, 1_000),
         {"n_trials": 6, "repeats": 2, "n_initial": None, "n_jobs": 2, "out": "results/mnist-mlp-smoke"}),
        (["--model", "cnn", "--trials", "5", "--seeds", "3", "--initial", "0", "--out", "here"],
         Problem("subset", "cnn", 2_000, 5_000),
         {"n_trials": 5, "repeats": 3, "n_initial": 0, "n_jobs": None, "out": "here"}),
        (["--preset", "full", "--data", "digits"], Problem("digits", "wide", 10_000, 10_000),
         {"n_trials": 12, "repeats": 5, "n_initial": None, "n_jobs": None, "out": "results/mnist-mlp-full"}),
    ],
)  # fmt: skip
def test_a_comparison_is_of_the_size_that_was_asked_for(arguments, problem, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.mnist.command.load_mnist", lambda source: (None, np.zeros(70_000)))
    asked = []

    def compare(tasks, searchers, **options):
        asked.append((tasks, searchers, options))
        raise RuntimeError("1 of 2 cells failed")

    monkeypatch.setattr("benchmarks.mnist.command.hpo.compare", compare)
    failed = CliRunner().invoke(main, ["mnist", "--searchers", "tpe, gp", *arguments])
    assert failed.exit_code == 1
    assert "Error: 1 of 2 cells failed" in failed.output
    ((tasks, searchers, options),) = asked
    ((name, task),) = tasks.items()
    max_epochs = 12 if "smoke" in arguments else 20
    assert name == f"MNIST, {problem.model}"
    assert task.objective.__self__ == task.test.__self__ == problem
    assert repr(task.space) == repr(SPACES[problem.model](max_epochs))
    assert searchers == ["tpe", "gp"]
    assert options == expected


def comparison(losses, n_initial):
    """Of one task: losses by searcher, a row a seed."""
    n_trials = len(next(iter(losses.values()))[0])
    plan = {"tasks": {"t": {}}, "searchers": list(losses), "n_trials": n_trials, "n_initial": n_initial,
            "seeds": [0, 1]}  # fmt: skip
    shared = {"state": "complete", "noise_free": None, "seconds": 1.0, "search_seconds": 0.0}
    cells = [
        {"task": "t", "searcher": name, "seed": seed, "definition": {"direction": "minimize"}, "test": None,
         "trials": [{"value": value, **shared} for value in values]}
        for name, rows in losses.items()
        for seed, values in enumerate(rows)
    ]  # fmt: skip
    return hpo.compare.Comparison(plan, cells)


def test_a_quarter_of_gps_trials_is_held_against_all_of_tpes():
    losses = {
        "gp": [[9, 8, 5, 4, 3, 2, 1, 1, 1], [9, 6, 3, 4, 3, 2, 1, 1, 1]],
        "tpe": [[9, 9, 9, 9, 9, 9, 9, 9, 9], [9, 8, 7, 6, 5, 4, 4, 4, 4]],
    }
    assert _quarter(comparison(losses, 1), "t") == [
        "gp after 2 trials 7.0000, tpe after 9 6.5000; gp is ahead with 1 of 2 seeds"
    ]
    assert _quarter(comparison(losses, 2), "t") == []  # what all searchers share
    for name in losses:
        assert _quarter(comparison({name: losses[name]}, 1), "t") == []


def test_a_comparison_prints_where_its_report_is(tmp_path, monkeypatch):
    arguments = ["mnist", "--preset", "smoke", "--searchers", "random", "--out", str(tmp_path), "--jobs", "1"]
    monkeypatch.setattr("benchmarks.mnist.command._quarter", lambda found, task: [f"a quarter of {task}"])
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "a quarter of MNIST, mlp\n" in done.output
    assert (tmp_path / "report.html").exists()
    assert f"report: {tmp_path / 'report.html'}" in done.output
