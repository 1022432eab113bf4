"""Ax, which is how BoTorch is meant to be used for tuning."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import hpo
from benchmarks.suites.peers.replayed import ReplayedSearcher
from hpo.space import Float, Int, Ordinal


@dataclass(frozen=True)
class AxSearcher(ReplayedSearcher):
    """Ax's `Client` at its defaults: the centre, Sobol points, then BoTorch; conditions are ignored."""

    name: ClassVar[str] = "ax"
    libraries: ClassVar[tuple[str, ...]] = ("ax-platform", "botorch", "gpytorch", "torch")

    def start(self, space: hpo.Space, seed: int) -> _Client:
        """The peer, before its first ask."""
        return _Client(space, seed)


class _Client:
    def __init__(self, space: hpo.Space, seed: int) -> None:
        from ax.api.client import Client
        from ax.utils.common.logger import set_stderr_log_level

        set_stderr_log_level(logging.ERROR)
        self.client = Client(random_seed=seed)
        self.client.configure_experiment([_parameter(n, p) for n, p in space.parameters.items()])
        self.client.configure_optimization("-loss")

    def ask(self) -> tuple[Any, Mapping[str, Any]]:
        ((index, values),) = self.client.get_next_trials(max_trials=1).items()
        return index, values

    def tell(self, asked: Any, loss: float, failed: bool) -> None:
        if failed:
            self.client.mark_trial_failed(asked)
        else:
            self.client.complete_trial(asked, raw_data={"loss": loss})


def _parameter(name: str, p: Any) -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if isinstance(p, Float | Int):
        return RangeParameterConfig(
            name=name,
            bounds=(p.low, p.high),
            parameter_type="float" if isinstance(p, Float) else "int",
            scaling="log" if p.log else "linear",
        )
    return ChoiceParameterConfig(
        name=name,
        values=list(range(len(p.choices))),
        parameter_type="int",
        is_ordered=isinstance(p, Ordinal),
    )
