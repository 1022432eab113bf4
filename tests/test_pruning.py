"""Trials that will not win end early: the same ones for any number of workers, and none by mistake."""

import itertools
import math
import pickle
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hpo
from hpo.ledger import Ledger
from hpo.trial import Curve, History, Trial, TrialState

SPACE = hpo.Space({"x": hpo.Float(0.0, 1.0)})
PRUNERS = ["median", "asha", hpo.HyperbandPruner(9), hpo.ASHAPruner(min_steps=2, eta=2)]


def training(params, trial):
    """Nine steps that go down to x from above."""
    for step in range(1, 10):
        trial.report(params["x"] + 1.0 / step, step)
        if trial.should_prune():
            raise hpo.TrialPruned
    return params["x"]


def table(study):
    return [(t.number, t.params, str(t.state), t.value, t.reports) for t in study.trials]


def run(objective=training, n=40, direction="minimize", **options):
    study = hpo.Study(
        SPACE, searcher="random", seed=0, window=4, direction=direction, pruner=options.pop("pruner")
    )
    return study.optimize(objective, n, progress=False, **options)


def history(curves, k=None):
    built = History.build(
        SPACE, [{"x": 0.5}] * len(curves), [c[max(c)] if c else 1.0 for c in curves], reports=curves
    )
    return built if k is None else History(**{**vars(built), "k": k})


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("pruner", PRUNERS, ids=str)
def test_a_loop_of_ones_own_ends_the_same_trials(pruner, direction):
    study = hpo.Study(SPACE, searcher="random", seed=0, direction=direction, pruner=pruner)
    for _ in range(40):
        trial = study.ask()
        live = study.live(trial)
        try:
            value = training(trial.params, live)
        except hpo.TrialPruned:
            study.tell(trial, state="pruned", reports=live.reports)
        else:
            study.tell(trial, value, reports=live.reports)
    by_itself = hpo.Study(SPACE, searcher="random", seed=0, direction=direction, pruner=pruner)
    by_itself.optimize(training, 40, progress=False)
    assert table(study) == table(by_itself)
    assert study.live(7).seed == study.live(study.trials[7]).seed != live.seed


def test_reports_are_told_of_trials_from_elsewhere_and_kept(tmp_path):
    study = hpo.Study(SPACE, searcher="random", storage=tmp_path / "s.db")
    study.add_trial({"x": 0.5}, 0.25, reports={1: 1, np.int64(3): 0.25})
    study.add_trial({"x": 0.1}, None, "pruned", {2: 0.75})
    kept = hpo.load_study(tmp_path / "s.db")
    assert [t.reports for t in kept.trials] == [{1: 1.0, 3: 0.25}, {2: 0.75}]
    assert kept._book.ledger.history(2, 1).y.tolist() == [0.25, 0.75]  # a pruned trial is its last report


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ([1.0, 2.0], r"reports=\[1\.0, 2\.0\]: must be a mapping of values by step"),
        ({-1: 1.0}, r"reports=\{-1: 1\.0\}: step=-1: must be a whole number from 0"),
        ({1: math.nan}, r"reports=\{1: nan\}: value=nan: must be a finite real number"),
    ],
)
def test_reports_that_are_none_are_refused_and_the_trial_runs_on(reports, message):
    study = hpo.Study(SPACE, searcher="random")
    with pytest.raises(ValueError, match=message):
        study.tell(study.ask(), 1.0, reports=reports)
    assert study.trials[0].state == "running"


@pytest.mark.parametrize("said", [{"value": 1.0}, {"state": "pruned"}], ids=str)
def test_reports_that_are_told_too_late_or_otherwise_are_not_dropped_in_silence(said):
    study = hpo.Study(SPACE, searcher="random")
    for first, again in ((None, {1: 0.5}), ({1: 0.5}, {1: 0.25})):
        trial = study.ask()
        study.tell(trial, **said, reports=first)
        already = (
            rf"trial={trial.number}: already .* with reports=.*; told again with reports=\{{1: {again[1]}\}}"
        )
        with pytest.raises(ValueError, match=already):
            study.tell(trial, **said, reports=again)
        for same in (first, None, {}):
            assert dict(study.tell(trial, **said, reports=same).reports) == (first or {})


