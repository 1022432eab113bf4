"""The interface of every searcher: a pure function of the trials so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from hpo.searchers.seeding import TrialSeed
from hpo.space import Space
from hpo.trial import History, Suggestion


class SearchSpaceExhausted(Exception):
    """Every configuration has been tried; `Study.optimize` ends normally on it."""


class Searcher(ABC):
    """Suggests configurations.

    A searcher keeps no state: the same space, history and generator give the same suggestion, in
    any process. What it wants to remember it writes into ``Suggestion.info`` (plain JSON), which
    comes back in ``History.infos``. Subclasses are frozen dataclasses whose fields are their
    options, so that a searcher can be compared, printed and stored.

    Attributes
    ----------
    name : str
    libraries : tuple of str
        Distributions by other authors whose algorithm it is: `hpo.compare` does not mix runs with
        several versions of them.
    """

    name: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next.

        Parameters
        ----------
        space : Space
        history : History
            Finished and pending trials, values to be minimised.
        rng : numpy.random.Generator
            The only source of randomness; seeded by the study for this suggestion.

        Raises
        ------
        SearchSpaceExhausted
            If nothing is left to try.
        """


def generator(seed: int, k: int) -> np.random.Generator:
    """Generator behind suggestion `k` of a study: that of ``SeedSequence(seed, spawn_key=(k,))``."""
    return np.random.Generator(np.random.PCG64(TrialSeed(seed, k)))  # type: ignore[arg-type]
