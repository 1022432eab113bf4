import numpy as np
import pytest

from hpo.gp.warping import doubt, half_rank, standardise


@pytest.mark.parametrize("warp", [standardise, half_rank])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_warps_are_monotone_and_survive_any_scale(warp, scale):
    y = np.random.default_rng(0).standard_normal(31) * scale
    warped = warp(y)
    assert np.isfinite(warped).all()
    assert (np.diff(warped[np.argsort(y)]) >= 0).all()


@pytest.mark.parametrize("warp", [standardise, half_rank])
def test_constant_outputs_become_zero(warp):
    assert warp(np.full(5, 3.0)) == pytest.approx(np.zeros(5))


def test_half_rank_ignores_how_bad_the_bad_are():
    y = np.arange(9.0)
    worse = y.copy()
    worse[-1] = 1e6
    assert np.allclose(half_rank(y), half_rank(worse), atol=1e-6)


@pytest.mark.parametrize("warp", [standardise, half_rank])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_other_values_go_where_those_of_the_data_would(warp, scale):
    y = np.random.default_rng(0).standard_normal(31)
    warped, between = warp(y * scale), warp(y * scale, np.array([y[3], 0.5 * (y[3] + y[4])]) * scale)
    assert between[0] == pytest.approx(warped[3])
    assert min(warped[3:5]) <= between[1] <= max(warped[3:5])


@pytest.mark.parametrize("warp", [standardise, half_rank])
@pytest.mark.parametrize(
    "y", [[1e-300, 2e-300, 4e-300, 9e-300], [0.0, 1.0, 1.0, 1.0], [-1e308, 0.0, 1e307, 1e308]]
)
def test_other_values_may_be_anywhere(warp, y):
    low, high = warp(np.array(y), np.array([-1.7e308, 1.7e308]))
    assert np.isfinite([low, high]).all()
    assert low <= warp(np.array(y)).min()
    assert high >= warp(np.array(y)).max()


def test_half_rank_keeps_how_much_better_a_new_best_is():
    y = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    near, far = half_rank(y, np.array([-1.0, -2.0]))
    step = half_rank(y)[1] - half_rank(y)[0]
    assert near == pytest.approx(half_rank(y)[0] - step)
    assert far == pytest.approx(near - step)


def test_only_what_is_worse_than_the_median_is_doubted_and_the_worst_the_most():
    y = np.array([3.0, 1.0, 1e9, 2.0, 50.0])
    doubts = doubt(half_rank(y))
    assert (doubts[[0, 1, 3]] == 0).all()
    assert 0 < doubts[4] < doubts[2]
