"""A study of one or two coordinators against the plainest model of it: a list of rows."""

import math
import pickle
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import hpo
from hpo.searchers.base import generator

WHO = st.integers(0, 1)
X = st.sampled_from([0.0, 0.125, 0.5, 1.0])  # which the unit cube holds to the bit
SAID = st.sampled_from(
    [(0.0, None), (1.5, None), (math.nan, None), (None, None), (None, "pruned"), (None, "cancelled")]
)
CURVE = st.sampled_from([None, {}, {1: -2.0}, {5: 0.5, 2: 3.0}])  # not in the order of their steps


class Looking(hpo.Searcher):
    """Draws, and notes what it was shown."""

    name = "looking"

    def suggest(self, space, history, rng):
        shown = {
            "numbers": history.numbers.tolist(),
            "y": [None if math.isnan(y) else y for y in history.y.tolist()],
            "x": history.X[:, 0].tolist(),
            "pending": history.pending[:, 0].tolist(),
            "k": history.k,
            "reports": [sorted(map(list, reports.items())) for reports in history.reports],
        }
        return hpo.Suggestion({"x": rng.random()}, shown)


@dataclass(frozen=True)
class NoneBetter(hpo.Pruner):
    """Ends a trial where another that is seen has a better last report."""

    def rule(self, history):
        lasts = [last(reports) for reports in history.reports if reports]
        return AtMost(min(lasts, default=math.inf))


@dataclass(frozen=True)
class AtMost:
    bar: float

    def __call__(self, reports):
        return last(reports) > self.bar


def last(reports):
    return reports[max(reports)]


@dataclass
class Row:
    """What a trial must be; `who` runs it, and `y` is what searchers are shown in the study's direction."""

    x: float
    state: str
    value: float | None = None
    attempt: int = 0
    who: int | None = None
    y: float | None = None
    reports: dict[int, float] = field(default_factory=dict)

    def end(self, state, value, attempt, reports):
        self.state, self.value, self.attempt, self.who = state, value, attempt, None
        self.reports = dict(reports or {})
        self.y = last(reports) if state == "pruned" and reports else value

    @property
    def record(self):
        return self.x, self.state, self.value, self.attempt, self.reports


def record(trial):
    return trial.params["x"], str(trial.state), trial.value, trial.attempt, dict(trial.reports)


def outcome(value, state):
    """How a trial ends of which this is told."""
    if state is not None:
        return state, None
    return ("failed", None) if value is None or math.isnan(value) else ("complete", value)


def objective(params, trial):
    trial.report(params["x"] - 1, 3)
    trial.report(params["x"] + 1, 1)
    if params["x"] < 0.2 or trial.should_prune():
        raise hpo.TrialPruned
    if params["x"] < 0.4:
        raise RuntimeError("too small")
    return params["x"]


