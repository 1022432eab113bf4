"""The codec is exact, the edge cases are handled, and what is not usable is refused by name."""

import copy
import decimal
import pickle
import time
import types

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from hpo.space import Categorical, Float, InfeasibleSpaceError, Int, Ordinal, Space, SpaceError
from tests.strategies import spaces

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


@pytest.mark.parametrize(
    ("pair", "written", "meant"),
    [
        ((0.1, 1e-4), "[0.0001, 0.1]", "hpo.Float(0.0001, 0.1)"),
        ((1, 64), "[1, 64]", "hpo.Int(1, 64)"),
        ((1, 0.5), "[0.5, 1]", "hpo.Float(0.5, 1)"),
    ],
)
def test_two_numbers_that_elsewhere_are_a_range_are_choices_with_a_warning(pair, written, meant):
    with pytest.warns(UserWarning, match="parameter 'x'.*two choices") as caught:
        space = Space({"x": pair})
    assert space.parameters["x"] == Ordinal(sorted(pair))
    assert caught[0].filename == __file__
    assert written in str(caught[0].message)
    assert meant in str(caught[0].message)


@pytest.mark.parametrize("choices", [[0.1, 0.2], (0.1, 0.2, 0.3), ("a", "b"), (True, False)])
def test_other_lists_are_choices_without_one(choices, recwarn):
    Space({"x": choices})
    assert not recwarn


def test_scikit_learn_notation():
    space = Space(
        {
            "hidden": scipy.stats.randint(32, 256),
            "rate": scipy.stats.loguniform(1e-4, 1.0),
            "shift": scipy.stats.uniform(1, 2),
            "batch": [64, 32],
            "kind": ["b", "a"],
            "flag": [True, False],
            "array": np.array([0.1, 0.2]),
            "array of integers": np.array([64, 32]),
            "range": range(3),
            "mixed": [2, "auto", 1],
            "nested": [(2, 2), (1,)],
            "moved": scipy.stats.randint(0, 5, loc=10),
            "scaled": scipy.stats.loguniform(1, 10, scale=2),
            "in place": scipy.stats.loguniform(1, 10, 0),
            "by name": scipy.stats.reciprocal(a=1, b=10, loc=0),
        }
    )
    assert space.parameters == {
        "hidden": Int(32, 255),
        "rate": Float(1e-4, 1.0, log=True),
        "shift": Float(1.0, 3.0),
        "batch": Ordinal([32, 64]),
        "kind": Categorical(["b", "a"]),
        "flag": Categorical([True, False]),
        "array": Ordinal([0.1, 0.2]),
        "array of integers": Ordinal([32, 64]),
        "range": Ordinal([0, 1, 2]),
        "mixed": Categorical([2, "auto", 1]),
        "nested": Categorical([(2, 2), (1,)]),
        "moved": Int(10, 14),
        "scaled": Float(2.0, 20.0, log=True),
        "in place": Float(1.0, 10.0, log=True),
        "by name": Float(1.0, 10.0, log=True),
    }


def test_numbers_among_which_is_a_nan_have_no_order():
    assert type(Space({"missing": [2, float("nan"), 1]}).parameters["missing"]) is Categorical


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


def test_constraints_leave_as_many_points_as_asked_for_and_change_none():
    def clears(params):
        return params.pop("x") < 0.7

    space = Space({"x": Float(0, 1)}, constraints=[clears])
    for n in (1, 7, 100):
        U = space.sample(n, np.random.default_rng(n))
        assert U.shape == (n, 1)
        assert (U < 0.7).all()
    params = {"x": 0.5}
    assert space.canonical(params) == params == {"x": 0.5}


def test_a_few_points_that_satisfy_the_constraints_are_enough_to_go_on(monkeypatch):
    monkeypatch.setattr("hpo.space.space.MAX_REJECTIONS", 64)
    space = Space({"x": Float(0, 1)}, constraints=[lambda p: p["x"] < 0.1])
    assert space.sample(40, np.random.default_rng(0)).shape == (40, 1)


def test_a_truth_value_is_no_number_among_the_choices():
    space = Space({"c": Categorical([True, 1, "1", None])})
    for i, choice in enumerate([True, 1, "1", None]):
        assert space.canonical({"c": choice})["c"] is choice
        assert space.decode(space.encode([{"c": choice}]))[0]["c"] is choice
        assert space.parameters["c"].number(choice) == i


