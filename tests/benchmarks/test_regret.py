"""Regret, ranks and intervals of a suite, on figures that can be checked by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.suites import command
from benchmarks.suites import wrappers as w
from benchmarks.suites.collection import functions
from benchmarks.suites.functions import branin
from benchmarks.suites.problem import task
from benchmarks.suites.regret import (
    FLOOR,
    Regrets,
    _incumbents,
    _lowest,
    random_regret,
    regrets,
    regrets_among,
)
from benchmarks.suites.result import _answers, as_markdown, as_page, as_tables


def made():
    """Three searchers on six problems, five seeds, two trials; random search's regret is 2, then 1."""
    rng = np.random.default_rng(0)
    R = np.ones((3, 6, 5, 2)) * np.array([0.5, 1.0, 2.0])[:, None, None, None]
    R = R * rng.uniform(0.9, 1.1, size=R.shape)
    R[0, 0, :, 1] = 0.0
    return Regrets(["a", "b", "c"], list("uvwxyz"), R, np.tile([2.0, 1.0], (6, 1)))


def test_regret_is_in_units_of_random_search_and_has_a_floor():
    result = made()
    assert result.normalised(2)[0, 0] == FLOOR
    assert result.normalised(1) == pytest.approx(result.R[..., 0].mean(axis=2) / 2)
    assert result.normalised(1, by=2) == pytest.approx(result.R[..., 0].mean(axis=2))
    mean, low, high = result.geometric_mean(1, by=2)
    assert mean == pytest.approx([0.5, 1.0, 2.0], rel=0.05)
    assert (low < mean).all()
    assert (mean < high).all()


def test_where_random_search_hit_the_optimum_others_are_its_equals_or_as_bad_as_it_gets():
    whole = made()
    random = whole.random.copy()
    random[0] = [2.0, 0.0]
    result = Regrets(whole.searchers, whole.problems, whole.R, random)
    assert result.normalised(2)[:, 0] == pytest.approx([1.0, 1 / FLOOR, 1 / FLOOR])
    np.testing.assert_array_equal(result.normalised(2)[:, 1:], whole.normalised(2)[:, 1:])


def test_a_run_without_a_value_has_the_worst_regret_of_its_problem_over_all_searchers():
    whole, R = made(), made().R.copy()
    R[0, :, 2, 0] = np.nan
    R[1, 3, :, 0] = np.nan  # a searcher alone has no value to take
    filled = Regrets(whole.searchers, whole.problems, R, whole.random)
    worst = np.nanmax(R, axis=(0, 2, 3))
    np.testing.assert_array_equal(filled.R[0, :, 2, 0], worst)
    np.testing.assert_array_equal(filled.R[1, 3, :, 0], np.full(5, worst[3]))
    np.testing.assert_array_equal(filled.R[~np.isnan(R)], R[~np.isnan(R)])
    R[:, 4] = np.nan
    with pytest.raises(ValueError, match="no run of y has a value"):
        Regrets(whole.searchers, whole.problems, R, whole.random)


def test_ranks_share_ties_and_the_lead_is_to_the_next():
    result = made()
    result.R[1, :, :, 1] = result.R[2, :, :, 1]
    assert result.ranks(2) == pytest.approx(np.repeat([[1.0], [2.5], [2.5]], 6, axis=1))
    result.R[1, :, :, 1], result.R[2, :, :, 1] = 2.0, 2.0 + 1e-15  # equal but for rounding
    assert result.ranks(2) == pytest.approx(np.repeat([[1.0], [2.5], [2.5]], 6, axis=1))
    other, lead = result.lead(1, "a")
    assert other == "b"
    assert lead == pytest.approx([1.0, 1.0, 1.0])


def test_the_ratio_pairs_problems_and_may_compare_different_marks():
    result = made()
    ratio = result.ratio(1, "b", "c")
    assert ratio[0] == pytest.approx(0.5, rel=0.05)
    assert ratio[1] < ratio[0] < ratio[2] < 0.6
    assert result.ratio(1, "c", "b", other_mark=2)[0] == pytest.approx(2.0, rel=0.1)


