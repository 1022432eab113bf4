"""The page and its Markdown: complete, self-contained, and literal about what users wrote."""

import html
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import hpo
from hpo.compare.curves import Runs, by_time, incumbents, runs
from hpo.compare.digits import column, p_value
from hpo.compare.figures import (
    against_time,
    against_trials,
    colours,
    differences,
    final_distribution,
    is_empty,
    ranks,
    time_spent,
)
from hpo.compare.headline import headline, overall
from hpo.compare.report import (
    _check_path,
    _context,
    _environment,
    _every_pair,
    _final,
    _markdown,
    _paired,
    _panels,
    _ranking,
    _tests,
    _times,
    _winners,
)
from hpo.compare.statistics import Interval, friedman, holm, interval, paired
from hpo.compare.summary import Ranking, TaskSummary, rank, summarise
from tests.compare.problems import SPACE, Ideal, Near, Stubborn, broken_test, negative, noisy, score, truth

PAIR = {"gp": Near(0.1), "random": Near(), "tpe": Near(0.4)}
NASTY = 'a|b<script>alert("1")</script> & *c*'


def run(out, tasks, repeats=4, **options):
    options = {"searchers": PAIR, "n_trials": 12, "n_jobs": 1, **options}
    return hpo.compare(tasks, repeats=repeats, out=out, **options)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    task = hpo.Task(noisy, SPACE, evaluate=truth, test=score, metric="validation error", unit="%")
    return run(tmp_path_factory.mktemp("toy"), {"toy": task})


def test_the_page_needs_nothing_else_and_says_everything(toy, tmp_path):
    page = toy.report(tmp_path / "deep" / "report.html")
    text = page.read_text()
    assert len(text) < 6_000_000
    assert "12 trials a run, 4 seeds, the first 4 trials of a seed shared by all searchers. " in text
    assert "With fewer than 5 finished seeds there are no intervals: look at the dots." in text
    assert "share the seed, and all searchers the first points, so runs" in text
    assert "and beside tpe by the corrected test as well" in text
    assert "on which the searcher beat tpe, ties counting half. There is one task: the tests" in text
    without_scripts = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "src=" not in without_scripts
    assert "http" not in without_scripts
    for wanted in ("validation error (%)", "Wilcoxon", "validation error (%), as observed",
                   "probability of superiority", "test accuracy",
                   "Time spent searching", "Mind the scale: not that", "numpy", "processor"):  # fmt: skip
        assert wanted in text
    markdown = page.with_suffix(".md").read_text()
    assert "With fewer than 5 finished seeds there are no intervals." in markdown
    assert "| gp |" in markdown
    assert "![" not in markdown
    assert "Not finished" not in without_scripts + markdown
    assert "rank" not in without_scripts.replace("signed-rank", "")  # one task: no ranks over tasks


@pytest.mark.parametrize(
    ("searchers", "sharers"),
    [
        (["random", "plane", "A"], "all searchers but plane"),
        (["random", "A"], "all searchers"),
        (["random", "plane"], None),
        (["random"], None),
    ],
)
def test_only_who_begins_with_the_same_points_is_said_to(toy, tmp_path, searchers, sharers):
    cell = toy.cells[0]
    own = [{**trial, "initial": False} for trial in cell["trials"]]  # as those of a grid are
    cells = [
        {**cell, "searcher": name, "trials": own if name == "plane" else cell["trials"]} for name in searchers
    ]
    plan = {**toy.plan, "searchers": searchers, "baseline": searchers[0]}
    page = hpo.compare.Comparison(plan, cells).report(tmp_path / "report.html")
    for text in (page.read_text(), page.with_suffix(".md").read_text()):
        assert ("first points" in text) == ("shared by" in text) == (sharers is not None)
        if sharers is not None:
            assert f"the first 4 trials of a seed shared by {sharers}. " in text
            assert f"share the seed, and {sharers} the first points, so runs" in text
        assert f"and beside {searchers[0]} by the corrected test as well" in text
        assert f"on which the searcher beat {searchers[0]}, ties counting half" in text


def test_names_are_shown_as_they_stand(tmp_path):
    task = hpo.Task(noisy, SPACE, test=broken_test, metric=NASTY)
    searchers = {NASTY: Near(), "tpe": Near(0.2)}
    found = run(tmp_path, {NASTY: task}, repeats=1, searchers=searchers, baseline=NASTY)
    page = found.report(tmp_path / "report.html")
    assert "<script>alert" not in page.read_text()
    assert "&lt;script&gt;alert" in page.read_text()
    markdown = page.with_suffix(".md").read_text()
    assert r"a\|b\<script" in markdown
    assert "<script>" not in markdown
    assert "\n\n**Versions and machine**\n\n|" in markdown  # a table of its own, not the end of a paragraph
    assert "no test set" in page.read_text()


def test_a_library_called_like_a_searcher_has_no_colour(toy, tmp_path):
    plan = {**toy.plan, "searchers": ["numpy"], "baseline": "numpy"}
    cells = [{**cell, "searcher": "numpy"} for cell in toy.cells if cell["searcher"] == "tpe"]
    page = hpo.compare.Comparison(plan, cells).report(tmp_path / "report.html").read_text()
    measured, versions = page.split("<figcaption>Versions and machine")
    assert "></i>numpy</th>" in measured
    assert '<th scope="row" class="name">numpy</th>' in versions


def test_what_markdown_reads_more_into_is_shown_as_it_stands():
    assert _markdown("a~b $x$ &lt;\nc|d") == r"a\~b \$x\$ \&lt; c\|d"
    assert _markdown("10%\r100%\r\nend") == "10% 100% end"  # each would end the row


def test_text_that_no_file_can_hold_is_reported_escaped(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE, metric="data\udcff")}, 1, searchers={"tpe": Near()})
    page = found.report(tmp_path / "report.html")
    for file in (page, page.with_suffix(".md")):
        assert "data\\udcff" in file.read_text(encoding="utf-8")


def test_one_task_with_few_seeds_has_no_intervals_to_speak_of(tmp_path):
    tasks = {name: hpo.Task(truth, SPACE) for name in ("one", "two")}
    found = run(tmp_path, tasks, repeats=5, searchers={"tpe": Near()}, n_trials=1)
    assert _context(hpo.compare.Comparison(found.plan, found.cells[:-1]))["too_few"]


def test_incumbents_are_chosen_by_what_was_seen_and_valued_without_noise():
    seen, true = [3.0, None, 2.0, 2.5, 1.0], [2.9, None, 2.2, 1.9, 1.4]
    trials = [{"value": v, "noise_free": t} for v, t in zip(seen, true)]
    assert incumbents(trials, "minimize").tolist() == [2.9, 2.9, 2.2, 2.2, 1.4]
    assert incumbents(trials, "maximize").tolist() == [2.9] * 5
    equals = [{"value": 1.0, "noise_free": t} for t in (0.9, 0.8)]
    assert incumbents(equals, "minimize").tolist() == [0.9, 0.9]  # the earliest, as the study's best
    assert math.isnan(incumbents([{"value": None, "noise_free": None}], "minimize")[0])


