"""Spaces, tells and names that nobody would write."""

from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hpo
from hpo.cli import main
from tests.faults.scale import faults, times
from tests.test_model import EXAMPLES, StudyModel

pytestmark = faults
NUMBER = st.one_of(
    st.floats(),
    st.integers(-(2**60), 2**60),
    st.sampled_from([0, 1, -1, 1e-300, 1e308, None, "1", True, 2.5]),
)
CHOICE = st.one_of(
    st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none(), st.lists(st.none())
)


def _when(names):
    return st.none() | st.dictionaries(st.sampled_from([*names, "nowhere"]), CHOICE, max_size=2)


@st.composite
def descriptions(draw):
    names = draw(st.lists(st.text(max_size=4), max_size=5, unique=True))
    when = _when(names)
    numeric = {"low": NUMBER, "high": NUMBER, "log": st.booleans(), "step": st.none() | NUMBER, "when": when}
    kinds = [
        st.tuples(st.just(hpo.Float), st.fixed_dictionaries(numeric)),
        st.tuples(st.just(hpo.Int), st.fixed_dictionaries(numeric | {"step": NUMBER})),
        st.tuples(
            st.just(hpo.Ordinal),
            st.fixed_dictionaries({"choices": st.lists(CHOICE, max_size=4), "when": when}),
        ),
        st.tuples(
            st.just(hpo.Categorical),
            st.fixed_dictionaries({"choices": st.lists(CHOICE, max_size=4), "when": when}),
        ),
    ]
    return {name: draw(st.one_of(*kinds, st.lists(CHOICE, max_size=3))) for name in names}


@settings(max_examples=times(10_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(descriptions())
def test_any_description_is_a_space_or_a_typed_error(description):
    try:
        space = hpo.Space({
            name: made if isinstance(made, list) else made[0](**made[1]) for name, made in description.items()
        })  # fmt: skip
        points = space.sample(3, np.random.default_rng(0))
        for params in space.decode(points):
            assert space.canonical(params) == params or any(v != v for v in params.values())
        # Equal as far as `Space.keys` tells points apart: a long range costs the last bits.
        np.testing.assert_allclose(space.encode(space.decode(points)), points, rtol=0, atol=1e-12)
    except hpo.SpaceError as found:
        error = str(found)
    else:
        error = None
    assert error is None or _names_what_is_wrong(description, error), error


def _names_what_is_wrong(description, message):
    """Whether a message begins with a parameter; or what alone knows no name, its field; or a circle."""
    fields = {field for made in description.values() if not isinstance(made, list) for field in made[1]}
    circles = [", ".join(names) for n in range(1, 6) for names in combinations(description, n)]
    beginnings = [
        *(f"parameter {name!r}: " for name in description),
        *(f"{field}=" for field in fields),
        *(f"when: the conditions of {circle} depend" for circle in circles),
        *([] if description else ["space={}: "]),
    ]
    return any(message.startswith(beginning) for beginning in beginnings)


class Study(StudyModel):
    """Late, repeated and contradictory tells, interrupts and deaths, in far more orders."""


Study.TestCase.settings = settings(
    EXAMPLES, max_examples=times(200), stateful_step_count=50, derandomize=False
)
TestStudy = pytest.mark.faults(pytest.mark.filterwarnings("ignore:all 3 trials failed")(Study.TestCase))


NASTY = st.sampled_from(
    [
        "'; DROP TABLE trials;--",
        '"quoted" \\ back',
        "../../etc/passwd",
        "a/b:c*?",
        "<b>bold</b>",
        "[red]x[/red]",
        "[/]",
        "NUL \0 inside",
        "\U0001f600 \u202e right to left",
        "\ud800 alone",
        "line\nbreak\ttab",
        " ",
        "%s {0}",
    ]
)
NAME = NASTY | st.text(min_size=1)


@settings(max_examples=times(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(name=NAME, parameter=NAME, choice=NAME | st.just(""))
def test_any_name_is_stored_and_shown_literally(tmp_path_factory, name, parameter, choice):
    file = tmp_path_factory.mktemp("names") / "runs.db"
    study = hpo.Study({parameter: hpo.Categorical([choice, 1])}, storage=file, name=name, searcher="grid")
    study.optimize(lambda p: 0.0, 1, progress=False)
    study.tell(study.ask(), state="failed", reason=name)
    found = hpo.load_study(file, name)
    assert found.name == name
    assert [t.params for t in found.trials] == [t.params for t in study.trials]
    assert found.trials[1].reason == name
    shown = CliRunner(env={"COLUMNS": "100000"}).invoke(main, ["storage", "list", str(file)])
    assert repr(name) in shown.output
    assert [t.params for t in found.trials] == found.dataframe()[f"params_{parameter}"].map(
        lambda value: {parameter: value}
    ).tolist()
