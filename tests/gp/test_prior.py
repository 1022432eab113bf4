"""What is expected of hyperparameters before the data."""

import pytest

from hpo.gp.regression import Prior


@pytest.mark.parametrize("n", [1, 10])
def test_of_few_points_more_noise_is_expected(n):
    prior = Prior().of_points(n)
    assert (prior.noise_mean, prior.noise_sd) == (prior.noise_mean_of_few, prior.noise_sd_of_few)


@pytest.mark.parametrize("n", [20, 1000])
def test_of_many_points_nothing_changes(n):
    assert Prior().of_points(n) == Prior()


def test_in_between_the_expectation_fades():
    half = Prior(
        noise_mean=-8.0, noise_sd=3.0, noise_mean_of_few=-4.0, noise_sd_of_few=1.0, few=10
    ).of_points(15)
    assert half.noise_mean == pytest.approx(-6.0)
    assert half.noise_sd == pytest.approx(2.0)
