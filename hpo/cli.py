"""The ``hpo`` command: looking after stored studies."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


@click.group()
@click.version_option(package_name="hpo", prog_name="hpo")
def main() -> None:
    """hpo: hyperparameter optimisation."""


@main.group()
def storage() -> None:
    """Stored studies."""


@storage.command(name="list")
@click.argument("where", metavar="FILE|URL")
def list_studies(where: str) -> None:
    """List the studies of a storage: direction, trials by state, and the best value."""
    from hpo.storage import StorageError, Store, study_names

    rows = []
    try:
        for name in study_names(where):
            store, _ = Store.load(where, name)
            try:
                n, states, best = store.overview()
            finally:
                store.close()
            value = "" if best is None else f"{best:.6g}"
            rows.append((repr(name), store.definition["direction"], str(n), _listed(states), value))
    except (StorageError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _print_table(("study", "direction", "trials", "states", "best value"), rows)


@storage.command()
@click.argument("where", metavar="FILE|URL")
@click.argument("name", required=False)
def show(where: str, name: str | None) -> None:
    """Show a study: how it searches, its trials by state, why one failed, and the best configuration.

    NAME is needed where there are several.
    """
    study = _opened(where, name)
    states = Counter(str(trial.state) for trial in study.trials)
    rows = [
        ("searcher", f"{study.searcher}, to {study.direction}, seed {study.seed}"),
        ("trials", _listed(states) or "none"),
    ]
    failed = [trial for trial in study.trials if trial.state == "failed" and trial.reason]
    if failed:
        last = failed[-1]
        rows += [("latest failure", f"trial {last.number}, {last.failure}: {last.reason}")]
    if states["complete"]:
        best = study.best_trial
        rows += [("best value", f"{best.value:.6g}, of trial {best.number}")]
        rows += [(name, repr(value)) for name, value in best.params.items()]
    _print_table(("study", repr(study.name)), rows)


@storage.command()
@click.argument("where", metavar="FILE|URL")
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("name", required=False)
def export(where: str, table: Path, name: str | None) -> None:
    """Write the trials of a study as a CSV file, a row a trial.

    TABLE must not exist. NAME is needed where there are several studies.
    """
    frame = _opened(where, name).dataframe()
    try:
        table.touch(exist_ok=False)  # from here on it is ours
        try:
            # Half a character, as in names of files that are no UTF-8, is escaped. Rows end as RFC 4180 has
            # it: only text with what ends a row is quoted, and what an objective said may have either half.
            frame.to_csv(table, index=False, errors="backslashreplace", lineterminator="\r\n")
        except BaseException:  # such as of a full disk, or Ctrl-C
            table.unlink()  # half a table, which would pass for all of it, and stand in the way
            raise
    except OSError as error:
        raise click.ClickException(f"TABLE={str(table)!r}: {error.strerror or error}") from error
    except ImportError as error:  # of a library for the compression that the name asks for
        raise click.ClickException(f"TABLE={str(table)!r}: {error}") from error


@storage.command()
@click.argument("damaged", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def recover(damaged: Path, new: Path) -> None:
    """Save what a damaged SQLite file still holds into a new one.

    DAMAGED is only read. Every study and trial whose checksum holds is written to NEW, which must not
    exist; hpo.load_study goes on from there. Ends with code 1 if trials were lost.
    """
    from hpo.storage import StorageError
    from hpo.storage.recover import recover as salvage

    try:
        saved = salvage(damaged, new)
    except StorageError as error:
        raise click.ClickException(str(error)) from error
    rows = [
        (repr(study.name), str(study.n_saved), ", ".join(map(str, study.lost)) or "none before the last")
        for study in saved
    ]
    _print_table(("study", "trials saved", "numbers lost"), rows)
    sys.exit(1 if any(study.lost for study in saved) else 0)


def _listed(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _opened(where: str, name: str | None) -> Any:
    from hpo.storage import StorageError
    from hpo.stored import StoredStudy

    try:
        return StoredStudy(where, name)
    except (StorageError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print all of every cell, literally: no markup, no names of emoji, nothing cut off."""
    console = Console()
    # In a narrower terminal rich would leave columns without room for any text.
    console.width = max(console.width, 5 * len(headings) + 1)

    def literal(row: Sequence[str]) -> list[Text]:
        return [Text(_printable(cell, console.encoding)) for cell in row]

    table = Table(*(Column(heading, overflow="fold") for heading in literal(headings)))
    for row in rows:
        table.add_row(*literal(row))
    try:
        console.print(table)
    except OSError as error:  # such as of a full disk
        with suppress(OSError), open(os.devnull, "w") as nowhere:  # for what is left at the end
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise click.ClickException(f"could not be printed ({error.strerror or error})") from error


def _printable(text: str, encoding: str) -> str:
    """`text` with escapes for what a terminal takes for orders, and for what the encoding lacks."""
    # Tabs and ends of lines stay.
    harmless = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda c: repr(c.group())[1:-1], text)
    return harmless.encode(encoding, "backslashreplace").decode(encoding)
