"""The genetic algorithm at its own game: a few hundred cheap trials."""

import pickle

import numpy as np
import pytest

import hpo
from hpo.searchers import genetic
from hpo.searchers.base import generator
from hpo.searchers.climb import CONVERGED, Climb
from hpo.searchers.genetic import NUMBER, _Family, _lowest, _shares, _without_trail
from hpo.trial import History

SPACE = {
    **{f"x{i}": hpo.Float(-5, 5) for i in range(4)},
    "n": hpo.Int(1, 50),
    "kind": hpo.Categorical(["a", "b", "c", "d", "e"]),
}


def objective(p):
    return sum((p[f"x{i}"] - 1.7) ** 2 for i in range(4)) + 0.05 * abs(p["n"] - 13) + 3.0 * (p["kind"] != "d")


def test_it_is_far_ahead_of_random_search_after_300_trials():
    def best(searcher, seed):
        study = hpo.minimize(objective, SPACE, searcher=searcher, n_trials=300, seed=seed, progress=False)
        return study.best_value

    ratios = [best("genetic", s) / best("random", s) for s in range(5)]
    assert max(ratios) < 0.5


def test_generations_can_be_read_from_the_trials():
    study = hpo.minimize(
        objective,
        SPACE,
        searcher=hpo.GeneticSearcher(population_size=10),
        n_trials=35,
        seed=0,
        progress=False,
    )
    found = [(t.info["generation"], t.info["individual"]) for t in study.trials]
    assert found == [divmod(k, 10) for k in range(35)]


@pytest.mark.parametrize(
    ("population", "window", "n_random"), [(4, 1, 4), (15, 1, 15), (30, 1, 16), (4, 8, 9), (15, 8, 15)]
)
def test_breeding_begins_with_the_first_population_and_two_results(population, window, n_random):
    searcher = hpo.GeneticSearcher(population_size=population)
    study = hpo.Study(SPACE, searcher=searcher, seed=0, window=window)
    study.optimize(objective, 24, progress=False)
    assert ["move" in t.info for t in study.trials] == [k >= n_random for k in range(24)]


def test_breeding_waits_for_results_that_are_none():
    study = hpo.Study(SPACE, searcher=hpo.GeneticSearcher(population_size=4), seed=0)
    for k in range(12):
        study.tell(study.ask(), 1.0 if k in (2, 8) else None)
    assert ["move" in t.info for t in study.trials] == [k > 8 for k in range(12)]


def test_the_moves_are_told_and_the_one_that_pays_is_made_most():
    study = hpo.minimize(
        lambda p: sum(v**2 for v in p.values()),
        {f"x{i}": hpo.Float(-4, 5) for i in range(4)},
        searcher="genetic",
        n_trials=300,
        seed=0,
        progress=False,
    )
    moves = [t.info.get("move", "random") for t in study.trials]
    assert set(moves) == {"random", "crossover", "difference", "climb"}
    assert moves[:15] == ["random"] * 15
    assert moves.count("climb") > max(moves.count("crossover"), moves.count("difference"))  # a smooth bowl
    assert min(moves.count("crossover"), moves.count("difference")) > 15
    assert study.best_value < 1e-4


@pytest.mark.parametrize(("budget", "size"), [(20, 8), (400, 20), (None, 25), (5000, 50)])
def test_the_population_is_sized_by_the_budget(budget, size):
    study = hpo.Study(SPACE, searcher=hpo.GeneticSearcher(n_trials=budget), seed=0)
    generations = [study.ask().info["generation"] for _ in range(size + 1)]
    assert generations == [0] * size + [1]


def test_children_resemble_the_best_and_the_best_are_never_lost():
    study = hpo.Study(SPACE, searcher=hpo.GeneticSearcher(n_trials=400, population_size=5), seed=0)
    good = {**{f"x{i}": 2.0 for i in range(4)}, "n": 10, "kind": "c"}
    for i in range(5):
        study.add_trial({**good, "n": 10 + i}, -1000.0)
    for _ in range(60):  # worse, newer trials do not push them out
        study.add_trial(study.space.decode(study.space.sample(1, np.random.default_rng(_)))[0], 1.0)
    children = [study.ask().params for _ in range(40)]
    assert np.mean([p["kind"] == "c" for p in children]) > 0.6
    assert np.mean([abs(p["x0"] - 2.0) < 1.0 for p in children]) > 0.6
    assert any(p["kind"] != "c" for p in children)


def test_no_trials_at_all_are_no_error():
    study = hpo.minimize(objective, SPACE, searcher="genetic", n_trials=0, progress=False)
    assert study.trials == ()


@pytest.mark.parametrize("population", [4, 20])
def test_failed_trials_do_not_breed(population):
    searcher = hpo.GeneticSearcher(population_size=population)
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=searcher, seed=0)
    for x in (0.90, 0.91, 0.92, 0.93):
        study.add_trial({"x": x}, x)
    for x in np.linspace(0.0, 0.3, 20):
        study.add_trial({"x": float(x)}, None, state="failed")
    assert np.mean([study.ask().params["x"] > 0.5 for _ in range(60)]) > 0.85


