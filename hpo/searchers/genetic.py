"""A steady-state genetic algorithm with DEAP's selection and variation operators.

The population is the best `mu` of all finished trials, so the best are never lost and a suggestion
never waits for a generation to end. Genomes are points of the unit cube, snapped after variation.
Sources: simulated binary crossover, Deb and Agrawal (1995); polynomial mutation, Deb and Goyal
(1996); steady state with elitism, Whitley (1989).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hpo.searchers.base import Searcher
from hpo.searchers.untried import is_tried, untried
from hpo.space import Space
from hpo.trial import Array, History, Suggestion

ATTEMPTS = 20  # children that repeat a trial or break a constraint before a random point is taken
TOURNAMENT = 3  # parents compete in threes
ETA = (2.0, 20.0)  # distribution index of both operators, at the first and the last trial
_DEAP_DRAWS = threading.Lock()  # DEAP's operators draw from Python's one global generator


@dataclass(frozen=True)
class GeneticSearcher(Searcher):
    """Breeds new configurations from the best ones; for hundreds of cheap trials.

    Parameters
    ----------
    n_trials : int, optional
        Planned budget; sizes the population and the cooling of the step sizes. Default 500.
    population_size : int, optional
        How many of the best trials breed. Default from the budget: ``n_trials / 20``, in 8..50.
    crossover_probability : float
        Probability that a child has two parents.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    name: ClassVar[str] = "genetic"
    n_trials: int | None = None
    population_size: int | None = None
    crossover_probability: float = 0.9

    def __post_init__(self) -> None:
        for field, least in (("n_trials", 1), ("population_size", 2)):
            value = getattr(self, field)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError(f"{field}={value!r}: must be a whole number of at least {least}, or None")
        if not 0 <= self.crossover_probability <= 1:
            raise ValueError(f"crossover_probability={self.crossover_probability!r}: must be in 0..1")

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        budget = self.n_trials or 500
        mu = self.population_size or min(max(budget // 20, 8), 50)
        info = {"generation": history.k // mu, "individual": history.k % mu}
        if history.k >= mu and history.complete.sum() >= 2:
            parents = _best(history, mu)
            progress = min(history.k / budget, 1.0)
            eta = ETA[0] + (ETA[1] - ETA[0]) * progress
            with _deap_draws_from(rng):
                for _ in range(ATTEMPTS):
                    child = space.snap(self._child(space, parents, eta, rng)[None])
                    if not is_tried(child[0], history) and space.feasible(child)[0]:
                        return Suggestion(space.decode(child)[0], info)
        return Suggestion(space.decode(untried(space, history, rng))[0], info)

    def _child(self, space: Space, parents: Array, eta: float, rng: np.random.Generator) -> Array:
        from deap import tools  # loaded when it is first used

        # Rows are sorted, best first, so a genome's fitness is its rank: failures stay outside.
        individuals = [_Individual(row.tolist(), -i) for i, row in enumerate(parents)]
        first, second = tools.selTournament(individuals, 2, TOURNAMENT, fit_attr="rank")
        a, b = np.array(first), np.array(second)
        # Inactive genes are inherited from the other parent, or drawn.
        a, b = np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b)
        drawn = rng.random(len(a))
        a, b = np.where(np.isnan(a), drawn, a), np.where(np.isnan(b), drawn, b)
        numeric, choice = np.flatnonzero(~space.is_categorical), np.flatnonzero(space.is_categorical)
        child, genes = a.copy(), a[numeric].tolist()
        if rng.random() < self.crossover_probability:
            genes, _ = tools.cxSimulatedBinaryBounded(genes, b[numeric].tolist(), eta, 0.0, 1.0)
            child[choice] = np.where(rng.random(len(choice)) < 0.5, a[choice], b[choice])
        rate = 1.0 / len(space)
        (genes,) = tools.mutPolynomialBounded(genes, eta, 0.0, 1.0, rate)
        child[numeric] = genes
        mutated = choice[rng.random(len(choice)) < rate]
        child[mutated] = rng.random(len(mutated))
        clipped: Array = np.clip(child, 0.0, 1.0)
        return clipped


class _Individual(list[float]):
    """A genome with what DEAP's selection compares, larger is better."""

    def __init__(self, genes: list[float], rank: int) -> None:
        super().__init__(genes)
        self.rank = rank


def _best(history: History, mu: int) -> Array:
    """Genomes of the `mu` best trials, best first, earlier first among equals, (mu, d)."""
    y = np.where(history.failed, np.inf, history.y)
    n = min(mu, int(history.complete.sum()))
    best: Array = history.X[np.argsort(y, kind="stable")[:n]]
    return best


@contextmanager
def _deap_draws_from(rng: np.random.Generator) -> Iterator[Any]:
    """Python's global generator seeded from `rng`, and put back as it was."""
    with _DEAP_DRAWS:
        state = random.getstate()
        random.seed(int(rng.integers(2**63)))
        try:
            yield
        finally:
            random.setstate(state)