def test_value_by_time_is_that_of_the_last_finished_trial(toy):
    group = runs(toy, "toy")["gp"]
    ends = group.total[0]
    values = by_time(group, np.array([0.0, ends[4], ends[-1] + 1]))[0]
    assert math.isnan(values[0])
    assert values[1] == group.best[0, 4]
    assert values[2] == group.final[0]


def test_times_add_up_from_trial_to_trial(toy):
    cell = toy.cells[0]
    untimed = {"seconds": None, "search_seconds": None}
    times = [{"seconds": 1.0, "search_seconds": 0.25}, untimed, {"seconds": 2.0, "search_seconds": 0.5}]
    trials = [{**trial, **time} for trial, time in zip(cell["trials"], times)]
    found = hpo.compare.Comparison({**toy.plan, "n_trials": 3}, [{**cell, "trials": trials}])
    group = runs(found, "toy")[cell["searcher"]]
    assert group.training[0].tolist() == [1.0, 1.0, 3.0]
    assert group.searching[0].tolist() == [0.25, 0.25, 0.75]
    assert group.total[0].tolist() == [1.25, 1.25, 3.75]


def test_the_headline_tells_the_numbers_of_the_table(toy):
    summary = summarise(toy, "toy")
    best = summary.order[0]
    assert headline(summary, 12).startswith(f"{best} ")
    assert "4 paired seeds" in headline(summary, 12)
    assert "is best" not in headline(summary, 12)  # four seeds cannot tell
    pair = summary.pairs["gp"]
    by_hand = runs(toy, "toy")["gp"].final - runs(toy, "toy")["tpe"].final
    assert pair.difference.mean == pytest.approx(by_hand.mean())


def test_the_tables_hold_the_numbers_of_the_runs(toy):
    summary, groups = summarise(toy, "toy"), runs(toy, "toy")
    group, four = groups["gp"], np.ones((4, 1))
    spent = replace(
        group, training=3 * four, searching=0.6 * four, failed=np.array([0.0, 1, 0, 1]),
        cells=[{**cell, "test_seconds": 0.25} for cell in group.cells],
    )  # fmt: skip
    assert _times(replace(summary, groups={"gp": spent})).rows == [["gp", "3", "0.6", "50", "0.25", "0.5"]]
    (tests,) = _tests(summary)
    assert tests.header == ["searcher", "test accuracy"]
    (untested,) = _tests(replace(summary, groups={**groups, "gp": replace(group, test={})}))
    assert ["gp", "–"] in untested.rows
    several = {"gp": replace(group, test=dict.fromkeys("edcba", np.zeros(4)))}
    assert _tests(replace(summary, groups=several))[0].header == ["searcher", *"abcde"]
    failing = [{**group.cells[0], "test": None, "test_seconds": 9.0}, *spent.cells[1:]]
    assert _times(replace(summary, groups={"gp": replace(spent, cells=failing)})).rows[0][4] == "0.25"
    for name, mean in tests.rows:
        scores = [cell["test"]["test accuracy"] for cell in groups[name].cells]
        assert float(mean) == pytest.approx(np.mean(scores), rel=1e-3)
    for name, value, place, params, tested in _winners(summary, True).rows:
        seed, number = map(int, place.split(" / "))
        trial = groups[name].cells[seed]["trials"][number]
        assert float(value) == pytest.approx(trial["value"], rel=1e-3)
        assert params.startswith(f"x = {trial['params']['x']:.4g}, lr = ")
        label, _, scored = tested.rpartition(" ")
        assert label == "test accuracy"
        assert float(scored) == pytest.approx(groups[name].cells[seed]["test"][label], rel=1e-3)
    assert "as observed" in _winners(summary, True).header[1]
    assert "as observed" not in _winners(summary, False).header[1]


def test_runs_of_two_environments_are_both_named(toy):
    first, *others = toy.cells
    changed = {**first, "environment": {**first["environment"], "numpy": "0.1"}}
    rows = dict(_environment(hpo.compare.Comparison(toy.plan, [changed, *others])).rows)
    assert rows["numpy"] == f"0.1; {np.__version__}"
    assert "; " not in rows["python"]


def test_every_pair_is_told_apart_not_only_those_with_the_baseline(toy, tmp_path):
    page = toy.report(tmp_path / "report.html").with_suffix(".md").read_text()
    table = [line.split("|") for line in page[page.index("**Every pair") :].splitlines()[2:7]]
    cells = [[cell.strip() for cell in row[1:-1]] for row in table]
    column = cells[0].index("random")
    found = runs(toy, "toy")
    difference = (found["gp"].final - found["random"].final).mean()
    said = {row[0]: row[column] for row in cells[2:]}["gp"]
    assert float(said) == pytest.approx(difference, rel=0.01)
    assert said[0] in "+-"


def test_a_clear_winner_is_called_best(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE)}, repeats=8, searchers={"gp": Ideal(), "tpe": Near()})
    assert headline(summarise(found, "t"), 12).startswith("gp is best on t: its mean objective value is ")


def test_maximising_is_the_mirror_of_minimising(tmp_path):
    down = summarise(run(tmp_path / "a", {"t": hpo.Task(truth, SPACE)}, repeats=5), "t")
    up = hpo.Task(negative, SPACE, direction="maximize")
    up = summarise(run(tmp_path / "b", {"t": up}, repeats=5), "t")
    assert up.order == down.order
    for name in ("gp", "random"):
        assert up.p_corrected[name] == down.p_corrected[name]
        assert up.difference(name).mean == pytest.approx(-down.difference(name).mean)
        assert up.pairs[name].relative.mean == pytest.approx(down.pairs[name].relative.mean)
        assert up.difference(name).low == pytest.approx(-down.difference(name).high)
    assert [(w.searcher, w.seed, w.number) for w in up.winners] == [
        (w.searcher, w.seed, w.number) for w in down.winners
    ]
    assert [w.value for w in down.winners] == sorted(final.min() for final in _finals(down))
    best, worst = zip(*((float(row[2]), float(row[3])) for row in _final(up).rows))
    assert all(b > w for b, w in zip(best, worst))
    assert ("lower" in headline(down, 12)) == ("higher" in headline(up, 12))


def _finals(summary):
    return [group.final for group in summary.groups.values()]


def test_a_searcher_that_ran_out_keeps_what_it_found(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE)}, repeats=1, searchers={"grid": Stubborn()})
    group = runs(found, "t")["grid"]
    assert group.made.tolist() == [4]
    for curve in (group.best, group.training, group.searching):
        assert curve.shape == (1, 12)
        assert set(curve[0, 3:]) == {curve[0, 3]}


def test_a_plan_of_fewer_trials_looks_at_the_first_of_them(toy):
    first = runs(hpo.compare.Comparison({**toy.plan, "n_trials": 5}, toy.cells), "toy")
    for name, group in runs(toy, "toy").items():
        for ours, all_of_them in ((first[name].best, group.best), (first[name].total, group.total)):
            np.testing.assert_array_equal(ours, all_of_them[:, :5])


