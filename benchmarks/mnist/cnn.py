"""The convolutional network."""

import math
from typing import Any

from benchmarks.mnist.classifier import NetworkClassifier, check
from benchmarks.mnist.convolution import Convolution, MaxPooling, ToImages, ToRows
from benchmarks.mnist.layers import Dense, Dropout, Layer, ReLU
from benchmarks.mnist.products import Array
from hpo.checks import is_whole

LEAST_POOLED = 8  # pixels: halved, 2 less by the second convolution and halved again they are one


class CNN(NetworkClassifier):
    """Two of (convolution, max-pooling, ReLU), then a dense hidden layer; a scikit-learn classifier.

    Rows are square images of one channel, of at least 8 x 8 pixels. The second convolution has twice the
    filters of the first.

    Parameters
    ----------
    n_filters : int
    kernel_size : int
        Width of the first kernels, up to 7 pixels less than that of an image; those of the second are 3 wide.
    hidden_size : int
    learning_rate, epochs, batch_size, optimizer, momentum, weight_decay, dropout, schedule,
    early_stopping, random_state, max_shift
        As for `MLP`; dropout acts on the dense hidden layer.
    """

    def __init__(
        self,
        n_filters: int = 8,
        kernel_size: int = 5,
        hidden_size: int = 64,
        learning_rate: float = 0.002,
        epochs: int = 6,
        batch_size: int = 64,
        optimizer: str = "adam",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dropout: float = 0.0,
        schedule: str = "cosine",
        early_stopping: bool = False,
        random_state: Any = None,
        max_shift: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.hidden_size = hidden_size
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.random_state = random_state
        self.max_shift = max_shift

    def _layers(self, n_classes: int) -> list[Layer]:
        return [
            ToImages(),
            Convolution(self.n_filters, self.kernel_size),
            MaxPooling(),
            ReLU(),
            Convolution(2 * self.n_filters, 3),
            MaxPooling(),
            ReLU(),
            ToRows(),
            Dense(self.hidden_size),
            ReLU(),
            *([Dropout(self.dropout)] if self.dropout else []),
            Dense(n_classes),
        ]

    def _check_images(self, X: Array) -> None:
        side = math.isqrt(X.shape[1])
        if side * side != X.shape[1] or side < LEAST_POOLED:
            raise ValueError(
                f"X has {X.shape[1]} columns: a row must be a square image of at least "
                f"{LEAST_POOLED} x {LEAST_POOLED} pixels"
            )
        check(
            "kernel_size", self.kernel_size, lambda k: k <= side - LEAST_POOLED + 1,
            f"{side - LEAST_POOLED + 1} or less for images of {side} x {side} pixels",
        )  # fmt: skip
        super()._check_images(X)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name in ("n_filters", "kernel_size", "hidden_size"):
            check(name, getattr(self, name), lambda v: is_whole(v) and v >= 1, "a whole number from 1 up")
