"""SMAC3."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import hpo
from benchmarks.suites.peers.plain import index
from benchmarks.suites.peers.replayed import ReplayedSearcher
from hpo.space import Float, Int, Ordinal


@dataclass(frozen=True)
class SMACSearcher(ReplayedSearcher):
    """SMAC3's facade for hyperparameters, a random forest, at its defaults; it is told of conditions.

    The objective is said to be deterministic, or it would spend trials on repetitions.
    """

    name: ClassVar[str] = "smac"
    libraries: ClassVar[tuple[str, ...]] = ("smac", "ConfigSpace")

    def start(self, space: hpo.Space, seed: int) -> _Facade:
        """The peer, before its first ask."""
        return _Facade(space, seed, self.budget)


class _Facade:
    def __init__(self, space: hpo.Space, seed: int, budget: int) -> None:
        from smac import HyperparameterOptimizationFacade, Scenario

        self.inactive = {n: _first(p) for n, p in space.parameters.items()}  # what stands there then
        self.folder = TemporaryDirectory()
        scenario = Scenario(
            _configuration_space(space, seed),
            deterministic=True,
            n_trials=budget,
            seed=seed,
            output_directory=self.folder.name,
        )
        self.smac = HyperparameterOptimizationFacade(
            scenario, lambda config, seed: 0.0, overwrite=True, logging_level=logging.ERROR
        )

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        asked = self.smac.ask()
        return asked, {**self.inactive, **asked.config}

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        from smac.runhistory import TrialValue

        self.smac.tell(asked, TrialValue(cost=loss))


def _configuration_space(space: hpo.Space, seed: int) -> Any:
    from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition

    found = ConfigurationSpace(seed=seed)
    found.add([_parameter(n, p) for n, p in space.parameters.items()])
    for name, p in space.parameters.items():
        conditions = [
            InCondition(found[name], found[parent], [index(space.parameters[parent], v) for v in values])
            for parent, values in (p.when or {}).items()
        ]
        if conditions:
            found.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
    return found


def _parameter(name: str, p: Any) -> Any:
    from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter
    from ConfigSpace import Float as SMACFloat
    from ConfigSpace import Integer as SMACInteger

    if isinstance(p, Float | Int):
        return (SMACFloat if isinstance(p, Float) else SMACInteger)(name, (p.low, p.high), log=p.log)
    kind = OrdinalHyperparameter if isinstance(p, Ordinal) else CategoricalHyperparameter
    return kind(name, list(range(len(p.choices))))


def _first(p: Any) -> Any:
    return p.low if isinstance(p, Float | Int) else 0
