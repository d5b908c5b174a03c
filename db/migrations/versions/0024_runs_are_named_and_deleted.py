"""A run may have a name and a note, and one that was deleted stays as a row, because reopenings and requests name it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("run", sa.Column("name", sa.String(80), nullable=False, server_default="", comment="given by a person"))
    op.add_column("run", sa.Column("note", sa.String(1000), nullable=False, server_default="", comment="written by a person"))
    op.add_column(
        "run",
        sa.Column("deleted_at", sa.DateTime(timezone=True), comment="when its files and results were deleted; empty: never"),
    )
