"""What is kept is used again only for what it is of."""

import os
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.suites import wrappers as w
from benchmarks.suites.collection import functions
from benchmarks.suites.functions import branin, levy
from benchmarks.suites.kept import Part, definition, kept
from benchmarks.suites.regret import random_regret


def test_a_result_is_made_once_and_its_gaps_are_kept(tmp_path, capsys):
    made = []

    def make():
        made.append(1)
        return np.array([np.nan, 2.0])

    part = Part(tmp_path / "one" / "part.json", {"n": 2}, make)
    for _ in range(2):
        np.testing.assert_array_equal(kept([part], "parts", n_jobs=1), [[np.nan, 2.0]])
    assert made == [1]
    assert capsys.readouterr().err == "1 of 1 parts ...\n"
    new = Part(tmp_path / "new.json", {}, make)
    with pytest.raises(ValueError, match=r"n=3: what is kept in .*part\.json was made with 2"):
        kept([new, Part(part.file, {"n": 3}, make)], "parts", n_jobs=1)
    assert made == [1]  # what is refused costs nothing
    kept([new, part], "parts", n_jobs=1)
    assert made == [1, 1]
    part.file.write_text('{"definition": {"n": 2, "more": 1}, "values": [1]}')
    with pytest.raises(ValueError, match=r"more=None: .* was made with 1"):
        kept([part], "parts", n_jobs=1)


@pytest.mark.parametrize(
    "text", ["", "[[1.0, 2.0]]", '{"values": [1.0]}', '{"definition": [], "values": [1.0]}']
)
def test_a_file_that_does_not_say_what_it_is_of_is_refused(tmp_path, text):
    file = tmp_path / "part.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"part\.json: damaged"):
        kept([Part(file, {}, lambda: np.zeros(1))], "parts", n_jobs=1)


def test_there_is_a_worker_for_each_core_where_nothing_else_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    parts = [Part(tmp_path / f"{i}.json", {}, lambda: np.array([os.getpid()])) for i in range(2)]
    assert os.getpid() not in np.ravel(kept(parts, "parts"))


def test_another_optimum_is_another_problem():
    problem = w.plain(branin())
    moved = replace(problem, function=replace(problem.function, minimum=problem.optimum - 1))
    one, other = definition(problem), definition(moved)
    assert {key for key in one if one[key] != other[key]} >= {"optimum"}


def test_numbers_inside_of_a_closure_tell_problems_apart():
    plain = w.plain(levy(4))
    changed = [
        plain, w.plain(levy(5)), w.noisy(plain, 1.0), w.noisy(plain, 2.0), w.heavy_tailed(plain, 1.0),
        w.heavy_tailed(plain, 2.0), w.plateaus(plain, 1.0), w.failing(plain, 0.2), w.failing(plain, 0.5),
    ]  # fmt: skip
    found = [definition(problem) for problem in changed]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])
    assert definition(w.plain(levy(4))) == found[0]


def test_the_scale_of_random_search_is_refused_for_another_problem_or_budget(tmp_path):
    problems = {"branin": functions()["branin"]}
    first = random_regret(problems, 10, tmp_path, n_jobs=1)
    np.testing.assert_array_equal(random_regret(problems, 10, tmp_path, n_jobs=1), first)
    with pytest.raises(ValueError, match="n_trials=11"):
        random_regret(problems, 11, tmp_path, n_jobs=1)
    with pytest.raises(ValueError, match="was made with"):
        random_regret({"branin": w.heavy_tailed(w.plain(branin()), 1.0)}, 10, tmp_path, n_jobs=1)