def test_ten_thousand_choices_are_no_burden():
    names = [f"c{i}" for i in range(10_000)]
    start = time.process_time()
    space = Space({"c": Categorical(names), "x": Float(0, 1, when={"c": names[:5000]})})
    listed = space.canonical({"c": "c9999"}), space.decode(space.encode([{"c": c} for c in names[5000:]]))
    assert time.process_time() - start < 5  # the tenth of a second, not half a minute
    assert listed == ({"c": "c9999"}, [{"c": c} for c in names[5000:]])


def test_choices_are_found_by_value_whether_they_have_a_hash_or_not():
    choices = [[1], frozenset({1}), 1, True, (1,), {"a": [1]}, float("nan"), None, np.arange(2), np.arange(3)]
    parameter = Categorical(choices)
    assert [parameter.number(copy.deepcopy(c)) for c in choices] == list(range(len(choices)))
    assert parameter.number({1}) == 1  # equal to the frozen one
    assert parameter.number(1.0) == 2
    assert parameter.number(float("nan")) == 6
    assert pickle.loads(pickle.dumps(parameter)).number([1]) == 0
    for other in ([True], 2, "1", (2,), (True,), False, [0, 1], [1, 2], [], {"b": [1]}, {}):
        with pytest.raises(ValueError, match="must be one of"):
            parameter.number(other)
    for twice in (
        [[1], [1]],
        [{1}, frozenset({1})],
        [float("nan")] * 2,
        [np.arange(2), np.arange(2)],
        [1, 1.0],
    ):
        with pytest.raises(SpaceError, match="twice"):
            Categorical(twice)


def test_choices_that_cannot_be_compared_are_found_by_identity():
    tables = [pd.DataFrame({"a": [i]}) for i in range(3)]
    assert [Categorical(tables).number(table) for table in tables] == [0, 1, 2]


def test_choices_within_choices_are_found_by_value():
    nan = float("nan")
    choices = [(np.arange(2), 1), (np.arange(3), 1), (nan, 1), (1, nan), np.array([nan, 1.0]), (True,), (1,)]
    parameter = Categorical(choices)
    for copied in (copy.deepcopy(choices), pickle.loads(pickle.dumps(choices))):
        assert [parameter.number(c) for c in copied] == list(range(len(choices)))
    for other in ((np.arange(2), 2), np.array([nan, 2.0]), np.array([[nan, 1.0]]), [True]):
        with pytest.raises(ValueError, match="must be one of"):
            parameter.number(other)


