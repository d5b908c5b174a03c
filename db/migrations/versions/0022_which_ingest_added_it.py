"""Which ingest added a submission or a refusal, so that an ingest can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

ADDED_BY = "the ingest that added it; empty: one before 0022"


def upgrade() -> None:
    for table in ("submission", "refusal"):
        with op.batch_alter_table(table) as altered:
            altered.add_column(sa.Column("job_id", sa.Integer(), nullable=True, comment=ADDED_BY))
            altered.create_foreign_key(op.f(f"fk_{table}_job_id"), "job", ["job_id"], ["id"])
        op.create_index(op.f(f"ix_{table}_job_id_id"), table, ["job_id", "id"])
