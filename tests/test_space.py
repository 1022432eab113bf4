"""The codec is exact, the edge cases are handled, and what is not usable is refused by name."""

import pickle

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from hpo.space import Categorical, Float, InfeasibleSpaceError, Int, Ordinal, Space, SpaceError

MIXED = Space(
    {
        "hidden": Int(32, 1024, log=True),
        "rate": Float(1e-4, 1.0, log=True),
        "dropout": Float(0.0, 0.5, step=0.1),
        "batch": Ordinal([16, 32, 64, 128]),
        "optimizer": Categorical(["sgd", "adam"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "constant": Int(3, 3),
        "tiny": Float(1e-300, 1.0, log=True),
        "huge": Float(-1e308, 1e308),
        "thirds": Float(0.0, 1.0, step=0.3),
    },
    constraints=[lambda p: p["hidden"] * p["batch"] <= 65536],
)


def test_round_trip_is_exact():
    U = MIXED.sample(500, np.random.default_rng(0))
    configurations = MIXED.decode(U)
    np.testing.assert_allclose(MIXED.encode(configurations), U, atol=1e-15)
    again = MIXED.decode(MIXED.encode(configurations))
    for params, repeated in zip(configurations, again):
        assert params.keys() == repeated.keys()
        for name, value in params.items():
            assert repeated[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)
    assert MIXED.keys(MIXED.snap(U)) == MIXED.keys(MIXED.encode(configurations))


def test_values_are_plain_python_and_in_bounds():
    for params in MIXED.decode(MIXED.sample(200, np.random.default_rng(1))):
        assert {type(v) for v in params.values()} <= {int, float, str}
        assert MIXED.canonical(params) == params
        assert ("momentum" in params) == (params["optimizer"] == "sgd")
        assert params["hidden"] * params["batch"] <= 65536
        assert params["thirds"] in (0.0, 0.3, 0.6, 0.9)
        assert params["constant"] == 3


def test_corners_of_the_cube_are_the_ends_of_the_ranges():
    space = Space(
        {"i": Int(1, 9), "l": Int(1, 9, log=True), "f": Float(-2, 7), "g": Float(1e-300, 1, log=True)}
    )
    low, high = space.decode(np.array([[0.0] * 4, [1.0] * 4]))
    assert low == {"i": 1, "l": 1, "f": -2.0, "g": pytest.approx(1e-300)}
    assert high == {"i": 9, "l": 9, "f": 7.0, "g": 1.0}


def test_cells_have_equal_width():
    space = Space({"i": Int(0, 6), "o": Ordinal("abcdefg"[i] for i in range(7))})
    U = np.tile((np.arange(7000) + 0.5) / 7000, (2, 1)).T
    values = [params["i"] for params in space.decode(U)]
    assert [values.count(i) for i in range(7)] == [1000] * 7


def test_scikit_learn_notation():
    space = Space(
        {
            "hidden": scipy.stats.randint(32, 256),
            "rate": scipy.stats.loguniform(1e-4, 1.0),
            "shift": scipy.stats.uniform(1, 2),
            "batch": [64, 32],
            "kind": ["b", "a"],
            "array": np.array([0.1, 0.2]),
        }
    )
    assert space.parameters == {
        "hidden": Int(32, 255),
        "rate": Float(1e-4, 1.0, log=True),
        "shift": Float(1.0, 3.0),
        "batch": Ordinal([32, 64]),
        "kind": Categorical(["b", "a"]),
        "array": Ordinal([0.1, 0.2]),
    }


def test_nested_conditions_are_listed_once():
    space = Space(
        {
            "leaf": Int(1, 2, when={"n": [2, 3]}),
            "n": Int(1, 3, when={"kind": "a"}),
            "kind": Categorical(["a", "b"]),
        }
    )
    listed = space.decode(space.enumerate(100))
    assert len(listed) == 6
    assert len({tuple(sorted(p.items())) for p in listed}) == 6
    assert space.enumerate(5) is None
    assert {tuple(p) for p in listed} == {("leaf", "n", "kind"), ("n", "kind"), ("kind",)}


def test_two_hundred_parameters():
    space = Space({f"x{i}": Float(0, 1) for i in range(200)})
    U = space.sample(3, np.random.default_rng(0))
    np.testing.assert_allclose(space.encode(space.decode(U)), U)


def test_space_survives_pickling():
    space = Space({"x": Float(0, 1), "k": Categorical(["a", "b"])})
    assert pickle.loads(pickle.dumps(space)).parameters == space.parameters


def test_impossible_constraints_are_said_to_be():
    with pytest.raises(InfeasibleSpaceError, match="none of"):
        Space({"x": Float(0, 1)}, constraints=[lambda p: False]).sample(1, np.random.default_rng(0))


def test_a_needle_in_a_finite_space_is_found():
    space = Space(
        {f"i{j}": Int(0, 9) for j in range(5)}, constraints=[lambda p: all(v == 7 for v in p.values())]
    )
    assert space.decode(space.sample(1, np.random.default_rng(0))) == [{f"i{j}": 7 for j in range(5)}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 0), "low=1"),
        (lambda: Float(0, float("inf")), "high=inf"),
        (lambda: Float(0, 1, log=True), "low=0"),
        (lambda: Float(0, 1, step=-1), "step=-1"),
        (lambda: Float(1, 2, log=True, step=0.1), "step=0.1"),
        (lambda: Int(0, 1.5), "high=1.5"),
        (lambda: Int(0, 10**400), "high="),
        (lambda: Int(0, "9"), "high='9'"),
        (lambda: Categorical([]), "choices"),
        (lambda: Categorical("abc"), "choices='abc'"),
        (lambda: Categorical(["a", "a"]), "twice"),
        (lambda: Space({}), "at least one parameter"),
        (lambda: Space({"x": 3}), "parameter 'x'"),
        (lambda: Space({"x": scipy.stats.norm()}), "norm"),
        (lambda: Space({"x": Float(0, 1, when={"y": 1})}), "'y', not in the space"),
        (lambda: Space({"x": Float(0, 1, when={"y": 3}), "y": Int(0, 2)}), "from 0 to 2"),
        (lambda: Space({"x": Int(0, 1, when={"y": 1}), "y": Int(0, 1, when={"x": 1})}), "circle"),
    ],
)
def test_unusable_definitions_are_refused_by_name(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n": 2, "kind": "a", "zz": 1}, "'zz': not in the space"),
        ({"n": 2}, "'kind': has no value"),
        ({"n": 5, "kind": "a", "x": 0.5}, "'n'=5: must be a whole number from 1 to 3"),
        ({"n": True, "kind": "a", "x": 0.5}, "'n'=True"),
        ({"n": 2, "kind": "b", "x": 0.5}, "exists only when"),
        ({"n": 2, "kind": "c"}, r"must be one of \['a', 'b'\]"),
        ({"n": 3, "kind": "b"}, "violates a constraint"),
    ],
)
def test_unusable_values_are_refused_by_name(params, message):
    space = Space(
        {"n": Int(1, 3), "kind": Categorical(["a", "b"]), "x": Float(0, 1, when={"kind": "a"})},
        constraints=[lambda p: p["n"] < 3],
    )
    with pytest.raises(SpaceError, match=message):
        space.canonical(params)


@given(
    low=st.floats(-1e300, 1e300),
    width=st.floats(0, 1e300),
    u=st.floats(0, 1),
)
def test_any_float_range_stays_in_bounds(low, width, u):
    space = Space({"x": Float(low, low + width)})
    (params,) = space.decode(np.array([[u]]))
    assert low <= params["x"] <= low + width
