"""The experiment: cells (task, searcher, seed), run in parallel, each kept in a file of its own."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import cloudpickle
import joblib

from hpo.checks import number_of_jobs, path_of, truth, whole, whole_or_none
from hpo.compare.cell import NOT_INSTALLED, Cell, InterruptedCell, run_cell, versions, write_json
from hpo.compare.comparison import Comparison
from hpo.compare.fingerprint import fingerprint, held
from hpo.compare.progress import CellProgress
from hpo.compare.task import Task
from hpo.execution.guard import Guard
from hpo.searchers import SEARCHERS, Searcher, resolve
from hpo.warn import replaced_workers_unsaid

EVERY_SEARCHER = tuple(SEARCHERS)


def compare(
    tasks: Mapping[str, Task],
    searchers: Sequence[str | Searcher] | Mapping[str, str | Searcher] = EVERY_SEARCHER,
    *,
    n_trials: int = 50,
    repeats: int = 20,
    seed: int = 0,
    out: str | Path,
    n_jobs: int | None = None,
    n_initial: int | None = None,
    baseline: str | None = None,
    progress: bool = True,
) -> Comparison:
    """Run every searcher on every task with the same seeds, and keep every trial.

    All searchers have the same budget and, but for grid, the same first points per seed, drawn
    independently from the space. Cells run with one BLAS thread each, in processes of their own where several
    run at a time. A finished cell is on disk and is not run again: an interrupted comparison goes on where it
    was. What the code of an objective does is not looked at: choose another `out`, or another task's name,
    when it changes.

    Parameters
    ----------
    tasks : mapping of str to Task
    searchers : sequence of str or Searcher, or mapping of label to either
    n_trials : int
        Budget of one run, the shared first points included.
    repeats : int
        Runs of each searcher on each task, with seeds ``seed .. seed + repeats - 1``.
    seed : int
    out : path
        Folder of the results.
    n_jobs : int, optional
        Cells at a time; None: one a core. With 1 they run in this process, which ends with an objective
        that crashes or calls `os._exit`; with more, such an objective costs its own cell.
    n_initial : int, optional
        Shared first points, at most `n_trials`; None: 10, as TPE begins by default, and a third of the
        budget at most.
    baseline : str, optional
        Label of the searcher that the others are compared with; None: ``"tpe"``, or the first where that
        does not take part.
    progress : bool
        Show how far it is: a bar in a terminal or a notebook, elsewhere a line on stderr a minute.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If an argument is not usable, or `out` holds a cell that was run with another definition.
    ImportError
        If a searcher needs a library that is not installed; nothing has been run then.
    RuntimeError
        If cells failed; all others are finished and kept.
    """
    n_trials, repeats, seed = (
        whole("n_trials", n_trials, 1),
        whole("repeats", repeats, 1),
        whole("seed", seed, 0),
    )
    n_initial, n_jobs = whole_or_none("n_initial", n_initial, 0), number_of_jobs("n_jobs", n_jobs)
    progress = truth("progress", progress)
    _check_tasks(tasks)
    initial = min(10, n_trials // 3) if n_initial is None else n_initial
    if initial > n_trials:
        raise ValueError(f"n_initial={initial!r}: must not be above n_trials={n_trials!r}, which holds them")
    labelled = _labelled(searchers, n_trials)
    if baseline is not None and baseline not in list(labelled):
        raise ValueError(f"baseline={baseline!r}: must be one of the searchers, {', '.join(labelled)}")
    folder = _folder(out)
    cells = list(_cells(tasks, labelled, n_trials, range(seed, seed + repeats), initial, folder))
    waiting = [cell for cell in cells if not _is_finished(cell)]
    _check_installed(waiting, labelled)
    plan = {
        "tasks": {name: {"metric": task.metric, "unit": task.unit} for name, task in tasks.items()},
        "searchers": list(labelled),
        "baseline": baseline or ("tpe" if "tpe" in labelled else next(iter(labelled))),
        "seeds": list(range(seed, seed + repeats)),
        "n_trials": n_trials,
        "n_initial": initial,
        "cells": [cell.path.relative_to(folder).as_posix() for cell in cells],
    }
    write_json(folder / "comparison.json", plan)
    if waiting:
        _run(waiting, len(cells), tasks, labelled, n_jobs, progress)
    return Comparison.of(plan, folder)  # not what another process has planned in this folder since


def _cells(
    tasks: Mapping[str, Task],
    searchers: Mapping[str, Searcher],
    n_trials: int,
    seeds: range,
    n_initial: int,
    out: Path,
) -> Iterator[Cell]:
    definitions = {
        (task_name, label): {
            **task.definition(),
            **task.held(),
            "searcher": fingerprint(searcher),
            "searcher_holds": held(searcher),
            "n_trials": n_trials,
            "n_initial": 0 if getattr(searcher, "name", "") == "grid" else n_initial,
        }
        for task_name, task in tasks.items()
        for label, searcher in searchers.items()
    }
    libraries = {label: versions(searcher.libraries) for label, searcher in searchers.items()}
    # Seeds outermost: whenever a run is cut off, every task and searcher has the same repeats.
    for seed in seeds:
        for (task_name, label), definition in definitions.items():
            path = out / "cells" / _slug(task_name) / _slug(label) / f"{seed}.json"
            initial = definition["n_initial"]
            yield Cell(task_name, label, seed, n_trials, initial, definition, libraries[label], path)


def _check_installed(cells: Iterable[Cell], searchers: Mapping[str, Searcher]) -> None:
    """Refuse a searcher of ours whose library is missing: it would say so when all others had run."""
    for cell in cells:
        kind = type(searchers[cell.searcher])
        missing = [name for name, found in cell.libraries.items() if found == NOT_INSTALLED]
        if missing and (kind.__module__, kind.__name__) in SEARCHERS.values():
            raise ImportError(
                f"searcher {cell.searcher!r} needs {' and '.join(missing)}: pip install {' '.join(missing)}, "
                "or leave it out of `searchers`"
            )


def _is_finished(cell: Cell) -> bool:
    """Whether the cell's record is there; raises ValueError where its definition is another one."""
    try:
        record = json.loads(cell.path.read_text(encoding="utf-8"))
        found = {**record["environment"], **record["definition"]}
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{cell.path}: damaged ({error!r}); delete it to have it run again") from None
    for name, now in {**cell.libraries, **cell.definition}.items():
        # A record says nothing of what was not yet watched when it was written.
        if found.get(name, now) != now:
            raise ValueError(
                f"{name}={now!r}: the finished run of {cell} in {cell.path} had {found[name]!r}; "
                f"choose another `out`, or delete that folder to run it anew"
            )
    return True


