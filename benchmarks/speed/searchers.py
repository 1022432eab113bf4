"""Latency of one ask and tell beside Optuna's samplers: process CPU time, one BLAS thread, interleaved."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

import hpo

FLOATS = hpo.Space({f"x{j}": hpo.Float(-1.0, 1.0) for j in range(10)})
MIXED = hpo.Space(
    {
        "rate": hpo.Float(1e-5, 1.0, log=True),
        "width": hpo.Int(16, 1024, log=True),
        "depth": hpo.Int(1, 8),
        "batch": hpo.Ordinal([16, 32, 64, 128]),
        "optimizer": hpo.Categorical(["sgd", "adam", "rmsprop"]),
        "momentum": hpo.Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "dropout": hpo.Float(0.0, 0.5),
        "norm": hpo.Categorical([True, False]),
    }
)
SIZES = (20, 100, 300, 1000, 5000)
MAX_PEERS = 1000  # finished trials; beyond, a single suggestion of Optuna's Gaussian process takes minutes

Turn = Callable[[], None]


def run(repeats: int, quick: bool) -> None:
    """Print the milliseconds of one ask and tell by searcher, space and number of finished trials."""
    if find_spec("torch") is None:
        click.echo("Optuna's GPSampler is left out: torch is not installed", err=True)
    else:
        import torch

        torch.set_num_threads(1)  # which the limit below does not reach where torch is loaded later
    with threadpool_limits(1):
        for name, space in {"10 floats": FLOATS, "mixed": MIXED}.items():
            for n in SIZES[:2] if quick else SIZES:
                _compare(name, space, n, repeats)
        if not quick:
            _whole_study(1000)


def _compare(name: str, space: hpo.Space, n: int, repeats: int) -> None:
    turns = {"hpo gp": _own(space, n)}
    if n <= MAX_PEERS:
        turns["Optuna TPE"] = _optuna(space, n, "TPESampler")
        if find_spec("torch") is not None:
            turns["Optuna GP"] = _optuna(space, n, "GPSampler")
    spent: dict[str, list[float]] = {label: [] for label in turns}
    for _ in range(repeats):
        for label, turn in turns.items():
            start = time.process_time()
            turn()
            spent[label].append(1e3 * (time.process_time() - start))
    own = median(spent["hpo gp"])
    cells = [f"{label} {median(ms):.1f} (worst {max(ms):.1f})" for label, ms in spent.items()]
    ratios = [f"{own / median(ms):.3f} of {label}'s" for label, ms in spent.items() if label != "hpo gp"]
    click.echo(f"{name}, {n} trials, ms: {', '.join(cells)}{'; ours ' if ratios else ''}{', '.join(ratios)}")


def _whole_study(n: int) -> None:
    study = hpo.Study(FLOATS, searcher="gp", seed=0)
    start = time.process_time()
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, _value(trial.params))
    click.echo(f"10 floats: a study of {n} trials, {time.process_time() - start:.1f} s in all")


def _own(space: hpo.Space, n: int) -> Turn:
    """One ask and tell of a study that has `n` finished trials; the first two turns are over."""
    study = hpo.Study(space, searcher="gp", seed=0)
    for params in _configurations(space, n):
        study.add_trial(params, _value(params))

    def turn() -> None:
        trial = study.ask()
        study.tell(trial, _value(trial.params))

    return _warmed(turn)


def _optuna(space: hpo.Space, n: int, sampler: str) -> Turn:
    """The same of Optuna's own study in memory."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def turn() -> None:
        trial = study.ask()
        study.tell(trial, _value(hpo.OptunaSearcher.suggested(space, trial)))

    for _ in range(n):  # random ones, as the study of ours holds
        turn()
    study.sampler = getattr(optuna.samplers, sampler)(seed=0)
    return _warmed(turn)


def _warmed(turn: Turn) -> Turn:
    for _ in range(2):
        turn()
    return turn


def _configurations(space: hpo.Space, n: int) -> list[dict[str, Any]]:
    return space.decode(space.sample(n, np.random.default_rng(0)))


def _value(params: dict[str, Any]) -> float:
    """A bowl in the numbers, with a step for each choice that is no number."""
    return sum(
        (np.log(x) if x > 1 else x) ** 2 if isinstance(x, float | int) else len(str(x))
        for x in params.values()
    )
