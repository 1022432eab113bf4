"""Studies in one call: a new one that runs at once, or a stored one that is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hpo.definition import pruner_of, searcher_of, space_of
from hpo.execution import Objective, Options, make_runner
from hpo.pruning import Pruner
from hpo.searchers import Searcher, resolve
from hpo.space import Space
from hpo.study import Storage, Study

STUDY_OPTIONS = ("storage", "name", "window", "pruner")
RUN_OPTIONS = tuple(field.name for field in dataclasses.fields(Options) if field.name != "n_trials")


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
        ``storage``, ``name``, ``window`` and ``pruner`` are those of `Study`; the others are those of
        `Study.optimize`: ``n_jobs``, ``timeout``, ``trial_timeout``, ``executor``, ``callbacks``,
        ``progress`` and so on.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If an argument is not usable, before anything is stored or any trial is spent.
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
    pruner: str | Pruner | None = None,
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
        Needed where the space has constraints, which are code and not stored, or choices other than numbers,
        strings, truth values, None and tuples of these; must be the study's own.
    searcher : str or Searcher, optional
        Suggests from now on. Needed where the stored one cannot be rebuilt, such as an Optuna sampler.
    pruner : str or Pruner, optional
        Prunes from now on. Needed where the stored one cannot be rebuilt.

    Returns
    -------
    Study

    Raises
    ------
    hpo.storage.StorageError
        If there is no such study, or the storage is damaged, of a newer version, or something else.
    ValueError
        If `space`, `searcher` or `pruner` is needed or is not the study's own.
    """
    from hpo.storage import Store

    store, found = Store.load(storage, name)
    try:
        kept = store.definition
        study = Study(
            space_of(kept, space),
            direction=kept["direction"],
            searcher=searcher_of(kept, searcher),
            pruner=pruner_of(kept, pruner),
            seed=kept["seed"],
            window=kept["window"],
            name=found,
        )
        study._keep_in(store)
        now = study._definition()
        given = [part for part, it in (("searcher", searcher), ("pruner", pruner)) if it is not None]
        changes = {part: now[part] for part in given if now[part] != kept.get(part)}
        if changes:
            study._book.redefine(changes)
    except BaseException:
        store.close()
        raise
    return study


def _run(
    objective: Objective,
    space: Space | Mapping[str, Any],
    direction: str,
    searcher: str | Searcher,
    n_trials: int,
    seed: int | None,
    options: Mapping[str, Any],
) -> Study:
    for name in options:
        if name not in STUDY_OPTIONS and name not in RUN_OPTIONS:
            allowed = ", ".join((*STUDY_OPTIONS, *RUN_OPTIONS))
            raise TypeError(f"{name}={options[name]!r}: is no option; there are {allowed}")
    chosen = Options(n_trials, **{name: options[name] for name in RUN_OPTIONS if name in options})
    runner = make_runner(objective, chosen)
    study = Study(
        space,
        direction=direction,
        searcher=resolve(searcher, chosen.n_trials),
        seed=seed,
        **{name: options[name] for name in STUDY_OPTIONS if name in options},
    )
    return study._run(runner, chosen)
