"""What other libraries are told is what they would be told by their own users."""

import math
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Event, Thread, current_thread
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

import hpo
from benchmarks.__main__ import main
from benchmarks.suites.command import _searchers
from benchmarks.suites.peers import peers
from benchmarks.suites.peers.nevergrad import in_daemon
from benchmarks.suites.peers.replayed import ReplayedSearcher


def test_nevergrad_is_told_how_many_trials_there_will_be():
    assert peers()["nevergrad"][1](300).budget == 300
    pytest.importorskip("nevergrad")
    searcher = _searchers("nevergrad", 30)["nevergrad"]
    assert searcher.start(hpo.Space({"x": hpo.Float(0, 1)}), 0).optimizer.budget == 30
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=searcher, seed=0)
    study.optimize(lambda p: p["x"], 5, progress=False)
    assert np.isfinite(study.best_value)


@dataclass(frozen=True)
class Counting(ReplayedSearcher):
    """Asks for 1, 2, 3, ... thousandths, and writes down what it is told."""

    name: ClassVar[str] = "counting"
    log: list[str] = field(default_factory=list, compare=False)

    def start(self, space, seed):
        self.log.append("start")
        return SimpleNamespace(ask=self._ask, tell=self._tell)

    def _tell(self, asked, loss, failed):
        self.log.append(f"{asked}: {'failed' if failed else 'had'} {loss}")

    def _ask(self):
        self.log.append("ask")
        n = self.log.count("ask")
        return n, {"x": n / 1000}


def test_a_peer_is_told_of_each_trial_once_while_the_study_grows():
    searcher = Counting(4)
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher=searcher, seed=0)
    study.optimize(lambda p: math.nan if p["x"] == 0.002 else 3 * p["x"], 3, progress=False)
    assert [t.params["x"] for t in study.trials] == [0.001, 0.002, 0.003]
    assert searcher.log == ["start", "ask", "1: had 0.003", "ask", "2: failed 0.003", "ask"]


def test_a_peer_that_is_started_anew_goes_through_the_earlier_trials():
    first, second = (hpo.Study({"x": hpo.Float(0, 1)}, searcher=Counting(4), seed=0) for _ in range(2))
    for study in (first, second):
        study.optimize(lambda p: p["x"], 2, progress=False)
    second.searcher._replays.clear()
    second.searcher.log.clear()
    assert second.ask().params == first.ask().params
    assert second.searcher.log == ["start", "ask", "1: had 0.001", "ask", "2: had 0.002", "ask"]


@pytest.mark.parametrize("label", ["nevergrad", "ax", "smac", "hebo", "skopt-gp"])
def test_a_peer_searches_a_space_of_every_kind_with_trials_that_fail(label):
    module, make = peers()[label]
    pytest.importorskip(module)
    space = hpo.Space(
        {
            "kind": hpo.Categorical(["a", "b", "c"]),
            "rate": hpo.Float(1e-4, 1, log=True),
            "n": hpo.Int(1, 20),
            "order": hpo.Ordinal([1, 2, 4]),
            "only": hpo.Float(0, 1, when={"kind": ["a", "b"], "order": [2, 4]}),
        }
    )

    def objective(params):
        if params["n"] > 15:
            raise ValueError("too many")
        return abs(params["n"] - 7) + params["rate"] + params.get("only", 0.5) + params["order"]

    study = hpo.Study(space, searcher=make(8), seed=1)
    study.optimize(objective, 8, progress=False)
    assert len({str(t.params) for t in study.trials}) > 4
    assert {str(t.state) for t in study.trials} <= {"complete", "failed"}
    assert any(t.state == "complete" for t in study.trials)
    assert all(t.reason is None or "too many" in t.reason for t in study.trials)


def test_a_thread_that_waits_for_good_does_not_keep_the_process():
    def start():
        thread = Thread(target=Event().wait)
        assert current_thread().daemon
        return thread.daemon

    assert in_daemon(start)
    with pytest.raises(KeyError, match="told"):
        in_daemon(lambda: {}["told"])


def test_a_process_ends_after_nevergrad():
    pytest.importorskip("nevergrad")
    code = """
import hpo
from benchmarks.suites.peers.nevergrad import NevergradSearcher

study = hpo.Study({"x": hpo.Float(-1, 1), "y": hpo.Float(-1, 1)}, searcher=NevergradSearcher(30), seed=0)
study.optimize(lambda p: p["x"] ** 2 + p["y"] ** 2, 30, progress=False)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_the_command_runs_a_peer(tmp_path):
    pytest.importorskip("optuna")
    arguments = ["functions", "--problems", "branin", "--trials", "10", "--seeds", "1", "--searchers",
                 "tpe,optuna-nsgaii", "--jobs", "1", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
