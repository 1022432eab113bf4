"""Problems drawn at random in seven shapes that tuning tasks have; the best value of each is 0.

Any number of problems can be drawn of a shape. Nothing in the searchers was settled with those of `tuning()`;
the others are for choices.

Notation
--------
u (d,)  unit-cube point of a configuration, NaN where a parameter is inactive (`hpo.Space.encode`)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import hpo
from benchmarks.suites.functions import Array
from benchmarks.suites.problem import noise_generator

N_OF_EACH = 8  # problems of a shape

Columns = Sequence[int] | NDArray[np.int64]
Value = Callable[[Array], float]
Noise = Callable[[float, np.random.Generator], float]


def tuning(first: int = 0) -> dict[str, Tuning]:
    """Problems by name, eight of each shape, from number `first` on."""
    return {f"{shape} {i}": Tuning(shape, i) for shape in SHAPES for i in range(first, first + N_OF_EACH)}


@dataclass(frozen=True)
class Tuning:
    """One problem; drawn when it is first used, in whichever process that is.

    Parameters
    ----------
    shape : str
        A key of `SHAPES`.
    number : int
        Which of them.
    """

    shape: str
    number: int
    optimum: ClassVar[float] = 0.0

    @property
    def space(self) -> hpo.Space:
        """What to search."""
        return self._drawn.space

    def observe(self, params: dict[str, Any], seed: int = 0) -> float:
        """Value with the shape's noise."""
        return self._drawn.noise(self.truth(params), noise_generator(params, seed))

    def truth(self, params: dict[str, Any]) -> float:
        """Value without noise."""
        return float(self._drawn.value(self.space.encode([params])[0]))

    def __getstate__(self) -> dict[str, Any]:
        return {"shape": self.shape, "number": self.number}

    @cached_property
    def _drawn(self) -> _Drawn:
        return SHAPES[self.shape](np.random.default_rng([list(SHAPES).index(self.shape), self.number]))


@dataclass(frozen=True)
class _Drawn:
    space: hpo.Space
    best: Array  # a place for every parameter, whatever its conditions, where the value is 0
    value: Value
    noise: Noise = lambda value, rng: value


def algorithms(rng: np.random.Generator) -> _Drawn:
    """Three to five algorithms, each with hyperparameters of its own."""
    names = [f"algorithm {k}" for k in range(rng.integers(3, 6))]
    parameters: dict[str, Any] = {"algorithm": hpo.Categorical(names)}
    for name in names:
        own = range(rng.integers(1, 5))
        parameters |= {f"{name}: {j}": _number(rng, {"algorithm": name}) for j in own}
    space = hpo.Space(parameters)
    columns = [[j for j, n in enumerate(space.names) if n.startswith(f"{name}:")] for name in names]
    best = _somewhere(space, rng)
    basins = [_basin(best, own, rng) for own in columns]
    is_other = np.arange(len(names)) != int(best[0] * len(names))
    lowest, heights = rng.uniform(0.0, 0.5, len(names)) * is_other, rng.uniform(0.2, 1.0, len(names))

    def value(u: Array) -> float:
        k = int(u[0] * len(names))
        return float(lowest[k] + heights[k] * basins[k](u))

    return _Drawn(space, best, value)


def choices(rng: np.random.Generator) -> _Drawn:
    """Five to eight choices among two to five names, whose effects add up, and some pairs interact."""
    m = rng.integers(2, 6, size=rng.integers(5, 9))
    d = len(m)
    table = np.zeros(m)
    for j in range(d):
        table += rng.normal(size=[m[j] if i == j else 1 for i in range(d)])
    for pair in combinations(range(d), 2):
        if rng.random() < 0.3:
            table += 0.6 * rng.normal(size=[m[i] if i in pair else 1 for i in range(d)])
    table -= table.min()
    space = hpo.Space({f"choice {j}": hpo.Categorical([f"name {k}" for k in range(m[j])]) for j in range(d)})
    best = (np.array(np.unravel_index(table.argmin(), table.shape)) + 0.5) / m
    return _Drawn(space, best, lambda u: float(table[tuple((u * m).astype(int))]))


