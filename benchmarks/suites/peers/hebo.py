"""HEBO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import hpo
from benchmarks.suites.peers.replayed import ReplayedSearcher
from hpo.space import Categorical, Float, Int


@dataclass(frozen=True)
class HEBOSearcher(ReplayedSearcher):
    """HEBO (Cowen-Rivers et al., arXiv 2012.03826) at its defaults; conditions are ignored."""

    name: ClassVar[str] = "hebo"
    libraries: ClassVar[tuple[str, ...]] = ("HEBO", "gpytorch", "pymoo", "torch")

    def start(self, space: hpo.Space, seed: int) -> _HEBO:
        """The peer, before its first ask."""
        return _HEBO(space, seed)


class _HEBO:
    def __init__(self, space: hpo.Space, seed: int) -> None:
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        self.seed, self.asked = seed, 0
        design = DesignSpace().parse([_parameter(n, p) for n, p in space.parameters.items()])
        self.optimizer = HEBO(design, scramble_seed=seed)

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        import torch

        # It draws from the global generators: seeded for each ask, whatever ran in between.
        np.random.seed(self.seed + self.asked)  # noqa: NPY002
        torch.manual_seed(self.seed + self.asked)
        asked = self.optimizer.suggest(n_suggestions=1)
        self.asked += 1
        return asked, asked.iloc[0].to_dict()

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        self.optimizer.observe(asked, np.array([[loss]]))


def _parameter(name: str, p: Any) -> dict[str, Any]:
    if isinstance(p, Float | Int):
        kind = ("pow" if p.log else "num") if isinstance(p, Float) else ("pow_int" if p.log else "int")
        return {"name": name, "type": kind, "lb": p.low, "ub": p.high}
    if isinstance(p, Categorical):
        return {"name": name, "type": "cat", "categories": list(range(len(p.choices)))}
    return {"name": name, "type": "int", "lb": 0, "ub": len(p.choices) - 1}
