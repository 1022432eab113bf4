"""The table of trials does not depend on how many workers there are, nor on the clock."""

import time

import pytest

import hpo
from tests.faults.scale import faults, times

pytestmark = faults
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


@pytest.mark.parametrize("searcher", ["grid", "random", "gp", "genetic", "tpe"])
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


@pytest.mark.parametrize("searcher", ["gp", "random"])
def test_worker_processes_find_the_same(searcher):
    for seed in range(times(10)):
        tables = []
        for n_jobs in (1, 2, 4):
            study = hpo.Study(SPACE, searcher=searcher, seed=seed, window=4)
            tables.append(table(study.optimize(delayed, 16, n_jobs=n_jobs, progress=False)))
        assert all(found == tables[0] for found in tables), f"seed {seed}"


@pytest.mark.parametrize("shift", [3600.0, -3600.0])
def test_a_clock_that_jumps_by_an_hour_changes_nothing(tmp_path, monkeypatch, shift):
    expected = table(hpo.Study(SPACE, searcher="gp", seed=1).optimize(delayed, 14, progress=False))
    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, searcher="gp", seed=1, storage=file)
    study.optimize(delayed, 5, progress=False)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    study.optimize(delayed, 5, n_jobs=2, trial_timeout=30, timeout=600, progress=False)
    monkeypatch.undo()
    hpo.load_study(file).optimize(delayed, 4, progress=False)
    found = hpo.load_study(file)
    assert table(found) == expected
    assert all(t.seconds >= 0 for t in found.trials)