def test_a_searcher_that_gave_up_at_once_has_no_value(toy):
    first, *others = toy.cells
    at_once = {**first, "trials": [], "winner": None, "test": None}
    found = hpo.compare.Comparison(toy.plan, [at_once, *others])
    group = runs(found, "toy")[first["searcher"]]
    assert np.isnan(group.best).all(axis=1).tolist() == [True, False, False, False]
    assert group.made.tolist() == [0, 12, 12, 12]
    assert np.isnan(by_time(group, np.array([1e9]))).any(axis=1).tolist() == [True, False, False, False]
    summary = summarise(found, "toy")
    assert f"{first['searcher']} found no value with 1 seed." in headline(summary, 12)
    assert summary.n_seeds == 4  # that run is finished, too


def test_several_tasks_are_ranked(tmp_path):
    tasks = {name: hpo.Task(noisy, SPACE) for name in ("one", "two*", "three")}
    found = run(tmp_path, tasks, repeats=2)
    for name in tasks:
        assert {cell["task"] for group in runs(found, name).values() for cell in group.cells} == {name}
    summaries = [summarise(found, name) for name in tasks]
    ranking = rank(summaries)
    assert sum(rank.mean for rank in ranking.mean.values()) == pytest.approx(6)
    page = found.report(tmp_path / "report.html").read_text()
    assert "Over all tasks" in page
    # Each task's answer stands with the task; first comes the one over all of them.
    (first,) = re.findall(r'<p class="answer">(.*?)</p>', page)
    assert html.unescape(first) == overall(ranking)
    found_on = [html.unescape(answer) for answer in re.findall(r'<p class="finding">(.*?)</p>', page)]
    assert found_on == [headline(summary, found.plan["n_trials"]) for summary in summaries]
    markdown = (tmp_path / "report.md").read_text()
    first, *answers = re.findall(r"^\*\*(.*)\.\*\*$", markdown.replace("\\", ""), flags=re.MULTILINE)
    assert [f"{answer}." for answer in (first, *answers)] == [overall(ranking), *found_on]
    assert "\n## two\\*\n" in markdown
    assert " mean on two\\*" in markdown
    assert "1 is best, no value is last" in markdown
    for text in (page, markdown):
        assert "Mean rank over 3 tasks" in text
        assert "Ranks over tasks: the intervals of how far" in text
        assert "There is one task" not in text
    assert rank([summarise(found, "one")]) is None


def test_an_unfinished_comparison_says_so(toy, tmp_path):
    partial = hpo.compare.Comparison(toy.plan, toy.cells[:7])
    page = partial.report(tmp_path / "report.html")
    for text in (page.read_text(), page.with_suffix(".md").read_text()):
        assert "Not finished: 5 of 12 runs are missing." in text
    groups = runs(partial, "toy")
    for figure in (against_trials(groups, "loss"), against_time(groups, "loss")):
        # The last trial's mean is that of the runs there are.
        curves = {trace.name: trace.y for trace in figure.data if trace.name}
        assert curves["tpe"][-1] == pytest.approx(np.nanmean(groups["tpe"].final))
    spent = [bar.x[0] for bar in time_spent(groups, "training").data]
    assert spent == pytest.approx([np.nanmean(group.training[:, -1]) for group in groups.values()])
    nothing = hpo.compare.Comparison(toy.plan, [])
    with pytest.raises(ValueError, match="no finished run"):
        nothing.report(tmp_path / "none.html")
    assert nothing.dataframe().columns.tolist() == toy.dataframe().columns.tolist()


def test_a_task_that_has_not_begun_is_none_on_which_nothing_was_found(toy):
    tasks = {"other": toy.plan["tasks"]["toy"], **toy.plan["tasks"]}
    context = _context(hpo.compare.Comparison({**toy.plan, "tasks": tasks}, toy.cells))
    assert [section.name for section in context["sections"]] == ["toy"]
    assert context["ranking"] is None


def test_a_task_on_which_everything_fails_is_reported(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(fails, SPACE)}, repeats=2)
    page = found.report(tmp_path / "report.html").read_text()
    assert "No searcher found a value" in page
    assert titles(page) == ["Time spent training", "Time spent searching"]  # no panel without a number


def test_one_trial_of_one_searcher_can_be_seen(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE)}, 5, searchers={"tpe": Near()}, n_trials=1)
    page = found.report(tmp_path / "report.html").read_text()
    assert len(titles(page)) == 5
    for text in (page, (tmp_path / "report.md").read_text()):
        assert "1 trial a run, 5 seeds. Intervals are 95% bootstrap intervals over seeds." in text
        assert "after 1 trial, over 5 seeds" in text
    assert "Compared with" not in page  # there is none to compare with
    assert "as observed" not in page  # there is no value without noise
    assert "first points" not in page  # of one trial none is a first point
    groups = runs(found, "t")
    for figure in (against_trials(groups, "loss"), against_time(groups, "loss")):
        assert [trace.mode for trace in figure.data] == ["lines", "markers"]


def test_error_bars_and_bands_end_where_the_intervals_do(toy):
    rng = np.random.default_rng(4)
    summary = summary_of({"tpe": rng.exponential(size=9), "A": 3 * rng.exponential(size=9)}, "tpe")
    found = summary.difference("A")
    each = summary.per_seed("A")
    figure = differences({"A": found}, {"A": each}, "", ["tpe", "A"])
    assert [line.x0 for line in figure.layout.shapes] == [0]
    seeds, diamond = figure.data
    np.testing.assert_array_equal(seeds.x, each)
    assert diamond.hovertemplate.startswith(_paired(summary).rows[0][1])  # as in the table
    bars = diamond.error_x
    assert [*diamond.x, diamond.x[0] - bars.arrayminus[0], diamond.x[0] + bars.array[0]] == pytest.approx(
        [found.mean, found.low, found.high]
    )
    for name, (band, line) in zip(summary.groups, zip(*[iter(against_trials(summary.groups, "").data)] * 2)):
        final = summary.final[name]
        assert [*line.y, *band.y] == pytest.approx([final.mean, final.high, final.low])
    times = summary_of({"tpe": np.ones(9)}, "tpe").groups["tpe"]
    times = replace(times, training=rng.exponential(size=(9, 1)), searching=rng.exponential(size=(9, 1)))
    (training,), (searching,) = (time_spent({"tpe": times}, kind).data for kind in ("training", "searching"))
    (place,) = ranks({"tpe": Interval(2.0, 1.5, 3.0)}).data
    for bar, said in (
        (training, interval(times.training[:, 0])),
        (searching, interval(times.searching[:, 0])),
        (place, Interval(2.0, 1.5, 3.0)),
    ):
        low, high = bar.x[0] - bar.error_x.arrayminus[0], bar.x[0] + bar.error_x.array[0]
        assert [bar.x[0], low, high] == pytest.approx([said.mean, said.low, said.high])
    boxes = final_distribution(toy_groups := runs(toy, "toy"), "loss").data
    assert [sorted(box.x) for box in boxes] == [sorted(group.final) for group in toy_groups.values()]


def test_where_there_is_no_interval_there_is_no_error_bar():
    alone = Interval(2.0, math.nan, math.nan)
    (place,) = ranks({"tpe": alone}).data
    _, diamond = differences({"tpe": alone}, {"tpe": np.array([2.0])}, "", ["tpe"]).data
    for drawn in (place, diamond):
        assert [drawn.x[0], *drawn.error_x.array, *drawn.error_x.arrayminus] == [2, 0, 0]
    (bar,) = time_spent({"tpe": replace(steady(np.ones(3), 1.0), training=np.ones((4, 3)))}, "training").data
    assert (bar.x[0], bar.error_x.array) == (1, None)


