"""Saving what a damaged SQLite file still holds, row by row, into a new file."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Double, insert
from sqlalchemy.exc import DBAPIError

from hpo.storage.connection import connect
from hpo.storage.errors import StorageError, first_line
from hpo.storage.pages import records
from hpo.storage.rows import RECORD, checksum, dumped, row_checksum
from hpo.storage.schema import events, studies, trials
from hpo.trial import TrialState

Definitions = dict[int, dict[str, Any]]
Rows = dict[tuple[int, int], dict[str, Any]]
COMPANIONS = ("-journal", "-wal")  # what SQLite needs beside the file to undo or redo a transaction


@dataclass(frozen=True)
class Saved:
    """What came through of one study.

    Attributes
    ----------
    name : str
    n_saved : int
    lost : sequence of int
        Numbers that the study had and whose rows are gone; later trials have moved up.
    """

    name: str
    n_saved: int
    lost: tuple[int, ...]


def recover(damaged: str | Path, new: str | Path) -> list[Saved]:
    """Write every study and trial whose checksum still holds into a new storage.

    The damaged file is only read. Trials that were running are queued again. Where numbers are
    missing, later trials move up, so that the study can go on; the log of events says which.

    Parameters
    ----------
    damaged : path
        An SQLite storage.
    new : path
        Must not exist.

    Returns
    -------
    list of Saved

    Raises
    ------
    StorageError
        If `damaged` is not there or cannot be read, `new` is or cannot be made, or no study's definition
        came through. Trials without their study's definition are written as JSON lines to
        ``<new>.orphans.jsonl``.
    """
    source, target = Path(damaged), Path(new)
    try:
        if not source.is_file():
            raise StorageError(f"damaged={str(source)!r}: there is no such file")
        source.open("rb").close()
    except OSError as error:
        raise StorageError(f"damaged={str(source)!r}: cannot be read ({error.strerror})") from error
    try:
        if target.exists():
            raise StorageError(f"new={str(target)!r}: exists already; name a file that does not")
        return _recovered(source, target)
    except (OSError, DBAPIError) as error:
        why = first_line(error) if isinstance(error, DBAPIError) else error
        raise StorageError(
            f"new={str(target)!r}: could not be made ({why}); {str(source)!r} is as it was. "
            "Make room, or name another place"
        ) from error


def _recovered(source: Path, target: Path) -> list[Saved]:
    found, rows = _salvaged(source)
    orphans = [row for key, row in rows.items() if key[0] not in found]
    left = target.with_name(target.name + ".orphans.jsonl")
    if orphans:
        left.write_text("".join(json.dumps(row) + "\n" for row in orphans), encoding="utf-8")
    if not found:
        kept = f"{len(orphans)} trials are in {left.name}" if orphans else "nor did any trial"
        raise StorageError(f"damaged={str(source)!r}: no study's definition came through; {kept}")
    try:
        engine = connect(target, create=True)
    except StorageError as error:  # it speaks of `storage`, which nobody gave here
        raise OSError(str(error).removeprefix(f"storage={str(target)!r}: ")) from error
    try:
        with engine.begin() as connection:
            return _written(connection, found, rows)
    except BaseException:
        engine.dispose()
        for suffix in ("", *COMPANIONS):  # what is left holds no study, and would be in the next try's way
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        raise
    finally:
        engine.dispose()


def _written(connection: Connection, found: Definitions, rows: Rows) -> list[Saved]:
    """Put them into the new storage."""
    saved = []
    for study, definition in sorted(found.items()):
        own = [row for key, row in sorted(rows.items()) if key[0] == study]
        connection.execute(insert(studies).values(id=study, **definition))
        moved = [
            {"study_id": study, "number": number, "time": time.time(), "message": _was(row["number"])}
            for number, row in enumerate(own)
            if row["number"] != number
        ]
        renumbered = [{"study_id": study, **_renumbered(row, n, study)} for n, row in enumerate(own)]
        for table, new in ((trials, renumbered), (events, moved)):
            if new:  # in one go: a statement a row takes many times as long
                connection.execute(insert(table), new)
        saved.append(_account(definition, own))
    return saved


def _was(number: int) -> str:
    return dumped(f"recovered from a damaged file, where its number was {number}")


def _account(definition: Mapping[str, Any], own: list[dict[str, Any]]) -> Saved:
    numbers = {row["number"] for row in own}
    lost = sorted(set(range(max(numbers, default=0))) - numbers)
    return Saved(json.loads(definition["name"]), len(own), tuple(lost))


def _salvaged(source: Path) -> tuple[Definitions, Rows]:
    """Definitions by study, and rows by study and number; of several versions of a row the last."""
    found: Definitions = {}
    rows: Rows = {}
    for record in _all_records(source):
        if len(record) == len(studies.c):
            key, name, definition, check = record
            if checksum([name, definition]) == check:
                found[key] = {"name": name, "definition": definition, "checksum": check}
        elif len(record) == len(trials.c):
            row = _checked(record)
            if row is not None:
                place = (row.pop("study_id"), row["number"])
                if place not in rows or _age(row) >= _age(rows[place]):
                    rows[place] = row
    return found, rows


def _all_records(source: Path) -> Iterable[list[Any]]:
    """Records of the file as it is, then of a copy in which SQLite has ended open transactions."""
    yield from records(source.read_bytes())
    with tempfile.TemporaryDirectory(prefix="hpo-recover-") as folder:
        copy = Path(folder) / source.name
        shutil.copyfile(source, copy)
        for suffix in COMPANIONS:
            beside = source.with_name(source.name + suffix)
            if beside.exists():
                shutil.copyfile(beside, copy.with_name(copy.name + suffix))
        try:
            with closing(sqlite3.connect(copy)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (sqlite3.Error, UnicodeDecodeError):  # the latter: SQLite's message quotes the damage
            pass  # too damaged for SQLite: the pages are all there is
        yield from records(copy.read_bytes())


def _checked(record: list[Any]) -> dict[str, Any] | None:
    """A trial's row by column; None where its checksum does not hold."""
    row = dict(zip(trials.c.keys(), record))
    for column in trials.c:
        # SQLite keeps whole floats as integers.
        if isinstance(column.type, Double) and isinstance(row[column.name], int):
            row[column.name] = float(row[column.name])
    if row_checksum(row["study_id"], row) != row["checksum"]:
        return None
    return {"study_id": row["study_id"], **{name: row[name] for name in RECORD}}


def _age(row: Mapping[str, Any]) -> tuple[int, bool]:
    """Orders the versions of a row: later attempts last, and their ends after them."""
    return row["attempt"], TrialState(row["state"]).is_finished


def _renumbered(row: Mapping[str, Any], number: int, study: int) -> dict[str, Any]:
    """The row under its new number; one that was running is queued again."""
    changed = {**row, "number": number}
    if changed["state"] == TrialState.RUNNING:
        changed |= {"state": str(TrialState.QUEUED), "started": None}
    return {**changed, "checksum": row_checksum(study, changed)}