def test_only_trials_of_the_study_itself_are_live():
    study, other = (hpo.Study(SPACE, searcher="random", seed=0) for _ in range(2))
    with pytest.raises(ValueError, match="trial=0: this study has no trials yet"):
        study.live(0)
    study.ask()
    with pytest.raises(ValueError, match="trial=0: was handed out by another study"):
        study.live(other.ask())


@pytest.mark.parametrize("pruner", PRUNERS, ids=str)
def test_steps_are_saved_and_the_best_is_found_all_the_same(pruner):
    pruned, whole = run(pruner=pruner), run(pruner=None)
    assert [t.params for t in pruned.trials] == [t.params for t in whole.trials]
    assert pruned.best_params == whole.best_params
    steps = sum(len(t.reports) for t in pruned.trials)
    assert steps < 0.8 * sum(len(t.reports) for t in whole.trials)
    ended = [t for t in pruned.trials if t.state == "pruned"]
    assert ended
    assert all(t.value is None and t.reports and t.failure is None for t in ended)


@pytest.mark.parametrize("pruner", PRUNERS, ids=str)
def test_the_same_trials_end_for_any_number_of_workers_and_either_direction(pruner):
    expected = table(run(pruner=pruner, n=24))
    assert table(run(pruner=pruner, n=24, n_jobs=2)) == expected
    with ThreadPoolExecutor(3) as executor:
        assert table(run(pruner=pruner, n=24, executor=executor)) == expected

    def mirrored(params, trial):
        for step in range(1, 10):
            trial.report(-params["x"] - 1.0 / step, step)
            if trial.should_prune():
                raise hpo.TrialPruned
        return -params["x"]

    turned = table(run(mirrored, pruner=pruner, n=24, direction="maximize"))
    assert [row[2] for row in turned] == [row[2] for row in expected]


def test_queued_trials_are_held_to_the_same_rules_whoever_ends_first():
    second_is_over = threading.Event()

    def first_last(params, trial):
        if trial.number == 0 and is_parallel:
            second_is_over.wait(10)
            time.sleep(0.2)  # for the third, which must not start yet
        trial.report(params["x"], 1)
        if trial.should_prune():
            raise hpo.TrialPruned
        if trial.number == 1:
            second_is_over.set()
        return params["x"]

    tables = []
    for is_parallel in (False, True):
        study = hpo.Study(SPACE, searcher="random", seed=0, window=2, pruner=hpo.ASHAPruner(eta=2))
        for x in (0.1, 0.2, 0.9, 0.8):
            study.enqueue({"x": x})
        with ThreadPoolExecutor(1 + is_parallel) as executor:
            tables.append(table(study.optimize(first_last, 6, executor=executor, progress=False)))
    assert tables[0] == tables[1]


def test_a_stored_study_prunes_on_as_before(tmp_path):
    expected = table(run(pruner="median", n=30))
    file = tmp_path / "runs.db"
    options = {"searcher": "random", "seed": 0, "window": 4, "pruner": hpo.MedianPruner(), "storage": file}
    hpo.Study(SPACE, **options).optimize(training, 13, progress=False)
    study = hpo.load_study(file)
    assert study.pruner == hpo.MedianPruner()
    assert table(study.optimize(training, 17, progress=False)) == expected
    assert table(hpo.load_study(file)) == expected


def test_the_median_is_of_the_running_averages_of_who_got_that_far():
    curves = [{1: 1.0, 2: 3.0}, {1: 2.0, 2: 2.0}, {1: 5.0}, {1: 4.0, 2: 8.0}]
    rule = hpo.MedianPruner(n_startup=3).rule(history(curves))
    assert rule.steps == (1, 2)
    assert rule.bars == (np.median([1, 2, 5, 4]), np.median([2, 2, 6]))
    assert not rule({1: 3.0})
    assert rule({1: 3.1})
    assert not rule({1: 9.0, 2: 2.0})  # the best so far counts
    assert rule({1: 9.0, 2: 8.0})  # at the last step anyone got to
    assert not rule({1: 9.0, 3: 9.0})  # nobody else has got there
    assert hpo.MedianPruner(n_startup=4).rule(history(curves)).bars[1] == math.inf
    assert hpo.MedianPruner(n_startup=3, warmup=2).rule(history(curves)).steps == (2,)


