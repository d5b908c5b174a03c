"""A crop chosen by a person, or a discarded photo, can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("crop_choice") as choice:
        choice.add_column(sa.Column("undoes", sa.Integer(), nullable=True, comment="the choice that an undo takes back"))
        choice.create_foreign_key(op.f("fk_crop_choice_undoes"), "crop_choice", ["undoes"], ["id"])
        choice.create_unique_constraint(op.f("uq_crop_choice_undoes"), ["undoes"])
        choice.create_check_constraint(op.f("ck_crop_choice_an_undo_has_no_square"), "undoes IS NULL OR crop_side IS NULL")
