"""The study: a search over one space, and the public way to run it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hpo.book import Book, finished
from hpo.checks import whole_or_none
from hpo.definition import check, definition
from hpo.execution import LiveTrial, Objective, Options, Runner, make_runner, told
from hpo.interrupts import stopping_on_interrupt
from hpo.ledger import Ledger
from hpo.loop import Limits, StudyView, run
from hpo.progress import Progress
from hpo.pruning import Pruner, resolve_pruner
from hpo.results import Results
from hpo.searchers import Searcher, resolve
from hpo.space import Space
from hpo.suggest import live, suggested
from hpo.trial import Trial, TrialState, handed_out
from hpo.warn import warn

FEWEST_FAILED = 3  # of a run, all of them, before it is said that the objective may be at fault

Callback = Callable[["Study", Trial], None]
Storage = str | os.PathLike[str]


class Study(Results):
    """A search: trials of one objective over one space.

    Parameters
    ----------
    space : Space or mapping
        What to search; scikit-learn's notation is accepted.
    direction : {"minimize", "maximize"}
    searcher : str or Searcher
    pruner : str or Pruner, optional
        Ends trials early that report their progress: ``"median"``, ``"asha"`` or an instance.
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
        pruner: str | Pruner | None = None,
        seed: int | None = None,
        window: int | None = None,
        storage: Storage | None = None,
        name: str = "study",
    ) -> None:
        check(direction, name)
        self.space = Space.of(space)
        self.direction = direction
        self.searcher = resolve(searcher)
        self.pruner = resolve_pruner(pruner)
        chosen = whole_or_none("seed", seed, 0)
        self.seed = _fresh_seed() if chosen is None else chosen
        self.window = whole_or_none("window", window, 1)
        self.name = name
        self._book = Book(self._new_ledger())
        self._is_stopping = False
        if storage is not None:
            from hpo.storage import Store

            if type(self.searcher).__module__.startswith("hpo."):
                self._rehearse()  # a study that cannot suggest is not stored: the next one can have its name
            self._keep_in(Store.create(storage, name, self._definition()))

    def __repr__(self) -> str:
        best = self._book.ledger.best
        found = "" if best is None else f", best_value={best.value!r}"
        return (
            f"<Study {self.name!r}: {self.direction} over {len(self.space)} parameters with "
            f"{type(self.searcher).__name__}, {len(self._book.ledger)} trials{found}>"
        )

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
            `executor`: trials at a time; None or -1: as many as it says that it has workers, else one.
        timeout : float, optional
            Seconds after which no further trial begins.
        trial_timeout : float, optional
            Seconds after which a trial is killed; it then runs in a worker process.
        trial_memory_limit : int, optional
            Bytes that a trial may take; it then runs in a worker process of its own.
        max_retries : int
            How often a trial is tried again whose worker died.
        executor : concurrent.futures.Executor, optional
            Where to run instead: threads, processes, MPI; a Dask client is one, too. It stays open.
        order : {"deterministic", "async"}
            ``"deterministic"``: see `window`. ``"async"``: a suggestion sees every result that is there,
            and notes in its info under ``"unseen"`` which are not.
        callbacks : sequence of callable
            Called with the study and each finished trial. What one raises ends the run.
        progress : bool
            Show how far the run is: a bar in a terminal or a notebook, elsewhere a line on stderr a minute.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        ValueError
            If an argument is not usable, before any trial is spent.
        """
        options = Options(
            n_trials=n_trials,
            n_jobs=n_jobs,
            timeout=timeout,
            trial_timeout=trial_timeout,
            trial_memory_limit=trial_memory_limit,
            max_retries=max_retries,
            executor=executor,
            order=order,
            callbacks=tuple(callbacks) if isinstance(callbacks, Sequence) else callbacks,
            progress=progress,
        )
        return self._run(make_runner(objective, options), options)

    def stop(self) -> None:
        """End `optimize` after the running trials; for callbacks, threads, and objectives in this process."""
        self._is_stopping = True

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Trial:
        """Next trial to evaluate: the first queued one, else a new suggestion.

        Raises
        ------
        SearchSpaceExhausted
            If the searcher has nothing left.
        """
        return self._ask(self.window or 1)

    def live(self, trial: Trial | int) -> LiveTrial:
        """What an objective would be given of an asked trial: `report`, `should_prune` and a `seed`.

        Its `reports` are recorded once they are told.

        Raises
        ------
        ValueError
            If the trial is unknown, or of another study.
        """
        return self._live(self._book.record_of(trial), self.window or 1)

    def tell(
        self,
        trial: Trial | int,
        value: float | None = None,
        state: str | TrialState | None = None,
        reason: str | BaseException | None = None,
        reports: Mapping[int, float] | None = None,
    ) -> Trial:
        """Record the result of an asked trial.

        Parameters
        ----------
        trial : Trial or int
            The trial or its number.
        value : float, optional
            What the objective gave; anything that is no finite real number fails the trial.
        state : {"complete", "failed", "pruned", "cancelled"}, optional
            Needed where there is no value. To searchers a failed trial says that its like may fail, a
            cancelled one nothing.
        reason : str or exception, optional
            Kept with the trial, as text.
        reports : mapping of int to float, optional
            Intermediate values by step; to searchers a pruned trial counts as the last of them.

        Returns
        -------
        Trial
            As it is now. A result of an attempt that had been given up, since its process seemed gone,
            changes nothing and is noted in the storage.

        Raises
        ------
        ValueError
            If the trial is unknown, of another study, asked for where the study is open elsewhere, or already
            has a different result or other reports; the same again is a no-op.
        """
        known = self._book.record_of(trial)
        # What `enqueue` returned had not been started: it stands for the trial, whatever attempt runs now.
        attempt = (isinstance(trial, Trial) and trial.attempt) or known.attempt
        outcome = told(value, state, reason, reports, self._book.running_seconds(known.number))
        return handed_out(self._book.tell(known.number, attempt, outcome))

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have `params` tried next, before any suggestion."""
        queued = Trial(0, self.space.canonical(params), TrialState.QUEUED, attempt=0)
        return handed_out(self._book.add(queued))

    def add_trial(
        self,
        params: Mapping[str, Any],
        value: float | None,
        state: str | None = None,
        reports: Mapping[int, float] | None = None,
    ) -> Trial:
        """Record a result from elsewhere; see `tell`."""
        outcome = told(value, state, reports=reports)
        return handed_out(self._book.add(finished(Trial(0, self.space.canonical(params)), 1, outcome)))

    # -- inside -----------------------------------------------------------------------------------

    def _new_ledger(self) -> Ledger:
        return Ledger(self.space, self.direction)

    def _definition(self) -> dict[str, Any]:
        return definition(self.space, self.searcher, self.pruner, self.direction, self.seed, self.window)

    def _keep_in(self, store: Any) -> None:
        """Keep trials in `store`, beginning with those that are there."""
        self._book = Book(self._new_ledger(), store)

    def _rehearse(self) -> None:
        """Make a first suggestion of no consequence, which finds what is wrong with space and searcher."""
        suggested(self._new_ledger(), self.searcher, self.seed, window=1)

    def _run(self, runner: Runner, options: Options) -> Study:
        self._is_stopping = False
        if self.window is None:
            self.window = self._book.settled_window(runner.capacity)
        window = None if options.order == "async" else self.window
        if window is not None and runner.capacity > window:
            warn(
                f"window={window}: so many trials of this study run at a time in deterministic order, "
                f"where {runner.capacity} could; use order='async', or a new study with a wider window"
            )
        deadline = None if options.timeout is None else time.monotonic() + options.timeout
        states: Counter[TrialState] = Counter()

        def report(done: int, trial: Trial) -> None:
            states[trial.state] += 1
            bar.update(done, self._book.ledger.best)
            for callback in options.callbacks:
                callback(self, handed_out(trial))

        def interrupted() -> None:
            self.stop()
            bar.say("finishing the running trials; Ctrl-C again ends them")

        bar = Progress(options.progress, options.n_trials, options.timeout, self._book.ledger.best)
        with bar, stopping_on_interrupt(interrupted):
            limits = Limits(options.n_trials, deadline, options.max_retries)
            view = StudyView(
                self._book,
                lambda: self._ask(window),
                lambda trial: self._live(trial, window),
                lambda: self._is_stopping,
                window,
                self.pruner is not None,
            )
            if run(view, runner, limits, report):
                bar.say("nothing is left to try: the search ends here")
        if states[TrialState.FAILED] >= FEWEST_FAILED and len(states) == 1:
            warn(f"all {states.total()} trials failed{self._latest_failure()}")
        return self

    def _live(self, trial: Trial, window: int | None) -> LiveTrial:
        return live(trial, self._book.ledger, self.pruner, self.seed, window)

    def _ask(self, window: int | None) -> Trial:
        # The book calls this when it has nothing queued, and keeps others away meanwhile.
        return handed_out(
            self._book.start(lambda: suggested(self._book.ledger, self.searcher, self.seed, window))
        )


def _fresh_seed() -> int:
    return int(np.random.SeedSequence().entropy % 2**63)  # type: ignore[operator]
