"""The plain network whose time stands for the starting notes'."""

import numpy as np
import pytest

from benchmarks.mnist import MLP, load_mnist, notes


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
