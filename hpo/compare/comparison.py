"""What a comparison found: the records of its cells, as tables and as a report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = (
    "number", "params", "state", "value", "noise_free", "seconds", "search_seconds", "initial",
    "failure", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The finished cells of a comparison.

    Attributes
    ----------
    plan : mapping
        Tasks, searchers, baseline, seeds and budget as they were asked for.
    cells : sequence of mappings
        One record a finished run: trials, winner, test scores, environment.
    """

    plan: Mapping[str, Any]
    cells: Sequence[Mapping[str, Any]]

    @classmethod
    def load(cls, out: str | Path) -> Comparison:
        """Read what is in the folder of a comparison, finished or not.

        Raises
        ------
        FileNotFoundError
            If `out` holds no comparison.
        """
        folder = Path(out)
        file = folder / "comparison.json"
        if not file.exists():
            raise FileNotFoundError(f"out={str(out)!r}: holds no comparison.json")
        plan = json.loads(file.read_text(encoding="utf-8"))
        paths = [folder / cell for cell in plan["cells"]]
        return cls(plan, [json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()])

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in their order."""
        return list(self.plan["tasks"])

    @property
    def searchers(self) -> list[str]:
        """Labels of the searchers, in their order."""
        return list(self.plan["searchers"])

    @property
    def baseline(self) -> str:
        """Searcher that the others are compared with."""
        return str(self.plan["baseline"])

    def dataframe(self) -> pd.DataFrame:
        """One row a trial: task, searcher, seed, number, params, state, value, noise_free, seconds, ..."""
        names = ("task", "searcher", "seed")
        return pd.DataFrame(
            [
                {**{name: cell[name] for name in names}, **{c: trial[c] for c in COLUMNS}}
                for cell in self.cells
                for trial in cell["trials"]
            ],
            columns=[*names, *COLUMNS],
        )

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the report: one HTML file that needs nothing else, and a Markdown file beside it.

        Returns
        -------
        Path
            The HTML file.
        """
        from hpo.compare.report import write_report  # plotly and jinja2 are extras

        return write_report(self, Path(path))
