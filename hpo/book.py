"""What a study records: its trials in memory and, where there is a storage, on disk before that."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpo.checks import is_whole
from hpo.execution import Outcome
from hpo.execution.values import shown
from hpo.interrupts import Undisturbed
from hpo.ledger import Ledger
from hpo.trial import Trial, TrialState, is_handed_out_of
from hpo.warn import warn


class Book:
    """The trials of one study; thread-safe, and whole after a Ctrl-C.

    Parameters
    ----------
    ledger : Ledger
        Empty.
    store : hpo.storage.Store, optional
        Where trials are kept; those that are there are read.
    """

    def __init__(self, ledger: Ledger, store: Any = None) -> None:
        self.ledger = ledger
        self._store = store
        self._is_copy_of_stored = False
        self._lock = threading.RLock()
        self._begun: dict[int, float] = {}  # monotonic: a wall clock may be set while a trial runs
        if store is not None:
            store.space = ledger.space
            ledger.extend(store.read())
            self._merge(store.catch_up(ledger.trials, ledger.unfinished))

    def start(self, suggest: Callable[[], Trial]) -> Trial:
        """The next trial to run: the first queued one, else the new one that `suggest` returns."""

        def next_trial(changed: Sequence[Trial]) -> Trial:
            self._merge(changed)
            queued = self.ledger.first_queued
            if queued is None:
                return suggest()
            trial = self.ledger.trials[queued]
            return dataclasses.replace(
                trial, state=TrialState.RUNNING, started=time.time(), attempt=trial.attempt + 1
            )

        with self._lock, Undisturbed():
            trial = self._put(next_trial)
            self._begun[trial.number] = time.monotonic()
            return trial

    def add(self, trial: Trial) -> Trial:
        """Give a queued or finished trial the next number and keep it."""

        def numbered(changed: Sequence[Trial]) -> Trial:
            self._merge(changed)
            return dataclasses.replace(trial, number=len(self.ledger))

        with self._lock, Undisturbed():
            return self._put(numbered)

    def record_of(self, trial: Trial | int) -> Trial:
        """The record of a trial that was handed out, or of the number of one.

        Raises
        ------
        ValueError
            If there is none, or the trial is of another study.
        """
        known = self.ledger.trials
        number = trial.number if isinstance(trial, Trial) else trial
        if not is_whole(number):
            raise ValueError(f"trial={trial!r}: must be a trial or its number")
        if not 0 <= number < len(known):
            has = f"trials 0..{len(known) - 1}" if known else "no trials yet"
            raise ValueError(f"trial={number}: this study has {has}")
        record = known[int(number)]
        if isinstance(trial, Trial) and not is_handed_out_of(trial, record):
            raise ValueError(
                f"trial={number}: was handed out by another study; give it to that one, or give the "
                f"number alone if trial {number} of this study is meant"
            )
        return record

    def finish(self, number: int, attempt: int, outcome: Outcome) -> Trial:
        """Record how an attempt ended; returns what is kept then.

        That is another result where there was one before, and the trial as it runs elsewhere where this
        attempt had been given up: its late result goes into the storage's log.
        """
        with self._lock, Undisturbed():
            trial = self.ledger.trials[number]
            ended = finished(trial, attempt, outcome)
            if trial.state.is_finished:
                is_other = (trial.state, trial.value) != (ended.state, ended.value)
                if is_other and attempt < trial.attempt and self._store is not None:
                    self._store.log_late(ended)
                return trial
            return self._end(ended)

    def tell(self, number: int, attempt: int, outcome: Outcome) -> Trial:
        """Record what someone says of an attempt, as `finish` does.

        Raises
        ------
        ValueError
            If what is kept is something else, and the attempt had not been given up.
        """
        kept = self.finish(number, attempt, outcome)
        if attempt >= kept.attempt and (what := _contradiction(kept, outcome)):
            raise ValueError(f"trial={number}: {what}")
        return kept

    def requeue(self, number: int, attempt: int) -> Trial:
        """Have a running trial tried again with its parameters; one that has a result by now keeps it.

        Where that cannot be written, all that runs here is left to whoever looks next, as of a dead process.
        """
        with self._lock, Undisturbed():
            trial = self.ledger.trials[number]
            if trial.state.is_finished:
                return trial
            queued = dataclasses.replace(trial, state=TrialState.QUEUED, started=None, attempt=attempt)
            try:
                return self._end(queued)
            except Exception:
                if self._store is not None:
                    self._store.leave()
                raise

    def running_seconds(self, number: int) -> float:
        """How long a trial has been running here; 0 where it was not started here."""
        begun = self._begun.get(number)
        return 0.0 if begun is None else time.monotonic() - begun

    def redefine(self, changes: Mapping[str, Any]) -> None:
        """Change these fields of the study's definition on disk."""
        if self._store is not None:
            self._store.redefine(lambda kept: {**kept, **changes})

    def settled_window(self, window: int) -> int:
        """The window of a study that was made with none: this one, unless another process came first."""
        if self._store is None:
            return window
        self._store.redefine(lambda kept: {**kept, "window": kept["window"] or window})
        return int(self._store.definition["window"])

    def _put(self, propose: Callable[[Sequence[Trial]], Trial]) -> Trial:
        if self._store is None:
            self._say_where()
            trial = propose(())
        else:
            trial = self._store.put(self.ledger.trials, self.ledger.unfinished, propose)
        self.ledger.merge(trial)
        return trial

    def _end(self, trial: Trial) -> Trial:
        if self._store is None:
            self._say_where()
        else:
            trial = self._store.end(trial)
        self._begun.pop(trial.number, None)
        self.ledger.replace(trial)
        return trial

    def _merge(self, changed: Sequence[Trial]) -> None:
        for trial in changed:
            self.ledger.merge(trial)

    def _say_where(self) -> None:
        """Say, the first time, that what is recorded in a copy of a stored study is not in its storage."""
        if self._is_copy_of_stored:
            self._is_copy_of_stored = False
            warn(
                "this study is a copy, in memory, of one that is stored: what it records stays here, and "
                "other copies search the same; open the stored one by hpo.load_study in each process"
            )

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process is one in memory: only one process at a time writes as this study."""
        is_stored = self._is_copy_of_stored or self._store is not None
        return {
            **vars(self),
            "_lock": None,
            "_store": None,
            "_begun": {},  # whose clock is another
            "_is_copy_of_stored": is_stored,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()


def finished(trial: Trial, attempt: int, outcome: Outcome) -> Trial:
    """The trial with what came of an attempt at it."""
    return Trial(  # what `dataclasses.replace` would make, in half the time
        number=trial.number,
        params=trial.params,
        state=outcome.state,
        value=outcome.value,
        info=trial.info,
        reports=outcome.reports,
        failure=outcome.failure,
        reason=outcome.reason,
        started=trial.started,
        finished=time.time(),
        seconds=outcome.seconds,
        search_seconds=trial.search_seconds,
        attempt=attempt,
    )


def _contradiction(kept: Trial, outcome: Outcome) -> str | None:
    """How a result that is told differs from what is kept; None where it says nothing else."""
    if kept.state is TrialState.RUNNING:
        return (
            "runs elsewhere: this study is open there, too, and only who asked for the trial can tell its "
            "result"
        )
    if (kept.state, kept.value) != (outcome.state, outcome.value):
        return (
            f"already {kept.state} with value {kept.value}; "
            f"told again as {outcome.state} with value {outcome.value}"
        )
    if outcome.reports and outcome.reports != kept.reports:
        return (
            f"already {kept.state} with reports={shown(kept.reports)}; "
            f"told again with reports={shown(outcome.reports)}"
        )
    return None
