import numpy as np
import pytest

from hpo.gp.maximize import Domain, maximize
from hpo.gp.regression import Data, condition


def grid_domain(d, m, tried, telling=lambda U: np.ones(len(U), bool)):
    def snap(U):
        return (np.minimum(np.floor(U * m), m - 1) + 0.5) / m

    return Domain(
        np.full(d, float(m)),
        np.zeros(d, bool),
        np.zeros(d, bool),
        snap,
        lambda U: ~(U[:, None] == tried).all(2).any(1),
        telling,
    )


def test_neighbours_of_tried_points_are_left_when_every_candidate_is_tried():
    peak = np.array([[0.375, 0.625, 0.125]])
    domain = grid_domain(3, 4, tried=peak)

    def score(U):
        return -np.square((U - peak) * [1.0, 2.0, 3.0]).sum(1)

    candidates = np.repeat(peak, 50, axis=0)
    point, value = maximize(score, None, domain, candidates, np.random.default_rng(0))
    assert point.tolist() in ([0.125, 0.625, 0.125], [0.625, 0.625, 0.125])  # one step of the least cost
    assert value == score(point[None])[0]


@pytest.mark.parametrize(("telling_from", "best"), [(0.0, 0.3125), (0.5, 0.5625), (2.0, 0.3125)])
def test_points_that_tell_nothing_are_taken_only_where_there_are_no_others(telling_from, best):
    domain = grid_domain(1, 8, tried=np.array([[0.4375]]), telling=lambda U: U[:, 0] >= telling_from)

    def score(U):
        return -np.abs(U[:, 0] - 0.4)

    candidates = np.linspace(0, 1, 40)[:, None]
    point, value = maximize(score, None, domain, candidates, np.random.default_rng(0))
    assert point.tolist() == [best]
    assert value == score(point[None])[0]


@pytest.mark.parametrize("seed", range(5))
def test_finds_the_best_of_all_configurations_of_a_discrete_space(seed):
    m, d = 6, 4
    rng = np.random.default_rng(seed)
    every = (np.stack(np.meshgrid(*[np.arange(m)] * d), -1).reshape(-1, d) + 0.5) / m
    Z = every[rng.permutation(len(every))[:20]]
    theta = np.log([*[0.5] * d, 1e-4, 1.0, 1e-4])
    posterior = condition(Data(Z, rng.standard_normal(20), np.eye(d), np.zeros(20)), theta)

    def score(U):
        mean, sd = posterior.predict(U)
        return 2 * sd - mean

    domain = grid_domain(d, m, tried=np.full((1, d), np.nan))
    point, value = maximize(score, None, domain, rng.random((100, d)), rng)
    best = int(np.argmax(np.round(score(every), 9)))
    assert point == pytest.approx(every[best])
    assert value == pytest.approx(score(every)[best])


def test_reaches_the_top_of_many_coarse_columns_however_far():
    d, m = 40, 12
    peak = (np.random.default_rng(1).integers(0, m, d) + 0.5) / m
    steps = []

    def score(U):
        steps.append(len(U))
        return -np.abs(U - peak).sum(1)  # a step in any column helps: 40 columns, up to 11 steps in each

    domain = grid_domain(d, m, tried=np.full((1, d), np.nan))
    point, value = maximize(score, None, domain, np.full((1, d), 0.5 / m), np.random.default_rng(0))
    assert point == pytest.approx(peak)
    assert value == pytest.approx(0.0, abs=1e-9)
    assert len(steps) < 4 * m  # all columns move at once


def test_climbs_smooth_and_discrete_columns_to_the_joint_maximum():
    target = np.array([0.3, 0.7, 0.625])
    domain = Domain(
        np.array([np.inf, np.inf, 4.0]),
        np.zeros(3, bool),
        np.array([True, True, False]),
        lambda U: np.column_stack([U[:, :2], (np.minimum(np.floor(U[:, 2] * 4), 3) + 0.5) / 4]),
        lambda U: np.ones(len(U), bool),
        lambda U: np.ones(len(U), bool),
    )

    def score_with_gradient(U):
        # The best cell of the last column moves with the first ones: neither climbs alone.
        away = np.column_stack([U[:, 0] - target[0], U[:, 1] - U[:, 0] - 0.4, U[:, 2] - U[:, 1] + 0.075])
        slope = -2.0 * away
        return -(away**2).sum(1), np.column_stack(
            [slope[:, 0] - slope[:, 1], slope[:, 1] - slope[:, 2], slope[:, 2]]
        )

    rng = np.random.default_rng(0)
    point, value = maximize(
        lambda U: score_with_gradient(U)[0], score_with_gradient, domain, rng.random((20, 3)), rng
    )
    assert np.abs(point - target).max() < 1e-3
    assert value > -1e-6
