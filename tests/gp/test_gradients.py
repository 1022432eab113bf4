"""Every analytic gradient of hpo.gp against central finite differences."""

import numpy as np
import pytest
from scipy.stats import norm

from hpo.gp.acquisition import log_expected_improvement, log_probability_positive
from hpo.gp.features import Features
from hpo.gp.kernels import matern52, matern52_with_slope, squared_distance
from hpo.gp.regression import Data, Prior, condition, log_evidence, log_posterior
from hpo.gp.warping import doubt


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    features = Features(np.array([np.inf, 3.0, np.inf]), np.array([0, 1, 0], bool), np.array([0, 0, 1], bool))
    X = rng.random((12, 3))
    X[::3, 2] = np.nan
    y = rng.standard_normal(12)
    theta = np.array([-0.5, 0.4, -0.2, -3.0, 0.3, -4.0])
    return features, X, y, doubt(y), theta


def differences(f, x, step=1e-6):
    return np.array([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))])


def test_kernel_slope():
    r2 = np.array([1e-6, 0.1, 1.0, 9.0])
    expected = (matern52(r2 * (1 + 1e-5)) - matern52(r2 * (1 - 1e-5))) / (2e-5 * r2)
    kernel, slope = matern52_with_slope(r2)
    assert slope == pytest.approx(expected, rel=1e-3)
    assert kernel == pytest.approx(matern52(r2), rel=1e-14)
    assert matern52(np.zeros(1))[0] == 1.0


def test_evidence(data):
    features, X, y, doubts, theta = data
    args = (Data(features(X), y, features.lengths, doubts), Prior())
    expected = differences(lambda t: log_posterior(t, *args)[0], theta)
    assert log_posterior(theta, *args)[1] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_evidence_with_choices_of_alike_columns():
    features = Features(
        np.array([4.0, 4.0, np.inf, 4.0]), np.array([1, 1, 0, 1], bool), np.zeros(4, bool), ((0, 1, 3),)
    )
    rng = np.random.default_rng(1)
    Z, y = features(rng.random((15, 4))), rng.standard_normal(15)
    theta = np.append(0.5 * rng.standard_normal(features.n_lengths), [-2.0, 0.2, -3.0])
    args = (Data(Z, y, features.lengths, doubt(y)), Prior(n_offsets=features.n_offsets))
    expected = differences(lambda t: log_posterior(t, *args)[0], theta)
    assert log_posterior(theta, *args)[1] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_evidence_alone_is_the_posterior_without_the_prior(data):
    features, X, y, doubts, theta = data
    given, prior = Data(features(X), y, features.lengths, doubts), Prior()
    whole = log_posterior(theta, given, prior)[0]
    assert log_evidence(theta, given) == pytest.approx(whole - prior.log_density(theta)[0])


def test_prediction(data):
    features, X, y, doubts, theta = data
    posterior = condition(Data(features(X), y, features.lengths, doubts), theta)
    z = features(np.array([[0.3, 0.5, 0.7]]))
    mean, sd, d_mean, d_sd = posterior.predict_with_gradient(z)
    for i, (value, gradient) in enumerate([(mean, d_mean), (sd, d_sd)]):
        assert posterior.predict(z)[i] == pytest.approx(value)
        expected = differences(lambda v, i=i: posterior.predict(v[None])[i][0], z[0])
        assert gradient[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("u", [-1e5, -2e3, -900.0, -30.0])
def test_log_expected_improvement_in_the_tail(u):
    series = 1 - 3 / u**2 + 15 / u**4 - 105 / u**6  # h(u) = phi(u) / u^2 times this
    expected = -0.5 * u * u - 0.5 * np.log(2 * np.pi) - 2 * np.log(-u) + np.log(series)
    value = log_expected_improvement(np.array([-u]), np.ones(1), 0.0)[0][0]
    assert value == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("u", [-3.0, -1.01, -0.99, 0.0, 4.0])
def test_log_expected_improvement_is_the_log_of_the_plain_one(u):
    expected = np.log(norm.pdf(u) + u * norm.cdf(u))
    value = log_expected_improvement(np.array([-u]), np.ones(1), 0.0)[0][0]
    assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mean", [-3.0, 0.0, 2.0, 40.0])
def test_acquisition_gradients(mean):
    x = np.array([mean, 0.7])
    for f in (lambda m, s: log_expected_improvement(m, s, 0.1), log_probability_positive):
        _, by_mean, by_sd = f(x[:1], x[1:])
        expected = differences(lambda v, f=f: f(v[:1], v[1:])[0][0], x)
        assert [by_mean[0], by_sd[0]] == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_inactive_parameters_have_equal_features():
    features = Features(np.array([np.inf]), np.zeros(1, bool), np.ones(1, bool))
    Z = features(np.array([[np.nan], [0.5], [1.0]]))
    assert Z.tolist() == [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5]]
    assert squared_distance(Z, Z, np.ones(2))[0, 2] == 0.5
