"""Worker processes and executors: the same table of trials, and each fault costs its own trial."""

import atexit
import errno
import functools
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from fractions import Fraction

import numpy as np
import pytest

import hpo
from hpo.execution import LiveTrial, Options, Outcome
from hpo.execution.executors import ExecutorRunner
from hpo.execution.guard import Guard
from hpo.execution.reports import taken
from hpo.execution.values import shown, summarised
from hpo.execution.workers import BOOT, Workers, _with_threads
from tests.faults.processes import gone_within, is_alive

SPACE = hpo.Space({"x": hpo.Float(0, 1), "n": hpo.Int(0, 5)})


def loss(params):
    time.sleep(0.02 * (params["n"] % 3))
    return (params["x"] - 0.3) ** 2


def table(study):
    return [(t.number, t.params, str(t.state), t.value) for t in study.trials]


def test_the_table_is_the_same_for_any_number_of_workers():
    tables = []
    for options in ({}, {"n_jobs": 2}, {"n_jobs": 4}, {"executor": ThreadPoolExecutor(3)}):
        study = hpo.Study(SPACE, searcher="random", seed=0, window=4)
        tables.append(table(study.optimize(loss, n_trials=12, progress=False, **options)))
    assert all(found == tables[0] for found in tables)


@pytest.mark.parametrize("end", ["timeout", "crash"])
def test_reports_of_a_trial_that_is_killed_are_kept(tmp_path, end):
    n = {"timeout": 200, "crash": 5000}[end]  # few where a slow machine has two seconds for them

    def endless(params, trial):
        for step in range(n):
            trial.report(1 / (step + 3), step)
        trial.report(-0.25, 2**62)
        if os.fork() == 0:  # a child's report is not the trial's
            trial.report(1.0, 9999)
            os._exit(0)
        os.wait()
        if end == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            time.sleep(1)

    file = tmp_path / "runs.db"
    study = hpo.Study(SPACE, searcher="random", pruner="median", storage=file, direction="maximize")
    limit = 2.0 if end == "timeout" else None
    study.optimize(endless, 2, n_jobs=2, trial_timeout=limit, max_retries=1, progress=False)
    expected = {**{step: 1 / (step + 3) for step in range(n)}, 2**62: -0.25}
    for trials in (study.trials, hpo.load_study(file).trials):
        assert [trial.failure for trial in trials] == [end, end]
        by_kernel = "killed by SIGKILL, as the kernel does when memory runs out"
        assert all((by_kernel in trial.reason) == (end == "crash") for trial in trials)
        assert [dict(trial.reports) for trial in trials] == [expected, expected]


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_second_attempt_has_only_its_own_reports(tmp_path, is_killed):
    def second_time(params, trial):
        if not (tmp_path / "first").exists():
            (tmp_path / "first").touch()
            trial.report(1.0, 1)
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(2.0, 2)
        if is_killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    study = hpo.Study(SPACE, searcher="random").optimize(second_time, 1, trial_timeout=60, progress=False)
    assert (study.trials[0].attempt, study.trials[0].reports) == (2, {2: 2.0})


def test_reports_of_a_trial_that_has_ended_take_no_room(tmp_path, monkeypatch):
    def reporting(params, trial):
        trial.report(1.0, 1)
        return 0.0

    def look(study, trial):
        found.append([file.name for file in tmp_path.glob("hpo-workers-*/*")])

    found = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    study = hpo.Study(SPACE, searcher="random")
    study.optimize(reporting, 2, trial_timeout=60, callbacks=[look], progress=False)
    assert found == [["objective"]] * 2
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_its_objective_keeps_holds_no_file_open():
    def keeping(params, trial):
        kept.append(trial)
        trial.report(1.0, 1)
        return len(os.listdir("/proc/self/fd"))

    study = hpo.Study(SPACE, searcher="random").optimize(keeping, 4, trial_timeout=60, progress=False)
    assert len({t.value for t in study.trials}) == 1


