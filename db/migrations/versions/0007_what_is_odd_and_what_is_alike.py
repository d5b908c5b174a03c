"""Remarks on submissions, crops chosen by people, and groups of similar pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

A_SQUARE_OR_NONE = (
    "(crop_side IS NULL AND crop_top IS NULL AND crop_left IS NULL AND crop_rotation IS NULL) OR "
    "(crop_side > 0 AND crop_top IS NOT NULL AND crop_left IS NOT NULL AND crop_rotation IS NOT NULL)"
)


def upgrade() -> None:
    op.create_table(
        "remark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=1000), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_remark_submission_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remark")),
        sa.UniqueConstraint("submission_id", "words", name=op.f("uq_remark_submission_id_words")),
    )
    op.create_index(op.f("ix_remark_submission_id"), "remark", ["submission_id"])
    op.create_table(
        "crop_choice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("crop_top", sa.Double(), nullable=True),
        sa.Column("crop_left", sa.Double(), nullable=True),
        sa.Column("crop_side", sa.Double(), nullable=True),
        sa.Column("crop_rotation", sa.Double(), nullable=True, comment="degrees counter-clockwise the photo is turned"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(A_SQUARE_OR_NONE, name=op.f("ck_crop_choice_a_square_or_none")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_crop_choice_reviewer_id")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_crop_choice_submission_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crop_choice")),
    )
    op.create_index(op.f("ix_crop_choice_submission_id"), "crop_choice", ["submission_id"])
    with op.batch_alter_table("submission") as submission:
        submission.add_column(
            sa.Column(
                "likeness",
                sa.String(length=16),
                nullable=True,
                comment="perceptual hash of the upright photo, 64 bits in hexadecimal",
            )
        )
    op.create_index(op.f("ix_submission_likeness"), "submission", ["likeness"])
    with op.batch_alter_table("example") as example:
        example.add_column(
            sa.Column("group_id", sa.Integer(), nullable=True, comment="the first example of the same picture; empty: alone")
        )
        example.create_foreign_key(op.f("fk_example_group_id"), "example", ["group_id"], ["id"], ondelete="SET NULL")
    op.create_index(op.f("ix_example_group_id"), "example", ["group_id"])
