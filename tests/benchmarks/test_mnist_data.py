"""Where the digits come from, and what is said of damaged files."""

import gzip
import hashlib
import shutil
import socket
import struct
from http.client import BadStatusLine, IncompleteRead
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.mnist import CNN, MLP, data
from benchmarks.mnist.data import SUBSET, load_mnist, read_idx
from benchmarks.mnist.objective import MAKERS, SPACES, Problem, _seed_of, mlp_space, prepared, split


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
    load_mnist("subset", quiet=True)
    assert capsys.readouterr().err == ""


def test_unpacked_files_are_the_same_and_memory_mapped(folder):
    X, y = load_mnist(folder, quiet=True)
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    again, labels = load_mnist(folder, quiet=True)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("t10k-labels-idx1-ubyte", np.full(2000, 10), "must hold 2000 labels from 0 to 9"),
        ("t10k-labels-idx1-ubyte", np.zeros(1999), "must hold 2000 labels from 0 to 9"),
        ("t10k-images-idx3-ubyte", np.zeros((2000, 28, 27)), r"holds shape \(2000, 28, 27\), not"),
        ("t10k-images-idx3-ubyte", np.zeros((2000, 784)), r"holds shape \(2000, 784\), not"),
    ],
)
def test_files_of_other_things_than_digits_are_named(folder, name, array, said):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.astype("u1").tobytes()))
    with pytest.raises(ValueError, match=f"{name}.*: {said}"):
        load_mnist(folder)


def test_the_cache_is_where_the_system_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.setattr(data.Path, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert data.cache_folder() == tmp_path / ".cache" / "hpo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data.cache_folder() == tmp_path / ".cache" / "hpo"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert data.cache_folder() == tmp_path / "elsewhere" / "hpo"


@pytest.mark.parametrize("name", ["y.npy", "crc32.json"])
def test_a_damaged_part_of_the_cache_is_rebuilt(folder, tmp_path, name):
    _, y = load_mnist(folder, quiet=True)
    (cached,) = (tmp_path / "cache").glob(f"hpo/*/{name}")
    for damaged in (cached.read_bytes()[:-8] + b"\x01" * 8, b"no array"):
        cached.write_bytes(damaged)
        np.testing.assert_array_equal(load_mnist(folder, quiet=True)[1], y)


def test_a_damaged_cache_is_rebuilt(folder, tmp_path):
    X, _ = load_mnist(folder, quiet=True)
    expected = X[:50].copy()
    (cached,) = (tmp_path / "cache").glob("hpo/*/X.npy")
    raw = bytearray(cached.read_bytes())
    raw[5000:5100] = b"\x01" * 100
    cached.unlink()
    cached.write_bytes(raw)
    np.testing.assert_array_equal(load_mnist(folder, quiet=True)[0][:50], expected)


def test_a_disk_that_is_full_costs_the_cache_only_and_is_not_filled_with_parts(folder, tmp_path, monkeypatch):
    def save(file, array):
        file.write(b"as much as there was room for")
        raise OSError("No space left on device")

    with monkeypatch.context() as full:
        full.setattr(np, "save", save)
        X, y = load_mnist(folder, quiet=True)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not X.flags.writeable  # as it is in the cache
    again, labels = load_mnist(folder, quiet=True)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize("keep", [0, 3, 900])
def test_a_file_downloaded_in_part_is_named(folder, keep):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=path.name):
        load_mnist(folder, quiet=True)


@pytest.mark.parametrize(
    ("shape", "body"),
    [((1,) * 72, b"x"), ((2**32 - 1, 2**32 - 1), b"x"), ((2**32 - 1, 2**32 - 1, 0), b""), ((), b"x")],
    ids=["axes", "overflow", "empty", "none"],
)
def test_a_header_that_cannot_be_true_is_refused_with_the_file(tmp_path, shape, body):
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte: (is not an IDX file|has . values where)"):
        read_idx(file)