def test_a_rung_lets_the_best_third_on():
    curves = [{1: float(v), 3: float(v)} for v in range(5)]
    rule = hpo.ASHAPruner(eta=3).rule(history(curves))
    assert rule.steps == (1, 3)
    assert rule.bars == (1.0, 1.0)  # of six, the two best go on
    assert not rule({1: 1.0})
    assert rule({1: 1.5})
    assert rule({1: 0.0, 4: 2.0})  # judged by what it first reports from the rung on
    assert hpo.ASHAPruner(eta=3).rule(history(curves[:1])).bars == (math.inf, math.inf)


def test_the_order_in_which_steps_are_reported_changes_nothing():
    forth = [{1: 5.0 - v, 3: float(v), 9: v / 2} for v in (2, 0, 4, 1, 3, 2.5)]
    back = [dict(reversed(curve.items())) for curve in forth]
    for pruner in (hpo.MedianPruner(), hpo.ASHAPruner(), hpo.HyperbandPruner(9)):
        rule = pruner.rule(history(forth, 17))
        assert pruner.rule(history(back, 17)) == rule
        for values in itertools.product(np.arange(0.25, 6.0), repeat=3):
            own = dict(zip((1, 3, 9), values))
            assert rule(dict(reversed(own.items()))) == rule(own)


def test_a_curve_knows_what_a_look_at_all_of_its_reports_says_also_of_steps_reported_again():
    rng = np.random.default_rng(0)
    curve, plain = Curve({5: 2.0}), {5: 2.0}
    for step, value in zip(rng.integers(0, 12, 400).tolist(), rng.integers(-3, 4, 400).tolist()):
        curve[step] = plain[step] = float(value)
        assert curve == plain
        assert (curve.steps, curve.lowest) == (sorted(plain), min(plain.values()))
        for at in range(14):
            later = [s for s in plain if s >= at]
            assert curve.at(at) == (plain[min(later)] if later else None)
    copy = pickle.loads(pickle.dumps(curve))
    assert (copy, copy.steps, copy.lowest) == (curve, curve.steps, curve.lowest)
    assert (Curve({}).steps, Curve({}).lowest, Curve({}).at(0)) == ([], math.inf, None)


@pytest.mark.parametrize("pruner", [hpo.MedianPruner(n_startup=2), hpo.ASHAPruner(), hpo.HyperbandPruner(9)])
def test_a_rule_goes_through_no_reports_however_many_there_are(pruner):
    class Closed(Curve):
        def values(self):
            raise AssertionError

        __iter__ = items = keys = values

    rule = pruner.rule(history([{1: 5.0 - v, 3: float(v), 9: v / 2} for v in (2, 0, 4, 1, 3, 2.5)], 17))
    for own in ({1: 0.0}, {1: 9.0}, {1: 0.5, 3: 0.5}, {1: 9.0, 2: 9.0, 9: 9.0}):
        closed = Curve(own)
        closed.__class__ = Closed
        assert rule(closed) == rule(own)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_rule_is_given_the_same_reports_all_along_and_not_a_copy_for_each(direction):
    sign = 1.0 if direction == "minimize" else -1.0
    given = []

    class Looking(hpo.ASHAPruner):
        def rule(self, history):
            return lambda reports: bool(given.append((reports, dict(reports))))

    study = hpo.Study(SPACE, searcher="random", direction=direction, pruner=Looking())
    live = study.live(study.ask())
    assert not live.should_prune()
    for step, value in ((1, 3.0), (4, 2.0), (1, 5.0)):
        live.report(value, step)
        assert not live.should_prune()
    expected = [{1: 3.0}, {1: 3.0, 4: 2.0}, {1: 5.0, 4: 2.0}]
    assert [seen for _, seen in given] == [{n: sign * v for n, v in seen.items()} for seen in expected]
    assert len({id(reports) for reports, _ in given}) == 1


