"""The loop that joins a space, a searcher and an objective."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from hpo.execution import LiveTrial, Objective, Outcome, checked_value, evaluate
from hpo.ledger import Ledger
from hpo.progress import Progress
from hpo.recommendation import recommend
from hpo.searchers import Searcher, SearchSpaceExhausted, resolve
from hpo.searchers.base import generator
from hpo.space import Space
from hpo.trial import Params, Suggestion, Trial, TrialState

Callback = Callable[["Study", Trial], None]


def minimize(
    objective: Objective,
    space: Space | Mapping[str, Any],
    *,
    searcher: str | Searcher = "gp",
    n_trials: int = 50,
    seed: int | None = None,
    **options: Any,
) -> Study:
    """Find the configuration with the smallest objective value.

    Parameters
    ----------
    objective : callable
        ``objective(params) -> float`` or ``objective(params, trial) -> float``.
    space : Space or mapping
        What to search; scikit-learn's notation is accepted.
    searcher : str or Searcher
        ``"gp"``, ``"random"``, ``"grid"``, ``"genetic"``, ``"tpe"`` or an instance.
    n_trials : int
        How many evaluations to spend.
    seed : int, optional
        Makes the run repeatable.
    **options
        Passed to `Study.optimize`: ``timeout``, ``callbacks``, ``progress``.

    Returns
    -------
    Study
    """
    return _run(objective, space, "minimize", searcher, n_trials, seed, options)


def maximize(
    objective: Objective,
    space: Space | Mapping[str, Any],
    *,
    searcher: str | Searcher = "gp",
    n_trials: int = 50,
    seed: int | None = None,
    **options: Any,
) -> Study:
    """Find the configuration with the largest objective value; see `minimize`."""
    return _run(objective, space, "maximize", searcher, n_trials, seed, options)


class Study:
    """A search: trials of one objective over one space.

    Parameters
    ----------
    space : Space or mapping
        What to search; scikit-learn's notation is accepted.
    direction : {"minimize", "maximize"}
    searcher : str or Searcher
    seed : int, optional
        Suggestion k is drawn with ``SeedSequence(seed, spawn_key=(k,))``; None: a fresh seed.
    window : int
        Suggestion k sees the results of trials 0..k-window and the rest as pending.

    Raises
    ------
    ValueError
        If a field is not usable; the message names it, its value and what is allowed.
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        *,
        direction: str = "minimize",
        searcher: str | Searcher = "gp",
        seed: int | None = None,
        window: int = 1,
        name: str = "study",
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction={direction!r}: must be 'minimize' or 'maximize'")
        if seed is not None and (
            isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0
        ):
            raise ValueError(f"seed={seed!r}: must be a whole number from 0 up, or None")
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ValueError(f"window={window!r}: must be a whole number from 1 up")
        self.space = Space.of(space)
        self.direction = direction
        self.searcher = resolve(searcher)
        self.seed = int(np.random.SeedSequence().entropy % 2**63) if seed is None else int(seed)  # type: ignore[operator]
        self.window = window
        self.name = name
        self._ledger = Ledger(self.space, sign=1.0 if direction == "minimize" else -1.0)
        self._stop = False

    # -- running -----------------------------------------------------------------------------

    def optimize(
        self,
        objective: Objective,
        n_trials: int | None = None,
        *,
        timeout: float | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> Study:
        """Run trials until `n_trials` more are finished, `timeout` seconds passed, or nothing is left.

        The first Ctrl-C finishes the running trial and returns; the second interrupts it.
        """
        if not callable(objective):
            raise ValueError(f"objective={objective!r}: must be callable")
        if n_trials is not None and (
            isinstance(n_trials, bool) or not isinstance(n_trials, int) or n_trials < 0
        ):
            raise ValueError(f"n_trials={n_trials!r}: must be a whole number from 0 up, or None")
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout={timeout!r}: must be seconds from 0 up, or None")
        deadline = None if timeout is None else time.monotonic() + timeout
        self._stop = False
        done = 0
        with Progress(progress, n_trials) as bar, self._stopping_on_interrupt():
            while not self._stop and (n_trials is None or done < n_trials):
                if deadline is not None and time.monotonic() >= deadline:
                    break
                try:
                    trial = self.ask()
                except SearchSpaceExhausted:
                    break
                outcome = evaluate(objective, LiveTrial(trial.number, trial.params))
                finished = self._finish(trial.number, outcome)
                done += 1
                bar.update(done, self._ledger.best)
                for callback in callbacks:
                    callback(self, finished)
        return self

    def stop(self) -> None:
        """End `optimize` after the running trial; for callbacks and objectives."""
        self._stop = True

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Trial:
        """Next trial to evaluate: the first queued one, else a new suggestion.

        Raises
        ------
        SearchSpaceExhausted
            If the searcher has nothing left.
        """
        for trial in self._ledger.trials[self._first_queued :]:
            if trial.state is TrialState.QUEUED:
                started = dataclasses.replace(trial, state=TrialState.RUNNING, started=time.time())
                self._ledger.replace(started)
                return started
        self._first_queued = len(self._ledger)
        k = len(self._ledger)
        begin = time.perf_counter()
        suggestion = self._suggest(k)
        trial = Trial(
            number=k,
            params=suggestion.params,
            info=suggestion.info,
            started=time.time(),
            search_seconds=time.perf_counter() - begin,
        )
        self._ledger.append(trial)
        return trial

    def tell(
        self,
        trial: Trial | int,
        value: float | None = None,
        state: str | TrialState | None = None,
        reason: str | None = None,
    ) -> Trial:
        """Record the result of an asked trial.

        Parameters
        ----------
        trial : Trial or int
            The trial or its number.
        value : float, optional
            What the objective gave; anything that is no finite real number fails the trial.
        state : {"complete", "failed", "pruned", "cancelled"}, optional
            Needed where there is no value.
        reason : str, optional
            Kept with a failed trial.

        Raises
        ------
        ValueError
            If the trial is unknown or already has a different result; the same one is a no-op.
        """
        number = trial if isinstance(trial, int) else trial.number
        if not 0 <= number < len(self._ledger):
            raise ValueError(f"trial={number}: this study has trials 0..{len(self._ledger) - 1}")
        return self._finish(number, _told(value, state, reason, self._ledger.trials[number]))

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have `params` tried next, before any suggestion."""
        trial = Trial(len(self._ledger), self.space.canonical(params), TrialState.QUEUED)
        self._ledger.append(trial)
        return trial

    def add_trial(self, params: Mapping[str, Any], value: float | None, state: str | None = None) -> Trial:
        """Record a result from elsewhere."""
        canonical = self.space.canonical(params)
        trial = Trial(len(self._ledger), canonical, TrialState.RUNNING)
        outcome = _told(value, state, None, trial)
        self._ledger.append(trial)
        return self._finish(trial.number, outcome)

    # -- results ---------------------------------------------------------------------------------

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        return tuple(self._ledger.trials)

    @property
    def best_trial(self) -> Trial:
        """Complete trial with the best value.

        Raises
        ------
        ValueError
            If no trial is complete.
        """
        best = self._ledger.best
        if best is None:
            raise ValueError(f"best_trial: none of the {len(self._ledger)} trials is complete")
        return best

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        value = self.best_trial.value
        assert value is not None
        return value

    @property
    def best_params(self) -> Params:
        """Configuration of the best trial."""
        return dict(self.best_trial.params)

    def recommend(self) -> Trial:
        """Noise-aware choice, which need not be the luckiest trial; see `hpo.recommendation`.

        Raises
        ------
        ValueError
            If no trial is complete.
        """
        number = recommend(self.space, self._ledger.history(len(self._ledger), window=None))
        if number is None:
            raise ValueError(f"recommend: none of the {len(self._ledger)} trials is complete")
        return self._ledger.trials[number]

    def dataframe(self) -> Any:
        """One row a trial: number, state, value, one ``params_`` column a parameter, times, failure."""
        import pandas as pd

        rows = [
            {
                "number": t.number,
                "state": str(t.state),
                "value": t.value,
                **{f"params_{name}": t.params.get(name) for name in self.space.names},
                "seconds": t.seconds,
                "search_seconds": t.search_seconds,
                "failure": t.failure,
                "reason": t.reason,
            }
            for t in self._ledger.trials
        ]
        return pd.DataFrame(rows)

    # -- inside -----------------------------------------------------------------------------------

    _first_queued = 0

    def _suggest(self, k: int) -> Suggestion:
        history = self._ledger.history(k, self.window)
        return self.searcher.suggest(self.space, history, generator(self.seed, k))

    def _finish(self, number: int, outcome: Outcome) -> Trial:
        trial = self._ledger.trials[number]
        if trial.state.is_finished:
            if (trial.state, trial.value) == (outcome.state, outcome.value):
                return trial
            raise ValueError(
                f"trial={number}: already {trial.state} with value {trial.value}; "
                f"told again as {outcome.state} with value {outcome.value}"
            )
        finished = dataclasses.replace(
            trial,
            state=outcome.state,
            value=outcome.value,
            reports=outcome.reports,
            failure=outcome.failure,
            reason=outcome.reason,
            finished=time.time(),
            seconds=outcome.seconds,
        )
        self._ledger.replace(finished)
        return finished

    @contextmanager
    def _stopping_on_interrupt(self) -> Any:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def first(signum: int, frame: Any) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, previous)

        previous = signal.signal(signal.SIGINT, first)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def _run(
    objective: Objective,
    space: Space | Mapping[str, Any],
    direction: str,
    searcher: str | Searcher,
    n_trials: int,
    seed: int | None,
    options: Mapping[str, Any],
) -> Study:
    study = Study(space, direction=direction, searcher=resolve(searcher, n_trials), seed=seed)
    return study.optimize(objective, n_trials, **options)


def _told(value: Any, state: str | TrialState | None, reason: str | None, trial: Trial) -> Outcome:
    seconds = 0.0 if trial.started is None else max(0.0, time.time() - trial.started)
    if state is None or state == TrialState.COMPLETE:
        try:
            return Outcome(TrialState.COMPLETE, checked_value(value), seconds=seconds)
        except ValueError as error:
            return Outcome(TrialState.FAILED, None, "invalid value", str(error), seconds=seconds)
    allowed = (TrialState.FAILED, TrialState.PRUNED, TrialState.CANCELLED)
    if state not in allowed:
        raise ValueError(
            f"state={state!r}: must be one of 'complete', {', '.join(repr(str(s)) for s in allowed)}"
        )
    failure = "exception" if state == TrialState.FAILED else None
    return Outcome(TrialState(state), None, failure, reason, seconds=seconds)
