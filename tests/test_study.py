"""A study keeps every result, survives its objective, and turns the direction at one place."""

import dataclasses
import math
import pickle
import re
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import hpo
from hpo.book import finished
from hpo.execution import LiveTrial, Options, Outcome
from hpo.ledger import Ledger
from hpo.searchers.base import Searcher
from hpo.trial import Suggestion, Trial, TrialState


class Uniform(Searcher):
    """The simplest searcher, so that these tests are about the study."""

    name = "uniform"

    def suggest(self, space, history, rng):
        return Suggestion(space.decode(space.sample(1, rng))[0], {"seen": len(history)})


SPACE = hpo.Space({"x": hpo.Float(-1.0, 1.0), "n": hpo.Int(1, 9)})


def square(params):
    return params["x"] ** 2


def test_minimize_and_maximize_are_mirror_images():
    low = hpo.minimize(square, SPACE, searcher=Uniform(), n_trials=20, seed=0, progress=False)
    high = hpo.maximize(lambda p: -square(p), SPACE, searcher=Uniform(), n_trials=20, seed=0, progress=False)
    assert [t.params for t in low.trials] == [t.params for t in high.trials]
    assert low.best_value == -high.best_value == min(t.value for t in low.trials)
    assert low.best_params == high.best_params


@pytest.mark.parametrize(
    "returned",
    [
        *(None, "1.5", True, 1j, math.nan, math.inf, 10**400, [1.0], np.ones(1), np.array(True), object()),
        *(np.ma.masked, np.ma.mean(np.ma.masked_all(3))),
    ],
)
def test_a_result_that_is_no_number_fails_its_trial_only(returned):
    values = iter([1.0, returned, 2.0])
    study = hpo.minimize(
        lambda p: next(values), SPACE, searcher=Uniform(), n_trials=3, seed=0, progress=False
    )
    assert [str(t.state) for t in study.trials] == ["complete", "failed", "complete"]
    assert study.trials[1].failure == "invalid value"
    assert "must be a finite real number" in study.trials[1].reason


def test_a_result_without_dimensions_is_the_number_that_it_holds():
    study = hpo.minimize(
        lambda p: np.array(0.25), SPACE, searcher=Uniform(), n_trials=1, seed=0, progress=False
    )
    trial = study.ask()
    assert study.best_value == 0.25
    assert study.tell(trial, np.array(-1, dtype=np.int8), reports={3: np.array(2.5)}).value == -1.0
    assert study.trials[-1].reports == {3: 2.5}


def test_a_negative_zero_is_kept_as_zero(tmp_path):
    study = hpo.minimize(
        lambda p: -0.0, SPACE, searcher="random", n_trials=1, storage=tmp_path / "s.db", progress=False
    )
    of_numpy = study.tell(study.ask(), np.float64(-0.0)).value
    for value in (study.best_value, hpo.load_study(tmp_path / "s.db").best_value, of_numpy):
        assert math.copysign(1.0, value) == 1.0


def test_a_trial_has_a_seed_of_its_own_each_time_it_is_evaluated():
    seeds = [LiveTrial(number, {}, seed).seed for number in range(3) for seed in range(3)]
    assert seeds == [LiveTrial(number, {}, seed).seed for number in range(3) for seed in range(3)]
    drawn = [np.random.SeedSequence(s, spawn_key=(k,)).generate_state(4) for k in range(3) for s in range(3)]
    assert len({*seeds, *np.concatenate(drawn).tolist()}) == 9 + 36  # nor one of its suggestion's words


@pytest.mark.parametrize("pruner", [None, "median"])
def test_the_seed_of_a_trial_is_of_the_studys_seed(pruner):
    for seed in (1, 2):
        study = hpo.Study(SPACE, searcher=Uniform(), seed=seed, pruner=pruner)
        study.optimize(lambda params, trial: trial.seed, 2, progress=False)
        assert [t.value for t in study.trials] == [LiveTrial(k, {}, seed).seed for k in range(2)]


def test_what_an_objective_makes_of_its_trial_changes_no_record():
    def objective(params, trial):
        trial.report(0.5, np.int64(3))
        params["x"] = 99.0
        asked.append(dict(trial.params))
        trial.params["n"] = 99
        return 0.0

    asked = []
    (trial,) = hpo.minimize(objective, SPACE, searcher="random", n_trials=1, seed=0, progress=False).trials
    assert [trial.params] == asked
    assert [(step, type(step)) for step in trial.reports] == [(3, int)]


def test_the_second_argument_is_the_trial_where_it_has_no_default_or_that_name():
    def named(params, trial=None):
        return float(trial.number)

    def required(params, live):
        return float(live.number)

    def default(params, scale=2.0):
        return scale

    def keyword(params, *, scale=2.0):
        return scale

    for objective, value in ((named, 0.0), (required, 0.0), (default, 2.0), (keyword, 2.0)):
        study = hpo.minimize(objective, SPACE, searcher="random", n_trials=1, progress=False)
        assert study.best_value == value


@pytest.mark.parametrize("step", [-1, 2**63, 0.5, True, "1", None])
def test_a_step_is_a_whole_number_that_pruners_can_compare(step):
    trial = LiveTrial(0, {})
    with pytest.raises(ValueError, match=f"step={step!r}: must be a whole number from 0 to"):
        trial.report(0.5, step)
    with pytest.raises(ValueError, match="value=nan: must be a finite real number"):
        trial.report(math.nan, 0)
    assert dict(trial.reports) == {}
    for value in (np.float32(0.5), 0.25):
        trial.report(value, 2**63 - 1)
        assert {s: (v, type(v)) for s, v in trial.reports.items()} == {2**63 - 1: (value, float)}


