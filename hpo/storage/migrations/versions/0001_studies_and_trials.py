"""Studies, their trials, and the log of what happened besides."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "studies",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("study_id", SERIAL, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("reports", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("seconds", sa.Double),
        sa.Column("search_seconds", sa.Double, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("lease", sa.Double),
        sa.UniqueConstraint("study_id", "number"),
    )
    op.create_table(
        "events",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("study_id", SERIAL, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("events_by_study", "events", ["study_id", "number"])
