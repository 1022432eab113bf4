"""How an objective travels to another process."""

from __future__ import annotations

from functools import lru_cache

import cloudpickle

from hpo.execution.outcome import Adapted, LiveTrial, Objective, Outcome, adapted, evaluate


class ObjectiveError(ValueError):
    """The objective cannot be sent to another process; says what to do."""


def dump(objective: Objective) -> bytes:
    """The objective as bytes; functions of notebooks and scripts are sent by value.

    Raises
    ------
    ObjectiveError
        If it holds something that cannot be sent.
    """
    try:
        payload: bytes = cloudpickle.dumps(objective)
    except Exception as error:
        raise ObjectiveError(
            f"objective={objective!r}: cannot be sent to a worker process ({type(error).__name__}: {error}). "
            "Open files, locks, connections and the like inside the objective, or run with n_jobs=1"
        ) from error
    return payload


def evaluate_payload(payload: bytes, live: LiveTrial) -> Outcome:
    """Evaluate one trial of an objective that came as bytes.

    Raises
    ------
    ObjectiveError
        If the bytes cannot be read here, such as for want of a module.
    """
    return evaluate(loaded(payload), live)


@lru_cache(maxsize=1)
def loaded(payload: bytes) -> Adapted:
    """The objective, `adapted`; unpickled once a process, not once a trial.

    Raises
    ------
    ObjectiveError
        If the bytes cannot be read here.
    """
    try:
        objective: Objective = cloudpickle.loads(payload)
    except BaseException as error:
        raise ObjectiveError(
            f"objective: cannot be loaded in the worker process ({type(error).__name__}: {error}). "
            "Its modules must be importable there too"
        ) from None
    return adapted(objective)