class Unfloatable(Fraction):
    def __float__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Unfloatable(1, 2), r"is no float \(RuntimeError: no\)"),
        (Fraction(10**400), "value=inf: must be a finite"),
    ],
)
def test_a_number_that_is_no_float_fails_the_trial_that_is_told_it(value, reason):
    study = hpo.Study(SPACE, searcher="random")
    told = study.tell(study.ask(), value)
    assert told.failure == "invalid value"
    assert re.search(reason, told.reason)


def test_a_report_that_is_refused_is_said_to_be_in_the_objective():
    def diverging(params, trial):
        trial.report(float("nan"), step=1)

    study = hpo.Study(SPACE, searcher=Uniform()).optimize(diverging, 1, progress=False)
    where = f"({__file__}:{diverging.__code__.co_firstlineno + 1})"
    assert study.trials[0].reason == f"ValueError: value=nan: must be a finite real number {where}"


def test_a_trial_that_has_reported_nothing_is_not_pruned():
    trial = LiveTrial(0, {}, 0, lambda reports: True)
    assert not trial.should_prune()
    trial.report(1.0, 0)
    assert trial.should_prune()


@pytest.mark.parametrize("state", ["failed", "pruned", "cancelled"])
def test_what_has_no_value_is_not_told_one(state):
    study = hpo.Study(SPACE, searcher="random")
    with pytest.raises(ValueError, match=rf"value=1\.0: a trial that is {state} has none"):
        study.tell(study.ask(), 1.0, state)
    with pytest.raises(ValueError, match=rf"value=<int>: a trial that is {state} has none"):
        study.tell(0, 10**5000, state)  # of too many digits to be written out
    with pytest.raises(ValueError, match="state='running': must be one of 'complete', 'failed'"):
        study.tell(0, state="running")
    assert study.trials[0].state == "running"
    assert (study.tell(0, state=state).failure is None) == (state != "failed")


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit(3), MemoryError()])
def test_an_exception_fails_its_trial_only(error):
    def objective(params, trial):
        if trial.number == 1:
            raise error
        return square(params)

    study = hpo.minimize(objective, SPACE, searcher=Uniform(), n_trials=3, seed=0, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete", "failed", "complete"]
    assert type(error).__name__ in study.trials[1].reason


def test_telling_twice_is_a_no_op_and_differently_an_error():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    trial = study.ask()
    assert study.tell(trial, 1.0) == study.tell(trial, 1.0)
    with pytest.raises(ValueError, match=r"already complete with value 1\.0"):
        study.tell(trial, 2.0)
    with pytest.raises(ValueError, match="trial=7"):
        study.tell(7, 1.0)


@pytest.mark.parametrize(
    "trial", ["0", None, True, 0.0, LiveTrial(0, {})], ids=lambda trial: type(trial).__name__
)
def test_what_is_no_trial_is_refused(trial):
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.ask(), study.ask()
    for use in (lambda: study.tell(trial, 1.0), lambda: study.live(trial)):
        with pytest.raises(ValueError, match=r"trial=.*: must be a trial or its number"):
            use()
    assert {str(t.state) for t in study.trials} == {"running"}


def test_a_trial_of_another_study_is_not_told():
    ours, theirs = (hpo.Study(SPACE, searcher=Uniform(), seed=0) for _ in range(2))
    for study in (ours, theirs):
        study.enqueue({"x": 0.5, "n": 1})
    own = [ours.ask() for _ in range(3)]
    foreign = [theirs.ask() for _ in range(3)]
    assert [t.params for t in foreign] == [t.params for t in own]  # by which they cannot be told apart
    for trial in foreign:
        with pytest.raises(ValueError, match=f"trial={trial.number}: was handed out by another study"):
            ours.tell(trial, 1.0)
    assert all(t.state == "running" for t in ours.trials)
    for trial in own:
        trial.params.clear()
        ours.tell(pickle.loads(pickle.dumps(trial)), 1.0)
    assert all(t.state == "complete" for t in ours.trials)


def test_a_trial_says_how_long_its_suggestion_took(monkeypatch):
    class Slow(Uniform):
        def suggest(self, space, history, rng):
            monkeypatch.setattr("time.perf_counter", lambda: 12.5)
            return super().suggest(space, history, rng)

    monkeypatch.setattr("time.perf_counter", lambda: 10.0)
    assert hpo.Study(SPACE, searcher=Slow()).ask().search_seconds == 2.5


def test_what_a_suggestion_in_async_order_did_not_see_is_in_the_order_of_the_numbers():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    for trial in [study.ask() for _ in range(9)]:
        if trial.number not in (1, 8):
            study.tell(trial, 1.0)
    study.optimize(square, 1, order="async", progress=False)
    assert study.trials[9].info["unseen"] == [1, 8]


@pytest.mark.parametrize("said", [{"value": 1.0}, {"value": math.nan}, {"state": "pruned"}], ids=str)
def test_a_trial_that_is_told_took_as_long_as_since_it_was_asked_for(monkeypatch, said):
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    monkeypatch.setattr("time.monotonic", lambda: 10.0)
    trial = study.ask()
    monkeypatch.setattr("time.monotonic", lambda: 12.5)
    assert study.tell(trial, **said).seconds == 2.5


def test_in_a_copy_of_a_study_nothing_has_been_running(monkeypatch):
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.ask()
    copy = pickle.loads(pickle.dumps(study))
    monkeypatch.setattr("time.monotonic", lambda: -1e6)  # as on a computer that was started later
    assert copy.tell(0, 1.0).seconds == 0.0


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_copy_of_a_stored_study_says_once_that_it_records_nothing_there(tmp_path, is_asked):
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0, storage=tmp_path / "runs.db")
    trial = study.ask()
    copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(study))))
    assert copy.trials == study.trials
    with pytest.warns(UserWarning, match=r"a copy, in memory, of one that is stored.*hpo\.load_study"):
        copy.ask() if is_asked else copy.tell(trial, 1.0)
    with warnings.catch_warnings(action="error"):
        copy.add_trial(trial.params, 1.0)
        pickle.loads(pickle.dumps(hpo.Study(SPACE, searcher=Uniform()))).ask()
    assert len(hpo.load_study(tmp_path / "runs.db", searcher=Uniform()).trials) == 1


