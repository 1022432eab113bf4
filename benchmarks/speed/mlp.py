"""The NumPy network beside its own matrix products alone, scikit-learn's network and PyTorch."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.mnist import MLP
from benchmarks.mnist.training import PREDICTION_BATCH

SIZES = (((73,), 46), ((256,), 128), ((512, 512), 128))
N_ROWS, N_PREDICTED = 56_000, 14_000
N_FEATURES, N_CLASSES = 784, 10
Sides = Mapping[str, Callable[[], Any]]


def run(repeats: int, quick: bool) -> None:
    """Print the median CPU seconds of two epochs and of a prediction, all sides interleaved, one BLAS thread.

    The digits are random intensities, four fifths of them 0: what they show does not change the time.
    """
    if find_spec("torch") is None:
        click.echo("PyTorch is not installed and left out: pip install torch")
    X, y = _digits(4_000 if quick else N_ROWS)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for hidden, batch in SIZES[:1] if quick else SIZES:
            title = f"hidden {hidden}, batch {batch}"
            _compare(f"{title}: two epochs of {len(X):,} rows", training(X, y, hidden, batch), repeats)
            new = X[:N_PREDICTED]
            _compare(
                f"{title}: prediction of {len(new):,} rows", prediction(X, y, new, hidden, batch), repeats
            )
        _memory(X, y)
    _two_processes(X, y, repeats)


def training(X: Any, y: Any, hidden: tuple[int, ...], batch: int) -> Sides:
    """What is timed; "all on" is batch normalisation, dropout, weight decay and Adam together."""
    ours = MLP(hidden, 0.01, 2, batch, random_state=0)
    all_on = MLP(
        hidden, 0.001, 2, batch, "adam", weight_decay=0.01, dropout=0.2, batch_norm=True, random_state=0
    )
    sklearn = _sklearn(hidden, batch)
    sides = {
        "matrix products": lambda: products_alone(X, hidden, batch),
        "MLP": lambda: ours.fit(X, y),
        "MLP, all on": lambda: all_on.fit(X, y),
        "MLPClassifier": lambda: sklearn.fit(X, y),
    }
    if find_spec("torch") is not None:
        from benchmarks.speed import pytorch

        for name, is_all_on in (("PyTorch", False), ("PyTorch, all on", True)):
            sides[name] = partial(pytorch.train, X, y, hidden, batch, N_CLASSES, is_all_on)
    return sides


def prediction(X: Any, y: Any, new: Any, hidden: tuple[int, ...], batch: int) -> Sides:
    """Classes of the rows of `new` by networks that were trained a little."""
    few = slice(0, 10 * batch)
    ours = MLP(hidden, 0.01, 1, batch, random_state=0).fit(X[few], y[few])
    all_on = MLP(hidden, 0.01, 1, batch, dropout=0.2, batch_norm=True, random_state=0).fit(X[few], y[few])
    sklearn = _sklearn(hidden, batch).fit(X[few], y[few])
    sides = {
        "matrix products": lambda: products_of_prediction(new, hidden),
        "MLP": lambda: ours.predict(new),
        "MLP, all on": lambda: all_on.predict(new),
        "MLPClassifier": lambda: sklearn.predict(new),
    }
    if find_spec("torch") is not None:
        from benchmarks.speed import pytorch

        model = pytorch.train(X[few], y[few], hidden, batch, N_CLASSES, False)
        sides["PyTorch"] = lambda: pytorch.predict(model, new)
    return sides


def products_alone(X: Any, hidden: tuple[int, ...], batch: int, epochs: int = 2) -> None:
    """Only the products of training, forward, for ∂W and for ∂x, into buffers made before."""
    pairs = list(pairwise((X.shape[1], *hidden, N_CLASSES)))
    weights = [np.full(pair, 1e-3, np.float32) for pair in pairs]
    gradients = [np.empty_like(w) for w in weights]
    outputs = [np.full((batch, m), 1e-3, np.float32) for _, m in pairs]
    backs = [np.empty((batch, n), np.float32) for n, _ in pairs]
    for _ in range(epochs):
        for begin in range(0, len(X) - batch + 1, batch):
            inputs = [X[begin : begin + batch], *outputs[:-1]]
            for x_in, weight, out in zip(inputs, weights, outputs):
                np.dot(x_in, weight, out=out)
            for depth in range(len(pairs) - 1, -1, -1):
                np.dot(inputs[depth].T, outputs[depth], out=gradients[depth])
                if depth:
                    np.dot(outputs[depth], weights[depth].T, out=backs[depth])


def products_of_prediction(X: Any, hidden: tuple[int, ...]) -> None:
    """Only the products forward, in batches of the size that the network predicts in."""
    pairs = list(pairwise((X.shape[1], *hidden, N_CLASSES)))
    weights = [np.full(pair, 1e-3, np.float32) for pair in pairs]
    outputs = [np.empty((PREDICTION_BATCH, m), np.float32) for _, m in pairs]
    for begin in range(0, len(X), PREDICTION_BATCH):
        x = X[begin : begin + PREDICTION_BATCH]
        for weight, out in zip(weights, outputs):
            x = np.dot(x, weight, out=out[: len(x)])


def _digits(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.random((n, N_FEATURES), dtype=np.float32)
    X[X < 0.8] = 0
    return X, rng.integers(0, N_CLASSES, n)


def _sklearn(hidden: tuple[int, ...], batch: int) -> Any:
    # Plain descent, as ours: without the step for a momentum that is 0.
    return MLPClassifier(
        hidden, solver="sgd", momentum=0, nesterovs_momentum=False, learning_rate_init=0.01, batch_size=batch,
        max_iter=2, alpha=0, random_state=0,
    )  # fmt: skip


def _compare(title: str, sides: Sides, repeats: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            begin = time.process_time()
            side()
            seconds[name].append(time.process_time() - begin)
    click.echo(f"\n{title}: CPU seconds, ratio to the products")
    base = median(seconds["matrix products"])
    for name, values in seconds.items():
        click.echo(f"  {name:24} {median(values):7.3f} s  {median(values) / base:5.2f} x")


def _memory(X: Any, y: Any) -> None:
    """Peak of what a fit allocates (NumPy tells tracemalloc), on top of the data."""
    model = MLP(SIZES[-1][0], 0.001, 1, SIZES[-1][1], "adam", dropout=0.2, batch_norm=True, random_state=0)
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    click.echo(
        f"\nmemory of fit, hidden {SIZES[-1][0]}, all on: {X.nbytes / 1e6:,.0f} MB of data and at most "
        f"{peak / 1e6:,.1f} MB more: {1 + peak / X.nbytes:.2f} x the data"
    )


def _two_processes(X: Any, y: Any, repeats: int) -> None:
    """Wall time of one network in one process, and of two in two that map the same file of digits."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        with context.Manager() as manager, context.Pool(2) as pool:
            gate = manager.Barrier(2)
            seconds: dict[int, list[float]] = {1: [], 2: []}
            for _ in range(repeats + 1):
                seconds[1].append(pool.apply(train_mapped, (path, y, None)))
                both = pool.starmap(train_mapped, [(path, y, gate)] * 2, chunksize=1)
                seconds[2].append(max(both))
    one, two = median(seconds[1][1:]), median(seconds[2][1:])  # the first run of each warms up
    click.echo(
        f"\nwall time of training, hidden {SIZES[0][0]}: one network {one:.3f} s, two in two processes "
        f"that map one file {two:.3f} s: {two / one:.2f} x"
    )


def train_mapped(path: Path, y: Any, gate: Any) -> float:
    """Wall seconds of one fit in a worker process, begun when all are at the gate."""
    X = np.load(path, mmap_mode="r")
    model = MLP(SIZES[0][0], 0.01, 2, SIZES[0][1], random_state=0)
    with threadpool_limits(1):
        if gate is not None:
            gate.wait()
        begin = time.perf_counter()
        model.fit(X, y)
        return time.perf_counter() - begin
