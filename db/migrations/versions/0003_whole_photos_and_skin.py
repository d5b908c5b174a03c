"""Examples of whole photos, which need no face; skin masks, if a source has them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

FACE = ("face_top", "face_left", "face_bottom", "face_right")


def upgrade() -> None:
    with op.batch_alter_table("example") as example:
        for name in FACE:
            example.alter_column(name, existing_type=sa.Integer(), nullable=True)
        example.alter_column(
            "face_score", existing_type=sa.Double(), nullable=True, existing_comment="the detector's own; higher is surer"
        )
        example.add_column(
            sa.Column("skin_sha256", sa.String(length=64), nullable=True, comment="the skin's mask, where the source labels it")
        )
    with op.batch_alter_table("set_member") as member:
        member.add_column(sa.Column("skin_sha256", sa.String(length=64), nullable=True))