def test_a_trial_that_runs_elsewhere_is_not_told(tmp_path):
    study = hpo.Study(SPACE, searcher=Uniform(), storage=tmp_path / "runs.db")
    trial = study.ask()
    elsewhere = hpo.load_study(tmp_path / "runs.db", searcher=Uniform())
    for handed in (0, elsewhere.trials[0]):
        with pytest.raises(ValueError, match="trial=0: runs elsewhere"):
            elsewhere.tell(handed, 1.0)
    assert study.tell(trial, 2.0).value == 2.0
    with pytest.raises(ValueError, match=r"trial=0: already complete with value 2\.0"):
        elsewhere.tell(0, 1.0)


def test_a_trial_is_known_again_after_its_study_was_opened_anew(tmp_path):
    study = hpo.Study(SPACE, searcher=Uniform(), storage=tmp_path / "s.db")
    asked = [study.ask(), study.ask()]
    del study
    again = hpo.load_study(tmp_path / "s.db", searcher=Uniform())
    assert again.ask().number == 0  # its second attempt
    for trial in asked:
        again.tell(trial, 1.0)
    assert again.trials[1].value == 1.0


@pytest.mark.parametrize("is_stored", [False, True])
def test_an_interrupt_takes_no_result_back(tmp_path, is_stored):
    study = hpo.Study(SPACE, searcher=Uniform(), storage=tmp_path / "s.db" if is_stored else None)

    def objective(params, trial):
        study.tell(trial.number, 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, 1, progress=False)
    assert [(str(t.state), t.value) for t in study.trials] == [("complete", 1.0)]
    assert study.ask().number == 1


def test_queued_trials_come_first_and_added_results_count():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.add_trial({"x": 0.5, "n": 2}, 0.25)
    study.enqueue({"n": 3, "x": 0.0})
    study.optimize(square, n_trials=2, progress=False)
    assert [t.params["n"] for t in study.trials[:2]] == [2, 3]
    assert study.best_trial.number == 1
    for give in (study.enqueue, lambda params: study.add_trial(params, 0.0)):
        with pytest.raises(ValueError, match="'x'=2"):
            give({"x": 2, "n": 3})
    assert len(study.trials) == 3


def test_window_hides_the_newest_results():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0, window=4)
    study.optimize(square, n_trials=10, progress=False)
    assert [t.info["seen"] for t in study.trials] == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_the_order_of_a_run_ends_with_it():
    def nested(study, trial):
        if trial.number == 0:
            study.optimize(square, 2, progress=False)

    study = hpo.Study(SPACE, searcher=Uniform(), seed=0, window=4)
    study.optimize(square, 2, order="async", callbacks=[nested], progress=False)
    study.ask()
    assert [t.info for t in study.trials] == [
        {"seen": 0, "unseen": []}, {"seen": 0}, {"seen": 0}, {"seen": 3, "unseen": []}, {"seen": 1}
    ]  # fmt: skip


class NewestFirst:
    """Three trials at a time, of which the newest ends first."""

    capacity = 3

    def __init__(self):
        self._running = []

    def submit(self, live):
        self._running.append(live.number)

    def wait(self, timeout):
        return [(self._running.pop(), Outcome(TrialState.COMPLETE, 1.0))]

    def close(self, *, kill):
        assert not kill


def test_a_suggestion_waits_for_the_results_before_its_window():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0, window=3)
    study._run(NewestFirst(), Options(n_trials=8, progress=False))
    assert [t.info["seen"] for t in study.trials] == [0, 0, 0, 1, 2, 3, 4, 5]


@pytest.mark.filterwarnings("ignore:window=")
@pytest.mark.parametrize(
    ("pruner", "window", "n_at_a_time"), [(None, 1, 3), ("median", 3, 3), ("median", 2, 2)]
)
def test_queued_trials_wait_for_none_unless_a_pruner_looks_at_what_came_before(pruner, window, n_at_a_time):
    study = hpo.Study(SPACE, searcher=Uniform(), pruner=pruner, window=window)
    for _ in range(6):
        study.enqueue({"x": 0.5, "n": 1})
    ended = []
    callbacks = (lambda study, trial: ended.append(trial.number),)
    study._run(NewestFirst(), Options(n_trials=6, callbacks=callbacks, progress=False))
    assert ended[0] == n_at_a_time - 1
    assert sorted(ended) == list(range(6))


