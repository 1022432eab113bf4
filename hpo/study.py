"""The study: trials of one objective over one space, and the public way to run and read them."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hpo.definition import definition, searcher_of, space_of
from hpo.execution import LiveTrial, Objective, Outcome, checked_value, make_runner
from hpo.ledger import Ledger
from hpo.loop import Limits, run, stopping_on_interrupt
from hpo.progress import Progress
from hpo.recommendation import recommend
from hpo.searchers import Searcher, resolve
from hpo.searchers.base import generator
from hpo.space import Space
from hpo.trial import Params, Trial, TrialState

Callback = Callable[["Study", Trial], None]
Storage = str | os.PathLike[str]


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
        ``storage``, ``name`` and ``window`` are those of `Study`; the others are passed to
        `Study.optimize`: ``n_jobs``, ``timeout``, ``trial_timeout``, ``executor``, ``callbacks``,
        ``progress`` and so on.

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


def load_study(
    storage: Storage,
    name: str | None = None,
    *,
    space: Space | Mapping[str, Any] | None = None,
    searcher: str | Searcher | None = None,
) -> Study:
    """Open a stored study; `Study.optimize` then goes on as if it had never been interrupted.

    Trials that were running in a process that is gone are queued again with their parameters.

    Parameters
    ----------
    storage : str or path
        As for `Study`.
    name : str, optional
        Needed where the storage holds several studies.
    space : Space or mapping, optional
        Needed where the space has constraints, which are code and not stored; must be the study's own.
    searcher : str or Searcher, optional
        Suggests from now on. Needed where the stored one cannot be rebuilt, such as an Optuna sampler.

    Returns
    -------
    Study

    Raises
    ------
    hpo.storage.StorageError
        If there is no such study, or the storage is damaged, of a newer version, or something else.
    ValueError
        If `space` or `searcher` is needed or is not the study's own.
    """
    from hpo.storage import Store

    store, found = Store.load(storage, name)
    try:
        kept = store.definition
        study = Study(
            space_of(kept, space),
            direction=kept["direction"],
            searcher=searcher_of(kept, searcher),
            seed=kept["seed"],
            window=kept["window"],
            name=found,
        )
        study._attach(store)
    except BaseException:
        store.close()
        raise
    return study


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
    window : int, optional
        Suggestion k sees the results of trials 0..k-window and the rest as pending: so many trials can
        run at a time, and the table of trials is the same for any number of workers up to it. None: as
        many as the first `optimize` has workers.
    storage : str or path, optional
        Where trials are kept: a path (an SQLite file), a URL (``postgresql://...``), None (memory).
    name : str
        The study's own within the storage.

    Raises
    ------
    ValueError
        If a field is not usable; the message names it, its value and what is allowed.
    hpo.storage.StorageError
        If the storage is not usable, or holds a study of that name: `load_study` goes on with it.
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        *,
        direction: str = "minimize",
        searcher: str | Searcher = "gp",
        seed: int | None = None,
        window: int | None = None,
        storage: Storage | None = None,
        name: str = "study",
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction={direction!r}: must be 'minimize' or 'maximize'")
        if seed is not None and (
            isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0
        ):
            raise ValueError(f"seed={seed!r}: must be a whole number from 0 up, or None")
        if window is not None and (isinstance(window, bool) or not isinstance(window, int) or window < 1):
            raise ValueError(f"window={window!r}: must be a whole number from 1 up, or None")
        if not isinstance(name, str) or not name:
            raise ValueError(f"name={name!r}: must be a string of at least one character")
        self.space = Space.of(space)
        self.direction = direction
        self.searcher = resolve(searcher)
        self.seed = int(np.random.SeedSequence().entropy % 2**63) if seed is None else int(seed)  # type: ignore[operator]
        self.window = window
        self.name = name
        self._ledger = Ledger(self.space, sign=1.0 if direction == "minimize" else -1.0)
        self._store: Any = None
        self._lock = threading.RLock()
        self._is_stopping = False
        self._sees_all = False
        if storage is not None:
            from hpo.storage import Store

            self._attach(Store.create(storage, name, self._definition()))

    # -- running -----------------------------------------------------------------------------

    def optimize(
        self,
        objective: Objective,
        n_trials: int | None = None,
        *,
        n_jobs: int | None = None,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        trial_memory_limit: int | None = None,
        max_retries: int = 1,
        executor: Any = None,
        order: str = "deterministic",
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> Study:
        """Run trials until `n_trials` more are finished, `timeout` seconds passed, or nothing is left.

        The first Ctrl-C finishes the running trials and returns; the second ends them, and they are
        queued again.

        Parameters
        ----------
        objective : callable
            ``objective(params) -> float`` or ``objective(params, trial) -> float``.
        n_trials : int, optional
            None: until something else ends it.
        n_jobs : int, optional
            Worker processes; -1: one a core. None or 1: in this process, one at a time. With an
            `executor`: trials at a time, where it does not say how many workers it has.
        timeout : float, optional
            Seconds after which no further trial begins.
        trial_timeout : float, optional
            Seconds after which a trial is killed; it then runs in a worker process.
        trial_memory_limit : int, optional
            Bytes that a trial may take; it then runs in a worker process of its own.
        max_retries : int
            How often a trial is tried again whose worker died.
        executor : concurrent.futures.Executor, optional
            Where to run instead: threads, processes, MPI, Dask. It stays open.
        order : {"deterministic", "async"}
            ``"deterministic"``: see `window`. ``"async"``: a suggestion sees every result that is there,
            and notes in its info under ``"unseen"`` which are not.
        callbacks : sequence of callable
            Called with the study and each finished trial.
        progress : bool
            Show a progress bar on a terminal.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        ValueError
            If an argument is not usable, before any trial is spent.
        """
        if not callable(objective):
            raise ValueError(f"objective={objective!r}: must be callable")
        _check_budget(n_trials, timeout, max_retries)
        if order not in ("deterministic", "async"):
            raise ValueError(f"order={order!r}: must be 'deterministic' or 'async'")
        runner = make_runner(
            objective,
            n_jobs=n_jobs,
            executor=executor,
            trial_timeout=trial_timeout,
            trial_memory_limit=trial_memory_limit,
        )
        self._begin(runner.capacity, sees_all=order == "async")
        deadline = None if timeout is None else time.monotonic() + timeout

        def report(done: int, finished: Trial) -> None:
            bar.update(done, self._ledger.best)
            for callback in callbacks:
                callback(self, finished)

        with Progress(progress, n_trials) as bar, stopping_on_interrupt(self.stop):
            run(_Loop(self), runner, Limits(n_trials, deadline, max_retries), report)
        return self

    def stop(self) -> None:
        """End `optimize` after the running trials; for callbacks and objectives."""
        self._is_stopping = True

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Trial:
        """Next trial to evaluate: the first queued one, else a new suggestion.

        Raises
        ------
        SearchSpaceExhausted
            If the searcher has nothing left.
        """
        with self._lock:
            if self._store is None:
                trial = self._next(())
            else:
                trial = self._store.claim(len(self._ledger), self._ledger.unfinished, self._next)
            self._ledger.merge(trial)
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
        with self._lock:
            if not 0 <= number < len(self._ledger):
                raise ValueError(f"trial={number}: this study has trials 0..{len(self._ledger) - 1}")
            outcome = _told(value, state, reason, self._ledger.trials[number])
            kept = self._record(number, outcome)
        if (kept.state, kept.value) != (outcome.state, outcome.value):
            raise ValueError(
                f"trial={number}: already {kept.state} with value {kept.value}; "
                f"told again as {outcome.state} with value {outcome.value}"
            )
        return kept

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have `params` tried next, before any suggestion."""
        return self._add(Trial(0, self.space.canonical(params), TrialState.QUEUED, attempt=0))

    def add_trial(self, params: Mapping[str, Any], value: float | None, state: str | None = None) -> Trial:
        """Record a result from elsewhere."""
        trial = Trial(0, self.space.canonical(params))
        return self._add(_finished(trial, _told(value, state, None, trial)))

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

    def _definition(self) -> dict[str, Any]:
        return definition(self.space, self.searcher, self.direction, self.seed, self.window)

    def _attach(self, store: Any) -> None:
        """Keep trials in `store`, beginning with those that are there."""
        store.space = self.space
        self._ledger.extend(store.read())
        for trial in store.catch_up(len(self._ledger), self._ledger.unfinished):
            self._ledger.merge(trial)
        self._store = store

    def _begin(self, capacity: int, *, sees_all: bool) -> None:
        """Settle what a run of `optimize` goes by."""
        self._is_stopping = False
        self._sees_all = sees_all
        if self.window is None:
            self.window = capacity
            if self._store is not None:
                self._store.redefine(self._definition())

    def _next(self, changed: Sequence[Trial]) -> Trial:
        """Trial to start, given what others changed: the first queued one, or a new suggestion."""
        for trial in changed:
            self._ledger.merge(trial)
        queued = self._ledger.first_queued
        if queued is not None:
            trial = self._ledger.trials[queued]
            return dataclasses.replace(
                trial, state=TrialState.RUNNING, started=time.time(), attempt=trial.attempt + 1
            )
        k = len(self._ledger)
        begin = time.perf_counter()
        history = self._ledger.history(k, None if self._sees_all else self.window or 1)
        suggestion = self.searcher.suggest(self.space, history, generator(self.seed, k))
        info = dict(suggestion.info)
        if self._sees_all:
            info["unseen"] = self._ledger.unfinished
        return Trial(
            number=k,
            params=suggestion.params,
            info=json.loads(json.dumps(info)) if info else {},  # as it will be after a restart
            started=time.time(),
            search_seconds=time.perf_counter() - begin,
        )

    def _add(self, trial: Trial) -> Trial:
        """Give `trial` the next number and keep it."""

        def numbered(changed: Sequence[Trial]) -> Trial:
            for other in changed:
                self._ledger.merge(other)
            return dataclasses.replace(trial, number=len(self._ledger))

        with self._lock:
            if self._store is None:
                added = numbered(())
            else:
                added = self._store.add(len(self._ledger), self._ledger.unfinished, numbered)
            self._ledger.append(added)
            return added

    def _record(self, number: int, outcome: Outcome) -> Trial:
        """Finish a trial; returns what is kept, which is another result where one was there before."""
        with self._lock:
            trial = self._ledger.trials[number]
            if trial.state.is_finished:
                return trial
            kept = _finished(trial, outcome)
            if self._store is not None:
                kept = self._store.finish(kept)
            self._ledger.replace(kept)
            return kept

    def _requeue(self, number: int) -> None:
        """Have a running trial tried again with its parameters."""
        with self._lock:
            trial = self._ledger.trials[number]
            queued = dataclasses.replace(trial, state=TrialState.QUEUED, started=None)
            if self._store is not None:
                self._store.requeue(trial)
            self._ledger.replace(queued)

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process is one in memory: only one process at a time writes as this study."""
        return {**vars(self), "_lock": None, "_store": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()


class _Loop:
    """The side of a study that its loop sees."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def is_stopping(self) -> bool:
        return self._study._is_stopping

    def may_ask(self, running: set[int]) -> bool:
        """In deterministic order suggestion k waits for the trials up to k - window that run here."""
        ledger = self._study._ledger
        if self._study._sees_all or ledger.first_queued is not None or not running:
            return True
        return len(ledger) - min(running) < (self._study.window or 1)

    def ask(self) -> Trial:
        return self._study.ask()

    def live(self, trial: Trial) -> LiveTrial:
        return LiveTrial(trial.number, trial.params, self._study.seed)

    def finish(self, number: int, outcome: Outcome) -> Trial:
        return self._study._record(number, outcome)

    def requeue(self, number: int) -> None:
        self._study._requeue(number)


def _run(
    objective: Objective,
    space: Space | Mapping[str, Any],
    direction: str,
    searcher: str | Searcher,
    n_trials: int,
    seed: int | None,
    options: Mapping[str, Any],
) -> Study:
    own = {name: options[name] for name in ("storage", "name", "window") if name in options}
    rest = {name: value for name, value in options.items() if name not in own}
    study = Study(space, direction=direction, searcher=resolve(searcher, n_trials), seed=seed, **own)
    return study.optimize(objective, n_trials, **rest)


def _check_budget(n_trials: Any, timeout: Any, max_retries: Any) -> None:
    for name, value in (("n_trials", n_trials), ("max_retries", max_retries)):
        if name == "n_trials" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            or_none = ", or None" if name == "n_trials" else ""
            raise ValueError(f"{name}={value!r}: must be a whole number from 0 up{or_none}")
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout={timeout!r}: must be seconds from 0 up, or None")


def _finished(trial: Trial, outcome: Outcome) -> Trial:
    return dataclasses.replace(
        trial,
        state=outcome.state,
        value=outcome.value,
        reports=outcome.reports,
        failure=outcome.failure,
        reason=outcome.reason,
        finished=time.time(),
        seconds=outcome.seconds,
    )


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
