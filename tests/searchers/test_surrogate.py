import numpy as np
import pytest

from hpo.gp.kernels import Features
from hpo.gp.regression import Prior
from hpo.searchers.gp import GPSearcher
from hpo.searchers.surrogate import Surrogate
from hpo.space import Float, Space
from hpo.trial import History


def surrogate(inflation, failed=()):
    """Fitted to 15 trials of a bowl in three dimensions, and points to score, (20, 3)."""
    space = Space({f"x{j}": Float(0, 1) for j in range(3)})
    rng = np.random.default_rng(0)
    U = space.sample(15, rng)
    y = ((U - 0.4) ** 2).sum(1)
    y[list(failed)] = np.nan
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    history = History.build(space, space.decode(U), y.tolist())
    return Surrogate.fitted(features, history, "half-rank", Prior(), inflation), rng.random((20, 3))


@pytest.mark.parametrize("inflation", [1.0, 1.75])
@pytest.mark.parametrize("failed", [(), (3, 8)])
def test_the_gradient_of_the_score_is_that_of_finite_differences(inflation, failed):
    model, Z = surrogate(inflation, failed)
    values, gradient = model.score_with_gradient(Z)
    np.testing.assert_allclose(values, model.score(Z), rtol=1e-9)
    for j, h in enumerate(1e-6 * np.eye(3)):
        expected = (model.score(Z + h) - model.score(Z - h)) / 2e-6
        np.testing.assert_allclose(gradient[:, j], expected, rtol=1e-4, atol=1e-5)


def test_inflation_helps_the_unlikely_most():
    (sure, Z), (inflated, _) = surrogate(1.0), surrogate(2.0)
    mean, sd = sure.objective.predict(Z)
    assert inflated.objective.predict(Z)[1] == pytest.approx(sd)  # the posterior itself stays
    gain = inflated.score(Z) - sure.score(Z)
    assert gain.min() > 0
    by_likelihood = np.argsort((sure.best - mean) / sd)
    assert (np.diff(gain[by_likelihood]) < 0).all()


def test_inflation_grows_with_the_number_of_parameters():
    assert [GPSearcher.inflation(q) for q in (0, 1, 4, 5, 6, 8, 20)] == [1, 1, 1, 1.25, 1.5, 2, 2]
