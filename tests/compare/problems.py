"""Objectives and a searcher for the tests of the comparison; here so that workers can import them."""

import itertools
import math
import os
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from joblib.externals.loky import process_executor

import hpo
from hpo.searchers.base import Searcher
from hpo.trial import Suggestion

MEASURED = itertools.count()
SPACE = hpo.Space({"x": hpo.Float(-5, 5), "lr": hpo.Float(1e-3, 10, log=True), "kind": ["a", "b"]})


def truth(params):
    return (params["x"] - 1) ** 2 + abs(math.log(params["lr"])) + 1


def noisy(params, seed):
    if params["x"] > 4.5:
        raise RuntimeError("too far")
    draw = np.random.default_rng([seed, int(1e6 * (params["x"] + 5))])
    return truth(params) + 0.05 * draw.normal()


def negative(params):
    return -truth(params)


def score(params, seed):
    return {"test accuracy": 1 / truth(params)}


def deadly(params, seed):
    if seed == 1:
        os._exit(3)
    return truth(params)


def growing(params, seed):
    """As one that loads a big library, so that joblib replaces the worker after its second cell."""
    process_executor._USE_PSUTIL, process_executor._MEMORY_LEAK_CHECK_DELAY = True, 0.0
    process_executor._get_memory_usage = lambda pid, force_gc=False: 1e9 * next(MEASURED)
    return truth(params)


def leaving_test(params, seed):
    sys.exit("no test set")


def broken_test(params, seed):
    raise RuntimeError("no test set")


@dataclass(frozen=True)
class Near(Searcher):
    """Draws around the best trial; `spread` 1 is random search."""

    name: ClassVar[str] = "near"
    spread: float = 1.0

    def suggest(self, space, history, rng):
        U = space.sample(1, rng)
        if self.spread < 1 and history.complete.any():
            best = history.X[[np.nanargmin(history.y)]]
            U = space.snap(np.clip(best + self.spread * (U - 0.5), 0, 1))
        return Suggestion(space.decode(U)[0])


@dataclass(frozen=True)
class Ideal(Searcher):
    """Knows the optimum."""

    name: ClassVar[str] = "ideal"

    def suggest(self, space, history, rng):
        return Suggestion({"x": 1.0, "lr": 1.0, "kind": "a"})


@dataclass(frozen=True)
class Faulty(Searcher):
    """Has a bug."""

    name: ClassVar[str] = "faulty"

    def suggest(self, space, history, rng):
        raise ZeroDivisionError("bug")


@dataclass(frozen=True)
class Stubborn(Searcher):
    """Named grid, gives up after four."""

    name: ClassVar[str] = "grid"

    def suggest(self, space, history, rng):
        if history.k == 4:
            raise hpo.SearchSpaceExhausted
        return Suggestion(space.decode(space.sample(1, rng))[0])
