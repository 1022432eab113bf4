"""scikit-optimize."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import hpo
from benchmarks.suites.peers.replayed import ReplayedSearcher
from hpo.space import Float, Int, Ordinal


@dataclass(frozen=True)
class SkoptSearcher(ReplayedSearcher):
    """scikit-optimize's Gaussian process: `Optimizer` at its defaults; conditions are ignored.

    Which of three acquisition functions pays it learns from what it proposed before, hence the replay.
    """

    name: ClassVar[str] = "skopt-gp"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-optimize",)

    def start(self, space: hpo.Space, seed: int) -> _Optimizer:
        """The peer, before its first ask."""
        return _Optimizer(space, seed)


class _Optimizer:
    def __init__(self, space: hpo.Space, seed: int) -> None:
        from skopt import Optimizer

        self.names = space.names
        dimensions = [_dimension(p) for p in space.parameters.values()]
        self.optimizer = Optimizer(dimensions, random_state=seed, n_initial_points=10)

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        asked = self.optimizer.ask()
        return asked, dict(zip(self.names, asked))

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        self.optimizer.tell(asked, loss)


def _dimension(p: Any) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(p, Float | Int):
        kind = Real if isinstance(p, Float) else Integer
        return kind(p.low, p.high, prior="log-uniform" if p.log else "uniform")
    last = len(p.choices) - 1
    return Integer(0, last) if isinstance(p, Ordinal) else Categorical(list(range(last + 1)))
