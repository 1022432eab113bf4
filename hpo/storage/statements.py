"""The statements of a study's trials, put together once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, select, update

from hpo.storage.rows import RECORD
from hpo.storage.schema import trials

COLUMNS = [trials.c[name] for name in RECORD] + [trials.c.checksum]
_OF_STUDY = trials.c.study_id == bindparam("study")
_IS_TRIAL = trials.c.number == bindparam("which")
# A trial keeps its number: naming it would have the index on it written again.
_NEW_RECORD: dict[str, Any] = {n: bindparam(f"new_{n}") for n in (*RECORD, "checksum") if n != "number"}

ALL = select(*COLUMNS).where(_OF_STUDY).order_by(trials.c.number)
ONE = select(*COLUMNS).where(_OF_STUDY, _IS_TRIAL)
NEW = select(*COLUMNS).where(_OF_STUDY, trials.c.number >= bindparam("known")).order_by(trials.c.number)
_IS_ONE_OF = trials.c.number.in_(bindparam("numbers", expanding=True))
SOME = select(*COLUMNS).where(_OF_STUDY, _IS_ONE_OF)
_STANDING = select(trials.c.number, trials.c.state, trials.c.attempt).where(_OF_STUDY)
STANDING = _STANDING.where(_IS_ONE_OF)
# What was never started stands as it was queued: of a long queue hardly anything has to be handed over.
_WAS_STARTED = (trials.c.state != "queued") | (trials.c.attempt > 0)
_IS_BETWEEN = trials.c.number.between(bindparam("first"), bindparam("last"))
STARTED_BETWEEN = _STANDING.where(_IS_BETWEEN, _WAS_STARTED)
RUNNING = select(*COLUMNS, trials.c.owner, trials.c.lease).where(_OF_STUDY, trials.c.state == "running")
INSERT = insert(trials)
START = (
    update(trials)
    .where(_OF_STUDY, _IS_TRIAL, trials.c.state.in_(["queued", "running"]))
    .values(**_NEW_RECORD, owner=bindparam("new_owner"), lease=bindparam("new_lease"))
)
# A running trial is ended by its owner's attempt; a queued one by whoever brings a result.
END = (
    update(trials)
    .where(
        _OF_STUDY,
        _IS_TRIAL,
        (trials.c.state == "queued")
        | (
            (trials.c.state == "running")
            & (trials.c.owner == bindparam("token"))
            & (trials.c.attempt == bindparam("try"))
        ),
    )
    .values(**_NEW_RECORD, owner=None, lease=None)
)
RENEW = update(trials).where(trials.c.owner == bindparam("token"), trials.c.state == "running")