def test_a_missing_file_is_named(folder):
    (folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        load_mnist(folder)


def test_the_objective_is_a_function_of_params_and_seed():
    problem, space = Problem(n_train=300, n_validation=300), mlp_space(12)
    params = space.decode(space.sample(1, np.random.default_rng(0)))[0]
    assert problem.objective(params, seed=1) == problem.objective(params, seed=1)
    assert 0 <= problem.objective(params, seed=2) <= 100


@pytest.fixture
def openml(tmp_path, monkeypatch):
    """An OpenML that can be reached; `fetch` is what its download does."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = SimpleNamespace(calls=0, fetch=None)

    def fetch_openml(name, **options):
        server.calls += 1
        return server.fetch(name)

    monkeypatch.setattr(socket, "create_connection", lambda *_: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    return server


def digits(name):
    """Twenty digits as fetch_openml gives them: floats, and labels as strings."""
    assert name == "mnist_784"
    pixels = np.random.default_rng(0).integers(0, 256, size=(20, 784)).astype(float)
    return SimpleNamespace(data=pixels, target=np.array([str(i % 10) for i in range(20)]))


def checksum(found):
    return hashlib.sha256(found.data.astype("u1").tobytes() + found.target.astype("u1").tobytes()).hexdigest()


def test_without_a_folder_the_digits_come_from_openml_once(openml, monkeypatch, capsys):
    monkeypatch.setattr(data, "MNIST_SHA256", checksum(digits("mnist_784")))
    openml.fetch = digits
    for _ in range(2):
        X, y = load_mnist()
        assert "OpenML" in capsys.readouterr().err
        np.testing.assert_allclose(X * 255, digits("mnist_784").data, rtol=1e-6)
        assert y.tolist() == [i % 10 for i in range(20)]
    assert openml.calls == 1


def test_other_digits_than_mnist_are_refused(openml):
    openml.fetch = digits
    with pytest.raises(ValueError, match="checksum"):
        load_mnist()


@pytest.mark.parametrize(
    "error",
    [TimeoutError("timed out"), ConnectionResetError("reset"), OSError("DNS"), IncompleteRead(b"PK"),
     BadStatusLine("no HTTP"), EOFError("ended before the end-of-stream marker was reached"),
     ValueError("Database connection error: high server load")],
)  # fmt: skip
def test_an_openml_that_fails_gives_way_to_the_subset_and_says_so(openml, error, capsys):
    def fetch(name):
        assert socket.getdefaulttimeout() is not None  # a download that stalls ends
        raise error

    openml.fetch = fetch
    X, _ = load_mnist()
    assert len(X) == 12_000
    said = capsys.readouterr().err
    assert "shipped subset" in said
    assert str(error) in said
    assert socket.getdefaulttimeout() is None


def test_without_a_network_the_subset_is_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError("no route to host")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert len(load_mnist()[0]) == 12_000
    assert "no route to host" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [3, ""])
def test_what_is_no_source_is_named(wrong):
    with pytest.raises(ValueError, match=f"source={wrong!r}: must be a folder, 'subset' or None"):
        load_mnist(wrong)


def test_a_configuration_becomes_the_network_it_describes():
    shared = {"learning_rate": 0.002, "max_shift": 1}
    expected = {
        "mlp": MLP((300, 300), random_state=7, **shared),
        "wide": MLP(
            (300, 300), random_state=7, **shared, optimizer="adam", batch_norm=True, schedule="cosine"
        ),
        "cnn": CNN(hidden_size=300, random_state=7, **shared),
    }
    for model, network in expected.items():
        layers = {} if model == "cnn" else {"n_layers": 2}
        found = MAKERS[model]({"hidden_size": 300, **layers, **shared}, 7)
        assert type(found) is type(network)
        assert found.get_params() == network.get_params()
    assert MAKERS["mlp"]({"hidden_size": 40}, 7).hidden_sizes == (40,)
    assert MAKERS["wide"]({"hidden_size": 40, "schedule": "linear"}, 7).schedule == "linear"


@pytest.mark.parametrize("model", SPACES)
def test_what_a_space_holds_can_be_trained_for_as_many_epochs_as_are_asked_for(model):
    X, y = load_mnist("subset", quiet=True)
    for params in sampled(SPACES[model](2), 2):
        network = MAKERS[model](params, 0).fit(X[:30], y[:30])
        assert network.n_iter_ == params["epochs"] <= 2
    longest = {"mlp": 40, "wide": 40, "cnn": 18}[model]
    epochs = [params["epochs"] for params in sampled(SPACES[model](40), 500)]
    assert (min(epochs), max(epochs)) == ({"mlp": 10, "wide": 8, "cnn": 6}[model], longest)


def sampled(space, n):
    return space.decode(space.sample(n, np.random.default_rng(0)))


def test_luck_is_of_the_configuration_and_of_the_repeat():
    params = {"hidden_size": 8, "learning_rate": 0.1}
    seeds = [_seed_of(params, 0), _seed_of(params, 1), _seed_of({**params, "hidden_size": 9}, 0)]
    assert len(set(seeds)) == 3
    assert seeds[0] == _seed_of(dict(reversed(params.items())), 0)
    many = [_seed_of(params, seed) for seed in range(100)]
    assert 2**30 < max(many) < 2**31


def test_search_and_test_train_with_the_luck_of_the_configuration_and_of_the_repeat(monkeypatch):
    trained = []

    class Network:
        def fit(self, X, y):
            trained.append(len(X))
            return self

        def score(self, X, y):
            trained.append(len(X))
            return 0.75

    monkeypatch.setitem(MAKERS, "mlp", lambda params, seed: trained.append(seed) or Network())
    task = Problem(n_train=500, n_validation=1_000).task(mlp_space())
    params = {"hidden_size": 8}
    assert task.objective(params, seed=3) == 25
    assert task.test(params, 4) == {"test accuracy": 75}
    assert trained == [_seed_of(params, 3), 500, 1_000, _seed_of(params, 4), 10_000, 2_000]
    assert (task.direction, task.metric, task.unit) == ("minimize", "validation error", "%")


def test_digits_are_loaded_once_for_all_trials_of_a_process():
    assert prepared(Problem()) is prepared(Problem())


@pytest.mark.parametrize("n", [100, 10_000])
def test_digits_without_a_test_part_are_refused(n):
    with pytest.raises(ValueError, match=f"{n:,} digits: must be all 70,000, or more than the 10,000"):
        split(np.zeros(n))


def test_the_parts_of_the_digits_have_their_sizes_share_no_row_and_have_each_class_in_its_share():
    _, y, (train, validation, full, test) = prepared(Problem(n_train=1_000, n_validation=2_000))
    assert [len(rows) for rows in (train, validation, full, test)] == [1_000, 2_000, 10_000, 2_000]
    assert len(np.unique(np.concatenate([train, validation, test]))) == 5_000
    assert full.max() < test.min()
    shares = np.bincount(y[full]) / 10_000
    np.testing.assert_allclose(np.bincount(y[train]) / 1_000, shares, atol=1e-3)
    np.testing.assert_allclose(np.bincount(y[validation]) / 2_000, shares, atol=1e-3)
