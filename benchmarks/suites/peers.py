"""Other libraries behind our interface: each an optional extra, each at its own defaults.

Every adapter rebuilds the peer from the history for each suggestion, so that it is a pure function
of the trials like our own searchers. What rebuilding costs is not what the peer would cost alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from threading import Thread
from typing import Any, ClassVar, TypeVar

import click
import numpy as np

import hpo
from hpo.space import Categorical, Float, Int, Ordinal

T = TypeVar("T")


def peers() -> dict[str, tuple[str, Callable[[int], hpo.Searcher]]]:
    """Searchers of other libraries by label: the module that each needs, and how to make it.

    Made for a number of trials, as our own are: those that plan with their budget are told it.
    """
    return {
        "tpe": ("optuna", lambda _: hpo.OptunaSearcher()),
        "optuna-gp": ("torch", lambda _: _optuna("GPSampler")),
        "optuna-cmaes": ("cmaes", lambda _: _optuna("CmaEsSampler")),
        "optuna-nsgaii": ("optuna", lambda _: _optuna("NSGAIISampler")),
        "skopt-gp": ("skopt", lambda _: SkoptSearcher()),
        "nevergrad": ("nevergrad", NevergradSearcher),
        "botorch": ("botorch", lambda _: BoTorchSearcher()),
    }


def installed(labels: Iterable[str]) -> list[str]:
    """Those of the labels whose libraries are there; what is left out is said."""
    modules = {label: module for label, (module, _) in peers().items()}
    found = []
    for label in labels:
        if label in modules and find_spec(modules[label]) is None:
            click.echo(f"{label} is left out: {modules[label]} is not installed", err=True)
        else:
            found.append(label)
    if not found:
        raise click.UsageError("--searchers: none of them is installed")
    return found


def _optuna(sampler: str) -> hpo.Searcher:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some samplers are experimental
        return hpo.OptunaSearcher(getattr(optuna.samplers, sampler)())


@dataclass(frozen=True)
class SkoptSearcher(hpo.Searcher):
    """scikit-optimize's Gaussian process: `Optimizer` at its defaults; conditions are ignored."""

    name: ClassVar[str] = "skopt-gp"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-optimize",)

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next."""
        from skopt import Optimizer
        from skopt.space import Categorical as SkoptCategorical
        from skopt.space import Integer, Real

        def dimension(p: Any) -> Any:
            if isinstance(p, Float):
                return Real(p.low, p.high, prior="log-uniform" if p.log else "uniform")
            if isinstance(p, Int):
                return Integer(p.low, p.high, prior="log-uniform" if p.log else "uniform")
            indices = range(len(p.choices))
            return (
                Integer(0, len(p.choices) - 1) if isinstance(p, Ordinal) else SkoptCategorical(list(indices))
            )

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = Optimizer(
                [dimension(p) for p in space.parameters.values()],
                random_state=int(rng.integers(2**31)),
                n_initial_points=10,
            )
            X, y = _plain_history(space, history)
            if X:
                optimizer.tell(X, y, fit=len(history) >= 10)
            return hpo.Suggestion(_from_plain(space, optimizer.ask()))


@dataclass(frozen=True)
class NevergradSearcher(hpo.Searcher):
    """Nevergrad's NGOpt, which chooses among its optimisers by dimension and budget.

    Parameters
    ----------
    budget : int
        Trials of the whole study.
    """

    name: ClassVar[str] = "nevergrad"
    libraries: ClassVar[tuple[str, ...]] = ("nevergrad",)
    budget: int
    _replays: dict[int, _Replay] = field(default_factory=dict, init=False, repr=False, compare=False)

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next: the earlier asks are replayed, so that its state is its own."""
        seed = history.infos[0]["seed"] if len(history.infos) else int(rng.integers(2**31))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            replay = self._replays.get(seed)
            if replay is None or not replay.is_prefix(space, history):
                self._replays.clear()
                replay = self._replays[seed] = _Replay(space, self._optimizer(space, seed))
            asked = _in_daemon(partial(replay.ask, history)).value
        return hpo.Suggestion(_from_plain(space, [asked[n] for n in space.names]), {"seed": seed})

    def _optimizer(self, space: hpo.Space, seed: int) -> Any:
        import nevergrad as ng

        def parameter(p: Any) -> Any:
            if isinstance(p, Float):
                kind = ng.p.Log if p.log else ng.p.Scalar
                return kind(lower=p.low, upper=p.high)
            if isinstance(p, Int):
                scalar = (
                    ng.p.Log(lower=p.low, upper=p.high) if p.log else ng.p.Scalar(lower=p.low, upper=p.high)
                )
                return scalar.set_integer_casting()
            indices = list(range(len(p.choices)))
            return ng.p.TransitionChoice(indices) if isinstance(p, Ordinal) else ng.p.Choice(indices)

        instrumentation = ng.p.Dict(**{n: parameter(p) for n, p in space.parameters.items()})
        instrumentation.random_state.seed(seed)
        return ng.optimizers.NGOpt(parametrization=instrumentation, budget=self.budget)


