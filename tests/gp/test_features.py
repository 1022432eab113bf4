"""What the model is shown of a configuration."""

from dataclasses import replace

import numpy as np
import pytest

from hpo.gp.features import Features
from hpo.gp.kernels import squared_distance
from hpo.gp.scales import warp
from hpo.space import Categorical, Float, Space

OPS = ["none", "skip", "conv"]


def features_of(space):
    return Features(space.n_cells, space.is_categorical, space.is_conditional, space.alike)


@pytest.fixture
def cell():
    edges = {f"edge{i}": Categorical(OPS) for i in range(3)}
    return Space({"rate": Float(0, 1), **edges, "deep": Categorical([False, True])})


def test_choices_of_columns_that_are_alike_are_counted(cell):
    features = features_of(cell)
    configurations = [
        {"rate": 0.5, "edge0": a, "edge1": b, "edge2": c, "deep": False}
        for a, b, c in (("conv", "conv", "none"), ("none", "conv", "conv"), ("skip", "skip", "skip"))
    ]
    Z = features(cell.encode(configurations))
    is_count = features.lengths[:, 5] == 1  # after those of the five columns
    np.testing.assert_allclose(Z[:, is_count] * np.sqrt(2), [[1, 0, 2], [1, 0, 2], [0, 3, 0]])
    # Once the counts alone matter, the first two are one configuration.
    distance = squared_distance(Z, Z, np.where(is_count, 1.0, 0.0))
    assert distance[0, 1] == pytest.approx(0, abs=1e-12)
    assert distance[0, 2] == pytest.approx(7)


def test_a_choice_has_the_same_offset_wherever_it_stands(cell):
    features = features_of(cell)
    assert (features.n_lengths, features.n_offsets) == (5 + 1 + 3, 3)
    offsets = features.lengths[:, -3:]
    assert not offsets[[0, 10, 11]].any()  # the number, and the flag's two choices
    np.testing.assert_array_equal(offsets[1:10], np.tile(np.eye(3), (3, 1)))
    np.testing.assert_array_equal(offsets[12:], np.eye(3))
    # Where "none" is told to differ from the others, it does so at each edge, and they do not.
    configurations = [dict(cell.decode(np.full((1, 5), 0.1))[0], edge1=op) for op in OPS]
    Z = features(cell.encode(configurations))
    theta = np.array([0.0] * 6 + [-2.0, 3.0, 3.0])
    distance = squared_distance(Z, Z, np.exp(-2 * features.lengths @ theta))
    assert distance[1, 2] < 0.01 * distance[0, 1]
    assert distance[0, 1] == pytest.approx(distance[0, 2])


def test_an_inactive_column_counts_for_nothing():
    space = Space(
        {
            "layers": Categorical([2, 3]),
            **{f"layer{i}": Categorical(OPS, when={"layers": 3} if i == 2 else None) for i in range(3)},
        }
    )
    features = features_of(space)
    Z = features(space.encode([{"layers": 2, "layer0": "conv", "layer1": "conv"}]))
    np.testing.assert_allclose(Z[0, features.lengths[:, 4] == 1] * np.sqrt(2), [0, 0, 2])


@pytest.mark.parametrize(
    "parameters",
    [
        {f"flag{i}": Categorical([False, True]) for i in range(4)},
        {f"layer{i}": Categorical(OPS) for i in range(2)},
        {f"layer{i}": Categorical([*OPS, f"pool{i}"]) for i in range(3)},
        {f"layer{i}": Categorical(OPS if i else OPS[::-1]) for i in range(3)},
    ],
)
def test_flags_pairs_and_different_choices_are_not_counted(parameters):
    features = features_of(Space(parameters))
    assert (features.n_lengths, features.n_offsets) == (len(parameters), 0)
    assert len(features.lengths) == sum(len(p.choices) for p in parameters.values())


def test_numbers_keep_their_gradient_beside_counts(cell):
    features = features_of(cell)
    U = cell.sample(6, np.random.default_rng(0))
    gradient = np.random.default_rng(1).standard_normal((6, len(features.lengths)))
    pulled = features.pull_back(gradient, U)
    np.testing.assert_array_equal(pulled[:, 0], gradient[:, 0])
    assert not pulled[:, 1:].any()
    assert features(U).shape == (6, 1 + 9 + 2 + 3)


def test_a_number_on_another_scale_is_warped_and_its_gradient_with_it():
    space = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            "rate": Float(0, 1),
            "decay": Float(0, 1, when={"kind": "a"}),
            "width": Float(0, 1),
        }
    )
    given = features_of(space)
    features = replace(given, scales=(0.0, 6.0, -3.0, 0.0))
    U = space.sample(8, np.random.default_rng(0))
    assert np.isnan(U[:, 2]).any()
    assert not np.isnan(U[:, 2]).all()
    Z, as_given = features(U), given(U)
    np.testing.assert_array_equal(Z[:, [0, 1, 2, 6]], as_given[:, [0, 1, 2, 6]])
    np.testing.assert_allclose(Z[:, 3], warp(U[:, 1], 6.0))
    active = ~np.isnan(U[:, 2])
    np.testing.assert_allclose(Z[active, 4], warp(U[active, 2], -3.0) - 0.5)
    assert not Z[~active][:, 4:6].any()

    weights = np.random.default_rng(1).standard_normal(Z.shape)
    pulled = features.pull_back(weights, U)
    for j in (1, 2, 3):
        h = 1e-6 * np.eye(4)[j]
        expected = ((features(U + h) - features(U - h)) * weights).sum(1) / 2e-6
        np.testing.assert_allclose(pulled[:, j], expected, rtol=1e-5, atol=1e-8)
    assert not pulled[:, 0].any()


def test_columns_that_every_configuration_has_are_told_among_those_with_a_length_scale():
    space = Space(
        {
            "constant": Float(1, 1),
            "kind": Categorical(["a", "b"]),
            "of_a": Float(0, 1, when={"kind": "a"}),
            "x": Float(0, 1),
        }
    )
    features = Features(space.n_cells, space.is_categorical, space.is_conditional)
    assert features.columns.tolist() == [1, 2, 3]
    assert features.is_unconditional.tolist() == [True, False, True]
