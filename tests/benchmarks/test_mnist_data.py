"""Where the digits come from, and what is said of damaged files."""

import gzip
import shutil

import numpy as np
import pytest

from benchmarks.mnist.data import SUBSET, load_mnist
from benchmarks.mnist.objective import Problem, mlp_space


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = tmp_path / "idx"
    shutil.copytree(SUBSET, copy)
    return copy


def test_the_subset_is_said_on_screen_and_stratified(folder, capsys):
    X, y = load_mnist("subset")
    assert "shipped subset" in capsys.readouterr().err
    assert X.shape == (12_000, 784)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert (X.min(), X.max()) == (0, 1)
    assert np.bincount(y[:10_000]).min() > 880


def test_unpacked_files_are_the_same_and_memory_mapped(folder):
    X, y = load_mnist(folder, quiet=True)
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    again, labels = load_mnist(folder, quiet=True)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, labels)


def test_a_damaged_cache_is_rebuilt(folder, tmp_path):
    X, _ = load_mnist(folder, quiet=True)
    expected = X[:50].copy()
    (cached,) = (tmp_path / "cache").glob("hpo/*/X.npy")
    raw = bytearray(cached.read_bytes())
    raw[5000:5100] = b"\x01" * 100
    cached.unlink()
    cached.write_bytes(raw)
    np.testing.assert_array_equal(load_mnist(folder, quiet=True)[0][:50], expected)


@pytest.mark.parametrize("keep", [0, 3, 900])
def test_a_file_downloaded_in_part_is_named(folder, keep):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=path.name):
        load_mnist(folder, quiet=True)


def test_a_missing_file_is_named(folder):
    (folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        load_mnist(folder)


def test_the_objective_is_a_function_of_params_and_seed():
    problem, space = Problem(n_train=300, n_validation=300), mlp_space(12)
    params = space.decode(space.sample(1, np.random.default_rng(0)))[0]
    assert problem.objective(params, seed=1) == problem.objective(params, seed=1)
    assert 0 <= problem.objective(params, seed=2) <= 100
