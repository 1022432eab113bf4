"""The table of trials does not depend on how many workers there are, nor on the clock."""

import time

import pytest

import hpo
from hpo.execution import Options, make_runner
from tests.faults.scale import faults, times

pytestmark = faults
SEARCHERS = ["grid", "random", "gp", "genetic", "tpe"]
SPACE = hpo.Space(
    {
        "x": hpo.Float(0, 1),
        "n": hpo.Int(1, 20),
        "k": hpo.Categorical(["a", "b"]),
        "m": hpo.Float(0, 1, when={"k": "a"}),
    }
)


def delayed(params):
    time.sleep((hash(str(params)) ^ time.monotonic_ns()) % 7 / 1000)
    return (params["x"] - 0.3) ** 2 + 0.01 * params["n"] + params.get("m", 0.5)


def table(study):
    return [(t.number, t.params, str(t.state), t.value, t.info) for t in study.trials]


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_any_number_of_workers_finds_the_same(searcher):
    from concurrent.futures import ThreadPoolExecutor

    for seed in range(times(50)):
        tables = []
        for n_workers in (1, 2, 4, 8):
            study = hpo.Study(SPACE, searcher=searcher, seed=seed, window=8)
            with ThreadPoolExecutor(n_workers) as executor:
                study.optimize(delayed, 24, executor=executor, progress=False)
            tables.append(table(study))
        assert all(found == tables[0] for found in tables), f"seed {seed}"


class Kept:
    """Worker processes for one study after the other: to start them takes longer than their trials."""

    def __init__(self, n_workers):
        self.options = Options(n_trials=24, n_jobs=n_workers, trial_timeout=600, progress=False)
        self.workers = make_runner(delayed, self.options)
        self.capacity, self.submit, self.wait = n_workers, self.workers.submit, self.workers.wait

    def close(self, *, kill):
        assert not kill


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_any_number_of_worker_processes_finds_the_same(searcher):
    runners = [Kept(n_workers) for n_workers in (1, 2, 4, 8)]
    try:
        for seed in range(times(50)):
            tables = []
            for runner in runners:
                study = hpo.Study(SPACE, searcher=searcher, seed=seed, window=8)
                tables.append(table(study._run(runner, runner.options)))
            assert all(found == tables[0] for found in tables), f"seed {seed}"
            assert len(tables[0]) == 24
    finally:
        for runner in runners:
            runner.workers.close(kill=True)


class Jumping:
    """A wall clock that is set an hour forward or back whenever someone looks."""

    def __init__(self):
        self.real, self.looks = time.time, 0

    def __call__(self):
        self.looks += 1
        return self.real() + (3600.0 if self.looks % 2 else -3600.0)


def jumpy(params):
    time.time = Jumping()  # in the worker, too
    time.sleep(0.02)
    return delayed(params)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_clock_that_is_set_while_trials_run_changes_nothing(tmp_path, monkeypatch, n_jobs):
    options = {"searcher": "gp", "seed": 1, "window": 2}
    expected = table(hpo.Study(SPACE, **options).optimize(delayed, 14, progress=False))
    file = tmp_path / "runs.db"
    clock = Jumping()
    monkeypatch.setattr(time, "time", clock)
    study = hpo.Study(SPACE, storage=file, **options)
    study.optimize(jumpy, 6, n_jobs=n_jobs, trial_timeout=60, timeout=1800, progress=False)
    told = study.ask()
    study.tell(told, delayed(told.params))
    hpo.load_study(file).optimize(jumpy, 7, n_jobs=n_jobs, timeout=1800, progress=False)
    assert clock.looks > 20
    monkeypatch.undo()
    found = hpo.load_study(file)
    assert table(found) == expected
    assert all(0 <= t.seconds < 600 for t in found.trials)