def _run(
    waiting: Sequence[Cell],
    n_cells: int,
    tasks: Mapping[str, Task],
    searchers: Mapping[str, Searcher],
    n_jobs: int | None,
    progress: bool,
) -> None:
    failures: list[str] = []
    n_before = n_cells - len(waiting)
    with (
        tempfile.TemporaryDirectory(prefix="hpo-") as folder,
        closing(Guard(folder)),  # removes it where this process is killed; its workers begin no cell then
        CellProgress(progress, n_cells, n_before) as bar,
    ):
        # One file for all cells: data that an objective holds are pickled once, not once a cell.
        payload = Path(folder) / "payload.pkl"
        try:
            payload.write_bytes(cloudpickle.dumps((dict(tasks), dict(searchers))))
        except Exception as error:
            raise ValueError(
                f"tasks={tasks!r}: cannot be sent to worker processes ({type(error).__name__}: {error}). "
                "Open files, locks, connections and the like inside the objective"
            ) from error
        outcomes = _outcomes(waiting, payload, joblib.cpu_count() if n_jobs is None else n_jobs)
        for done, (cell, failure) in enumerate(outcomes, n_before + 1):
            bar.update(done, str(cell))
            if failure is not None:
                failures.append(f"{cell}: {failure}")
        _load.cache_clear()
    if failures:
        raise RuntimeError(
            f"{len(failures)} of {n_cells} cells failed, the others are kept; the first: {failures[0]}"
        )


