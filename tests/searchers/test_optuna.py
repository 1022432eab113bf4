"""Optuna's samplers behind our interface suggest what they suggest in a study of Optuna's own."""

import logging
import math
import random
import sys
import threading
import warnings
from itertools import pairwise

import numpy as np
import pytest

import hpo
from hpo.searchers.base import generator
from hpo.searchers.optuna import _seed, _Shadow
from hpo.trial import History

optuna = pytest.importorskip("optuna")

SPACE = {
    "rate": hpo.Float(1e-4, 1.0, log=True),
    "drop": hpo.Float(0.0, 0.5, step=0.1),
    "units": hpo.Int(8, 512, log=True),
    "kind": hpo.Categorical(["a", "b", "c"]),
    "momentum": hpo.Float(0.0, 0.9, when={"kind": "b"}),
}


def objective(p):
    if p["units"] > 400:
        raise RuntimeError("too large")
    return math.log10(p["rate"]) ** 2 + p["drop"] + 0.001 * p["units"] + p.get("momentum", 1.0)


def sampler(name):
    if name == "CmaEsSampler":
        pytest.importorskip("cmaes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(optuna.samplers, name)()


@pytest.mark.parametrize(
    "name", ["TPESampler", "RandomSampler", "NSGAIISampler", "QMCSampler", "CmaEsSampler"]
)
def test_the_trials_are_those_of_optuna_itself(name):
    ours = hpo.Study(SPACE, searcher=hpo.OptunaSearcher(sampler(name)), seed=3)
    ours.optimize(objective, 40, progress=False)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = optuna.create_study()
    for k in range(40):
        theirs.sampler = sampler(name)
        _seed(theirs.sampler, generator(3, k))
        trial = theirs.ask()
        params = {
            "rate": trial.suggest_float("rate", 1e-4, 1.0, log=True),
            "drop": trial.suggest_float("drop", 0.0, 0.5, step=0.1),
            "units": trial.suggest_int("units", 8, 512, log=True),
            "kind": "abc"[trial.suggest_categorical("kind", (0, 1, 2))],
        }
        if params["kind"] == "b":
            params["momentum"] = trial.suggest_float("momentum", 0.0, 0.9)
        assert ours.trials[k].params == pytest.approx(params), k
        try:
            theirs.tell(trial, objective(params))
        except RuntimeError:
            theirs.tell(trial, state=optuna.trial.TrialState.FAIL)


def test_a_range_wider_than_any_float_is_searched():
    study = hpo.Study({"x": hpo.Float(-1.5e308, 1.7e308)}, searcher="tpe", seed=0)
    study.optimize(lambda p: abs(p["x"]), 30, progress=False)
    xs = [t.params["x"] for t in study.trials]
    assert min(xs) < -5e307
    assert max(xs) > 5e307
    assert study.best_value < 2e307


@pytest.mark.parametrize("value", [0.3, 0.30000000000000004])
def test_a_condition_on_a_step_holds_however_it_is_rounded(value):
    space = hpo.Space({
        "p": hpo.Float(0.0, 0.4, step=0.1),  # 0.30000000000000004 to Optuna
        "n": hpo.Int(1, 5, when={"p": value}),
    })  # fmt: skip
    searcher = hpo.OptunaSearcher(optuna.samplers.RandomSampler())
    study = hpo.minimize(lambda p: 0.0, space, searcher=searcher, n_trials=90, seed=0, progress=False)
    assert len({tuple(t.params.values()) for t in study.trials if t.params["p"] == 0.3}) == 5
    assert all(("n" in t.params) == (t.params["p"] == 0.3) for t in study.trials)
    asked = hpo.OptunaSearcher.suggested(space, optuna.trial.FixedTrial({"p": 0.1 * 3, "n": 2}))
    assert asked == {"p": 0.3, "n": 2}


def test_a_log_scale_between_neighbouring_floats_is_searched():
    space = {"x": hpo.Float(1e10, math.nextafter(1e10, 2e10), log=True), "y": hpo.Float(0, 1)}
    study = hpo.minimize(lambda p: p["y"], space, searcher="tpe", n_trials=15, seed=0, progress=False)
    assert {t.params["x"] for t in study.trials} == {1e10, math.nextafter(1e10, 2e10)}


@pytest.mark.parametrize("name", ["TPESampler", "CmaEsSampler", "NSGAIISampler"])
def test_steps_finer_than_optuna_can_check_are_searched(name):
    space = hpo.Space({"x": hpo.Float(-1, 1.3, step=1e-9), "y": hpo.Float(1.6e9, 1.6e9 + 500, step=0.01)})
    study = hpo.Study(space, searcher=hpo.OptunaSearcher(sampler(name)), seed=0, window=2)
    study.optimize(lambda p: abs(p["x"]) + abs(p["y"] - 1.6e9 - 250), 40, progress=False)
    assert len({tuple(t.params.values()) for t in study.trials}) > 20


def test_a_sampler_of_the_callers_is_not_changed():
    mine = optuna.samplers.TPESampler(seed=1, n_startup_trials=3)
    before = mine._rng.rng.get_state()[1].tolist()
    hpo.minimize(
        lambda p: p["x"],
        {"x": hpo.Float(0, 1)},
        searcher=hpo.OptunaSearcher(mine),
        n_trials=8,
        progress=False,
    )
    assert mine._rng.rng.get_state()[1].tolist() == before


class Own(optuna.samplers.RandomSampler):
    pass


class Drawing(optuna.samplers.BaseSampler):
    """As Optuna's guide shows how to make one: with a random state of its own."""

    def __init__(self, rng):
        self.rng = rng

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        return self.rng.uniform(distribution.low, distribution.high)


def test_a_sampler_sees_the_trials_as_a_study_of_optunas_own_would_show_them():
    seen = []

    class Looking(Drawing):
        def sample_independent(self, study, trial, name, distribution):
            if name == "x":
                trials = study.get_trials(deepcopy=False)
                seen.append(
                    [(t.number, t.state.name, t.value, dict(t.params), t.datetime_complete) for t in trials]
                )
            return distribution.low

    space = hpo.Space(
        {"x": hpo.Float(0, 1), "n": hpo.Ordinal([16, 32, 64])}, constraints=[lambda p: len(seen) > 2]
    )
    known = [{"x": 0.25, "n": 16}, {"x": 0.5, "n": 32}, {"x": 0.75, "n": 64}]
    history = History.build(space, known[:2], [3.0, None], pending=known[2:])
    searcher = hpo.OptunaSearcher(Looking(random.Random(1)))
    searcher.suggest(space, history, generator(0, 3))
    first, second, third = seen  # of which the constraint refused two
    assert [[t[:2] for t in trials] for trials in (first, second, third)] == [
        [(0, "COMPLETE"), (1, "FAIL"), (2, "RUNNING"), (3, "RUNNING")]
    ] * 3
    assert [t[2:4] for t in first] == [
        (3.0, {"x": 0.25, "n": 0}), (None, {"x": 0.5, "n": 1}), (None, {"x": 0.75, "n": 2}), (None, {}),
    ]  # fmt: skip
    assert [t[4] is None for t in first] == [False, False, True, True]


def test_where_the_sampler_proposes_nothing_allowed_a_random_allowed_configuration_is_tried():
    class Stubborn(Drawing):
        def sample_independent(self, study, trial, name, distribution):
            return distribution.low

    space = hpo.Space({"x": hpo.Float(0, 1)}, constraints=[lambda p: p["x"] > 0.5])
    history = History.build(space, [{"x": 0.9}], [0.0])
    searcher = hpo.OptunaSearcher(Stubborn(random.Random(1)))
    made = [searcher.suggest(space, history, generator(seed, 1)) for seed in range(5)]
    assert len({suggestion.params["x"] for suggestion in made}) == 5
    assert all(suggestion.params["x"] > 0.5 and suggestion.info == {} for suggestion in made)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Own(seed=1),
        lambda: optuna.samplers.PartialFixedSampler({"y": 0.5}, Own()),
        lambda: Drawing(np.random.RandomState(1)),
        lambda: Drawing(np.random.default_rng(1)),
        lambda: Drawing(random.Random(1)),
    ],
)
def test_a_sampler_of_ones_own_class_is_seeded_for_each_suggestion(make):
    def found(seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Optuna calls experimental
            searcher = hpo.OptunaSearcher(make())
        space = {"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)}
        study = hpo.minimize(
            lambda p: p["x"], space, searcher=searcher, n_trials=6, seed=seed, progress=False
        )
        return [t.params["x"] for t in study.trials]

    assert len(set(found(0))) == 6
    assert found(0) == found(0) != found(1)


def test_a_sequence_goes_on_where_the_constraints_refuse_a_point_of_it():
    def points(n, constraints=()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            searcher = hpo.OptunaSearcher(optuna.samplers.QMCSampler(seed=0))
        space = hpo.Space({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)}, constraints=constraints)
        study = hpo.Study(space, searcher=searcher, seed=0).optimize(lambda p: 0.0, n, progress=False)
        return [tuple(t.params.values()) for t in study.trials[1:]]  # the first is none of the sequence

    allowed = [(x, y) for x, y in points(30) if x + y <= 1]
    assert points(8, [lambda p: p["x"] + p["y"] <= 1]) == allowed[:7]


def test_a_searcher_of_two_studies_mixes_up_no_notes_of_theirs():
    def added(searcher):
        study = hpo.Study(first.space, searcher=searcher, seed=5)
        for trial in first.trials:
            study.add_trial(trial.params, trial.value)  # the same values, and no notes
        return [t.params for t in study.optimize(lambda p: p["x"], 3, progress=False).trials]

    def searcher():
        return hpo.OptunaSearcher(optuna.samplers.NSGAIISampler(population_size=4))

    shared = searcher()
    first = hpo.Study({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)}, searcher=shared, seed=0)
    first.optimize(lambda p: p["x"] + p["y"], 12, progress=False)
    assert added(shared) == added(searcher())


def test_a_suggestion_that_nobody_took_moves_no_sequence_on():
    space = hpo.Space({"x": hpo.Float(0, 1), "y": hpo.Float(0, 1)})
    history = History.build(space, [{"x": 0.5, "y": 0.5}], [1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        searcher = hpo.OptunaSearcher(optuna.samplers.QMCSampler(seed=0))
    first = searcher.suggest(space, history, generator(0, 1))
    assert first.info["study_attrs"]
    assert searcher.suggest(space, history, generator(0, 1)) == first


def test_a_searcher_that_was_asked_of_other_trials_suggests_as_a_new_one():
    space = hpo.Space({"x": hpo.Float(0, 1)})
    points = [{"x": k / 20} for k in range(20)]
    falling, rising = [-p["x"] for p in points], [p["x"] for p in points]
    shared, made = hpo.OptunaSearcher(), []
    for its_space, configurations, values in [
        (space, points, rising),
        (space, points, falling),
        (space, points[::-1], falling),
        (hpo.Space({"x": hpo.Float(0, 2)}), [{"x": 2 * p["x"]} for p in points[::-1]], falling),
    ]:
        history = History.build(its_space, configurations, values)
        made.append(shared.suggest(its_space, history, generator(0, 20)))
        assert made[-1] == hpo.OptunaSearcher().suggest(its_space, history, generator(0, 20))
    assert all(one != other for one, other in pairwise(made))


def test_each_finished_trial_is_restored_once_though_some_failed_and_lack_parameters(monkeypatch):
    restore, restored = _Shadow._restore, []

    def counted(shadow, *arguments):
        restored.append(arguments)
        restore(shadow, *arguments)

    monkeypatch.setattr(_Shadow, "_restore", counted)
    study = hpo.Study(SPACE, searcher="tpe", seed=0)
    study.optimize(lambda p: 1 / (p["units"] % 2), 12, progress=False)
    assert {str(t.state) for t in study.trials} == {"complete", "failed"}
    assert {"momentum" in t.params for t in study.trials} == {True, False}
    assert len(restored) == 11


def test_a_suggestion_that_was_interrupted_changes_no_later_one(monkeypatch):
    space = hpo.Space({"x": hpo.Float(0, 1)})
    history = History.build(space, [{"x": k / 20} for k in range(20)], [abs(k - 7.5) for k in range(20)])
    earlier = History.build(space, [{"x": k / 20} for k in range(5)], [abs(k - 7.5) for k in range(5)])
    searcher, restored = hpo.OptunaSearcher(), []
    searcher.suggest(space, earlier, generator(0, 5))

    def interrupted(shadow, *arguments):
        restore(shadow, *arguments)
        restored.append(arguments)
        if len(restored) == 10:
            raise KeyboardInterrupt

    restore = _Shadow._restore
    monkeypatch.setattr(_Shadow, "_restore", interrupted)
    with pytest.raises(KeyboardInterrupt):
        searcher.suggest(space, history, generator(0, 20))
    expected = hpo.OptunaSearcher().suggest(space, history, generator(0, 20))
    assert searcher.suggest(space, history, generator(0, 20)) == expected


def test_suggestions_in_threads_leave_warnings_and_verbosity_as_they_were(monkeypatch):
    def search(seed):
        hpo.minimize(lambda p: p["x"], {"x": hpo.Float(0, 1)}, searcher="tpe", n_trials=30, seed=seed)

    def settings():
        return list(warnings.filters), optuna.logging.get_verbosity()

    monkeypatch.setattr(logging.getLogger("optuna"), "level", optuna.logging.DEBUG)
    before, interval = settings(), sys.getswitchinterval()
    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(4)]
    sys.setswitchinterval(1e-4)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert settings() == before


def test_what_optuna_has_to_say_of_a_sampler_is_not_heard(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        searcher = hpo.OptunaSearcher(optuna.samplers.QMCSampler())
    said = []
    monkeypatch.setattr(logging.getLogger("optuna"), "level", optuna.logging.DEBUG)
    monkeypatch.setattr(logging.Logger, "callHandlers", lambda logger, record: said.append(record))
    hpo.minimize(lambda p: 0.0, SPACE, searcher=searcher, n_trials=4, seed=0, progress=False)
    assert not said


@pytest.mark.parametrize("wrong", [3, "TPESampler", optuna.samplers.TPESampler])
def test_what_is_no_sampler_is_refused_before_any_trial(wrong):
    with pytest.raises(ValueError, match=r"sampler=.*must be an optuna"):
        hpo.OptunaSearcher(wrong)


def test_what_has_two_parents_waits_for_both():
    space = hpo.Space({
        "first": hpo.Int(0, 1),
        "child": hpo.Float(0.0, 1.0, when={"first": 1, "last": 1}),
        "last": hpo.Int(0, 1),
    })  # fmt: skip
    given = {"first": 1, "last": 1, "child": 0.5}
    assert hpo.OptunaSearcher.suggested(space, optuna.trial.FixedTrial(given)) == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"first": 0, "second": 1, "third": 0.5}, {"first": True, "second": "q", "third": 0.5}),
        ({"first": 0, "second": 0}, {"first": True, "second": "p"}),
        ({"first": 1}, {"first": 1}),  # equal to True, and another choice
    ],
)
def test_a_trial_of_optunas_own_suggests_what_exists_parents_first(given, expected):
    space = hpo.Space({
        "third": hpo.Float(0.0, 1.0, when={"second": "q"}),
        "second": hpo.Categorical(["p", "q"], when={"first": True}),
        "first": hpo.Categorical([True, 1]),
    })  # fmt: skip
    trial = optuna.trial.FixedTrial(given)
    params = hpo.OptunaSearcher.suggested(space, trial)
    assert params == expected
    assert type(params["first"]) is type(expected["first"])
    assert space.canonical(params) == params
    assert trial.params == given
