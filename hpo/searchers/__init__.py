"""The searchers by name; each is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hpo.searchers.base import Searcher, SearchSpaceExhausted

SEARCHERS = {
    "grid": ("hpo.searchers.grid", "GridSearcher"),
    "random": ("hpo.searchers.random", "RandomSearcher"),
    "gp": ("hpo.searchers.gp", "GPSearcher"),
    "genetic": ("hpo.searchers.genetic", "GeneticSearcher"),
    "tpe": ("hpo.searchers.optuna", "OptunaSearcher"),
}


def resolve(searcher: str | Searcher, n_trials: int | None = None) -> Searcher:
    """Searcher of that name with its default options, or `searcher` itself.

    Parameters
    ----------
    searcher : str or Searcher
        ``"grid"``, ``"random"``, ``"gp"``, ``"genetic"``, ``"tpe"``, or an instance.
    n_trials : int, optional
        The planned budget, for searchers that plan with it (the genetic one's population).

    Raises
    ------
    ValueError
        If no searcher has that name.
    """
    if isinstance(searcher, Searcher):
        return searcher
    if not isinstance(searcher, str) or searcher not in SEARCHERS:
        raise ValueError(f"searcher={searcher!r}: must be one of {', '.join(SEARCHERS)}, or a Searcher")
    module, name = SEARCHERS[searcher]
    cls: Any = getattr(import_module(module), name)
    options = {"n_trials": n_trials or None} if searcher == "genetic" else {}
    made: Searcher = cls(**options)
    return made


__all__ = ["SEARCHERS", "SearchSpaceExhausted", "Searcher", "resolve"]
