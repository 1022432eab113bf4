"""The benchmark of the regularisers, at its smallest."""

from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.mnist.parts import VARIANTS, variant_space


def test_each_variant_searches_its_own_parts_only():
    shared = {"hidden_size", "learning_rate", "epochs", "batch_size"}
    for parts in VARIANTS.values():
        assert set(variant_space(parts).names) == shared | set(parts)


def test_the_command_prints_a_row_a_variant_and_draws_them(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.parts.Problem", small_problem)
    arguments = ["parts", "--trials", "3", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    for name in VARIANTS:
        assert f"| {name} |" in done.output
    assert "Plotly.newPlot" in (tmp_path / "parts.html").read_text()


def small_problem(source):
    from benchmarks.mnist.objective import Problem

    return Problem(source, n_train=100, n_validation=100)
