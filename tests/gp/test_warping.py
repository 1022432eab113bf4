import numpy as np
import pytest

from hpo.gp.warping import half_rank, standardise


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
