"""What every searcher must do; run over each of them by tests/searchers/test_contract.py.

Subclass `SearcherContract` and give it `make`, a function that returns a fresh searcher.
"""

import contextlib
import copy
import json
import math
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hpo
from hpo.searchers.base import SearchSpaceExhausted, generator
from hpo.trial import History
from tests.strategies import spaces

SPACES = {
    "mixed": lambda: hpo.Space(
        {
            "rate": hpo.Float(1e-4, 1.0, log=True),
            "drop": hpo.Float(0.0, 0.5, step=0.1),
            "units": hpo.Int(8, 512, log=True),
            "batch": hpo.Ordinal([16, 32, 64]),
            "kind": hpo.Categorical(["sgd", "adam", True]),
            "momentum": hpo.Float(0.0, 0.9, when={"kind": "sgd"}),
            "one": hpo.Int(3, 3),
            "only": hpo.Categorical(["x"]),
        }
    ),
    "constrained": lambda: hpo.Space(
        {"a": hpo.Int(1, 20), "b": hpo.Int(1, 20)}, constraints=[lambda p: p["a"] * p["b"] <= 60]
    ),
    "corner": lambda: hpo.Space(
        {"x": hpo.Float(0.0, 1.0), "y": hpo.Float(0.0, 1.0)}, constraints=[lambda p: p["x"] + p["y"] <= 0.8]
    ),
    "widest": lambda: hpo.Space({"x": hpo.Float(-1.7e308, 1.7e308), "y": hpo.Float(1e-300, 1e300, log=True)}),
    "one parameter": lambda: hpo.Space({"x": hpo.Float(-1.0, 1.0)}),
    "fifty parameters": lambda: hpo.Space({f"x{i}": hpo.Float(0.0, 1.0) for i in range(50)}),
}
OBJECTIVES = {
    "NaN": lambda v: math.nan,
    "failed half the time": lambda v: None if v < 0.5 else v,
    "constant": lambda v: 1.0,
    "infinite": lambda v: math.inf if v < 0.5 else -math.inf,
    "1e300": lambda v: 1e300 * (v - 0.5),
}
N = 16


def score(space, params):
    """A smooth value in [0, 1] for any space."""
    return float(np.nanmean(np.abs(space.encode([params])[0] - 0.3)))


def run(searcher, space, n, seed=0, objective=lambda v: v, pairs=(), window=1):
    """The plainest loop: (suggestion, value) pairs, the newest ``window - 1`` results still unknown."""
    pairs = list(pairs)
    for k in range(len(pairs), n):
        seen = max(0, k - window + 1)
        history = History.build(
            space,
            [s.params for s, _ in pairs[:seen]],
            [v for _, v in pairs[:seen]],
            infos=[s.info for s, _ in pairs[:seen]],
            pending=[s.params for s, _ in pairs[seen:]],
            pending_infos=[s.info for s, _ in pairs[seen:]],
        )
        suggestion = searcher.suggest(space, history, generator(seed, k))
        pairs.append((suggestion, objective(score(space, suggestion.params))))
    return pairs


def params_of(pairs):
    return [s.params for s, _ in pairs]