def test_what_is_told_ends_with_the_last_trial():
    for n, marks in ((20, [10, 20]), (18, [10, 18]), (8, [8])):
        result = Regrets(["a"], ["u"], np.ones((1, 1, 2, n)), np.ones((1, n)))
        assert result.marks((10, 20, 50)) == marks


def test_the_tables_are_in_the_order_of_the_last_mark_and_name_the_next_best():
    R = np.ones((4, 6, 3, 20)) * np.array([4.0, 2.0, 1.0, 3.0])[:, None, None, None]
    R[2, :, :, 4:] = 0.5  # gp after a quarter
    R[3, :, :, 19] = 0.6  # tpe at the end
    result = Regrets(["random", "genetic", "gp", "tpe"], list("uvwxyz"), R, np.ones((6, 20)) * 4)
    parts = as_markdown(result, "problems").split("**")
    rows = [
        [line.strip("| ").split(" | ") for line in part.splitlines() if line[:1] == "|"] for part in parts
    ]
    same, by_last, ranks, answers = rows[2:9:2]
    assert same[0] == ["searcher", "10 trials", "20 trials"]
    assert [row[0] for row in same[2:]] == ["gp", "tpe", "genetic", "random"]
    assert same[3] == by_last[3] == ["tpe", "0.75 [0.75, 0.75]", "0.15 [0.15, 0.15]"]
    assert ranks[2:4] == [
        ["gp", *2 * ["1.00 [1.00, 1.00]"]],
        ["tpe", "3.00 [3.00, 3.00]", "2.00 [2.00, 2.00]"],
    ]
    assert answers[2] == ["20 trials", "0.83 [0.83, 0.83] of tpe's", "1.00 [1.00, 1.00] ranks ahead of tpe"]
    assert answers[3][:2] == ["gp after 5, tpe after 20", "0.83 [0.83, 0.83] of tpe's"]
    assert rows[-1][2] == ["u", "1.000", "0.500", "0.125", "0.150"]


def test_the_page_draws_the_mean_in_its_band_of_regret_and_of_rank(monkeypatch):
    drawn = []
    monkeypatch.setattr(go.Figure, "to_html", lambda figure, **_: drawn.append(figure) or "")
    R = np.random.default_rng(0).uniform(1, 2, (2, 6, 5, 10)) * np.array([1.0, 1.2])[:, None, None, None]
    result = Regrets(["a", "b"], list("uvwxyz"), R, np.full((6, 10), 4.0))
    as_page(result, "problems")
    assert list(drawn[0].layout.xaxis.tickvals) == [5, 10]
    regret, rank = result.geometric_mean(10), result.mean_rank(10)
    for axis, found in (("x", regret), ("x2", rank)):
        traces = [trace for trace in drawn[0].data if trace.xaxis == axis]
        for i, (band, line) in enumerate(zip(traces[::2], traces[1::2])):
            mean, low, high = (each[i] for each in found)
            assert line.name == result.searchers[i]
            assert line.x[-1] == 10
            assert line.y[-1] == pytest.approx(mean)
            ends = band.y[np.array(band.x) == 10]
            assert sorted(ends) == pytest.approx([low, high])
            assert low < mean < high


@pytest.mark.parametrize("n", [4, 5])
def test_the_page_says_whether_there_are_intervals(monkeypatch, n):
    drawn = []
    monkeypatch.setattr(go.Figure, "to_html", lambda figure, **_: drawn.append(figure) or "")
    as_page(Regrets(["a", "b"], list("uvwxy")[:n], np.ones((2, n, 3, 10)), np.ones((n, 10))), "functions")
    bands = "95% bootstrap intervals over problems" if n == 5 else "too few problems for intervals"
    assert drawn[0].layout.title.text == f"functions: {n} problems, 3 paired seeds; {bands}"


def test_the_scale_does_not_depend_on_how_high_the_optimum_is(tmp_path):
    low = functions()["branin"]
    inner = low.function
    high = replace(
        low, function=replace(inner, value=lambda x: inner.value(x) + 1e3, minimum=inner.minimum + 1e3)
    )
    found = random_regret({"low": low, "high": high}, 5, tmp_path, n_jobs=1)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)
    assert found.max() < 500


