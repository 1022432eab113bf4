"""Figures of a study show its trials, with every axis named and every name literal."""

import enum
import math
import subprocess
import sys

import numpy as np
import pytest

import hpo
from hpo import plots

SPACE = {
    "x<b>": hpo.Float(-1, 1),
    "lr": hpo.Float(1e-4, 1, log=True),
    "kind": ["sgd", "adam"],
    "momentum": hpo.Float(0, 0.99, when={"kind": "sgd"}),
}


def objective(params):
    if params["x<b>"] > 0.8:
        raise RuntimeError("too <far>")
    return params["x<b>"] ** 2 + 0.01 * params.get("momentum", 0)


@pytest.fixture(scope="module")
def study():
    return hpo.minimize(objective, SPACE, searcher="random", n_trials=30, seed=0, progress=False)


def test_history_has_every_complete_trial_and_its_best(study):
    dots, line = plots.history(study).data
    complete = [t for t in study.trials if t.state == "complete"]
    assert list(dots.x) == [t.number for t in complete]
    assert [text.split("<br>")[:2] for text in dots.text] == [
        [f"trial {t.number}: complete", f"value {t.value:.6g}"] for t in complete
    ]
    assert list(line.x) == list(dots.x)
    assert line.y[-1] == study.best_value
    assert np.all(np.diff(line.y) <= 0)


def test_every_axis_is_named(study):
    titles = {
        plots.history: ("trial number", "objective value"),
        plots.timeline: ("time since the first trial began (s)", "trial number"),
    }
    for draw, named in titles.items():
        layout = draw(study).layout
        assert (layout.xaxis.title.text, layout.yaxis.title.text) == named


def test_hovering_over_a_trial_tells_what_it_was(study):
    bars = plots.timeline(study).data
    texts = {number: text for bar in bars for number, text in zip(bar.y, bar.text)}
    for trial in study.trials:
        first, *others = texts[trial.number].split("<br>")
        assert first == f"trial {trial.number}: {trial.state}"
        assert f"x&lt;b&gt; = {trial.params['x<b>']:.4g}" in others
        told = "RuntimeError: too &lt;far&gt;" if trial.value is None else f"value {trial.value:.6g}"
        assert any(line.startswith(told) for line in others)


def test_hovering_shows_choices_as_they_stand_and_the_beginning_of_a_traceback():
    study = hpo.Study({"kind": ["<b>", "a"]}, searcher="random")
    study.enqueue({"kind": "<b>"})
    study.tell(study.ask(), state="failed", reason="x" * 1000)
    study.add_trial({"kind": "<b>"}, 1.0)
    (bar,) = plots.timeline(study).data
    assert bar.text[0].split("<br>")[1:] == ["kind = &lt;b&gt;", "x" * 200]


def test_the_best_so_far_of_what_is_maximised_goes_up():
    found = hpo.maximize(
        lambda p: p["x"], {"x": hpo.Float(0, 1)}, searcher="random", n_trials=9, seed=0, progress=False
    )
    dots, line = plots.history(found).data
    assert line.y[-1] == max(dots.y)
    assert np.all(np.diff(line.y) >= 0)
    assert not plots.parallel_coordinates(found).data[0].line.reversescale  # the best is bright


def test_slices_have_a_named_panel_a_parameter(study):
    figure = plots.slices(study)
    titles = [figure.layout[f"xaxis{i or ''}"].title.text for i in ("", 2, 3, 4)]
    assert titles == ["x&lt;b&gt;", "lr", "kind", "momentum"]
    assert figure.layout.xaxis2.type == "log"
    assert figure.layout.yaxis2.matches == figure.layout.yaxis3.matches == "y"  # comparable across a row
    complete = [t for t in study.trials if t.state == "complete"]
    for panel, name in zip(figure.data, ("x<b>", "lr", "kind", "momentum")):
        assert list(zip(panel.x, panel.y)) == [
            (t.params[name], t.value) for t in complete if name in t.params
        ]
    assert plots.slices(many(1)).layout.xaxis.domain == (0, 1)  # one panel has all of the width


def test_slices_have_as_many_columns_as_are_asked_for():
    figure = plots.slices(many(40), columns=40)
    starts = [figure.layout[f"xaxis{i or ''}"].domain[0] for i in ("", *range(2, 41))]
    assert starts == sorted(set(starts))  # side by side
    assert len({figure.layout[f"yaxis{i or ''}"].domain for i in ("", *range(2, 41))}) == 1


def test_one_bar_of_colours_is_that_of_all_slices(study):
    figure = plots.slices(study)
    assert figure.layout.coloraxis.colorbar.title.text == "trial number"
    assert {panel.marker.coloraxis for panel in figure.data} == {"coloraxis"}
    momentum = [t.number for t in study.trials if t.state == "complete" and "momentum" in t.params]
    assert list(figure.data[3].marker.color) == momentum


