from dataclasses import replace

import numpy as np
import pytest

from hpo.gp.features import Features
from hpo.gp.regression import Prior, condition, fit
from hpo.searchers.gp import GPSearcher
from hpo.searchers.surrogate import Surrogate
from hpo.space import Categorical, Float, Space
from hpo.trial import History


def as_it_is(n_parameters, surprise, few_matter):
    return 1.0


def fit_surrogate(features, history, warp="half-rank", prior=None, inflation=as_it_is, seed=7):
    few_matter, rng = GPSearcher.few_matter, np.random.default_rng(seed)
    return Surrogate.fitted(features, history, warp, prior or Prior(), few_matter, inflation, rng)


def surrogate(inflation, failed=()):
    """Fitted to 15 trials of a bowl in three dimensions, and points to score, (20, 3)."""
    space = Space({f"x{j}": Float(0, 1) for j in range(3)})
    rng = np.random.default_rng(0)
    U = space.sample(15, rng)
    y = ((U - 0.4) ** 2).sum(1)
    y[list(failed)] = np.nan
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    history = History.build(space, space.decode(U), y.tolist())
    model = fit_surrogate(features, history, "half-rank", Prior(), lambda *_: inflation)
    return model, rng.random((20, 3))


@pytest.mark.parametrize("inflation", [1.0, 1.75])
@pytest.mark.parametrize("failed", [(), (3, 8)])
def test_the_gradient_of_the_score_is_that_of_finite_differences(inflation, failed):
    model, Z = surrogate(inflation, failed)
    values, gradient = model.score_with_gradient(Z)
    np.testing.assert_allclose(values, model.score(Z), rtol=1e-9)
    for j, h in enumerate(1e-6 * np.eye(3)):
        expected = (model.score(Z + h) - model.score(Z - h)) / 2e-6
        np.testing.assert_allclose(gradient[:, j], expected, rtol=1e-4, atol=1e-5)


