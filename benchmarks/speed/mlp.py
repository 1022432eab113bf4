"""Training time of the network beside its own matrix products alone and scikit-learn's network."""

import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.mnist import MLP

SIZES = (((73,), 46), ((256,), 128), ((512, 512), 128))
N_FEATURES, N_CLASSES = 784, 10


def run(repeats: int, quick: bool) -> None:
    """Print the median CPU seconds of two epochs, all sides interleaved, one BLAS thread.

    The digits are random intensities, four fifths of them 0: what they show does not change the time.
    """
    n_rows = 4_000 if quick else 56_000
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, N_FEATURES), dtype=np.float32)
    X[X < 0.8] = 0
    y = rng.integers(0, N_CLASSES, n_rows)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for hidden, batch in SIZES[:1] if quick else SIZES:
            sides = _sides(X, y, hidden, batch)
            seconds: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(repeats):
                for name, side in sides.items():
                    begin = time.process_time()
                    side()
                    seconds[name].append(time.process_time() - begin)
            click.echo(f"\nhidden {hidden}, batch {batch}, {n_rows:,} rows, 2 epochs: CPU seconds, ratio")
            base = median(seconds["matrix products"])
            for name, values in seconds.items():
                click.echo(f"  {name:24} {median(values):7.3f} s  {median(values) / base:5.2f} x")


def _sides(X: Any, y: Any, hidden: tuple[int, ...], batch: int) -> dict[str, Callable[[], Any]]:
    ours = MLP(hidden, 0.01, 2, batch, random_state=0)
    all_on = MLP(
        hidden, 0.001, 2, batch, "adam", weight_decay=0.01, dropout=0.2, batch_norm=True, random_state=0
    )
    sklearn = MLPClassifier(
        hidden, solver="sgd", momentum=0, learning_rate_init=0.01, batch_size=batch, max_iter=2, alpha=0,
        random_state=0,
    )  # fmt: skip
    return {
        "matrix products": lambda: products_alone(X, (N_FEATURES, *hidden, N_CLASSES), batch),
        "MLP": lambda: ours.fit(X, y),
        "MLP, all on": lambda: all_on.fit(X, y),
        "MLPClassifier": lambda: sklearn.fit(X, y),
    }


def products_alone(X: Any, widths: tuple[int, ...], batch: int, epochs: int = 2) -> None:
    """Only the products of training, forward, for ∂W and for ∂x, into buffers made before."""
    pairs = list(pairwise(widths))
    weights = [np.full(pair, 1e-3, np.float32) for pair in pairs]
    gradients = [np.empty_like(w) for w in weights]
    outputs = [np.full((batch, m), 1e-3, np.float32) for _, m in pairs]
    backs = [np.empty((batch, n), np.float32) for n, _ in pairs]
    for _ in range(epochs):
        for begin in range(0, len(X) - batch + 1, batch):
            x = X[begin : begin + batch]
            inputs = [x, *outputs[:-1]]
            for x_in, weight, out in zip(inputs, weights, outputs):
                np.dot(x_in, weight, out=out)
            for depth in range(len(pairs) - 1, -1, -1):
                np.dot(inputs[depth].T, outputs[depth], out=gradients[depth])
                if depth:
                    np.dot(outputs[depth], weights[depth].T, out=backs[depth])
