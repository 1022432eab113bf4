"""The climb replays to the same state whatever was run when, and learns step size and direction."""

import numpy as np
import pytest

from hpo.searchers.climb import SIGMA, Climb, found_best, replay


def climbed(f, d, n, seed=0):
    """A climb alone, from one random point."""
    rng = np.random.default_rng(seed)
    X = [rng.random(d)]
    y = [f(X[0])]
    for k in range(1, n):
        climb = replay(np.array(X), np.array(y), np.arange(k) > 0)
        X.append(climb.x + climb.step(rng))
        y.append(f(X[-1]))
    return np.array(X), np.array(y)


def test_it_converges_linearly_on_a_smooth_function():
    _, y = climbed(lambda x: float(np.sum((x - 0.4) ** 2)), d=5, n=400)
    assert y.min() < 1e-9


def test_a_narrow_valley_that_is_no_axis_is_followed():
    def valley(x):
        return float((x[0] + x[1] - 1) ** 2 * 1e4 + (x[0] - x[1] - 0.2) ** 2)

    X, y = climbed(valley, d=2, n=300)
    assert y.min() < 1e-4
    C = replay(X[:150], y[:150], np.arange(150) > 0).C
    along, across = np.array([1, -1]), np.array([1, 1])
    assert along @ C @ along > 10 * across @ C @ across


def test_the_step_grows_with_success_and_shrinks_with_failure():
    X = np.full((9, 2), 0.5) + np.arange(9)[:, None] / 100
    is_step = np.arange(9) > 0
    assert replay(X, -np.arange(9.0), is_step).sigma > SIGMA
    assert replay(X, np.arange(9.0), is_step).sigma < SIGMA
    assert replay(X, np.arange(9.0), is_step).x == pytest.approx(X[0])


def test_a_better_point_from_elsewhere_starts_it_anew_with_a_step_of_the_distance():
    X = np.array([[0.1, 0.1], [0.12, 0.1], [0.11, 0.1], [0.14, 0.14]])
    climb = replay(X, np.array([3.0, 2.0, 2.5, 1.0]), np.array([False, True, True, False]))
    assert climb.x.tolist() == [0.14, 0.14]
    assert climb.sigma == pytest.approx(0.5 * np.sqrt((0.02**2 + 0.04**2) / 2))  # from [0.12, 0.1]
    np.testing.assert_array_equal(climb.C, np.eye(2))


@pytest.mark.parametrize("is_success", [np.arange(30) % 3 != 1, np.arange(30) % 8 == 0])
def test_covariance_and_step_size_are_those_of_one_update_after_the_other(is_success):
    rng = np.random.default_rng(0)
    d, y = 3, np.where(is_success, -np.arange(30.0), 50.0)
    X = 0.5 + 0.2 * rng.standard_normal((30, d))  # where few succeed, farther than counts
    c_path, c = 2 / (d + 2), 2 / (d**2 + 6)
    best, sigma, path, C = X[0], SIGMA, np.zeros(d), np.eye(d)
    for x, value in zip(X[1:], y[1:]):
        if value == 50.0:
            sigma *= np.exp(-0.2 / np.sqrt(d + 1))
            continue
        step = np.clip((x - best) / min(sigma, 0.5), -5, 5)
        path = (1 - c_path) * path + np.sqrt(c_path * (2 - c_path)) * step
        C = (1 - c) * C + c * np.outer(path, path)
        best, sigma = x, sigma * np.exp(0.8 / np.sqrt(d + 1))
    climb = replay(X, y, np.arange(30) > 0)
    np.testing.assert_allclose(climb.C, C, rtol=1e-6, atol=1e-8)
    assert climb.sigma == pytest.approx(min(sigma, 0.5))


def test_half_of_the_steps_move_some_of_the_coordinates_and_none_moves_nothing():
    rng = np.random.default_rng(0)
    climb = Climb(np.full(10, 0.5), 0.1, np.eye(10))
    moved = np.array([np.count_nonzero(climb.step(rng)) for _ in range(400)])
    assert 0.4 < np.mean(moved < 10) < 0.5  # a few of the subsets are all of them
    assert moved.min() == 1


def test_a_jump_across_the_cube_or_to_where_it_was_leaves_a_step_to_go_on_with():
    X = np.array([[0.0, 0.0], [1.0, 1.0], *[[1.0, 1.0]] * 11])
    y = np.array([3.0, 2.0, 1.0, *[9.0] * 10])  # the second time at one place is better, as noise has it
    is_step = np.arange(13) > 2
    assert replay(X[:2], y[:2], is_step[:2]).sigma == pytest.approx(SIGMA)
    assert not replay(X, y, is_step).is_converged


def test_what_other_trials_did_not_find_leaves_the_climb_as_it_is():
    rng = np.random.default_rng(0)
    X, y = rng.random((12, 3)), np.array([np.inf, np.inf, 9.0, 8.0, 7.0, 9.0, 6.0, 9.0, 9.0, 5.0, 9.0, 4.0])
    is_step = np.arange(12) > 3
    is_other = np.isin(np.arange(12), [0, 1, 5, 8])  # that failed, or were no better
    alone = replay(X[~is_other], y[~is_other], is_step[~is_other])
    beside = replay(X, y, is_step & ~is_other)
    assert (beside.x.tolist(), beside.sigma, beside.C.tolist()) == (
        alone.x.tolist(),
        alone.sigma,
        alone.C.tolist(),
    )


def test_steps_of_one_direction_alone_leave_a_covariance_to_step_by():
    X = np.linspace(0, 1, 400)[:, None] * [1.0, 1.0]
    climb = replay(X, -np.arange(400.0), np.arange(400) > 0)
    assert np.isfinite(climb.step(np.random.default_rng(0))).all()


def test_the_first_step_has_nothing_to_do_with_trials_that_failed():
    X = np.array([[0.5, 0.5], [0.5, 0.501]])
    assert replay(X, np.array([np.inf, 1.0]), np.array([False, False])).sigma == pytest.approx(SIGMA)


def test_failed_trials_and_inactive_parameters_are_borne():
    X = np.array([[0.1, np.nan], [0.2, 0.5], [0.3, np.nan]])
    climb = replay(X, np.array([np.inf, 2.0, 1.0]), np.array([False, True, True]))
    assert climb.x[0] == 0.3
    assert np.isfinite(climb.C).all()
    only_steps = replay(X[1:], np.array([2.0, 1.0]), np.array([True, True]))
    np.testing.assert_array_equal(climb.C, only_steps.C)  # that begins at the first that did not fail
    jump = replay(X[1:], np.array([2.0, 1.0]), np.array([False, False]))
    assert np.isfinite(jump.step(np.random.default_rng(0))).all()
    assert found_best(np.array([np.inf, 2.0, 2.0, 1.0])).tolist() == [False, True, False, True]
