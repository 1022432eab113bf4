"""Worker processes and executors: the same table of trials, and each fault costs its own trial."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpo

SPACE = hpo.Space({"x": hpo.Float(0, 1), "n": hpo.Int(0, 5)})


def loss(params):
    time.sleep(0.02 * (params["n"] % 3))
    return (params["x"] - 0.3) ** 2


def table(study):
    return [(t.number, t.params, str(t.state), t.value) for t in study.trials]


def test_the_table_is_the_same_for_any_number_of_workers():
    tables = []
    for options in ({}, {"n_jobs": 2}, {"n_jobs": 4}, {"executor": ThreadPoolExecutor(3)}):
        study = hpo.Study(SPACE, searcher="random", seed=0, window=4)
        tables.append(table(study.optimize(loss, n_trials=12, progress=False, **options)))
    assert all(found == tables[0] for found in tables)


def test_each_fault_costs_its_own_trial():
    kinds = [None, "crash", "timeout", "exception", "invalid value", None]

    def faulty(params):
        n = params["n"]
        if n == 1:
            os._exit(3)
        if n == 2:
            time.sleep(60)
        if n == 3:
            sys.exit(2)
        return None if n == 4 else 1.0

    study = hpo.Study(SPACE, searcher="random", seed=0)
    for n in range(6):
        study.enqueue({"x": 0.5, "n": n})
    study.optimize(faulty, n_trials=6, n_jobs=2, trial_timeout=1.0, progress=False)
    assert [t.failure for t in study.trials] == kinds
    assert study.trials[1].attempt == 2  # a crash is tried once more


def test_async_order_notes_what_was_not_seen():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(loss, n_trials=8, executor=ThreadPoolExecutor(2), order="async", progress=False)
    assert all(t.state == "complete" for t in study.trials)
    assert all("unseen" in t.info for t in study.trials)


def test_bad_options_and_objectives_are_refused_before_any_trial():
    study = hpo.Study(SPACE, seed=0)
    lock = threading.Lock()
    for options, message in [
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"trial_timeout": -1}, "trial_timeout=-1"),
        ({"order": "any"}, "order='any'"),
        ({"executor": 3}, "executor=3"),
    ]:
        with pytest.raises(ValueError, match=message):
            study.optimize(loss, n_trials=1, **options)
    with pytest.raises(ValueError, match="cannot be sent to a worker"):
        study.optimize(lambda p: lock and 1.0, n_trials=1, n_jobs=2)
    assert study.trials == ()
