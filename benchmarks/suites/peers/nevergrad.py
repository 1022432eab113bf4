"""Nevergrad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, ClassVar, TypeVar

import hpo
from benchmarks.suites.peers.replayed import ReplayedSearcher
from hpo.space import Float, Int, Ordinal

T = TypeVar("T")


@dataclass(frozen=True)
class NevergradSearcher(ReplayedSearcher):
    """Nevergrad's NGOpt, which chooses among its optimisers by dimension and budget.

    Conditions are ignored.
    """

    name: ClassVar[str] = "nevergrad"
    libraries: ClassVar[tuple[str, ...]] = ("nevergrad",)

    def start(self, space: hpo.Space, seed: int) -> _NGOpt:
        """The peer, before its first ask."""
        return in_daemon(lambda: _NGOpt(space, seed, self.budget))


class _NGOpt:
    def __init__(self, space: hpo.Space, seed: int, budget: int) -> None:
        import nevergrad as ng

        instrumentation = ng.p.Dict(**{n: _parameter(p) for n, p in space.parameters.items()})
        instrumentation.random_state.seed(seed)
        self.optimizer = ng.optimizers.NGOpt(parametrization=instrumentation, budget=budget)

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        candidate = in_daemon(self.optimizer.ask)
        return candidate, candidate.value

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        in_daemon(lambda: self.optimizer.tell(asked, loss))


def _parameter(p: Any) -> Any:
    import nevergrad as ng

    if isinstance(p, Float | Int):
        scalar = (ng.p.Log if p.log else ng.p.Scalar)(lower=p.low, upper=p.high)
        return scalar.set_integer_casting() if isinstance(p, Int) else scalar
    indices = list(range(len(p.choices)))
    return ng.p.TransitionChoice(indices) if isinstance(p, Ordinal) else ng.p.Choice(indices)


def in_daemon(call: Callable[[], T]) -> T:
    """Call in a daemon thread, whose own threads are then daemons as well.

    Some of nevergrad's optimisers run in a thread that waits for its next value for good, and a process
    does not end before its threads do, unless they are daemons.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result()
