import json
import re
import warnings

import numpy as np
import pytest

import hpo
from hpo.searchers.base import SearchSpaceExhausted, generator
from hpo.searchers.gp import GPSearcher
from hpo.space import Categorical, Float, Int, Ordinal, Space
from hpo.trial import History

SPACES = [
    Space({"x": Float(0, 1)}),
    Space({f"x{j}": Float(-1, 1) for j in range(6)}),
    Space({"a": Int(1, 5), "b": Categorical(["y", "z"]), "c": Float(1e-300, 1, log=True, when={"b": "z"})}),
    Space({"a": Int(1, 500, log=True), "c": Float(0, 1)}, constraints=[lambda p: p["a"] * p["c"] <= 200]),
    Space({"a": Categorical(["p", "q"]), "m": Int(0, 3, when={"a": "p"})}),
    Space({"x": Float(2, 2), "y": Float(0, 1, step=0.01), "o": Ordinal([1, 2, 4])}),
    Space({f"x{j}": Float(0, 1) for j in range(10)}),
]


def run(space, objective, n, seed=0):
    configurations, values, infos = [], [], []
    for k in range(n):
        history = History.build(space, configurations, values, infos=infos)
        suggestion = GPSearcher().suggest(space, history, generator(seed, k))
        configurations.append(suggestion.params)
        infos.append(suggestion.info)
        values.append(objective(suggestion.params))
    return configurations, values, infos


def nasty(i):
    """A random space with a clustered, repeated, collinear, huge, constant or failed history."""
    rng = np.random.default_rng(i)
    space = SPACES[rng.integers(len(SPACES))]
    n, layout, values = int(rng.integers(1, 40)), rng.integers(4), rng.integers(5)
    U = space.sample(n, rng)
    if layout == 1:
        U = U[rng.integers(min(n, 3), size=n)]
    if layout == 2:
        U = space.snap(np.where(np.isnan(U), 0.5, U) * 1e-9 + 0.3)
    if layout == 3:
        U = space.snap(np.linspace(0, 1, n)[:, None] * np.ones(U.shape[1]))
    U = U[space.feasible(U)]
    y = rng.standard_normal(len(U)) * 10.0 ** rng.choice([-300, -8, 0, 8, 300])
    if values == 1:
        y[:] = y[:1]
    if values == 2:
        y[rng.random(len(y)) < 0.5] = rng.choice([np.nan, np.inf, -np.inf])
    if values == 3:
        y[:] = np.nan
    pending = space.decode(space.sample(3, rng)) if rng.random() < 0.3 else []
    return space, History.build(space, space.decode(U), y.tolist(), pending=pending)


def check_nasty(i):
    space, history = nasty(i)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            suggestion = GPSearcher().suggest(space, history, generator(0, i))
        except SearchSpaceExhausted:
            assert np.isfinite(space.size)
            return
    space.canonical(suggestion.params)
    assert space.keys(space.encode([suggestion.params]))[0] not in space.keys(history.X)
    json.dumps(suggestion.info, allow_nan=False)


def test_nasty_histories():
    for i in range(200):
        check_nasty(i)


@pytest.mark.slow
def test_ten_thousand_nasty_histories():
    for i in range(10_000):
        check_nasty(i)


def test_solves_a_smooth_function():
    space = Space({f"x{j}": Float(-5, 10) for j in range(3)})
    _, values, infos = run(space, lambda p: sum((v - 1.3) ** 2 for v in p.values()), 30)
    assert min(values) < 0.01
    assert set(infos[-1]["length_scales"]) == {"x0", "x1", "x2"}


def test_finds_the_best_cell_and_then_ends():
    space = Space({"a": Int(0, 5), "b": Categorical(["y", "z"])})
    configurations, values, infos = run(space, lambda p: (p["a"] - 4) ** 2 + (p["b"] == "y"), 12)
    assert len({tuple(c.items()) for c in configurations}) == 12
    history = History.build(space, configurations, values, infos=infos)
    with pytest.raises(SearchSpaceExhausted):
        GPSearcher().suggest(space, history, generator(0, 12))


