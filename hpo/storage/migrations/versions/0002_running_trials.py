"""An index of the running trials: whoever shares a study looks through them at each claim."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index."""
    is_running = sa.text("state = 'running'")
    op.create_index(
        "trials_running", "trials", ["study_id"], sqlite_where=is_running, postgresql_where=is_running
    )
