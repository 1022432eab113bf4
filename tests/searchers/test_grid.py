"""The full factorial, spread from its first point on."""

import itertools

import pytest

import hpo
from hpo.searchers import grid
from hpo.searchers.untried import is_tried


def searched(space, n=1000, **options):
    searcher = hpo.GridSearcher(**options)
    study = hpo.minimize(lambda p: 0.0, space, searcher=searcher, n_trials=n, seed=0, progress=False)
    return [t.params for t in study.trials]


def test_every_combination_of_levels_comes_once():
    space = hpo.Space(
        {
            "rate": hpo.Float(1e-4, 1.0, log=True),
            "units": hpo.Int(1, 3),
            "batch": hpo.Ordinal([16, 32]),
            "kind": hpo.Categorical(["a", "b"]),
        }
    )
    found = sorted(tuple(p.values()) for p in searched(space, resolution={"rate": 3}))
    rates = [1e-4, 1e-2, 1.0]
    expected = sorted(itertools.product(rates, [1, 2, 3], [16, 32], ["a", "b"]))
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found] == pytest.approx([row[0] for row in expected])


def test_levels_are_even_on_the_scale_and_hold_both_ends():
    assert [p["x"] for p in sorted(searched({"x": hpo.Float(0, 1)}, resolution=5), key=lambda p: p["x"])] == [
        0.0, 0.25, 0.5, 0.75, 1.0,
    ]  # fmt: skip
    assert searched({"x": hpo.Float(0, 1)}, resolution=1) == [{"x": 0.5}]
    ints = sorted(p["n"] for p in searched({"n": hpo.Int(1, 1000, log=True)}, resolution=4))
    assert ints[0] == 1
    assert ints[-1] == 1000
    assert len(ints) == 4


@pytest.mark.parametrize("cut", [5, 10, 25])
def test_a_run_that_is_cut_off_has_covered_every_axis(cut):
    space = hpo.Space({name: hpo.Float(0, 1) for name in "abcd"})
    trials = searched(space, n=cut, resolution=5)
    for name in "abcd":
        counts = [sum(p[name] == level for p in trials) for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
        assert max(counts) - min(counts) <= 1


def test_the_first_point_is_the_middle_and_a_sweep_is_spread_from_the_first_points_on():
    space = hpo.Space({"few": hpo.Categorical("abc"[i] for i in range(3)), "many": hpo.Float(0, 1)})
    first, *others = searched(space, n=25, resolution=25)
    assert first == {"few": "b", "many": pytest.approx(0.5)}
    found = [first["many"], *(p["many"] for p in others)]
    assert len(set(found)) == 25  # the axis with most levels moves through all of them before any comes again
    assert max(b - a for a, b in itertools.pairwise(sorted([0.0, 1.0, *found[:6]]))) < 0.35


def test_a_branch_that_does_not_exist_is_not_repeated():
    space = hpo.Space(
        {
            "kind": hpo.Categorical(["sgd", "adam"]),
            "momentum": hpo.Float(0, 0.9, when={"kind": "sgd"}),
            "nesterov": hpo.Categorical([False, True], when={"kind": "sgd"}),
        }
    )
    trials = searched(space, resolution=4)
    assert len(trials) == len({tuple(p.items()) for p in trials}) == 4 * 2 + 1


@pytest.mark.parametrize("window", [1, 8, 40])
def test_the_next_point_is_looked_for_behind_the_last_one(monkeypatch, window):
    asked = []
    monkeypatch.setattr(grid, "is_tried", lambda u, history: asked.append(0) or is_tried(u, history))
    study = hpo.Study({name: hpo.Float(0, 1) for name in "abcd"}, searcher="grid", window=window)
    for _ in range(40):
        study.tell(study.ask(), 0.0)
    assert [t.info["position"] for t in study.trials] == list(range(40))
    assert len(asked) == 40


def test_a_grid_that_has_been_gone_through_says_so():
    study = hpo.minimize(lambda p: 0.0, {"n": hpo.Int(1, 2)}, searcher="grid", n_trials=2, progress=False)
    with pytest.raises(hpo.SearchSpaceExhausted, match="no point left"):
        study.ask()


def test_the_end_of_a_grid_with_many_branches_is_soon_found(monkeypatch):
    asked = []
    monkeypatch.setattr(grid, "is_tried", lambda u, history: asked.append(0) or is_tried(u, history))
    branches = {f"x{k}{i}": hpo.Float(0, 1, when={"kind": k}) for k in "abc" for i in range(3)}
    space = hpo.Space({"kind": hpo.Categorical(["a", "b", "c"]), **branches})
    study = hpo.minimize(lambda p: 0.0, space, searcher="grid", n_trials=375, progress=False)
    assert len({tuple(t.params.items()) for t in study.trials}) == len(study.trials) == 3 * 5**3
    asked.clear()
    with pytest.raises(hpo.SearchSpaceExhausted, match="no point among 1,000,000"):
        study.ask()
    assert len(asked) < 2000  # a few times a configuration, and not once a point of the million


def test_what_the_constraints_forbid_is_left_out():
    space = hpo.Space({"a": hpo.Int(1, 6), "b": hpo.Int(1, 6)}, constraints=[lambda p: p["a"] < p["b"]])
    assert {tuple(p.values()) for p in searched(space, resolution=6)} == {
        (a, b) for a in range(1, 7) for b in range(a + 1, 7)
    }


@pytest.mark.parametrize("resolution", [0, 2.5, True, {"x": 0}])
def test_a_wrong_resolution_is_named(resolution):
    with pytest.raises(ValueError, match="resolution"):
        hpo.GridSearcher(resolution)


def test_a_resolution_for_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="'y'"):
        hpo.Study({"x": hpo.Float(0, 1)}, searcher=hpo.GridSearcher({"y": 3})).ask()