def test_a_needle_in_a_finite_space_is_found():
    space = Space(
        {f"i{j}": Int(0, 9) for j in range(5)}, constraints=[lambda p: all(v == 7 for v in p.values())]
    )
    assert space.decode(space.sample(2, np.random.default_rng(0))) == [{f"i{j}": 7 for j in range(5)}] * 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 0), "low=1"),
        (lambda: Float(0, float("inf")), "high=inf"),
        (lambda: Float(0, 1, log=True), "low=0"),
        (lambda: Float(0, 1, step=-1), "step=-1"),
        (lambda: Float(0, 1, step=0), "step=0: must be greater than 0"),
        (lambda: Int(0, 9, step=0), "step=0: must be at least 1"),
        (lambda: Int(1, 9, log=True, step=2), "step=2: an Int with log=True takes no step"),
        (lambda: Categorical({"a": 1, "b": 2}), r"choices=\{'a': 1, 'b': 2\}: must be a list"),
        (lambda: Float(1, 2, log=True, step=0.1), "step=0.1"),
        (lambda: Float(0, 1, step=1e-16), "step=1e-16: too fine"),
        (lambda: Int(0, 1.5), "high=1.5"),
        (lambda: Int(0, 10**400), "high="),
        (lambda: Int(0, "9"), "high='9'"),
        (lambda: Categorical([]), "choices"),
        (lambda: Categorical("abc"), "choices='abc'"),
        (lambda: Categorical(["a", "a"]), "twice"),
        (lambda: Space({}), "at least one parameter"),
        (lambda: Space({"x": 3}), "parameter 'x'"),
        (
            lambda: Space({"x": scipy.stats.norm()}),
            "parameter 'x': distribution norm.* is not known; allowed: hpo.Float",
        ),
        (
            lambda: Space({"x": scipy.stats.randint(0, 2**60)}),
            "parameter 'x': high=1152921504606846975: must",
        ),
        (lambda: Space({"x": scipy.stats.loguniform(1, 9, loc=1)}), r"loguniform\(1, 9\).* is not known"),
        (lambda: Space({"x": scipy.stats.loguniform(1, 9, 1)}), r"loguniform\(1, 9, 1\).* is not known"),
        (lambda: Space({"x": Float(0, 1, when={"y": 1})}), "'y', not in the space"),
        (lambda: Space({"x": Float(0, 1, when={"y": 3}), "y": Int(0, 2)}), "from 0 to 2"),
        (lambda: Space({"x": Int(0, 1, when={"y": 1}), "y": Int(0, 1, when={"x": 1})}), "circle"),
        (lambda: Space({"x": Int(0, 1, when={"y": 0.5}), "y": Float(0, 1)}), "'y' is continuous"),
        (
            lambda: Space({"x": [1, 2], "y": Int(0, 1, when={"x": (1, 3)})}),
            r"when 'x' is 3: must be one of \[1, 2\]",
        ),
        (lambda: Float(1, 2, log="yes"), "log='yes'"),
        (lambda: Space({"x": [1, 2, 2]}), r"parameter 'x': choices=\[1, 2, 2\]: 2 stands there twice"),
        (lambda: Space({"x": scipy.stats.randint(5, 5)}), r"parameter 'x': distribution randint\(5, 5\)"),
        (lambda: Space({"x": scipy.stats.uniform(2, -1)}), r"uniform\(2, -1\) has no values; check its arg"),
        (lambda: Space({"x": scipy.stats.loguniform(a=9, b=1)}), r"loguniform\(\){'a': 9, 'b': 1} has no"),
        (
            lambda: Space({"x": scipy.stats.uniform([0, 1], 2)}),
            r"parameter 'x': distribution uniform\(\[0, 1\], 2\) is several; its arguments must be numbers",
        ),
        (lambda: Space({"x": scipy.stats.uniform(0, [2])}), r"distribution uniform\(0, \[2\]\) is several"),
        (
            lambda: Space({"x": np.array(3)}),
            "parameter 'x': 3 is not a parameter; allowed: hpo.Float, .*loguniform",
        ),
        (
            lambda: Space({"x": types.MappingProxyType({"a": 1})}),
            "parameter 'x': mappingproxy.*a list of values",
        ),
        (lambda: Space({"x": "abc"}), "parameter 'x': 'abc' is not a parameter"),
        (lambda: Space({"x": b"abc"}), "parameter 'x': b'abc' is not a parameter"),
        (lambda: Space({"x": {"a": 1}}), "parameter 'x': {'a': 1} is not a parameter"),
        (lambda: Space({"x": frozenset({1})}), "parameter 'x': frozenset.* is not a parameter"),
        (
            lambda: Space({"x": scipy.stats.uniform}),
            "parameter 'x': .* is not a parameter; .* a frozen scipy.stats",
        ),
        (lambda: Space({"x": []}), r"parameter 'x': choices=\[\]: must hold at least one value"),
        (lambda: Space({"x": [1, 2]}, constraints=lambda p: True), "constraints=.*must be a list"),
        (lambda: Space({"x": {"a", "b"}}), "parameter 'x'.*a list of values"),
        (lambda: Ordinal({1, 2}), "choices=.*must be a list"),
        (lambda: Space({"x": [1, 2]}, constraints=None), "constraints=None"),
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
        ({"n": 1.5, "kind": "b"}, "'n'=1.5: must be a whole number from 1 to 3$"),
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


@pytest.mark.parametrize("answer", [None, -0.5, 1, "no", np.array([True, False])])
def test_a_constraint_that_answers_neither_true_nor_false_is_refused(answer):
    space = Space({"x": Float(0, 1)}, constraints=[lambda p: answer])
    with pytest.raises(SpaceError, match=r"'<lambda>' returned .* on .*'x': 0\.5.*: must be True or False"):
        space.canonical({"x": 0.5})


def test_a_truth_value_of_numpy_is_an_answer_of_a_constraint():
    space = Space({"x": Float(0, 1)}, constraints=[lambda p: np.float64(p["x"]) < 0.5])
    assert [space.allows({"x": x}) for x in (0.25, 0.75)] == [True, False]


