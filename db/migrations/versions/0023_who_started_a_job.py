"""Who started a job, and when it will end at the pace measured so far."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("job", sa.Column("started_by", sa.String(80), comment="a reviewer's name; empty: older than this column"))
    op.add_column(
        "job",
        sa.Column("expected_end", sa.DateTime(timezone=True), comment="at the pace measured so far; empty: too early to say"),
    )