def test_what_a_callback_queues_is_tried_although_the_searcher_has_nothing_left():
    def again(study, trial):
        if trial.number == 0:
            study.enqueue(trial.params)

    study = hpo.Study({"n": hpo.Int(1, 2)}, searcher="grid", window=3)
    study._run(NewestFirst(), Options(callbacks=(again,), progress=False))
    assert [str(t.state) for t in study.trials] == ["complete"] * 3


def test_history_is_read_only_and_keeps_pending_apart():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    first, second, third = study.ask(), study.ask(), study.ask()
    study.tell(second, 4.0)
    study.tell(third, state="failed")
    history = study._book.ledger.history(3, window=None)
    assert history.numbers.tolist() == [1, 2]
    assert history.y[0] == 4.0
    assert history.failed.tolist() == [False, True]
    assert (len(history.infos[:]), len(history.infos[1:]), len(history.pending_infos[:])) == (2, 1, 1)
    np.testing.assert_array_equal(history.pending, SPACE.encode([first.params]))
    for column in (history.X, history.y, history.numbers, history.pending):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


def test_a_history_of_a_window_shows_nothing_after_it_where_results_are_missing_before():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    trials = [study.ask() for _ in range(5)]
    for trial in trials[1:]:
        study.tell(trial, 1.0)
    history = study._book.ledger.history(5, window=3)
    assert history.numbers.tolist() == [1, 2]
    np.testing.assert_array_equal(history.pending, SPACE.encode([trials[k].params for k in (0, 3, 4)]))
    assert study._book.ledger.history(5, window=None).numbers.tolist() == [1, 2, 3, 4]


def test_trials_are_kept_in_the_order_of_their_numbers_without_gaps():
    ledger = Ledger(SPACE, "minimize")
    with pytest.raises(ValueError, match="number=1: the next trial of this study has number 0"):
        ledger.merge(Trial(1, {"x": 0.5, "n": 1}))
    assert len(ledger) == 0


def test_many_trials_at_once_are_as_one_after_the_other():
    at_once, one_by_one = Ledger(SPACE, "maximize"), Ledger(SPACE, "maximize")
    trials = [Trial(k, {"x": 0.5, "n": 1}, TrialState.COMPLETE, value=float(k)) for k in range(40)]
    at_once.extend(trials)
    for trial in trials:
        one_by_one.append(trial)
    for ledger in (at_once, one_by_one):
        assert ledger.best is trials[39]
        history = ledger.history(40, window=1)
        assert history.numbers.tolist() == list(range(40))
        assert history.y.tolist() == [-float(k) for k in range(40)]


def test_a_history_of_finished_trials_is_no_copy_whichever_ended_first():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    for trial in reversed([study.ask() for _ in range(3)]):
        study.tell(trial, 1.0)
    assert np.shares_memory(study._book.ledger.history(3, window=1).y, study._book.ledger._y)


