"""The plain network whose time stands for the starting notes'."""

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.mnist import MLP, load_mnist, notes
from benchmarks.mnist.objective import split


def test_it_learns_what_our_network_learns():
    X, y = load_mnist("subset", quiet=True)
    params = {"hidden_size": 32, "batch_size": 32, "learning_rate": 0.1}
    model = notes.train(X[:1500].astype(float), y[:1500], params, epochs=8)
    assert model[0].dtype == np.float64
    accuracy = np.mean(notes.predict(model, X[10_000:]) == y[10_000:])
    ours = MLP((32,), 0.1, 8, 32, random_state=0).fit(X[:1500], y[:1500]).score(X[10_000:], y[10_000:])
    assert abs(accuracy - ours) < 0.02


def test_the_scaled_time_trains_each_configuration_for_one_epoch_of_four_fifths(monkeypatch):
    calls = []
    monkeypatch.setattr(notes, "train", lambda X, y, params, epochs: calls.append((len(X), epochs)))
    clock = iter(range(100))
    monkeypatch.setattr(notes.time, "process_time", lambda: float(next(clock)))  # each call takes a second
    seconds = notes.scaled_seconds(np.zeros((50, 2)), np.zeros(50, int), 0)
    assert calls == [(40, 1)] * 10
    epochs = [params["epochs"] for params in notes.configurations(0)]
    assert seconds == pytest.approx(5 * sum(epochs) + np.mean(epochs) * 50 / 40)


@pytest.mark.parametrize("n_folds", [1, 5])
def test_the_procedure_validates_folds_of_each_configuration_and_refits_the_best(monkeypatch, n_folds):
    calls, clock = [], [0.0]

    def train(X, y, params, epochs):
        calls.append((len(X), epochs, params))
        clock[0] += 1  # a training takes a second
        return params

    best = notes.configurations(0)[3]
    monkeypatch.setattr(notes, "train", train)
    monkeypatch.setattr(notes, "predict", lambda params, X: np.full(len(X), int(params != best)))
    monkeypatch.setattr(notes.time, "process_time", lambda: clock[0])
    assert notes.whole_seconds(np.zeros((50, 2)), np.zeros(50, int), 0, n_folds) == 10 * 5 + 1
    expected = [(40, p["epochs"], p) for p in notes.configurations(0) for _ in range(n_folds)]
    assert calls == [*expected, (50, best["epochs"], best)]


@pytest.mark.parametrize(("folds", "called"), [(0, "scaled"), (2, "whole")])
def test_what_is_measured_is_the_training_part_in_float64(monkeypatch, folds, called):
    X, y = np.arange(12_000, dtype=np.float32)[:, None], np.arange(12_000)  # a row says its number
    monkeypatch.setattr(notes, "load_mnist", lambda source, quiet: (X, y))
    asked = []
    for name in ("scaled", "whole"):
        monkeypatch.setattr(notes, f"{name}_seconds", lambda *a, name=name: asked.append((name, a)) or 8.0)
    assert notes.measured("somewhere", 3, folds) == 8.0
    ((name, (rows, labels, *rest)),) = asked
    assert (name, rest) == (called, [3, 2] if folds else [3])
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(labels, split(y)[0])
    np.testing.assert_array_equal(rows[:, 0], labels)


@pytest.mark.parametrize(
    ("options", "how"), [([], "one epoch of one fold"), (["--folds", "2"], "2 of 5 folds")]
)
def test_the_command_says_what_was_measured_and_on_what(monkeypatch, options, how):
    asked = []
    monkeypatch.setattr(notes, "load_mnist", lambda source, quiet: (None, np.zeros(70_000)))
    monkeypatch.setattr(notes, "measured", lambda *arguments: asked.append(arguments) or 4000.0)
    done = CliRunner().invoke(main, ["notes", "--data", "digits", "--seed", "3", *options])
    assert done.output == (
        f"the notes' procedure: 4,000 s of CPU time, measured on {how} of each configuration; a quarter is "
        "1,000 s\n"
    )
    assert asked == [("digits", 3, 2 if options else 0)]


def test_fewer_digits_than_the_notes_had_are_refused():
    """Their time would be shown as the notes'."""
    refused = CliRunner().invoke(main, ["notes", "--data", "subset"])
    assert refused.exit_code == 2
    assert "--data subset: has 12,000 digits; the notes' procedure needs all 70,000" in refused.output
