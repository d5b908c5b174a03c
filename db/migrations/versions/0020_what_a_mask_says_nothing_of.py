"""What the values of a source's masks mean; masks of skin and of unknown pixels; files that belong to no photo."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

UNKNOWN = "255 where the source says nothing: left out of loss and measures; empty: nowhere"


def upgrade() -> None:
    op.add_column(
        "source",
        sa.Column(
            "meaning",
            sa.JSON(),
            comment="what the values of its masks mean; empty: each mask is read by itself, as before 0020",
        ),
    )
    for table, name, comment in (
        ("submission", "skin_sha256", "the file of the skin's mask, if there is one"),
        ("submission", "unknown_sha256", "the file of the unknown pixels, if there is one"),
        ("example", "unknown_sha256", UNKNOWN),
        ("set_member", "unknown_sha256", None),
    ):
        op.add_column(table, sa.Column(name, sa.String(64), comment=comment))
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
    op.add_column(
        "refusal",
        sa.Column("not_read", sa.Boolean(), server_default=sa.false(), nullable=False, comment="it belongs to no photo"),
    )