def test_of_queued_trials_the_first_comes_first_whichever_was_queued_first():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    for _ in range(3):
        study.ask()
    for k in (1, 2, 0):
        study._book.requeue(k, 1)
    assert [study.ask().number for _ in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_equals_the_earliest_is_the_best_whichever_ended_first(direction):
    study = hpo.Study(SPACE, direction=direction, searcher=Uniform(), seed=0)
    for trial in reversed([study.ask() for _ in range(3)]):
        study.tell(trial, 1.0)
    assert study.best_trial.number == 0


@pytest.mark.parametrize("field", ["values", "infos", "reports", "pending_infos"])
def test_a_history_has_as_much_of_everything_as_it_has_trials(field):
    fields = {"values": [1.0, 2.0], "infos": [{}, {}], "reports": [{}, {}], "pending_infos": [{}, {}]}
    some = [{"x": 0.25}, {"x": 0.5}]
    space = {"x": hpo.Float(0, 1)}
    assert len(hpo.History.build(hpo.Space(space), some, pending=iter(some), **fields)) == 2
    fields[field] = fields[field][:1]
    with pytest.raises(ValueError, match=f"{field}: must be as many as there are trials, 2, not 1"):
        hpo.History.build(hpo.Space(space), some, pending=iter(some), **fields)


def test_another_history_is_made_of_one_by_replace():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.tell(study.ask(), 4.0)
    history = study._book.ledger.history(1, window=None)
    shifted = dataclasses.replace(history, y=history.y + 1, k=7)
    assert (shifted.y.tolist(), shifted.k, shifted.numbers.tolist(), len(shifted)) == ([5.0], 7, [0], 1)
    np.testing.assert_array_equal(shifted.X, history.X)
    assert (history.y.tolist(), history.k) == ([4.0], 1)


def test_a_history_made_by_replace_knows_what_failed_and_what_was_cancelled():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    for outcome in ({"value": 4.0}, {"state": "failed"}, {"state": "cancelled"}):
        study.tell(study.ask(), **outcome)
    history = study._book.ledger.history(3, window=None)
    for made in (history, dataclasses.replace(history, k=9), pickle.loads(pickle.dumps(history))):
        assert made.failed.tolist() == [False, True, False]
        assert made.cancelled.tolist() == [False, False, True]


def test_a_wide_dataframe_takes_a_few_words_a_value():
    space = hpo.Space({f"x{j}": hpo.Float(0.0, 1.0) for j in range(200)})
    study = hpo.Study(space, searcher="random", seed=0).optimize(lambda p: p["x0"], 200, progress=False)
    expected = study.dataframe()  # which loads pandas
    tracemalloc.start()
    try:
        frame = study.dataframe()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * 200 * 200
    pd.testing.assert_frame_equal(frame, expected)
    assert frame["params_x199"].tolist() == [t.params["x199"] for t in study.trials]


def test_dataframe_has_a_row_a_trial():
    study = hpo.minimize(square, SPACE, searcher=Uniform(), n_trials=4, seed=0, progress=False)
    frame = study.dataframe()
    assert frame["number"].tolist() == [0, 1, 2, 3]
    assert frame["value"].tolist() == [t.value for t in study.trials]
    for name in SPACE.names:
        assert frame[f"params_{name}"].tolist() == [t.params[name] for t in study.trials]
    for name in ("seconds", "search_seconds"):
        assert frame[name].tolist() == [getattr(t, name) for t in study.trials]
    assert [type(state) for state in frame["state"]] == [str] * 4
    study.tell(study.ask(), state="failed", reason="too far")
    assert study.dataframe()[["state", "failure", "reason"]].iloc[-1].tolist() == [
        "failed", "exception", "too far",
    ]  # fmt: skip


def test_a_parameter_that_a_trial_has_not_is_an_empty_cell():
    space = {"kind": ["a", "b"], "x": hpo.Float(0, 1, when={"kind": "a"})}
    study = hpo.Study(space, searcher=Uniform())
    for params in ({"kind": "b"}, {"kind": "a", "x": 0.5}):
        study.add_trial(params, 1.0)
    assert study.dataframe()["params_x"].isna().tolist() == [True, False]


def test_whole_numbers_stay_whole_beside_an_empty_cell():
    space = {
        "kind": ["a", "b"],
        "n": hpo.Int(0, 2**53, when={"kind": "a"}),
        "choice": hpo.Ordinal([1, 2**63 + 1], when={"kind": "a"}),
    }
    study = hpo.Study(space, searcher=Uniform())
    study.add_trial({"kind": "b"}, 1.0)
    for n, choice in ((2**53 - 1, 1), (0, 2**63 + 1)):
        study.add_trial({"kind": "a", "n": n, "choice": choice}, 1.0)
        frame = study.dataframe()
        assert frame["params_n"].dropna().tolist()[-1] == n
        assert frame["params_choice"].dropna().tolist()[-1] == choice
        assert frame[["params_n", "params_choice"]].isna().all(axis=1).tolist() == [True] + [False] * (
            len(frame) - 1
        )
    assert frame.to_csv(columns=["params_n"], index=False).split() == ["params_n", '""', str(2**53 - 1), "0"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [(2**63 - 1, "Int64"), (-(2**63), "Int64"), (2**63, "object"), (-(2**63) - 1, "object")],
)
def test_a_column_beside_an_empty_cell_is_of_whole_numbers_as_far_as_they_go(number, kind):
    study = hpo.Study({"kind": ["a", "b"], "n": hpo.Categorical([number, 0], when={"kind": "a"})})
    for params in ({"kind": "a", "n": number}, {"kind": "b"}):
        study.add_trial(params, 1.0)
    column = study.dataframe()["params_n"]
    assert (column[0], str(column.dtype)) == (number, kind)


def test_a_trial_that_runs_elsewhere_by_now_is_none_of_this_run(monkeypatch):
    def kept(number, attempt, outcome):
        return study.trials[0] if number == 0 else finish(number, attempt, outcome)

    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    finish, seen = study._book.finish, []
    monkeypatch.setattr(study._book, "finish", kept)
    study.optimize(square, 2, callbacks=[lambda study, trial: seen.append(trial.number)], progress=False)
    assert seen == [1, 2]


def test_callbacks_and_stop():
    seen = []

    def stop_after_three(study, trial):
        seen.append(trial.number)
        if len(seen) == 3:
            study.stop()

    hpo.minimize(
        square, SPACE, searcher=Uniform(), n_trials=9, seed=0, callbacks=[stop_after_three], progress=False
    )
    assert seen == [0, 1, 2]


def test_a_study_that_was_stopped_goes_on_when_it_is_run_again():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.optimize(square, 9, callbacks=[lambda study, _: study.stop()], progress=False)
    assert len(study.trials) == 1
    study.optimize(square, 2, progress=False)
    assert len(study.trials) == 3


def test_no_trial_begins_after_the_timeout():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    study.optimize(square, 3, timeout=0, progress=False)
    assert study.trials == ()
    study.optimize(square, 3, timeout=1e6, progress=False)
    assert len(study.trials) == 3


def test_a_study_without_a_seed_has_one_of_its_own():
    first, second = (hpo.Study(SPACE, searcher=Uniform()) for _ in range(2))
    assert first.seed != second.seed
    assert first.ask().params != second.ask().params


class Told:
    """A progress line that keeps what it is told."""

    def __init__(self, enabled, total, timeout, best):
        self.before, self.updates, self.messages = best, [], []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def update(self, n_done, best):
        self.updates.append((n_done, None if best is None else best.number))

    def say(self, message):
        self.messages.append(message)


def test_the_progress_line_is_told_the_best_and_why_the_search_ends(monkeypatch):
    lines = []

    def line(*arguments):
        lines.append(Told(*arguments))
        return lines[-1]

    monkeypatch.setattr("hpo.study.Progress", line)
    values = iter([math.nan, 2.0, 3.0, 1.0])
    study = hpo.Study({"n": hpo.Int(1, 4)}, searcher="grid")
    study.optimize(lambda params: next(values), 3)
    study.optimize(lambda params: next(values))
    assert [line.updates for line in lines] == [[(1, None), (2, 1), (3, 1)], [(1, 3)]]
    assert [line.before and line.before.number for line in lines] == [None, 1]
    assert lines[0].messages == []
    assert lines[1].messages == ["nothing is left to try: the search ends here"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "up"}, "direction='up': must be 'minimize' or 'maximize'"),
        ({"seed": -1}, "seed=-1"),
        ({"window": 0}, "window=0"),
        ({"searcher": "magic"}, "searcher='magic'"),
        ({"name": ""}, "name='': must be a string of at least one character"),
        ({"name": 3}, "name=3"),
    ],
)
def test_unusable_options_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        hpo.Study(SPACE, **{"searcher": Uniform(), **options})


