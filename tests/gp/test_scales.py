"""Scales of ranges: the map, its slope, and the steps between scales."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.gp.scales import LARGEST, STEP, neighbours, warp, warp_slope

X = np.linspace(0, 1, 41)
SCALES = [-6.0, -3.0, 0.0, 3.0, 6.0]


@pytest.mark.parametrize("c", SCALES)
def test_the_unit_interval_is_mapped_onto_itself_in_order(c):
    w = warp(X, c)
    assert w[[0, -1]] == pytest.approx([0, 1])
    assert (np.diff(w) > 0).all()
    assert warp_slope(X[:1], c) / warp_slope(X[-1:], c) == pytest.approx(np.exp(c))


@given(st.floats(0.001, 0.999), st.sampled_from(SCALES))
def test_the_slope_is_that_of_finite_differences(x, c):
    x, h = np.array([x]), 1e-7
    expected = (warp(x + h, c) - warp(x - h, c)) / (2 * h)
    assert warp_slope(x, c) == pytest.approx(expected, rel=1e-4)


def test_a_negative_scale_is_the_positive_one_from_the_other_end():
    np.testing.assert_allclose(warp(X, -3.0), 1 - warp(1 - X, 3.0), atol=1e-12)


def test_a_logarithmic_range_becomes_even():
    x = np.exp(np.linspace(-6, 0, 7))
    steps = np.diff(warp(x, 6.0))
    assert steps[3:] == pytest.approx(1 / 6, rel=0.05)  # the first ones are near the linear end


def test_neighbours_move_one_fine_column_by_one_step_within_the_largest():
    now = np.array([0.0, 0.0, LARGEST])
    found = {tuple(s) for s in neighbours(now, np.array([True, False, True]))}
    assert found == {(STEP, 0.0, LARGEST), (-STEP, 0.0, LARGEST), (0.0, 0.0, LARGEST - STEP)}
    assert now.tolist() == [0.0, 0.0, LARGEST]
    assert neighbours(now, np.zeros(3, bool)) == []