def test_the_better_of_the_population_are_parents_more_often():
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=hpo.GeneticSearcher(population_size=40), seed=0)
    for x in np.linspace(0, 1, 40):
        study.add_trial({"x": float(x)}, abs(x - 0.1))
    children = [study.ask() for _ in range(150)]
    xs = [t.params["x"] for t in children if t.info["move"] == "crossover"]
    assert len(xs) > 20
    assert np.median(xs) < 0.4


def test_as_many_of_the_genes_mutate_where_most_are_inactive():
    branches = {f"x{kind}{i}": hpo.Float(0, 1, when={"kind": kind}) for kind in "abcdefgh" for i in range(3)}
    space = hpo.Space({"kind": hpo.Categorical([*"abcdefgh"]), **branches})
    study = hpo.Study(space, searcher="genetic", seed=0)
    for i in range(20):
        study.add_trial({"kind": "a", "xa0": i / 20, "xa1": 0.5, "xa2": 0.5}, i)
    # A choice is drawn anew with the probability of one gene of the four that a trial has, not of all 25.
    assert 0.12 < np.mean([study.ask().params["kind"] != "a" for _ in range(200)]) < 0.35


def test_of_a_climb_only_the_best_breeds():
    moves = np.array([NUMBER["climb"], NUMBER["climb"], -1, NUMBER["crossover"], NUMBER["climb"]])
    values = np.array([2.0, 1.0, 5.0, 4.0, np.inf])
    assert _without_trail(values, moves).tolist() == [np.inf, 1.0, 5.0, 4.0, np.inf]
    assert _without_trail(values[2:], moves[2:]).tolist() == [5.0, 4.0, np.inf]


@pytest.mark.parametrize("n", [1, 2, 7, 40, 99])
def test_the_lowest_are_those_of_a_stable_sort(n):
    values = np.random.default_rng(0).choice([np.inf, 0.0, 1.0, 2.0, 3.0], size=60)
    rows = np.argsort(values, kind="stable")[: np.isfinite(values).sum()]
    assert _lowest(values, n).tolist() == rows[:n].tolist()


class Noted(dict):
    """What was noted with a suggestion, and how often it was looked at."""

    looks = 0

    def get(self, key, default=None):
        Noted.looks += 1
        return super().get(key, default)


def test_moves_are_read_once_as_a_history_grows_and_anew_where_it_is_another():
    notes = [Noted(move=move) for move in ("climb", "difference", "elsewhere", "crossover", "climb")]
    expected = [NUMBER["climb"], NUMBER["difference"], -1, NUMBER["crossover"], NUMBER["climb"]]
    moves = genetic._Moves()

    def of(infos):
        n = len(infos)
        return moves.of(History.build(hpo.Space(SPACE), [{}] * n, [0.0] * n, infos=infos)).tolist()

    assert [of(notes[:n]) for n in (2, 2, 3, 5)] == [expected[:n] for n in (2, 2, 3, 5)]
    assert Noted.looks == 5
    assert of(notes[1:]) == expected[1:]
    assert of(notes[:1]) == expected[:1]
    assert of([]) == []
    assert pickle.loads(pickle.dumps(moves))._known[0] == []


def test_a_move_is_judged_by_its_latest_children_and_a_climb_that_has_converged_rests():
    moves = np.repeat(np.arange(3), 100)
    old, new, none = (np.zeros(300, dtype=bool) for _ in range(3))
    old[200:240], new[260:] = True, True  # of the climb's children
    climb = Climb(np.zeros(2), 0.1, np.eye(2))
    np.testing.assert_array_equal(_shares(moves, old, climb), _shares(moves, none, climb))
    assert _shares(moves, new, climb) == pytest.approx([0.1, 0.1, 0.8], abs=0.01)
    rests = Climb(climb.x, CONVERGED / 2, climb.C)
    assert _shares(moves, new, rests) == pytest.approx([0.5, 0.5, 0])


def test_crossover_and_mutation_are_less_wide_as_the_budget_is_used_up(monkeypatch):
    used, toolbox = [], genetic._toolbox
    monkeypatch.setattr(genetic, "_toolbox", lambda eta: used.append(eta) or toolbox(eta))
    study = hpo.Study(SPACE, searcher=hpo.GeneticSearcher(n_trials=20), seed=0)
    study.optimize(objective, 25, progress=False)
    assert used == pytest.approx([2 + 18 * min(k / 20, 1) for k in range(8, 25)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_trials": 0},
        {"population_size": 1},
        {"population_size": 2.0},
        {"crossover_probability": 1.1},
        {"crossover_probability": "0.9"},
    ],
)
def test_a_wrong_option_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        hpo.GeneticSearcher(**wrong)


