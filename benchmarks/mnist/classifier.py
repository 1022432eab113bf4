"""What every network shares as a scikit-learn classifier."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from benchmarks.mnist.layers import BatchNorm, Layer, log_softmax
from benchmarks.mnist.optimisers import SGD, Adam, Momentum, Optimiser
from benchmarks.mnist.products import Array
from benchmarks.mnist.training import SCHEDULES, DivergenceError, Network, train_epochs
from hpo.checks import is_whole
from hpo.threads import one_blas_thread

VALIDATION_FRACTION = 0.1
# The network looks for infinities and NaNs itself, batch by batch, while the numbers are in the cache.
CONVERSION: dict[str, Any] = {"dtype": np.float32, "order": "C", "ensure_all_finite": False}
# Hyperparameters that each call looks at anew; the others are part of the network or its optimiser.
OF_A_CALL = (
    "learning_rate", "epochs", "batch_size", "schedule", "early_stopping", "random_state", "max_shift"
)  # fmt: skip
PATIENCE = 5  # epochs without a better validation score before early stopping


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of `MLP` and `CNN`: they name the layers, the rest is here. Takes no `sample_weight`."""

    @one_blas_thread()
    def fit(self, X: Any, y: Any) -> Self:
        """Train from newly drawn weights.

        Parameters
        ----------
        X : array-like, shape (n, p)
            Converted to float32 if it is not.
        y : array-like, shape (n,)

        Raises
        ------
        ValueError
            If a hyperparameter or the data are not usable.
        DivergenceError
            A FloatingPointError: the loss became infinite or not a number.
        """
        self._check_parameters()
        with self._unfitted_on(BaseException):
            X, y = validate_data(self, X, y, **CONVERSION)  # which takes their width for the network's
            check_classification_targets(y)
            self._check_images(X)
            return self._fitted(X, y)

    def _fitted(self, X: Array, y: Array) -> Self:
        self._start(np.unique(y))
        codes = np.searchsorted(self.classes_, y)
        rows, held_out = np.arange(len(X)), None
        if self.early_stopping:
            rows, held_out = self._split(codes)
        best_score, best_state = -1.0, None
        for loss in self._epochs(X, codes, rows, self.epochs, self.schedule):
            self.loss_curve_.append(loss)
            if held_out is None:
                continue
            score = self._accuracy(X, codes, held_out)
            self.validation_scores_.append(score)
            if score > best_score:
                best_score, best_epoch, best_state = score, len(self.loss_curve_), self._state()
            elif len(self.loss_curve_) - best_epoch >= PATIENCE:
                break
        if best_state is not None:
            self._restore(best_state)
        self.n_iter_ = len(self.loss_curve_)
        self._check_finite()
        return self

    @one_blas_thread()
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One more epoch over these rows, at the constant learning rate.

        Parameters
        ----------
        X : array-like, shape (n, p)
        y : array-like, shape (n,)
        classes : array-like, optional
            All classes that will ever come; those of `y` if the first call does not name them.

        Raises
        ------
        ValueError
            If `y` holds a class that the first call did not, or a hyperparameter of the network or its
            optimiser has changed.
        DivergenceError
            As in `fit`; the next call begins with newly drawn weights.
        """
        self._check_parameters()
        is_first = not hasattr(self, "network_")
        if not is_first:
            self._check_unchanged()
        X, y = validate_data(self, X, y, **CONVERSION, reset=is_first)
        check_classification_targets(y)
        self._check_images(X)
        known = np.unique(y if classes is None else classes) if is_first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes={classes!r}: the first call had {known!r}")
        unseen = np.setdiff1d(y, known)
        if len(unseen):
            raise ValueError(f"y has unseen labels {unseen.tolist()}; known are {known.tolist()}")
        with self._unfitted_on(BaseException if is_first else DivergenceError):
            if is_first:
                self._start(known)
            return self._one_epoch_more(X, y)

    def _one_epoch_more(self, X: Array, y: Array) -> Self:
        codes = np.searchsorted(self.classes_, y)
        self.loss_curve_.extend(self._epochs(X, codes, np.arange(len(X)), 1, "constant"))
        self.n_iter_ = len(self.loss_curve_)
        self._check_finite()
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, shape (n, k), in the order of ``classes_``."""
        log_p = self.predict_log_proba(X)
        return np.exp(log_p, out=log_p)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, shape (n, k)."""
        return log_softmax(self._scores(X))

    def predict(self, X: Any) -> Array:
        """Most probable classes, shape (n,)."""
        best = self._scores(X).argmax(axis=1)
        classes: Array = self.classes_[best]
        return classes

    def _layers(self, n_classes: int) -> list[Layer]:
        raise NotImplementedError

    @one_blas_thread()
    def _scores(self, X: Any) -> Array:
        check_is_fitted(self, "network_")
        return self.network_.scores(validate_data(self, X, **CONVERSION, reset=False))

    def _start(self, classes: Array) -> None:
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self.classes_ = classes
        self.network_ = Network(self._layers(len(classes))).build(self.n_features_in_, self._rng)
        self._optimiser = self._make_optimiser()
        self._made_with = {name: copy(value) for name, value in self._lasting().items()}
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] = []

    def _lasting(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params().items() if name not in OF_A_CALL}

    def _check_unchanged(self) -> None:
        for name, value in self._lasting().items():
            if not np.array_equal(value, self._made_with[name]):
                raise ValueError(
                    f"{name}={value!r}: must stay {self._made_with[name]!r} in partial_fit; fit begins anew"
                )

    @contextmanager
    def _unfitted_on(self, errors: type[BaseException]) -> Iterator[None]:
        """What fails before it is trained, or has diverged, is no model that predicts."""
        try:
            yield
        except errors:
            if hasattr(self, "network_"):
                del self.network_
            raise

    def _make_optimiser(self) -> Optimiser:
        parameters = self.network_.parameters
        if self.optimizer == "adam":
            return Adam(parameters, self.learning_rate, self.weight_decay)
        if self.momentum:
            return Momentum(parameters, self.learning_rate, self.weight_decay, self.momentum)
        return SGD(parameters, self.learning_rate, self.weight_decay)

    def _epochs(self, X: Array, codes: Array, rows: Array, epochs: int, schedule: str) -> Any:
        self._optimiser.learning_rate = self.learning_rate
        with np.errstate(over="ignore", invalid="ignore"):  # the loss is checked at every step
            yield from train_epochs(
                self.network_, self._optimiser, X, codes, len(self.classes_), rows=rows,
                epochs=epochs, batch_size=self.batch_size, schedule=schedule, max_shift=self.max_shift,
                rng=self._rng,
            )  # fmt: skip

    def _split(self, codes: Array) -> tuple[Array, Array]:
        if len(codes) < 2:
            raise ValueError("early_stopping=True: needs more than 1 sample, one to hold out")
        counts = np.bincount(codes)
        n_held_out = max(int(VALIDATION_FRACTION * len(codes)), 1)
        can_stratify = counts.min() >= 2 and n_held_out >= len(counts)
        rows, held_out = train_test_split(
            np.arange(len(codes)), test_size=n_held_out, random_state=int(self._rng.integers(2**31)),
            stratify=codes if can_stratify else None,
        )  # fmt: skip
        return rows, held_out

    def _accuracy(self, X: Array, codes: Array, rows: Array) -> float:
        return float(np.mean(self.network_.scores(X[rows]).argmax(axis=1) == codes[rows]))

    def _arrays(self) -> list[Array]:
        found = [parameter.value for parameter in self.network_.parameters]
        for layer in self.network_.layers:
            found += [layer.running] if isinstance(layer, BatchNorm) else []
        return found

    def _state(self) -> list[Array]:
        return [array.copy() for array in self._arrays()]

    def _restore(self, state: list[Array]) -> None:
        for array, kept in zip(self._arrays(), state):
            array[...] = kept

    def _check_finite(self) -> None:
        if not all(np.isfinite(array).all() for array in self._arrays()):
            raise DivergenceError("training diverged: weights are not finite; try a smaller learning_rate")

    def _check_images(self, X: Array) -> None:
        side = math.isqrt(X.shape[1])
        if self.max_shift and (side * side != X.shape[1] or self.max_shift >= side):
            raise ValueError(
                f"max_shift={self.max_shift!r}: needs larger square images, not {X.shape[1]} pixels"
            )

    def _check_parameters(self) -> None:
        for name in ("epochs", "batch_size"):
            check(name, getattr(self, name), lambda v: is_whole(v) and v >= 1, "a whole number from 1 up")
        check("learning_rate", self.learning_rate, lambda v: 0 < v < np.inf, "a finite number above 0")
        check("weight_decay", self.weight_decay, lambda v: 0 <= v < np.inf, "a finite number from 0 up")
        check("max_shift", self.max_shift, lambda v: is_whole(v) and v >= 0, "a whole number from 0 up")
        for name in ("momentum", "dropout"):
            check(name, getattr(self, name), lambda v: 0 <= v < 1, "in [0, 1)")
        check("optimizer", self.optimizer, lambda v: v in ("sgd", "adam"), "'sgd' or 'adam'")
        check("schedule", self.schedule, lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}")
        check("early_stopping", self.early_stopping, is_bool, "True or False")
        check(
            "random_state", self.random_state, lambda v: check_random_state(v) is not None,
            "a whole number from 0 to 2**32 - 1, a numpy.random.RandomState or None",
        )  # fmt: skip


def is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def check(name: str, value: Any, is_allowed: Any, allowed: str) -> None:
    try:
        if is_allowed(value):
            return
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name}={value!r}: must be {allowed}")
