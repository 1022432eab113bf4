"""A steady-state genetic algorithm with DEAP's selection and variation operators, and a climb.

A child comes from one of three moves, each the more often the more of its latest children were a new
best: *crossover* of two parents, a *difference* of population members added to a parent, or a step of
the *climb* about the best trials. The population is the best `mu` of all finished trials, where a whole
climb counts as one individual, its best: its near-copies would crowd out all others. So the best are
never lost, and a suggestion never waits for a generation to end. Genomes are points of the unit cube,
snapped after variation.

Sources: simulated binary crossover, Deb and Agrawal (1995); polynomial mutation, Deb and Goyal (1996);
steady state with elitism, Whitley (1989); current-to-best difference, Storn and Price (1997); choice of
moves by their success, Thierens (2005); climb, see `hpo.searchers.climb`; its weighted mean, Hansen and
Ostermeier (2001).
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpo.checks import is_real, whole_or_none
from hpo.searchers.base import Searcher
from hpo.searchers.climb import Climb, found_best, replay
from hpo.searchers.untried import is_tried, untried
from hpo.space import Space
from hpo.trial import Array, History, Suggestion

MOVES = ("crossover", "difference", "climb")
NUMBER = {move: i for i, move in enumerate(MOVES)}
LEAST_SHARE = 0.1  # of the children, for a move without success
BEST, FROM_MEAN = 8, 0.8  # of the climb's steps begin at the weighted mean of the best, not the very best
LATEST = 40  # children of a move by which it is judged
RANDOM = 16  # trials before breeding begins, or fewer where the population is smaller
ATTEMPTS = 20  # children that repeat a trial or break a constraint before a random point is taken
TOURNAMENT = 3  # parents compete in threes
ETA = (2.0, 20.0)  # distribution index of both of DEAP's operators, at the first and the last trial
_DEAP_DRAWS = threading.Lock()  # DEAP's operators draw from Python's one global generator


@dataclass(frozen=True)
class GeneticSearcher(Searcher):
    """Breeds new configurations from the best ones; for hundreds of cheap trials.

    Parameters
    ----------
    n_trials : int, optional
        Planned budget; sizes the population and the cooling of crossover and mutation. Default 500.
    population_size : int, optional
        How many of the best trials breed. Default from the budget: ``n_trials / 20``, in 8..50.
    crossover_probability : float
        Probability that a child of the crossover has two parents; else it is a mutant of one.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    name: ClassVar[str] = "genetic"
    libraries: ClassVar[tuple[str, ...]] = ("deap",)
    n_trials: int | None = None
    population_size: int | None = None
    crossover_probability: float = 0.9
    _moves: _Moves = field(default_factory=lambda: _Moves(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, least in (("n_trials", 1), ("population_size", 2)):
            object.__setattr__(self, name, whole_or_none(name, getattr(self, name), least))
        probability = self.crossover_probability
        if not is_real(probability) or not 0 <= probability <= 1:
            raise ValueError(f"crossover_probability={probability!r}: must be a number in 0..1")
        object.__setattr__(self, "crossover_probability", float(probability))  # as it can be stored

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        budget = self.n_trials or 500
        mu = self.population_size or min(max(budget // 20, 8), 50)
        info = {"generation": history.k // mu, "individual": history.k % mu}
        if history.k >= min(mu, RANDOM) and history.complete.sum() >= 2:
            eta = ETA[0] + (ETA[1] - ETA[0]) * min(history.k / budget, 1.0)
            with _deap_draws_from(rng):
                moves = self._moves.of(history)
                family = _Family(space, history, moves, mu, eta, self.crossover_probability, rng)
                for _ in range(ATTEMPTS):
                    move, child = family.child()
                    child = space.snap(np.clip(child, 0.0, 1.0)[None])
                    if not is_tried(child[0], history) and space.feasible(child)[0]:
                        return Suggestion(space.decode(child)[0], {**info, "move": move})
        return Suggestion(space.decode(untried(space, history, rng))[0], info)


class _Moves:
    """By which move each trial came about, read once as the history grows; copies and pickles are empty."""

    def __init__(self) -> None:
        self._known: tuple[list[Any], NDArray[np.int64]] = [], np.empty(0, dtype=np.int64)

    def __reduce__(self) -> tuple[type[_Moves], tuple[()]]:
        return _Moves, ()

    def of(self, history: History) -> NDArray[np.int64]:
        """Number of each finished trial's move, (n,)."""
        infos = list(history.infos[:])  # a slice, since one look at a time at a long history is slow
        known, moves = self._known
        n = len(known) if infos[: len(known)] == known else 0
        read = [_number_of(info.get("move")) for info in infos[n:]]
        moves = np.concatenate([moves[:n], np.array(read, dtype=np.int64)])
        self._known = infos, moves
        return moves


class _Family:
    """The population and the moves that make children of it."""

    def __init__(
        self,
        space: Space,
        history: History,
        moves: NDArray[np.int64],
        mu: int,
        eta: float,
        crossover_probability: float,
        rng: np.random.Generator,
    ) -> None:
        self.space = space
        self.rng = rng
        self.crossover_probability = crossover_probability
        y = np.where(history.complete, history.y, np.inf)
        self.climb = replay(history.X, y, moves == NUMBER["climb"])
        self.shares = _shares(moves, found_best(y), self.climb)
        # Rows are sorted, best first, so a genome's fitness is its rank: failures stay outside.
        self.best: Array = history.X[_lowest(y, BEST)]
        self.population: Array = history.X[_lowest(_without_trail(y, moves), mu)]
        self.individuals = [_Individual(row.tolist(), -i) for i, row in enumerate(self.population)]
        self.toolbox = _toolbox(eta)

    def child(self) -> tuple[str, Array]:
        """Name of a move, and what it makes, (d,)."""
        move = MOVES[self.rng.choice(len(MOVES), p=self.shares)]
        made: Array = getattr(self, f"_{move}")()
        return move, made

    def _crossover(self) -> Array:
        first, second = self.toolbox.select(self.individuals, 2)
        a, b = self._complete(np.array([first, second]))
        genes = a.tolist()
        if self.rng.random() < self.crossover_probability:
            genes, _ = self.toolbox.mate(genes, b.tolist())
        (genes,) = self.toolbox.mutate(genes, indpb=_rate(first))
        return self._with_choices(np.array(genes), a, b, _rate(first))

    def _difference(self) -> Array:
        rng, n = self.rng, len(self.population)
        first, second = self.toolbox.select(self.individuals, 2)
        toward = self.population[0] if rng.random() < 0.5 else second
        one, other = rng.permutation(n)[[0, min(1, n - 1)]]  # a population of one differs from itself by 0
        a, b, c, e = self._complete(np.array([first, toward, self.population[one], self.population[other]]))
        factor = rng.uniform(0.3, 0.9)
        moved = a + factor * (b - a) + factor * (c - e)
        crossed = rng.random(len(a)) < rng.choice([0.2, 0.9])
        crossed[rng.integers(len(a))] = True
        child = np.where(crossed, moved, a)
        # What would leave the cube goes part of the way to its edge.
        part = rng.random(len(a))
        child = np.where(child < 0, a * part, np.where(child > 1, 1 - (1 - a) * part, child))
        return self._with_choices(child, a, b, _rate(first))

    def _climb(self) -> Array:
        best = self._complete(self.best)
        # Mostly from the mean of the best few, which noise and ripples lead astray less than one point.
        weights = math.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))
        x = best[0] if self.rng.random() > FROM_MEAN else weights @ best / weights.sum()
        child = x + self.climb.step(self.rng)
        # Cells of a discrete parameter may be wider than a step: some go to a neighbour.
        m = self.space.n_cells
        rate = _rate(self.best[0])
        to_neighbour = np.isfinite(m) & (self.rng.random(len(x)) < rate)
        direction = self.rng.choice([-1.0, 1.0], size=len(x))
        child = np.where(to_neighbour, x + direction / np.where(np.isfinite(m), m, 1.0), child)
        child = np.abs(child)
        child = np.where(child > 1, 2 - child, child)
        return self._with_choices(child, best[0], best[0], rate)

    def _complete(self, genomes: Array) -> Array:
        """Inactive genes are inherited from the first of the others that has them, or drawn."""
        filled = genomes.copy()
        for other in (*genomes, self.rng.random(genomes.shape[1])):
            filled = np.where(np.isnan(filled), other, filled)
        return filled

    def _with_choices(self, child: Array, a: Array, b: Array, rate: float) -> Array:
        """`child` with unordered choices of either parent, each mutated with probability `rate`."""
        choice = np.flatnonzero(self.space.is_categorical)
        child[choice] = np.where(self.rng.random(len(choice)) < 0.5, a[choice], b[choice])
        mutated = choice[self.rng.random(len(choice)) < rate]
        child[mutated] = self.rng.random(len(mutated))
        return child


class _Individual(list[float]):
    """A genome with what DEAP's selection compares, larger is better."""

    def __init__(self, genes: list[float], rank: int) -> None:
        super().__init__(genes)
        self.rank = rank


def _number_of(move: Any) -> int:
    """Number of a move; -1 for what any other searcher noted under that name."""
    return NUMBER.get(move, -1) if isinstance(move, str) else -1


def _rate(genome: Sequence[float] | Array) -> float:
    """Probability with which each gene mutates: one of those that are active, on average."""
    return 1.0 / int(np.count_nonzero(~np.isnan(genome)))


def _toolbox(eta: float) -> Any:
    from deap import base, tools  # loaded when it is first used

    toolbox = base.Toolbox()
    toolbox.register("select", tools.selTournament, tournsize=TOURNAMENT, fit_attr="rank")
    toolbox.register("mate", tools.cxSimulatedBinaryBounded, eta=eta, low=0.0, up=1.0)
    toolbox.register("mutate", tools.mutPolynomialBounded, eta=eta, low=0.0, up=1.0)
    return toolbox


def _shares(moves: NDArray[np.int64], is_best: NDArray[np.bool_], climb: Climb) -> Array:
    """Probability of each move, by the squared share of its latest children that were a new best."""
    latest = [is_best[moves == i][-LATEST:] for i in range(len(MOVES))]
    success = np.array([(1 + found.sum()) / (4 + len(found)) for found in latest]) ** 2
    shares: Array = LEAST_SHARE + (1 - len(MOVES) * LEAST_SHARE) * success / success.sum()
    if climb.is_converged:
        shares[NUMBER["climb"]] = 0.0
    normalised: Array = shares / shares.sum()
    return normalised


def _without_trail(y: Array, moves: NDArray[np.int64]) -> Array:
    """The values of the best trial and of all that are no steps of a climb; inf for the others."""
    is_trail = moves == NUMBER["climb"]
    is_trail[np.argmin(y)] = False
    return np.where(is_trail, np.inf, y)


def _lowest(y: Array, n: int) -> NDArray[np.intp]:
    """Rows of the `n` lowest finite values, lowest first, the earliest of equals."""
    n = min(n, int(np.isfinite(y).sum()))
    rows = np.flatnonzero(y <= np.partition(y, n - 1)[n - 1])  # to sort a long history takes longer
    return rows[np.argsort(y[rows], kind="stable")][:n]


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