@pytest.mark.parametrize("n", [3, 4])
def test_medians_are_numpys_to_the_bit(n):
    rng = np.random.default_rng(0)
    values = [math.nan, -math.inf, math.inf, 1.7e308, -1.7e308, 5e-324, 0.1, 0.3, 2.0]
    columns = np.vstack([rng.choice(values, size=(n, 500)), rng.choice(values[1:], size=500)])
    with np.errstate(all="ignore"):
        medians = hpo.pruning._medians(columns)
        assert np.array_equal(medians, [np.nanmedian(column) for column in columns.T], equal_nan=True)


def test_the_bars_are_of_the_values_in_their_order_and_of_every_rung_that_anyone_reached():
    curves = [{1: v} for v in (5.0, 1.0, 4.0, 2.0, 3.0)] + [{1: 6.0, 2: 6.0, 9: 0.5}] * 2
    rule = hpo.ASHAPruner().rule(history(curves))
    assert rule.steps == (1, 3, 9)
    assert rule.bars == (2.0, 0.5, 0.5)


def test_who_first_reports_late_says_nothing_of_the_steps_before():
    curves = [{1: 1.0}, {1: 2.0}, {1: 3.0, 5: 3.0}, {4: 100.0, 5: 100.0}]
    assert hpo.MedianPruner(n_startup=3).rule(history(curves)).bars == (2.0, math.inf, math.inf)


