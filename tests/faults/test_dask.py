"""A study on a Dask cluster of its own on loopback, whose workers are killed in the middle of trials."""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor

import pytest

import hpo
from tests.faults.scale import faults, times

distributed = pytest.importorskip("distributed")
pytestmark = faults
SPACE = hpo.Space({"x": hpo.Float(0, 1)})


@pytest.fixture(scope="module")
def cluster_client():
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.comm.timeouts.connect": "60s",
        # A cluster gives up for good a worker that is not there by then, as one that was killed once more.
        "distributed.deploy.lost-worker-timeout": "1h",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(cluster_client):
    cluster_client.wait_for_workers(2, timeout=300)  # also for those that the test before has killed
    return cluster_client


def table(study):
    return [(t.number, t.params, str(t.state), t.value) for t in study.trials]


def run(objective, n, client=None, **options):
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    if client is not None:
        options["executor"] = client.get_executor()
        options.setdefault("timeout", 300)  # where no worker comes any more, the test is to end
    return study.optimize(objective, n, progress=False, **options)


def loss(params):
    return (params["x"] - 0.3) ** 2


def test_a_worker_lost_in_the_middle_of_a_trial_costs_a_retry(client, tmp_path):
    n = times(20)

    def fatal(params, trial):
        note = tmp_path / str(trial.number)
        if trial.number % 4 == 1 and not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(params)

    # A trial whose neighbour's worker dies may be lost with it, if Dask had sent it there already.
    study = run(fatal, n, client, max_retries=n)
    assert table(study) == table(run(loss, n))
    assert all(t.attempt > 1 for t in study.trials if t.number % 4 == 1)


def test_a_trial_is_tried_again_by_an_executor_that_takes_calls_for_pure(client, tmp_path):
    def fatal(params):
        note = tmp_path / "begun"
        if not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(params)

    study = hpo.Study(SPACE, searcher="random", seed=0)
    study.optimize(fatal, 1, timeout=300, executor=client.get_executor(), progress=False)
    assert [(str(t.state), t.attempt) for t in study.trials] == [("complete", 2)]


def test_an_objective_that_always_kills_its_worker_costs_its_own_trial(client):
    def poisonous(params, trial):
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(params)

    study = run(poisonous, 6, client, max_retries=1)
    assert [str(t.state) for t in study.trials] == ["complete", "failed", *["complete"] * 4]
    lost = study.trials[1]
    assert (lost.failure, lost.attempt) == ("lost", 2)
    assert "KilledWorker" in lost.reason


def test_a_result_that_is_lost_with_its_worker_and_again_when_it_is_computed_anew_costs_a_retry(
    client, tmp_path, monkeypatch
):
    evaluations, gather = [], client._gather_remote

    async def too_late(*arguments):
        if not evaluations:
            worker = int((tmp_path / "1").read_text())
            os.kill(worker, signal.SIGKILL)
            while not (tmp_path / "2").exists():
                await asyncio.sleep(0.01)
            evaluations.append(worker)
        return await gather(*arguments)

    def objective(params):
        n = len(list(tmp_path.iterdir())) + 1
        (tmp_path / str(n)).write_text(str(os.getpid()))
        if n == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(params)

    monkeypatch.setattr(client, "_gather_remote", too_late)
    study = run(objective, 1, client)
    assert [(str(t.state), t.attempt) for t in study.trials] == [("complete", 2)]


def test_a_result_that_cannot_be_fetched_ends_the_run_and_costs_no_trial(client, monkeypatch):
    gather = client._gather_remote

    async def lost(*arguments):
        await gather(*arguments)
        raise OSError("no such scheduler")

    monkeypatch.setattr(client, "_gather_remote", lost)
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(BrokenExecutor, match="has lost its scheduler") as caught:
        study.optimize(loss, 1, timeout=120, executor=client, progress=False)
    assert "no such scheduler" in repr(caught.value.__cause__.__cause__)
    assert [str(t.state) for t in study.trials] == ["queued"]


@pytest.mark.parametrize("status", ["closing", "closed"])
def test_a_trial_given_to_a_client_that_is_being_closed_ends_the_run(client, monkeypatch, status):
    submit = client.submit

    def at_the_last_moment(*arguments, **options):
        future = submit(time.sleep, 1.0)
        monkeypatch.setattr(client, "status", status)
        return future

    monkeypatch.setattr(client, "submit", at_the_last_moment)
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with pytest.raises(BrokenExecutor, match="gave up its trials"):
        study.optimize(loss, 1, executor=client, timeout=120, progress=False)
    assert [str(t.state) for t in study.trials] == ["queued"]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_what_no_worker_takes_is_withdrawn_when_the_time_is_over_or_the_study_stopped(client, is_stopped):
    executor = client.get_executor(resources={"what no worker has": 1})
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    scheduler = client.cluster.scheduler

    def stop():
        while len(scheduler.unrunnable) < 2:
            time.sleep(0.01)
        study.stop()

    if is_stopped:
        threading.Thread(target=stop, daemon=True).start()
    study.optimize(loss, 2, timeout=None if is_stopped else 0.5, executor=executor, progress=False)
    assert {str(t.state) for t in study.trials} == {"queued"}
    deadline = time.monotonic() + 60
    while scheduler.unrunnable and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not scheduler.unrunnable


def test_what_workers_have_when_the_study_is_stopped_is_waited_for_and_fetched(client, monkeypatch):
    gather, scheduler = client._gather_remote, client.cluster.scheduler
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)

    async def later(*arguments):
        await asyncio.sleep(1.0)
        return await gather(*arguments)

    def stop():
        while sum(len(worker.processing) for worker in scheduler.workers.values()) < 2:
            time.sleep(0.01)
        study.stop()

    def slow(params):
        time.sleep(1.0)
        return loss(params)

    monkeypatch.setattr(client, "_gather_remote", later)
    threading.Thread(target=stop, daemon=True).start()
    study.optimize(slow, 100, timeout=300, executor=client, progress=False)
    assert table(study) == table(run(loss, 2))


def test_a_client_is_an_executor_itself(client):
    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    study.optimize(loss, 4, timeout=300, executor=client, progress=False)
    assert table(study) == table(run(loss, 4))


def test_a_client_that_loses_its_scheduler_ends_the_run_and_costs_no_trial():
    def slow(params):
        time.sleep(0.2)
        return loss(params)

    study = hpo.Study(SPACE, searcher="random", seed=0, window=2)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster.scheduler_address) as client,
    ):
        closing = threading.Thread(target=cluster.close)

        def close(study, trial):
            if trial.number == 3:
                closing.start()

        with pytest.raises(BrokenExecutor, match="has lost its scheduler"):
            study.optimize(slow, 1000, executor=client, callbacks=[close], progress=False)
        closing.join()  # of two threads that close a cluster one stops the loop in which the other waits
    assert {str(t.state) for t in study.trials} == {"complete", "queued"}


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_a_cluster_without_workers_is_told_and_waited_for(n_jobs):
    study = hpo.Study(SPACE, searcher="random", seed=0)
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        cluster.adapt(minimum=0, maximum=1, interval="100ms")
        with pytest.warns(UserWarning, match="executor: the Dask cluster has no workers; trials wait"):
            study.optimize(loss, 2, n_jobs=n_jobs, timeout=300, executor=client, progress=False)
    assert {str(t.state) for t in study.trials} == {"complete"}