def test_arrays_without_dimensions_are_values():
    space = Space({"x": Float(0, 1), "n": Int(1, 3), "on": Categorical([False, True])})
    params = space.canonical({"x": np.array(0.5), "n": np.array(2), "on": np.array(True)})
    assert repr(params) == repr({"x": 0.5, "n": 2, "on": True})


def test_a_masked_value_is_none():
    # As scikit-learn's cv_results_ has where a configuration lacks a parameter.
    space = Space({"x": Float(-1, 1), "n": Int(0, 3), "level": Ordinal([0.0, 1.0])})
    for name in space.names:
        with pytest.raises(SpaceError, match=f"parameter '{name}'=masked: must be"):
            space.canonical({"x": 0.5, "n": 2, "level": 1.0, name: np.ma.masked})


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Float(0, 1, step=0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (Float(0, 1, step=0.3), [0.0, 0.3, 0.6, 0.9]),
        (Float(0, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3]),  # three times 0.1 is an ulp above
        (Float(0, 1, step=1 / 3), [0.0, 1 / 3, 2 / 3, 1.0]),
        (Float(1000.0001, 1000.0003, step=1e-4), [1000.0001, 1000.0002, 1000.0003]),
        (Float(1e15, 1e15 + 1, step=0.5), [1e15, 1e15 + 0.5, 1e15 + 1]),
        (Float(0, 3e-21, step=1e-21), [0.0, 1e-21, 2e-21, 3e-21]),
        (Float(-0.5, 0.2, step=0.35), [-0.5, -0.15, 0.2]),
        (Float(-4676.03, -4676.029995, step=5e-6), [-4676.03, -4676.029995]),
        (Float(245352291.3, 245352291.9, step=0.3), [245352291.3, 245352291.6, 245352291.9]),
        (Int(0, 10, step=4), [0, 4, 8]),
    ],
)
def test_stepped_values_are_as_one_would_write_them(parameter, values):
    # Alone, beside another kind, and as the parent of a condition on each of them.
    for others in ({}, {"kind": Categorical(["a"])}, {"child": Int(1, 2, when={"x": values[1:]})}):
        space = Space({"x": parameter, **others})
        listed = space.decode(space.enumerate(100))
        assert sorted({p["x"] for p in listed}) == values
        assert all(("child" in p) == ("child" in others and p["x"] != values[0]) for p in listed)
        for value in values:
            params = {"x": value, **({"kind": "a"} if "kind" in others else {})}
            if "child" in others and value != values[0]:
                params["child"] = 2
            assert space.canonical(params) == params
            assert space.decode(space.encode([params])) == [params]


def test_stepped_values_do_not_depend_on_how_the_caller_uses_decimals():
    space = Space({"x": Float(1000.0001, 1000.0003, step=1e-4)})
    with decimal.localcontext(decimal.Context(prec=4, traps=[decimal.Inexact])):
        values = [params["x"] for params in space.decode(space.enumerate(9))]
    assert values == [1000.0001, 1000.0002, 1000.0003]


@pytest.mark.parametrize(
    "parameter",
    [
        Float(0, 1e6, step=1e-5),
        Float(1.6e9, 1.7e9, step=0.01),
        Float(-1, 1, step=1e-12),
        Float(0, 1, step=1e-15),
        Float(1e15, 1e15 + 64, step=0.3),
    ],
)
def test_however_fine_the_steps_what_is_drawn_is_a_value(parameter):
    space = Space({"x": parameter})
    for params in [*space.decode(np.random.default_rng(0).random((200, 1))), {"x": parameter.last}]:
        assert parameter.low <= params["x"] <= parameter.high
        assert space.canonical(params)["x"] == pytest.approx(params["x"], rel=1e-15)


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        (Float(1e10, np.nextafter(1e10, 2e10), log=True), None),
        (Float(1e10, 1e10 * (1 + 1e-13), log=True), 1e10 * (1 + 5e-14)),
        (Int(2**53 - 1, 2**53, log=True), None),
        (Int(2**53 - 1000, 2**53, log=True), 2**53 - 500),
        (Float(0, 5e-324), None),
        (Float(-5e-324, 5e-324), 0.0),
        (Float(0, 2e-323, step=5e-324), 1e-323),
    ],
)
def test_between_neighbouring_floats_all_that_there_is_can_be_reached(parameter, middle):
    space = Space({"x": parameter})
    ends = [params["x"] for params in space.decode(np.array([[0.0], [1.0]]))]
    assert ends == [parameter.low, parameter.high]
    for value in {*ends, *([] if middle is None else [middle])}:
        U = space.encode([{"x": value}])
        assert not np.isnan(U).any()
        assert space.decode(U) == [{"x": value}]


