"""What each option of the networks does, seen from outside."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from benchmarks.mnist import CNN, MLP, load_mnist

OPTIMISERS = [{}, {"momentum": 0.5}, {"optimizer": "adam"}]


@pytest.fixture(scope="module")
def digits():
    X, y = load_mnist("subset", quiet=True)
    return X[:300], y[:300]


def first_weights(model):
    return model.network_.layers[0].W.copy()


@pytest.mark.parametrize("options", OPTIMISERS)
@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 3 / 4, 1 / 2, 1 / 4]),
        ("cosine", [1, (1 + 0.5**0.5) / 2, 1 / 2, (1 - 0.5**0.5) / 2]),
    ],
)
def test_weights_without_a_gradient_shrink_by_the_decay_times_the_rate_of_each_step(
    options, schedule, shares
):
    X, y = np.zeros((8, 9)), np.arange(8) % 2
    shared = {"learning_rate": 0.5, "epochs": 2, "batch_size": 4, "schedule": schedule, "random_state": 0}
    kept, shrunk = (
        first_weights(MLP((4,), weight_decay=decay, **shared, **options).fit(X, y)) for decay in (0.0, 0.3)
    )
    left = np.prod([1 - 0.5 * share * 0.3 for share in shares])
    np.testing.assert_allclose(shrunk, left * kept, rtol=1e-5)


def test_the_curve_has_the_mean_loss_of_the_batches_of_each_epoch():
    X, y = np.zeros((12, 5)), np.arange(12) % 4  # nothing to see: all classes are as probable
    model = MLP((), learning_rate=1e-9, epochs=2, batch_size=4, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.loss_curve_, [np.log(4)] * 2, rtol=1e-5)


def test_moved_images_reach_pixels_that_are_empty_in_all_of_them():
    X = np.zeros((40, 8, 8))
    X[:, 2:6, 2:6] = np.random.default_rng(0).random((40, 4, 4))
    y = np.arange(40) % 4
    still, moved = (
        first_weights(MLP((4,), epochs=2, max_shift=shift, random_state=0).fit(X.reshape(40, 64), y))
        for shift in (0, 1)
    )
    is_changed = (still != moved).any(axis=0).reshape(8, 8)
    assert is_changed[1:7, 1:7].all()
    assert not is_changed[[0, 7]].any()
    assert not is_changed[:, [0, 7]].any()


@pytest.mark.parametrize(
    ("network", "option"), [(MLP, {"dropout": 0.5}), (MLP, {"batch_norm": True}), (CNN, {"dropout": 0.5})]
)
def test_it_changes_what_is_learnt(digits, network, option):
    X, y = digits
    found = [network(epochs=2, random_state=0, **each).fit(X, y).predict_proba(X) for each in ({}, option)]
    assert np.abs(found[0] - found[1]).max() > 0.01


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0.0}, {"learning_rate": np.inf}, {"weight_decay": -0.1}, {"weight_decay": np.inf},
     {"max_shift": -1}, {"max_shift": 0.5}, {"momentum": -0.1}, {"dropout": -0.1}, {"epochs": 1.5}],
)  # fmt: skip
@pytest.mark.parametrize("network", [MLP, CNN])
def test_values_just_beyond_what_is_allowed_are_named(digits, network, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*: must be"):
        network(**wrong).fit(*digits)


@pytest.mark.parametrize("wrong", [{"n_filters": 0}, {"kernel_size": 0}, {"hidden_size": 2.5}])
def test_values_of_the_convolutional_network_are_named(digits, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*: must be a whole number from 1 up"):
        CNN(**wrong).fit(*digits)


def test_numbers_and_truth_values_may_be_those_of_numpy(digits):
    X, y = digits
    plain = MLP([8, 4], epochs=1, batch_norm=True, early_stopping=True, random_state=0)
    numpys = MLP(
        np.array([8, 4]), epochs=np.int64(1), batch_norm=np.True_, early_stopping=np.True_, random_state=0
    )
    np.testing.assert_array_equal(plain.fit(X, y).predict_proba(X), numpys.fit(X, y).predict_proba(X))


def test_early_stopping_waits_five_epochs_and_goes_back_to_the_first_of_the_best(digits):
    X, y = digits[0][:100], digits[1][:100]
    options = {"learning_rate": 0.2, "batch_norm": True, "early_stopping": True, "random_state": 0}
    model = MLP((8,), epochs=100, **options).fit(X, y)
    scores = model.validation_scores_
    best_epoch = int(np.argmax(scores)) + 1
    assert scores.count(max(scores)) > 1  # which the later ones do not better
    assert model.n_iter_ == len(scores) == best_epoch + 5
    until_then = MLP((8,), epochs=best_epoch, **options).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), until_then.predict_proba(X))


@pytest.mark.parametrize(("n", "scores"), [(90, {0.9}), (85, {0.8, 0.9})])
def test_a_tenth_of_each_class_is_held_out(n, scores):
    X, y = np.zeros((100, 4)), np.arange(100) >= n  # nothing to see: the frequent class is predicted
    for seed in range(5):
        model = MLP((4,), epochs=3, early_stopping=True, random_state=seed).fit(X, y)
        assert set(model.validation_scores_) <= scores


@pytest.mark.parametrize("y", [[0, 1, 0, 1, 1], [0] * 39 + [1]])
def test_a_row_is_held_out_of_few_and_where_a_class_has_one_only(y):
    model = MLP((4,), epochs=3, early_stopping=True, random_state=0).fit(np.eye(len(y)), y)
    assert len(model.validation_scores_) == 3
    assert set(model.predict(np.eye(len(y)))) <= {0, 1}


@pytest.mark.parametrize("network", [MLP((128,), batch_norm=True), CNN(n_filters=2, hidden_size=128)])
def test_what_is_kept_of_a_network_holds_none_of_its_batches(digits, network):
    network.set_params(dropout=0.1, optimizer="sgd", learning_rate=0.01, epochs=1, random_state=0)
    few, many = (
        len(pickle.dumps(clone(network).set_params(batch_size=size).fit(digits[0][:256], digits[1][:256])))
        for size in (128, 256)
    )
    assert abs(many - few) < 100


def test_partial_fit_takes_the_rate_of_the_moment_whatever_the_schedule(digits):
    X, y = digits
    constant, falling = (
        MLP((8,), schedule=schedule, random_state=0).partial_fit(X, y).partial_fit(X, y)
        for schedule in ("constant", "linear")
    )
    np.testing.assert_array_equal(constant.predict_proba(X), falling.predict_proba(X))
    before = constant.predict_proba(X)
    after = constant.set_params(learning_rate=1e-12).partial_fit(X, y).predict_proba(X)
    np.testing.assert_allclose(before, after, rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "was"),
    [
        ({"hidden_sizes": (8, 4)}, r"\[8\]"),
        ({"batch_norm": True}, "False"),
        ({"dropout": 0.5}, "0.0"),
        ({"optimizer": "adam"}, "'sgd'"),
        ({"momentum": 0.9}, "0.0"),
        ({"weight_decay": 0.1}, "0.0"),
    ],
)
def test_partial_fit_refuses_what_the_network_was_not_made_with(digits, changed, was):
    X, y = digits[0][:300], digits[1][:300]
    (name,) = changed
    model = MLP([8], epochs=1, random_state=0).partial_fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=rf"{name}=.*: must stay {was} in partial_fit"):
        model.set_params(**changed).partial_fit(X, y)
    assert np.array_equal(model.predict_proba(X), before)
    model.fit(X, y).partial_fit(X, y)


def test_partial_fit_tells_a_list_that_was_changed_from_the_same_sizes_as_a_tuple(digits):
    X, y = digits[0][:300], digits[1][:300]
    sizes = [8]
    model = MLP(sizes, random_state=0).partial_fit(X, y)
    model.set_params(hidden_sizes=(8,), batch_size=32, max_shift=1).partial_fit(X, y)
    sizes.append(4)
    model.set_params(hidden_sizes=sizes)
    with pytest.raises(ValueError, match=r"hidden_sizes=\[8, 4\]: must stay \[8\]"):
        model.partial_fit(X, y)


def test_partial_fit_names_classes_that_are_not_those_of_the_first_call(digits):
    X, y = digits
    model = MLP((8,), random_state=0).partial_fit(X, y, classes=range(12))
    assert model.partial_fit(X, y, classes=range(12)).predict_proba(X).shape == (300, 12)
    with pytest.raises(ValueError, match=r"classes=range\(0, 10\): the first call had"):
        model.partial_fit(X, y, classes=range(10))
    with pytest.raises(ValueError, match="max_shift=28: needs larger square images"):
        MLP(max_shift=28).partial_fit(X, y)
    with pytest.raises(ValueError, match="max_shift=28: needs larger square images"):
        CNN(max_shift=28).fit(X, y)


@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_weights_that_the_last_step_made_infinite_are_divergence(digits, train):
    model = MLP((8,), learning_rate=1e300, epochs=1, batch_size=300, random_state=0)
    with pytest.raises(FloatingPointError, match="weights are not finite; try a smaller learning_rate"):
        getattr(model, train)(*digits)
    with pytest.raises(NotFittedError):
        model.predict(digits[0])


def test_data_that_are_refused_leave_no_model_that_takes_rows_of_their_width(digits):
    X, y = digits
    model = MLP((8,), epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="Unknown label type"):
        model.fit(X[:, :700], y + 0.5)
    with pytest.raises(NotFittedError):
        model.predict(X[:, :700])


def test_rows_that_are_not_finite_leave_a_model_only_if_it_was_one(digits):
    X, y = digits
    spoilt = np.full_like(X, np.nan)
    model = MLP((8,), random_state=0)
    with pytest.raises(ValueError, match="NaN or infinity"):
        model.partial_fit(spoilt, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    before = model.partial_fit(X, y).predict_proba(X)
    with pytest.raises(ValueError, match="NaN or infinity"):
        model.partial_fit(spoilt, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
