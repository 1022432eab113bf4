"""Trials per second of a study that is kept, beside Optuna's; opening a large one; dispatch to workers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

import hpo

SPACE = {f"x{j}": hpo.Float(0.0, 1.0) for j in range(5)}
SIZES = (0, 1_000, 10_000, 100_000)
OPTUNA_SIZES = (0, 1_000)  # filling its SQLite further takes it hours
KINDS = ["memory", "SQLite"] + ["SQLite of pysqlite3"] * (find_spec("pysqlite3") is not None)
BLOCK = 10  # trials timed at a time, 50 times as many in memory
ROUNDS = 5  # of all sides in one repetition: what a sync costs changes by the second


def run(repeats: int, quick: bool) -> None:
    """Print all of it; sides are interleaved, figures are medians."""
    with tempfile.TemporaryDirectory(prefix="hpo-speed-") as name:
        folder = Path(name)
        _throughput(folder, repeats, quick)
        _opening(folder, 2_000 if quick else 100_000)
        _dispatch(repeats, 40 if quick else 400)
        _scaling(2 if quick else 8)


def _throughput(folder: Path, repeats: int, quick: bool) -> None:
    sides: dict[str, Callable[[int], None]] = {}
    for n in SIZES[:2] if quick else SIZES:
        for kind in KINDS:
            sides[f"hpo, {kind}, {n:,} stored"] = _ours(folder, kind, n)
    for n in OPTUNA_SIZES[:1] if quick else OPTUNA_SIZES:
        for kind in ("memory", "journal", "SQLite"):
            sides[f"Optuna, {kind}, {n:,} stored"] = _optuna(folder, kind, n)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS * repeats):
        for name, side in sides.items():
            in_memory = "memory" in name  # nothing to wait for: the processor's time, whoever else uses it
            count, clock = (50 * BLOCK, time.process_time) if in_memory else (BLOCK, time.perf_counter)
            begin = clock()
            side(count)
            rates[name].append(count / (clock() - begin))
    rate = {name: median(values) for name, values in rates.items()}
    click.echo(
        "\ntrials per second, no-op objective of 5 floats, random searcher; in memory per second of CPU; "
        f"medians of {ROUNDS * repeats}"
    )
    for name, value in rate.items():
        click.echo(f"  {name:42} {value:9.0f} /s")
    for kind in KINDS:
        peer = "memory" if kind == "memory" else "SQLite"
        for n in OPTUNA_SIZES[:1] if quick else OPTUNA_SIZES:
            ratio = rate[f"hpo, {kind}, {n:,} stored"] / rate[f"Optuna, {peer}, {n:,} stored"]
            click.echo(f"  hpo, {kind}: {ratio:.1f} x Optuna, {peer}, {n:,} stored")
    if quick:
        return
    for kind in KINDS:
        per_second = [rate[f"hpo, {kind}, {n:,} stored"] for n in SIZES[1:]]
        slope = -np.polyfit(np.log(SIZES[1:]), np.log(per_second), 1)[0]
        click.echo(f"  hpo, {kind}: log-log slope of the cost per trial {slope:.3f}")


def _noop(params: dict[str, float]) -> float:
    return params["x0"]


def _ours(folder: Path, kind: str, n: int) -> Callable[[int], None]:
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(_noop, n, progress=False)
    if kind != "memory":
        file = folder / f"ours-{kind}-{n}.db"
        study = _stored(study, f"sqlite+pysqlite3:///{file}" if kind == KINDS[-1] != "SQLite" else str(file))

    def side(count: int) -> None:
        study.optimize(_noop, count, progress=False)

    return side


def _stored(study: hpo.Study, storage: str) -> hpo.Study:
    """The same trials in a file, written in one transaction: only for filling."""
    from sqlalchemy import insert

    from hpo.storage import Store
    from hpo.storage.rows import to_row
    from hpo.storage.schema import trials

    hpo.Study(SPACE, searcher="random", seed=0, storage=storage)
    store, _ = Store.load(storage, "study")
    rows = [{**to_row(trial, study.space, store._key), "study_id": store._key} for trial in study.trials]
    if rows:
        store._database.transact(lambda connection: connection.execute(insert(trials), rows))
    store.close()
    return hpo.load_study(storage)


def _optuna(folder: Path, kind: str, n: int) -> Callable[[int], None]:
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storages: dict[str, Callable[[], Any]] = {
        "memory": lambda: None,
        "journal": lambda: JournalStorage(JournalFileBackend(str(folder / f"optuna-{n}.log"))),
        "SQLite": lambda: RDBStorage(f"sqlite:///{folder / f'optuna-{n}.db'}"),
    }
    study = optuna.create_study(storage=storages[kind](), sampler=optuna.samplers.RandomSampler(seed=0))
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        f"x{j}": optuna.distributions.FloatDistribution(0.0, 1.0) for j in range(5)
    }
    rng = np.random.default_rng(0)
    drawn = [{name: float(rng.random()) for name in distributions} for _ in range(n)]
    study.add_trials(
        [optuna.trial.create_trial(value=0.0, params=p, distributions=distributions) for p in drawn]
    )

    def objective(trial: optuna.Trial) -> float:
        return sum(trial.suggest_float(name, 0.0, 1.0) for name in distributions)

    def side(count: int) -> None:
        study.optimize(objective, n_trials=count)

    return side


def _opening(folder: Path, n: int) -> None:
    file = folder / f"ours-SQLite-{n}.db"
    if not file.exists():
        _ours(folder, "SQLite", n)
    code = (
        "import hpo, resource, sys, time; hpo.load_study; import hpo.storage, hpo.searchers.random;"
        "unit = 2**20 if sys.platform == 'darwin' else 2**10;"  # bytes there, KiB elsewhere
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit;"
        f"before = peak(); begin = time.perf_counter(); study = hpo.load_study({str(file)!r});"
        "print(time.perf_counter() - begin, time.process_time(), before, peak(), len(study.trials))"
    )
    # A small process in between: on Linux the peak of a process begins at that of the one that forks it.
    between = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    done = subprocess.run([sys.executable, "-c", between, code], capture_output=True, text=True, check=True)
    seconds, processor, before, peak, found = (float(x) for x in done.stdout.split())
    click.echo(
        f"\nopening a study of {found:,.0f} trials: {seconds:.2f} s "
        f"({processor:.2f} s of CPU with the imports), {peak:.0f} MB at the peak "
        f"({before:.0f} MB of it before)"
    )


def _dispatch(repeats: int, n: int) -> None:
    alone, workers = [], []
    for _ in range(repeats):
        alone.append(_timed(n, 1) / n)
        workers.append((_timed(n, 2) - _timed(2, 2)) / (n - 2))  # without starting the workers
    click.echo(
        f"\ndispatch to 2 workers: {1e3 * (median(workers) - median(alone)):.2f} ms a trial over one process "
        f"({1e3 * median(workers):.2f} against {1e3 * median(alone):.2f} ms)"
    )


def _timed(n: int, n_jobs: int) -> float:
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    begin = time.perf_counter()
    study.optimize(_noop, n, n_jobs=n_jobs, progress=False)
    return time.perf_counter() - begin


def _burn(params: dict[str, float]) -> float:
    begin = time.process_time()
    while time.process_time() - begin < 1.0:
        sum(range(1000))
    return params["x0"]


def _scaling(n: int) -> None:
    seconds = {}
    for n_jobs in (1, 2):
        begin = time.perf_counter()
        hpo.Study(SPACE, searcher="random", seed=0, window=2).optimize(
            _burn, n, n_jobs=n_jobs, progress=False
        )
        seconds[n_jobs] = time.perf_counter() - begin
    click.echo(
        f"{n} trials of 1 s of CPU: 2 workers take {seconds[2] / seconds[1]:.2f} x the time of one "
        f"({seconds[2]:.1f} s against {seconds[1]:.1f} s; it takes two idle cores)"
    )