def test_importance_finds_what_matters(study):
    figure = plots.importance(study)
    assert figure.layout.xaxis.title.text == "share of the explained variation (%)"
    bars = figure.data[0]
    assert bars.y[-1] == "x&lt;b&gt;"
    assert sum(bars.x) == pytest.approx(100)
    assert list(bars.text) == [f"{share:.0f}%" for share in bars.x]
    assert min(bars.x) >= 0


def test_nothing_explains_values_that_are_all_the_same():
    found = hpo.minimize(lambda p: 1.0, {"x": hpo.Float(0, 1)}, searcher="random", n_trials=4, progress=False)
    assert list(plots.importance(found).data[0].x) == [0]


def test_importance_has_a_row_a_name_whatever_it_looks_like():
    space = {name: hpo.Float(0, 1) for name in ("8", "100", "a parameter with a name of very many words")}
    found = hpo.minimize(
        lambda p: p["8"] + p["100"] / 2, space, searcher="random", n_trials=30, seed=0, progress=False
    )
    figure = plots.importance(found)
    assert figure.layout.yaxis.type == "category"
    assert list(figure.layout.yaxis.tickvals) == list(figure.data[0].y)
    assert set(figure.data[0].y) == set(space)
    assert list(figure.layout.yaxis.ticktext[1:]) == ["100", "8"]
    assert max(map(len, figure.layout.yaxis.ticktext[0].split("<br>"))) <= 24


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [2.0**1023, 2.0**-1000])
def test_importance_has_no_scale(scale):
    space = {"x": hpo.Float(-1, 1), "y": hpo.Float(-1, 1)}
    shares = [
        plots.importance(
            hpo.minimize(
                lambda p, c=c: c * p["x"], space, searcher="random", n_trials=30, seed=0, progress=False
            )
        ).data[0]
        for c in (1.0, scale)
    ]
    assert list(shares[1].x) == pytest.approx(list(shares[0].x))
    assert shares[0].x[-1] > 90


def test_parallel_coordinates_show_absent_parameters(study):
    lines = plots.parallel_coordinates(study).data[0]
    dimensions = lines.dimensions
    assert lines.line.reversescale  # the best is bright
    assert [axis.label for axis in dimensions] == ["x&lt;b&gt;", "lr", "kind", "momentum", "value"]
    assert "absent" in dimensions[3].ticktext
    assert list(dimensions[2].ticktext) == ["sgd", "adam"]
    places, foot = dimensions[3]["values"], dimensions[3].tickvals[0]
    absent = ["momentum" not in t.params for t in study.trials if t.state == "complete"]
    assert [place == foot for place in places] == absent
    assert min(places) == dimensions[3].range[0] == foot < 0


def test_ticks_of_a_log_scale_are_powers_of_ten_and_long_names_have_two_lines():
    space = {
        "gradient_boosting__learning_rate_of_all": hpo.Float(1e-3, 1e3, log=True),
        "n": hpo.Int(3, 2000, log=True),
        "narrow": hpo.Float(2, 400, log=True),
        "learning rate of all": hpo.Float(math.nextafter(1, 2), 1000, log=True),
        "share": hpo.Float(0.001, math.nextafter(1, 0), log=True),
    }
    study = hpo.minimize(lambda p: p["n"], space, searcher="random", n_trials=4, seed=0, progress=False)
    rate, n, narrow, above, below, _ = plots.parallel_coordinates(study).data[0].dimensions
    assert list(rate.ticktext) == ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]
    assert list(n.ticktext) == ["10", "100", "1000"]
    assert list(narrow.ticktext) == ["2", "10", "100", "400"]
    assert list(above.ticktext) == ["1", "10", "100", "1000"]  # though an end is a hair's breadth within
    assert list(below.ticktext) == ["0.001", "0.01", "0.1", "1"]
    assert np.allclose(rate.tickvals, np.linspace(0, 1, 7))
    assert rate.label == "gradient_boostin<br>…ing_rate_of_all"
    assert above.label == "learning rate of<br>all"
    layout = plots.slices(study, columns=1).layout
    assert layout.xaxis.title.text.count("<br>") == 1
    assert layout.yaxis3.title.text == "objective value"  # a row each


