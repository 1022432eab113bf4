from itertools import islice

import numpy as np
import pytest

from hpo.gp.regression import N_VARIANCES, Data, Prior, fit
from hpo.gp.sampling import _chain, _lengths, _parts, draw_lengths

PRIOR = Prior()


def test_a_chain_has_the_distribution_of_a_normal_posterior():
    # x ~ N(0, I), and 2 was seen of its first part with the sd 0.5: N(1.6, 0.2) by Bayes' rule.
    chain = _chain(lambda x: -0.5 * ((x[0] - 2.0) / 0.5) ** 2, np.zeros(2), np.random.default_rng(0))
    x = np.array(list(islice(chain, 20_000)))
    np.testing.assert_allclose(x.mean(0), [1.6, 0.0], atol=0.05)
    np.testing.assert_allclose(x.var(0), [0.2, 1.0], atol=0.05)


@pytest.mark.parametrize("n_offsets", [0, 2])
def test_a_chain_starts_at_the_fitted_length_scales(n_offsets):
    prior = Prior(n_offsets=n_offsets)
    theta = np.array([0.4, -0.3, 1.5, 0.2, 0.1, -7.0, 0.0, -9.0])
    np.testing.assert_allclose(_lengths(_parts(theta, prior), prior), theta[:-N_VARIANCES])


def test_length_scales_that_are_all_alike_are_a_start_as_well():
    theta = np.array([0.7] * 5 + [-7.0, 0.0, -9.0])
    np.testing.assert_allclose(_lengths(_parts(theta, PRIOR), PRIOR), theta[:-N_VARIANCES])


def of_one_parameter(n=40, q=10, noise=0.2):
    """Outputs with some noise that depend on the third of q parameters alone."""
    rng = np.random.default_rng(0)
    Z = rng.random((n, q))
    y = np.sin(6 * Z[:, 2]) + noise * rng.standard_normal(n)
    return Data(Z, (y - y.mean()) / y.std(), np.eye(q), np.zeros(n))


@pytest.fixture(scope="module")
def draws():
    data = of_one_parameter()
    theta = fit(data, PRIOR.starts(10), 60, PRIOR)[0].theta
    return theta, np.array(draw_lengths(data, theta, PRIOR, 20, np.random.default_rng(1)))


def test_draws_agree_on_the_parameter_that_matters(draws):
    _, drawn = draws
    lengths = drawn[:, :10]
    assert (lengths.argmin(1) == 2).all()
    others = np.delete(lengths, 2, axis=1)
    assert np.median(others.mean(1) - lengths[:, 2]) > 1.0
    assert others.std(0).min() > 0.1  # of which the data say little


def test_draws_keep_the_variances(draws):
    theta, drawn = draws
    assert drawn.shape == (20, 13)
    np.testing.assert_array_equal(drawn[:, -3:], np.tile(theta[-3:], (20, 1)))


def test_draws_keep_to_the_box_where_length_scales_grow_without_end():
    data = of_one_parameter(noise=0.0)
    theta = fit(data, PRIOR.starts(10), 60, PRIOR)[0].theta
    drawn = np.array(draw_lengths(data, theta, PRIOR, 8, np.random.default_rng(1)))
    low, high = PRIOR.bounds(10)
    assert drawn.max() == high[0]
    assert (drawn >= low).all()
    assert (drawn <= high).all()


def test_draws_are_those_of_the_generator(draws):
    data, theta = of_one_parameter(), draws[0]

    def drawn(seed):
        return np.array(draw_lengths(data, theta, PRIOR, 2, np.random.default_rng(seed)))

    np.testing.assert_array_equal(drawn(5), drawn(5))
    assert not np.array_equal(drawn(5), drawn(6))


def test_the_spread_of_length_scales_follows_the_data():
    def spread(y_of):
        Z = np.random.default_rng(3).random((60, 8))
        y = y_of(Z)
        data = Data(Z, (y - y.mean()) / y.std(), np.eye(8), np.zeros(60))
        theta = fit(data, PRIOR.starts(8), 60, PRIOR)[0].theta
        drawn = np.array(draw_lengths(data, theta, PRIOR, 30, np.random.default_rng(1)))
        return np.median(drawn[:, :8].std(1))

    alike = spread(lambda Z: ((Z - 0.5) ** 2).sum(1))
    assert spread(lambda Z: np.sin(6 * Z[:, 0]) + Z[:, 1]) > 2 * alike