def fitted_to(y_of, prior=None):
    """Model of 40 trials in two dimensions, their points and values."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    U = space.sample(40, np.random.default_rng(0))
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    history = History.build(space, space.decode(U), y_of(U).tolist())
    return fit_surrogate(features, history, "half-rank", prior or Prior(), as_it_is), U


def noise(model):
    return float(np.exp(model.objective.theta[-1]))


BELIEVING = Prior(doubtful_mean=np.log(1e-8), doubtful_sd=0.01)


def test_accidents_are_not_taken_for_noise_of_the_good():
    def accidental(U):
        y = bowl(U)
        y[np.argsort(y)[2:20:4]] += 1e6  # among the better half
        return y

    (doubting, U), (believing, _) = fitted_to(accidental), fitted_to(accidental, BELIEVING)
    assert noise(doubting) < 0.01 < 0.1 < noise(believing)
    grid = np.random.default_rng(1).random((500, 2))
    promising = grid[np.argmin(doubting.objective.predict(grid)[0])]
    assert bowl(promising[None])[0] < bowl(U).min()


def test_a_cliff_is_no_accident():
    def with_cliff(U):
        return bowl(U) + np.where(U[:, 0] > 0.35, 10.0, 0.0)

    (doubting, U), (believing, _) = fitted_to(with_cliff), fitted_to(with_cliff, BELIEVING)
    behind = U[U[:, 0] > 0.35]
    means = [model.objective.predict(behind)[0] for model in (doubting, believing)]
    assert means[0] == pytest.approx(means[1], abs=0.15)


def test_inflation_helps_the_unlikely_most():
    (sure, Z), (inflated, _) = surrogate(1.0), surrogate(2.0)
    mean, sd = sure.objective.predict(Z)
    assert inflated.objective.predict(Z)[1] == pytest.approx(sd)  # the posterior itself stays
    gain = inflated.score(Z) - sure.score(Z)
    assert gain.min() > 0
    by_likelihood = np.argsort((sure.bests[0] - mean) / sd)
    assert (np.diff(gain[by_likelihood]) < 0).all()


def test_inflation_grows_with_the_number_of_parameters():
    assert [GPSearcher.inflation(q, 1.0) for q in (0, 1, 4, 5, 6, 8, 20)] == [1, 1, 1, 1.25, 1.5, 2, 2]


def test_parameters_count_where_they_are_active():
    space = Space(
        {
            "algorithm": Categorical(["a", "b"]),
            **{f"a{j}": Float(0, 1, when={"algorithm": "a"}) for j in range(9)},
            "b": Float(0, 1, when={"algorithm": "b"}),
            "constant": Float(1, 1),
        }
    )
    features = GPSearcher.features(space)
    of_a = {"algorithm": "a", **{f"a{j}": 0.5 for j in range(9)}, "constant": 1.0}
    of_b = {"algorithm": "b", "b": 0.5, "constant": 1.0}
    history = History.build(space, [of_a, of_b, of_b], [1.0, 2.0, 0.0])
    counted = []

    def inflation(n_parameters, surprise, few_matter):
        counted.append(n_parameters)
        return 1.0

    fit_surrogate(features, history, "half-rank", Prior(), inflation)
    assert counted == [10]


def test_inflation_is_by_surprise_alone_where_few_of_many_parameters_matter():
    assert [GPSearcher.inflation(q, 1.0, few_matter=True) for q in (8, 30)] == [1, 1]
    assert [GPSearcher.inflation(30, s, few_matter=True) for s in (1.4, 3.0)] == [1.4, 2]


def test_few_of_many_parameters_are_less_than_half_of_ten_or_more():
    assert [GPSearcher.few_matter(q, 0.3) for q in (9, 10, 30)] == [False, True, True]
    assert [GPSearcher.few_matter(30, share) for share in (0.49, 0.5)] == [True, False]


def test_the_share_of_parameters_that_matters():
    def share(lengths):
        seen = []
        space = Space({f"x{j}": Float(0, 1) for j in range(len(lengths))})
        U = space.sample(20, np.random.default_rng(0))
        memory = {
            "n": 20, "warp": "half-rank", "theta": [*lengths, -7.0, 0.0, -7.0],
            "scales": [0.0] * len(lengths), "surprise": 1.0,
        }  # fmt: skip
        infos = [*([{}] * 19), {"gp": memory}]
        history = History.build(space, space.decode(U), of_all(U).tolist(), infos=infos)
        features = Features(space.n_cells, space.is_categorical, space.is_conditional)

        def few_matter(n_parameters, share):
            seen.append((n_parameters, share))
            return False

        Surrogate.fitted(
            features, history, "half-rank", Prior(), few_matter, as_it_is, np.random.default_rng(7)
        )
        return seen[0]

    assert share([0.7] * 8) == (8, pytest.approx(1.0))
    assert share([-1.0, 5.0, 5.0, 5.0]) == (4, pytest.approx(0.25, rel=1e-3))
    assert share([-1.0, -1.0, 5.0, 5.0]) == (4, pytest.approx(0.5, rel=1e-3))


def test_conditional_parameters_do_not_count_among_those_that_may_matter():
    space = Space(
        {
            "kind": Categorical(["a", "b"]),
            "x": Float(0, 1),
            **{f"a{j}": Float(0, 1, when={"kind": "a"}) for j in range(9)},
        }
    )
    seen = []

    def few_matter(n_parameters, share):
        seen.append(n_parameters)
        return False

    U = space.sample(20, np.random.default_rng(0))
    history = History.build(space, space.decode(U), U[:, 1].tolist())
    for only_conditional in (False, True):
        is_conditional = np.ones(11, bool) if only_conditional else space.is_conditional
        features = Features(space.n_cells, space.is_categorical, is_conditional)
        Surrogate.fitted(features, history, "raw", Prior(), few_matter, as_it_is, np.random.default_rng(7))
    assert seen == [2, 0]


def of_many(y_of, n=30, q=12, failed=(), n_pending=0, seed=7):
    """Fitted to n trials of q parameters; and what the inflation was told of them."""
    space = Space({f"x{j}": Float(0, 1) for j in range(q)})
    rng = np.random.default_rng(0)
    U = space.sample(n + n_pending, rng)
    y = y_of(U[:n])
    y[list(failed)] = np.nan
    history = History.build(space, space.decode(U[:n]), y.tolist(), pending=space.decode(U[n:]))
    told = []

    def inflation(n_parameters, surprise, few_matter):
        told.append(few_matter)
        return 1.0

    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    return fit_surrogate(features, history, inflation=inflation, seed=seed), told[0]


def of_two(U):
    return np.sin(5 * U[:, 1]) + 0.5 * np.sin(7 * U[:, 4])


def of_all(U):
    return ((U - 0.4) ** 2).sum(1)


def test_beliefs_about_many_parameters_differ_where_few_of_them_matter():
    model, few_matter = of_many(of_two)
    assert few_matter
    assert len(model.beliefs) == len(model.bests) == 8
    assert len({belief.theta[0] for belief in model.beliefs}) == 8
    for belief, best in zip(model.beliefs, model.bests):
        assert best == belief.predict(model.objective.data.Z)[0].min()


def test_beliefs_are_drawn_up_to_64_trials_by_the_generator_of_the_suggestion():
    drawn = [of_many(of_two, n=64, seed=seed)[0].beliefs for seed in (7, 7, 8)]
    lengths = [[belief.theta[0] for belief in beliefs] for beliefs in drawn]
    assert len(lengths[0]) == 8
    assert lengths[0] == lengths[1]
    assert not set(lengths[0]) & set(lengths[2])


@pytest.mark.parametrize(("y_of", "q", "n"), [(of_all, 12, 30), (of_two, 9, 30), (of_two, 12, 65)])
def test_there_is_one_belief_where_all_matter_or_parameters_are_few_or_trials_many(y_of, q, n):
    model, few_matter = of_many(y_of, n, q)
    assert few_matter == (n > 64)
    assert model.beliefs == (model.objective,)


@pytest.mark.parametrize("failed", [(), (3, 8)])
def test_the_gradient_of_an_average_is_that_of_finite_differences(failed):
    model, _ = of_many(of_two, failed=failed, n_pending=2)
    assert len(model.beliefs) == 8
    Z = np.random.default_rng(1).random((10, 12))
    values, gradient = model.score_with_gradient(Z)
    np.testing.assert_allclose(values, model.score(Z), rtol=1e-9)
    for j, h in enumerate(1e-6 * np.eye(12)):
        expected = (model.score(Z + h) - model.score(Z - h)) / 2e-6
        np.testing.assert_allclose(gradient[:, j], expected, rtol=1e-4, atol=1e-5)


def test_an_average_is_that_of_the_expected_improvements():
    model, _ = of_many(of_two)
    Z = np.random.default_rng(1).random((10, 12))
    alone = [
        replace(model, beliefs=(belief,), bests=(best,)).score(Z)
        for belief, best in zip(model.beliefs, model.bests)
    ]
    np.testing.assert_allclose(np.exp(model.score(Z)), np.exp(alone).mean(0))


def test_every_belief_is_given_what_pending_and_failed_trials_may_give():
    model, _ = of_many(of_two, failed=(3, 8), n_pending=2)
    for belief in model.beliefs:
        np.testing.assert_array_equal(belief.data.Z, model.objective.data.Z)
        np.testing.assert_array_equal(belief.data.y, model.objective.data.y)
    assert len(model.objective.data.y) == 30 + 2


def test_incumbents_are_those_of_what_was_seen():
    model, _ = of_many(of_two, failed=(3, 8), n_pending=2)
    everything = model.objective.data
    seen = replace(everything, Z=everything.Z[:28], y=everything.y[:28], doubt=everything.doubt[:28])
    for belief, best in zip(model.beliefs, model.bests):
        assert best == condition(seen, belief.theta).predict(seen.Z)[0].min()


def test_inflation_grows_with_the_errors_of_earlier_predictions():
    assert [GPSearcher.inflation(4, s) for s in (1.0, 1.5, 3.0)] == [1, 1.5, 2]
    assert [GPSearcher.inflation(6, s) for s in (1.0, 1.4, 1.75)] == [1.5, 1.5, 1.75]
    assert [GPSearcher.inflation(q, 1.5) for q in (1, 2, 3)] == [1, 1, 1.125]


def test_points_that_the_noise_does_not_tell_apart_from_a_trial():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    U = space.sample(60, np.random.default_rng(0))
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    beside, away = U + 1e-3, np.array([[2.0, 2.0]])
    jumps = np.random.default_rng(1).standard_normal(len(U))
    for noise, is_apart in ((0.0, True), (0.3, False)):
        y = ((U - 0.4) ** 2).sum(1) + noise * jumps
        model = fit_surrogate(features, History.build(space, space.decode(U), y.tolist()), "raw")
        assert (model.tells_apart(beside, 0.1) == is_apart).all()
        assert not model.tells_apart(U, 0.1).any()
        assert model.tells_apart(away, 0.1).all()


def test_hyperparameters_of_many_trials_are_fitted_in_the_units_that_they_are_used_in(monkeypatch):
    fitted_to = []

    def spy(data, *args):
        fitted_to.append(data.y)
        return fit(data, *args)

    monkeypatch.setattr("hpo.searchers.hyperparameters.fit", spy)
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    U = space.sample(400, np.random.default_rng(0))
    history = History.build(space, space.decode(U), ((U - 0.4) ** 2).sum(1).tolist())
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    model = fit_surrogate(features, history, "half-rank", Prior(), as_it_is)
    assert len(fitted_to[0]) < len(model.objective.data.y) < 400
    assert np.isin(fitted_to[0], model.objective.data.y).all()


def fitted_scales(objective, prior=None):
    """Scales after 40 trials, found one step a trial as in a study: each fit starts from the one before."""
    space = Space({"rate": Float(0, 1), "width": Float(0, 1)})
    U = space.sample(40, np.random.default_rng(0))
    y, infos = objective(U), [{} for _ in U]
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    for k in range(10, len(U) + 1):
        history = History.build(space, space.decode(U[:k]), y[:k].tolist(), infos=infos[:k])
        model = fit_surrogate(features, history, "raw", prior or Prior(), as_it_is)
        infos[k - 1] = {"gp": model.memory}
    return model.features.scales


def over_decades(U):
    return (np.log10(1e-3 + U[:, 0]) + 1.5) ** 2 + (U[:, 1] - 0.6) ** 2


def bowl(U):
    return ((U - [0.3, 0.6]) ** 2).sum(1)


def test_a_range_that_should_be_logarithmic_is_found():
    rate, width = fitted_scales(over_decades)
    assert rate > 0
    assert width == 0
    rate, width = fitted_scales(lambda U: over_decades(1 - U))
    assert rate < 0
    assert width == 0


def test_ranges_of_a_bowl_stay_as_given():
    assert fitted_scales(bowl) == (0, 0)


def test_overwhelming_odds_keep_every_range_as_given():
    assert fitted_scales(over_decades, Prior(scale_log_odds=1e9)) == (0, 0)


@pytest.mark.parametrize("scales", [None, [0.0], [0.0, np.nan, 0.0], [3.0, 0.0, 0.0]])
def test_scales_of_the_trial_before_are_taken_up_where_they_fit(scales):
    space = Space({f"x{j}": Float(0, 1) for j in range(3)})
    U = space.sample(40, np.random.default_rng(0))
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    memory = {
        "n": 40,
        "warp": "half-rank",
        "theta": [0.5] * 3 + [-7.0, 0.0, -7.0],
        "scales": scales,
        "surprise": 1.5,
    }
    if scales is None:  # of a study that an earlier version began
        del memory["scales"]
    infos = [*([{}] * 39), {"gp": memory}]
    history = History.build(space, space.decode(U), (U**2).sum(1).tolist(), infos=infos)
    model = fit_surrogate(features, history, "half-rank", Prior(), as_it_is)
    assert (model.memory == memory) == (scales == [3.0, 0.0, 0.0])
    assert len(model.features.scales) == 3
    assert np.isfinite(model.score(model.features(U))).all()
