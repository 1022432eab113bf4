"""The benchmark of the Gaussian-process searcher's choices, at its smallest."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import ablations
from benchmarks.__main__ import main
from benchmarks.forest_plot import Marks, Panel, as_svg
from benchmarks.suites.collection import functions
from hpo.compare.statistics import Interval


def test_the_command_writes_a_row_a_variant_and_draws_its_ratios(tmp_path, monkeypatch):
    few = {name: problem for name, problem in functions().items() if name in ("branin", "ackley-2")}
    assert len(few) == 2
    monkeypatch.setitem(ablations.SUITES, "functions", lambda: few)
    arguments = ["ablations", "--suites", "functions", "--variant", "raw", "--variant", "sd as it is"]
    done = CliRunner().invoke(main, [*arguments, "--seeds", "1", "--trials", "20", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "ablations.md").read_text()
    assert f"{len(few)} functions, 1 paired seeds from 0 on" in page
    variants = ["raw outputs", "the sd as it is, in all dimensions"]
    assert [line.split("|")[1].strip() for line in page.splitlines() if "|" in line][2:] == [
        ablations.DEFAULT,
        *variants,
    ]
    drawing = ElementTree.fromstring((tmp_path / "ablations.svg").read_text())
    said = [e.text for e in drawing.iter() if e.tag.endswith("text")]
    assert [text for text in said if text in variants] == variants
    assert "ratio to the default after 20 trials" in said
    assert len(circles(drawing)) == 1 + len(variants)  # of the legend, and one each


def test_a_figure_places_estimates_by_their_ratio_and_its_line_at_no_difference():
    first = {"a & b": Interval(0.5, 0.25, 1.0), "c": Interval(2.0, np.nan, np.nan)}
    last = {"a & b": Interval(1.0, 1.0, 1.0), "c": Interval(4.0, 2.0, 8.0)}
    panel = Panel("ratio", [Marks("red", first), Marks("blue", last)], log=True, line=1.0)
    drawing = ElementTree.fromstring(as_svg([panel, panel], 30))
    (half, two, one, four), others = circles(drawing)[:4], circles(drawing)[4:]
    assert len(others) == 4  # the second panel
    assert two[0] - half[0] == pytest.approx(2 * (four[0] - two[0]), abs=0.2)
    assert half[1] < one[1] < two[1] < four[1]  # rows from the top, and kinds within them
    lines = [e.get("d") for e in drawing.iter() if e.tag.endswith("path")]
    quarter, end = (float(x) for x in re.findall(r"[MH]([\d.]+)", lines[-3]))  # of the first estimate
    assert (quarter + end) / 2 == pytest.approx(others[0][0], abs=0.2)
    assert any(line.startswith(f"M{end:.1f} ") and "V" in line for line in lines)  # at 1
    assert "a & b" in [e.text for e in drawing.iter()]


@pytest.mark.parametrize("log", [True, False])
def test_variants_that_change_nothing_have_a_figure(log):
    panel = Panel("ratio", [Marks("red", {"same": Interval(1.0, 1.0, 1.0)})], log=log, line=1.0)
    drawing = ElementTree.fromstring(as_svg([panel], 30))
    assert len(circles(drawing)) == 1
    assert "1" in [e.text for e in drawing.iter() if e.tag.endswith("text")]  # a tick


def circles(drawing: ElementTree.Element) -> list[tuple[float, float]]:
    """Places of all dots."""
    return [(float(e.get("cx")), float(e.get("cy"))) for e in drawing.iter() if e.tag.endswith("circle")]
