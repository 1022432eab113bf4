"""A study that several hosts share on PostgreSQL, on a private server of the test's own."""

import multiprocessing
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import hpo
from hpo.storage import StorageError
from tests.faults.scale import faults, times
from tests.faults.test_kills import SPACE, loss, started, table

pytest.importorskip("psycopg")
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if sys.platform == "linux" else []
pytestmark = [faults, pytest.mark.skipif(not BINARIES, reason="no PostgreSQL server is installed")]


class Server:
    """A PostgreSQL server on loopback; as root it runs as the user ``postgres``, who must exist."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.run("initdb", "-A", "trust", "-U", "postgres", "-D", folder / "data")
        self.start()

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        log = self.folder / "log"
        self.run("pg_ctl", "-w", "-D", self.folder / "data", "-o", options, "-l", log, "start")

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-w", "-m", mode, "-D", self.folder / "data", "stop")

    def run(self, program, *arguments):
        command = [BINARIES[-1] / program, *arguments]
        if os.geteuid() == 0:  # the server refuses to run as root
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


@pytest.fixture(scope="module")
def server():
    folder = Path(tempfile.mkdtemp(prefix="hpo-pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = Server(folder)
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


def test_a_study_is_kept_and_goes_on_as_in_a_file(server):
    options = {"searcher": "gp", "seed": 2}
    hpo.minimize(loss, SPACE, n_trials=9, storage=server.url, name="kept", progress=False, **options)
    found = hpo.load_study(server.url, "kept").optimize(loss, 7, progress=False)
    whole = hpo.minimize(loss, SPACE, n_trials=16, progress=False, **options)
    assert table(found) == table(whole)
    for name in ("'; DROP TABLE trials;--", "<b>\0\U0001f600", "../x"):
        hpo.Study(SPACE, storage=server.url, name=name)
        assert hpo.load_study(server.url, name).name == name
    with pytest.raises(StorageError, match="load_study"):
        hpo.Study(SPACE, storage=server.url, name="kept")


def test_an_address_without_a_server_is_a_clear_error():
    with pytest.raises(StorageError, match="storage="):
        hpo.Study(SPACE, storage="postgresql://postgres@127.0.0.1:1/none")


def test_a_silent_hosts_trial_is_taken_over_when_its_lease_ends_and_not_before(server, monkeypatch):
    monkeypatch.setattr("hpo.storage.store.LEASE_SECONDS", 6.0)
    monkeypatch.setattr("hpo.storage.owner.Owner.is_dead", lambda self, token: False)  # as on another machine
    first = hpo.Study(SPACE, storage=server.url, name="leased", searcher="random", seed=0)
    asked = first.ask()
    second = hpo.load_study(server.url, "leased")
    for number in (1, 2, 3):
        time.sleep(3.0)  # in the end longer than the lease, were it not renewed
        other = second.ask()
        assert (other.number, str(second.trials[0].state)) == (number, "running")
        second.tell(other, 1.0)
    del first
    deadline = time.monotonic() + 60
    while hpo.load_study(server.url, "leased").trials[0].state == "running" and time.monotonic() < deadline:
        time.sleep(0.2)
    again = second.ask()
    assert (again.number, again.params, again.attempt) == (0, asked.params, 2)
    assert second.tell(asked, 7.0).state == "running"  # the late result of the lost attempt
    assert second.tell(again, 1.0).value == 1.0


def test_forks_of_an_open_study_have_connections_of_their_own(server):
    study = hpo.Study(SPACE, storage=server.url, name="forked", searcher="random", seed=0, window=8)
    study.tell(study.ask(), 1.0)

    def contribute():
        for _ in range(40):
            trial = study.ask()
            study.tell(trial, loss(trial.params))

    forks = [multiprocessing.get_context("fork").Process(target=contribute) for _ in range(4)]
    for fork in forks:
        fork.start()
    contribute()
    for fork in forks:
        fork.join()
    assert [fork.exitcode for fork in forks] == [0] * 4
    trials = hpo.load_study(server.url, "forked").trials
    assert [(str(t.state), t.value) for t in trials[1:]] == [("complete", loss(t.params)) for t in trials[1:]]
    assert len(trials) == 201


def test_eight_hosts_share_a_study_though_some_are_killed_and_the_server_restarts(server):
    each = times(500)
    hpo.Study(SPACE, storage=server.url, name="shared", searcher="random", seed=0, window=8)
    call = f"contribute({server.url!r}, {each}, 'shared')"
    processes = [started(call) for _ in range(8)]
    rng = np.random.default_rng(0)
    _wait_for(server, "shared", each)
    for victim in rng.choice(8, size=3, replace=False):
        processes[victim].kill()
    server.stop("immediate")
    server.start()
    for process in processes:
        _, errors = process.communicate(timeout=3600)
        assert process.returncode in (0, -9), errors.decode()
    assert sum(process.returncode == 0 for process in processes) == 5
    study = hpo.load_study(server.url, "shared")
    left = 8 * each - sum(t.state.is_finished for t in study.trials)
    study.optimize(loss, left, progress=False)
    trials = study.trials
    assert [t.number for t in trials] == list(range(len(trials)))
    assert all(t.state == "complete" for t in trials)
    assert len(trials) == 8 * each
    assert len({tuple(t.params.values()) for t in trials}) == len(trials)


def _wait_for(server, name, n):
    deadline = time.monotonic() + 600
    while len(hpo.load_study(server.url, name).trials) < n and time.monotonic() < deadline:
        time.sleep(0.2)
