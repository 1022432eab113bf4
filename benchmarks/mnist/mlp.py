"""The multi-layer perceptron."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.mnist.classifier import NetworkClassifier, check, is_bool
from benchmarks.mnist.layers import BatchNorm, Dense, Dropout, Layer, ReLU
from hpo.checks import is_whole


class MLP(NetworkClassifier):
    """Dense layers with ReLU between, softmax and cross-entropy at the end; a scikit-learn classifier.

    Parameters
    ----------
    hidden_sizes : sequence of int
        Units of each hidden layer; ``()`` is softmax regression.
    learning_rate : float
    epochs : int
    batch_size : int
        Rows a step; all of them if there are fewer. What does not fill a batch sits that epoch out.
    optimizer : {"sgd", "adam"}
    momentum : float in [0, 1)
        For "sgd".
    weight_decay : float
        Decoupled: each step takes ``learning_rate * weight_decay`` of the weights away.
    dropout : float in [0, 1)
        Share of the hidden units left out at each step.
    batch_norm : bool
        Normalise before each ReLU.
    schedule : {"constant", "linear", "cosine"}
        Course of the learning rate, down to 0 at the end but for "constant".
    early_stopping : bool
        Hold a tenth of the rows out, keep the epoch with the best accuracy on them and stop when five
        epochs have not bettered it.
    random_state : int, RandomState or None
    max_shift : int
        Training images, which must be square, are moved by up to so many pixels each way.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float
        Accuracy on the held out rows, with early stopping.
    n_iter_ : int
        Epochs trained.
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int] = (128,),
        learning_rate: float = 0.01,
        epochs: int = 20,
        batch_size: int = 64,
        optimizer: str = "sgd",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dropout: float = 0.0,
        batch_norm: bool = False,
        schedule: str = "constant",
        early_stopping: bool = False,
        random_state: Any = None,
        max_shift: int = 0,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.random_state = random_state
        self.max_shift = max_shift

    def _layers(self, n_classes: int) -> list[Layer]:
        layers: list[Layer] = []
        for size in self.hidden_sizes:
            layers.append(Dense(int(size), bias=not self.batch_norm))
            if self.batch_norm:
                layers.append(BatchNorm())
            layers.append(ReLU())
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return [*layers, Dense(n_classes)]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check("batch_norm", self.batch_norm, is_bool, "True or False")
        check(
            "hidden_sizes", self.hidden_sizes,
            lambda sizes: (
                # Of an iterator nothing would be left for the layers.
                isinstance(sizes, Sequence | np.ndarray)
                and all(is_whole(size) and size >= 1 for size in sizes)
            ),
            "a list of whole numbers from 1 up",
        )  # fmt: skip
