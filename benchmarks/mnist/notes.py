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
from hpo.compare.cell import initial_design
from hpo.space import Space

Array = NDArray[np.float64]
N_CONFIGURATIONS, N_FOLDS = 10, 5


@click.command()
@click.option("--data", required=True, help="Folder of MNIST's four IDX files.")
@click.option("--whole", is_flag=True, help="Train every epoch of every fold, about an hour; else one epoch "
              "of one fold of each configuration, times their number.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the ten configurations.")
def command(data: str, whole: bool, seed: int) -> None:
    """CPU time of the starting notes' procedure on this machine, one BLAS thread."""
    X, y = load_mnist(data)
    rows, _ = split(data, y)
    with threadpool_limits(1):
        seconds = procedure_seconds(X[rows].astype(np.float64), y[rows], seed, whole)
    how = "measured in full" if whole else "scaled from one epoch of one fold each"
    click.echo(
        f"the notes' procedure: {seconds:,.0f} s of CPU time, {how}; a quarter is {seconds / 4:,.0f} s"
    )


def procedure_seconds(X: Array, y: NDArray[np.int64], seed: int, whole: bool) -> float:
    """CPU seconds of search and refit; the refit is taken to be the dearest configuration's mean.

    Parameters
    ----------
    X : (n, p) array
    y : (n,) array of int
    seed : int
    whole : bool
        Train all epochs of all folds, not one epoch of one fold.
    """
    fold = len(X) * (N_FOLDS - 1) // N_FOLDS
    total, refits = 0.0, []
    for params in initial_design(Space.of(notes_space()), N_CONFIGURATIONS, seed):
        repeats, epochs = (N_FOLDS, params["epochs"]) if whole else (1, 1)
        begin = time.process_time()
        for _ in range(repeats):
            train(X[:fold], y[:fold], params, epochs)
        seconds = (time.process_time() - begin) * N_FOLDS * params["epochs"] / (repeats * epochs)
        total += seconds
        refits.append(seconds / N_FOLDS * len(X) / fold)
        click.echo(f"  {_shown(params)}: {seconds:,.0f} s for {N_FOLDS} folds", err=True)
    return total + float(np.mean(refits))


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


def _shown(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