def layers(rng: np.random.Generator) -> _Drawn:
    """A network of one to three or four layers with units and dropout each, and two optimisers; noise."""
    most = int(rng.integers(3, 5))
    parameters: dict[str, Any] = {
        "learning_rate": hpo.Float(1e-5, 1e-1, log=True),
        "n_layers": hpo.Int(1, most),
        "activation": hpo.Categorical(["relu", "tanh", "gelu"]),
        "optimizer": hpo.Categorical(["sgd", "adam"]),
        "momentum": hpo.Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "beta2": hpo.Float(0.9, 0.9999, when={"optimizer": "adam"}),
    }
    for layer in range(1, most + 1):
        exists = {"n_layers": list(range(layer, most + 1))}
        parameters[f"units{layer}"] = hpo.Int(8, 512, log=True, when=exists)
        parameters[f"dropout{layer}"] = hpo.Float(0.0, 0.6, when=exists)
    space = hpo.Space(parameters)
    best = _somewhere(space, rng)
    weight = rng.gamma(1.0, 0.8, len(space)) + 0.04
    weight[1:4] = 0.0
    best_n, best_activation, best_optimizer = (best[1:4] * [most, 3, 2]).astype(int)
    missing_layer, other_optimizer = rng.uniform(0.05, 0.3), rng.uniform(0.0, 0.2)
    activations = rng.uniform(0.0, 0.15, 3) * (np.arange(3) != best_activation)
    rate_of_other = rng.uniform(-0.15, 0.15)

    def value(u: Array) -> float:
        n, activation, optimizer = (u[1:4] * [most, 3, 2]).astype(int)
        is_other = optimizer != best_optimizer
        off = u - best
        off[0] -= rate_of_other * is_other
        off[0] *= 3.0 if off[0] > 0 else 1.5  # too high a rate costs more than too low a one
        excess = np.nansum(weight * off * off) + missing_layer * abs(n - best_n) ** 0.7
        return float(excess + activations[activation] + other_optimizer * is_other)

    return _Drawn(space, best, value, lambda v, noise: v + 0.01 * noise.normal())


def few_matter(rng: np.random.Generator) -> _Drawn:
    """Thirty parameters, three of which matter."""
    space = hpo.Space({f"x{j}": hpo.Float(0.0, 1.0) for j in range(30)})
    best = _somewhere(space, rng)
    return _Drawn(space, best, _basin(best, rng.permutation(30)[:3], rng))


def counted(rng: np.random.Generator) -> _Drawn:
    """Three to six numbers; which share of 50 to 200 cases comes out wrong is all that is seen."""
    space = hpo.Space({f"x{j}": _number(rng) for j in range(rng.integers(3, 7))})
    best = _somewhere(space, rng)
    basin = _basin(best, range(len(best)), rng)
    least, n_cases = rng.uniform(0.02, 0.2), rng.choice([50, 100, 200])

    def share(value: float, noise: np.random.Generator) -> float:
        return float(noise.binomial(n_cases, value + least) / n_cases - least)

    return _Drawn(space, best, lambda u: (0.9 - least) * basin(u), share)


def mixed(rng: np.random.Generator) -> _Drawn:
    """Numbers, and names of which each moves the best value of a number and costs something; some noise."""
    parameters: dict[str, Any] = {"x0": _number(rng)}
    for j in range(1, rng.integers(4, 9)):
        names = [f"name {k}" for k in range(rng.integers(2, 6))]
        parameters[f"x{j}"] = hpo.Categorical(names) if rng.random() < 0.4 else _number(rng)
    space = hpo.Space(parameters)
    best, numbers = _somewhere(space, rng), np.flatnonzero(~space.is_categorical)
    basin, effects, sd = _basin(best, numbers, rng), [], rng.choice([0.0, 0.02])
    for j in np.flatnonzero(space.is_categorical).tolist():
        m = int(space.n_cells[j])
        is_other = np.arange(m) != int(best[j] * m)
        costs, moves = rng.gamma(1.0, 0.15, m) * is_other, rng.normal(0.0, 0.2, m) * is_other
        effects.append((j, rng.choice(numbers), costs, moves))

    def value(u: Array) -> float:
        moved, excess = u.copy(), 0.0
        for j, number, costs, moves in effects:
            k = int(u[j] * len(costs))
            moved[number] += moves[k]
            excess += costs[k]
        return basin(moved) + excess

    return _Drawn(space, best, value, lambda v, noise: v + sd * noise.normal())


