"""What can be read of a study's trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpo.book import Book
from hpo.trial import Params, Trial, TrialState, handed_out


class Results:
    """The reading half of a `Study`."""

    _book: Book

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers: the study's own records, not to be changed.

        What other processes did with a stored study is there from the next `ask`, `enqueue`, `add_trial` or
        `optimize` on, or when the study is loaded anew.
        """
        return tuple(self._book.ledger.trials)

    @property
    def best_trial(self) -> Trial:
        """Complete trial with the best value, the earliest of equals.

        Raises
        ------
        ValueError
            If no trial is complete.
        """
        best = self._book.ledger.best
        if best is None:
            raise ValueError(self._why_none())
        return handed_out(best)

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        value = self.best_trial.value
        assert value is not None
        return value

    @property
    def best_params(self) -> Params:
        """Configuration of the best trial."""
        return self.best_trial.params

    def recommend(self) -> Trial:
        """Noise-aware choice, which need not be the luckiest trial; see `hpo.recommendation`.

        Raises
        ------
        ValueError
            If no trial is complete.
        """
        from hpo.recommendation import recommend  # SciPy takes a second to load

        ledger = self._book.ledger
        complete = [trial.number for trial in ledger.trials if trial.state is TrialState.COMPLETE]
        number = recommend(ledger.space, ledger.history(len(ledger), window=None), complete)
        if number is None:
            raise ValueError(self._why_none())
        return handed_out(ledger.trials[number])

    def dataframe(self) -> Any:
        """One row a trial: number, state, value, one ``params_`` column a parameter, times, failure.

        What is inactive in a trial is missing there; a column of whole numbers is then of pandas' ``Int64``,
        or of objects where one is beyond 64 bits.
        """
        import pandas as pd

        ledger = self._book.ledger
        trials = ledger.trials
        columns: dict[str, list[Any]] = {  # and no rows, which take many times as much memory
            "number": [t.number for t in trials],
            "state": [str(t.state) for t in trials],
            "value": [t.value for t in trials],
            **{f"params_{name}": [t.params.get(name) for t in trials] for name in ledger.space.names},
            "seconds": [t.seconds for t in trials],
            "search_seconds": [t.search_seconds for t in trials],
            "failure": [t.failure for t in trials],
            "reason": [t.reason for t in trials],
        }
        frame = pd.DataFrame(columns, dtype=None if trials else object)
        for name in ledger.space.names:  # pandas would make floats of whole numbers beside missing ones
            values = columns[f"params_{name}"]
            if {type(v) for v in values} == {int, type(None)}:
                frame[f"params_{name}"] = pd.Series(values, dtype=object if _is_huge(values) else "Int64")
        # Numbers, also where there are none yet.
        return frame.astype({"number": int, "value": float, "seconds": float, "search_seconds": float})

    def _why_none(self) -> str:
        return f"study: none of the {len(self._book.ledger)} trials is complete{self._latest_failure()}"

    def _latest_failure(self) -> str:
        """What the latest failed trial says, as the end of a message."""
        failed = [t for t in self._book.ledger.trials if t.state is TrialState.FAILED and t.reason]
        return f"; the latest failure is {failed[-1].failure}: {failed[-1].reason}" if failed else ""


def _is_huge(values: Sequence[int | None]) -> bool:
    """Whether a number is beyond what a column of numbers holds."""
    return any(v is not None and not -(2**63) <= v < 2**63 for v in values)
