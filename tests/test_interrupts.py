"""Ctrl-C at any moment leaves a study whole."""

import random
import signal
import subprocess
import sys
import threading

import pytest

import hpo
from hpo.interrupts import Undisturbed, stopping_on_interrupt

SPACE = {"x": hpo.Float(0, 1)}


@pytest.fixture(autouse=True)
def _interruptible():
    """As in a terminal: what runs in a shell's background ignores Ctrl-C from its start."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def interrupted(times):
    """Which of so many interrupts in an undisturbed block did not end it at once."""
    done = []

    def block():
        with Undisturbed():
            for i in range(times):
                signal.raise_signal(signal.SIGINT)
                done.append(i + 1)

    with pytest.raises(KeyboardInterrupt):
        block()
    return done


def test_the_first_interrupt_waits_for_the_end_of_the_block():
    done = interrupted(times=1)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_does_not_wait():
    done = interrupted(times=2)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_two_interrupts_in_a_block_of_a_study_are_two():
    stops = []

    def study():
        with stopping_on_interrupt(lambda: stops.append("stop")), Undisturbed():
            signal.raise_signal(signal.SIGINT)
            assert stops == []
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        study()
    assert stops == ["stop"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_of_a_study_within_a_study_each_takes_one_interrupt():
    stops = []

    def studies():
        with stopping_on_interrupt(lambda: stops.append("outer")):
            with stopping_on_interrupt(lambda: stops.append("inner")):
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        studies()
    assert stops == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_to_end_the_process_ends_it_after_the_block():
    code = (
        "import signal; from hpo.interrupts import Undisturbed\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "with Undisturbed():\n    signal.raise_signal(signal.SIGINT); print('kept', flush=True)\nprint('no')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGINT, "kept\n")


def _never():
    raise AssertionError


BLOCKS = pytest.mark.parametrize("block", [Undisturbed, lambda: stopping_on_interrupt(_never)])


@BLOCKS
def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch, block):
    handler = signal.getsignal
    monkeypatch.setattr("signal.getsignal", lambda signum: None)
    with block():
        assert handler(signal.SIGINT) is signal.default_int_handler


@BLOCKS
def test_an_ignored_interrupt_stays_ignored_and_other_threads_are_left_alone(block):
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with block():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)
    seen = []

    def elsewhere():
        with block():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize(
    "record",
    [
        lambda study: study.ask(),
        lambda study: study.enqueue({"x": 0.5}),
        lambda study: study.add_trial({"x": 0.5}, 1.0),
        lambda study: study.tell(0, 1.0),
    ],
)
def test_what_is_written_is_noted_before_an_interrupt_is_heard(record, tmp_path, monkeypatch):
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db")
    study.ask()
    settle = study._book.ledger._settle

    def interrupted(trial):
        signal.raise_signal(signal.SIGINT)
        settle(trial)

    monkeypatch.setattr(study._book.ledger, "_settle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record(study)
    stored = hpo.load_study(tmp_path / "runs.db")
    assert [t.state for t in stored.trials] == [t.state for t in study.trials]
    assert study._book.ledger.unfinished == stored._book.ledger.unfinished
    assert repr(study) == repr(stored)  # with the best value


def test_the_first_interrupt_of_a_run_ends_it_after_the_trial_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr("hpo.progress.Progress.say", lambda self, message: print(message))

    def objective(params):
        signal.raise_signal(signal.SIGINT)
        return 1.0

    study = hpo.Study(SPACE, searcher="random").optimize(objective, 3)
    assert [str(t.state) for t in study.trials] == ["complete"]
    assert capsys.readouterr().out == "finishing the running trials; Ctrl-C again ends them\n"


def endless(study, seconds):
    # And once more after a second: Python drops what is raised while garbage of other tests is collected.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    while True:
        trial = study.ask()
        study.tell(trial, trial.params["x"])


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_loop_of_ask_and_tell_can_be_interrupted_anywhere(tmp_path, is_stored):
    rng = random.Random(0)
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db" if is_stored else None)
    try:
        for _ in range(60):
            with pytest.raises(KeyboardInterrupt):
                endless(study, rng.uniform(0.0005, 0.01))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    trial = study.ask()
    study.tell(trial, 0.0)
    assert [t.number for t in study.trials] == list(range(trial.number + 1))
    assert all(t.value in (t.params["x"], 0.0) for t in study.trials if t.state == "complete")
    assert len(study._book.ledger._infos) == len(study.trials)
    if is_stored:
        stored = hpo.load_study(tmp_path / "runs.db").trials
        assert [t.value for t in stored] == [t.value for t in study.trials]