def test_the_recommendation_is_not_the_luckiest_trial():
    study = hpo.Study({"x": hpo.Float(0.0, 1.0)}, searcher=Uniform(), seed=0)
    for x in np.linspace(0, 1, 21):
        study.add_trial({"x": x}, (x - 0.5) ** 2)
    study.add_trial({"x": 0.02}, -0.05)  # luck: its neighbours, at about 0.23, deny it
    assert study.best_params["x"] == 0.02
    assert abs(study.recommend().params["x"] - 0.5) <= 0.15


def test_a_jagged_function_without_noise_is_not_taken_for_luck():
    rng = np.random.default_rng(0)
    recommended = []
    for _ in range(5):
        study = hpo.Study({"x": hpo.Float(-1, 1), "y": hpo.Float(-1, 1)})
        for x, y in rng.uniform(-1, 1, (40, 2)):
            value = x * x + y * y - 0.1 * np.cos(31 * x) * np.cos(37 * y)
            study.add_trial({"x": x, "y": y}, value)
        recommended.append(study.recommend().number == study.best_trial.number)
    assert sum(recommended) >= 4


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_many_trials_one_of_the_best_is_recommended(monkeypatch, direction):
    monkeypatch.setattr("hpo.recommendation.MAX_POINTS", 8)
    study = hpo.Study({"x": hpo.Float(0.0, 1.0)}, direction=direction, searcher=Uniform(), seed=0)
    for x in np.linspace(0, 1, 21):
        study.add_trial({"x": x}, (x - 0.5) ** 2 if direction == "minimize" else -((x - 0.5) ** 2))
    assert study.recommend().params["x"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_a_recommendation_has_no_scale(scale):
    studies = [hpo.Study({"x": hpo.Float(0.0, 1.0)}, searcher=Uniform()) for _ in range(2)]
    for x in (*np.linspace(0, 1, 21), 0.02):
        for study, c in zip(studies, (1, scale)):
            study.add_trial({"x": x}, c * (-0.05 if x == 0.02 else (x - 0.5) ** 2))  # luck, as above
    assert studies[0].recommend().number == studies[1].recommend().number != studies[0].best_trial.number


def test_of_equals_the_earliest_is_recommended():
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(lambda params: 1.0, 40, progress=False)
    assert study.recommend().number == 0


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0), (2.0, 1.0)])
def test_of_two_trials_the_better_one_is_recommended(values):
    for direction in ("minimize", "maximize"):
        study = hpo.Study({"x": hpo.Float(0, 1)}, direction=direction)
        for k, value in enumerate(values):
            study.add_trial({"x": k / 4}, value)
        assert study.recommend().number == study.best_trial.number


def test_nothing_complete_nothing_recommended():
    study = hpo.Study(SPACE, searcher=Uniform(), seed=0)
    with pytest.raises(ValueError, match="study: none of the 0 trials"):
        study.recommend()


def test_a_finished_trial_keeps_all_that_its_outcome_does_not_say():
    running = Trial(**{f.name: object() for f in dataclasses.fields(Trial)})  # later fields, too
    outcome = Outcome(TrialState.FAILED, None, "timeout", "after 3 s", {0: 1.0}, 3.0)
    found = finished(running, 2, outcome)
    said = {f.name: getattr(outcome, f.name) for f in dataclasses.fields(Outcome)}
    assert found == dataclasses.replace(running, attempt=2, finished=found.finished, **said)


