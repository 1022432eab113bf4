"""The timing of the network, on few digits: that it runs and times what it says."""

import numpy as np
import pytest

from benchmarks.speed import mlp


@pytest.fixture
def few(monkeypatch):
    X, y = mlp._digits(300)
    monkeypatch.setattr(mlp, "_digits", lambda n: (X, y))
    monkeypatch.setattr(mlp, "find_spec", lambda name: None)
    return X, y


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_each_side_is_timed_and_a_missing_peer_is_said(few, monkeypatch, capsys):
    monkeypatch.setattr(mlp, "_two_processes", lambda X, y, repeats: None)
    mlp.run(repeats=1, quick=True)
    said = capsys.readouterr().out
    assert "PyTorch is not installed and left out" in said
    assert "two epochs of 300 rows" in said
    assert "prediction of 300 rows" in said
    for side in ("matrix products", "MLP", "MLP, all on", "MLPClassifier"):
        assert said.count(f"  {side:24}") == 2
    assert "x the data" in said


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_all_on_is_all_on_and_both_sides_train_as_long(few):
    sides = mlp.training(*few, (16,), 32)
    model = sides["MLP, all on"]()
    assert (model.optimizer, model.batch_norm) == ("adam", True)
    assert min(model.dropout, model.weight_decay) > 0
    assert sides["MLP"]().n_iter_ == model.n_iter_ == sides["MLPClassifier"]().n_iter_ == 2


def test_a_fit_allocates_less_than_half_the_data():
    """Of all that a fit adds, only weights and buffers: no copy of the rows, however many there are."""
    import tracemalloc

    X, y = mlp._digits(20_000)
    model = mlp.MLP((73,), 0.001, 1, 46, "adam", dropout=0.2, batch_norm=True, random_state=0)
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * X.nbytes


def test_a_mapped_file_is_trained_on_as_it_lies(few, tmp_path):
    np.save(tmp_path / "X.npy", few[0])
    assert mlp.train_mapped(tmp_path / "X.npy", few[1], None) > 0
