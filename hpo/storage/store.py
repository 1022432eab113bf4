"""One study in a database.

Invariants
----------
- A trial's parameters are committed before its objective starts, its result before anyone sees it.
- A finished row never changes. The same result again changes nothing; the result of an attempt that
  was given up is logged.
- Numbers are claimed under the study's lock, in the transaction that also reads what others did.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from hpo.space import Space
from hpo.storage.connection import StorageError, connect, damaged, explained
from hpo.storage.owner import Owner
from hpo.storage.rows import RECORD, DamagedError, checksum, described, dumped, reader, to_row
from hpo.storage.schema import events, studies, trials
from hpo.trial import Trial, TrialState

T = TypeVar("T")

LEASE_SECONDS = 60.0  # how long a silent host keeps its trials, on the database's clock
RECONNECT_SECONDS = 60.0  # how long to wait for a server that went away


class Store:
    """One study in a database; thread-safe, for the coordinating process only.

    Made by `create` or `load`; `space` must be set before trials are read or written.
    """

    def __init__(self, storage: Any, *, create: bool) -> None:
        self.shown = str(storage)
        self._engine = connect(storage, create=create)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._lock = threading.RLock()
        self._owner = Owner()
        self._seen_version = -1  # of the file, when we last looked at what others wrote
        self._others_run = False
        self._id = 0
        self.definition: dict[str, Any] = {}
        self.space: Space

    @classmethod
    def create(cls, storage: Any, name: str, definition: dict[str, Any]) -> Store:
        """Put a new study into a storage.

        Raises
        ------
        StorageError
            If it holds a study of that name already.
        """
        store = cls(storage, create=True)
        row = {"name": dumped(name), "definition": dumped(definition)}
        try:
            made = store._transact(lambda c: c.execute(
                insert(studies).values(**row, checksum=checksum(list(row.values()))).returning(studies.c.id)
            ).scalar_one())  # fmt: skip
        except StorageError as error:
            store.close()
            if isinstance(error.__cause__, IntegrityError):
                raise StorageError(
                    f"name={name!r}: {store.shown} holds a study of that name already; "
                    f"go on with it by hpo.load_study({store.shown!r}, {name!r})"
                ) from None
            raise
        store._id, store.definition = made, definition
        store._keep_leases()
        return store

    @classmethod
    def load(cls, storage: Any, name: str | None) -> tuple[Store, str]:
        """Open a study by its name; None: the only one there.

        Raises
        ------
        StorageError
            If there is no such study, or the storage is not usable.
        """
        store = cls(storage, create=False)
        try:
            rows = store._transact(lambda c: c.execute(select(studies)).all())
            names = []
            for row in rows:
                if checksum([row.name, row.definition]) != row.checksum:
                    raise damaged(store.shown, "the definition of a study is not what was written")
                names.append(json.loads(row.name))
            if name is None and len(names) == 1:
                name = names[0]
            if name not in names:
                raise StorageError(
                    f"name={name!r}: {store.shown} holds {', '.join(map(repr, names)) or 'no study'}"
                )
        except BaseException:
            store.close()
            raise
        found = rows[names.index(name)]
        store._id, store.definition = found.id, json.loads(found.definition)
        store._keep_leases()
        return store, str(name)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # -- reading -------------------------------------------------------------------------------------

    def read(self) -> list[Trial]:
        """All trials in the order of their numbers."""
        rows = self._transact(lambda c: c.execute(_ALL, {"study": self._id}).all())
        found = self._parsed(rows)
        if [trial.number for trial in found] != list(range(len(found))):
            raise damaged(self.shown, "trials are missing")
        return found

    def overview(self) -> tuple[int, dict[str, int], float | None]:
        """How many trials there are, how many in each state, and the best value; rows are not checked."""
        turn = func.min if self.definition["direction"] == "minimize" else func.max

        def work(connection: Connection) -> tuple[int, dict[str, int], float | None]:
            mine = trials.c.study_id == self._id
            counts = select(trials.c.state, func.count()).where(mine).group_by(trials.c.state)
            states = {str(state): int(count) for state, count in connection.execute(counts).all()}
            best = select(turn(trials.c.value)).where(mine, trials.c.state == "complete")
            return sum(states.values()), states, connection.execute(best).scalar()

        return self._transact(work)

    def catch_up(self, known: int, unfinished: Collection[int]) -> list[Trial]:
        """Trials that changed since they were read; those that dead processes ran are queued again."""

        def work(connection: Connection) -> list[Trial]:
            self._lock_study(connection)
            return self._changes(connection, known, unfinished)

        return self._transact(work)

    def redefine(self, definition: dict[str, Any]) -> None:
        """Replace the study's definition."""

        def work(connection: Connection) -> None:
            name = connection.execute(select(studies.c.name).where(studies.c.id == self._id)).scalar_one()
            values = {"definition": dumped(definition), "checksum": checksum([name, dumped(definition)])}
            connection.execute(update(studies).where(studies.c.id == self._id).values(**values))

        self._transact(work)
        self.definition = definition

    # -- the life of a trial ---------------------------------------------------------------------------

    def claim(
        self, known: int, unfinished: Collection[int], propose: Callable[[Sequence[Trial]], Trial]
    ) -> Trial:
        """Start the next trial under the study's lock.

        Parameters
        ----------
        known : int
            Trials that the caller knows.
        unfinished : collection of int
            Those of them whose end it has not seen.
        propose : callable
            Is given what changed since, and returns the trial to start: a queued one, or a new one
            with the next number. Called again where the database had to be reached anew.
        """

        tries = 0

        def work(connection: Connection) -> Trial:
            nonlocal tries
            tries += 1
            self._lock_study(connection)
            changed = self._changes(connection, known, unfinished)
            new = [trial for trial in changed if trial.number >= known]
            if tries > 1:  # a commit whose answer was lost with the connection: the claim stands
                for trial in new:
                    if self._is_mine(connection, trial):
                        return trial
            trial = propose(changed)
            self._write(connection, trial, is_new=trial.number >= known + len(new))
            return trial

        return self._transact(work)

    def add(
        self, known: int, unfinished: Collection[int], propose: Callable[[Sequence[Trial]], Trial]
    ) -> Trial:
        """Write one more trial, queued or finished, under the study's lock; as `claim`."""

        def work(connection: Connection) -> Trial:
            self._lock_study(connection)
            trial = propose(self._changes(connection, known, unfinished))
            self._write(connection, trial, is_new=True)
            return trial

        return self._transact(work)

    def finish(self, trial: Trial) -> Trial:
        """Write a result; returns what the database holds afterwards.

        A trial that someone finished differently in the meantime stays as it is, and this result goes
        into the log.
        """

        def work(connection: Connection) -> Trial:
            row = to_row(trial, self.space, self._id)
            done = connection.execute(_FINISH, {
                **{f"new_{name}": value for name, value in row.items()},
                "study": self._id, "which": trial.number, "token": self._owner.token, "try": trial.attempt,
            })  # fmt: skip
            if done.rowcount:
                return trial
            found = connection.execute(_ONE, {"study": self._id, "which": trial.number}).one()
            kept = self._parsed([found])[0]
            if (kept.state, kept.value) != (trial.state, trial.value):
                self._log(
                    connection, trial.number, f"late result of attempt {trial.attempt}: {described(row)}"
                )
            return kept

        return self._transact(work)

    def requeue(self, trial: Trial) -> Trial:
        """Put a running trial back into the queue, to be tried again with the same parameters."""
        queued = replace(trial, state=TrialState.QUEUED, started=None)

        def work(connection: Connection) -> Trial:
            self._write(connection, queued, is_new=False)
            self._log(connection, trial.number, f"attempt {trial.attempt} was lost; queued again")
            return queued

        return self._transact(work)

    # -- inside ------------------------------------------------------------------------------------------

    def _transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; once more where a server went away meanwhile."""
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                with self._lock, self._engine.begin() as connection:
                    return work(connection)
            except UnicodeDecodeError as error:  # a text that is no longer one
                raise damaged(self.shown, str(error)) from error
            except DBAPIError as error:
                is_gone = not self._is_sqlite and (
                    error.connection_invalidated or isinstance(error, OperationalError)
                )
                if not is_gone or time.monotonic() > deadline:
                    raise explained(error, self.shown) from error
                time.sleep(0.5)

    def _lock_study(self, connection: Connection) -> None:
        if not self._is_sqlite:  # SQLite's transactions hold the whole file
            connection.execute(select(studies.c.id).where(studies.c.id == self._id).with_for_update())

    def _changes(self, connection: Connection, known: int, unfinished: Collection[int]) -> list[Trial]:
        """Trials that are new or no longer what the caller knows; the lost ones are queued again first."""
        if self._is_sqlite:
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            if version == self._seen_version and not self._others_run:
                return []  # nobody but us has written
            self._seen_version = version
        self._take_over(connection)
        asked = {"study": self._id, "known": known, "unfinished": list(unfinished)}
        return self._parsed(connection.execute(_CHANGED, asked).all())

    def _write(self, connection: Connection, trial: Trial, *, is_new: bool) -> None:
        is_running = trial.state is TrialState.RUNNING
        row = {
            **to_row(trial, self.space, self._id),
            "owner": self._owner.token if is_running else None,
            "lease": self._now(connection) + LEASE_SECONDS if is_running and not self._is_sqlite else None,
        }
        if is_new:
            connection.execute(_INSERT, {**row, "study_id": self._id})
        else:
            connection.execute(_REWRITE, {
                **{f"new_{name}": value for name, value in row.items()},
                "study": self._id, "which": trial.number,
            })  # fmt: skip

    def _take_over(self, connection: Connection) -> None:
        """Queue again what dead processes and silent hosts were running."""
        self._others_run = False
        now = None if self._is_sqlite else self._now(connection)
        for *row, owner, lease in connection.execute(_RUNNING, {"study": self._id}).all():
            if owner == self._owner.token:
                continue
            if not (Owner.is_dead(owner) or (now is not None and lease < now)):
                self._others_run = True
                continue
            trial = self._parsed([row])[0]
            self._write(connection, replace(trial, state=TrialState.QUEUED, started=None), is_new=False)
            self._log(
                connection, trial.number, f"attempt {trial.attempt} ended with its process; queued again"
            )

    def _is_mine(self, connection: Connection, trial: Trial) -> bool:
        owner = select(trials.c.owner).where(trials.c.study_id == self._id, trials.c.number == trial.number)
        return bool(connection.execute(owner).scalar() == self._owner.token)

    def _log(self, connection: Connection, number: int, message: str) -> None:
        connection.execute(
            insert(events).values(study_id=self._id, number=number, time=time.time(), message=dumped(message))
        )

    def _now(self, connection: Connection) -> float:
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def _parsed(self, rows: Sequence[Any]) -> list[Trial]:
        read = reader(self.space, self._id)
        try:
            return [read(row) for row in rows]
        except (DamagedError, ValueError, KeyError, TypeError) as error:
            raise damaged(self.shown, str(error)) from error

    def _keep_leases(self) -> None:
        """Renew the leases of our running trials in the background, as long as this store is in use."""
        if not self._is_sqlite:
            threading.Thread(target=_renew, args=(weakref.ref(self),), daemon=True).start()


def _renew(reference: weakref.ref[Store]) -> None:
    while True:
        time.sleep(LEASE_SECONDS / 4)
        store = reference()
        if store is None:
            return
        until = func.extract("epoch", func.clock_timestamp()) + LEASE_SECONDS
        mine = update(trials).where(trials.c.owner == store._owner.token, trials.c.state == "running")
        with suppress(DBAPIError), store._engine.begin() as connection:
            connection.execute(mine.values(lease=until))
        del store


def study_names(storage: Any) -> list[str]:
    """Names of the studies in a storage, in the order they were made."""
    store = Store(storage, create=False)
    try:
        rows: Sequence[Row[Any]] = store._transact(
            lambda c: c.execute(select(studies.c.name).order_by(studies.c.id)).all()
        )
        return [json.loads(row.name) for row in rows]
    finally:
        store.close()


_COLUMNS = [trials.c[name] for name in RECORD] + [trials.c.checksum]
_OF_STUDY = trials.c.study_id == bindparam("study")
_ALL = select(*_COLUMNS).where(_OF_STUDY).order_by(trials.c.number)
_ONE = select(*_COLUMNS).where(_OF_STUDY, trials.c.number == bindparam("which"))
_CHANGED = (
    select(*_COLUMNS)
    .where(
        _OF_STUDY,
        (trials.c.number >= bindparam("known"))
        | trials.c.number.in_(bindparam("unfinished", expanding=True)),
    )
    .order_by(trials.c.number)
)
_RUNNING = select(*_COLUMNS, trials.c.owner, trials.c.lease).where(_OF_STUDY, trials.c.state == "running")
_INSERT = insert(trials)
_NEW_RECORD: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*RECORD, "checksum")}
_REWRITE = (
    update(trials)
    .where(_OF_STUDY, trials.c.number == bindparam("which"), trials.c.state.in_(["queued", "running"]))
    .values(**_NEW_RECORD, owner=bindparam("new_owner"), lease=bindparam("new_lease"))
)
# A running trial is finished by its owner's attempt; a queued one by whoever brings a result.
_FINISH = (
    update(trials)
    .where(
        _OF_STUDY,
        trials.c.number == bindparam("which"),
        (trials.c.state == "queued")
        | (
            (trials.c.state == "running")
            & (trials.c.owner == bindparam("token"))
            & (trials.c.attempt == bindparam("try"))
        ),
    )
    .values(**_NEW_RECORD, owner=None, lease=None)
)
