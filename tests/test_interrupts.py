"""Ctrl-C at any moment leaves a study whole."""

import random
import signal
import threading

import pytest

import hpo
from hpo.interrupts import Undisturbed

SPACE = {"x": hpo.Float(0, 1)}


def test_the_first_interrupt_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), Undisturbed():
        signal.raise_signal(signal.SIGINT)
        done.append("after the first")
    assert done == ["after the first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), Undisturbed():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("after the second")
    assert done == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_interrupt_stays_ignored_and_other_threads_are_left_alone():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Undisturbed():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)
    seen = []

    def elsewhere():
        with Undisturbed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_loop_of_ask_and_tell_can_be_interrupted_anywhere(tmp_path, is_stored):
    rng = random.Random(0)
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    study = hpo.Study(SPACE, searcher="random", seed=0, storage=tmp_path / "runs.db" if is_stored else None)
    try:
        for _ in range(60):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.01))
                while True:
                    trial = study.ask()
                    study.tell(trial, trial.params["x"])
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
