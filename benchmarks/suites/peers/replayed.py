"""Peers that keep a state which the trials alone do not tell: their asks and tells are replayed."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

import hpo
from benchmarks.suites.peers.plain import from_plain


class Optimizer(Protocol):
    """An optimiser of another library at work."""

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        """What it wants evaluated: as it knows it, and as plain values by name."""
        ...

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        """Take in the loss of what was asked: of a failed trial, the worst before it."""
        ...


@dataclass(frozen=True)
class ReplayedSearcher(hpo.Searcher):
    """Begins the peer with a seed that the trials keep, and goes through its earlier asks and tells anew.

    Parameters
    ----------
    budget : int
        Trials of the whole study, for those that plan with them.
    """

    budget: int
    _replays: dict[int, _Replay] = field(default_factory=dict, init=False, repr=False, compare=False)

    @abstractmethod
    def start(self, space: hpo.Space, seed: int) -> Optimizer:
        """The peer, before its first ask."""

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next."""
        seed = history.infos[0]["seed"] if len(history.infos) else int(rng.integers(2**31))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            replay = self._replays.get(seed)
            if replay is None or not replay.is_prefix(space, history):
                self._replays.clear()
                replay = self._replays[seed] = _Replay(space, self.start(space, seed))
            values = replay.ask(history)
        return hpo.Suggestion(from_plain(space, [values[n] for n in space.names]), {"seed": seed})


class _Replay:
    """An optimiser and the losses it was told; used again while the history only grows."""

    def __init__(self, space: hpo.Space, optimizer: Optimizer) -> None:
        self.space, self.optimizer = space, optimizer
        self.y = np.empty(0)
        self.open: tuple[Any, Mapping[str, Any]] | None = None  # asked for, and not told

    def is_prefix(self, space: hpo.Space, history: hpo.History) -> bool:
        n = len(self.y)
        return (
            space is self.space
            and n <= len(history)
            and np.array_equal(self.y, history.y[:n], equal_nan=True)
        )

    def ask(self, history: hpo.History) -> Mapping[str, Any]:
        for i in range(len(self.y), len(history)):
            asked, _ = self.open or self.optimizer.ask()
            known = history.y[: i + 1]
            failed = bool(np.isnan(known[i]))
            worst = float(np.nanmax(known)) if np.isfinite(known).any() else 0.0
            self.optimizer.tell(asked, worst if failed else float(known[i]), failed)
            self.open = None
        self.y = history.y.copy()
        self.open = self.open or self.optimizer.ask()
        return self.open[1]