def test_a_seed_is_a_dot_and_a_band_is_of_the_colour_of_its_curve(toy):
    groups = runs(toy, "toy")
    assert {box.boxpoints for box in final_distribution(groups, "loss").data} == {"all"}
    band, curve, *_ = against_trials(groups, "loss").data
    channels = [int(curve.line.color[i : i + 2], 16) for i in (1, 3, 5)]
    assert band.fillcolor.startswith(f"rgba({','.join(map(str, channels))},")


def test_the_axis_of_values_is_for_what_comes_after_the_first_trials():
    curve = np.append([1000.0, 500.0], np.linspace(3, 2, 28))
    best = np.tile(curve, (5, 1))
    seconds = np.tile(np.arange(1.0, 31), (5, 1))
    group = Runs(best, seconds, 0 * seconds, np.full(5, 30.0), np.zeros(5), {}, [])
    for figure in (against_trials, against_time):
        low, high = figure({"tpe": group}, "loss").layout.yaxis.range
        assert 1.9 < low < 2
        assert 2.8 < high < 3.1
    falling = replace(group, best=np.tile(np.geomspace(100, 0.01, 30), (5, 1)))
    axis = against_trials({"tpe": falling}, "loss").layout.yaxis
    assert axis.type == "log"
    assert axis.range[0] < -2 < 1 < axis.range[1] < 2


def steady(curve, seconds):
    """Five runs of this curve and these seconds a trial."""
    best = np.tile(curve, (5, 1))
    training = np.tile(seconds * np.arange(1.0, 1 + len(curve)), (5, 1))
    return Runs(best, training, 0 * training, np.full(5, float(len(curve))), np.zeros(5), {}, [])


@pytest.mark.parametrize(
    ("high", "low", "kind"), [(9, 1, None), (11, 1, "log"), (11, 0, None), (11, -1, None), (1e30, 1, "log")]
)
def test_values_of_a_decade_are_on_a_log_scale(high, low, kind):
    curve = np.full(60, float(low))
    curve[:10] = np.nan  # the first value comes after the first sixth
    curve[10:30] = high
    axis = against_trials({"tpe": steady(curve, 1.0)}, "loss").layout.yaxis
    assert axis.type == kind
    first, last = axis.range if kind is None else np.power(10, axis.range)
    assert first < low < high < last
    if kind == "log":
        shown = [tick for tick in axis.tickvals if low <= tick <= high]
        assert shown == ([1, 2, 5, 10] if high == 11 else [10.0**k for k in range(0, 31, 4)])


def test_each_searcher_has_its_colour_and_neighbours_have_other_dashes():
    names = [f"variant {i}" for i in range(40)]
    drawn = colours([*names, "gp", "tpe"])
    assert drawn["gp"] == colours(["gp"])["gp"] != drawn["tpe"]
    assert not {drawn["gp"], drawn["tpe"]} & {drawn[name] for name in names}
    assert len({drawn[name] for name in names[:9]}) == 9
    lines = against_trials(dict.fromkeys(names, steady(np.ones(3), 1.0)), "loss").data[1::2]
    dashes = [line.line.dash for line in lines]
    assert all(a != b for a, b in pairwise(dashes))
    few, one = (against_trials(dict.fromkeys(n, steady(np.ones(3), 1.0)), "") for n in (PAIR, ["tpe"]))
    assert few.data[5].line.dash == one.data[1].line.dash  # the same whoever else takes part


def test_the_curve_of_a_searcher_that_is_soon_done_is_on_the_axis():
    slow = steady(np.append(9.0, np.linspace(3, 2, 29)), 1.0)
    fast = steady(np.append(9.0, np.full(29, 7.0)), 0.01)
    low, high = against_time({"slow": slow, "fast": fast}, "loss").layout.yaxis.range
    assert low < 2 < 7 < high < 8


@pytest.mark.parametrize(("seconds", "kind", "first"), [(0.01, "log", 0.01), (0.1, None, 0.0)])
def test_times_far_apart_are_on_a_log_scale_and_a_curve_ends_with_its_runs(seconds, kind, first):
    curve = np.linspace(3, 2, 30)
    figure = against_time({"slow": steady(curve, 1.0), "fast": steady(curve, seconds)}, "loss")
    assert figure.layout.xaxis.type == kind
    for line, end in zip(figure.data[1::2], (30.0, 30 * seconds)):
        assert [line.x[0], line.x[-1], line.y[-1]] == pytest.approx([first, end, 2.0])


def test_a_first_trial_that_takes_no_time_has_a_place_on_a_log_scale():
    curve = np.linspace(3, 2, 30)
    figure = against_time({"slow": steady(curve, 1.0), "fast": steady(curve, 0.0)}, "loss")
    assert figure.layout.xaxis.type == "log"
    slow, fast = (figure.data[i] for i in (1, 3))
    assert slow.x[0] > 0
    assert (slow.x[-1], slow.y[-1]) == (pytest.approx(30), 2)
    assert np.isfinite(fast.x).all()


def test_a_searcher_that_was_not_run_has_no_curve():
    fine = steady(np.ones(3), 1.0)
    nothing = np.full((5, 3), np.nan)
    groups = {"tpe": fine, "gp": replace(fine, best=nothing, training=nothing, searching=nothing)}
    for draw in (against_trials, against_time):
        seen = [t.name for t in draw(groups, "loss").data if t.name and not np.isnan(t.y).all()]
        assert seen == ["tpe"]
        assert is_empty(draw({"gp": groups["gp"]}, "loss"))


def test_every_axis_of_numbers_is_named():
    groups = {"tpe": steady(np.ones(3), 1.0)}
    assert against_trials(groups, "loss").layout.yaxis.range is None  # of one value there is no range
    titles = {
        against_trials: ("number of trials", "best so far: loss"),
        against_time: ("time of training and searching (s)", "best so far: loss"),
        final_distribution: ("final loss", ""),
    }
    for draw, (below, beside) in titles.items():
        layout = draw(groups, "loss").layout
        assert (layout.xaxis.title.text, layout.yaxis.title.text) == (below, beside)
    assert time_spent(groups, "searching").layout.xaxis.title.text == "time searching in one run (s)"
    assert differences({}, {}, "difference", []).layout.xaxis.title.text == "difference"
    assert ranks({}).layout.xaxis.title.text == "mean rank (1 is best)"


def test_a_run_that_is_over_at_once_can_be_seen():
    groups = summary_of({"tpe": [1.0]}, "tpe").groups  # all of its times are one
    assert [trace.mode for trace in against_time(groups, "loss").data] == ["lines", "markers"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("fits failed\r\n" + "\n".join(f"line {i}" for i in range(1000)), "fits failed line 0 line 1 "),
        (f"no file {'very' * 1000}_long", "no file veryveryvery"),  # no space to be cut at
    ],
)
def test_of_an_error_of_pages_the_report_shows_the_beginning(tmp_path, message, shown):
    def test(params, seed):
        raise RuntimeError(message)

    found = run(tmp_path, {"t": hpo.Task(truth, SPACE, test=test)}, repeats=1)
    page = found.report(tmp_path / "report.html").with_suffix(".md").read_text()
    (caption,) = (line for line in page.splitlines() if "could not be tested" in line)
    assert f"(3 could not be tested; the first: RuntimeError: {shown}" in caption
    assert len(caption) < 500


