"""hpo: the best configuration in the fewest trials, and honest evidence of which search found it.

The public names are imported when they are first used, so that ``import hpo`` stays quick.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Space": "hpo.space",
    "Float": "hpo.space",
    "Int": "hpo.space",
    "Ordinal": "hpo.space",
    "Categorical": "hpo.space",
    "SpaceError": "hpo.space",
    "InfeasibleSpaceError": "hpo.space",
    "Trial": "hpo.trial",
    "TrialState": "hpo.trial",
    "Suggestion": "hpo.trial",
    "History": "hpo.trial",
    "Searcher": "hpo.searchers",
    "SearchSpaceExhausted": "hpo.searchers",
    "GridSearcher": "hpo.searchers.grid",
    "RandomSearcher": "hpo.searchers.random",
    "GPSearcher": "hpo.searchers.gp",
    "GeneticSearcher": "hpo.searchers.genetic",
    "OptunaSearcher": "hpo.searchers.optuna",
    "Pruner": "hpo.pruning",
    "MedianPruner": "hpo.pruning",
    "ASHAPruner": "hpo.pruning",
    "HyperbandPruner": "hpo.pruning",
    "Study": "hpo.study",
    "load_study": "hpo.shortcuts",
    "minimize": "hpo.shortcuts",
    "maximize": "hpo.shortcuts",
    "LiveTrial": "hpo.execution",
    "TrialPruned": "hpo.execution",
    "Task": "hpo.compare",
    "SearchCV": "hpo.sklearn",
}

_MODULES = ("compare", "plots", "storage")  # `compare` can be called, too

__all__ = [*_PUBLIC, "compare"]  # not `plots`, which needs plotly, nor `storage`, which loads SQLAlchemy


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"hpo.{name}")
    if name == "__version__":
        return import_module("importlib.metadata").version("hpo")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hpo' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC, *_MODULES, "__version__"]
