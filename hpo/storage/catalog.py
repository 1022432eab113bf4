"""The studies of a database: made, found, described."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from hpo.storage.database import Database
from hpo.storage.errors import StorageError
from hpo.storage.rows import checksum, dumped
from hpo.storage.schema import studies, trials

Definition = dict[str, Any]


def study_names(storage: str | os.PathLike[str]) -> list[str]:
    """Names of the studies in a storage, in the order they were made."""
    database = Database(storage, create=False)
    try:
        return [name for name, _, _ in _all(database)]
    finally:
        database.close()


def make(database: Database, name: str, definition: Definition) -> int:
    """Key of a new study.

    Raises
    ------
    StorageError
        If there is one of that name already.
    """
    row = {"name": dumped(name), "definition": dumped(definition)}
    values = {**row, "checksum": checksum(list(row.values()))}
    try:
        return database.transact(
            lambda c: int(c.execute(insert(studies).values(**values).returning(studies.c.id)).scalar_one())
        )
    except StorageError as error:
        if isinstance(error.__cause__, IntegrityError):
            raise StorageError(
                f"name={name!r}: {database.shown} holds a study of that name already; "
                f"go on with it by hpo.load_study({database.shown!r}, {name!r})"
            ) from None
        raise


def find(database: Database, name: str | None) -> tuple[int, str, Definition]:
    """Key, name and definition of a study; None: of the only one there.

    Raises
    ------
    StorageError
        If there is no such study.
    """
    found = _all(database)
    if name is None and len(found) == 1:
        name = found[0][0]
    for its_name, definition, key in found:
        if its_name == name:
            return key, name, definition
    names = ", ".join(repr(its_name) for its_name, _, _ in found)
    raise StorageError(f"name={name!r}: {database.shown} holds {names or 'no study'}")


def redefine(database: Database, key: int, change: Callable[[Definition], Definition]) -> Definition:
    """Replace a study's definition by what `change` makes of it, as it is there now."""

    def work(connection: Connection) -> Definition:
        row = connection.execute(select(studies).where(studies.c.id == key).with_for_update()).one()
        definition = change(_checked(database, row)[1])
        values = {"definition": dumped(definition), "checksum": checksum([row.name, dumped(definition)])}
        connection.execute(update(studies).where(studies.c.id == key).values(**values))
        return definition

    return database.transact(work)


def overview(
    database: Database, key: int, definition: Definition
) -> tuple[int, dict[str, int], float | None]:
    """How many trials there are, how many in each state, and the best value; rows are not checked."""
    turn = func.min if definition["direction"] == "minimize" else func.max
    mine = trials.c.study_id == key

    def work(connection: Connection) -> tuple[int, dict[str, int], float | None]:
        counts = select(trials.c.state, func.count()).where(mine).group_by(trials.c.state)
        states = {str(state): int(count) for state, count in connection.execute(counts).all()}
        best = select(turn(trials.c.value)).where(mine)  # others have none
        return sum(states.values()), states, connection.execute(best).scalar()

    return database.transact(work)


def _all(database: Database) -> list[tuple[str, Definition, int]]:
    rows = database.transact(lambda c: c.execute(select(studies).order_by(studies.c.id)).all())
    return [(*_checked(database, row), row.id) for row in rows]


def _checked(database: Database, row: Any) -> tuple[str, Definition]:
    """Name and definition."""
    if checksum([row.name, row.definition]) != row.checksum:
        raise database.damaged("the definition of a study is not what was written")
    return json.loads(row.name), json.loads(row.definition)
