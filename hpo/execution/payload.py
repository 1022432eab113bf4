"""How an objective, and each of its trials, travels to another process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cloudpickle

from hpo.execution.live import LiveTrial
from hpo.execution.outcome import Adapted, Objective, Outcome, adapted, evaluate
from hpo.execution.values import shown, summarised
from hpo.trial import Params, TrialState


class ObjectiveError(ValueError):
    """The objective, or a trial of it, cannot be sent to another process; says what to do."""


def dump(objective: Objective) -> bytes:
    """The objective as bytes; functions of notebooks and scripts are sent by value.

    Raises
    ------
    ObjectiveError
        If it holds something that cannot be sent.
    """
    return _dumped(
        objective,
        lambda: f"objective={shown(objective)}",
        "Open files, locks, connections and the like inside the objective, or run with n_jobs=1",
    )


def dump_trial(live: LiveTrial) -> bytes:
    """A trial as bytes; its choices and its pruner's rule may be of a notebook or a script, too.

    Raises
    ------
    ObjectiveError
        If it holds something that cannot be sent.
    """
    return _dumped(
        live,
        lambda: f"params={_each_shown(live.params)}, or the pruner's rule",
        "Let the choices be names of what the objective then makes, or run with n_jobs=1",
    )


def evaluate_payload(payload: bytes, trial: bytes) -> Outcome:
    """Evaluate one trial of an objective; both came as bytes.

    Raises
    ------
    ObjectiveError
        If the objective cannot be read here, such as for want of a module.
    """
    objective = loaded(payload)
    try:
        live = loaded_trial(trial)
    except ObjectiveError as error:
        return unreadable(error)
    return evaluate(objective, live)


@lru_cache(maxsize=1)
def loaded(payload: bytes) -> Adapted:
    """The objective, `adapted`; unpickled once a process, not once a trial.

    Raises
    ------
    ObjectiveError
        If the bytes cannot be read here.
    """
    objective: Objective = _loaded(payload, "objective", "Its modules")
    return adapted(objective)


def loaded_trial(payload: bytes) -> LiveTrial:
    """The trial of these bytes.

    Raises
    ------
    ObjectiveError
        If they cannot be read here.
    """
    live: LiveTrial = _loaded(payload, "params, or the pruner's rule", "The modules of choices and pruners")
    return live


def unreadable(error: ObjectiveError) -> Outcome:
    """What becomes of a trial that cannot be read: its configuration is at fault, not the study."""
    return Outcome(TrialState.FAILED, None, "exception", str(error))


def _each_shown(params: Params) -> str:
    return "{" + ", ".join(f"{name!r}: {shown(value)}" for name, value in params.items()) + "}"


def _dumped(what: Any, name: Callable[[], str], advice: str) -> bytes:
    try:
        payload: bytes = cloudpickle.dumps(what)
    except Exception as error:
        raise ObjectiveError(
            f"{name()}: cannot be sent to a worker process ({summarised(error)}). {advice}"
        ) from error
    return payload


def _loaded(payload: bytes, name: str, modules: str) -> Any:
    try:
        return cloudpickle.loads(payload)
    except BaseException as error:
        raise ObjectiveError(
            f"{name}: cannot be loaded in the worker process ({summarised(error)}). "
            f"{modules} must be importable there too"
        ) from None
