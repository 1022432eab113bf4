"""What is timed is one ask and tell on top of the trials that are said to be there."""

import os
import subprocess
import sys

import pytest

from benchmarks.speed import searchers

optuna = pytest.importorskip("optuna")


ONE_THREAD = """
from threadpoolctl import threadpool_info

from benchmarks.speed import searchers


def compare(name, space, n, repeats):
    searchers._optuna(space, 12, "GPSampler")()
    searchers._own(space, 12)()
    print(sorted({pool["num_threads"] for pool in threadpool_info()}))


searchers._compare = compare
searchers.SIZES = (20,)
searchers.run(repeats=1, quick=True)
"""


def test_all_sides_are_timed_on_one_thread():
    """In a process that has loaded none of them: what is loaded within a limit is not limited."""
    pytest.importorskip("torch")
    many = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    done = subprocess.run(
        [sys.executable, "-c", ONE_THREAD], env=os.environ | many, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1]\n[1]\n"


@pytest.mark.parametrize("space", [searchers.FLOATS, searchers.MIXED])
def test_optunas_study_holds_as_many_trials_of_the_space_before_it_is_timed(space, monkeypatch):
    made = []
    create = optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **options: made.append(create(**options)) or made[-1])
    turn = searchers._optuna(space, 12, "TPESampler")
    (study,) = made
    assert isinstance(study.sampler, optuna.samplers.TPESampler)
    assert len(study.trials) == 12 + 2
    turn()
    assert len(study.trials) == 12 + 3
    assert all(t.state.name == "COMPLETE" and set(t.params) <= set(space.names) for t in study.trials)