def test_children_have_the_choices_of_either_parent_and_what_a_parent_lacks():
    space = hpo.Space({"x": hpo.Float(0, 1), "kind": hpo.Categorical(["a", "b"])})
    seen = History.build(space, [{"x": x, "kind": "a"} for x in (0.2, 0.4)], [0.0, 1.0])
    family = _Family(space, seen, np.full(len(seen), -1), 2, 2.0, 0.9, np.random.default_rng(0))
    a, b = np.array([0.1, 0.25]), np.array([0.9, 0.75])
    children = {tuple(family._with_choices(a.copy(), a, b, rate=0.0)) for _ in range(20)}
    assert children == {(0.1, 0.25), (0.1, 0.75)}
    lacking = np.array([[np.nan, 0.25], [0.9, np.nan]])
    assert family._complete(lacking).tolist() == [[0.9, 0.25], [0.9, 0.25]]


def suggestions(space, history, n, searcher=None):
    """Of so many suggestions after one history, the configurations by the move that made them."""
    found = {}
    for k in range(n):
        made = (searcher or hpo.GeneticSearcher()).suggest(space, history, generator(k, len(history)))
        found.setdefault(made.info["move"], []).append(made.params)
    return found


@pytest.mark.parametrize(("probability", "is_mixed"), [(0.0, False), (1.0, True)])
def test_a_child_of_the_crossover_has_two_parents_with_the_probability_that_was_chosen(probability, is_mixed):
    space = hpo.Space({f"x{i}": hpo.Float(0, 1) for i in range(12)})
    values = [0.1 + k / 1000 if k % 2 else 0.9 + k / 1000 for k in range(20)]
    seen = History.build(space, [dict.fromkeys(space.names, x) for x in values], range(20))
    searcher = hpo.GeneticSearcher(crossover_probability=probability)
    children = suggestions(space, seen, 60, searcher)["crossover"]
    low = [sum(x < 0.5 for x in child.values()) for child in children]
    assert any(3 <= n <= 9 for n in low) == is_mixed  # else at most some genes have mutated


@pytest.mark.parametrize(("at", "edge"), [(0.03, 0.0), (0.97, 1.0)])
def test_children_that_would_leave_the_space_are_not_heaped_up_on_its_edge(at, edge):
    space = hpo.Space({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)})
    rng = np.random.default_rng(0)
    params = [{"x": at + d, "y": at - d} for d in rng.uniform(-0.03, 0.03, 40)]
    made = suggestions(space, History.build(space, params, range(40)), 60)
    for move, spread in (("difference", 0.15), ("climb", 1.0)):
        far = [abs(v - edge) for child in made[move] for v in child.values()]
        assert 0 < min(far) < max(far) < spread


def test_the_climb_goes_to_neighbours_of_whole_numbers_however_short_its_step():
    space = hpo.Space({"n": hpo.Int(0, 20), "x": hpo.Float(0, 1)})
    params = [{"n": 10, "x": 0.5}, *({"n": 10, "x": 0.5 + k / 1e4} for k in range(1, 61))]
    infos = [{"move": "climb" if k else "crossover"} for k in range(61)]  # none better: its step is short
    found = suggestions(space, History.build(space, params, range(61), infos=infos), 150)["climb"]
    assert {child["n"] for child in found} == {9, 10, 11}


def test_the_trail_of_a_climb_does_not_crowd_out_the_population():
    space = hpo.Space({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)})
    others = [{"x": 0.1 + k / 100, "y": 0.5} for k in range(20)]
    trail = [{"x": 0.9 + k / 1000, "y": 0.5} for k in range(40)]
    infos = [{}] * 20 + [{"move": "climb"}] * 40
    seen = History.build(space, [*others, *trail], [*range(100, 120), *range(40)], infos=infos)
    children = suggestions(space, seen, 100)["crossover"]
    assert np.mean([child["x"] < 0.5 for child in children]) > 0.5


def test_trials_of_any_origin_can_be_bred_from():
    space = hpo.Space({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)})
    params = [{"x": k / 10, "y": 0.5} for k in range(9)]
    # A climb whose start was lost with a damaged file; and what another searcher noted under the same name.
    for noted in ("climb", ["climb"], {"to": 3}, 1, None):
        seen = History.build(space, params, range(9), infos=[{"move": noted}] * 9)
        made = suggestions(space, seen, 40, hpo.GeneticSearcher(population_size=4))
        assert {"crossover", "climb"} <= {*made}


def test_a_probability_of_any_kind_of_number_is_stored(tmp_path):
    searcher = hpo.GeneticSearcher(crossover_probability=np.float32(0.5))
    hpo.Study(SPACE, searcher=searcher, storage=tmp_path / "s.db")
    assert hpo.load_study(tmp_path / "s.db").searcher == hpo.GeneticSearcher(crossover_probability=0.5)