def test_ticks_of_parallel_coordinates_stand_where_their_values_are():
    space = {"few": hpo.Int(3, 9, log=True), "some": hpo.Int(1, 9), "many": hpo.Int(1, 50, log=True)}
    found = hpo.minimize(lambda p: p["few"], space, searcher="random", n_trials=30, seed=0, progress=False)
    for name, axis in zip(space, plots.parallel_coordinates(found).data[0].dimensions):
        ticks = dict(zip(axis.ticktext, axis.tickvals))
        for trial, place in zip(found.trials, axis["values"]):
            label = str(trial.params[name])
            assert ticks.get(label, place) == place
            assert label in ticks or name != "few"


def test_labels_of_different_values_differ_and_are_what_users_wrote():
    choices = [1, "1", "<b>", "a choice with so long a name that it hides the plot"]
    alike = [f"a kernel number {a} {10 * 'with '}{b} with words" for a, b in [(1, 1), (1, 2), (2, 1)]]
    space = {"kind": choices, "narrow": hpo.Float(1000, 1000.4), "alike": alike}
    found = hpo.minimize(lambda p: 1.0, space, searcher="random", n_trials=9, seed=0, progress=False)
    figure = plots.parallel_coordinates(found)
    kind, narrow, differ = figure.data[0].dimensions[:3]
    assert list(kind.ticktext) == ["1", "'1'", "<b>", "a choice… the plot"]
    assert figure.layout.margin.l > 6 * 18  # room for them beside the first axis
    assert list(differ.ticktext) == alike  # neither their ends nor one part tells them apart
    assert list(narrow.ticktext) == ["1000.0", "1000.1", "1000.2", "1000.3", "1000.4"]


class Rate(float, enum.Enum):
    SLOW = 0.1
    FAST = 0.5


def test_choices_that_are_numbers_with_a_name_have_it():
    found = hpo.Study({"rate": list(Rate)}, searcher="random")
    found.add_trial({"rate": Rate.FAST}, 1.0)
    assert plots.parallel_coordinates(found).data[0].dimensions[0].ticktext == ("Rate.SLOW", "Rate.FAST")
    assert list(plots.slices(found).data[0].x) == ["Rate.FAST"]
    assert plots.history(found).data[0].text[0].endswith("<br>rate = Rate.FAST")


def test_names_that_differ_in_the_middle_are_clipped_there():
    names = [f"a very long name of kernel number {i} with a lot of words" for i in range(3)]
    found = hpo.minimize(lambda p: 1.0, {"k": names}, searcher="random", n_trials=3, seed=0, progress=False)
    labels = list(plots.slices(found).layout.xaxis.categoryarray)
    assert labels == [f"…l number {i} with…" for i in range(3)]


def test_slices_mark_whole_numbers_of_whole_numbers():
    space = {"n": hpo.Int(1, 4), "wide": hpo.Int(0, 20), "eight": hpo.Int(1, 8)}
    found = hpo.Study(space, searcher="random", seed=0)
    found.add_trial({"n": 3, "wide": 9, "eight": 8}, 1.0)
    layout = plots.slices(found).layout
    few, wide, eight = layout.xaxis, layout.xaxis2, layout.xaxis3
    assert few.tickvals == (1, 2, 3, 4)
    assert eight.tickvals == tuple(range(1, 9))
    assert len(plots.parallel_coordinates(found).data[0].dimensions[2].tickvals) == 8
    assert few.range == pytest.approx((0.85, 4.15))
    assert wide.range == (-1, 21)


def test_slices_name_every_choice_and_mark_every_log_scale():
    space = {
        "kind": hpo.Categorical([1, "1", "&lt;", "a choice with so long a name that it hides the plot"]),
        "within a decade": hpo.Float(2e-3, 8e-3, log=True),
        "all there is": hpo.Float(1e-320, 1e300, log=True),
        "constant": hpo.Float(5, 5, log=True),
    }
    found = hpo.minimize(lambda p: 1.0, space, searcher="random", n_trials=30, seed=0, progress=False)
    figure = plots.slices(found)
    order = ["1", "'1'", "&amp;lt;", "a choice… the plot"]
    assert list(figure.layout.xaxis.categoryarray) == order
    assert set(figure.data[0].x) == set(order)
    for i, name in enumerate(list(space)[1:], 2):
        axis = figure.layout[f"xaxis{i}"]
        low, high = axis.range
        assert low < np.log10(space[name].low)
        assert high > np.log10(space[name].high)
        assert 1 <= len(axis.ticktext) <= 5
        assert all(low < np.log10(x) < high for x in axis.tickvals)
    assert list(figure.layout.xaxis2.ticktext) == ["0.002", "0.008"]


