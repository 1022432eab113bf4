"""The search space: its parameters, conditions and constraints, drawn from, listed and checked.

Points are rows of (n, d) arrays in the unit cube, NaN where a parameter is inactive; the arithmetic
is that of `hpo.space.codec`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.checks import plain
from hpo.space.checks import SpaceError
from hpo.space.codec import Array, Codec, conditions_of
from hpo.space.notation import parameter_of
from hpo.space.parameters import Categorical, Float, Parameter

Params = dict[str, Any]

MAX_REJECTIONS = 100_000  # draws without one feasible point before a space is called infeasible


class InfeasibleSpaceError(SpaceError):
    """No configuration that satisfies the constraints could be found."""


class Space:
    """Hyperparameters to search, with their conditions and constraints.

    Parameters
    ----------
    parameters : mapping of str to Parameter, or to scikit-learn's notation
        `Float`, `Int`, `Ordinal`, `Categorical`; a list of values; a frozen ``scipy.stats``
        ``randint``, ``uniform`` or ``loguniform``.
    constraints : sequence of callables
        Each takes ``params`` (a dict; inactive parameters are absent) and returns True where the
        configuration is allowed, else False.

    Raises
    ------
    SpaceError
        If a field is not usable; the message names it, its value and what is allowed.
    """

    def __init__(
        self, parameters: Mapping[str, Any], constraints: Sequence[Callable[[Params], bool]] = ()
    ) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise SpaceError(f"space={parameters!r}: must be a dict with at least one parameter")
        for name in parameters:
            if not isinstance(name, str) or not name:
                raise SpaceError(f"parameter {name!r}: a name must be a non-empty string")
        self.constraints = tuple(constraints) if isinstance(constraints, Iterable) else (None,)
        if not all(callable(constraint) for constraint in self.constraints):
            raise SpaceError(f"constraints={constraints!r}: must be a list of callables that take params")
        self.parameters: dict[str, Parameter] = {n: parameter_of(n, p) for n, p in parameters.items()}
        self.names = tuple(self.parameters)
        columns = list(self.parameters.values())
        self.n_cells: Array = np.array([p.n_cells for p in columns])
        self.is_categorical = np.array([isinstance(p, Categorical) for p in columns])
        self.is_conditional = np.array([p.when is not None for p in columns])
        self._codec = Codec(columns, conditions_of(self.parameters))
        # Then numbers are values, and a row of them is a configuration.
        self._is_plain = all(isinstance(p, Float) and not p.step and p.when is None for p in columns)

    @classmethod
    def of(cls, space: Space | Mapping[str, Any]) -> Space:
        """`space` itself, or the space that a mapping describes."""
        return space if isinstance(space, Space) else cls(space)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name!r}: {parameter!r}" for name, parameter in self.parameters.items())
        constraints = f", constraints={len(self.constraints)}" if self.constraints else ""
        return f"Space({{{inside}}}{constraints})"

    def __getstate__(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "constraints": self.constraints}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["parameters"], state["constraints"])  # type: ignore[misc]

    @cached_property
    def size(self) -> float:
        """Upper bound on the number of configurations; inf where any column is continuous."""
        product: float = math.prod(self.n_cells.tolist())  # NumPy's warns where it overflows to inf
        return product

    @cached_property
    def alike(self) -> tuple[tuple[int, ...], ...]:
        """Columns of categoricals that offer the same choices in the same order, where there are several."""
        columns: dict[str, list[int]] = {}
        for j, parameter in enumerate(self.parameters.values()):
            if isinstance(parameter, Categorical):
                columns.setdefault(repr(list(parameter.choices)), []).append(j)
        return tuple(tuple(found) for found in columns.values() if len(found) > 1)

    # -- the codec ---------------------------------------------------------------------------

    def encode(self, configurations: Iterable[Params]) -> Array:
        """Unit-cube points of valid configurations; NaN where a parameter is inactive.

        Parameters
        ----------
        configurations : iterable of dict
            As `decode` returns them; use `canonical` first on what comes from outside.

        Returns
        -------
        (n, d) array

        Raises
        ------
        SpaceError
            If a value is not one of its parameter.
        """
        configurations = list(configurations)
        try:
            numbers = [
                [p.number(params[name]) if name in params else np.nan for name, p in self.parameters.items()]
                for params in configurations
            ]
        except (ValueError, TypeError, OverflowError):
            for params in configurations:
                self.canonical(params)  # says which value of which parameter it is
            raise
        return self._codec.to_unit(
            self._codec.on_grid(np.array(numbers, dtype=np.float64).reshape(-1, len(self)))
        )

    def decode(self, U: Array) -> list[Params]:
        """Configurations at points of the unit cube, as dicts of plain Python values.

        Parameters
        ----------
        U : (n, d) array
            Anywhere in [0, 1]; inactive parameters are ignored and left out of the result.
        """
        V = self._codec.numbers(U)
        if self._is_plain:
            return [dict(zip(self.names, row)) for row in V.tolist()]
        active = self._codec.active(V).tolist()
        items = list(self.parameters.items())
        return [
            {name: p.value(v) for (name, p), v, is_active in zip(items, row, mask) if is_active}
            for row, mask in zip(V.tolist(), active)
        ]

    def snap(self, U: Array) -> Array:
        """Move each point to the exact configuration that it decodes to, NaN where inactive."""
        V = self._codec.numbers(U)
        snapped = self._codec.to_unit(V)
        if self._codec.conditions:
            snapped[~self._codec.active(V)] = np.nan
        return snapped

    def active(self, U: Array) -> NDArray[np.bool_]:
        """Which parameters exist at each point, (n, d)."""
        return self._codec.active(self._codec.numbers(U))

    def feasible(self, U: Array) -> NDArray[np.bool_]:
        """Which points satisfy every constraint, (n,)."""
        if not self.constraints:
            return np.ones(len(U), dtype=bool)
        return np.array([self.allows(params) for params in self.decode(U)], dtype=bool)

    def allows(self, params: Params) -> bool:
        """Whether one configuration satisfies every constraint.

        Raises
        ------
        SpaceError
            If a constraint raises, or returns neither True nor False.
        """
        for constraint in self.constraints:
            try:
                answer = plain(constraint(dict(params)))
            except Exception as error:
                raise SpaceError(f"{_named(constraint)} raised {error!r} on {params!r}") from error
            # To other libraries a number at most 0 is allowed; its truth value says the opposite.
            if not isinstance(answer, bool):
                raise SpaceError(
                    f"{_named(constraint)} returned {answer!r} on {params!r}: must be True or False"
                )
            if not answer:
                return False
        return True

    @staticmethod
    def keys(U: Array) -> list[bytes]:
        """One key a snapped point, equal where the configurations are, for finding repeats."""
        return [row.tobytes() for row in np.round(U, 12) + 0.0]

    # -- values from outside -------------------------------------------------------------------

    def canonical(self, params: Mapping[str, Any]) -> Params:
        """`params` checked, in the order of the space, as plain Python values.

        Raises
        ------
        SpaceError
            If a parameter is unknown, missing, inactive, out of range or against a constraint.
        """
        if not isinstance(params, Mapping):
            raise SpaceError(f"params={params!r}: must be a dict of parameter values")
        for name in params:
            if name not in self.parameters:
                raise SpaceError(f"parameter {name!r}: not in the space; it has {', '.join(self.names)}")
        row = np.full((1, len(self)), np.nan)
        for j, (name, parameter) in enumerate(self.parameters.items()):
            if name in params:
                try:
                    row[0, j] = parameter.number(plain(params[name]))
                except (ValueError, TypeError, OverflowError) as error:
                    raise SpaceError(f"parameter {name!r}={params[name]!r}: {error}") from None
        for name, expected in zip(self.names, self._codec.active(row)[0]):
            if expected and name not in params:
                raise SpaceError(f"parameter {name!r}: has no value in {dict(params)!r}")
            if not expected and name in params:
                when = dict(self.parameters[name].when or {})
                raise SpaceError(f"parameter {name!r}={params[name]!r}: exists only when {when!r}")
        found = {
            name: parameter.value(row[0, j])
            for j, (name, parameter) in enumerate(self.parameters.items())
            if name in params
        }
        if not self.allows(found):
            raise SpaceError(f"params={found!r}: violates a constraint of the space")
        return found

    # -- drawing and listing -------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Independent feasible points, uniform in the unit cube and snapped, (n, d).

        Raises
        ------
        InfeasibleSpaceError
            If the constraints leave (nearly) nothing.
        """
        if not self.constraints:
            return self.snap(rng.random((n, len(self))))
        found: list[Array] = []
        n_found = n_drawn = 0
        n_next = max(n, 64)
        while n_found < n:
            U = self.snap(rng.random((n_next, len(self))))
            U = U[self.feasible(U)]
            n_drawn += n_next
            n_found += len(U)
            found.append(U)
            # As many as the share that passed so far says; a constraint is a call of Python a draw.
            n_next = min(max(int(1.2 * (n - n_found) * n_drawn / max(n_found, 1)), 64), 4 * max(n, 64))
            if n_found == 0 and n_drawn >= MAX_REJECTIONS:
                listed = self.enumerate(MAX_REJECTIONS)
                if listed is None or len(listed) == 0:
                    raise InfeasibleSpaceError(f"constraints: none of {n_drawn} draws satisfies them all")
                return listed[rng.integers(len(listed), size=n)]
        return np.concatenate(found)[:n]

    def levels(self, name: str, m: int) -> Array:
        """Unit coordinates of values of one parameter, ascending: all of them, or about `m` spread evenly.

        Spread ones lie even on the parameter's scale and hold both ends; a single one is the middle.
        """
        j = self.names.index(name)
        if self.n_cells[j] <= m:
            return self._codec.cells(j, int(self.n_cells[j]))
        U = np.full((m, len(self)), 0.5)
        if m > 1:
            U[:, j] = np.linspace(0.0, 1.0, m)
        return np.unique(self._codec.to_unit(self._codec.numbers(U))[:, j])

    def enumerate(self, limit: int) -> Array | None:
        """Every feasible configuration once, snapped, (N, d); None where there are more than `limit`.

        The limit counts configurations before the constraints.
        """
        if limit not in self._listed:
            self._listed[limit] = self._enumerate(limit)
        return self._listed[limit]

    @cached_property
    def _listed(self) -> dict[int, Array | None]:
        return {}

    def _enumerate(self, limit: int) -> Array | None:
        U = np.full((1, len(self)), np.nan)
        for j in self._order:
            if not np.isfinite(self.n_cells[j]):
                return None
            m = int(self.n_cells[j])
            exists = self.active(U)[:, j]
            if np.sum(~exists) + float(np.sum(exists)) * m > limit:
                return None
            extended = np.repeat(U[exists], m, axis=0)
            extended[:, j] = np.tile(self._codec.cells(j, m), int(exists.sum()))
            U = np.concatenate([extended, U[~exists]])
        return U[self.feasible(U)]

    @cached_property
    def _order(self) -> list[int]:
        """Columns, every parent before its children."""
        conditional = [j for j, _ in self._codec.conditions]
        return [j for j in range(len(self)) if j not in conditional] + conditional


def _named(constraint: Callable[[Params], bool]) -> str:
    return f"constraint {getattr(constraint, '__name__', repr(constraint))!r}"
