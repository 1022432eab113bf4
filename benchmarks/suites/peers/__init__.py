"""Other libraries behind our interface: each an optional extra, each at its own defaults.

Every adapter rebuilds the peer from the history, or replays what it was told, so that it is a pure function
of the trials like our own searchers. What rebuilding costs is not what the peer would cost alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib.util import find_spec

import click

import hpo
from benchmarks.suites.peers.ax import AxSearcher
from benchmarks.suites.peers.botorch import BoTorchSearcher
from benchmarks.suites.peers.hebo import HEBOSearcher
from benchmarks.suites.peers.nevergrad import NevergradSearcher
from benchmarks.suites.peers.scikit_optimize import SkoptSearcher
from benchmarks.suites.peers.smac import SMACSearcher


def peers() -> dict[str, tuple[str, Callable[[int], hpo.Searcher]]]:
    """Searchers of other libraries by label: the module that each needs, and how to make it.

    Made for a number of trials, as our own are: those that plan with their budget are told it.
    """
    return {
        "tpe": ("optuna", lambda _: hpo.OptunaSearcher()),
        "optuna-gp": ("torch", lambda _: _optuna("GPSampler")),
        "optuna-cmaes": ("cmaes", lambda _: _optuna("CmaEsSampler")),
        "optuna-nsgaii": ("optuna", lambda _: _optuna("NSGAIISampler")),
        "skopt-gp": ("skopt", SkoptSearcher),
        "nevergrad": ("nevergrad", NevergradSearcher),
        "botorch": ("botorch", lambda _: BoTorchSearcher()),
        "ax": ("ax", AxSearcher),
        "smac": ("smac", SMACSearcher),
        "hebo": ("hebo", HEBOSearcher),
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
