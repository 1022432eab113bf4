"""The Python in the README and the guides runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hpo

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> str:
    """All Python blocks of a page as one script: later blocks use what earlier ones defined."""
    return "\n\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(page), str(page), "exec"), {"__name__": "page"})


def test_figures_and_the_version_are_found_where_the_tutorial_says():
    assert "hpo.plots.slices(study)" in blocks(TUTORIAL)
    code = "import hpo, sys; assert 'plotly' not in sys.modules; "
    code += "print(hpo.__version__, hpo.plots.slices.__name__)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    version = said.stdout.split()[0]
    assert said.stdout == f"{version} slices\n"
    command = [sys.executable, "-m", "hpo", "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert said.stdout == f"hpo, version {version}\n"


def test_the_reference_has_every_public_name(tmp_path):
    pytest.importorskip("pdoc")
    subprocess.run([sys.executable, "-m", "docs.reference", str(tmp_path)], check=True, cwd=ROOT)
    page = (tmp_path / "hpo.html").read_text()
    places = set(re.findall(r' id="([\w.]+)"', page))
    assert {*hpo.__all__} - {"compare"} <= places
    assert {"Study.tell", "Study.best_params", "LiveTrial.should_prune", "Space.sample"} <= places
    assert "The first Ctrl-C finishes the running trials" in page
    assert 'id="Comparison.dataframe"' in (tmp_path / "hpo" / "compare.html").read_text()
    assert 'id="slices"' in (tmp_path / "hpo" / "plots.html").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