def test_the_scale_is_of_values_without_noise_and_of_so_many_runs(tmp_path, monkeypatch):
    noisy = w.noisy(w.plain(branin()), 100.0)
    found = random_regret({"noisy": noisy}, 5, tmp_path, n_jobs=1)
    assert found.min() > 0  # an observation that noise has made better may be below the optimum
    monkeypatch.setattr("benchmarks.suites.regret.RANDOM_RUNS", 3)
    with pytest.raises(ValueError, match=r"runs=3: .* was made with 200"):
        random_regret({"noisy": noisy}, 5, tmp_path, n_jobs=1)


def test_a_table_without_rows_is_not_shown():
    for n, n_tables in ((19, 4), (20, 5)):
        result = Regrets(["gp", "random", "genetic"], ["u"], np.ones((3, 1, 2, n)), np.ones((1, n)))
        assert as_markdown(result, "problem").count("**") == 2 * n_tables
        assert len(as_tables(result, "problem")) == n_tables - 1  # on screen without each problem's


def test_the_incumbent_is_chosen_by_what_was_observed():
    observed = np.array([np.inf, 3.0, 2.0, 2.0, np.inf, 1.0])
    truth = np.array([9.0, 0.5, 2.5, 0.1, 0.2, 4.0])
    np.testing.assert_array_equal(_incumbents(observed, truth), [np.nan, 0.5, 2.5, 2.5, 2.5, 4.0])


def test_random_search_alone_agrees_with_the_harness(tmp_path):
    problems = {name: functions()[name] for name in ("branin", "failing ackley-4")}
    tasks = {name: task(problem) for name, problem in problems.items()}
    comparison = hpo.compare(
        tasks, ["random"], n_trials=12, repeats=60, n_initial=0, out=tmp_path, n_jobs=1, progress=False
    )
    alone = random_regret(problems, 12, tmp_path / "random", n_jobs=1)
    result = regrets(comparison, problems, alone)
    for mark in (4, 12):
        assert result.normalised(mark)[0] == pytest.approx([1.0, 1.0], rel=0.35)
    assert (np.diff(alone[1]) <= 1e-12).all()  # without noise the incumbent only gets better


def test_a_comparison_with_a_run_missing_is_refused(tmp_path):
    problems = {"branin": functions()["branin"]}
    comparison = hpo.compare(
        {"branin": task(problems["branin"])}, ["random", "genetic"], n_trials=3, repeats=2, n_initial=0,
        out=tmp_path, n_jobs=1, progress=False,
    )  # fmt: skip
    random = np.ones((1, 3))
    assert regrets(comparison, problems, random).R.shape == (2, 1, 2, 3)
    plain = w.plain(branin())
    high = replace(plain, function=replace(plain.function, minimum=1e9))  # as rounding may have it, by less
    assert (regrets(comparison, {"branin": high}, random).R == 0).all()
    (tmp_path / "cells" / "branin" / "genetic" / "1.json").unlink()
    with pytest.raises(ValueError, match="genetic has not finished branin with seed 1"):
        regrets(hpo.compare.Comparison.load(tmp_path), problems, random)


def test_what_was_tried_is_told_from_what_luck_made_the_best_observed(tmp_path):
    problems = {"noisy": w.noisy(w.plain(branin()), 100.0)}
    comparison = hpo.compare(
        {"noisy": task(problems["noisy"])}, ["gp", "random", "genetic"], n_trials=20, repeats=2, n_initial=0,
        out=tmp_path, n_jobs=1, progress=False,
    )  # fmt: skip
    result = regrets(comparison, problems, np.ones((1, 20)))
    for cell in comparison.cells:
        i, seed = comparison.searchers.index(cell["searcher"]), comparison.plan["seeds"].index(cell["seed"])
        truth = np.array([trial["noise_free"] for trial in cell["trials"]]) - problems["noisy"].optimum
        np.testing.assert_allclose(result.tried.R[i, 0, seed], np.minimum.accumulate(truth))
    assert (result.tried.R <= result.R).all()
    assert (result.tried.R < result.R).any()
    _, header, rows = _answers(result, [20])
    assert header == ["", "regret", "regret of the best one tried", "mean rank"]
    peer = result.searchers[1 + int(np.argmin(result.R[1:, 0, :, 19].mean(axis=1)))]
    by_best, by_tried = (one.ratio(20, "gp", peer)[0] for one in (result, result.tried))
    assert rows[0][1].startswith(f"{by_best:.2f} of")
    assert rows[0][2].startswith(f"{by_tried:.2f} of")