def test_learns_where_trials_fail():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    _, values, _ = run(space, lambda p: None if p["x"] > 0.7 else -p["x"] + (p["y"] - 0.5) ** 2, 30)
    assert sum(v is None for v in values) <= 15  # the optimum lies on the border of the failing region
    assert min(v for v in values if v is not None) < -0.6


def test_equal_values_do_not_send_it_to_the_corners():
    """Chance accuracy outside of a small valley: until a trial falls into it, trials fill the space."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})

    def valley(p):
        return min((abs(p["x"] - 0.6) + abs(p["y"] - 0.3)) / 0.3, 1.0)

    for seed in range(5):
        values = run(space, valley, 30, seed)[1]
        assert min(values) < 0.1
    points = space.encode(run(space, lambda p: 1.0, 20)[0])
    assert (np.abs(points - 0.5) <= 0.4).all()
    assert (np.abs(points[:, None] - points).max(2) + np.eye(20)).min() > 0.02


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.5, 0.6, 0.7, 0.8, 0.9], "initial"),
        ([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], "expected improvement"),
        ([0.5, 0.6] + [None] * 9, "initial"),
        ([0.5, 0.6] + [None] * 10, "expected improvement"),
        ([0.5, 0.5] + [None] * 10, "initial"),
        ([None] * 20, "initial"),
    ],
)
def test_the_model_waits_for_values_but_not_for_ever_where_trials_fail(values, reason):
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    configurations = space.decode(space.sample(len(values), np.random.default_rng(0)))
    history = History.build(space, configurations, [np.nan if v is None else v for v in values])
    assert GPSearcher().suggest(space, history, generator(0, 0)).info["reason"] == reason


def test_a_history_from_elsewhere_needs_no_info():
    space = SPACES[1]
    U = space.sample(15, np.random.default_rng(0))
    history = History.build(space, space.decode(U), (U**2).sum(1).tolist())
    assert GPSearcher().suggest(space, history, generator(0, 15)).info["reason"] == "expected improvement"


def test_underflow_is_no_error_where_numpy_is_set_to_raise():
    with np.errstate(all="raise"):
        run(SPACES[1], lambda p: None if p["x0"] > 0.5 else sum(p.values()) ** 2, 40)


@pytest.mark.parametrize(("field", "value"), [("n_initial", 1), ("warp", "log"), ("warp", [])])
def test_bad_options_are_named(field, value):
    with pytest.raises(ValueError, match=re.escape(f"{field}={value!r}")):
        GPSearcher(**{field: value})


def test_first_points_have_a_value_for_all_that_exists_only_with_some_numbers_of_a_parent():
    depth = 20
    widths = {f"width {i}": Int(1, 9, when={"layers": list(range(i, depth + 1))}) for i in range(1, depth)}
    kinds = {f"kind {i}": Categorical(["a", "b"], when={"layers": [1, i]}) for i in range(2, depth)}
    space = Space({"layers": Int(1, depth), **widths, **kinds})
    for seed in range(5):
        found = hpo.minimize(lambda params: 0.0, space, n_trials=6, seed=seed, progress=False).trials
        assert [space.canonical(trial.params) for trial in found] == [trial.params for trial in found]


def test_a_trial_that_was_cancelled_is_no_failure_and_leaves_its_neighbours_their_promise():
    def distance(state):
        study = hpo.Study({"x": Float(0, 1)}, searcher="gp", seed=0)
        for x in np.linspace(0.04, 0.96, 8):
            study.add_trial({"x": x}, (x - 0.5) ** 2)
        for x in (0.48, 0.49, 0.5, 0.51, 0.52):
            study.add_trial({"x": x}, None, state)
        return abs(study.ask().params["x"] - 0.5)

    assert distance("cancelled") < 0.02 < distance("failed")
