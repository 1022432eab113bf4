"""Full disks and damaged files: a clear error, never a silent loss."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hpo
from hpo.storage import StorageError
from hpo.storage.recover import recover
from tests.faults.scale import faults, times
from tests.faults.test_kills import SQLITES

pytestmark = faults
ROOT = Path(__file__).parents[2]
N_TRIALS = 120  # of about 80 kB
SPACE = {"x": hpo.Float(0, 1), "k": hpo.Categorical(["a", "b"])}


def loss(params):
    return params["x"]


def table(study):
    return [(t.number, t.params, str(t.state), t.value) for t in study.trials]


def fill(storage, budget):
    """Go on with a study until no file may grow beyond `budget` bytes; exit code 7: a clear error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (budget, budget))
    try:
        exists = Path(storage.removeprefix("sqlite+pysqlite3:///")).exists()
        study = hpo.load_study(storage) if exists else new_study(storage)
        study.optimize(loss, N_TRIALS - len(study.trials), progress=False)
    except StorageError as error:
        print(error)
        sys.exit(7)


def new_study(file=None):
    return hpo.Study(SPACE, storage=file, searcher="random", seed=3)


@pytest.mark.parametrize("sqlite", SQLITES)
def test_a_full_disk_is_a_clear_error_and_the_study_goes_on_when_there_is_room(tmp_path, sqlite):
    expected = table(new_study().optimize(loss, N_TRIALS, progress=False))
    budgets = np.linspace(2_000, 80_000, times(100)).astype(int)
    n_refused = 0
    for i, budget in enumerate(budgets.tolist()):
        file = tmp_path / f"{i}.db"
        code = f"from tests.faults.test_files import fill; fill({f'{sqlite}{file}'!r}, {budget})"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 7), done.stderr
        if done.returncode == 7:
            n_refused += 1
            assert "storage=" in done.stdout
            assert "make room" in done.stdout or "cannot be created" in done.stdout, done.stdout
        if not file.exists():
            continue  # there was no room for an empty study: no half of one is left either
        study = hpo.load_study(f"{sqlite}{file}")
        finished = [row for row in table(study) if row[2] == "complete"]
        assert finished == expected[: len(finished)]
        left = N_TRIALS - len(finished)
        assert table(study.optimize(loss, left, progress=False)) == expected
        assert not list(tmp_path.glob(f".{file.name}.*"))
    assert n_refused > len(budgets) // 3


def test_every_corruption_is_detected_or_harmless(tmp_path):
    file = tmp_path / "runs.db"
    study = new_study(file).optimize(loss, 120, progress=False)
    study.enqueue({"x": 0.5, "k": "a"})
    expected, raw = table(study), file.read_bytes()
    del study
    rng = np.random.default_rng(0)
    n_detected = 0
    for i in range(times(500)):
        damaged = _damaged(raw, rng, i % 4)
        copy = tmp_path / "copy.db"
        copy.write_bytes(damaged)
        found = _loaded(copy)
        if isinstance(found, StorageError):
            n_detected += 1
            assert str(copy) in str(found)
            assert copy.read_bytes() == damaged
        else:
            assert found == expected, f"corruption {i}"
        new = tmp_path / "new.db"
        try:
            recover(copy, new)
        except StorageError:
            continue
        finally:
            (tmp_path / "new.db.orphans.jsonl").unlink(missing_ok=True)
        if new.exists():
            saved = [row[1:] for row in table(hpo.load_study(new))]
            assert all(row in [e[1:] for e in expected] for row in saved)
            new.unlink()
    assert n_detected > 0.3 * times(500)


def _loaded(file):
    try:
        return table(hpo.load_study(file))
    except StorageError as error:
        return error


def _damaged(raw, rng, kind):
    data = bytearray(raw)
    at = int(rng.integers(len(data)))
    if kind == 0:  # one bit
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # a run of noise
        n = int(rng.integers(1, 5000))
        data[at : at + n] = rng.bytes(len(data[at : at + n]))
    elif kind == 2:  # cut off
        del data[at:]
    else:  # a page of zeros
        page = at // 4096 * 4096
        data[page : page + 4096] = bytes(len(data[page : page + 4096]))
    return bytes(data)
