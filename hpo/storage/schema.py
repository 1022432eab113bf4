"""What a database holds. A change here needs a new file in ``migrations/versions`` and `VERSION`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0002"  # newest revision in migrations/versions
APPLICATION_ID = 0x68706F31  # "hpo1": marks an SQLite file as ours

metadata = MetaData()
Serial = BigInteger().with_variant(Integer, "sqlite")

# Texts from outside (names, definitions, parameters) are JSON in ASCII: any string can be stored,
# NUL and lone surrogates too, which PostgreSQL's text cannot hold as they are.
studies = Table(
    "studies",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", Text, nullable=False),
    Column("checksum", BigInteger, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("study_id", Serial, ForeignKey("studies.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("params", Text, nullable=False),
    Column("info", Text, nullable=False),
    Column("value", Double),
    Column("reports", Text, nullable=False),
    Column("failure", Text),
    Column("reason", Text),
    Column("started", Double),
    Column("finished", Double),
    Column("seconds", Double),
    Column("search_seconds", Double, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    # Who runs the trial, and until when on the database's clock; not part of the record.
    Column("owner", Text),
    Column("lease", Double),
    UniqueConstraint("study_id", "number"),
)
_IS_RUNNING = trials.c.state == "running"
Index("trials_running", trials.c.study_id, sqlite_where=_IS_RUNNING, postgresql_where=_IS_RUNNING)

# What happened besides: results of attempts that had been given up, trials taken over.
events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("study_id", Serial, ForeignKey("studies.id"), nullable=False),
    Column("number", Integer),
    Column("time", Double, nullable=False),
    Column("message", Text, nullable=False),
)
Index("events_by_study", events.c.study_id, events.c.number)
