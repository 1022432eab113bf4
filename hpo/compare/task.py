"""What the searchers are compared on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import ModuleType
from typing import Any

from hpo.space import Space

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
PLAIN = (bool, int, float, str, type(None))


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
        for name in ("objective", "evaluate", "test"):
            value = getattr(self, name)
            if not callable(value) and (name == "objective" or value is not None):
                raise ValueError(f"{name}={value!r}: must be callable")
        for name in ("metric", "unit"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name}={getattr(self, name)!r}: must be a string")
        if self.direction not in ("minimize", "maximize"):
            raise ValueError(f"direction={self.direction!r}: must be 'minimize' or 'maximize'")
        object.__setattr__(self, "space", Space.of(self.space))

    def definition(self) -> dict[str, Any]:
        """What must stay the same for finished runs to be kept, as plain JSON."""
        return {
            "objective": described(self.objective),
            "space": described(self.space) + "".join(map(_of_code, Space.of(self.space).constraints)),
            "direction": self.direction,
            "evaluate": described(self.evaluate),
            "test": described(self.test),
        }


def described(thing: Any) -> str:
    """Name of a function, else the repr without memory addresses: the same in every process.

    A method is told by its object as well, and an object whose repr says nothing by its plain attributes.
    """
    name = getattr(thing, "__qualname__", None)
    if isinstance(name, str):
        owner = getattr(thing, "__self__", None)
        return (
            name if owner is None or isinstance(owner, type | ModuleType) else f"{name} of {described(owner)}"
        )
    kind: Any = type(thing)
    if kind.__repr__ is object.__repr__:
        plain = {n: v for n, v in getattr(thing, "__dict__", {}).items() if isinstance(v, PLAIN)}
        return _call(thing, {n: repr(v) for n, v in sorted(plain.items())})
    if is_dataclass(thing) and ADDRESS.search(repr(thing)):
        return _call(thing, {f.name: described(getattr(thing, f.name)) for f in fields(thing) if f.repr})
    return ADDRESS.sub("", repr(thing))


def _call(thing: Any, arguments: Mapping[str, str]) -> str:
    return f"{type(thing).__qualname__}({', '.join(f'{name}={value}' for name, value in arguments.items())})"


def _of_code(constraint: Any) -> str:
    """A constraint by its name and the constants in it."""
    code = getattr(constraint, "__code__", None)
    constants = [c for c in getattr(code, "co_consts", ()) if isinstance(c, PLAIN)]
    return f" with {described(constraint)}{constants}"
