"""``python -m benchmarks notes``: CPU time of the starting notes' own procedure, in their arithmetic.

Random search of ten configurations with 5-fold cross-validation on 56,000 digits and a refit, with a
one-hidden-layer network in float64 and plain gradient descent, written as plainly as such notes are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.objective import notes_space, split
from benchmarks.options import said_plainly
from hpo.compare.cell import initial_design
from hpo.space import Space

Array = NDArray[np.float64]
N_CONFIGURATIONS, N_FOLDS = 10, 5
FOLDS_HELP = "Train so many folds in full, minutes each, and count them as five; 0: one epoch of one."


@click.command()
@click.option("--data", required=True, help="Folder of MNIST's four IDX files.")
@click.option("--folds", type=click.IntRange(0, N_FOLDS), default=0, show_default=True, help=FOLDS_HELP)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Draws the ten configurations.")  # fmt: skip
def command(data: str, folds: int, seed: int) -> None:
    """CPU time of the starting notes' procedure on this machine, one BLAS thread."""
    with said_plainly():
        _, y = load_mnist(data, quiet=True)
        if len(y) != 70_000:
            raise click.UsageError(
                f"--data {data}: has {len(y):,} digits; the notes' procedure needs all 70,000"
            )
        seconds = measured(data, seed, folds)
    how = "one epoch of one fold" if not folds else f"{folds} of {N_FOLDS} folds"
    click.echo(
        f"the notes' procedure: {seconds:,.0f} s of CPU time, measured on {how} of each configuration; "
        f"a quarter is {seconds / 4:,.0f} s"
    )


def measured(source: str, seed: int = 0, folds: int = 0) -> float:
    """CPU seconds of the notes' procedure on the training part of these digits, one BLAS thread."""
    X, y = load_mnist(source, quiet=True)
    rows, _ = split(y)
    with threadpool_limits(1):
        X64 = X[rows].astype(np.float64)
        return whole_seconds(X64, y[rows], seed, folds) if folds else scaled_seconds(X64, y[rows], seed)


def configurations(seed: int) -> list[dict[str, Any]]:
    """The ten that random search tries."""
    return initial_design(Space.of(notes_space()), N_CONFIGURATIONS, seed)


def whole_seconds(X: Array, y: NDArray[np.int64], seed: int, n_folds: int = N_FOLDS) -> float:
    """CPU seconds of 5-fold cross-validation of the ten configurations and the refit of the best.

    Parameters
    ----------
    X : (n, p) array
    y : (n,) array of int
    seed : int
    n_folds : int
        How many of the five are trained; their time is scaled up to five.
    """
    begin = time.process_time()
    folds = np.array_split(np.random.default_rng(seed).permutation(len(X)), N_FOLDS)
    accuracies = []
    for params in configurations(seed):
        scores = []
        for held_out in folds[:n_folds]:
            rows = np.setdiff1d(np.arange(len(X)), held_out)
            model = train(X[rows], y[rows], params, params["epochs"])
            scores.append(np.mean(predict(model, X[held_out]) == y[held_out]))
        accuracies.append(float(np.mean(scores)))
        spent = time.process_time() - begin
        click.echo(
            f"  {_shown(params)}: accuracy {100 * accuracies[-1]:.2f} %, {spent:,.0f} s so far", err=True
        )
    validation = time.process_time() - begin
    best = configurations(seed)[int(np.argmax(accuracies))]
    train(X, y, best, best["epochs"])
    return time.process_time() - begin + validation * (N_FOLDS / n_folds - 1)


def scaled_seconds(X: Array, y: NDArray[np.int64], seed: int) -> float:
    """`whole_seconds` scaled up from one epoch of one fold of each configuration.

    The refit counts as much as the mean configuration, scoring the folds nothing.
    """
    n = len(X) * (N_FOLDS - 1) // N_FOLDS
    total = 0.0
    for params in configurations(seed):
        begin = time.process_time()
        train(X[:n], y[:n], params, epochs=1)
        total += (time.process_time() - begin) * params["epochs"] * N_FOLDS
    return total * (1 + len(X) / n / (N_FOLDS * N_CONFIGURATIONS))


def train(X: Array, y: NDArray[np.int64], params: Mapping[str, Any], epochs: int) -> list[Array]:
    """Weights and biases after plain mini-batch gradient descent on cross-entropy."""
    rng = np.random.default_rng(0)
    hidden, batch, rate = params["hidden_size"], params["batch_size"], params["learning_rate"]
    W1, b1 = rng.normal(size=(X.shape[1], hidden)) * np.sqrt(2 / X.shape[1]), np.zeros(hidden)
    W2, b2 = rng.normal(size=(hidden, 10)) * np.sqrt(2 / hidden), np.zeros(10)
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch):
            chosen = order[start : start + batch]
            x = X[chosen]
            h = np.maximum(x @ W1 + b1, 0)
            scores = h @ W2 + b2
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            d = e / e.sum(axis=1, keepdims=True)
            d[np.arange(len(d)), y[chosen]] -= 1
            d /= len(d)
            dh = (d @ W2.T) * (h > 0)
            W2 -= rate * (h.T @ d)
            b2 -= rate * d.sum(axis=0)
            W1 -= rate * (x.T @ dh)
            b1 -= rate * dh.sum(axis=0)
    return [W1, b1, W2, b2]


def predict(model: list[Array], X: Array) -> NDArray[np.int64]:
    """Classes that the network of `train` gives to the rows of X."""
    W1, b1, W2, b2 = model
    scores: Array = np.maximum(X @ W1 + b1, 0) @ W2 + b2
    classes: NDArray[np.int64] = scores.argmax(axis=1)
    return classes


def _shown(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
