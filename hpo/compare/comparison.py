"""What a comparison found: the records of its cells, read from its folder and made into a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpo.checks import path_of
from hpo.compare.records import Records


class Comparison(Records):
    """The finished cells of a comparison.

    Attributes
    ----------
    plan : mapping
        Tasks, searchers, baseline, seeds and budget as they were asked for.
    cells : sequence of mappings
        One record a finished run: trials, winner, test scores, environment.
    """

    @classmethod
    def load(cls, out: str | Path) -> Comparison:
        """Read what is in the folder of a comparison, finished or not.

        Raises
        ------
        FileNotFoundError
            If `out` holds no comparison.
        ValueError
            If it is no path, or a file in the folder is damaged.
        """
        folder = path_of("out", out, "a folder")
        file = folder / "comparison.json"
        if not file.exists():
            raise FileNotFoundError(f"out={str(out)!r}: holds no comparison.json")
        return cls.of(_read(file), folder)

    @classmethod
    def of(cls, plan: Mapping[str, Any], folder: Path) -> Comparison:
        """Finished cells of a plan in a folder, which may hold those of others as well."""
        paths = [folder / cell for cell in plan["cells"]]
        return cls(plan, [_read(path) for path in paths if path.exists()])

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the report: one HTML file that needs nothing else, and a Markdown file beside it.

        Returns
        -------
        Path
            The HTML file.

        Raises
        ------
        ImportError
            Without plotly or jinja2, which are extras.
        ValueError
            If `path` is not usable, or no run is finished.
        """
        try:
            from hpo.compare.report import write_report
        except ModuleNotFoundError as error:
            raise ImportError("a report needs plotly and jinja2: pip install plotly jinja2") from error
        return write_report(self, path_of("path", path, "the page, such as report.html"))


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: damaged ({error}); delete it to have it made anew") from None