def test_the_largest_values_have_an_axis():
    groups = summary_of({"tpe": [1.7e308], "A": [1e305]}, "tpe").groups
    axis = against_trials(groups, "loss").layout.yaxis
    assert axis.type == "log"
    assert all(map(math.isfinite, axis.tickvals))


def stopping(params, trial):
    if trial.number in (1, 2):
        raise hpo.TrialPruned
    if trial.number == 3:
        raise RuntimeError("once")
    return truth(params)


def test_a_trial_that_its_objective_stopped_is_not_a_failure(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(stopping, SPACE)}, repeats=1, searchers={"tpe": Near()})
    assert runs(found, "t")["tpe"].failed.tolist() == [1.0]


def titles(page):
    return re.findall("<figcaption><b>(.*?)</b>", page)


def fails(params):
    raise RuntimeError("always")


def summary_of(finals, baseline, turn=1.0, finished=True):
    """Summary of runs with these final values, one a seed; NaN: found no value, or is not finished."""
    groups = {}
    for name, final in finals.items():
        column = np.asarray(final, dtype=float)[:, None]
        nothing = np.zeros_like(column)
        failed = nothing[:, 0] if finished else np.where(np.isnan(column[:, 0]), np.nan, 0.0)
        groups[name] = Runs(column, nothing, nothing, failed, failed, {}, [])
    pairs = {
        n: paired(turn * g.final, turn * groups[baseline].final) for n, g in groups.items() if n != baseline
    }
    corrected = dict(zip(pairs, holm(np.array([p.p_value for p in pairs.values()])).tolist()))
    final = {name: interval(group.final) for name, group in groups.items()}
    return TaskSummary("t", turn, "loss", baseline, groups, final, pairs, corrected, [])


def test_who_fails_with_the_hard_seeds_is_not_judged_by_the_easy_ones():
    rng = np.random.default_rng(0)
    easy, hard = rng.normal(1, 0.1, 10), rng.normal(10, 0.1, 10)
    tpe, other = np.append(easy, hard), np.append(easy + 0.5, np.full(10, np.nan))
    said = headline(summary_of({"tpe": tpe, "A": other}, "tpe"), 30)
    assert said.startswith("tpe is best on t: A's mean loss is ")
    assert "higher than tpe's (after 30 trials, over 10 paired seeds" in said
    assert said.endswith(" A found no value with 10 seeds.")


def test_ranks_over_tasks_are_those_of_the_tasks():
    easy, hard = np.ones(10), np.full(10, 10.0)
    task = summary_of({"tpe": np.append(easy, hard), "A": np.append(2 * easy, np.full(10, np.nan))}, "tpe")
    ranking = rank([task, task])
    assert task.order == ["tpe", "A"]
    assert [rank.mean for rank in ranking.mean.values()] == [1.0, 2.0]


def test_who_fails_where_others_do_not_is_not_called_best():
    tpe = 2 + 0.1 * np.random.default_rng(0).normal(size=20)
    half = np.where(np.arange(20) < 10, tpe - 1, np.nan)
    said = headline(summary_of({"tpe": tpe, "A": half}, "tpe"), 30)
    assert said.startswith("A has the best mean on t, but tpe is not clearly behind: A's mean loss is ")
    assert said.endswith(" A found no value with 10 seeds.")
    unfinished = summary_of({"tpe": tpe, "A": half}, "tpe", finished=False)
    assert unfinished.n_seeds == 10
    assert headline(unfinished, 30).startswith("A is best on t: ")


def test_who_found_no_value_at_all_does_not_take_the_seeds_of_the_others():
    tpe, hard = np.array([1.0, 2, 9]), np.array([np.nan, 1.5, 1.5])
    summary = summary_of({"tpe": tpe, "A": hard, "B": np.full(3, np.nan)}, "tpe")
    assert summary.losses["tpe"] == 5.5  # with the two seeds that A has as well
    assert summary_of({"tpe": hard * np.nan, "A": tpe, "B": tpe - 1}, "tpe").order == ["B", "A", "tpe"]
    # Of a seed with which neither found a value the difference has nothing to say.
    tpe = np.append(10 + 0.1 * np.arange(8), np.nan)
    assert headline(summary_of({"tpe": tpe, "A": tpe - 5}, "tpe"), 5).startswith("A is best on t: ")


def test_who_has_been_run_with_other_seeds_only_is_judged_by_these():
    finals = {"tpe": [math.nan, math.nan, 3, 3], "A": [math.nan, 1, math.nan, math.nan]}
    summary = summary_of(finals, "tpe")
    summary.groups["A"].failed[2:] = math.nan  # not run yet
    assert summary.losses == {"tpe": 3, "A": 1}
    assert summary.order == ["A", "tpe"]
    assert summary.loss_to_rank("A") == 1  # it did find a value


def test_ends_of_an_interval_are_said_in_their_order():
    tpe = 10 + 0.1 * np.random.default_rng(0).normal(size=8)
    for by in (-5, 5):
        said = headline(summary_of({"tpe": tpe, "A": tpe + by * np.linspace(0.9, 1.1, 8)}, "tpe"), 5)
        low, high = map(float, re.search(r"\[(.*?)%, (.*?)%\]", said).groups())
        assert 0 < low < 50 < high
    tpe = np.full(8, 300.0)
    said = headline(summary_of({"tpe": tpe, "A": tpe - np.linspace(3.1, 4.3, 8)}, "tpe"), 5)
    assert " is 1.2% [1.1%, 1.4%] lower than tpe's" in said


def test_a_difference_of_less_than_one_is_said_to_be_higher_by_an_amount_above_zero():
    tpe = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    said = headline(summary_of({"tpe": tpe, "A": 1.2 * tpe}, "tpe"), 5)
    assert " is 20.0% [20.0%, 20.0%] higher than tpe's" in said


def test_of_who_alone_found_values_it_is_said_what_was_reached():
    finals = {"tpe": np.array([1.0, 2.0, math.nan])}
    reached = "tpe reached a mean loss of 1.5 (after 5 trials, over 2 seeds) on t."
    assert headline(summary_of(finals, "tpe", finished=False), 5) == reached
    finals["A"] = np.full(3, math.nan)
    for baseline in finals:
        said = headline(summary_of(finals, baseline, finished=False), 5)
        assert said == reached


def test_a_difference_without_a_percentage_is_said_itself():
    tpe = np.array([-0.1, 0.1, -0.2, 0.2, -0.3, 0.3])
    said = headline(summary_of({"tpe": tpe, "A": tpe - 0.0123}, "tpe"), 5)
    assert said.startswith("A is best on t: its mean loss is 0.0123 [0.0123, 0.0123] lower than tpe's (")


