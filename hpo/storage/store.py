"""The trials of one study in a database.

Invariants
----------
- A trial's parameters are committed before its objective starts, its result before anyone sees it.
- A finished row never changes. The same result again changes nothing; the result of an attempt that
  was given up is logged.
- Numbers are claimed under the study's lock, in the transaction that also reads what others did.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError

from hpo.space import Space
from hpo.storage import catalog, statements
from hpo.storage.connection import sqlite_path
from hpo.storage.database import Database
from hpo.storage.owner import Owner
from hpo.storage.presence import Locked, Presence
from hpo.storage.rows import DamagedError, dumped, reader, to_row
from hpo.storage.schema import events, studies
from hpo.trial import Trial, TrialState

Storage = str | os.PathLike[str]
Propose = Callable[[Sequence[Trial]], Trial]
T = TypeVar("T")

FEWEST_BETWEEN = 16  # numbers that are worth asking for as a range
LEASE_SECONDS = 60.0  # how long a silent host keeps its trials, on the database's clock


class Store:
    """One study in a database; thread-safe, for the coordinating process only.

    Made by `create` or `load`; `space` must be set before trials are read or written.
    """

    def __init__(self, storage: Storage, database: Database, key: int, definition: dict[str, Any]) -> None:
        self.definition = definition
        self.space: Space
        self._database = database
        self._key = key
        self._path = sqlite_path(storage)
        self._presence: Presence = Owner() if self._path is None else Locked(self._path)
        self._seen_version = -1  # of the file, when we last looked at what others wrote
        self._found_version = -1  # the same, of a transaction that may yet be undone
        self._others_run = False
        weakref.finalize(self, database.close)  # at once, which also folds SQLite's log into the file
        if not database.is_sqlite:
            threading.Thread(target=_keep_leases, args=(weakref.ref(self),), daemon=True).start()

    @classmethod
    def create(cls, storage: Storage, name: str, definition: dict[str, Any]) -> Store:
        """Put a new study into a storage.

        Raises
        ------
        StorageError
            If it holds a study of that name already, or is not usable.
        """
        database = Database(storage, create=True)
        try:
            return cls(storage, database, catalog.make(database, name, definition), definition)
        except BaseException:
            database.close()
            raise

    @classmethod
    def load(cls, storage: Storage, name: str | None) -> tuple[Store, str]:
        """Open a study by its name; None: the only one there.

        Raises
        ------
        StorageError
            If there is no such study, or the storage is not usable.
        """
        database = Database(storage, create=False)
        try:
            key, found, definition = catalog.find(database, name)
            return cls(storage, database, key, definition), found
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def leave(self) -> None:
        """Be someone else from now on: whoever looks next queues again what ran here, as of the dead."""
        self._presence.leave()
        self._seen_version = -1

    def redefine(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replace the study's definition by what `change` makes of it; others may have changed it, too."""
        self.definition = catalog.redefine(self._database, self._key, change)

    def overview(self) -> tuple[int, dict[str, int], float | None]:
        """How many trials there are, how many in each state, and the best value; rows are not checked."""
        return catalog.overview(self._database, self._key, self.definition)

    # -- reading -------------------------------------------------------------------------------------

    def read(self) -> list[Trial]:
        """All trials in the order of their numbers."""
        rows = self._database.transact(lambda c: c.execute(statements.ALL, {"study": self._key}).all())
        found = self._parsed(rows)
        if [trial.number for trial in found] != list(range(len(found))):
            raise self._database.damaged("trials are missing")
        return found

    def catch_up(self, known: Sequence[Trial], unfinished: Collection[int]) -> list[Trial]:
        """Trials that changed since they were read; those that dead processes ran are queued again.

        Whoever may only read the file sees them as they are.
        """
        if self._path is not None and not os.access(self._path, os.W_OK):
            return []

        def work(connection: Connection) -> list[Trial]:
            self._lock_study(connection)
            return self._changes(connection, known, unfinished)

        return self._looking(work)

    # -- the life of a trial ---------------------------------------------------------------------------

    def put(self, known: Sequence[Trial], unfinished: Collection[int], propose: Propose) -> Trial:
        """Write the next trial under the study's lock: to be run here, queued, or finished elsewhere.

        Parameters
        ----------
        known : sequence of Trial
            Trials that the caller knows.
        unfinished : collection of int
            Numbers of those of them whose end it has not seen.
        propose : callable
            Is given what changed since, and returns the trial to write: a queued one that starts, or a new
            one with the next number. Called again where the database had to be reached anew.
        """
        written: list[Trial] = []

        def work(connection: Connection) -> Trial:
            self._lock_study(connection)
            changed = self._changes(connection, known, unfinished)
            if written and written[-1] in changed:
                return written[-1]  # that commit held; only its answer was lost with the connection
            n_known = max([len(known), *(trial.number + 1 for trial in changed)])
            trial = propose(changed)
            written.append(trial)
            self._write(connection, trial, is_new=trial.number >= n_known)
            return trial

        return self._looking(work)

    def end(self, trial: Trial) -> Trial:
        """Write the end of an attempt, a result or its return to the queue; returns what there is then.

        A trial that someone else has taken over or finished meanwhile stays as it is, and this end goes
        into the log.
        """

        def work(connection: Connection) -> Trial:
            row = to_row(trial, self.space, self._key)
            at = {"study": self._key, "which": trial.number}
            done = connection.execute(statements.END, {
                **_new(row), **at, "token": self._presence.token, "try": trial.attempt,
            })  # fmt: skip
            if done.rowcount:
                if trial.state is TrialState.QUEUED:
                    self._log(connection, trial.number, f"attempt {trial.attempt} was lost; queued again")
                return trial
            kept = self._parsed([connection.execute(statements.ONE, at).one()])[0]
            if (kept.state, kept.value) != (trial.state, trial.value):
                self._log(connection, trial.number, _late(trial))
            return kept

        return self._database.transact(work)

    def log_late(self, trial: Trial) -> None:
        """Note the result of an attempt that had been given up."""
        self._database.transact(lambda connection: self._log(connection, trial.number, _late(trial)))

    # -- inside ------------------------------------------------------------------------------------------

    def _looking(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that looks at what others wrote, which is seen once it is committed."""
        result = self._database.transact(work)
        self._seen_version = self._found_version
        return result

    def _lock_study(self, connection: Connection) -> None:
        if not self._database.is_sqlite:  # SQLite's transactions hold the whole file
            connection.execute(select(studies.c.id).where(studies.c.id == self._key).with_for_update())

    def _changes(
        self, connection: Connection, known: Sequence[Trial], unfinished: Collection[int]
    ) -> list[Trial]:
        """Trials that are new or no longer what the caller knows; the lost ones are queued again first."""
        if self._database.is_sqlite:
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            # Until the commit nothing is: where this is undone, or may be, the next one looks again.
            seen, self._seen_version, self._found_version = self._seen_version, -1, version
            if version == seen and not self._others_run:
                return []  # nobody but us has written
        self._take_over(connection)
        # Each by an index: one statement with OR goes through all trials. A long queue is not read anew
        # for every trial, but looked through for what has changed.
        mine = {"study": self._key}
        standing = self._standing(connection, set(unfinished))
        moved = [n for n, *stands in standing if stands != [known[n].state, known[n].attempt]]
        rows = connection.execute(statements.SOME, {**mine, "numbers": moved}).all() if moved else []
        return self._parsed([*rows, *connection.execute(statements.NEW, {**mine, "known": len(known)}).all()])

    def _standing(self, connection: Connection, numbers: Collection[int]) -> list[Any]:
        """Number, state and attempt of these trials in the database; of many only those ever started."""
        if not numbers:
            return []
        mine = {"study": self._key}
        if len(numbers) < FEWEST_BETWEEN or max(numbers) - min(numbers) > 4 * len(numbers):
            return list(connection.execute(statements.STANDING, {**mine, "numbers": list(numbers)}))
        # To name so many one by one takes longer than to read a few too many.
        ends = {"first": min(numbers), "last": max(numbers)}
        found = connection.execute(statements.STARTED_BETWEEN, {**mine, **ends})
        return [row for row in found if row.number in numbers]

    def _write(self, connection: Connection, trial: Trial, *, is_new: bool) -> None:
        is_running = trial.state is TrialState.RUNNING
        has_lease = is_running and not self._database.is_sqlite
        row = {
            **to_row(trial, self.space, self._key),
            "owner": self._presence.token if is_running else None,
            "lease": self._database.now(connection) + LEASE_SECONDS if has_lease else None,
        }
        if is_new:
            connection.execute(statements.INSERT, {**row, "study_id": self._key})
        else:
            connection.execute(statements.START, {**_new(row), "study": self._key, "which": trial.number})

    def _take_over(self, connection: Connection) -> None:
        """Queue again what dead processes and silent hosts were running."""
        self._others_run = False
        now = None if self._database.is_sqlite else self._database.now(connection)
        for *row, owner, lease in connection.execute(statements.RUNNING, {"study": self._key}).all():
            if owner == self._presence.token:
                continue
            if not (self._presence.is_dead(owner) or (now is not None and lease < now)):
                self._others_run = True
                continue
            trial = self._parsed([row])[0]
            self._write(connection, replace(trial, state=TrialState.QUEUED, started=None), is_new=False)
            self._log(
                connection, trial.number, f"attempt {trial.attempt} ended with its process; queued again"
            )

    def _log(self, connection: Connection, number: int, message: str) -> None:
        connection.execute(insert(events).values(
            study_id=self._key, number=number, time=time.time(), message=dumped(message)
        ))  # fmt: skip

    def _parsed(self, rows: Sequence[Any]) -> list[Trial]:
        read = reader(self.space, self._key)
        try:
            return [read(row) for row in rows]
        except (DamagedError, ValueError, KeyError, TypeError) as error:
            raise self._database.damaged(str(error)) from error


def _keep_leases(reference: weakref.ref[Store]) -> None:
    """Renew the leases of a store's running trials, as long as the store is in use."""
    until = func.extract("epoch", func.clock_timestamp()) + LEASE_SECONDS
    while True:
        time.sleep(LEASE_SECONDS / 4)
        store = reference()
        if store is None:
            return
        # Not in a transaction of the store's: those may wait for others, or search meanwhile.
        with suppress(DBAPIError), store._database.engine.begin() as connection:
            connection.execute(statements.RENEW.values(lease=until), {"token": store._presence.token})
        del store


def _new(row: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in row.items()}


def _late(trial: Trial) -> str:
    """The result of an attempt that had been given up in one line, for the log of events."""
    ended = {"state": str(trial.state), "value": trial.value, "failure": trial.failure}
    return f"late result of attempt {trial.attempt}: {dumped(ended)}"