@pytest.mark.parametrize("parameter", [Float(0, 1, step=0.1), Float(1.6e9, 1.7e9, step=0.01)])
def test_what_lies_between_two_steps_is_refused(parameter):
    for off in (0.5, 0.001):
        with pytest.raises(SpaceError, match="in steps of"):
            Space({"x": parameter}).canonical({"x": parameter.low + off * parameter.step})


@pytest.mark.parametrize("between", [4, 5.5, 12])
def test_whole_numbers_between_two_steps_are_refused(between):
    with pytest.raises(SpaceError, match=f"'n'={between}: must be a whole number from 2 to 12 in steps of 3"):
        Space({"n": Int(2, 12, step=3)}).canonical({"n": between})


def test_a_range_of_one_number_is_one_configuration():
    space = Space(
        {"x": Float(0.5, 0.5), "y": Float(1, 1, log=True), "z": Float(2, 2, step=0.1), "n": Int(1, 2)}
    )
    constants = {"x": 0.5, "y": 1.0, "z": 2.0}
    assert space.size == 2
    assert space.decode(space.enumerate(2)) == [{**constants, "n": 1}, {**constants, "n": 2}]


def test_a_parameter_of_numpys_numbers_is_one_of_pythons():
    given = (
        Float(np.float64(0), np.int64(1), step=np.float32(0.5)),
        Int(np.int8(1), np.float64(9), step=np.int64(2)),
    )
    assert repr(given) == repr((Float(0.0, 1.0, step=0.5), Int(1, 9, step=2)))


def test_levels_are_spread_and_hold_both_ends():
    space = Space(
        {"r": Float(1e-4, 1, log=True), "n": Int(1, 100), "k": Categorical("abc"[i] for i in range(3))}
    )
    rates = [
        Space({"r": space.parameters["r"]}).decode(u[None])[0]["r"] for u in space.levels("r", 5)[:, None]
    ]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert space.levels("r", 1).tolist() == [0.5]
    assert space.levels("r", 2).tolist() == [0.0, 1.0]
    assert len(space.levels("n", 7)) == 7
    assert space.levels("k", 99).tolist() == pytest.approx([1 / 6, 3 / 6, 5 / 6])


def test_the_conditions_of_a_set_have_one_order_in_every_process():
    assert Int(0, 1, when={"k": {"c", "a", "b"}}).when == {"k": ("a", "b", "c")}
    assert Int(0, 1, when={"k": ("b", "a")}).when == {"k": ("b", "a")}


def test_the_size_of_a_huge_space_overflows_quietly():
    assert Space({f"i{j}": Int(0, 2**53) for j in range(50)}).size == np.inf


def test_the_upper_end_of_the_cube_is_the_last_step_to_the_bit():
    parent = Float(4.1, 4.475, step=1 / 3)  # its last value, as written, is an ulp above 4.1 + 1/3
    space = Space({"p": parent, "child": Float(0, 1, when={"p": parent.last})})
    for u in (0.75, 1.0):
        (params,) = space.decode(np.array([[u, 0.5]]))
        assert params == {"p": parent.last, "child": 0.5}
        assert space.canonical(params) == params


@settings(max_examples=200, deadline=None)
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
def test_the_codec_of_any_space_goes_there_and_back(space, seed):
    drawn = np.random.default_rng(seed).random((20, len(space)))
    drawn[0], drawn[1] = 0.0, 1.0
    U = space.snap(drawn)
    configurations = space.decode(drawn)
    assert ((U >= 0) & (U <= 1) | np.isnan(U)).all()
    np.testing.assert_array_equal(np.isnan(U), ~space.active(drawn))
    np.testing.assert_allclose(space.encode(configurations), U, rtol=0, atol=1e-9)
    for params, again in zip(configurations, space.decode(U)):
        assert space.canonical(params) == params
        assert params.keys() == again.keys()
        for name, value in params.items():
            assert type(value) in (int, float, str)
            is_free = isinstance(value, float) and space.parameters[name].step is None
            assert again[name] == (pytest.approx(value, rel=1e-9, abs=1e-9) if is_free else value)