def test_searchers_that_share_no_seed_are_not_compared():
    nothing = np.full(3, np.nan)
    finals = {"tpe": np.append(np.ones(3), nothing), "A": np.append(nothing, np.ones(3))}
    said = headline(summary_of(finals, "tpe", finished=False), 5)
    assert said.endswith("but A is not clearly behind: A's mean loss is of other seeds than tpe's.")
    finals["tpe"] += 1
    assert summary_of(finals, "tpe").order == ["A", "tpe"]


def test_who_finds_nothing_on_a_task_is_last_there():
    fine, nothing = np.ones(10), np.full(10, np.nan)
    easy = summary_of({"tpe": 3 * fine, "A": fine, "B": 2 * fine}, "tpe")
    hard = summary_of({"tpe": 3 * fine, "A": nothing, "B": 2 * fine}, "tpe")
    ranking = rank([easy, easy, hard])
    assert ranking.n_tasks == 3
    assert [rank.mean for rank in ranking.mean.values()] == pytest.approx([8 / 3, 5 / 3, 5 / 3])
    not_run = summary_of({"tpe": fine, "A": nothing, "B": fine}, "tpe", finished=False)
    assert rank([easy, easy, not_run]).n_tasks == 2
    assert rank([easy, not_run]) is None
    alone = summary_of({"tpe": fine}, "tpe")
    assert rank([alone, alone]) is None


def test_best_over_tasks_is_only_who_is_told_from_all_others():
    rng = np.random.default_rng(0)
    fine = rng.normal(1, 0.1, 10)

    def on(n_tasks, **finals):
        return [summary_of(finals, "tpe")] * n_tasks

    clear = rank(on(8, tpe=fine + 2, A=fine, B=fine + 1))
    assert overall(clear) == "A is best over 8 tasks: A's mean rank is 1, B's 1 [1, 1] more."
    mixed = rank([*on(4, tpe=fine, A=fine + 1, B=fine + 2), *on(6, tpe=fine + 1, A=fine, B=fine + 2)])
    said = overall(mixed)
    assert said.startswith("A has the best mean rank over 10 tasks, but tpe is not clearly behind: A's ")
    low, high = map(float, re.search(r"tpe's 0.2 \[(.*), (.*)\] more", said).groups())
    assert low < 0 < high
    few = overall(rank(on(3, tpe=fine + 2, A=fine, B=fine + 1)))
    assert few.startswith("A has the best mean rank over 3 tasks, but B and tpe are not clearly behind:")
    assert few.endswith(" A's mean rank is 1, B's 1 more.")
    even = rank([*on(1, tpe=fine, A=fine + 1), *on(1, tpe=fine + 1, A=fine)])
    assert overall(even) == "tpe and A share the best mean rank over 2 tasks, 1.5."
    ranks = {"A": Interval(1.234, 1.2, 1.3), "tpe": Interval(1.766, 1.7, 1.8)}
    touching = Ranking(ranks, {"A": Interval(0, 0, 0), "tpe": Interval(0.532, 0.0, 0.9)}, 0.5, 9)
    assert overall(touching) == (
        "A has the best mean rank over 9 tasks, but tpe is not clearly behind: A's mean rank is 1.23, "
        "tpe's 0.532 [0.000, 0.900] more."
    )


def test_the_ranking_has_the_numbers_of_its_tasks():
    fine, nothing = np.ones(10), np.full(10, np.nan)
    orders = [(3, 1, 2), (3, 1, 2), (3, 2, 1), (3, 1, 2), (2, 1, 3)]
    tasks = [summary_of({n: k * fine for n, k in zip(("tpe", "A", "B"), ks)}, "tpe") for ks in orders]
    not_run = summary_of({"tpe": fine, "A": nothing, "B": fine}, "tpe", finished=False)
    told = _ranking(rank([*tasks, not_run]), 6)
    assert told["table"].caption == ("Mean rank over 5 tasks (without 1 on which a searcher has no run yet)")
    assert [(name, said.split(" [")[0]) for name, said, _ in told["table"].rows] == [
        ("A", "1.2"), ("B", "2.0"), ("tpe", "2.8"),
    ]  # fmt: skip
    p = friedman(np.array(orders, dtype=float))
    assert [by.split(" [")[0] for *_, by in told["table"].rows] == ["–", "0.80", "1.60"]
    assert told["panel"].reading.endswith(f" Friedman's test that all rank alike: p = {p:.3f}.")
    assert '"x":[2.8]' in told["panel"].figure
    two = _ranking(rank(tasks[:2]), 2)
    assert two["table"].caption == "Mean rank over 2 tasks"
    assert "Friedman" not in two["panel"].reading  # it says nothing


def test_best_is_only_who_is_told_from_all_others():
    rng = np.random.default_rng(1)
    tpe, gp = 10 + 0.1 * rng.normal(size=10), 5 + 0.1 * rng.normal(size=10)
    twins = {"tpe": tpe, "gp": gp, "random": gp + 1e-3 * rng.normal(size=10)}
    for turn, lower in ((1.0, "lower"), (-1.0, "higher")):
        summary = summary_of({name: turn * final for name, final in twins.items()}, "tpe", turn)
        best, second, last = summary.order
        assert last == "tpe"
        said = headline(summary, 30)
        assert said.startswith(
            f"{best} has the best mean on t, but {second} is not clearly behind: {best}'s mean"
        )
        assert f"{lower} than tpe's" in said
    led = {"tpe": gp, "A": tpe, "B": gp + 0.01 + 0.2 * rng.normal(size=10)}
    said = headline(summary_of(led, "tpe"), 30)
    assert said.startswith("tpe has the best mean on t, but B is not clearly behind: B's mean loss is ")


@pytest.mark.parametrize(("n", "said"), [(5, "gp has the best mean on t, but tpe"), (6, "gp is best on t: ")])
def test_five_seeds_are_too_few_for_the_test(n, said):
    tpe = 10 + np.arange(n) / 10  # each far from gp's: p = 2/2**n
    assert headline(summary_of({"tpe": tpe, "gp": tpe - 5}, "tpe"), 30).startswith(said)


def test_who_has_the_best_mean_is_not_said_to_be_behind():
    # With the seeds with which all found a value gp leads, with those of gp and tpe alone it does not.
    tpe, gp = np.array([2.0, 2, 2, 2, 2, 2]), np.array([1.0, 1, 2, 4, 4, 4])
    hard = np.where(np.arange(6) < 3, 9, np.nan)
    summary = summary_of({"tpe": tpe, "gp": gp, "A": hard}, "tpe")
    assert summary.order[0] == "gp"
    said = headline(summary, 30)
    assert said.startswith("tpe has the best mean on t, but gp and A are not clearly behind: gp's mean ")
    assert "higher than tpe's (after 30 trials, over 6 paired seeds;" in said