def test_trials_without_a_value_tried_nothing_and_a_search_that_ran_out_keeps_what_it_tried():
    trials = [{"value": None, "noise_free": 0.0}] + [{"value": 9.0, "noise_free": f} for f in (3.0, 2.0, 4.0)]
    np.testing.assert_array_equal(_lowest(trials, 6), [np.nan, 3.0, 2.0, 2.0, 2.0, 2.0])


def high(cell):
    """Trials of a problem whose values are higher by 100."""
    return [{**trial, "noise_free": trial["noise_free"] + 100} for trial in cell["trials"]]


def test_without_a_known_optimum_the_lowest_value_found_takes_its_place(tmp_path):
    problem = functions()["branin"]
    comparison = hpo.compare(
        {"branin": task(problem)}, ["gp", "random"], n_trials=10, repeats=3, n_initial=0,
        out=tmp_path, n_jobs=1, progress=False,
    )  # fmt: skip
    highs = [{**cell, "task": "high", "trials": high(cell)} for cell in comparison.cells]
    cells = [*comparison.cells, *highs]
    both = regrets_among(hpo.compare.Comparison(comparison.plan, cells), ["branin", "high"], "random")
    np.testing.assert_allclose(both.R[:, 1], both.R[:, 0], atol=1e-9)  # each above the lowest of its own
    known = regrets(comparison, {"branin": problem}, np.ones((1, 10)))
    among = regrets_among(comparison, ["branin"], "random")
    assert among.R.min() == 0.0
    np.testing.assert_allclose(among.R, known.R - known.R.min())
    for seeds in ([0, 1, 2], [0], [1], [2]):  # with one seed it may be random search that finds the lowest
        alone = hpo.compare.Comparison({**comparison.plan, "seeds": seeds}, comparison.cells)
        found = regrets_among(alone, ["branin"], "random").normalised(10)[:, 0]
        assert found[comparison.searchers.index("random")] == pytest.approx(1.0)
        assert found.max() <= 1 / FLOOR


def test_the_command_prints_the_tables_and_draws_the_page(tmp_path):
    arguments = ["functions", "--problems", "branin", "--trials", "10", "--seeds", "2", "--first-seed", "7",
                 "--searchers", "gp,random,genetic", "--jobs", "1", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "Mean rank among 3" in done.output
    assert "| gp |" in (tmp_path / "regret.md").read_text()
    assert "Plotly.newPlot" in (tmp_path / "regret.html").read_text()
    plan = hpo.compare.Comparison.load(tmp_path).plan
    assert (plan["seeds"], plan["n_trials"], plan["n_initial"]) == ([7, 8], 10, 0)


def test_the_command_runs_as_many_at_a_time_as_are_asked_for(tmp_path, monkeypatch):
    asked = []

    def compare(tasks, searchers, *, n_jobs, **options):
        asked.append(n_jobs)
        return "comparison"

    def random_regret(problems, n_trials, folder, n_jobs):
        asked.append(n_jobs)
        raise ValueError("enough")

    monkeypatch.setattr(command, "hpo", SimpleNamespace(compare=compare))
    monkeypatch.setattr(command, "random_regret", random_regret)
    done = CliRunner().invoke(main, ["functions", "--searchers", "gp", "--jobs", "7", "--out", str(tmp_path)])
    assert "Error: enough" in done.output
    assert asked == [7, 7]


@pytest.mark.parametrize("wrong", [["--searchers", "magic"], ["--problems", "nowhere"]])
def test_a_wrong_name_is_named_with_what_there_is(wrong):
    done = CliRunner().invoke(main, ["functions", *wrong])
    assert done.exit_code == 2
    assert wrong[1] in done.output
