"""The records: a trial, a suggestion, and the history that a searcher may see."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.space import Space

Array = NDArray[np.float64]
Params = dict[str, Any]
MUTABLE = (list, dict, set, np.ndarray)


class TrialState(StrEnum):
    """Where a trial stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to the trial."""
        return self not in (TrialState.QUEUED, TrialState.RUNNING)


@dataclass(frozen=True)
class Suggestion:
    """What a searcher proposes.

    Attributes
    ----------
    params : dict
        Configuration, plain Python values.
    info : dict
        Plain JSON: why this point was chosen, and what the searcher wants to remember.
    """

    params: Params
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One evaluation of the objective; frozen: a change of state makes a new record.

    Attributes
    ----------
    number : int
        Position in the study, from 0.
    params : dict
        Configuration, plain Python values; inactive parameters are absent.
    state : TrialState
    value : float or None
        What the objective returned, in the study's own direction; None without a result.
    info : mapping
        What the searcher noted when it suggested the trial.
    reports : mapping of int to float
        Intermediate values by step, in the study's own direction.
    failure : str or None
        Kind of failure: ``"exception"``, ``"invalid value"``, ``"timeout"``, ``"out of memory"``,
        ``"crash"``, ``"lost"``.
    reason : str or None
        What went wrong, or was told of the trial, for a person to read.
    started, finished : float or None
        Seconds since the epoch.
    seconds : float or None
        How long the objective ran.
    search_seconds : float
        How long the searcher thought about the suggestion.
    attempt : int
        How often it was started; more than once after a crash.
    """

    number: int
    params: Params
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    reports: Mapping[int, float] = field(default_factory=dict)
    failure: str | None = None
    reason: str | None = None
    started: float | None = None
    finished: float | None = None
    seconds: float | None = None
    search_seconds: float = 0.0
    attempt: int = 1


def handed_out(trial: Trial) -> Trial:
    """The trial with a configuration of its own: what its new owner does to it stays out of the study."""
    twin = object.__new__(Trial)  # what `dataclasses.replace` would make, in a tenth of the time
    vars(twin).update(vars(trial), params=own(trial.params))
    return twin


def is_handed_out_of(trial: Trial, record: Trial) -> bool:
    """Whether a trial may be what was handed out of the record with its number, at any time of its life.

    By what stays as it was: the time that its suggestion took, in nanoseconds, and when an attempt began. The
    configuration says nothing, which is its owner's, and which studies with the same seed share.
    """
    is_same_attempt = trial.attempt == record.attempt and None not in (trial.started, record.started)
    return trial.search_seconds == record.search_seconds and (
        not is_same_attempt or trial.started == record.started
    )


def own(params: Mapping[str, Any]) -> Params:
    """A copy of a configuration, and of the choices in it that can be changed in place."""
    return {n: deepcopy(v) if _can_be_changed(v) else v for n, v in params.items()}


def _can_be_changed(choice: Any) -> bool:
    return isinstance(choice, MUTABLE) or (isinstance(choice, tuple) and any(map(_can_be_changed, choice)))


class Curve(dict[int, float]):
    """Reports of a trial by step, to be minimised: what pruners ask of them is known without a look at all.

    Attributes
    ----------
    steps : list of int
        In their order.
    lowest : float
        The best value; inf where there is none.
    """

    def __init__(self, reports: Mapping[int, float]) -> None:
        super().__init__(reports)
        self.steps = sorted(self)
        self.lowest = min(self.values(), default=math.inf)

    def __setitem__(self, step: int, value: float) -> None:
        before = self.get(step)
        super().__setitem__(step, value)
        if before is None:
            insort(self.steps, step)
        self.lowest = min(self.values()) if before == self.lowest else min(self.lowest, value)

    def __reduce__(self) -> tuple[type[Curve], tuple[dict[int, float]]]:
        return Curve, (dict(self),)

    @classmethod
    def of(cls, reports: Mapping[int, float]) -> Curve:
        """`reports` themselves, or a curve of them."""
        return reports if isinstance(reports, Curve) else cls(reports)

    def at(self, step: int) -> float | None:
        """First value reported at `step` or later; None where there is none yet."""
        place = bisect_left(self.steps, step)
        return self[self.steps[place]] if place < len(self.steps) else None


@dataclass(frozen=True)
class History:
    """What a searcher may see of a study: columnar, read-only, values to be minimised.

    Attributes
    ----------
    X : (n, d) array
        Finished trials in the order of their numbers, encoded by ``Space.encode``; NaN: inactive.
    y : (n,) array
        Values to minimise; NaN where a trial has none: `failed` says which of them failed, as one that was
        cancelled did not.
    numbers : (n,) int array
        Trial numbers.
    infos : sequence of n mappings
        What was noted when each was suggested.
    pending : (m, d) array
        Trials whose results are not known yet.
    pending_infos : sequence of m mappings
    k : int
        Number of the trial that is being suggested.
    reports : sequence of n mappings
        Intermediate values of each finished trial by step, to be minimised.
    cancelled : (n,) array of bool, optional
        Which trials without a value were cancelled; None: none.
    """

    X: Array
    y: Array
    numbers: NDArray[np.int64]
    infos: Sequence[Mapping[str, Any]]
    pending: Array
    pending_infos: Sequence[Mapping[str, Any]]
    k: int
    reports: Sequence[Mapping[int, float]] = ()
    cancelled: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which finished trials have a value, (n,)."""
        return ~np.isnan(self.y)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which finished trials failed, (n,): they have no value, and were not cancelled."""
        missing = np.isnan(self.y)
        return missing if self.cancelled is None else missing & ~self.cancelled

    @classmethod
    def build(
        cls,
        space: Space,
        configurations: Sequence[Params],
        values: Sequence[float | None],
        *,
        infos: Sequence[Mapping[str, Any]] | None = None,
        pending: Iterable[Params] = (),
        pending_infos: Sequence[Mapping[str, Any]] | None = None,
        reports: Sequence[Mapping[int, float]] | None = None,
    ) -> History:
        """History of the given trials, numbered from 0; a value None, NaN or infinite is a failure.

        Raises
        ------
        ValueError
            If there are more or fewer values, infos or reports than trials.
        """
        encoded_pending = space.encode(pending)
        n, m = len(configurations), len(encoded_pending)
        for name, given, expected in (
            ("values", values, n), ("infos", infos, n), ("reports", reports, n),
            ("pending_infos", pending_infos, m),
        ):  # fmt: skip
            if given is not None and len(given) != expected:
                raise ValueError(f"{name}: must be as many as there are trials, {expected}, not {len(given)}")
        y = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        y[~np.isfinite(y)] = np.nan
        return cls(
            X=space.encode(configurations),
            y=y,
            numbers=np.arange(len(y), dtype=np.int64),
            infos=[{}] * len(y) if infos is None else infos,
            pending=encoded_pending,
            pending_infos=[{}] * len(encoded_pending) if pending_infos is None else pending_infos,
            k=len(y) + len(encoded_pending),
            reports=[{}] * len(y) if reports is None else reports,
        )