def test_a_finer_or_coarser_grid_begins_anew_and_repeats_nothing():
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=hpo.GridSearcher(5))
    for resolution in (5, 4, 9):
        study.searcher = hpo.GridSearcher(resolution)
        study.optimize(lambda p: 0.0, progress=False)
    found = [t.params["x"] for t in study.trials]
    assert len(set(found)) == len(found)
    assert sorted(found) == pytest.approx(sorted({k / 8 for k in range(9)} | {1 / 3, 2 / 3}))


def test_a_constraint_that_no_grid_point_satisfies_is_said():
    space = hpo.Space(
        {f"x{i}": hpo.Float(0, 1) for i in range(10)}, constraints=[lambda p: 0.3 < p["x0"] < 0.45]
    )
    with pytest.raises(
        hpo.InfeasibleSpaceError, match="no point among 1,000,000 in a row that is allowed and new"
    ):
        hpo.minimize(lambda p: 0.0, space, searcher="grid", n_trials=5, progress=False)


@pytest.mark.parametrize("searcher", ["grid", "gp", "random", "genetic", "tpe"])
def test_no_configuration_at_all_is_an_error_of_the_space(searcher):
    space = hpo.Space({"n": hpo.Int(1, 5), "m": hpo.Int(1, 5)}, constraints=[lambda p: False])
    with pytest.raises(hpo.InfeasibleSpaceError, match="constraints"):
        hpo.minimize(lambda p: 0.0, space, searcher=searcher, n_trials=5, progress=False)


def test_what_is_no_resolution_and_no_searcher_is_named():
    with pytest.raises(ValueError, match=r"^resolution=0: must be a whole number"):
        hpo.GridSearcher(resolution=0)
    with pytest.raises(ValueError, match=r"^resolution: 'x'=0: must be a whole number"):
        hpo.GridSearcher(resolution={"x": 0})
    with pytest.raises(ValueError, match=r"searcher=\['gp'\]: must be one of grid, random"):
        hpo.Study({"x": hpo.Float(0, 1)}, searcher=["gp"])