def _outcomes(cells: Sequence[Cell], payload: Path, n_jobs: int) -> Iterator[tuple[Cell, str | None]]:
    """Run cells; each as it ends, and why it failed.

    A worker process that dies takes the others with it. Which one it was is found by trying what had begun
    once more, one at a time.
    """
    begun = {cell.path: payload.with_name(f"begun-{number}") for number, cell in enumerate(cells)}
    ended: set[Path] = set()
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    try:
        with replaced_workers_unsaid():
            jobs = (joblib.delayed(_attempt)(cell, payload, begun[cell.path]) for cell in cells)
            for cell, failure in parallel(jobs):
                ended.add(cell.path)
                yield cell, failure
        return
    except BrokenExecutor:
        left = [cell for cell in cells if cell.path not in ended]
        suspects = [cell for cell in left if begun[cell.path].exists()]
        if not suspects:
            raise
    for marker in begun.values():
        marker.unlink(missing_ok=True)
    if len(cells) == 1:
        yield cells[0], "its worker process died, of a crash, os._exit or want of memory"
        return
    for suspect in suspects:
        yield from _outcomes([suspect], payload, n_jobs)
    yield from _outcomes([cell for cell in left if cell not in suspects], payload, n_jobs)


def _attempt(cell: Cell, payload: Path, begun: Path) -> tuple[Cell, str | None]:
    """Run one cell in a worker; a cell that fails does not take the others with it."""
    begun.touch()
    tasks, searchers = _load(payload)
    try:
        run_cell(cell, tasks[cell.task], searchers[cell.searcher])
    except InterruptedCell:
        raise KeyboardInterrupt from None
    except (Exception, SystemExit) as error:
        return cell, f"{type(error).__name__}: {error}"
    return cell, None


@lru_cache(maxsize=1)
def _load(payload: Path) -> tuple[dict[str, Task], dict[str, Searcher]]:
    loaded: tuple[dict[str, Task], dict[str, Searcher]] = cloudpickle.loads(payload.read_bytes())
    return loaded


def _labelled(searchers: Any, n_trials: int) -> dict[str, Searcher]:
    # The order of a set, and with it the baseline, differs between processes.
    if isinstance(searchers, str | Searcher | set | frozenset) or not isinstance(searchers, Iterable):
        raise ValueError(f"searchers={searchers!r}: must be a list of names or searchers, or a mapping "
                         "of label to either")  # fmt: skip
    if isinstance(searchers, Mapping):
        pairs = list(searchers.items())
    else:
        pairs = [(s if isinstance(s, str) else getattr(s, "name", fingerprint(s)), s) for s in searchers]
    labelled = {str(label): resolve(searcher, n_trials) for label, searcher in pairs}
    if not labelled or len(_files(labelled)) < len(pairs) or "" in labelled:
        names = [label for label, _ in pairs]
        raise ValueError(f"searchers={names!r}: needs at least one, each under a name of its own, not in "
                         "other case only; name variants by a mapping of label to searcher")  # fmt: skip
    return labelled


def _folder(out: Any) -> Path:
    # Absolute, as worker processes are kept between calls and may have begun in another folder.
    folder = path_of("out", out, "a folder").absolute()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out={str(out)!r}: is a file; must be the path of a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"out={str(out)!r}: must be the path of a folder that can be made ({error.strerror})"
        ) from None
    return folder


def _check_tasks(tasks: Any) -> None:
    if not isinstance(tasks, Mapping) or not tasks or not all(isinstance(t, Task) for t in tasks.values()):
        raise ValueError(f"tasks={tasks!r}: must be a mapping of at least one name to an hpo.Task")
    for name in tasks:
        if not isinstance(name, str) or not name:
            raise ValueError(f"tasks: the name {name!r} must be a non-empty string")
    if len(_files(tasks)) < len(tasks):
        raise ValueError(f"tasks={list(tasks)!r}: names must not differ in case only")


def _files(names: Iterable[str]) -> set[str]:
    """File names of these, as those of macOS and Windows are told apart: not by case."""
    return {_slug(name).lower() for name in names}


def _slug(name: str) -> str:
    """File name for any name; what had to be replaced is told apart by a checksum."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:60].strip(".-")
    is_same = plain == name
    return plain if is_same else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
