"""What every problem of a suite is."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import hpo


class Objective(Protocol):
    """What is searched, and what a configuration is worth without noise."""

    @property
    def space(self) -> hpo.Space:
        """What to search."""

    def observe(self, params: dict[str, Any], seed: int = 0) -> float:
        """One evaluation; the same for the same configuration and seed. May raise: the trial fails."""

    def truth(self, params: dict[str, Any]) -> float:
        """The value without noise."""


class Problem(Objective, Protocol):
    """An objective whose best value is known."""

    @property
    def optimum(self) -> float:
        """Smallest value of `truth` over the space."""


def task(problem: Objective) -> hpo.Task:
    """A problem for `hpo.compare`, which judges the incumbent by its noise-free value."""
    return hpo.Task(problem.observe, problem.space, evaluate=problem.truth)


def noise_generator(params: Mapping[str, Any], seed: int) -> np.random.Generator:
    """Generator of the noise of one evaluation: all searchers of a seed meet the same noise."""
    return np.random.default_rng([seed, zlib.crc32(repr(sorted(params.items())).encode())])
