"""The records of a comparison, which its figures, tables and statistics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

COLUMNS = (
    "number", "params", "state", "value", "noise_free", "seconds", "search_seconds", "initial",
    "failure", "reason",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Records:
    """The half of a `Comparison` that only reads; its attributes are described there."""

    plan: Mapping[str, Any]
    cells: Sequence[Mapping[str, Any]]

    def __repr__(self) -> str:
        # At the end of a notebook's cell it is this that is shown, not every trial.
        return (
            f"<{type(self).__name__} of {', '.join(self.searchers)} on {', '.join(self.tasks)}: "
            f"{len(self.cells)} of {len(self.plan['cells'])} runs finished>"
        )

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
