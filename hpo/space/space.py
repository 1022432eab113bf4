"""The search space and its codec: the only code that maps to and from the unit cube.

Notation
--------
d        number of parameters, one column each
U (n, d) points of the unit cube, anywhere in [0, 1]; NaN marks an inactive parameter
V (n, d) the same points as *numbers*: the value itself for Float and Int, the index for choices

A discrete column of m values is cut into m cells of equal width in its warped coordinate (linear
or log); a value is encoded as the centre of its cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.space.notation import parameter_of
from hpo.space.parameters import Categorical, Float, Parameter, SpaceError

Array = NDArray[np.float64]
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
        Each takes ``params`` (a dict; inactive parameters are absent) and returns whether the
        configuration is allowed.

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
        for constraint in constraints:
            if not callable(constraint):
                raise SpaceError(f"constraints={constraint!r}: must be callables that take params")
        self.parameters: dict[str, Parameter] = {n: parameter_of(n, p) for n, p in parameters.items()}
        self.constraints = tuple(constraints)
        self.names = tuple(self.parameters)
        self._conditions = _resolve_conditions(self.parameters)

        columns = list(self.parameters.values())
        self.n_cells: Array = np.array([p.n_cells for p in columns])
        self.is_categorical = np.array([isinstance(p, Categorical) for p in columns])
        self.is_conditional = np.array([p.when is not None for p in columns])
        self._first = np.array([p.first for p in columns])
        self._last = np.array([p.last for p in columns])
        self._step = np.array([p.grid_step for p in columns])
        self._discrete = np.flatnonzero(self._step > 0)
        self._log = np.flatnonzero([p.log for p in columns])
        self._constant = self._first == self._last
        # Cells reach half a step beyond the first and the last number.
        self._low = self._warp(self._first - self._step / 2)
        self._high = self._warp(self._last + self._step / 2)
        # Halves, since the width of -1e308..1e308 overflows.
        self._half_low = self._low / 2
        self._half_width = np.where(self._constant, 1.0, self._high / 2 - self._half_low)
        self._has_constant = bool(self._constant.any())
        self._plain_floats = all(isinstance(p, Float) for p in columns)

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
        return float(np.prod(self.n_cells))

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
        """
        numbers = [
            [p.number(params[name]) if name in params else np.nan for name, p in self.parameters.items()]
            for params in configurations
        ]
        return self._to_unit(self._on_grid(np.array(numbers, dtype=np.float64).reshape(-1, len(self))))

    def decode(self, U: Array) -> list[Params]:
        """Configurations at points of the unit cube, as dicts of plain Python values.

        Parameters
        ----------
        U : (n, d) array
            Anywhere in [0, 1]; inactive parameters are ignored and left out of the result.
        """
        V = self._numbers(U)
        if self._plain_floats and not self._conditions:
            return [dict(zip(self.names, row)) for row in V.tolist()]
        active = self._active(V).tolist()
        items = list(self.parameters.items())
        return [
            {name: p.value(v) for (name, p), v, is_active in zip(items, row, mask) if is_active}
            for row, mask in zip(V.tolist(), active)
        ]

    def snap(self, U: Array) -> Array:
        """Move each point to the exact configuration that it decodes to, NaN where inactive."""
        V = self._numbers(U)
        snapped = self._to_unit(V)
        if self._conditions:
            snapped[~self._active(V)] = np.nan
        return snapped

    def active(self, U: Array) -> NDArray[np.bool_]:
        """Which parameters exist at each point, (n, d)."""
        return self._active(self._numbers(U))

    def feasible(self, U: Array) -> NDArray[np.bool_]:
        """Which points satisfy every constraint, (n,)."""
        if not self.constraints:
            return np.ones(len(U), dtype=bool)
        return np.array([self.allows(params) for params in self.decode(U)], dtype=bool)

    def allows(self, params: Params) -> bool:
        """Whether one configuration satisfies every constraint."""
        for constraint in self.constraints:
            try:
                if not constraint(dict(params)):
                    return False
            except Exception as error:
                name = getattr(constraint, "__name__", repr(constraint))
                raise SpaceError(f"constraint {name!r} raised {error!r} on {params!r}") from error
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
                    row[0, j] = parameter.number(params[name])
                except (ValueError, TypeError, OverflowError) as error:
                    raise SpaceError(f"parameter {name!r}={params[name]!r}: {error}") from None
        for name, expected in zip(self.names, self._active(row)[0]):
            if expected and name not in params:
                raise SpaceError(f"parameter {name!r}: has no value in {dict(params)!r}")
            if not expected and name in params:
                when = dict(self.parameters[name].when or {})
                raise SpaceError(f"parameter {name!r}={params[name]!r}: exists only when {when!r}")
        plain = {
            name: parameter.value(row[0, j])
            for j, (name, parameter) in enumerate(self.parameters.items())
            if name in params
        }
        if not self.allows(plain):
            raise SpaceError(f"params={plain!r}: violates a constraint of the space")
        return plain

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
        while n_found < n:
            U = self.snap(rng.random((max(4 * n, 64), len(self))))
            U = U[self.feasible(U)]
            n_drawn += max(4 * n, 64)
            n_found += len(U)
            found.append(U)
            if n_found == 0 and n_drawn >= MAX_REJECTIONS:
                listed = self.enumerate(MAX_REJECTIONS)
                if listed is None or len(listed) == 0:
                    raise InfeasibleSpaceError(f"constraints: none of {n_drawn} draws satisfies them all")
                return listed[rng.integers(len(listed), size=n)]
        return np.concatenate(found)[:n]

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
            exists = self._active(self._numbers(U))[:, j]
            if np.sum(~exists) + float(np.sum(exists)) * m > limit:
                return None
            repeated = np.repeat(U[exists], m, axis=0)
            V = np.full_like(repeated, self._first[j])
            V[:, j] += self._step[j] * np.tile(np.arange(m), int(exists.sum()))
            repeated[:, j] = self._to_unit(V)[:, j]
            U = np.concatenate([repeated, U[~exists]])
        return U[self.feasible(U)]

    @cached_property
    def _order(self) -> list[int]:
        """Columns, every parent before its children."""
        conditional = [j for j, _ in self._conditions]
        return [j for j in range(len(self)) if j not in conditional] + conditional

    # -- arithmetic of the codec, whole matrices at a time -----------------------------------------

    def _warp(self, V: Array) -> Array:
        warped: Array = V.copy()
        if self._log.size:
            warped[..., self._log] = np.log(V[..., self._log])
        return warped

    def _numbers(self, U: Array) -> Array:
        U = np.asarray(U, dtype=np.float64)
        V: Array = self._low * (1 - U) + self._high * U
        if self._log.size:
            V[:, self._log] = np.exp(V[:, self._log])
        return self._on_grid(V)

    def _on_grid(self, V: Array) -> Array:
        if self._discrete.size:
            first, step = self._first[self._discrete], self._step[self._discrete]
            V[:, self._discrete] = first + step * np.rint((V[:, self._discrete] - first) / step)
        numbers: Array = np.minimum(np.maximum(V, self._first), self._last)
        return numbers

    def _to_unit(self, V: Array) -> Array:
        U = (self._warp(V) / 2 - self._half_low) / self._half_width
        if self._has_constant:
            U[:, self._constant] = np.where(np.isnan(V[:, self._constant]), np.nan, 0.5)
        clipped: Array = np.minimum(np.maximum(U, 0.0), 1.0)
        return clipped

    def _active(self, V: Array) -> NDArray[np.bool_]:
        active = np.ones(V.shape, dtype=bool)
        for j, parents in self._conditions:
            for parent, numbers in parents:
                active[:, j] &= active[:, parent] & np.isin(V[:, parent], numbers)
        return active


def _resolve_conditions(parameters: Mapping[str, Parameter]) -> list[tuple[int, list[tuple[int, Array]]]]:
    """(column, [(parent column, satisfying numbers)]) of every conditional parameter, parents first."""
    index = {name: j for j, name in enumerate(parameters)}
    resolved: list[tuple[int, list[tuple[int, Array]]]] = []
    waiting = {name: dict(p.when) for name, p in parameters.items() if p.when is not None}
    for name, when in waiting.items():
        for parent in when:
            if parent not in parameters:
                raise SpaceError(f"parameter {name!r}: when={when!r} names {parent!r}, not in the space")
    while waiting:
        ready = [name for name, when in waiting.items() if not waiting.keys() & when.keys()]
        if not ready:
            raise SpaceError(f"when: the conditions of {', '.join(waiting)} depend on each other in a circle")
        for name in ready:
            parents = []
            for parent, values in waiting.pop(name).items():
                try:
                    numbers = np.array([parameters[parent].number(value) for value in values])
                except (ValueError, TypeError, OverflowError) as error:
                    raise SpaceError(f"parameter {name!r}: when {parent!r} is {values!r}: {error}") from None
                parents.append((index[parent], numbers))
            resolved.append((index[name], parents))
    return resolved
