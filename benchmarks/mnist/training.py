"""The one training loop of all networks."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.mnist.layers import Dense, Layer, cross_entropy
from benchmarks.mnist.optimisers import Optimiser, Parameter
from benchmarks.mnist.products import Array, aligned

SCHEDULES: dict[str, Callable[[Array], Array]] = {
    "constant": np.ones_like,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1 + np.cos(math.pi * progress)),
}
PREDICTION_BATCH = 512  # rows


class DivergenceError(FloatingPointError):
    """The loss became infinite or not a number: the step was too long."""


@dataclass
class Network:
    """Layers in a row, the last of them giving a score to each class; the loss is cross-entropy."""

    layers: Sequence[Layer]

    def build(self, n_inputs: int, rng: np.random.Generator, dtype: type = np.float32) -> "Network":
        """Draw the parameters anew."""
        shape: tuple[int, ...] = (n_inputs,)
        for layer in self.layers:
            shape = layer.build(shape, rng, dtype)
        self._first = next(i for i, layer in enumerate(self.layers) if layer.parameters)  # to learn
        return self

    def forward(self, x: Array, training: bool = False) -> Array:
        """Scores of the classes, shape (b, k), valid until the next call."""
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    @property
    def parameters(self) -> list[Parameter]:
        """Those of all layers."""
        return [parameter for layer in self.layers for parameter in layer.parameters]

    def step(self, x: Array, target: Array, optimiser: Optimiser) -> float:
        """One step on a batch with `target` as in `cross_entropy`; returns its mean loss before the step."""
        optimiser.begin_batch()
        loss, dz = cross_entropy(self.forward(x, training=True), target)
        if not math.isfinite(loss):
            raise DivergenceError(f"training diverged: the loss is {loss}; try a smaller learning_rate")
        for depth in range(len(self.layers) - 1, self._first - 1, -1):
            dz = self.layers[depth].backward(dz, optimiser, needs_dx=depth > self._first)  # type: ignore[assignment]
        optimiser.end_batch()
        return loss

    def scores(self, X: Array) -> Array:
        """Scores of the classes, shape (n, k), computed in batches; raises as `check_finite` does."""
        first, found = self.layers[0], None
        is_dense = isinstance(first, Dense)
        size = PREDICTION_BATCH if is_dense else PREDICTION_BATCH // 4  # patches of images take much room
        for begin in range(0, len(X), size):
            batch = X[begin : begin + size]
            part = first.forward(batch, training=False)
            # An infinity or a NaN shows in what a dense layer sums up, which is less to look at.
            if not is_dense or not math.isfinite(np.vdot(part, part)):
                check_finite(batch)
            for layer in self.layers[1:]:
                part = layer.forward(part, training=False)
            if found is None:
                found = np.empty((len(X), part.shape[1]), part.dtype)
            found[begin : begin + len(part)] = part
        assert found is not None
        return found


def train_epochs(
    network: Network,
    optimiser: Optimiser,
    X: Array,
    codes: Array,
    n_classes: int,
    *,
    rows: Array | None = None,
    epochs: int,
    batch_size: int,
    schedule: str,
    max_shift: int = 0,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Train epoch by epoch; yields the mean training loss of each.

    Only the row numbers are shuffled; each batch is gathered into one buffer. `rows` limits training
    to these rows of X (n, ...), of which `codes` (n,) are the classes 0..k-1. Rows that do not fill a
    batch sit an epoch out: a step of the full rate on a handful of rows can undo an epoch's work.
    With `max_shift` each image is moved by up to so many pixels, see `shifted`.

    Raises
    ------
    ValueError
        If one of these rows of X holds an infinity or a NaN; all are looked at in the first epoch.
    DivergenceError
        If the loss becomes infinite or not a number.
    """
    rows = np.arange(len(X)) if rows is None else rows.copy()
    base_rate = optimiser.learning_rate
    batch_size = min(batch_size, len(rows))
    one_hot = np.eye(n_classes, dtype=X.dtype) / X.dtype.type(batch_size)
    x_buffer, moved = (aligned((batch_size, *X.shape[1:]), X.dtype) for _ in range(2))
    n_batches = len(rows) // batch_size
    n_held = n_batches * batch_size  # rows that the batches of an epoch hold
    for epoch in range(epochs):
        rng.shuffle(rows)
        batches = rows[:n_held].reshape(n_batches, batch_size)
        targets = one_hot.take(codes[batches], axis=0)
        rates = base_rate * SCHEDULES[schedule]((epoch + np.arange(n_batches) / n_batches) / epochs)
        total = 0.0
        if epoch == 0:
            check_finite(X[rows[n_held:]])
        for batch, target, rate in zip(batches, targets, rates.tolist()):
            optimiser.learning_rate = rate
            # In this mode `take` writes into `out` directly; the rows are in range.
            X.take(batch, axis=0, out=x_buffer, mode="clip")
            if epoch == 0:
                check_finite(x_buffer)
            x = shifted(x_buffer, max_shift, rng, moved) if max_shift else x_buffer
            total += network.step(x, target, optimiser)
        yield total / n_batches


def check_finite(x: Array) -> None:
    """Raise a ValueError if x holds an infinity or a NaN.

    Cheap for a batch that a layer is about to read anyhow, unlike a look through all data beforehand.
    """
    # The sum of squares is finite only if all numbers are; it can overflow although they are.
    if not math.isfinite(np.vdot(x, x)) and not np.isfinite(x).all():
        raise ValueError("Input X contains NaN or infinity.")


def shifted(x: Array, max_shift: int, rng: np.random.Generator, out: Array) -> Array:
    """Square images x (b, side²), each moved by up to `max_shift` pixels each way; zeros come in."""
    b, side = len(x), math.isqrt(x.shape[1])
    framed = np.zeros((b, side + 2 * max_shift, side + 2 * max_shift), x.dtype)
    framed[:, max_shift:-max_shift, max_shift:-max_shift] = x.reshape(b, side, side)
    views = sliding_window_view(framed, (side, side), axis=(1, 2))  # every view of every framed image
    down, right = rng.integers(0, 2 * max_shift + 1, size=(2, b))
    out.reshape(b, side, side)[...] = views[np.arange(b), down, right]
    return out