def test_half_a_report_is_none(tmp_path):
    file = tmp_path / "reports-0"
    file.write_bytes(b"1 0.5\n2 0.25\n3 0.")
    assert taken(file) == {1: 0.5, 2: 0.25}
    assert taken(file) == {}


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_report_that_no_room_is_left_for_spoils_no_other(is_killed):
    def short_of_room(params, trial):
        trial.report(0.5, 1)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len("1 0.5\n2 0."), before[1]))
        trial.report(0.25, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        trial.report(0.125, 3)
        if is_killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(short_of_room, 1, trial_timeout=60, max_retries=0, progress=False)
    expected = {1: 0.5, 3: 0.125} if is_killed else {1: 0.5, 2: 0.25, 3: 0.125}
    assert dict(study.trials[0].reports) == expected


def test_each_fault_costs_its_own_trial():
    kinds = [None, "crash", "timeout", "exception", "invalid value", None]

    def faulty(params):
        n = params["n"]
        if n == 1:
            os._exit(3)
        if n == 2:
            time.sleep(60)
        if n == 3:
            sys.exit(2)
        return None if n == 4 else 1.0

    study = hpo.Study(SPACE, searcher="random", seed=0)
    for n in range(6):
        study.enqueue({"x": 0.5, "n": n})
    study.optimize(faulty, n_trials=6, n_jobs=2, trial_timeout=1.0, progress=False)
    assert [t.failure for t in study.trials] == kinds
    assert [t.attempt for t in study.trials] == [1, 2, 1, 1, 1, 1]  # a crash alone is tried once more
    assert study.trials[1].reason == "the worker process ended with exit code 3"
    assert study.trials[2].reason == "killed after trial_timeout=1.0 s"
    assert study.trials[2].seconds > 1.0


@pytest.mark.parametrize(("given", "expected"), [("2", "2"), ("9", "4"), ("0", "4"), ("", "4"), ("a", "4")])
def test_fewer_blas_threads_than_a_worker_may_have_stay_as_they_are(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert _with_threads(4)["OMP_NUM_THREADS"] == expected


def test_what_an_executor_has_not_begun_is_withdrawn_with_the_end_of_the_run():
    numbers = []

    def slow(params, trial):
        numbers.append(trial.number)
        time.sleep(0.3)
        return 1.0

    def fail(study, trial):
        raise RuntimeError("enough")

    study = hpo.Study(SPACE, searcher="random", seed=0, window=3)
    with ThreadPoolExecutor(1) as executor, pytest.raises(RuntimeError, match="enough"):
        study.optimize(slow, 3, n_jobs=3, executor=executor, callbacks=[fail], progress=False)
    assert 2 not in numbers


def test_a_worker_that_dies_between_two_trials_costs_none():
    def kill_it(study, trial):
        os.kill(int(trial.value), signal.SIGKILL)
        os.waitid(os.P_PID, int(trial.value), os.WEXITED | os.WNOWAIT)

    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(
        lambda _: os.getpid(), 3, trial_timeout=60, max_retries=0, callbacks=[kill_it], progress=False
    )
    assert [str(t.state) for t in study.trials] == ["complete"] * 3
    assert len({t.value for t in study.trials}) == 3


def test_a_child_that_a_callback_forks_does_not_hold_up_the_end():
    def fork(study, trial):
        if trial.number == 0:
            children.append(os.fork())
            if children == [0]:
                time.sleep(600)
                os._exit(0)

    children = []
    study = hpo.Study(SPACE, searcher="random", seed=0)
    try:
        study.optimize(loss, 2, n_jobs=2, callbacks=[fork], progress=False)
        assert is_alive(children[0])  # it was not waited for
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)


def test_async_order_notes_what_was_not_seen():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(loss, n_trials=8, executor=ThreadPoolExecutor(2), order="async", progress=False)
    assert all(t.state == "complete" for t in study.trials)
    assert all("unseen" in t.info for t in study.trials)
    mine = study.ask()
    study.optimize(loss, n_trials=2, order="async", progress=False)
    assert [t.info["unseen"] for t in study.trials[-2:]] == [[mine.number]] * 2


def test_bad_options_and_objectives_are_refused_before_any_trial():
    study = hpo.Study(SPACE, seed=0)
    lock = threading.Lock()
    for options, message in [
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_jobs": "two"}, "n_jobs='two': must be a whole number"),
        ({"n_jobs": True}, "n_jobs=True"),
        ({"n_trials": 2.5}, "n_trials=2.5"),
        ({"max_retries": None}, "max_retries=None"),
        ({"timeout": "1h"}, "timeout='1h': must be seconds"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"trial_timeout": 0}, "trial_timeout=0: must be seconds above 0"),
        (
            {"trial_memory_limit": "1GB"},
            "trial_memory_limit='1GB': must be a whole number of bytes from 1 up, or None",
        ),
        ({"order": "any"}, "order='any'"),
        ({"executor": 3}, "executor=3"),
        ({"executor": ThreadPoolExecutor}, "executor=<class .*must be an object"),
        ({"executor": ThreadPoolExecutor(1), "trial_timeout": 1}, "trial_timeout=1: needs worker processes"),
        ({"executor": ThreadPoolExecutor(1), "trial_memory_limit": 1}, "trial_memory_limit=1: needs worker"),
        ({"callbacks": print}, "callbacks="),
        ({"callbacks": [3]}, "callbacks="),
        ({"callbacks": [lambda trial: None]}, "callbacks=.*functions \\(study, trial\\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            study.optimize(loss, **{"n_trials": 1, **options})
    with pytest.raises(ValueError, match="objective=3"):
        study.optimize(3, n_trials=1)
    with pytest.raises(ValueError, match="cannot be sent to a worker"):
        study.optimize(lambda p: lock and 1.0, n_trials=1, n_jobs=2)
    assert study.trials == ()


async def awaited(params):
    return 1.0


def stepwise(params, trial):
    yield 1.0


class Awaited:
    async def __call__(self, params):
        yield 1.0


@pytest.mark.parametrize("objective", [awaited, stepwise, Awaited(), functools.partial(stepwise, trial=None)])
def test_an_objective_whose_call_only_begins_it_is_refused_before_any_trial(objective):
    study = hpo.Study(SPACE, seed=0)
    with pytest.raises(ValueError, match=r"objective=.*: must return a number; a call of an async function"):
        study.optimize(objective, n_trials=1)
    assert study.trials == ()


@pytest.mark.parametrize("name", ["timeout", "trial_timeout"])
def test_a_time_beyond_all_floats_is_never_up(name):
    study = hpo.minimize(loss, SPACE, n_trials=1, searcher="random", progress=False, **{name: 10**400})
    assert [str(t.state) for t in study.trials] == ["complete"]


@pytest.mark.parametrize("name", ["timeout", "trial_timeout"])
@pytest.mark.parametrize("seconds", [np.float16(0.5), np.float32(0.5), Fraction(1, 2)])
def test_short_numbers_of_seconds_round_no_clock(name, seconds):
    assert type(found := getattr(Options(**{name: seconds}), name)) is float
    assert found == 0.5


def test_nothing_is_stored_for_a_call_that_is_refused(tmp_path):
    file = tmp_path / "runs.db"
    for options in ({"n_jobs": "two"}, {"n_job": 2}, {"seed": -1}, {"pruner": "best"}, {"name": ""}):
        with pytest.raises((ValueError, TypeError), match=next(iter(options))):
            hpo.minimize(loss, SPACE, searcher="random", n_trials=3, storage=file, **options)
    lock = threading.Lock()
    with pytest.raises(ValueError, match="cannot be sent to a worker"):
        hpo.minimize(lambda p: lock and 1.0, SPACE, n_trials=3, n_jobs=2, storage=file)
    assert list(tmp_path.iterdir()) == []


def run_and_interrupt(tmp_path, n_signals, **options):
    """A run of 1000 slow trials in a process of its own, that gets Ctrl-C so often; its study then."""
    script = textwrap.dedent(f"""
        import sys, time, hpo
        def slow(params):
            open(sys.argv[2], "a").write("x")
            time.sleep(1.0 if {n_signals} == 1 else 1000.0)
            return params["x"]
        study = hpo.Study({{"x": hpo.Float(0, 1)}}, searcher="random", seed=0, storage=sys.argv[1])
        study.optimize(slow, 1000, progress=False, **{options!r})
        print("returned")
    """)
    file, note = tmp_path / "runs.db", tmp_path / "begun"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(file), str(note)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # may be ignored where tests run
    )
    while not note.exists() or len(note.read_text()) < options.get("n_jobs", 1):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    while n_signals > 1 and process.poll() is None:  # two that come at once may be one to a slow machine
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    out, errors = process.communicate()
    return process, out, errors, hpo.load_study(file)


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}])
def test_the_first_interrupt_lets_running_trials_finish(tmp_path, options):
    process, out, _, study = run_and_interrupt(tmp_path, 1, **options)
    assert process.returncode == 0
    assert out == "returned\n"
    assert {str(t.state) for t in study.trials} == {"complete"}
    assert len(study.trials) < 100


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}])
def test_the_second_interrupt_ends_them_and_they_are_queued_again(tmp_path, options):
    process, out, errors, study = run_and_interrupt(tmp_path, 2, **options)
    assert process.returncode != 0
    assert out == ""
    assert "KeyboardInterrupt" in errors
    assert [str(t.state) for t in study.trials] == ["queued"] * options.get("n_jobs", 1)