def test_what_is_done_to_a_trial_that_was_handed_out_stays_out_of_the_study(tmp_path):
    space = {
        "x": hpo.Float(0, 1),
        "layers": hpo.Categorical([[8], [8, 8]]),
        "block": hpo.Categorical([("conv", [3]), ("pool", [2])]),
    }
    study = hpo.Study(space, searcher="random", seed=0, storage=tmp_path / "s.db")
    asked = []

    def spoil(trial):
        trial.params.pop("x", None)
        trial.params["layers"].append(1)
        trial.params["block"][1].append(1)

    def spoiling(params):
        asked.append(deepcopy(params))
        params.pop("x")
        params["layers"].append(1)
        params["block"][1].append(1)
        return 1.0

    for _ in range(4):
        trial = study.ask()
        asked.append(deepcopy(trial.params))
        spoil(trial)
        spoil(study.tell(trial, 2.0))
    study.optimize(spoiling, 4, callbacks=[lambda _, trial: spoil(trial)], progress=False)
    for trial in (
        study.best_trial,
        study.recommend(),
        study.enqueue(asked[0]),
        study.add_trial(asked[0], 3.0),
    ):
        spoil(trial)
    study.best_params["layers"].append(1)
    assert [t.params for t in study.trials] == [*asked, asked[0], asked[0]]
    assert study.space.parameters["layers"].choices == ([8], [8, 8])
    assert study.space.parameters["block"].choices == (("conv", [3]), ("pool", [2]))
    again = hpo.load_study(tmp_path / "s.db", space=space)
    assert [t.params for t in again.trials] == [*asked, asked[0], asked[0]]


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_queued_trial_is_told_by_what_enqueue_returned(tmp_path, is_stored):
    study = hpo.Study(SPACE, searcher=Uniform(), storage=tmp_path / "s.db" if is_stored else None)
    queued, other = (study.enqueue({"x": x, "n": 1}) for x in (0.5, 0.25))
    assert study.ask().number == queued.number
    assert study.tell(queued, 0.25).state == "complete"
    assert study.tell(other, 0.5).value == 0.5  # without having been asked for
    assert [t.value for t in study.trials] == [0.25, 0.5]


def test_a_pruned_trial_is_not_recommended():
    def lower_at_first(params, trial):
        trial.report(params["x"] - 10, 0)
        if params["n"] > 3:
            raise hpo.TrialPruned
        return params["x"]

    study = hpo.Study(SPACE, searcher="random", seed=0).optimize(lower_at_first, 12, progress=False)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert study.recommend().state is TrialState.COMPLETE
    pruned = hpo.Study(SPACE, searcher="random", seed=0)
    pruned.optimize(lambda params, trial: lower_at_first({**params, "n": 9}, trial), 4, progress=False)
    with pytest.raises(ValueError, match="none of the 4 trials is complete"):
        pruned.recommend()


