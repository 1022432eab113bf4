"""What is tuned on MNIST: the spaces, the validation error of a configuration, and its test error."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

import hpo
from benchmarks.mnist.classifier import NetworkClassifier
from benchmarks.mnist.cnn import CNN
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.mlp import MLP
from benchmarks.mnist.products import Array

SUBSET_TRAIN = 10_000  # the first rows of the shipped subset; the rest is its test set


def notes_space() -> dict[str, Any]:
    """The starting notes' own space: one hidden layer, plain gradient descent."""
    return {
        "hidden_size": hpo.Int(32, 255),
        "learning_rate": hpo.Ordinal([0.001, 0.01, 0.1]),
        "epochs": hpo.Int(10, 49),
        "batch_size": hpo.Int(32, 127),
    }


def mlp_space(max_epochs: int = 49) -> hpo.Space:
    """The notes' ranges, the learning rate continuous, and how to regularise."""
    return hpo.Space(
        {
            "hidden_size": hpo.Int(32, 255, log=True),
            "learning_rate": hpo.Float(1e-3, 1.0, log=True),
            "epochs": hpo.Int(min(10, max_epochs), max_epochs),
            "batch_size": hpo.Int(32, 127, log=True),
            "weight_decay": hpo.Float(1e-6, 1e-1, log=True),
            "dropout": hpo.Float(0.0, 0.5),
            "batch_norm": hpo.Categorical([False, True]),
        }
    )


def wide_space(max_epochs: int = 20) -> hpo.Space:
    """Wider networks with Adam, a falling rate and moved images, for all 70,000 digits."""
    return hpo.Space(
        {
            "hidden_size": hpo.Int(256, 512, log=True),
            "n_layers": hpo.Int(1, 2),
            "learning_rate": hpo.Float(5e-4, 5e-3, log=True),
            "epochs": hpo.Int(min(8, max_epochs), max_epochs),
            "batch_size": hpo.Ordinal([64, 128, 256]),
            "weight_decay": hpo.Float(1e-5, 1e-2, log=True),
            "dropout": hpo.Float(0.0, 0.4),
            "max_shift": hpo.Int(0, 2),
        }
    )


def cnn_space(max_epochs: int = 18) -> hpo.Space:
    """Filters, kernel and training of the convolutional network, whose epochs are dear: 18 at most.

    Searches in narrower ranges chose the most units, the most epochs and the highest rate they were given.
    """
    most = min(18, max_epochs)
    return hpo.Space(
        {
            "n_filters": hpo.Int(8, 16, log=True),
            "kernel_size": hpo.Ordinal([3, 5]),
            "hidden_size": hpo.Int(64, 384, log=True),
            "learning_rate": hpo.Float(1e-3, 2e-2, log=True),
            "epochs": hpo.Int(min(6, most), most),
            "dropout": hpo.Float(0.0, 0.5),
            "max_shift": hpo.Int(0, 2),
        }
    )


def make_mlp(params: Mapping[str, Any], random_state: int) -> NetworkClassifier:
    """Network of a configuration: ``hidden_size`` and ``n_layers`` become ``hidden_sizes``."""
    rest = dict(params)
    sizes = (rest.pop("hidden_size"),) * rest.pop("n_layers", 1)
    return MLP(hidden_sizes=sizes, random_state=random_state, **rest)


def make_wide(params: Mapping[str, Any], random_state: int) -> NetworkClassifier:
    """Network of a configuration of `wide_space`."""
    return make_mlp({"optimizer": "adam", "batch_norm": True, "schedule": "cosine", **params}, random_state)


def make_cnn(params: Mapping[str, Any], random_state: int) -> NetworkClassifier:
    """Convolutional network of a configuration of `cnn_space`."""
    return CNN(random_state=random_state, **params)


SPACES = {"mlp": mlp_space, "wide": wide_space, "cnn": cnn_space}  # by the greatest number of epochs
MAKERS = {"mlp": make_mlp, "wide": make_wide, "cnn": make_cnn}


@dataclass(frozen=True)
class Problem:
    """One benchmark: data, split and network. Picklable, as it holds names only, never digits.

    Parameters
    ----------
    source : str
        As for `load_mnist`.
    model : {"mlp", "wide", "cnn"}
    n_train, n_validation : int
        Digits to train and validate on during the search, drawn once, stratified, from the
        training part. The test part is never among them.
    """

    source: str = "subset"
    model: str = "mlp"
    n_train: int = 2_000
    n_validation: int = 5_000

    def objective(self, params: dict[str, Any], seed: int = 0) -> float:
        """Validation error in %, the same whenever `params` and `seed` are the same.

        Raises
        ------
        FloatingPointError
            If training diverges: the trial fails.
        """
        X, y, (train, validation, _, _) = prepared(self)
        model = MAKERS[self.model](params, _seed_of(params, seed)).fit(X[train], y[train])
        return 100 * (1 - float(model.score(X[validation], y[validation])))

    def test(self, params: dict[str, Any], seed: int = 0) -> dict[str, float]:
        """Refit on the whole training part; accuracy on the untouched test part in %."""
        X, y, (_, _, full, test) = prepared(self)
        model = MAKERS[self.model](params, _seed_of(params, seed)).fit(X[full], y[full])
        return {"test accuracy": 100 * float(model.score(X[test], y[test]))}

    def task(self, space: Any) -> hpo.Task:
        """This problem for `hpo.compare`."""
        return hpo.Task(self.objective, space, test=self.test, metric="validation error", unit="%")


def split(y: Array) -> tuple[Array, Array]:
    """Row numbers of the training and the test part.

    All 70,000 digits: the starting notes' split, 56,000 and 14,000. The subset: MNIST's own.

    Raises
    ------
    ValueError
        If there are too few for a test part.
    """
    rows = np.arange(len(y))
    if len(y) == 70_000:
        train, test = train_test_split(rows, test_size=0.2, random_state=42)
        return train, test
    if len(y) <= SUBSET_TRAIN:
        raise ValueError(
            f"{len(y):,} digits: must be all 70,000, or more than the {SUBSET_TRAIN:,} that a search is given"
        )
    return rows[:SUBSET_TRAIN], rows[SUBSET_TRAIN:]


@lru_cache(maxsize=2)
def prepared(problem: Problem) -> tuple[Array, Array, tuple[Array, Array, Array, Array]]:
    """Digits, labels, and the row numbers for training, validation, the whole training part and the test."""
    X, y = load_mnist(problem.source, quiet=True)
    full, test = split(y)
    train, validation = train_test_split(
        full, train_size=problem.n_train, test_size=problem.n_validation, stratify=y[full], random_state=0
    )
    return X, y, (train, validation, full, test)


def _seed_of(params: Mapping[str, Any], seed: int) -> int:
    """Seed from the configuration and the repeat, so that luck is not shared between trials."""
    return zlib.crc32(repr((sorted(params.items()), seed)).encode()) & 0x7FFFFFFF
