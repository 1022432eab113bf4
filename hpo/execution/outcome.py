"""One evaluation of an objective: what comes back, whatever it did."""

from __future__ import annotations

import inspect
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hpo.execution.live import LiveTrial, TrialPruned
from hpo.execution.values import checked_reports, checked_value, shown, summarised
from hpo.shown import ShownElsewhere
from hpo.trial import Params, TrialState, own

Objective = Callable[..., Any]
Adapted = Callable[[Params, LiveTrial], Any]

OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # the folder of this library


@dataclass(frozen=True)
class Outcome:
    """How one evaluation ended.

    Attributes
    ----------
    state : TrialState
        Complete, pruned or failed.
    value : float or None
    failure, reason : str or None
        Kind of failure and its message.
    reports : mapping of int to float
    seconds : float
        How long the objective ran, on the monotonic clock.
    """

    state: TrialState
    value: float | None = None
    failure: str | None = None
    reason: str | None = None
    reports: Mapping[int, float] = field(default_factory=dict)
    seconds: float = 0.0


def told(
    value: Any,
    state: str | TrialState | None = None,
    reason: str | BaseException | None = None,
    reports: Mapping[int, float] | None = None,
    seconds: float = 0.0,
) -> Outcome:
    """What someone says about a trial, as the outcome of one evaluation.

    Raises
    ------
    ValueError
        If `state` is not one that a trial can end in, or does not go with a value, `reason` is no text, or
        `reports` are not numbers by step.
    """
    said, curve = _text_of(reason), checked_reports(reports)
    if state is None or state == TrialState.COMPLETE:
        try:
            return Outcome(TrialState.COMPLETE, checked_value(value), None, said, curve, seconds)
        except ValueError as error:
            return Outcome(TrialState.FAILED, None, "invalid value", said or str(error), curve, seconds)
    allowed = (TrialState.FAILED, TrialState.PRUNED, TrialState.CANCELLED)
    if state not in allowed:
        raise ValueError(
            f"state={shown(state)}: must be one of 'complete', {', '.join(repr(str(s)) for s in allowed)}"
        )
    if value is not None:
        raise ValueError(f"value={shown(value)}: a trial that is {state} has none; leave it out")
    failure = "exception" if state == TrialState.FAILED else None
    return Outcome(TrialState(state), None, failure, said, curve, seconds)


def adapted(objective: Objective) -> Adapted:
    """The objective as a function of params and trial; its signature is looked at once.

    Raises
    ------
    ValueError
        If it is no function, is an async one or a generator, takes other arguments, or `trial` where params
        come, as Optuna's objectives do.
    """
    if not callable(objective):
        raise ValueError(f"objective={objective!r}: must be a function of params, or of params and trial")
    if _only_begins(objective) or _only_begins(type(objective).__call__):
        raise ValueError(
            f"objective={shown(objective)}: must return a number; a call of an async function or a generator "
            "only begins it"
        )
    try:
        signature = inspect.signature(objective)
    except (TypeError, ValueError):  # some functions of C say nothing of themselves
        return lambda params, trial: objective(params)
    parameters = list(signature.parameters.values())
    if any(p.name == "trial" and p.kind is p.KEYWORD_ONLY for p in parameters):
        _check_takes(objective, signature, None, trial=None)
        return lambda params, trial: objective(params, trial=trial)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if positional and positional[0].name == "trial":
        _refuse(objective, "its first argument is given params, not trial")
    if positional[1:] and (positional[1].default is inspect.Parameter.empty or positional[1].name == "trial"):
        _check_takes(objective, signature, None, None)
        return objective
    _check_takes(objective, signature, None)
    return lambda params, trial: objective(params)


def _only_begins(function: Any) -> bool:
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(is_one(function) for is_one in kinds)


def _check_takes(objective: Objective, signature: inspect.Signature, *given: Any, **named: Any) -> None:
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        _refuse(objective, error)


def _refuse(objective: Objective, why: object) -> NoReturn:
    raise ValueError(
        f"objective={shown(objective)}: must take params, or params and trial, and no more ({why})"
    ) from None


def evaluate(objective: Adapted, live: LiveTrial) -> Outcome:
    """Run an `adapted` objective once; nothing that it raises but KeyboardInterrupt comes through."""
    process, start = os.getpid(), time.perf_counter()
    state, value, failure, reason = TrialState.COMPLETE, None, None, None
    try:
        with ShownElsewhere():
            returned = objective(own(live.params), live)
    except TrialPruned as pruned:
        state, reason = TrialState.PRUNED, summarised(pruned).partition(": ")[2] or None
    except MemoryError as error:
        state, failure, reason = TrialState.FAILED, "out of memory", _last_line(error)
    except KeyboardInterrupt:
        _end_of_a_fork(process)
        raise
    except BaseException as error:  # sys.exit and GeneratorExit too: a trial never ends the study
        state, failure, reason = TrialState.FAILED, "exception", _last_line(error)
    else:
        try:
            value = checked_value(returned)
        except ValueError as error:
            state, failure, reason = TrialState.FAILED, "invalid value", str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an object that cannot even be looked at
            state, failure, reason = TrialState.FAILED, "invalid value", summarised(error)
    _end_of_a_fork(process)
    return Outcome(state, value, failure, reason, dict(live.reports), time.perf_counter() - start)


def _end_of_a_fork(process: int) -> None:
    """End a child that the objective forked and that has come back, too: one result, or end, is enough."""
    if os.getpid() != process:
        os._exit(0)


def _text_of(reason: Any) -> str | None:
    if isinstance(reason, BaseException):  # what there is at hand where an evaluation of one's own failed
        return summarised(reason)
    if reason is None or isinstance(reason, str):
        return reason
    raise ValueError(f"reason={shown(reason)}: must be a string, an exception or None")


def _last_line(error: BaseException) -> str:
    """Exception, and where outside this library it was raised, in one line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(OURS)]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return summarised(error) + where