def test_more_workers_than_the_window_lets_run_is_said():
    study = hpo.Study(SPACE, searcher="random", window=1)
    with pytest.warns(UserWarning, match="window=1.*3 could"):
        study.optimize(square, 3, n_jobs=3, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(square, 3, n_jobs=3, order="async", progress=False)
        with ThreadPoolExecutor(1) as executor:  # as many as the window
            study.optimize(square, 3, executor=executor, progress=False)


@pytest.mark.parametrize(
    "space",
    [
        hpo.Space({"x": hpo.Float(0, 1)}, constraints=[lambda p: p["typo"] > 0]),
        hpo.Space({"x": hpo.Float(0, 1)}, constraints=[lambda p: p["x"] > 2]),
    ],
)
def test_a_space_that_cannot_be_searched_leaves_no_study_behind(tmp_path, space):
    for _ in range(2):  # the second would find one of its name
        with pytest.raises(hpo.SpaceError):
            hpo.minimize(square, space, n_trials=2, storage=tmp_path / "s.db", progress=False)


def test_a_space_with_constraints_is_at_its_end_when_all_of_it_was_tried():
    space = hpo.Space({"n": hpo.Int(1, 3)}, constraints=[lambda p: p["n"] < 3])
    study = hpo.Study(space, searcher="grid").optimize(lambda params: 1.0, progress=False)
    assert sorted(t.params["n"] for t in study.trials) == [1, 2]


class OfAFirstTrial(Searcher):
    """Has nothing to say of its own before there is a trial."""

    name = "of a first trial"

    def suggest(self, space, history, rng):
        if not len(history):
            raise RuntimeError("give a first trial with add_trial")
        return Suggestion(space.decode(history.X[:1])[0])


def test_a_searcher_that_needs_a_first_trial_can_be_stored(tmp_path):
    study = hpo.Study(SPACE, searcher=OfAFirstTrial(), storage=tmp_path / "s.db")
    study.add_trial({"x": 0.5, "n": 1}, 1.0)
    assert study.ask().params == {"x": 0.5, "n": 1}


class Says(Searcher):
    name = "says"

    def __init__(self, suggestion):
        self.suggestion = suggestion

    def suggest(self, space, history, rng):
        return self.suggestion


@pytest.mark.parametrize(
    ("suggestion", "error", "message"),
    [
        (None, TypeError, "must suggest an hpo.Suggestion, not None"),
        (Suggestion({"x": 0.5, "n": 1}, {"at": np.zeros(2)}), TypeError, r"searcher=.*info=.*plain JSON"),
        (Suggestion({"x": 0.5, "n": 1}, None), TypeError, "searcher=.*info=None: must be plain JSON"),
        (Suggestion({"x": 7.0, "n": 1}), hpo.SpaceError, r"searcher=.*'x'=7.0: must be a number from -1.0"),
        (Suggestion({"x": 0.5}), hpo.SpaceError, r"searcher=.*'n': has no value"),
        (Suggestion({"x": 0.5, "n": 1, "m": 2}), hpo.SpaceError, r"searcher=.*'m': not in the space"),
    ],
)
def test_what_is_suggested_by_a_searcher_of_ones_own_is_a_configuration(suggestion, error, message):
    study = hpo.Study(SPACE, searcher=Says(suggestion))
    with pytest.raises(error, match=message):
        study.optimize(square, n_trials=1, progress=False)
    assert study.trials == ()


def test_what_is_suggested_as_numpys_numbers_is_tried_as_pythons(tmp_path):
    suggestion = Suggestion({"x": np.float32(0.5), "n": np.int64(3)})
    trial = hpo.Study(SPACE, searcher=Says(suggestion), storage=tmp_path / "s.db").ask()
    assert repr(trial.params) == repr({"x": 0.5, "n": 3})


def test_a_copy_of_a_choice_is_the_choice():
    choices = [[np.zeros(2), 1], {"w": np.ones(2)}, np.arange(3), [1, 2]]
    study = hpo.Study({"c": hpo.Categorical(choices)}, searcher="grid")
    for _ in choices:
        trial = study.ask()
        assert repr(study.enqueue(trial.params).params) == repr(trial.params)
        study.tell(study.ask(), 1.0)
    with pytest.raises(hpo.SpaceError, match="must be one of"):
        study.enqueue({"c": [np.ones(2), 1]})


def _fails_but_once(params, trial):
    return 1.0 if trial.number == 1 else None


def test_when_every_trial_fails_it_is_said_why():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.warns(UserWarning, match=r"all 3 trials failed; .*AttributeError: 'dict' object has no"):
        study.optimize(lambda params: params.x, n_trials=3, progress=False)
    with warnings.catch_warnings():  # not where one of them is another, nor of two
        warnings.simplefilter("error")
        hpo.Study(SPACE, searcher="random").optimize(_fails_but_once, n_trials=4, progress=False)
        hpo.Study(SPACE, searcher="random").optimize(lambda params: None, n_trials=2, progress=False)
    for name in ("best_trial", "best_value", "best_params"):
        with pytest.raises(ValueError, match=r"^study: none of the 3 trials is complete; the latest .*'x'"):
            getattr(study, name)
    assert repr(study) == "<Study 'study': minimize over 2 parameters with RandomSearcher, 3 trials>"
    study.add_trial({"x": 0.5, "n": 1}, 0.25)
    assert repr(study).endswith("RandomSearcher, 4 trials, best_value=0.25>")


def test_only_a_failure_that_says_why_is_the_latest_failure():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    for state, reason in (("failed", "first"), ("failed", "second"), ("failed", None), ("cancelled", "no")):
        study.tell(study.ask(), state=state, reason=reason)
    with pytest.raises(ValueError, match=r"trials is complete; the latest failure is exception: second$"):
        study.recommend()


def test_a_failure_says_where_it_was_raised_and_a_trial_how_long_it_took(monkeypatch):
    def objective(params):
        monkeypatch.setattr("time.perf_counter", lambda: 1e9)
        error = SyntaxError("odd")
        error.lineno, error.text = 1, 3  # of which Python itself makes no message
        raise error

    monkeypatch.setattr("time.perf_counter", lambda: 1e9 - 2.5)
    study = hpo.Study(SPACE, searcher=Uniform()).optimize(objective, 1, progress=False)
    line = objective.__code__.co_firstlineno + 4
    assert study.trials[0].reason == f"SyntaxError ({__file__}:{line})"
    assert study.trials[0].seconds == 2.5


def test_a_study_without_trials_is_a_table_without_rows():
    frame = hpo.Study(SPACE, searcher="random").dataframe()
    assert len(frame) == 0
    assert [*frame.columns][:3] == ["number", "state", "value"]
    assert [str(frame[name].dtype) for name in ("state", "failure", "reason")] == ["object"] * 3


def test_columns_of_numbers_are_numbers_also_where_there_are_none():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    for _ in range(3):
        assert study.dataframe()[["number", "value", "seconds", "search_seconds"]].dtypes.tolist() == [
            np.dtype(kind) for kind in (int, float, float, float)
        ]
        study.tell(study.ask(), state="failed")


@pytest.mark.parametrize("is_stored", [False, True])
def test_the_reason_of_a_failure_is_kept_as_text(tmp_path, is_stored):
    study = hpo.Study(
        {"x": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "r.db" if is_stored else None
    )
    trial = study.ask()
    with pytest.raises(ValueError, match=r"reason=3: must be a string, an exception or None"):
        study.tell(trial, state="failed", reason=3)
    told = study.tell(trial, state="failed", reason=RuntimeError("no more memory"))
    assert told.reason == study.trials[0].reason == "RuntimeError: no more memory"
    assert study.tell(study.ask(), state="failed", reason="as it is" * 1000).reason == "as it is" * 1000


@pytest.mark.parametrize("is_stored", [False, True])
def test_what_is_said_of_a_trial_is_kept_whatever_its_value(tmp_path, is_stored):
    storage = tmp_path / "r.db" if is_stored else None
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", name="s", storage=storage)
    study.tell(study.ask(), 0.5, reason="on half of the data")
    study.tell(study.ask(), float("nan"), reason="diverged")
    study.tell(study.ask(), float("nan"))
    found = hpo.load_study(storage, "s").trials if is_stored else study.trials
    assert [t.reason for t in found[:2]] == ["on half of the data", "diverged"]
    assert [t.failure for t in found] == [None, "invalid value", "invalid value"]
    assert found[2].reason == "value=nan: must be a finite real number"