@pytest.mark.parametrize(("lowest", "kind"), [(1.0, "log"), (-1.0, None), (0.0, None)])
def test_values_that_span_decades_are_on_a_log_scale(lowest, kind):
    def diverging(params):
        return lowest if params["x"] < 0.1 else 1e20 if params["x"] > 0.9 else 1 + params["x"]

    found = hpo.minimize(
        diverging, {"x": hpo.Float(0, 1)}, searcher="random", n_trials=60, seed=0, progress=False
    )
    assert plots.history(found).layout.yaxis.type == kind
    assert plots.slices(found).layout.yaxis.type == kind
    lines = plots.parallel_coordinates(found).data[0]
    last, values = lines.dimensions[-1], [t.value for t in found.trials]
    np.testing.assert_array_equal(lines.line.color, last["values"])
    assert lines.line.colorbar.ticktext == last.ticktext
    if kind is None:
        assert list(last["values"]) == values
    else:
        assert last["values"] == pytest.approx(np.log10(values) / 20)
        assert dict(zip(last.ticktext, last.tickvals))["1e+12"] == pytest.approx(0.6)


@pytest.mark.parametrize(("highest", "kind"), [(999.0, None), (1001.0, "log")])
def test_values_of_three_decades_are_on_a_log_scale(highest, kind):
    found = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random")
    for value in (1.0, highest):
        found.add_trial({"x": 0.5}, value)
    assert plots.history(found).layout.yaxis.type == kind


def test_names_of_choices_have_room_below_their_row_and_nowhere_else():
    choices, number = hpo.Categorical(["a", "eighteen_letters__"]), hpo.Float(0, 1)
    heights = []
    for space in ({"x": number, "y": number}, {"x": number, "k": choices}, {"k": choices, "x": number}):
        found = hpo.minimize(lambda p: 1.0, space, searcher="random", n_trials=1, progress=False)
        heights.append(plots.slices(found, columns=1).layout.height)
    assert heights[0] == heights[1] < heights[2] - 100


def many(n):
    space = {f"x{i}": hpo.Float(0, 1) for i in range(n)}
    return hpo.minimize(lambda p: p["x0"], space, searcher="random", n_trials=3, progress=False)


@pytest.mark.parametrize("n", [1, 10, 59])
def test_parallel_coordinates_have_a_line_and_room_for_every_parameter(n):
    found = many(n)
    figure = plots.parallel_coordinates(found)
    *axes, last = figure.data[0].dimensions
    assert [axis.label for axis in axes] == list(found.space.names)
    assert list(last["values"]) == [t.value for t in found.trials]
    assert (figure.layout.width or 1000) >= 100 * n


def test_more_parameters_than_plotly_draws_are_refused():
    with pytest.raises(ValueError, match="study: has 60 parameters; this figure has room for 59"):
        plots.parallel_coordinates(many(60))


@pytest.mark.parametrize("name", ["history", "slices", "importance", "parallel_coordinates", "timeline"])
def test_what_is_no_study_is_refused(name, study):
    with pytest.raises(ValueError, match=r"study=None: must be an hpo\.Study"):
        getattr(plots, name)(None)
    with pytest.raises(ValueError, match="columns=0: must be a whole number"):
        plots.slices(study, columns=0)


def test_timeline_has_every_trial(study):
    groups = plots.timeline(study).data
    assert sum(len(group.y) for group in groups) == 30
    begin = study.trials[0].started
    for group in groups:
        for number, length, base in zip(group.y, group.x, group.base):
            trial = study.trials[number]
            assert trial.state == group.name
            assert (base, length) == (trial.started - begin, trial.seconds)


def test_timeline_has_only_what_ran():
    begun = many(1)
    begun.add_trial({"x0": 0.5}, 0.5)
    begun.ask()
    figure = plots.timeline(begun)
    assert [number for bar in figure.data for number in bar.y] == [0, 1, 2]
    assert figure.layout.yaxis.autorange == "reversed"  # the first on top
    assert figure.layout.barmode == "overlay"  # whatever its state, a bar is at its number


def test_too_few_trials_are_refused():
    empty = hpo.Study(SPACE, searcher="random")
    for figure in (plots.history, plots.slices, plots.importance, plots.parallel_coordinates, plots.timeline):
        with pytest.raises(ValueError, match="trials"):
            figure(empty)
    with pytest.raises(ValueError, match="study: has 3 complete trials; this figure needs 4 at least"):
        plots.importance(many(2))


@pytest.mark.parametrize(
    ("missing", "code", "message"),
    [
        ("plotly", "hpo.plots.history", "figures need plotly: pip install plotly"),
        ("jinja2", "hpo.compare.Comparison.report(None)", "a report needs plotly and jinja2"),
    ],
)
def test_what_is_not_installed_is_named(missing, code, message):
    script = f"import sys; sys.modules[{missing!r}] = None; import hpo; {code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert f"ImportError: {message}" in done.stderr