@pytest.mark.parametrize("baseline", ["A", "B", "C"])
def test_nobody_is_said_to_have_the_best_mean_where_each_is_behind_another(baseline):
    low, high, none = np.ones(3), np.full(3, 2.0), np.full(3, np.nan)
    rows = {"A": [low, none, high], "B": [high, low, none], "C": [none, high, low]}
    finals = {name: np.concatenate(row) for name, row in rows.items()}
    said = headline(summary_of(finals, baseline), 30)
    assert said.startswith(
        "No searcher has the best mean on t: over the seeds that both have, each is behind"
    )
    assert "than" not in said
    assert said.endswith(" C found no value with 3 seeds.")


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_test_that_speaks_for_the_other_does_not_make_one_the_best(turn):
    rng = np.random.default_rng(0)
    tpe = 10 + 0.1 * rng.normal(size=28)
    gp = tpe + 0.01 * (1 + rng.random(28))  # a little worse, but for a few seeds with which it is far better
    gp[:4] -= 3
    summary = summary_of({"tpe": turn * tpe, "gp": turn * gp}, "tpe", turn)
    assert summary.pairs["gp"].difference.high < 0
    assert summary.p_corrected["gp"] < 0.05
    said = headline(summary, 30)
    assert said.startswith(
        "gp has the best mean on t, but tpe is not clearly behind by the corrected test: gp's mean loss is 4"
    )


def test_whom_only_the_test_leaves_in_doubt_is_said_to_be():
    rng = np.random.default_rng(1)
    gp = 5 + 0.1 * rng.normal(size=6)  # six seeds would do for one test, corrected for several they do not
    finals = {"gp": gp, "near": gp + 0.1 * rng.normal(size=6), "far": gp + 2, "tpe": gp + 4}
    best, near, *_ = summary_of(finals, "tpe").order
    assert headline(summary_of(finals, "tpe"), 30).startswith(
        f"{best} has the best mean on t, but {near} is not clearly behind and tpe is not clearly behind by "
        f"the corrected test: {best}'s mean loss is "
    )
    del finals["near"]
    said = headline(summary_of(finals, "gp"), 30)  # the baseline is tested against everyone
    assert "but far and tpe are not clearly behind by the corrected test: far's mean loss is " in said


@pytest.mark.parametrize(("turn", "better"), [(1.0, "less is better"), (-1.0, "more is better")])
def test_a_panel_shows_what_its_title_says(turn, better):
    finals = np.random.default_rng(0).exponential(size=(2, 9))
    summary = summary_of(dict(zip(("tpe", "A"), finals)), "tpe", turn)
    panels = {panel.title: panel for panel in _panels(summary, "t")}
    for title in ("Best so far, by trials", "Where each run ended", "Compared with tpe, seed by seed"):
        assert better in panels[title].reading
    compared = panels["Compared with tpe, seed by seed"].figure
    assert "difference from tpe: loss" in compared
    assert _paired(summary).rows[0][1] in compared
    for kind in ("training", "searching"):
        assert f"time {kind} in one run (s)" in panels[f"Time spent {kind}"].figure


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_the_difference_with_a_seed_is_that_of_its_two_values(turn):
    summary = summary_of({"tpe": [1, 2, 3, math.nan], "A": [0.5, 4, math.nan, 1]}, "tpe", turn)
    assert summary.per_seed("A").tolist() == [-0.5, 2.0]


def test_one_seed_of_a_searcher_that_was_just_added_does_not_decide():
    rng = np.random.default_rng(2)
    tpe = 2 + 0.05 * rng.normal(size=20)
    gp = tpe + 0.4
    gp[0] = tpe[0] - 0.1
    summary = summary_of(
        {"tpe": tpe, "gp": gp, "grid": np.append(2.5, np.full(19, np.nan))}, "tpe", finished=False
    )
    said = headline(summary, 30)
    assert said.startswith("tpe has the best mean on t, but grid is not clearly behind: grid's mean loss is ")
    assert "over 1 paired seed;" in said


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_the_table_of_pairs_has_what_its_header_says(turn):
    tpe = 10 + np.arange(8.0)
    better = tpe - np.array([1, 2, 3, -0.5, 4, 5, 6, np.nan])  # but for the least: p = 4/2**7
    finals = {"tpe": turn * tpe, "A": turn * better, "B": turn * (tpe + 0.5)}
    summary = summary_of(finals, "tpe", turn)
    by_a, by_b = _paired(summary).rows
    assert by_a[0] == "A"
    assert by_a[3:] == ["0.031", "0.031", "86%", "7"]
    assert by_b[3:] == ["0.008", "0.016", "0%", "8"]
    assert [row[2][0] for row in (by_a, by_b)] == (["-", "+"] if turn > 0 else ["+", "-"])
    assert by_b[2].endswith("%]")
    assert len(_every_pair(summary)) == 1
    assert _every_pair(summary_of({"tpe": tpe, "A": better}, "tpe")) == []  # that pair is told already


def test_the_sentence_says_which_p_value_it_gives():
    rng = np.random.default_rng(3)
    tpe = rng.normal(size=8) + 10
    found = {"tpe": tpe, "gp": tpe + 1 - 0.2 * rng.random(8), "random": tpe + 2, "grid": tpe + 3}
    summary = summary_of(found, "tpe")
    assert summary.pairs["gp"].p_value < summary.p_corrected["gp"]
    p = f"{summary.p_corrected['gp']:.3f}"
    assert f"over 8 paired seeds; p after Holm = {p})" in headline(summary, 30)
    many = rng.normal(size=20) + 10
    assert "p after Holm < 0.001" in headline(summary_of({"tpe": many, "gp": many + 1}, "tpe"), 30)


def test_dust_is_a_zero_and_a_zero_has_no_sign():
    tpe = np.array([0.1, 0.2, 0.3, 0.7, 0.9, 1.1])
    swapped = np.array([0.2, 0.1, 0.3, 0.9, 0.7, 1.1])  # the differences sum to 5.6e-17
    same = 3 * (tpe / 3)
    for turn in (1.0, -1.0):
        summary = summary_of({"tpe": tpe, "A": swapped, "B": same, "C": tpe - 0.004}, "tpe", turn)
        cells = [
            cell for table in (_paired(summary), *_every_pair(summary)) for row in table.rows for cell in row
        ]
        assert not [cell for cell in cells if re.search(r"e-|[+-]0(?![.\d])|[+-]0\.0*(?![\d])", cell)]
        rows = {row[0]: row for row in _paired(summary).rows}
        assert rows["A"][1].startswith("0.0000 [")
        assert rows["B"][1:3] == ["0.0000 [0.0000, 0.0000]", "0.0% [0.0%, 0.0%]"]
        assert rows["B"][3:6] == ["1.000", "1.000", "50%"]
    cancelling = tpe + np.array([0.1, 0.2, -0.3, 0, 0, 0])  # these sum to 5.6e-17, each without dust
    assert paired(cancelling, tpe).relative.mean == 0
    for other in (same, swapped, cancelling):
        assert "B's mean loss is the same as tpe's" in headline(
            summary_of({"tpe": tpe, "B": other}, "tpe"), 5
        )


