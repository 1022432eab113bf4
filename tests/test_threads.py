"""Linear algebra runs in one thread, whatever the process is set to."""

from contextlib import ExitStack

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import hpo
from hpo import recommendation
from hpo.searchers.surrogate import Surrogate
from hpo.threads import one_blas_thread

SPACE = hpo.Space({"x": hpo.Float(0.0, 1.0), "y": hpo.Float(0.0, 1.0)})


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    with threadpool_limits(2):
        assert blas_threads() == {2}
        yield
        assert blas_threads() == {2}


def looking(function, seen):
    def looked(*args, **kwargs):
        seen.append(blas_threads())
        return function(*args, **kwargs)

    return looked


def test_the_limit_ends_with_its_block_also_by_an_error(two_threads):
    @one_blas_thread()
    def fail():
        raise ValueError(blas_threads())

    with pytest.raises(ValueError, match=r"\{1\}"):
        fail()
    assert blas_threads() == {2}
    with one_blas_thread():
        assert blas_threads() == {1}


def test_the_limit_of_blocks_that_overlap_ends_with_the_last(two_threads):
    first, second = ExitStack(), ExitStack()  # of two threads: who begins first ends first
    for block in (first, second):
        block.enter_context(one_blas_thread())
    first.close()
    assert blas_threads() == {1}
    second.close()


def test_gp_suggests_and_recommends_in_one_thread(two_threads, monkeypatch):
    seen = []
    monkeypatch.setattr(Surrogate, "fitted", looking(Surrogate.fitted, seen))
    monkeypatch.setattr(recommendation, "fit", looking(recommendation.fit, seen))
    rng = np.random.default_rng(0)
    study = hpo.minimize(
        lambda p: p["x"] + p["y"] + rng.normal(), SPACE, searcher=hpo.GPSearcher(n_initial=3), n_trials=5
    )
    study.recommend()
    assert seen == [{1}] * 3  # the fourth and the fifth trial, and the recommendation
