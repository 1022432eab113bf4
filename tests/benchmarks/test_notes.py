"""The plain network whose time stands for the starting notes'."""

import numpy as np

from benchmarks.mnist import MLP, load_mnist
from benchmarks.mnist.notes import procedure_seconds, train


def test_it_learns_what_our_network_learns():
    X, y = load_mnist("subset", quiet=True)
    params = {"hidden_size": 32, "batch_size": 32, "learning_rate": 0.1}
    W1, b1, W2, b2 = train(X[:1500].astype(float), y[:1500], params, epochs=8)
    assert W1.dtype == np.float64
    scores = np.maximum(X[10_000:] @ W1 + b1, 0) @ W2 + b2
    accuracy = np.mean(scores.argmax(axis=1) == y[10_000:])
    ours = MLP((32,), 0.1, 8, 32, random_state=0).fit(X[:1500], y[:1500]).score(X[10_000:], y[10_000:])
    assert abs(accuracy - ours) < 0.02


def test_time_grows_with_the_data():
    rng = np.random.default_rng(0)
    X, y = rng.random((2000, 784)), rng.integers(0, 10, 2000)
    assert 0 < procedure_seconds(X[:300], y[:300], 0, False) < procedure_seconds(X, y, 0, False)