def test_a_retried_trial_of_an_exhausted_space_still_runs(tmp_path):
    def dies_once(params, trial):
        note = tmp_path / str(trial.number)
        if params["n"] == 2 and not note.exists():
            note.touch()
            while len(list(tmp_path.iterdir())) < 3:
                time.sleep(0.01)
            time.sleep(0.3)  # until the coordinator has asked for a fourth
            os._exit(1)
        note.touch()
        return float(params["n"])

    study = hpo.Study({"n": hpo.Int(0, 2)}, searcher="grid", window=3)
    study.optimize(dies_once, n_jobs=2, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"] * 3


def test_workers_do_not_import_from_the_folder_that_they_start_in(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise ImportError")
    monkeypatch.chdir(tmp_path)
    study = hpo.Study(SPACE, searcher="random", seed=0).optimize(loss, 1, trial_timeout=60, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"]


def test_workers_that_cannot_start_are_an_error_not_failed_trials(monkeypatch):
    monkeypatch.setattr("hpo.execution.workers.BOOT", "import sys; sys.exit(4)")
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(RuntimeError, match=r"ended as they started.*exit code 4"):
        study.optimize(loss, n_trials=5, n_jobs=2, max_retries=9, progress=False)
    assert {str(t.state) for t in study.trials} == {"queued"}


def test_workers_that_are_killed_as_they_start_fail_their_trials(monkeypatch):
    """As by a kernel that has no memory left: not by what is wrong with the place."""
    monkeypatch.setattr("hpo.execution.workers.BOOT", "import os; os.kill(os.getpid(), 9)")
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(loss, 2, n_jobs=2, max_retries=2, progress=False)
    assert [(t.failure, t.attempt, t.seconds) for t in study.trials] == [("crash", 3, 0.0)] * 2
    assert all("killed by SIGKILL" in t.reason for t in study.trials)


def test_workers_that_fail_to_start_now_and_then_do_not_add_up(tmp_path, monkeypatch):
    fail_twice = (
        f"import os, sys; n = len(os.listdir({str(tmp_path)!r})); open(f'{tmp_path}/{{n}}', 'w').close();"
        "n % 3 < 2 and sys.exit(4);"
    )
    monkeypatch.setattr("hpo.execution.workers.BOOT", fail_twice + BOOT)
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(loss, 2, trial_memory_limit=10**9, max_retries=2, progress=False)  # a process each
    assert [(str(t.state), t.attempt) for t in study.trials] == [("complete", 3)] * 2


class OnlyOnce:
    """An objective that one process alone can read."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, params):
        return 1.0

    def __reduce__(self):
        return _only_once, (self.folder,)


def _only_once(folder):
    folder.mkdir()
    return OnlyOnce(folder)


def test_what_came_with_an_error_is_returned_before_it_is_raised(tmp_path):
    workers = Workers(OnlyOnce(tmp_path / "read"), 2, 1, None, None)
    try:
        workers.submit(LiveTrial(0, {}))
        while not workers.wait(None):
            pass
        workers.submit(LiveTrial(1, {}))
        workers.submit(LiveTrial(2, {}))
        while not all(worker.connection.poll() for worker in workers._busy):
            time.sleep(0.01)
        assert [number for number, _ in workers.wait(None)] == [1]
        for _ in range(2):
            with pytest.raises(ValueError, match="cannot be loaded in the worker process"):
                workers.wait(None)
    finally:
        workers.close(kill=True)


def test_results_that_come_together_are_in_the_order_of_the_numbers():
    workers = Workers(lambda params: 1.0, 2, 1, None, None)
    try:
        for numbers in ((0, 1), (2, 3), (5, 4)):  # the first time workers are started, one by one
            for number in numbers:
                workers.submit(LiveTrial(number, {}))
            while not all(worker.connection.poll() for worker in workers._busy):
                time.sleep(0.01)
            ended = []
            while len(ended) < 2:
                ended += [number for number, _ in workers.wait(None)]
        assert ended == [4, 5]
    finally:
        workers.close(kill=True)


def test_an_objective_that_cannot_be_loaded_there_is_an_error_that_says_so():
    class Brittle:
        def __reduce__(self):
            return (_fail, ())

        def __call__(self, params):
            return 1.0

    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(ValueError, match=r"cannot be loaded in the worker process .*must be importable"):
        study.optimize(Brittle(), n_trials=5, n_jobs=2, progress=False)
    assert {str(t.state) for t in study.trials} == {"queued"}


def _fail():
    raise ImportError("no such module there")


def test_workers_share_the_cores_among_their_blas_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def threads(params):
        return float(os.environ["OMP_NUM_THREADS"])

    study = hpo.Study(SPACE, searcher="random", seed=0).optimize(threads, 2, n_jobs=2, progress=False)
    allowed = max(1, len(os.sched_getaffinity(0)) // 2)
    assert [t.value for t in study.trials] == [allowed] * 2


SCRIPT = """
import dataclasses, enum, json
import hpo

class Optimiser(enum.Enum):
    SGD = 1
    ADAM = 2

def relu(x): return max(x, 0)
def square(x): return x * x

@dataclasses.dataclass(frozen=True)
class AfterTheSecond:
    def __call__(self, reports):
        return len(reports) > 2

class Impatient(hpo.Pruner):
    def rule(self, history):
        return AfterTheSecond()

def loss(params, trial):
    assert params["o"] is Optimiser.SGD or params["o"] is Optimiser.ADAM
    for step in range(9):
        trial.report(params["f"](step), step)
        if params["o"] is Optimiser.ADAM and trial.should_prune():
            raise hpo.TrialPruned
    return params["f"](2.0)

if __name__ == "__main__":
    space = {"o": hpo.Categorical(list(Optimiser)), "f": hpo.Categorical([relu, square, lambda x: -x])}
    study = hpo.Study(space, searcher="grid", pruner=Impatient()).optimize(loss, n_jobs=2, progress=False)
    print(json.dumps([(t.state, t.value, len(t.reports), t.reason) for t in study.trials]))
"""


def test_choices_and_pruners_of_a_script_travel_to_the_workers(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stderr
    found = sorted(json.loads(done.stdout), key=str)
    assert [f[:3] for f in found if f[0] == "complete"] == [["complete", v, 9] for v in (-2.0, 2.0, 4.0)]
    assert [f[0] for f in found].count("pruned") == 3
    assert all(f[2] == 3 for f in found if f[0] == "pruned")


class Stubborn:
    """Cannot be read elsewhere."""

    def __reduce__(self):
        return _fail, ()


def test_choices_that_cannot_be_sent_are_an_error_that_says_so():
    space = hpo.Space({"c": hpo.Categorical([threading.Lock()])})
    with pytest.raises(ValueError, match=r"params.*cannot be sent to a worker process"):
        hpo.minimize(lambda params: 1.0, space, searcher="random", n_trials=1, n_jobs=2, progress=False)


@pytest.mark.parametrize("executor", [None, ProcessPoolExecutor], ids=["workers", "executor"])
def test_a_choice_that_cannot_be_read_there_costs_its_own_trials(executor):
    space = hpo.Space({"c": hpo.Categorical(["a", Stubborn(), "b"])})
    study = hpo.Study(space, searcher="grid")
    with executor(2) if executor else nullcontext() as pool:
        study.optimize(lambda params: 1.0, n_jobs=2, executor=pool, progress=False)
    assert sorted(str(t.state) for t in study.trials) == ["complete", "complete", "failed"]
    assert "cannot be loaded in the worker process" in next(t.reason for t in study.trials if t.reason)


def test_a_memory_limit_is_beyond_what_an_idle_worker_has():
    study = hpo.Study(SPACE, searcher="random")
    study.optimize(
        lambda params: len(bytearray(30_000_000)), 1, trial_memory_limit=50_000_000, progress=False
    )
    assert [str(t.state) for t in study.trials] == ["complete"]


def test_a_memory_limit_beyond_all_memory_is_none():
    study = hpo.Study(SPACE, searcher="random").optimize(
        loss, 2, n_jobs=2, trial_memory_limit=2**70, progress=False
    )
    assert [str(t.state) for t in study.trials] == ["complete"] * 2


kept = []


@pytest.mark.parametrize("keep", [list, lambda: kept], ids=["its own", "the process's"])
def test_memory_that_small_objects_used_up_is_told_as_such(keep):
    def greedy(params):
        texts = keep()
        while True:
            texts.append(f"{len(texts):100}")

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(greedy, 1, trial_memory_limit=50_000_000, progress=False)
    assert [(t.failure, t.attempt) for t in study.trials] == [("out of memory", 1)]


def test_a_memory_limit_leaves_that_of_the_place_as_it_is():
    script = """
        import resource, hpo
        resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))
        def limits(params):
            return float(resource.getrlimit(resource.RLIMIT_AS) == (2**40, 2**40))
        study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random")
        study.optimize(limits, 2, trial_memory_limit=2**41, progress=False)
        print([t.value for t in study.trials])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[1.0, 1.0]\n", done.stderr


def test_a_worker_that_does_not_end_after_its_trial_is_ended(monkeypatch):
    monkeypatch.setattr("hpo.execution.workers.GRACE_SECONDS", 0.2)
    n_alive, pids = [], []

    def leaves_a_thread(params):
        threading.Thread(target=time.sleep, args=(1000,)).start()
        time.sleep(0.5)
        return float(os.getpid())

    def count(study, trial):
        pids.append(int(trial.value))
        n_alive.append(sum(map(is_alive, pids)))

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(leaves_a_thread, 4, trial_memory_limit=10**9, callbacks=[count], progress=False)
    assert max(n_alive) <= 2  # the last one, and one whose time is not up


def write_half(fd):
    """As a worker that is killed while it sends, and has forked a child that holds its pipe."""
    os.write(fd, struct.pack("!i", 1000) + b"half")


@pytest.mark.parametrize("spoil", [write_half, os.close])
def test_a_worker_that_cannot_be_heard_any_more_holds_nobody_up(spoil):
    def spoils(params, trial):
        if trial.number == 1:
            for fd in map(int, os.listdir("/proc/self/fd")):
                with suppress(OSError):
                    if stat.S_ISSOCK(os.fstat(fd).st_mode):
                        spoil(fd)
            time.sleep(1000)
        return 1.0

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(spoils, 4, n_jobs=2, max_retries=0, progress=False)
    assert [t.failure for t in study.trials] == [None, "crash", None, None]
    assert study.trials[1].reason.startswith("the worker process had lost its connection")  # not memory


def test_workers_end_where_the_system_reaps_them():
    script = """
        import os, signal, hpo
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        def loss(params):
            return os._exit(3) if params["n"] == 2 else 1.0
        for limit in (None, 10**9):
            study = hpo.Study({"n": hpo.Int(1, 4)}, searcher="grid")
            study.optimize(loss, n_jobs=2, trial_memory_limit=limit, max_retries=0, progress=False)
            print(*sorted((t.params["n"], str(t.failure)) for t in study.trials))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    expected = "(1, 'None') (2, 'crash') (3, 'None') (4, 'None')\n"
    assert done.stdout == 2 * expected, done.stderr


def test_a_default_timeout_of_the_programs_sockets_is_none_of_a_workers_pipe():
    socket.setdefaulttimeout(60)
    workers = Workers(loss, 1, 1, None, None)
    try:
        workers.submit(LiveTrial(0, {}))
        assert os.get_blocking(workers._busy[0].connection.fileno())  # half a message would be an error
    finally:
        socket.setdefaulttimeout(None)
        workers.close(kill=True)


def test_an_objective_that_does_not_fit_on_the_disk_leaves_no_folder_behind(tmp_path, monkeypatch):
    def full(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(OSError, match="No space left"):
        study.optimize(loss, 1, n_jobs=2, progress=False)
    assert list(tmp_path.iterdir()) == []
    assert [str(t.state) for t in study.trials] == ["queued"]


def test_a_worker_of_one_trial_ends_by_itself():
    def look(study, trial):
        ended.append(gone_within(60, [int(trial.value)]))

    ended = []
    study = hpo.Study(SPACE, searcher="random")
    study.optimize(lambda params: os.getpid(), 2, trial_memory_limit=10**9, callbacks=[look], progress=False)
    assert ended == [True, True]


class SlowToRead:
    def __call__(self, params):
        time.sleep(0.4)
        return 1.0

    def __reduce__(self):
        return _slowly_read, ()


def _slowly_read():
    time.sleep(2.0)
    return SlowToRead()


def test_the_time_of_a_trial_is_that_of_its_objective_alone():
    """Neither of the worker's start nor of the trials before it."""
    study = hpo.Study(SPACE, searcher="random")
    study.optimize(SlowToRead(), 5, trial_timeout=1.5, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"] * 5


def test_a_worker_may_tidy_up_at_its_end(tmp_path):
    def tidy(params):
        atexit.register((tmp_path / "tidied").touch)
        return 1.0

    hpo.Study(SPACE, searcher="random").optimize(tidy, 1, trial_timeout=60, progress=False)
    assert (tmp_path / "tidied").exists()


def test_a_signal_without_a_name_has_a_number():
    def killed(params):
        os.kill(os.getpid(), signal.SIGRTMIN + 1)

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(killed, 1, trial_timeout=60, max_retries=0, progress=False)
    assert study.trials[0].reason == f"the worker process was killed by signal {signal.SIGRTMIN + 1}"


def test_an_interrupt_does_not_reach_a_worker():
    def interrupted(params):
        os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    study = hpo.Study(SPACE, searcher="random")
    study.optimize(interrupted, 1, trial_timeout=60, max_retries=0, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"]


def test_what_an_objective_prints_is_seen_and_what_its_program_is_given_is_not_taken():
    script = """
        import sys, hpo
        def reads(params):
            print("read", repr(sys.stdin.read()))
            return 1.0
        def end(study, trial):
            raise SystemExit(sys.stdin.read())
        study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random")
        study.optimize(reads, 2, trial_timeout=60, callbacks=[end], progress=False)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        input="typed",
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("read ''\n", "typed\n")


def test_a_guard_ends_what_it_still_looks_after(tmp_path):
    guard = Guard(str(tmp_path / "folder"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    left_alone, ended = (subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(2))
    try:
        assert os.getsid(guard._process.pid) != os.getsid(0)
        for group in (left_alone, ended):
            guard.add(group.pid)
        guard.discard(left_alone.pid)
        guard.close()
        assert ended.wait(60) == -signal.SIGKILL
        assert left_alone.poll() is None
        assert list(tmp_path.iterdir()) == []
    finally:
        left_alone.kill()
        left_alone.wait()


def test_trials_go_on_without_a_guard(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where nobody removes what is left
    workers = Workers(loss, 1, 1, None, None)
    workers.submit(LiveTrial(0, {"x": 0.3, "n": 0}))
    workers._place[0]._process.kill()
    workers._place[0]._process.wait()
    while not (ended := workers.wait(None)):
        pass
    workers.close(kill=False)
    assert [(number, outcome.value) for number, outcome in ended] == [(0, 0.0)]


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 3), (-1, 3), (2, 2)])
def test_an_executor_has_its_own_number_of_workers_unless_another_is_given(n_jobs, expected):
    study = hpo.Study(SPACE, searcher="random")
    with ThreadPoolExecutor(3) as executor:
        study.optimize(loss, 2, n_jobs=n_jobs, executor=executor, progress=False)
    assert (study.window, len(study.trials)) == (expected, 2)


class Speechless:
    def __repr__(self):
        raise RuntimeError("no words")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Part(Speechless):
    """An objective, or a choice, that can be sent and shows nothing of itself."""

    def __init__(self, when=None):
        self.when = when

    def __call__(self, params):
        return 1.0

    def __reduce__(self):
        if self.when == "sent":
            raise Mute
        return (_mute, ()) if self.when == "read" else (Part, ())


def _mute():
    raise Mute


def test_what_cannot_be_shown_is_sent_all_the_same():
    space = hpo.Space({"c": hpo.Categorical([Part(), Part()])})
    study = hpo.Study(space, searcher="random").optimize(Part(), 2, n_jobs=2, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete"] * 2


@pytest.mark.parametrize(("when", "done"), [("sent", "cannot be sent to"), ("read", "cannot be loaded in")])
def test_an_error_without_a_text_says_what_cannot_be_sent(when, done):
    study = hpo.Study({"c": hpo.Categorical([Part(when)])}, searcher="random")
    with pytest.raises(ValueError, match=rf"objective.*: {done} .*worker process \(.*Mute"):
        study.optimize(Part(when), 1, n_jobs=2, progress=False)
    if when == "sent":
        with pytest.raises(ValueError, match=r"params=\{'c': <Part .*cannot be sent"):
            study.optimize(Part(), 1, n_jobs=2, progress=False)
    else:
        study.optimize(Part(), 1, n_jobs=2, progress=False)
        assert "cannot be loaded in the worker process" in study.trials[0].reason


class Quits:
    def __repr__(self):
        sys.exit(3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_quits_when_it_is_looked_at_costs_its_own_trial(n_jobs):
    study = hpo.Study(SPACE, searcher="random")
    study.optimize(lambda params: Quits(), 1, n_jobs=n_jobs, progress=False)
    assert [(t.failure, t.reason) for t in study.trials] == [("invalid value", "SystemExit: 3")]


def test_an_interrupt_of_what_an_objective_forked_ends_only_that(tmp_path):
    script = """
        import os, sys, hpo
        def forks(params):
            child = os.fork()
            if child == 0:
                raise KeyboardInterrupt
            os.waitpid(child, 0)
            return 1.0
        try:
            hpo.minimize(forks, {"x": hpo.Int(0, 9)}, searcher="random", n_trials=2, storage=sys.argv[1])
        finally:
            print("an end", flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "runs.db")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("an end\n", "")


class Endless(Exception):
    def __str__(self):
        return "x" * 10**6


def odd(params, trial):
    if trial.number == 0:
        return Speechless()
    if trial.number == 1:
        return [0.0] * 10**6
    if trial.number == 2:
        raise Endless
    if trial.number == 3:
        trial.report(0.5, 2**63)
    if trial.number == 4:
        trial.reports[1] = 0.5
    return 1.0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_cannot_be_shown_or_kept_costs_its_own_trial(tmp_path, n_jobs):
    study = hpo.Study(SPACE, searcher="random", seed=0, pruner="median", storage=tmp_path / "runs.db")
    study.optimize(odd, n_trials=6, n_jobs=n_jobs, progress=False)
    reasons = [t.reason for t in study.trials]
    assert [t.failure for t in study.trials] == ["invalid value"] * 2 + ["exception"] * 3 + [None]
    assert "Speechless" in reasons[0]
    assert "(list): must be a finite real number" in reasons[1]
    assert max(len(reason) for reason in reasons[:5]) < 2_300
    assert "xxx... (1,0" in reasons[2]  # so many characters it had
    assert "step=9223372036854775808: must be a whole number from 0 to 2**63 - 1" in reasons[3]
    assert "does not support item assignment" in reasons[4]


@pytest.mark.parametrize(
    "objective",
    [
        lambda: 0,
        lambda a, b, c: 0,
        lambda **k: 0,
        lambda p, *, more: 0,
        lambda trial: trial.suggest_float("x", 0, 1),
        lambda trial, params: 0,
        lambda a, b, *, trial: 0,
    ],
)
def test_an_objective_that_takes_other_arguments_is_refused(objective):
    study = hpo.Study(SPACE, searcher="random")
    for n_jobs in (1, 2):
        with pytest.raises(ValueError, match=r"objective=.*must take params, or params and trial"):
            study.optimize(objective, n_trials=2, n_jobs=n_jobs)
    assert study.trials == ()


def by_name(params, *, trial):
    return float(trial.number)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_trial_may_be_taken_by_its_name_alone(n_jobs):
    study = hpo.minimize(by_name, SPACE, searcher="random", n_trials=2, n_jobs=n_jobs, progress=False)
    assert [t.value for t in study.trials] == [0.0, 1.0]


class Together:
    """Two trials at a time, which end together."""

    capacity = 2

    def __init__(self):
        self._running = []

    def submit(self, live):
        self._running.append(live)

    def wait(self, timeout):
        ended, self._running = self._running, []
        return [(live.number, Outcome(hpo.TrialState.COMPLETE, 1.0)) for live in ended]

    def close(self, *, kill):
        pass


def test_results_that_came_together_are_recorded_before_a_callback_may_raise():
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)

    def callback(study, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        study._run(Together(), Options(n_trials=4, callbacks=(callback,)))
    assert [str(t.state) for t in study.trials] == ["complete", "complete"]


def test_trials_that_end_together_are_counted_one_by_one():
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    study._run(Together(), Options(n_trials=5, progress=False))
    assert [str(t.state) for t in study.trials] == ["complete"] * 5


class Interrupted(Together):
    """Ctrl-C while trials run, and again while they are ended."""

    def wait(self, timeout):
        raise KeyboardInterrupt

    def close(self, *, kill):
        assert kill
        raise KeyboardInterrupt


def test_trials_are_queued_again_where_their_end_is_interrupted():
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    with pytest.raises(KeyboardInterrupt):
        study._run(Interrupted(), Options(n_trials=4))
    assert [str(t.state) for t in study.trials] == ["queued", "queued"]


def test_workers_are_ended_where_their_end_is_interrupted(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    workers = Workers(lambda params: time.sleep(1000), 2, 1, None, None)
    workers.submit(LiveTrial(0, {}))
    workers.submit(LiveTrial(1, {}))
    pids = [worker.pid for worker in workers._busy]
    monkeypatch.setattr(workers, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workers.close(kill=True)
    assert gone_within(60, pids)


def test_what_a_pool_returned_before_it_broke_is_recorded():
    done, broken = Future(), Future()
    done.set_result(Outcome(hpo.TrialState.COMPLETE, 1.0))
    broken.set_exception(BrokenProcessPool("a worker died"))
    runner = ExecutorRunner(loss, ThreadPoolExecutor(1), 2)
    futures = iter([broken, done])
    runner._submit = lambda live: next(futures)
    for number in (0, 1):
        runner.submit(LiveTrial(number, {}))
    assert [number for number, _ in runner.wait(1.0)] == [1]
    with pytest.raises(BrokenProcessPool):
        runner.wait(1.0)


@pytest.mark.parametrize("max_retries", [0, 1])
def test_trials_that_an_executor_gives_up_are_queued_again(max_retries):
    executor = ThreadPoolExecutor(1)  # of two trials one waits there, and is given up
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)

    def objective(params, trial):
        if trial.number == 1:
            while executor._work_queue.empty():
                time.sleep(0.01)
            executor.shutdown(wait=False, cancel_futures=True)
            time.sleep(0.5)
        return 1.0

    with pytest.raises(BrokenExecutor, match=r"gave up its trials.* queued again"):
        study.optimize(objective, 3, n_jobs=2, executor=executor, max_retries=max_retries, progress=False)
    assert [str(t.state) for t in study.trials] == ["complete", "queued", "queued"]


class Lossy:
    """An executor that loses what it runs, as often as it is told for each trial."""

    def __init__(self, *times):
        self.times = list(times)

    def submit(self, function, *arguments):
        future = Future()
        if self.times[0] > 0:
            self.times[0] -= 1
            future.set_exception(OSError("no such host"))
        else:
            self.times.pop(0)
            future.set_result(function(*arguments))
        return future


def test_an_interrupt_in_an_executors_thread_ends_the_run():
    def interrupted(params):
        raise KeyboardInterrupt

    study = hpo.Study(SPACE, searcher="random", seed=0)
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, 2, executor=executor, progress=False)
    assert [str(t.state) for t in study.trials] == ["queued"]


def test_a_trial_that_an_executor_loses_is_tried_again():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(loss, 2, executor=Lossy(1, 0), progress=False)
    study.optimize(loss, 1, executor=Lossy(2), progress=False)
    assert [(t.failure, t.attempt) for t in study.trials] == [(None, 2), (None, 1), ("lost", 2)]
    assert study.trials[2].reason == "OSError: no such host"


class Promise:
    """An executor of its own kind, whose future is no `concurrent.futures.Future`."""

    def submit(self, function, *arguments):
        return self


def test_an_executor_of_another_kind_of_future_is_an_error_that_says_so():
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(TypeError, match=r"submit\(\) must return a concurrent\.futures\.Future"):
        study.optimize(loss, 2, executor=Promise(), progress=False)


def test_numpys_numbers_of_workers_are_numbers(tmp_path):
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db")
    study.optimize(loss, n_trials=np.int64(2), n_jobs=np.int64(2), progress=False)
    assert hpo.load_study(tmp_path / "runs.db").window == 2
    with ThreadPoolExecutor(np.int64(3)) as executor:
        study = hpo.Study(SPACE, searcher="random").optimize(loss, 1, executor=executor, progress=False)
    assert study.window == 3


class Wordy:
    def __init__(self, length):
        self.length = length

    def __repr__(self):
        return "x" * self.length


def test_what_is_shown_is_whole_as_far_as_there_is_room():
    assert (shown(Wordy(200)), shown("x" * 198)) == ("x" * 200, repr("x" * 198))
    assert max(len(shown(Wordy(201))), len(shown("x" * 199))) <= 200
    assert summarised(ValueError("x" * 1988)) == f"ValueError: {'x' * 1988}"
    assert summarised(ValueError("x" * 1989)) == f"ValueError: {'x' * 1988}... (2,001 characters)"
