"""One cell of a comparison: one searcher on one task with one seed, run and written to its file."""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hpo.checks import is_real
from hpo.compare.task import Task
from hpo.searchers import Searcher, SearchSpaceExhausted
from hpo.space import Space
from hpo.study import Study
from hpo.trial import Trial, own

DESIGN = 0x68706F  # keeps the stream of the initial design apart from those of the suggestions
PACKAGES = ("hpo", "numpy", "scipy", "scikit-learn", "deap", "optuna")
NOT_INSTALLED = "not installed"


class InterruptedCell(Exception):
    """The cell was stopped before its budget was spent; nothing of it is kept."""


@dataclass(frozen=True)
class Cell:
    """Names of one run, its definition (plain JSON), versions of what it is run with, and its file."""

    task: str
    searcher: str
    seed: int
    n_trials: int
    n_initial: int
    definition: dict[str, Any]
    libraries: dict[str, str]
    path: Path

    def __str__(self) -> str:
        return f"{self.task} / {self.searcher} / seed {self.seed}"


def run_cell(cell: Cell, task: Task, searcher: Searcher) -> None:
    """Run the search of one cell and write its record, all or nothing.

    Raises
    ------
    InterruptedCell
        If Ctrl-C stopped the search early.
    ValueError
        If the task's `evaluate` returns no number; after the first trial with a value, if it never does.
    """
    with threadpool_limits(1):
        first = initial_design(Space.of(task.space), cell.n_initial, cell.seed)
        study = _search(cell, task, searcher, first)
        record = {
            "task": cell.task,
            "searcher": cell.searcher,
            "seed": cell.seed,
            "definition": cell.definition,
            "trials": [_row(trial, task, trial.number < len(first)) for trial in study.trials],
            **_winner(study, task, cell.seed),
            "environment": environment(searcher),
            "finished": time.time(),
        }
    write_json(cell.path, record)


def initial_design(space: Space, n: int, seed: int) -> list[dict[str, Any]]:
    """First configurations of every searcher with this seed: independent draws without repeats.

    Fewer than `n` where the space hardly has as many.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, DESIGN])))
    points = space.sample(4 * n + 64, rng)
    _, first = np.unique(np.array(Space.keys(points)), return_index=True)
    return space.decode(points[np.sort(first)[:n]])


def write_json(path: Path, record: Any) -> None:
    """Write a file that is there in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(record, file, default=repr)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)  # on a disk that is full each part left behind would make it fuller
        raise


def environment(searcher: Searcher) -> dict[str, str]:
    """Versions and machine behind a record."""
    found = {"python": platform.python_version(), **versions((*PACKAGES, *searcher.libraries))}
    found["system"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    found["processor"] = _processor()
    found["cores"] = str(os.cpu_count())
    return found


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of distributions."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = NOT_INSTALLED
    return found


def _search(cell: Cell, task: Task, searcher: Searcher, first: list[dict[str, Any]]) -> Study:
    study = Study(Space.of(task.space), direction=task.direction, searcher=searcher, seed=cell.seed)
    for params in first:
        study.enqueue(params)
    study.optimize(
        task.objective_of(cell.seed), cell.n_trials, progress=False,
        callbacks=[functools.partial(_check_evaluation, task)],
    )  # fmt: skip
    if len(study.trials) < cell.n_trials:
        try:
            study.ask()
        except SearchSpaceExhausted:
            return study
        raise InterruptedCell(str(cell))
    return study


def _row(trial: Trial, task: Task, is_initial: bool) -> dict[str, Any]:
    return {
        "number": trial.number,
        "params": {name: _as_json(value) for name, value in trial.params.items()},
        "state": str(trial.state),
        "value": trial.value,
        "noise_free": None if trial.value is None else _noise_free(task, trial.params),
        "seconds": trial.seconds,
        "search_seconds": trial.search_seconds,
        "initial": is_initial,
        "failure": trial.failure,
        "reason": trial.reason,
    }


def _as_json(choice: Any) -> Any:
    """A choice whose dicts JSON has as they are: one with other keys than strings becomes its repr."""
    if isinstance(choice, list | tuple):
        return [_as_json(item) for item in choice]
    if isinstance(choice, dict):
        is_object = all(isinstance(key, str) for key in choice)
        return {key: _as_json(item) for key, item in choice.items()} if is_object else repr(choice)
    return choice


def _check_evaluation(task: Task, study: Study, trial: Trial) -> None:
    """Look at the first value, as an evaluation that returns no number would cost the whole search."""
    if trial.value is not None and sum(t.value is not None for t in study.trials) == 1:
        _noise_free(task, trial.params)


def _noise_free(task: Task, params: dict[str, Any]) -> float | None:
    if task.evaluate is None:
        return None
    value = task.evaluate(own(params))
    if not is_real(value) or not math.isfinite(value):
        raise ValueError(f"evaluate={task.evaluate!r}: returned {value!r}; must be a finite number")
    return float(value)


def _winner(study: Study, task: Task, seed: int) -> dict[str, Any]:
    """The best trial as the searcher saw it, and its score on the untouched test set."""
    try:
        best = study.best_trial
    except ValueError:
        return {"winner": None, "test": None, "test_failure": None, "test_seconds": None}
    scores, failure, begin = None, None, time.perf_counter()
    if task.test is not None:
        try:
            returned = task.test(dict(best.params), seed)
            named = returned if hasattr(returned, "items") else {"score": returned}
            found = {str(name): float(score) for name, score in named.items()}
            scores = {name: score for name, score in found.items() if math.isfinite(score)}
            if scores != found:
                failure = f"test={task.test!r}: returned {found!r}; must be finite numbers"
        except (Exception, SystemExit) as error:
            failure = f"{type(error).__name__}: {error}"
    return {
        "winner": best.number,
        "test": scores,
        "test_failure": failure,
        "test_seconds": time.perf_counter() - begin,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