def test_brackets_are_of_the_trials_numbers_where_some_are_not_seen():
    pruner = hpo.HyperbandPruner(max_steps=9)
    inner = [k for k in range(20) if pruner.bracket(k) == 1]
    curves = [{1: 0.0, 3: float(k)} for k in inner]
    seen = History(**{**vars(history(curves, inner[-1])), "numbers": np.array(inner)})
    assert pruner.rule(seen) == hpo.pruning.Rungs((3,), (float(inner[(len(inner) + 1) // 3 - 1]),))


def test_a_trial_that_is_started_again_is_held_to_the_same_rule():
    rules = []

    class Looking(hpo.ASHAPruner):
        def rule(self, history):
            rules.append((history.k, len(history)))
            return super().rule(history)

    study = hpo.Study(SPACE, searcher="random", seed=0, pruner=Looking(), window=2)
    queued = [study.enqueue({"x": k / 4}) for k in range(4)]
    for trial in queued[1:]:
        study.tell(trial, 0.0)
    study.optimize(training, 2, progress=False)
    assert rules == [(0, 0), (4, 3)]


@pytest.mark.parametrize(("order", "n_seen"), [("deterministic", [0, 0, 0, 1]), ("async", [0, 1, 2, 3])])
def test_a_pruner_sees_the_results_that_a_suggestion_does(order, n_seen):
    found = []

    class Looking(hpo.ASHAPruner):
        def rule(self, history):
            found.append(len(history))
            return super().rule(history)

    study = hpo.Study(SPACE, searcher="random", seed=0, pruner=Looking(), window=3)
    study.optimize(training, 4, order=order, progress=False)
    assert found == n_seen


def test_brackets_have_the_sizes_of_hyperband_and_judge_their_own():
    pruner = hpo.HyperbandPruner(max_steps=81, eta=3)
    sizes = np.bincount([pruner.bracket(k) for k in range(81 + 34 + 15 + 8 + 5)])
    assert sizes.tolist() == [81, 34, 15, 8, 5]  # table 1 of the paper
    curves = [dict.fromkeys((1, 3, 9, 27, 81), 0.0)] * 143
    assert pruner.rule(history(curves, 143)).steps == (1, 3, 9, 27)
    assert pruner.rule(history(curves, 143 + 81)).steps == (3, 9, 27)
    assert pruner.rule(history(curves, 142)).steps == ()
    better = [dict.fromkeys(curve, -1.0) if pruner.bracket(k) else curve for k, curve in enumerate(curves)]
    assert pruner.rule(history(better, 143)).bars == (0.0,) * 4


def test_the_sizes_of_brackets_are_whole_numbers_however_large():
    pruner = hpo.HyperbandPruner(3**10)
    third = math.ceil(11 / 10 * 3**9) + 3**10  # first number of the third, of 11 / 9 * 3**8
    assert [pruner.bracket(third + k) for k in (-1, 0, 8018, 8019)] == [1, 2, 2, 3]
    assert hpo.HyperbandPruner(2**62, eta=2).bracket(0) == 0


def test_trials_without_reports_or_values_do_not_count():
    curves = [{}, {}, {1: 1.0}]
    broken = History.build(SPACE, [{"x": 0.5}] * 3, [None, 1.0, None], reports=curves)
    for pruner in (hpo.MedianPruner(n_startup=1), hpo.ASHAPruner(), hpo.HyperbandPruner(9)):
        rule = pruner.rule(broken)
        assert not rule({1: 1e300})
        assert pickle.loads(pickle.dumps(rule))({1: 1e300}) is False


@pytest.mark.parametrize("pruner", [hpo.MedianPruner(n_startup=2), hpo.ASHAPruner(), hpo.HyperbandPruner(9)])
def test_reports_at_the_ends_of_the_floats_are_borne(pruner):
    curves = [{1: 1.7e308 * sign, 2: 1.7e308 * sign, 3: 1.0} for sign in (1, -1, 1, -1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rule = pruner.rule(history(curves, 4))
    assert not rule({1: -1.7e308})
    assert isinstance(rule({1: 0.0, 2: 1.7e308}), bool)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hpo.Study(SPACE, pruner="magic"), "pruner='magic'"),
        (lambda: hpo.Study(SPACE, pruner=hpo.MedianPruner), "pruner="),
        (lambda: hpo.MedianPruner(n_startup=0), "n_startup=0"),
        (lambda: hpo.MedianPruner(warmup=-1), "warmup=-1"),
        (lambda: hpo.ASHAPruner(eta=1), "eta=1"),
        (lambda: hpo.ASHAPruner(min_steps=True), "min_steps=True"),
        (lambda: hpo.HyperbandPruner(0), "max_steps=0"),
        (lambda: hpo.HyperbandPruner(9, min_steps=0), "min_steps=0"),
        (lambda: hpo.HyperbandPruner(9, eta=1), "eta=1"),
    ],
)
def test_unusable_options_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_pruner_of_ones_own_has_to_be_given_again(tmp_path):
    class Strict(hpo.Pruner):
        def rule(self, history):
            return _above_one

    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, searcher="random", seed=0, pruner=Strict(), storage=file)
    study.optimize(training, 4, progress=False)
    assert {str(t.state) for t in study.trials} == {"pruned"}
    with pytest.raises(ValueError, match="give it again as pruner"):
        hpo.load_study(file)
    assert isinstance(hpo.load_study(file, pruner=Strict()).pruner, Strict)


def _above_one(reports):
    return reports[max(reports)] > 1.0


def test_a_pruned_trial_counts_by_what_it_reported_last_and_is_never_the_best():
    ledger = Ledger(SPACE, "maximize")
    ledger.append(Trial(0, {"x": 0.5}))
    ledger.append(Trial(1, {"x": 0.5}, TrialState.PRUNED, reports={1: 3.0, 5: 2.0}))
    assert ledger.best is None
    seen = ledger.history(2, window=None)
    assert seen.numbers.tolist() == [1]
    assert seen.y.tolist() == [-2.0]
    assert list(seen.reports) == [{1: -3.0, 5: -2.0}]  # a row each of those that are seen


@pytest.mark.parametrize(
    ("raised", "reason"), [(hpo.TrialPruned, None), (hpo.TrialPruned("loss: flat"), "loss: flat")]
)
def test_what_an_objective_says_when_it_ends_its_trial_is_kept(raised, reason):
    def objective(params, trial):
        raise raised

    (trial,) = hpo.minimize(objective, SPACE, searcher="random", n_trials=1, progress=False).trials
    assert (trial.state, trial.reason, trial.failure) == ("pruned", reason, None)


@pytest.mark.parametrize("rule", [None, True])
def test_a_pruner_of_ones_own_without_a_rule_is_named_and_costs_no_trial(rule):
    class Ruleless(hpo.Pruner):
        def rule(self, history):
            return rule

    study = hpo.Study(SPACE, searcher="random", pruner=Ruleless())
    with pytest.raises(TypeError, match=r"pruner=.*Ruleless.*: its rule must be a function of reports, not "):
        study.optimize(training, 3, progress=False)
    assert [trial.state for trial in study.trials] == ["queued"]
