"""Examples sent back to review: their earlier verdicts no longer count."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "reopening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False, comment="who sent it back"),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="whose report showed it"),
        sa.Column(
            "after_verdict",
            sa.Integer(),
            nullable=False,
            comment="the example's newest verdict then, 0 without one; only later ones count",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_reopening_example_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_reopening_reviewer_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_reopening_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reopening")),
    )
    op.create_index(op.f("ix_reopening_example_id"), "reopening", ["example_id"])
