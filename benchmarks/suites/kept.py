"""Results in files that say what they are of: what is of something else is refused, never used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np

from benchmarks.suites.functions import Array
from benchmarks.suites.problem import Problem, task
from hpo.compare.cell import write_json
from hpo.warn import replaced_workers_unsaid


@dataclass(frozen=True)
class Part:
    """One result.

    Attributes
    ----------
    file : Path
    definition : mapping
        What the result is of, plain JSON.
    make : callable
        Makes it, an array with NaN where it has no value; run in another process.
    """

    file: Path
    definition: Mapping[str, Any]
    make: Callable[[], Array]


def kept(parts: Sequence[Part], what: str, n_jobs: int | None = None) -> list[Array]:
    """Results of all parts in their order; what is not on file is made and written, all or nothing.

    Raises
    ------
    ValueError
        If a file is damaged or of another definition; nothing has been made then.
    """
    found = [_read(part) for part in parts]
    waiting = [part for part, array in zip(parts, found) if array is None]
    if waiting:
        click.echo(f"{len(waiting)} of {len(parts)} {what} ...", err=True)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1), replaced_workers_unsaid():
        parallel = joblib.Parallel(n_jobs=joblib.cpu_count() if n_jobs is None else n_jobs)
        made = iter(parallel(joblib.delayed(_made)(part) for part in waiting))
    return [next(made) if array is None else array for array in found]


def definition(problem: Problem) -> dict[str, Any]:
    """What must stay the same for results on a problem to be kept, as plain JSON."""
    points = problem.space.decode(problem.space.sample(10, np.random.default_rng(0)))
    # Values as well: a description tells neither a number inside of a closure nor another edition of a table.
    values = [_value(problem, params) for params in points]
    return {**task(problem).definition(), "values": values, "optimum": f"{problem.optimum:.9g}"}


def _value(problem: Problem, params: dict[str, Any]) -> str:
    try:
        problem.observe(params)
    except FloatingPointError:
        return "failed"
    return f"{problem.truth(params):.9g}"  # the last digits may differ between machines


def _read(part: Part) -> Array | None:
    try:
        record = json.loads(part.file.read_text(encoding="utf-8"))
        found, values = {**record["definition"]}, np.array(record["values"], dtype=float)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{part.file}: damaged ({error!r}); delete it to have it made anew") from None
    for name in {**part.definition, **found}:
        now, then = part.definition.get(name), found.get(name)
        if now != then:
            raise ValueError(
                f"{name}={now!r}: what is kept in {part.file} was made with {then!r}; "
                "choose another --out, or delete its folder to have all of it made anew"
            )
    return values


def _made(part: Part) -> Array:
    values = part.make()
    write_json(part.file, {"definition": part.definition, "values": values.tolist()})
    return values
