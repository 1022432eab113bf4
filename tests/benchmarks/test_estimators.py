"""Searches among real estimators: what a search sees, what judges it, and the command."""

import cloudpickle
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, RegressorMixin
from threadpoolctl import threadpool_limits

import hpo
from benchmarks.__main__ import main
from benchmarks.suites.estimators import JUDGING_SEEDS, Search, estimators
from benchmarks.suites.problem import task

SEARCHES = estimators()


@pytest.fixture(autouse=True)
def one_thread():
    """Boosting takes all cores otherwise, and waits for those that other tests are on."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_sees_folds_of_its_seed_and_some_configuration_beats_a_guess(name):
    search = SEARCHES[name]
    drawn = search.space.decode(search.space.sample(5, np.random.default_rng(1)))
    values = [search.observe(params, 1) for params in drawn]
    assert np.isfinite(values).all()
    best = drawn[int(np.argmin(values))]
    assert search.observe(best, 1) == min(values)
    assert min(values) < search.loss.of_a_guess / 1.3
    judged = [search.observe(best, seed) for seed in JUDGING_SEEDS]
    assert search.truth(best) == pytest.approx(np.mean(judged))
    assert len({min(values), *judged}) > 1


def test_a_search_can_be_chosen_by_its_whole_name():
    assert not any("," in name for name in SEARCHES)  # --problems is split at commas


def test_a_search_travels_to_workers():
    copy = cloudpickle.loads(cloudpickle.dumps(task(SEARCHES["trees on digits"])))
    assert isinstance(copy, hpo.Task)


def test_a_configuration_that_diverges_fails_and_is_judged_like_a_guess():
    whole = SEARCHES["polynomial on friedman"]
    broken = Search(_diverging, whole.space, whole.data, whole.loss)
    with pytest.raises(ValueError, match="not finite"):
        broken.observe({"alpha": 1.0}, 0)
    assert broken.truth({"alpha": 1.0}) == whole.loss.of_a_guess


class _Diverging(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), np.inf)


def _diverging(params, seed):
    return _Diverging()


def test_the_command_counts_from_the_lowest_loss_that_a_run_found(tmp_path):
    arguments = ["estimators", "--problems", "polynomial", "--trials", "10", "--seeds", "2", "--searchers",
                 "gp,random", "--jobs", "1", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "Mean rank among 2" in done.output
    assert "| random | 1.00 |" in (tmp_path / "regret.md").read_text()


def test_the_command_needs_random_search_as_its_unit():
    done = CliRunner().invoke(main, ["estimators", "--searchers", "gp,tpe"])
    assert done.exit_code == 2
    assert "must name random" in done.output
