"""scikit-optimize."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import hpo
from benchmarks.suites.peers.plain import from_plain, plain_history
from hpo.space import Float, Int, Ordinal


@dataclass(frozen=True)
class SkoptSearcher(hpo.Searcher):
    """scikit-optimize's Gaussian process: `Optimizer` at its defaults; conditions are ignored."""

    name: ClassVar[str] = "skopt-gp"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-optimize",)

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next."""
        from skopt import Optimizer
        from skopt.space import Categorical as SkoptCategorical
        from skopt.space import Integer, Real

        def dimension(p: Any) -> Any:
            if isinstance(p, Float):
                return Real(p.low, p.high, prior="log-uniform" if p.log else "uniform")
            if isinstance(p, Int):
                return Integer(p.low, p.high, prior="log-uniform" if p.log else "uniform")
            indices = range(len(p.choices))
            return (
                Integer(0, len(p.choices) - 1) if isinstance(p, Ordinal) else SkoptCategorical(list(indices))
            )

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = Optimizer(
                [dimension(p) for p in space.parameters.values()],
                random_state=int(rng.integers(2**31)),
                n_initial_points=10,
            )
            X, y = plain_history(space, history)
            if X:
                optimizer.tell(X, y, fit=len(history) >= 10)
            return hpo.Suggestion(from_plain(space, optimizer.ask()))
