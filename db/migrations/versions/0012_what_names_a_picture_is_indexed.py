"""Every column that names a picture is indexed, and a pair that no split is right for is remembered.

Before a picture is deleted, the rows that might name it are looked up; without an index, each look-up read whole tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INDEXED = (
    ("submission", "mask_sha256"),
    ("example", "mask_sha256"),
    ("example", "skin_sha256"),
    ("touch_up", "mask_before_sha256"),
    ("touch_up_save", "mask_after_sha256"),
    ("set_member", "image_sha256"),
    ("set_member", "mask_sha256"),
    ("set_member", "skin_sha256"),
    ("preview", "matte_sha256"),
    ("measure", "mask_sha256"),
    ("measure", "matte_sha256"),
)


def upgrade() -> None:
    for table, column in INDEXED:
        op.create_index(f"ix_{table}_{column}", table, [column])
    op.add_column(
        "refusal",
        sa.Column(
            "digest",
            sa.String(64),
            comment="of a pair that no split is right for: it is not decoded again, until an example is deleted",
        ),
    )
