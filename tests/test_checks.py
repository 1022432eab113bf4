"""Whole numbers are told from others alike wherever they are asked for, and kept as Python's own."""

import json
from dataclasses import asdict

import numpy as np
import pytest

import hpo
from hpo.execution import Options

SPACE = {"x": hpo.Float(0, 1)}


def value(params):
    return params["x"]


def compared(out, **options):
    hpo.compare({"t": hpo.Task(value, SPACE)}, ["random"], out=out, progress=False, **options)


ASKING = {
    "Study: seed": (lambda v, _: hpo.Study(SPACE, seed=v), "seed", "from 0 up, or None"),
    "Study: window": (lambda v, _: hpo.Study(SPACE, window=v), "window", "from 1 up, or None"),
    "optimize: n_trials": (lambda v, _: Options(n_trials=v), "n_trials", "from 0 up, or None"),
    "optimize: n_jobs": (lambda v, _: Options(n_jobs=v), "n_jobs", "from 1 up, -1 for one a core, or None"),
    "optimize: max_retries": (lambda v, _: Options(max_retries=v), "max_retries", "from 0 up"),
    "optimize: memory": (
        lambda v, _: Options(trial_memory_limit=v),
        "trial_memory_limit",
        "of bytes from 1 up, or None",
    ),
    "grid": (lambda v, _: hpo.GridSearcher(v), "resolution", "from 1 up"),
    "grid by name": (lambda v, _: hpo.GridSearcher({"x": v}), "resolution: 'x'", "from 1 up"),
    "genetic: n_trials": (lambda v, _: hpo.GeneticSearcher(v), "n_trials", "from 1 up, or None"),
    "genetic: population": (
        lambda v, _: hpo.GeneticSearcher(population_size=v),
        "population_size",
        "from 2 up, or None",
    ),
    "median: warmup": (lambda v, _: hpo.MedianPruner(warmup=v), "warmup", "from 0 up"),
    "asha: eta": (lambda v, _: hpo.ASHAPruner(eta=v), "eta", "from 2 up"),
    "hyperband": (lambda v, _: hpo.HyperbandPruner(v), "max_steps", "from 1 up"),
    "compare: n_trials": (lambda v, out: compared(out, n_trials=v), "n_trials", "from 1 up"),
    "compare: seed": (lambda v, out: compared(out, seed=v), "seed", "from 0 up"),
    "compare: n_initial": (lambda v, out: compared(out, n_initial=v), "n_initial", "from 0 up, or None"),
    "compare: n_jobs": (lambda v, out: compared(out, n_jobs=v), "n_jobs", "from 1 up, -1 for one a core"),
    "SearchCV": (
        lambda v, _: hpo.SearchCV(None, SPACE, n_trials=v)._new_study(),
        "n_trials",
        "from 1 up",
    ),
    "slices": (lambda v, _: hpo.plots.slices(hpo.Study(SPACE), v), "columns", "from 1 up"),
}


@pytest.mark.parametrize("wrong", [True, -2, 1.5, "3"])
@pytest.mark.parametrize("asking", ASKING)
def test_what_is_no_whole_number_is_refused_alike(asking, wrong, tmp_path):
    ask, field, allowed = ASKING[asking]
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        ask(wrong, tmp_path / "out")
    assert str(refused.value).startswith(f"{field}={wrong!r}: must be a whole number {allowed}")


def test_whole_numbers_of_numpy_are_kept_as_pythons_own(tmp_path):
    three = np.int64(3)
    kept = [
        hpo.GridSearcher(three).resolution,
        hpo.GridSearcher({"x": three}).resolution["x"],
        hpo.GeneticSearcher(three).n_trials,
        hpo.Study(SPACE, seed=three).seed,
        hpo.Study(SPACE, window=three).window,
        *asdict(hpo.HyperbandPruner(three, min_steps=three, eta=three)).values(),
        Options(n_trials=three, n_jobs=three).n_jobs,
    ]
    assert [(type(v), v) for v in kept] == [(int, 3)] * len(kept)
    compared(tmp_path / "out", n_trials=three, repeats=np.int8(1), seed=np.uint8(0), n_jobs=1)
    plan = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (plan["n_trials"], plan["seeds"]) == (3, [0])


def test_numpys_numbers_may_be_the_budget_and_what_is_stored(tmp_path):
    options = {"n_trials": np.int64(4), "progress": False, "storage": tmp_path / "s.db"}
    study = hpo.minimize(value, SPACE, searcher="genetic", pruner=hpo.ASHAPruner(eta=np.int32(2)), **options)
    again = hpo.load_study(tmp_path / "s.db")
    assert (again.searcher, again.pruner) == (study.searcher, hpo.ASHAPruner(eta=2))


@pytest.mark.parametrize("wrong", ["no", 0, None])
def test_whether_to_show_progress_is_true_or_false(wrong, tmp_path):
    with pytest.raises(ValueError, match=f"progress={wrong!r}: must be True or False"):
        hpo.minimize(value, SPACE, progress=wrong)
    with pytest.raises(ValueError, match=f"progress={wrong!r}: must be True or False"):
        hpo.compare({"t": hpo.Task(value, SPACE)}, out=tmp_path, progress=wrong)
    assert Options(progress=np.bool_(False)).progress is False


def test_minus_one_is_a_job_for_each_core(monkeypatch):
    monkeypatch.setattr("hpo.execution.runners.n_cores", lambda: 3)
    assert hpo.Study(SPACE).optimize(value, 0, n_jobs=-1, progress=False).window == 3


def test_a_function_that_says_nothing_of_its_arguments_may_be_called():
    assert Options(callbacks=[max]).callbacks == [max]
    for wrong in (len, "print", lambda study: None):
        with pytest.raises(ValueError, match=r"callbacks=.*: must be a list of functions"):
            Options(callbacks=[wrong])
