"""The benchmark of the regularisers, at its smallest."""

from xml.etree import ElementTree

import numpy as np
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.mnist.objective import Problem
from benchmarks.mnist.parts import VARIANTS, Columns, TimedProblem, as_svg, variant_space


def test_each_variant_searches_its_own_parts_only():
    shared = {"hidden_size", "learning_rate", "epochs", "batch_size"}
    for parts in VARIANTS.values():
        assert set(variant_space(parts).names) == shared | set(parts)


def test_the_command_writes_a_row_a_variant_and_draws_them(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.parts.TimedProblem", small_problem)
    arguments = ["parts", "--trials", "3", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "parts.md").read_text()
    for name in VARIANTS:
        assert f"| {name} |" in done.output
        assert f"| {name} |" in page
    assert "3 trials of gp each, 2 paired seeds; a trial trains on 100 digits" in page
    drawing = ElementTree.fromstring((tmp_path / "parts.svg").read_text())
    circles = [e for e in drawing.iter() if e.tag.endswith("circle")]
    assert len(circles) == len(VARIANTS) * (2 + 1)  # each seed, and the mean


def test_a_refit_is_timed(monkeypatch):
    monkeypatch.setattr(Problem, "test", lambda self, params, seed: {"test accuracy": 90.0})
    found = TimedProblem().test({})
    assert found["test accuracy"] == 90
    assert 0 <= found["CPU seconds"] < 1


def test_the_figure_places_errors_by_their_size():
    errors = {"none": np.array([1.0, 2.0]), "all": np.array([3.0, 5.0])}
    drawing = ElementTree.fromstring(as_svg(Columns(errors, errors, errors)))
    at = [float(e.get("cx")) for e in drawing.iter() if e.tag.endswith("circle")]
    np.testing.assert_allclose(np.diff(at), np.array([1, -0.5, 1.5, 2, -1]) * (at[1] - at[0]), atol=0.3)
    ticks = [e.text for e in drawing.iter() if e.tag.endswith("text")]
    assert {"1", "2", "3", "4", "5", "none", "all"} <= set(ticks)


def small_problem(source):
    return SmallProblem(source, n_train=100, n_validation=100)


class SmallProblem(TimedProblem):
    """Scores the network of a trial instead of one that is refitted on all digits."""

    def test(self, params, seed=0):
        return {"test accuracy": 100 - self.objective(params, seed), "CPU seconds": 1.0}
