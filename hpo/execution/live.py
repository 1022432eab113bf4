"""A trial as its objective sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from hpo.execution.values import checked_step, checked_value
from hpo.trial import Curve, Params, own


class TrialPruned(Exception):
    """Raised by an objective to end its trial early; what it says is the reason that is kept."""


class LiveTrial:
    """What an objective gets as its second argument while its trial runs.

    By itself it is there to try an objective out: ``objective(params, hpo.LiveTrial(0, params))``.

    Parameters
    ----------
    number : int
    params : dict
    study_seed : int
    prune : callable, optional
        From the reports so far, to be minimised, to whether the trial should end; None: it never should.
    sign : float
        1.0 where the study minimises, -1.0 where it maximises.

    Attributes
    ----------
    number, params, study_seed
        As given.
    reports : mapping of int to float
        Intermediate values by step; `report` adds to them.
    """

    def __init__(
        self,
        number: int,
        params: Params,
        study_seed: int = 0,
        prune: Callable[[Mapping[int, float]], bool] | None = None,
        sign: float = 1.0,
    ) -> None:
        self.number = number
        self.params = own(params)
        self.study_seed = study_seed
        self._reports: dict[int, float] = {}
        self._prune = prune
        self._sign = sign
        self._curve = Curve({})  # the reports as `prune` has them: of thousands, none is looked at twice
        self.on_report: Callable[[int, float], None] | None = None  # set where the trial runs, if at all

    @property
    def seed(self) -> int:
        """For the objective's own randomness: the same whenever the trial is evaluated again."""
        sequence = np.random.SeedSequence(self.study_seed, spawn_key=(self.number, 1))
        return int(sequence.generate_state(1)[0])

    @property
    def reports(self) -> Mapping[int, float]:
        return MappingProxyType(self._reports)

    def report(self, value: float, step: int) -> None:
        """Note an intermediate value, such as the validation error after an epoch.

        Raises
        ------
        ValueError
            If `value` is not a finite real number or `step` is no whole number from 0 to 2**63 - 1.
        """
        number, checked = checked_step(step), checked_value(value)
        self._reports[number] = checked
        self._curve[number] = self._sign * checked
        if self.on_report is not None:
            self.on_report(number, checked)

    def should_prune(self) -> bool:
        """Whether the study's pruner would end this trial now."""
        return self._prune is not None and bool(self._curve) and self._prune(self._curve)