def test_the_numbers_of_a_column_have_the_same_digits():
    assert column([0.5, 0.25, 12.0]) == ["0.50", "0.25", "12.00"]
    assert column([Interval(2.5, 2.41, 2.6), Interval(3, math.nan, math.nan)], signed=True) == [
        "+2.50 [+2.41, +2.60]", "+3.00",
    ]  # fmt: skip
    assert column([350.25, 12.0, 0.00123, math.nan, -0.0]) == ["350.2", "12.0", "0.00123", "–", "0.0"]
    assert column([12.0, -8.04, Interval(-0.2, -0.3, 0.01)], 2, decimals=1, unit="%")[1:] == [
        "-8.0%", "-0.2% [-0.3%, 0.0%]",
    ]  # fmt: skip
    assert column([2e-9, 1e-9]) == ["2.000e-09", "1.000e-09"]
    assert column([12345.6, 9000.0]) == ["12346", "9000"]
    assert column([2e6]) == ["2000000"]
    assert column([1.5, 0.0123]) == ["1.5", "0.0123"]  # 122 times smaller
    assert column([1.5, 0.017]) == ["1.500", "0.017"]
    assert column([math.nan, 0.0025, 0.00125]) == ["–", "0.00250", "0.00125"]
    assert column([]) == []
    assert [p_value(p) for p in (math.nan, 2 / 2**10, 2 / 2**11)] == ["–", "0.002", "< 0.001"]


def test_equal_means_and_a_baseline_without_a_value_are_said():
    same = np.arange(10.0)
    assert "B's mean loss is the same as tpe's" in headline(summary_of({"tpe": same, "B": same}, "tpe"), 5)
    nothing = np.full(10, np.nan)
    said = headline(summary_of({"tpe": nothing, "B": same, "C": same + 1}, "tpe"), 5)
    assert said.startswith("B has the best mean on t, a mean loss of 4.5 (after 5 trials, over 10 seeds). ")
    assert "tpe found no value with 10 seeds" in said


def test_searchers_that_share_the_best_mean_are_said_to_share_it():
    same, told = np.arange(10.0), "(after 5 trials, over 10 paired seeds; p after Holm = 1.000)."
    said = headline(summary_of({"tpe": same, "B": same, "C": same[::-1]}, "tpe"), 5)
    assert said == f"tpe, B and C share the best mean on t: B's mean loss is the same as tpe's {told}"
    said = headline(summary_of({"B": same, "tpe": same, "C": same + 1}, "tpe", turn=-1.0), 5)
    assert said.startswith("C is best on t: ")
    near = same + 0.1 * np.array([1, -1] * 4 + [1, 1])
    said = headline(summary_of({"B": same, "tpe": same, "C": near, "D": same + 1}, "tpe"), 5)
    assert said.startswith(
        "B and tpe share the best mean on t, but C is not clearly behind: B's mean loss is the"
    )
    said = headline(summary_of({"tpe": np.full(10, np.nan), "B": same, "C": same}, "tpe"), 5)
    assert said.startswith(
        "B and C share the best mean on t, a mean loss of 4.5 (after 5 trials, over 10 seeds)."
    )


def test_the_page_is_not_written_over_by_its_tables(toy, tmp_path):
    with pytest.raises(ValueError, match=r"path=.*report\.md"):
        toy.report(tmp_path / "report.md")
    with pytest.raises(ValueError, match=r"path=.*rr\.txt'.*such as report\.html"):
        toy.report(tmp_path / "rr.txt")
    with pytest.raises(ValueError, match=r"path=.*: is a folder"):
        toy.report(tmp_path)
    with pytest.raises(
        ValueError, match=r"path='/proc/zz/r\.html': must be in a folder that is there or can"
    ):
        toy.report("/proc/zz/r.html")
    for name in ("page.htm", "PAGE.HTML"):
        _check_path(tmp_path / name)
    toy.report(tmp_path / "v1.2")
    assert {p.name for p in tmp_path.iterdir()} == {"v1.2", "v1.2.md"}


def test_labels_that_look_like_numbers_are_names(tmp_path):
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE)}, repeats=2, searchers={"8": Near(), "100": Near(0.3)})
    groups = runs(found, "t")
    for figure in (final_distribution(groups, "loss"), time_spent(groups, "training")):
        assert figure.layout.yaxis.type == "category"
        assert figure.layout.yaxis.autorange == "reversed"  # the first on top, as in the tables


def test_long_names_leave_room_for_the_numbers_and_the_plots(tmp_path):
    names = ["a searcher of mine with a very long name A", "a searcher of mine with a very long name <B>"]
    found = run(tmp_path, {"t": hpo.Task(truth, SPACE)}, repeats=2, searchers=dict.fromkeys(names, Near()))
    axis = final_distribution(runs(found, "t"), "loss per digit and epoch of training (%)").layout
    assert list(axis.yaxis.ticktext) == [
        "a searcher of<br>…ery long name A",
        "a searcher of<br>…y long name &lt;B&gt;",
    ]
    assert axis.yaxis.tickvals[0] == names[0]
    assert max(map(len, axis.xaxis.title.text.split("<br>"))) <= 30
    page = found.report(tmp_path / "report.html").read_text()
    assert re.search(r"td\.long {[^}]*overflow-wrap: anywhere", page)  # configurations without a space, too
    for name, colour in colours(names).items():
        assert f'<i style="background:{colour}"></i>{html.escape(name)}</span>' in page
    assert page.count('class="name keyed"') == page.count('class="name keyed"><i ') > 0


def test_names_that_differ_in_the_middle_have_ticks_that_differ():
    names = [f"a searcher of mine, variant {i} of it, with a long name" for i in range(3)] + ["<gp>"]
    groups = summary_of(dict.fromkeys(names, np.ones(2)), "<gp>").groups
    labels = ["…variant 0 of i…", "…variant 1 of i…", "…variant 2 of i…", "&lt;gp&gt;"]
    assert list(final_distribution(groups, "loss").layout.yaxis.ticktext) == labels


def test_a_long_metric_is_not_cut_off_beside_or_below_a_plot():
    groups = summary_of({"tpe": [1.0, 2.0]}, "tpe").groups
    metric = "mean absolute error of the hours until the next failure <" + 60 * "m" + ">"
    for figure, widest in ((against_trials, 44), (against_time, 44), (final_distribution, 30)):
        layout = figure(groups, metric).layout
        title = (layout.xaxis if widest == 30 else layout.yaxis).title.text
        lines = [html.unescape(line) for line in title.split("<br>")]
        assert max(map(len, lines)) <= widest
        assert "".join(lines).replace(" ", "").endswith(metric.replace(" ", ""))
    # What it takes below the rows it does not take of them.
    long, short = (final_distribution(groups, name).layout for name in (metric, "loss"))
    assert long.height - short.height >= 15 * long.xaxis.title.text.count("<br>") > 0


def test_time_a_trial_is_of_the_trials_that_were_made(tmp_path):
    small = hpo.Task(lambda p: float(p["n"]), {"n": hpo.Int(1, 3)})
    found = run(tmp_path, {"t": small}, repeats=2, searchers={"grid": "grid"})
    group = runs(found, "t")["grid"]
    assert group.made.tolist() == [3.0, 3.0]
    (winner,) = _winners(summarise(found, "t"), False).rows
    assert winner[3:] == ["n = 1", "–"]  # there is no test set
    (row,) = _times(summarise(found, "t")).rows
    assert float(row[3]) == pytest.approx(1000 * np.mean(group.searching[:, -1] / 3), rel=0.01)
