"""Refined masks are proposed for kept examples, and people accept or decline them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "refinement",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("example_id", sa.Integer, sa.ForeignKey("example.id"), nullable=False),
        sa.Column("mask_before_sha256", sa.String(64), nullable=False),
        sa.Column("alpha_sha256", sa.String(64), nullable=False),
        sa.Column("method", sa.String(40), nullable=False, comment="name and version of what made it"),
        sa.Column("iou", sa.Double, nullable=False, comment="with the mask before: how little it changed"),
        sa.Column("consistency_before", sa.Double, comment="gradient consistency, eq. 1; empty: no edge"),
        sa.Column("consistency_after", sa.Double),
        sa.Column("accepted", sa.Boolean, comment="by its newest decision, which is a row of its own; empty: undecided"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint(
            "example_id", "mask_before_sha256", "method", name="uq_refinement_example_id_mask_before_sha256_method"
        ),
        sa.CheckConstraint("iou >= 0 AND iou <= 1", name="ck_refinement_iou_is_a_share"),
    )
    for column in ("example_id", "mask_before_sha256", "alpha_sha256"):
        op.create_index(f"ix_refinement_{column}", "refinement", [column])
    op.create_index("ix_refinement_open", "refinement", ["accepted", "iou", "id"])
    op.create_table(
        "refinement_decision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("refinement_id", sa.Integer, sa.ForeignKey("refinement.id"), nullable=False),
        sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
        sa.Column("accepted", sa.Boolean, comment="empty: the decision before is taken back"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_refinement_decision_reviewer_id", "refinement_decision", ["reviewer_id"])
    op.create_index("ix_refinement_decision_newest", "refinement_decision", ["refinement_id", "id"])
