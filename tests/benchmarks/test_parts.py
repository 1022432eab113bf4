"""The benchmark of the regularisers, at its smallest."""

from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.mnist import MLP
from benchmarks.mnist.objective import prepared
from benchmarks.mnist.parts import VARIANTS, Columns, SameSize, as_markdown, as_svg, variant_space
from hpo.compare import Comparison


def test_each_variant_searches_its_own_parts_only():
    shared = {"hidden_size", "learning_rate", "epochs", "batch_size"}
    for parts in VARIANTS.values():
        assert set(variant_space(parts).names) == shared | set(parts)


def test_the_command_writes_a_row_a_variant_and_draws_them(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.parts.SameSize", small_problem)
    arguments = ["parts", "--trials", "3", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path / "runs")]
    folder = tmp_path / "a" / "new one"
    done = CliRunner().invoke(main, [*arguments, "--into", str(folder)])
    assert done.exit_code == 0, done.output
    page = (folder / "parts.md").read_text()
    for name in VARIANTS:
        assert f"| {name} |" in done.output
        assert f"| {name} |" in page
    assert "3 trials of gp each, 2 paired seeds. A network is trained on 100 digits" in page
    assert "Means over searches; too few for intervals.\n" in page
    cells = Comparison.load(tmp_path / "runs").cells
    errors = [100 - cell["test"]["test accuracy"] for cell in cells if cell["task"] == "none"]
    assert f" | {np.mean(errors):.2f} | – | " in page
    drawing = ElementTree.fromstring((folder / "parts.svg").read_text())
    circles = [e for e in drawing.iter() if e.tag.endswith("circle")]
    assert len(circles) == len(VARIANTS) * (2 + 1)  # each seed, and the mean


@pytest.mark.parametrize(
    ("problem", "said"),
    [("Untested", "(FloatingPointError: training diverged)"), ("Untrained", "(no trial has a value)")],
)
@pytest.mark.filterwarnings("ignore:all 3 trials failed")
def test_a_search_without_a_test_error_is_named_instead_of_left_out(problem, said, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mnist.parts.SameSize", globals()[problem])
    arguments = ["parts", "--trials", "3", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path)]
    failed = CliRunner().invoke(main, arguments)
    assert failed.exit_code == 1
    assert f"Error: none, seed 0: what was found could not be tested {said}" in failed.output
    assert not (tmp_path / "parts.md").exists()


def test_the_drawing_needs_no_interval_and_any_range_of_errors():
    for spread in (1e-3, 0.5, 0.95, 1.0, 9.5):
        errors = {name: 7 + spread * np.arange(2.0) for name in VARIANTS}
        drawing = as_svg(Columns(errors, errors, errors))
        assert "nan" not in drawing
        assert drawing.count('text-anchor="middle"') > 3
        assert "nan" not in as_markdown(Columns(errors, errors, errors))


def test_the_table_has_what_its_header_says():
    validation = {"none": np.full(5, 6.0), "all": np.full(5, 5.0)}
    test = {"none": np.full(5, 8.0), "all": np.full(5, 7.25)}
    seconds = {"none": np.full(5, 0.5), "all": np.full(5, 1.25)}
    *_, none, every = as_markdown(Columns(validation, test, seconds)).splitlines()
    assert none == "| none | 6.00 [6.00, 6.00] | 8.00 [8.00, 8.00] | – | 0.50 |"
    assert every == "| all | 5.00 [5.00, 5.00] | 7.25 [7.25, 7.25] | -0.75 [-0.75, -0.75] | 1.25 |"


def test_a_winner_is_trained_anew_on_as_many_digits_and_tested_on_the_test_part():
    params = {"hidden_size": 8, "learning_rate": 0.1, "epochs": 3, "batch_size": 32}
    problem = SameSize(n_train=200, n_validation=200)
    X, y, (train, _, _, test) = prepared(problem)
    models = [MLP((8,), 0.1, 3, 32, random_state=s).fit(X[train], y[train]) for s in range(5, 10)]
    expected = np.mean([100 * model.score(X[test], y[test]) for model in models])
    found = problem.test(params, seed=1)
    assert found["test accuracy"] == pytest.approx(expected)
    assert 0 < found["CPU seconds"] < 10


def test_the_figure_places_errors_by_their_size():
    errors = {"none": np.array([1.0, 2.0]), "all": np.array([3.0, 5.0])}
    drawing = ElementTree.fromstring(as_svg(Columns(errors, errors, errors)))
    at = [float(e.get("cx")) for e in drawing.iter() if e.tag.endswith("circle")]
    np.testing.assert_allclose(np.diff(at), np.array([1, -0.5, 1.5, 2, -1]) * (at[1] - at[0]), atol=0.3)
    ticks = [e.text for e in drawing.iter() if e.tag.endswith("text")]
    assert {"1", "2", "3", "4", "5", "none", "all"} <= set(ticks)


def small_problem(source):
    return SameSize(source, n_train=100, n_validation=100)


class Untested(SameSize):
    def objective(self, params, seed=0):
        return params["learning_rate"]

    def test(self, params, seed=0):
        raise FloatingPointError("training diverged")


class Untrained(SameSize):
    def objective(self, params, seed=0):
        raise FloatingPointError("training diverged")
