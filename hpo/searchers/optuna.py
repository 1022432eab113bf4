"""Any Optuna sampler behind the searcher interface; its TPE is the baseline of the comparisons.

Optuna's samplers read a study. Here that study is a shadow of the history: finished trials are
restored into memory, pending ones as running, the sampler is asked once and the shadow is cut
back to the finished trials. What a sampler remembers in system attributes travels in the info of
the suggestions, so that nothing depends on the shadow having been kept.
"""

from __future__ import annotations

import copy
import math
import random
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from hpo.searchers.base import Searcher, SearchSpaceExhausted
from hpo.searchers.untried import is_exhausted
from hpo.space import Categorical, Float, Int, Ordinal, Space
from hpo.trial import Array, History, Params, Suggestion

BEHIND = {"cmaes": ("cmaes",), "gp": ("torch",)}  # libraries that samplers are made with
MAX_REJECTIONS = 100  # configurations against the constraints before a random allowed one is taken

_ONE_AT_A_TIME = threading.Lock()  # Optuna's verbosity and Python's warnings are of all threads


@dataclass(frozen=True)
class OptunaSearcher(Searcher):
    """Asks an Optuna sampler.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler, optional
        Default ``TPESampler()`` with Optuna's own defaults. It is copied, never changed, and seeded
        for each suggestion from the study's seed.

    A sampler may repeat a configuration; the search ends when all of a finite space, of 10,000 at most, have
    been tried.

    Raises
    ------
    ValueError
        If `sampler` is something else.
    ImportError
        When asked for a suggestion without Optuna installed.
    """

    name: ClassVar[str] = "tpe"
    libraries: ClassVar[tuple[str, ...]] = ("optuna",)
    sampler: Any = None
    _shadow: _Cache = field(default_factory=lambda: _Cache(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        is_sampler = not isinstance(self.sampler, type) and hasattr(self.sampler, "sample_independent")
        if self.sampler is not None and not is_sampler:
            raise ValueError(
                f"sampler={self.sampler!r}: must be an optuna.samplers object, such as TPESampler()"
            )
        kind = type(self.sampler).__name__.removesuffix("Sampler").lower()
        if self.sampler is not None and kind != self.name:
            object.__setattr__(self, "name", f"optuna-{kind}")
        object.__setattr__(self, "libraries", ("optuna", *BEHIND.get(kind, ())))

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        if is_exhausted(space, history):
            raise SearchSpaceExhausted("every configuration of the space has been tried")
        optuna = _import_optuna()
        with _ONE_AT_A_TIME, _quiet(optuna):
            shadow = self._shadow.taken(optuna, space, history)
            sampler = copy.deepcopy(self.sampler) if self.sampler else optuna.samplers.TPESampler()
            _seed(sampler, rng)
            params, info = shadow.ask(sampler, history)
            self._shadow.shadow = shadow
        return Suggestion(space.decode(space.sample(1, rng))[0] if params is None else params, info)

    @staticmethod
    def suggested(space: Space, trial: Any) -> Params:
        """Configuration that one of Optuna's own trials suggests, for studies of Optuna's own.

        Parents come before children, and what does not exist is not suggested. Ordinal and categorical
        parameters are indices to Optuna; the space's constraints are not looked at.

        Parameters
        ----------
        space : Space
        trial : optuna.Trial
        """
        params: Params = {}
        waiting = dict(space.parameters)
        while waiting:
            for name, p in list(waiting.items()):
                if p.when and any(parent in waiting for parent in p.when):
                    continue
                del waiting[name]
                if p.when and not _holds(p.when, params, space):
                    continue
                params[name] = _suggest(name, p, trial)
        return params


class _Cache:
    """The last shadow, used again when the history has only grown; copies and pickles are empty."""

    def __init__(self) -> None:
        self.shadow: _Shadow | None = None

    def __reduce__(self) -> tuple[type[_Cache], tuple[()]]:
        return _Cache, ()

    def taken(self, optuna: ModuleType, space: Space, history: History) -> _Shadow:
        """The shadow of the history; to be put back, which one that a Ctrl-C left half done never is."""
        shadow, self.shadow = self.shadow, None
        if shadow is None or not shadow.is_prefix(space, history):
            shadow = _Shadow(optuna, space)
        shadow.append(history)
        return shadow


class _Shadow:
    """An Optuna study in memory that holds the finished trials of a history."""

    def __init__(self, optuna: ModuleType, space: Space) -> None:
        self.optuna = optuna
        self.space = space
        self.distributions = _distributions(optuna, space)
        self.X: Array = np.empty((0, len(space)))
        self.y: Array = np.empty(0)
        self.infos: list[Mapping[str, Any]] = []
        self.storage = optuna.storages.InMemoryStorage()
        self.id = self.storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "shadow")
        self.study = optuna.study.Study("shadow", self.storage)

    def is_prefix(self, space: Space, history: History) -> bool:
        n = len(self.y)
        return (
            space is self.space
            and n <= len(history)
            and np.array_equal(self.y, history.y[:n], equal_nan=True)
            and np.array_equal(self.X, history.X[:n], equal_nan=True)
            and self.infos == list(history.infos[:n])
        )

    def append(self, history: History) -> None:
        n = len(self.y)
        for u, y, info in zip(history.X[n:], history.y[n:].tolist(), history.infos[n:]):
            self._restore(u, y, info)
        self.X, self.y, self.infos = history.X.copy(), history.y.copy(), list(history.infos)

    def ask(self, sampler: Any, history: History) -> tuple[Params | None, dict[str, Any]]:
        """What the sampler proposes, and what it wants to remember; no configuration where none is allowed.

        What it notes of the study stays from one proposal to the next: a sequence goes on, allowed or not.
        """
        record = self.storage._studies[self.id]
        n_finished, remembered = len(record.trials), dict(record.system_attrs)
        for u, info in zip(history.pending, history.pending_infos):
            self._restore(u, None, info)
        n_known = len(record.trials)
        try:
            self.study.sampler = sampler
            for _ in range(MAX_REJECTIONS):
                self._cut(n_known)
                trial = self.study.ask()
                suggested = OptunaSearcher.suggested(self.space, trial)
                params = self.space.decode(self.space.encode([suggested]))[0]
                if self.space.allows(params):
                    attrs = dict(self.storage.get_trial(trial._trial_id).system_attrs)
                    break
            else:
                params, attrs = None, {}
            news = {k: v for k, v in record.system_attrs.items() if remembered.get(k) != v}
            info = {"trial_attrs": attrs, "study_attrs": news}
            return params, {name: value for name, value in info.items() if value}
        finally:
            self._cut(n_finished)
            record.system_attrs = remembered

    def _restore(self, u: Array, y: float | None, info: Mapping[str, Any]) -> None:
        """Append a trial: complete, failed (NaN) or running (None)."""
        state = self.optuna.trial.TrialState
        params = _to_optuna(self.space, self.space.decode(u[None])[0])
        value, now = (None if y is None or np.isnan(y) else y), datetime.now()
        # Not by `create_trial`, whose check takes the rounding of fine steps for values between them.
        trial = self.optuna.trial.FrozenTrial(
            number=-1,
            trial_id=-1,
            state=state.RUNNING if y is None else state.FAIL if value is None else state.COMPLETE,
            value=value,
            datetime_start=now,
            datetime_complete=None if y is None else now,
            params=params,
            distributions={name: self.distributions[name] for name in params},
            user_attrs={},
            system_attrs=dict(info.get("trial_attrs", {})),
            intermediate_values={},
        )
        self.storage.create_new_trial(self.id, trial)
        self.storage._studies[self.id].system_attrs.update(info.get("study_attrs", {}))

    def _cut(self, n: int) -> None:
        # Optuna's storages have no way to forget a trial.
        trials = self.storage._studies[self.id].trials
        for trial in trials[n:]:
            del self.storage._trial_id_to_study_id_and_number[trial._trial_id]
        del trials[n:]
        self.storage._max_trial_id = n - 1


def _distributions(optuna: ModuleType, space: Space) -> dict[str, Any]:
    kinds = optuna.distributions
    made: dict[str, Any] = {}
    for name, p in space.parameters.items():
        if isinstance(p, Float):
            scale = _scale(p)
            made[name] = kinds.FloatDistribution(p.low * scale, p.last * scale, log=p.is_log, step=p.step)
        elif isinstance(p, Int):
            made[name] = kinds.IntDistribution(p.low, int(p.last), log=p.is_log, step=p.step)
        elif isinstance(p, Ordinal):
            made[name] = kinds.IntDistribution(0, int(p.last))
        else:
            # Indices, since Optuna warns of choices that JSON cannot hold.
            made[name] = kinds.CategoricalDistribution(tuple(range(int(p.last) + 1)))
    return made


def _holds(when: Mapping[str, Any], params: Params, space: Space) -> bool:
    """Whether a condition holds, by the numbers of values, as the space has it: steps are rounded."""
    return all(
        parent in params and number(params[parent]) in map(number, values)
        for parent, values in when.items()
        for number in [space.parameters[parent].number]
    )


def _suggest(name: str, p: Any, trial: Any) -> Any:
    if isinstance(p, Float):
        scale = _scale(p)
        x = trial.suggest_float(name, p.low * scale, p.last * scale, log=p.is_log, step=p.step) / scale
        return p.value(min(max(x, p.low), p.last))  # Optuna's own rounding of steps is another
    if isinstance(p, Int):
        return trial.suggest_int(name, p.low, int(p.last), log=p.is_log, step=p.step)
    if isinstance(p, Ordinal):
        return p.choices[trial.suggest_int(name, 0, len(p.choices) - 1)]
    return p.choices[trial.suggest_categorical(name, tuple(range(len(p.choices))))]


def _to_optuna(space: Space, params: Params) -> Params:
    converted: Params = {}
    for name, p in space.parameters.items():
        if name in params:
            value = params[name]
            if isinstance(p, Ordinal | Categorical):
                value = int(p.number(value))
            elif isinstance(p, Float):
                value *= _scale(p)
            converted[name] = value
    return converted


def _scale(p: Float) -> float:
    """1, but for a range whose width is no finite float: Optuna computes with widths."""
    return 1.0 if math.isfinite(p.last - p.low) else 2.0**-8


def _seed(sampler: Any, rng: np.random.Generator) -> None:
    """Seed every random state inside a sampler, and inside the samplers that it holds."""
    seen: set[int] = set()
    todo: list[Any] = [sampler]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if type(item).__name__ == "LazyRandomState":
            item.rng.seed(int(rng.integers(2**32)))
        elif isinstance(item, np.random.RandomState | random.Random):
            item.seed(int(rng.integers(2**32)))
        elif isinstance(item, np.random.Generator):
            item.bit_generator.state = type(item.bit_generator)(int(rng.integers(2**32))).state
        elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
            todo.extend(item)
        elif _is_of_optuna(item) and hasattr(item, "__dict__"):
            todo.extend(value for _, value in sorted(vars(item).items()))


def _is_of_optuna(item: Any) -> bool:
    """Whether an object's class is one of Optuna's, or made from one, as samplers of one's own are."""
    return any(cls.__module__.startswith("optuna.") for cls in type(item).__mro__)


@contextmanager
def _quiet(optuna: ModuleType) -> Iterator[None]:
    """Without Optuna's log lines and experimental warnings."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _import_optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise ImportError("the tpe searcher needs Optuna: pip install optuna") from error
    module: ModuleType = optuna
    return module
