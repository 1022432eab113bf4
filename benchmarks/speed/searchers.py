"""Latency of one suggestion beside TPE's: process CPU time, one BLAS thread, interleaved repeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import click
import numpy as np

from hpo.searchers.base import generator
from hpo.searchers.gp import GPSearcher
from hpo.space import Categorical, Float, Int, Ordinal, Space
from hpo.trial import History

FLOATS = Space({f"x{j}": Float(-1.0, 1.0) for j in range(10)})
MIXED = Space(
    {
        "rate": Float(1e-5, 1.0, log=True),
        "width": Int(16, 1024, log=True),
        "depth": Int(1, 8),
        "batch": Ordinal([16, 32, 64, 128]),
        "optimizer": Categorical(["sgd", "adam", "rmsprop"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "dropout": Float(0.0, 0.5),
        "norm": Categorical([True, False]),
    }
)


def run(repeats: int, quick: bool) -> None:
    """Print the median milliseconds of a suggestion by searcher, space and number of trials."""
    for name, space in {"10 floats": FLOATS, "mixed": MIXED}.items():
        for n in (20, 100) if quick else (20, 100, 300, 1000, 5000):
            peers = {"hpo gp": _own(space, n)}
            if n <= 1000:
                peers["Optuna TPE"] = _tpe(space, n)
            seconds: dict[str, list[float]] = {peer: [] for peer in peers}
            for repeat in range(repeats):
                for peer, suggest in peers.items():
                    start = time.process_time()
                    suggest(repeat)
                    seconds[peer].append(1e3 * (time.process_time() - start))
            cells = "  ".join(f"{peer} {median(s):8.1f} ms" for peer, s in seconds.items())
            click.echo(f"{name:10s} {n:5d} trials  {cells}")


def _data(space: Space, n: int) -> tuple[list[dict[str, Any]], list[float]]:
    U = space.sample(n, np.random.default_rng(0))
    return space.decode(U), (np.nan_to_num(U, nan=0.5) ** 2).sum(1).tolist()


def _own(space: Space, n: int) -> Callable[[int], None]:
    """Asking after `n` trials, the hyperparameters remembered from one suggestion earlier."""
    configurations, values = _data(space, n)
    before = History.build(space, configurations[:-1], values[:-1])
    infos: list[Any] = [{} for _ in values]
    infos[-1] = GPSearcher().suggest(space, before, generator(0, n - 1)).info
    # Refits thin out: the dearer case, one that refits, is what is timed.
    infos[-1] = {**infos[-1], "gp": {**infos[-1]["gp"], "n": 0}}
    history = History.build(space, configurations, values, infos=infos)

    def suggest(repeat: int) -> None:
        GPSearcher().suggest(space, history, generator(repeat, n))

    return suggest


def _tpe(space: Space, n: int) -> Callable[[int], None]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))

    def define(trial: Any) -> None:
        for name, p in space.parameters.items():
            if isinstance(p, Float):
                trial.suggest_float(name, p.low, p.high, log=p.log)
            elif isinstance(p, Int):
                trial.suggest_int(name, p.low, p.high, log=p.log)
            elif isinstance(p, Ordinal | Categorical):
                trial.suggest_categorical(name, list(p.choices))

    for value in _data(space, n)[1]:
        trial = study.ask()
        define(trial)
        study.tell(trial, value)
    return lambda repeat: define(study.ask())
