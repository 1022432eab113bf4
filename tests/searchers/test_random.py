"""Random search: the distributions it draws from, and its low-discrepancy variant."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

import hpo
from hpo.searchers.untried import is_tried
from hpo.trial import History

SPACE = {
    "rate": hpo.Float(1e-4, 1.0, log=True),
    "drop": hpo.Float(0.0, 0.5),
    "units": hpo.Int(8, 71),
    "kind": hpo.Categorical(["a", "b", "c"]),
}


def searched(space, n, searcher="random", seed=0):
    study = hpo.Study(space, searcher=searcher, seed=seed)
    return [study.ask().params for _ in range(n)]


@pytest.mark.parametrize("searcher", ["random", hpo.RandomSearcher("sobol")])
def test_draws_are_uniform_on_the_scale_of_each_parameter(searcher):
    trials = searched(SPACE, 600, searcher)
    rates = np.log10([p["rate"] for p in trials]) / 4 + 1
    assert stats.kstest(rates, "uniform").pvalue > 0.01
    assert stats.kstest([p["drop"] / 0.5 for p in trials], "uniform").pvalue > 0.01
    units = np.bincount([p["units"] - 8 for p in trials], minlength=64)
    assert stats.chisquare(units).pvalue > 0.01
    kinds = [sum(p["kind"] == k for p in trials) for k in "abc"]
    assert stats.chisquare(kinds).pvalue > 0.01


def test_independent_draws_are_independent_of_each_other():
    trials = searched(SPACE, 600)
    x = np.array([[np.log(p["rate"]), p["drop"], p["units"]] for p in trials])
    assert np.abs(np.corrcoef(x.T) - np.eye(3)).max() < 0.12
    assert abs(np.corrcoef(x[1:, 0], x[:-1, 0])[0, 1]) < 0.12


def test_the_sobol_sequence_covers_the_space_more_evenly():
    space = hpo.Space({name: hpo.Float(0, 1) for name in "abc"})
    for seed in range(3):
        independent, sobol = (
            qmc.discrepancy(np.array([list(p.values()) for p in searched(space, 64, s, seed)]))
            for s in ("random", hpo.RandomSearcher("sobol"))
        )
        assert sobol < 0.5 * independent


def test_a_finite_space_is_drawn_without_a_repeat_to_its_end():
    space = hpo.Space({"a": hpo.Int(1, 30), "b": hpo.Categorical([True, False])})
    for searcher in ("random", hpo.RandomSearcher("sobol")):
        study = hpo.minimize(lambda p: p["a"], space, searcher=searcher, n_trials=100, seed=1, progress=False)
        assert len({tuple(t.params.values()) for t in study.trials}) == len(study.trials) == 60


def test_an_unknown_sequence_is_named():
    with pytest.raises(ValueError, match="sequence='halton'"):
        hpo.RandomSearcher("halton")


def test_a_point_is_tried_where_all_that_it_has_is_equal_and_of_many_trials_few_are_looked_at_in_full():
    looked = []

    class Looking(np.ndarray):
        def __getitem__(self, index):
            found = np.asarray(self)[index]
            looked.append(found.size)
            return found

    space = hpo.Space({**{f"n{i}": hpo.Int(0, 9) for i in range(5)}, "x": hpo.Int(0, 9, when={"n0": [0, 1]})})
    U = space.sample(2000, np.random.default_rng(0))
    keys = set(space.keys(U[:1000]))
    for seen, pending in ((U[:1000], U[:0]), (U[:0], U[:1000]), (U[:500], U[500:1000])):
        history = History(seen.view(Looking), None, None, (), pending.view(Looking), (), 1000)
        assert [is_tried(u, history) for u in U] == [key in keys for key in space.keys(U)]
    assert sum(looked) < 1.3 * 3 * 1000 * len(U)  # one column of 1,000, a tenth in the next
