"""What the searchers are compared on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hpo.checks import one_of, takes
from hpo.compare.fingerprint import fingerprint, held, of_code
from hpo.execution import adapted
from hpo.space import Space


@dataclass(frozen=True)
class Task:
    """One problem of a comparison.

    Parameters
    ----------
    objective : callable
        ``objective(params) -> float`` or ``objective(params, trial) -> float``. If it has a
        parameter named ``seed``, it is given the seed of the repeat.
    space : Space or mapping
        What to search; scikit-learn's notation is accepted.
    direction : {"minimize", "maximize"}
    evaluate : callable, optional
        ``evaluate(params) -> float``: the value without noise, where it is known. Searchers never
        see it; the report judges by it.
    test : callable, optional
        ``test(params, seed) -> float or mapping of str to float``: scores the winning configuration
        of one run on data that the search never touched, after refitting.
    metric : str
        What the objective measures, for the axes of the report.
    unit : str
        Its unit, such as ``"%"``.

    Raises
    ------
    ValueError
        If a field is not usable.
    """

    objective: Callable[..., Any]
    space: Space | Mapping[str, Any]
    direction: str = "minimize"
    evaluate: Callable[[dict[str, Any]], float] | None = None
    test: Callable[[dict[str, Any], int], Any] | None = None
    metric: str = "objective value"
    unit: str = ""

    def __post_init__(self) -> None:
        adapted(self.objective_of(0))  # refuses what no study could call
        # Both are called after trials were spent, and a run whose test failed is not tested again.
        for name, n, arguments in (("evaluate", 1, "params"), ("test", 2, "params and seed")):
            value = getattr(self, name)
            if value is not None and not takes(n, value):
                raise ValueError(f"{name}={value!r}: must be a function of {arguments}, or None")
        for name in ("metric", "unit"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name}={getattr(self, name)!r}: must be a string")
        one_of("direction", self.direction, "minimize", "maximize")
        object.__setattr__(self, "space", Space.of(self.space))

    def objective_of(self, seed: int) -> Callable[..., Any]:
        """The objective of the repeat with this seed, which it is given where it has a parameter for it."""
        try:
            signature = inspect.signature(self.objective)
        except (TypeError, ValueError):
            return self.objective
        if "seed" not in signature.parameters:
            return self.objective
        try:
            signature.bind_partial(seed=seed)
        except TypeError as error:
            raise ValueError(f"objective={self.objective!r}: must take seed by its name ({error})") from None
        return functools.partial(self.objective, seed=seed)

    def definition(self) -> dict[str, Any]:
        """What must stay the same for finished runs to be kept, as plain JSON."""
        return {
            "objective": fingerprint(self.objective),
            "space": fingerprint(self.space) + "".join(map(of_code, Space.of(self.space).constraints)),
            "direction": self.direction,
            "evaluate": fingerprint(self.evaluate),
            "test": fingerprint(self.test),
        }

    def held(self) -> dict[str, str]:
        """What else must: values that its functions hold."""
        constraints = Space.of(self.space).constraints
        parts = {name: getattr(self, name) for name in ("objective", "evaluate", "test")}
        return {f"{name}_holds": held(part) for name, part in {**parts, "constraints": constraints}.items()}
