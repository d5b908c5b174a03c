"""Touch-ups can be gone on with, taken over, discarded and asked for again; pages that show one say when they are hidden."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

PRESENCE = sa.Enum("opened", "hidden", "shown", "left", name="presence", native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    with op.batch_alter_table("touch_up_save") as save:
        save.add_column(
            sa.Column(
                "seconds_hidden",
                sa.Double(),
                nullable=False,
                server_default="0",  # nobody recorded it before
                comment="of those, how many the page was hidden or left",
            )
        )
        save.alter_column(
            "finished",
            existing_type=sa.Boolean(),
            existing_nullable=False,
            comment="the reviewer said done, or the clock did; a later save takes it back",
        )
    with op.batch_alter_table("touch_up_save") as save:
        save.alter_column("seconds_hidden", existing_type=sa.Double(), existing_nullable=False, server_default=None)
    with op.batch_alter_table("reopening") as reopening:
        reopening.add_column(
            sa.Column(
                "undoes", sa.Integer(), nullable=True, comment="the row that this one takes back; it opens nothing itself"
            )
        )
        reopening.create_foreign_key(op.f("fk_reopening_undoes"), "reopening", ["undoes"], ["id"])
    op.create_index(op.f("ix_reopening_undoes"), "reopening", ["undoes"])
    op.create_table(
        "touch_up_presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("touch_up_id", sa.Integer(), nullable=False),
        sa.Column("page", sa.String(36), nullable=False, comment="a name that the page made up for itself"),
        sa.Column("presence", PRESENCE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["touch_up_id"], ["touch_up.id"], name=op.f("fk_touch_up_presence_touch_up_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up_presence")),
    )
    op.create_index(op.f("ix_touch_up_presence_touch_up_id"), "touch_up_presence", ["touch_up_id"])
    op.create_table(
        "touch_up_discard",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("touch_up_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["touch_up_id"], ["touch_up.id"], name=op.f("fk_touch_up_discard_touch_up_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_touch_up_discard_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up_discard")),
        sa.UniqueConstraint("touch_up_id", name=op.f("uq_touch_up_discard_touch_up_id")),
    )
    op.create_index(op.f("ix_touch_up_discard_reviewer_id"), "touch_up_discard", ["reviewer_id"])
    op.create_table(
        "touch_up_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="whose report showed it"),
        sa.Column("after_touch_up", sa.Integer(), nullable=False, comment="the example's newest touch-up then, 0 without one"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_touch_up_request_example_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_touch_up_request_reviewer_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_touch_up_request_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up_request")),
    )
    for column in ("example_id", "reviewer_id"):
        op.create_index(op.f(f"ix_touch_up_request_{column}"), "touch_up_request", [column])