class _Replay:
    """A nevergrad optimiser and the losses it was told; used again while the history only grows."""

    def __init__(self, space: hpo.Space, optimizer: Any) -> None:
        self.space, self.optimizer = space, optimizer
        self.y = np.empty(0)
        self.candidate: Any = None

    def is_prefix(self, space: hpo.Space, history: hpo.History) -> bool:
        n = len(self.y)
        return (
            space is self.space
            and n <= len(history)
            and np.array_equal(self.y, history.y[:n], equal_nan=True)
        )

    def ask(self, history: hpo.History) -> Any:
        for i in range(len(self.y), len(history)):
            asked = self.optimizer.ask() if self.candidate is None else self.candidate
            y, known = history.y[i], history.y[: i + 1]
            worst = float(np.nanmax(known)) if np.isfinite(known).any() else 0.0
            self.optimizer.tell(asked, worst if np.isnan(y) else float(y))
            self.candidate = None
        self.y = history.y.copy()
        if self.candidate is None:
            self.candidate = self.optimizer.ask()
        return self.candidate


def _in_daemon(call: Callable[[], T]) -> T:
    """Call in a daemon thread, whose own threads are then daemons as well.

    Some of nevergrad's optimisers run in a thread that waits for its next value for good, and a process
    does not end before its threads do, unless they are daemons.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result()


@dataclass(frozen=True)
class BoTorchSearcher(hpo.Searcher):
    """BoTorch's introductory recipe: SingleTaskGP on the relaxed unit cube, log expected improvement."""

    name: ClassVar[str] = "botorch"
    libraries: ClassVar[tuple[str, ...]] = ("botorch", "gpytorch", "torch")

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next."""
        import torch
        from botorch.acquisition import LogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        if history.complete.sum() < 10:
            return hpo.Suggestion(space.decode(space.sample(1, rng))[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(int(rng.integers(2**31)))
            X = torch.tensor(np.nan_to_num(history.X[history.complete], nan=0.5))
            y = -history.y[history.complete]
            target = torch.tensor((y - y.mean()) / (y.std() or 1.0))[:, None]
            model = SingleTaskGP(X, target)
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            bounds = torch.tensor([[0.0] * len(space), [1.0] * len(space)], dtype=X.dtype)
            found, _ = optimize_acqf(
                LogExpectedImprovement(model, best_f=target.max()),
                bounds,
                q=1,
                num_restarts=10,
                raw_samples=512,
            )
        return hpo.Suggestion(space.decode(found.numpy())[0])


def _plain_history(space: hpo.Space, history: hpo.History) -> tuple[list[list[Any]], list[float]]:
    """Values (indices for choices, the middle where absent) and losses, failures as bad as the worst."""
    middle = space.decode(np.full((1, len(space)), 0.5))[0]
    rows = []
    for params in space.decode(history.X):
        values = {**middle, **params}
        rows.append(
            [_index(p, values[n]) if n in values else _centre(p) for n, p in space.parameters.items()]
        )
    worst = float(np.nanmax(history.y)) if history.complete.any() else 0.0
    return rows, [worst if np.isnan(y) else float(y) for y in history.y]


def _index(p: Any, value: Any) -> Any:
    return int(p.number(value)) if isinstance(p, Ordinal | Categorical) else value


def _centre(p: Any) -> Any:
    return _index(p, hpo.Space({"v": type(p)(**_fields(p))}).decode(np.array([[0.5]]))[0]["v"])


def _fields(p: Any) -> dict[str, Any]:
    return {
        name: value for name, value in vars(p).items() if name in ("low", "high", "log", "step", "choices")
    }


def _from_plain(space: hpo.Space, values: list[Any]) -> dict[str, Any]:
    """A peer's point as a configuration, without what is inactive."""
    params = {
        name: p.choices[int(v)] if isinstance(p, Ordinal | Categorical) else p.value(v)
        for (name, p), v in zip(space.parameters.items(), values)
    }
    return space.decode(space.encode([params]))[0]