class SearcherContract:
    """The contract; `deterministic` says that the seed does not matter, `repeats` that it may repeat a
    configuration of a finite space."""

    deterministic = False
    repeats = False

    @staticmethod
    def make():
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    @pytest.mark.parametrize("name", SPACES)
    def test_values_are_valid_plain_and_their_info_is_json(self, name, capfd):
        space = SPACES[name]()
        for suggestion, _ in run(self.make(), space, N):
            assert space.canonical(suggestion.params) == suggestion.params
            assert all(type(v) in (int, float, str, bool) for v in suggestion.params.values())
            assert json.loads(json.dumps(suggestion.info, allow_nan=False)) == suggestion.info
        assert capfd.readouterr() == ("", "")

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(space=spaces(), seed=st.integers(0, 99))
    def test_any_space_is_searched_and_its_end_is_reached_when_all_is_tried(self, space, seed):
        pairs = []
        with contextlib.suppress(SearchSpaceExhausted):
            for n in range(1, 11):
                pairs = run(self.make(), space, n, seed, pairs=pairs)
        tried = params_of(pairs)
        assert [space.canonical(params) for params in tried] == tried
        listed = space.enumerate(5000)
        if listed is not None and not self.repeats:
            assert len({*space.keys(space.encode(tried))}) == len(tried)
        if len(tried) < 10:
            assert {*space.keys(space.encode(tried))} == {*space.keys(listed)}

    @pytest.mark.parametrize("name", SPACES)
    def test_resumed_at_any_trial_it_goes_on_as_if_uninterrupted(self, name):
        space = SPACES[name]()
        whole = run(self.make(), space, N)
        stored = [(hpo.Suggestion(s.params, json.loads(json.dumps(s.info))), v) for s, v in whole]
        for cut in (0, 1, 7, 11, N - 1):
            assert params_of(run(self.make(), space, N, pairs=stored[:cut])) == params_of(whole)

    def test_resumed_with_trials_pending_it_goes_on_as_if_uninterrupted(self):
        space = SPACES["mixed"]()
        whole = run(self.make(), space, N, window=4)
        for cut in (3, 9):
            assert params_of(run(self.make(), space, N, pairs=whole[:cut], window=4)) == params_of(whole)

    def test_a_used_searcher_and_a_fresh_one_suggest_the_same(self):
        space, other = SPACES["mixed"](), SPACES["constrained"]()
        used = self.make()
        expected = params_of(run(self.make(), space, N))
        run(used, other, N)
        run(used, space, N, seed=5)
        assert params_of(run(used, space, N)) == expected

    def test_the_seed_decides(self):
        space = SPACES["mixed"]()
        first, again, other = (params_of(run(self.make(), space, N, seed=s)) for s in (1, 1, 2))
        assert first == again
        assert (first == other) == self.deterministic

    @pytest.mark.parametrize("window", [3, 8])
    def test_pending_and_finished_trials_are_not_suggested_again(self, window):
        space = SPACES["one parameter" if self.repeats else "constrained"]()
        params = params_of(run(self.make(), space, 25, window=window))
        assert len({tuple(p.values()) for p in params}) == 25

    def test_nothing_is_handed_out_twice_while_nothing_is_told(self):
        space = hpo.Space({"a": hpo.Int(1, 4), "c": hpo.Categorical(["s", "t"])})
        study = hpo.Study(space, searcher=self.make(), seed=0, window=1000)
        with pytest.raises(hpo.SearchSpaceExhausted):
            [study.ask() for _ in range(1000)]
        assert len({tuple(t.params.values()) for t in study.trials}) == 8
        assert len(study.trials) == 8 or self.repeats

    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_any_objective_is_survived(self, name):
        for space in (SPACES["mixed"](), SPACES["one parameter"]()):
            for suggestion, _ in run(self.make(), space, 24, objective=OBJECTIVES[name]):
                assert space.canonical(suggestion.params) == suggestion.params

    def test_a_finite_space_is_exhausted_without_a_repeat(self):
        space = hpo.Space(
            {"a": hpo.Int(1, 3), "c": hpo.Categorical(["s", "t"]), "m": hpo.Int(0, 1, when={"c": "s"})},
            constraints=[lambda p: not (p["a"] == 3 and p["c"] == "t")],
        )
        study = hpo.minimize(
            lambda p: p["a"], space, searcher=self.make(), n_trials=1000, seed=0, progress=False
        )
        assert len({tuple(t.params.items()) for t in study.trials}) == 8
        assert len(study.trials) == 8 or self.repeats
        with pytest.raises(hpo.SearchSpaceExhausted):
            study.ask()

    def test_no_argument_and_no_global_random_state_is_touched(self):
        space = SPACES["mixed"]()
        pairs = run(self.make(), space, N)
        history = History.build(
            space,
            params_of(pairs[:12]),
            [v for _, v in pairs[:12]],
            infos=[dict(s.info) for s, _ in pairs[:12]],
        )
        history.X.flags.writeable = history.y.flags.writeable = False
        before, searcher = copy.deepcopy(history.infos), self.make()
        options = repr(searcher)
        python, numpy = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
        searcher.suggest(space, history, generator(0, 12))
        assert random.getstate() == python
        assert repr(np.random.get_state()) == numpy  # noqa: NPY002
        assert history.infos == before
        assert repr(searcher) == options

    def test_another_process_suggests_the_same(self):
        code = (
            f"from {type(self).__module__} import {type(self).__name__} as T;"
            "from tests import contract as c;"
            "print(c.params_of(c.run(T.make(), c.SPACES['mixed'](), 14)))"
        )
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": here}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=environment,
            cwd=here,
            check=True,
        )
        assert done.stdout.strip() == str(params_of(run(self.make(), SPACES["mixed"](), 14)))