@settings(max_examples=100, deadline=None)
@given(space=spaces())
def test_a_finite_space_is_listed_whole_at_the_points_that_it_encodes(space):
    listed = space.enumerate(5000)
    if listed is None:
        assert space.size > 5000
        return
    np.testing.assert_allclose(listed, space.snap(np.nan_to_num(listed)), rtol=0, atol=1e-12)
    assert len({*space.keys(listed)}) == len(listed)
    if all(parameter.when is None for parameter in space.parameters.values()):
        assert len(listed) == space.size


def test_a_space_of_just_as_many_configurations_as_the_limit_is_listed():
    space = Space({"i": Int(0, 2), "j": Int(0, 1, when={"i": 1})})
    assert len(space.enumerate(4)) == 4
    assert space.enumerate(3) is None


def test_a_last_step_that_is_a_hair_short_is_listed_where_it_is_encoded():
    space = Space({"x": Float(0.0, 1.0 - 4e-10, step=0.5)})
    listed = space.enumerate(3)
    assert space.keys(listed) == space.keys(space.encode(space.decode(listed)))


def test_the_key_of_a_point_is_the_same_in_spite_of_rounding():
    one, other, third = Space.keys(np.array([[0.3, 0.0], [np.nextafter(0.3, 1), -0.0], [0.3, 1e-9]]))
    assert one == other != third


@given(
    low=st.floats(-1e300, 1e300),
    width=st.floats(0, 1e300),
    u=st.floats(0, 1),
)
def test_any_float_range_stays_in_bounds(low, width, u):
    space = Space({"x": Float(low, low + width)})
    (params,) = space.decode(np.array([[u]]))
    assert low <= params["x"] <= low + width


def test_categoricals_with_the_same_choices_are_alike():
    space = Space(
        {
            "a": ["x", "y"],
            "flag": [True, False],
            "b": Categorical(["x", "y"]),
            "bit": Categorical([1, 0]),
            "order": Ordinal([1, 2]),
            "same": Ordinal([1, 2]),
            "c": Categorical(["x", "y"], when={"flag": True}),
            "turned": Categorical(["y", "x"]),
        }
    )
    assert space.alike == ((0, 2, 6),)
    assert Space({"x": Float(0, 1)}).alike == ()


@pytest.mark.parametrize(
    ("configurations", "message"),
    [
        ([{"x": 0.5}, {"x": 9}], "parameter 'x'=9: must be a number from 0.0 to 1.0"),
        ({"x": 0.5}, "params='x': must be a dict of parameter values"),
    ],
)
def test_what_cannot_be_encoded_is_named(configurations, message):
    with pytest.raises(SpaceError, match=message):
        Space({"x": Float(0, 1)}).encode(iter(configurations))


def test_conditions_are_looked_at_together_and_hold_as_each_by_itself():
    """Several parents, several values, one condition of many parameters, and what is not there itself."""
    parameters = {f"c{i}": Categorical([0, 1, 2]) for i in range(6)}
    parameters |= {f"n{i}": Int(0, 6, step=2, when={f"c{i}": [0, 2], "c0": [0, 1]}) for i in range(1, 6)}
    parameters |= {f"f{i}": Float(0.0, 1.0, when={"n1": [2, 4]}) for i in range(5)}
    parameters |= {"last": Float(0.0, 1.0, when={"n2": [0, 2, 6], "n1": 4, "c5": 1})}
    names = list(parameters)
    for order in (names, names[::-1], sorted(names)):
        space = Space({name: parameters[name] for name in order})
        seen = set()
        for params in space.decode(np.random.default_rng(0).random((1000, len(space)))):
            for name, parameter in parameters.items():
                holds = all(params.get(parent) in values for parent, values in (parameter.when or {}).items())
                assert (name in params) == holds
                seen.add((name, holds))
            assert space.canonical(params) == params
        assert seen >= {(name, True) for name in names} | {(name, False) for name in names[6:]}
        assert len(space._codec._activity._levels) == 2  # however many conditions there are in each
