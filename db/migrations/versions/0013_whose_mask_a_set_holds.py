"""A curated set records who made the mask of each example, and which save of a touch-up it is of.

For the sets that are there, this is found out: a mask is of the newest save that had it when the set was frozen.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

ORIGIN = sa.Enum(
    "contributor", "touch_up", "refinement", name="mask_origin", native_enum=False, create_constraint=True, length=20
)


def upgrade() -> None:
    with op.batch_alter_table("set_member") as member:
        member.add_column(
            sa.Column("mask_origin", ORIGIN, nullable=False, server_default="contributor", comment="who made this mask")
        )
        member.add_column(sa.Column("touch_up_save_id", sa.Integer(), nullable=True, comment="the save that this mask is of"))
        member.create_foreign_key(
            op.f("fk_set_member_touch_up_save_id"), "touch_up_save", ["touch_up_save_id"], ["id"], ondelete="SET NULL"
        )
        member.create_check_constraint(
            op.f("ck_set_member_a_save_is_a_touch_ups"), "touch_up_save_id IS NULL OR mask_origin = 'touch_up'"
        )
        member.create_index(op.f("ix_set_member_touch_up_save_id"), ["touch_up_save_id"])
    _find_out()


def _find_out() -> None:
    member = sa.table("set_member", *map(sa.column, ("set_id", "example_id", "mask_sha256", "mask_origin", "touch_up_save_id")))
    curated = sa.table("curated_set", sa.column("id"), sa.column("frozen_at"))
    touch_up = sa.table("touch_up", sa.column("id"), sa.column("example_id"))
    save = sa.table("touch_up_save", *map(sa.column, ("id", "touch_up_id", "mask_after_sha256", "at")))
    newest = (
        sa.select(sa.func.max(save.c.id))
        .select_from(save.join(touch_up, touch_up.c.id == save.c.touch_up_id).join(curated, save.c.at <= curated.c.frozen_at))
        .where(
            touch_up.c.example_id == member.c.example_id,
            save.c.mask_after_sha256 == member.c.mask_sha256,
            curated.c.id == member.c.set_id,
        )
        .correlate(member)
        .scalar_subquery()
    )
    op.execute(sa.update(member).where(newest.is_not(None)).values(mask_origin="touch_up", touch_up_save_id=newest))