class StudyModel(RuleBasedStateMachine):
    """Random asks, tells, queues, runs, interrupts and deaths."""

    is_stored = True

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "runs.db"
        self.rows = []
        self.handed_out = []
        self.n_late = 0

    @initialize(window=st.integers(1, 4), direction=st.sampled_from(["minimize", "maximize"]))
    def begin(self, window, direction):
        self.window, self.sign = window, 1.0 if direction == "minimize" else -1.0
        storage = self.file if self.is_stored else None
        study = hpo.Study(
            {"x": hpo.Float(0, 1)}, direction=direction, searcher=Looking(), pruner=NoneBetter(), seed=5,
            window=window, storage=storage,
        )  # fmt: skip
        self.studies = [study, self._loaded() if self.is_stored else study]

    # -- what can be done ----------------------------------------------------------------------

    @rule(who=WHO)
    def ask(self, who):
        trial = self.studies[who].ask()
        assert trial.number == self._start(who)
        self.handed_out.append(trial)
        self._is_up_to_date(who)

    @rule(who=WHO, x=X)
    def enqueue(self, who, x):
        self.handed_out.append(self.studies[who].enqueue({"x": x}))
        self.rows.append(Row(x, "queued"))
        self._is_up_to_date(who)

    @rule(who=WHO, x=X, said=SAID, curve=CURVE)
    def add_trial(self, who, x, said, curve):
        self.studies[who].add_trial({"x": x}, *said, reports=curve)
        self.rows.append(Row(x, ""))
        self.rows[-1].end(*outcome(*said), 1, curve)
        self._is_up_to_date(who)

    @rule(who=WHO, number=st.integers(-1, 12), said=SAID, curve=CURVE)
    def tell_by_number(self, who, number, said, curve):
        self._tell(who, number, number, said, curve, None)

    @rule(who=WHO, data=st.data(), said=SAID, curve=CURVE)
    def tell_what_was_handed_out(self, who, data, said, curve):
        if self.handed_out:
            trial = data.draw(st.sampled_from(self.handed_out))
            self._tell(who, trial, trial.number, said, curve, trial.attempt or None)

    @rule(who=WHO, number=st.integers(-1, 12))
    def live(self, who, number):
        study = self.studies[who]
        if not 0 <= number < len(study.trials):
            with pytest.raises(ValueError, match=f"trial={number}"):
                study.live(number)
            return
        live = study.live(number)
        assert (live.number, live.params) == (number, {"x": self.rows[number].x})
        assert not live.should_prune()
        for step, value in ((4, 1.0), (2, 9.0)):
            live.report(value * self.sign, step)
        assert live.should_prune() == self._is_ended(number, live.reports, study.trials)

    @rule(who=WHO, n=st.integers(1, 3))
    def optimize(self, who, n):
        self.studies[who].optimize(objective, n, progress=False)
        for _ in range(n):
            number = self._start(who)
            row = self.rows[number]
            curve = {3: row.x - 1, 1: row.x + 1}
            if row.x < 0.2 or self._is_ended(number, curve, self.rows):
                row.end("pruned", None, row.attempt, curve)
            elif row.x < 0.4:
                row.end("failed", None, row.attempt, curve)
            else:
                row.end("complete", row.x, row.attempt, curve)
        self._is_up_to_date(who)

    @rule(who=WHO)
    def interrupt(self, who):
        def interrupted(params):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.studies[who].optimize(interrupted, 1, progress=False)
        row = self.rows[self._start(who)]
        row.state, row.who = "queued", None
        self._is_up_to_date(who)

    @rule(who=WHO)
    def open_anew(self, who):
        if not self.is_stored:
            self.studies = [pickle.loads(pickle.dumps(self.studies[0]))] * 2
            return
        self.studies[who] = None  # the study dies, and what ran there is queued again
        self.studies[who] = self._loaded()
        for row in self.rows:
            if row.who == who:
                row.state, row.who = "queued", None
        self._is_up_to_date(who)

    # -- what must come of it --------------------------------------------------------------------

    def _loaded(self):
        return hpo.load_study(self.file, searcher=Looking(), pruner=NoneBetter())

    def _start(self, who):
        """Number of the trial that starts next; the row of a new one is filled in."""
        queued = [i for i, row in enumerate(self.rows) if row.state == "queued"]
        number = queued[0] if queued else len(self.rows)
        if not queued:
            self._check_suggested(self.studies[who].trials[number])
            self.rows.append(Row(generator(5, number).random(), ""))
        row = self.rows[number]
        row.state, row.attempt, row.who = "running", row.attempt + 1, who if self.is_stored else 0
        return number

    def _check_suggested(self, trial):
        rows, k = self.rows, len(self.rows)
        seen = self._seen(k, rows)
        assert trial.info == {
            "numbers": seen,
            "y": [None if rows[i].y is None else self.sign * rows[i].y for i in seen],
            "x": [rows[i].x for i in seen],
            "pending": [row.x for i, row in enumerate(rows) if i not in seen],
            "k": k,
            "reports": [sorted([step, self.sign * v] for step, v in rows[i].reports.items()) for i in seen],
        }

    def _seen(self, k, known):
        """Numbers of the trials whose results trial `k` may see, of those that are known to be finished."""
        ahead = known[: max(0, k - self.window + 1)]
        return [i for i, trial in enumerate(ahead) if trial.state not in ("queued", "running")]

    def _is_ended(self, number, curve, known):
        """Whether the pruner ends trial `number` after these reports."""
        seen = [self.rows[i].reports for i in self._seen(number, known)]
        return any(self.sign * last(reports) < self.sign * last(curve) for reports in seen if reports)

    def _tell(self, who, what, number, said, curve, attempt):
        study = self.studies[who]
        if not 0 <= number < len(study.trials):
            with pytest.raises(ValueError, match=f"trial={number}"):
                study.tell(what, *said, reports=curve)
            return
        row, ended = self.rows[number], outcome(*said)
        attempt = attempt or study.trials[number].attempt
        is_own = not self.is_stored or (row.who == who and row.attempt == attempt)
        if row.state == "queued" or (row.state == "running" and is_own):
            row.end(*ended, attempt, curve)
        elif (row.state, row.value) != ended:
            # Overtaken: the attempt was given up, or another ended it and this one has not looked.
            self.n_late += attempt < row.attempt or not study.trials[number].state.is_finished
            if attempt >= row.attempt:
                is_elsewhere = row.state == "running"
                why = "runs elsewhere" if is_elsewhere else f"already {row.state} with value {row.value}"
                with pytest.raises(ValueError, match=f"trial={number}: {why}"):
                    study.tell(what, *said, reports=curve)
                return
        elif curve and curve != row.reports and attempt >= row.attempt:
            with pytest.raises(ValueError, match=f"trial={number}: already {row.state} with reports="):
                study.tell(what, *said, reports=curve)
            return
        assert record(study.tell(what, *said, reports=curve)) == row.record

    def _is_up_to_date(self, who):
        trials = self.studies[who].trials
        assert [record(t) for t in trials] == [row.record for row in self.rows]
        assert all((t.started is None) == (t.state == "queued") for t in trials if not t.state.is_finished)

    @invariant()
    def what_is_finished_is_as_it_was_told(self):
        for study in getattr(self, "studies", ()):
            trials = study.trials
            assert [t.number for t in trials] == list(range(len(trials)))
            assert all(record(t) == self.rows[t.number].record for t in trials if t.state.is_finished)
            values = [(self.sign * t.value, t.number) for t in trials if t.state == "complete"]
            if values:
                assert study.best_trial.number == min(values)[1]

    def teardown(self):
        if self.is_stored and self.file.exists():
            with closing(sqlite3.connect(self.file)) as connection:
                late = "SELECT count(*) FROM events WHERE message LIKE '%late result%'"
                assert connection.execute(late).fetchone()[0] == self.n_late
            self.studies.clear()
            kept = [row.record for row in self.rows]
            found = [record(t) for t in self._loaded().trials]
            assert found == [(x, state.replace("running", "queued"), *rest) for x, state, *rest in kept]
        self.folder.cleanup()


class InMemory(StudyModel):
    """One coordinator, whose study is copied by pickling now and then."""

    is_stored = False


EXAMPLES = settings(
    stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
StudyModel.TestCase.settings = settings(EXAMPLES, max_examples=12)
InMemory.TestCase.settings = settings(EXAMPLES, max_examples=60)
TestStored = pytest.mark.filterwarnings("ignore:all 3 trials failed")(StudyModel.TestCase)
TestInMemory = pytest.mark.filterwarnings("ignore:all 3 trials failed")(InMemory.TestCase)
