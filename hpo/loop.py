"""The loop of a study: ask, run, tell, until the budget, the time or the space is used up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hpo.book import Book
from hpo.execution import LiveTrial, Runner
from hpo.searchers.base import SearchSpaceExhausted
from hpo.trial import Trial

POLL_SECONDS = 0.25  # how often a stop or the deadline is looked at while workers are busy
RETRIED = ("crash", "lost")  # failures of the place, which may not happen again


@dataclass(frozen=True)
class StudyView:
    """What the loop sees of a study.

    Attributes
    ----------
    book : Book
    ask : callable
        Gives the next trial.
    live : callable
        What the objective is given of a trial.
    is_stopping : callable
        Says whether no further trial shall begin.
    window : int or None
        See `Study`; None: every suggestion sees all there is.
    has_pruner : bool
        Whether queued trials, too, are held to what came of those before.
    """

    book: Book
    ask: Callable[[], Trial]
    live: Callable[[Trial], LiveTrial]
    is_stopping: Callable[[], bool]
    window: int | None
    has_pruner: bool

    def may_ask(self, running: Collection[int]) -> bool:
        """In deterministic order trial k waits for those up to k - window that run here, if it sees them."""
        ledger = self.book.ledger
        queued = ledger.first_queued
        if self.window is None or not running or (queued is not None and not self.has_pruner):
            return True
        return (len(ledger) if queued is None else queued) - min(running) < self.window


@dataclass(frozen=True)
class Limits:
    """When to end: `n_trials` more, `deadline` on the monotonic clock; `max_retries` of one trial."""

    n_trials: int | None
    deadline: float | None
    max_retries: int

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def run(study: StudyView, runner: Runner, limits: Limits, on_finish: Callable[[int, Trial], None]) -> bool:
    """Run trials; `on_finish` is told how many are done, and the last one.

    Returns whether it ended for want of configurations to try. What is running when an exception ends
    the loop is queued again.
    """
    running: dict[int, Trial] = {}
    starts: Counter[int] = Counter()
    done, is_exhausted, is_clean = 0, False, False
    try:
        while True:
            while not is_exhausted and _may_start(study, runner, limits, done, running):
                try:
                    trial = study.ask()
                except SearchSpaceExhausted:
                    is_exhausted = True
                    break
                running[trial.number] = trial
                starts[trial.number] += 1
                runner.submit(study.live(trial))
            if study.is_stopping() or limits.is_over():
                for number in runner.withdraw():
                    _requeue(study, running.pop(number))
            if not running:
                break
            ended = []
            outcomes = runner.wait(POLL_SECONDS)
            for number, outcome in outcomes:
                if outcome.failure in RETRIED and starts[number] <= limits.max_retries:
                    _requeue(study, running.pop(number))
                    continue
                finished = study.book.finish(number, running[number].attempt, outcome)
                del running[number]
                if finished.state.is_finished:
                    ended.append(finished)
            for finished in ended:  # after all of them are recorded: what is called here may raise
                done += 1
                on_finish(done, finished)
            if outcomes:  # there may be something again: a trial to retry, or one that a callback queued
                is_exhausted = False
        is_clean = True
        return is_exhausted
    finally:
        try:
            runner.close(kill=not is_clean)
        finally:  # also where one more Ctrl-C interrupts that
            for _, trial in sorted(running.items()):
                _requeue(study, trial)


def _requeue(study: StudyView, trial: Trial) -> None:
    study.book.requeue(trial.number, trial.attempt)


def _may_start(study: StudyView, runner: Runner, limits: Limits, done: int, running: Collection[int]) -> bool:
    return (
        len(running) < runner.capacity
        and (limits.n_trials is None or done + len(running) < limits.n_trials)
        and not study.is_stopping()
        and not limits.is_over()
        and study.may_ask(running)
    )
