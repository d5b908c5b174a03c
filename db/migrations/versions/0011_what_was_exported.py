"""An export keeps the hashes of its file, and a proof says where the file differs and what its precision costs."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

WHERE = "runs/<run>/exports/..., also where WINNOW_RUNS_URL puts the runs elsewhere"
DIFFERENCE = "of alpha, 0 to 1, from the run with weights rounded alike"


def upgrade() -> None:
    with op.batch_alter_table("export") as export:
        export.alter_column("file", existing_type=sa.String(1000), existing_nullable=False, comment=WHERE)
        export.add_column(
            sa.Column("file_hash", sa.String(64), nullable=True, comment="sha256 of the file; empty: older than these hashes")
        )
        export.add_column(
            sa.Column("parts", sa.JSON(), nullable=True, comment="sha256 of each file in a Core ML package, by its path there")
        )
    with op.batch_alter_table("proof") as proof:
        proof.add_column(
            sa.Column(
                "intact", sa.Boolean(), nullable=False, server_default=sa.true(), comment="every byte is as it was exported"
            )
        )
        proof.alter_column(
            "images",
            existing_type=sa.Integer(),
            existing_nullable=False,
            comment="on which the mattes were compared; none for a file that is not intact",
        )
        proof.alter_column("max_abs_diff", existing_type=sa.Double(), nullable=True, comment=DIFFERENCE)
        proof.alter_column("mean_abs_diff", existing_type=sa.Double(), nullable=True)
        proof.add_column(
            sa.Column("differs_at", sa.String(200), nullable=True, comment="the first part or layer that differs, for people")
        )
        for name, comment in (
            ("cost_f1", "the run's F1 minus the file's, on the same images"),
            ("cost_iou", "the run's IoU minus the file's"),
            ("cost_gradient_consistency", "the file's minus the run's; less is better"),
        ):
            proof.add_column(sa.Column(name, sa.Double(), nullable=True, comment=comment))
