"""The trials of one study: a list of records, and beside it the columns that searchers read.

Row i is trial number i. Rows are appended and then finished once; a finished row never changes,
so a `History` of the finished prefix is a view of the columns, made in constant time. Configurations
are encoded when someone first looks at them, all that are new in one go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from hpo.space import Space
from hpo.trial import Array, Curve, History, Trial, TrialState

T = TypeVar("T")


class Ledger:
    """Trials in the order of their numbers, and their columns.

    Parameters
    ----------
    space : Space
    direction : {"minimize", "maximize"}

    Attributes
    ----------
    sign : float
        1.0 to minimise, -1.0 to maximise: the one place where the direction is turned.
    """

    def __init__(self, space: Space, direction: str) -> None:
        self.space = space
        self.sign = 1.0 if direction == "minimize" else -1.0
        self.trials: list[Trial] = []
        self._infos: list[Mapping[str, Any]] = []
        self._reports: list[Mapping[int, float]] = []
        self._encoded = np.empty((16, len(space))), 0  # and how many rows of it are; replaced as one
        self._y: Array = np.empty(16)
        self._finished: NDArray[np.bool_] = np.zeros(16, dtype=bool)
        self._numbers = np.arange(16)
        self._prefix = 0  # all rows before it are finished
        self._best: int | None = None
        self._unfinished: set[int] = set()
        self._queue: list[int] = []  # a heap, which may hold numbers that are queued no longer

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def best(self) -> Trial | None:
        """Complete trial with the best value, the earliest of equals; None when there is none."""
        return None if self._best is None else self.trials[self._best]

    @property
    def unfinished(self) -> Collection[int]:
        """Numbers of the trials that are queued or running, in no order; not to be changed."""
        return self._unfinished

    @property
    def first_queued(self) -> int | None:
        """Smallest number of a queued trial; None when there is none."""
        while self._queue and self.trials[self._queue[0]].state is not TrialState.QUEUED:
            heappop(self._queue)
        return self._queue[0] if self._queue else None

    def append(self, trial: Trial) -> None:
        """Add the trial whose number is the next one."""
        n = len(self)
        if trial.number != n:
            raise ValueError(f"number={trial.number}: the next trial of this study has number {n}")
        if n == len(self._y):
            self._grow()
        self.trials.append(trial)
        self._infos.append(trial.info)
        self._reports.append({})
        self._settle(trial)

    def extend(self, trials: Sequence[Trial]) -> None:
        """Add many trials at once."""
        while len(self._y) < len(self) + len(trials):
            self._grow()
        self.trials.extend(trials)
        self._infos.extend(trial.info for trial in trials)
        self._reports.extend({} for _ in trials)
        for trial in trials:
            self._settle(trial)

    def merge(self, trial: Trial) -> None:
        """Take over what another process made of a trial."""
        if trial.number < len(self):
            self.replace(trial)
        else:
            self.append(trial)

    def replace(self, trial: Trial) -> None:
        """Put the next state of an unfinished trial in its place."""
        self.trials[trial.number] = trial
        self._settle(trial)

    def history(self, k: int, window: int | None) -> History:
        """What suggestion `k` may see: trials 0..k-window as finished, the rest as pending.

        With ``window=None`` every finished trial is seen.
        """
        n = len(self)
        horizon = n if window is None else min(n, max(0, k - window + 1))
        if self._prefix >= horizon:
            seen: slice | NDArray[np.intp] = slice(0, horizon)
            waiting: slice | NDArray[np.intp] = slice(horizon, n)
        else:
            is_seen = self._finished[:n].copy()
            is_seen[horizon:] = False
            seen, waiting = np.flatnonzero(is_seen), np.flatnonzero(~is_seen)
        return _LazyHistory.of(self, seen, waiting, k)

    def encoded(self) -> Array:
        """Points of the unit cube of all trials, (n, d), perhaps followed by rows to come."""
        X, done = self._encoded
        n = len(self)
        if done < n:
            if n > len(X):
                X = np.concatenate([X, np.empty((max(n - len(X), len(X)), X.shape[1]))])
            X[done:n] = self.space.encode([trial.params for trial in self.trials[done:n]])
            self._encoded = X, n
        return X

    def _settle(self, trial: Trial) -> None:
        i = trial.number
        if trial.state is TrialState.QUEUED:
            heappush(self._queue, i)
        if not trial.state.is_finished:
            self._unfinished.add(i)
            return
        self._unfinished.discard(i)
        value = trial.value
        if trial.reports:
            self._reports[i] = Curve({step: self.sign * v for step, v in trial.reports.items()})
            if trial.state is TrialState.PRUNED:
                value = trial.reports[max(trial.reports)]
        self._y[i] = np.nan if value is None else self.sign * value
        self._finished[i] = True
        while self._prefix < len(self) and self._finished[self._prefix]:
            self._prefix += 1
        if trial.state is TrialState.COMPLETE:
            best = self._best
            if best is None or (self._y[i], i) < (self._y[best], best):
                self._best = i

    def _grow(self) -> None:
        # Doubling into new arrays: views that searchers hold keep the old ones.
        self._y = np.concatenate([self._y, np.empty_like(self._y)])
        self._finished = np.concatenate([self._finished, np.zeros_like(self._finished)])
        self._numbers = np.arange(len(self._y))


class _LazyHistory(History):
    """A history that looks at the ledger's columns when it is looked at: what it shows never changes.

    Made by `of`; the constructor is the one of any history, so that ``dataclasses.replace`` works.
    """

    @classmethod
    def of(
        cls, ledger: Ledger, seen: slice | NDArray[np.intp], waiting: slice | NDArray[np.intp], k: int
    ) -> _LazyHistory:
        """The history of these rows, and what is waiting."""
        made = object.__new__(cls)
        vars(made).update(k=k, _columns=(ledger, seen, waiting))
        return made

    @cached_property
    def y(self) -> Array:
        ledger, seen, _ = vars(self)["_columns"]
        return _read_only(ledger._y[seen])

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        return _read_only(super().failed)

    @cached_property
    def cancelled(self) -> NDArray[np.bool_]:
        ledger, _, _ = vars(self)["_columns"]
        cancelled = np.isnan(self.y)
        for row in np.flatnonzero(cancelled):
            cancelled[row] = ledger.trials[self.numbers[row]].state is TrialState.CANCELLED
        return _read_only(cancelled)

    @cached_property
    def infos(self) -> Sequence[Mapping[str, Any]]:
        ledger, seen, _ = vars(self)["_columns"]
        return Rows(ledger._infos, seen)

    @cached_property
    def pending_infos(self) -> Sequence[Mapping[str, Any]]:
        ledger, _, waiting = vars(self)["_columns"]
        return Rows(ledger._infos, waiting)

    @cached_property
    def reports(self) -> Sequence[Mapping[int, float]]:
        ledger, seen, _ = vars(self)["_columns"]
        return Rows(ledger._reports, seen)

    @cached_property
    def X(self) -> Array:
        ledger, seen, _ = vars(self)["_columns"]
        return _read_only(ledger.encoded()[seen])

    @cached_property
    def pending(self) -> Array:
        ledger, _, waiting = vars(self)["_columns"]
        return _read_only(ledger.encoded()[waiting])

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        ledger, seen, _ = vars(self)["_columns"]
        return _read_only(ledger._numbers[seen])


class Rows(Sequence[T]):
    """Some items of a list that only grows, without a copy."""

    def __init__(self, items: list[T], rows: slice | NDArray[np.intp]) -> None:
        self._items = items
        self._rows = range(rows.start, rows.stop) if isinstance(rows, slice) else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            rows = self._rows[index]
            if isinstance(rows, range) and rows.step == 1:  # thousands are copied at once
                return self._items[rows.start : rows.stop]
            return [self._items[i] for i in rows]
        return self._items[self._rows[index]]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