def divergence(rng: np.random.Generator) -> _Drawn:
    """A network's error over six hyperparameters, at chance above some learning rate; noise grows with it."""
    space = hpo.Space(
        {
            "learning_rate": hpo.Float(1e-5, 1.0, log=True),
            "weight_decay": hpo.Float(1e-6, 1e-1, log=True),
            "batch_size": hpo.Ordinal([16, 32, 64, 128, 256, 512]),
            "width": hpo.Int(16, 1024, log=True),
            "dropout": hpo.Float(0.0, 0.8),
            "epochs": hpo.Int(5, 100),
        }
    )
    best, edge, chance = _somewhere(space, rng), rng.uniform(0.1, 0.25), 0.85

    def value(u: Array) -> float:
        rate, decay, batch, width, dropout, epochs = u - best
        rate -= 0.15 * batch  # larger batches want larger rates
        if rate > edge:
            return chance
        excess = 0.1 * (1.0 - np.exp(-40.0 * rate**2)) + 0.03 * abs(decay) + 0.5 * max(decay, 0.0) ** 2
        return float(excess + 0.05 * abs(width) ** 1.3 + 0.1 * dropout**2 + 0.05 * abs(epochs) ** 1.5)

    return _Drawn(space, best, value, lambda v, noise: v + 0.003 * (1.0 + 5.0 * v) * noise.normal())


SHAPES: dict[str, Callable[[np.random.Generator], _Drawn]] = {
    "algorithms": algorithms,
    "choices": choices,
    "layers": layers,
    "few matter": few_matter,
    "counted": counted,
    "mixed": mixed,
    "divergence": divergence,
}


def _number(rng: np.random.Generator, when: dict[str, Any] | None = None) -> Any:
    """A real or whole number, on a linear or logarithmic range."""
    low, high = 10.0 ** -rng.integers(2, 6), int(rng.integers(10, 60))
    kinds = (
        hpo.Float(0.0, 1.0, when=when),
        hpo.Float(low, 1.0, log=True, when=when),
        hpo.Int(1, high, when=when),
        hpo.Int(1, 20 * high, log=True, when=when),
    )
    return kinds[rng.integers(len(kinds))]


def _somewhere(space: hpo.Space, rng: np.random.Generator) -> Array:
    """A place for every parameter, whatever its conditions, that one of its values has."""
    parameters: dict[str, Any] = dict(space.parameters)
    alone = hpo.Space({name: replace(p, when=None) for name, p in parameters.items()})
    place: Array = alone.snap(rng.uniform(0.1, 0.9, (1, len(space))))[0]
    return place


def _basin(best: Array, columns: Columns, rng: np.random.Generator) -> Value:
    """A function of these columns of u, 0 at the best place and up to 1 far from it.

    Each column counts as much as it happens to, on either side, as a power of its own; squares of rotated
    columns add to that, so that columns interact; and it levels off.
    """
    d = len(columns)
    weight, steeper = rng.gamma(1.0, 1.0, d) + 0.05, rng.uniform(0.5, 2.0, d)
    power, rotation = rng.choice([1.0, 1.5, 2.0], d), np.linalg.qr(rng.normal(size=(d, d)))[0]
    interaction, reach = rng.uniform(0.0, 0.6), rng.uniform(0.3, 2.0)

    def value(u: Array) -> float:
        off = 2.0 * (u[columns] - best[columns])
        distance = weight @ np.where(off > 0, steeper * off, -off) ** power
        distance += interaction * weight @ (rotation @ off) ** 2
        return float(1.0 - np.exp(-distance / reach))

    return value
