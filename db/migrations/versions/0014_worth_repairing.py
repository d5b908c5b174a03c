"""The verdict "fix": masks of every split wait for a touch-up, with or without a clock, and then for a second look."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

DECISIONS = "'keep', 'fix', 'reject', 'undo'"
STATES = "'open', 'keep', 'fix', 'repaired', 'reject', 'disputed', 'waiting'"
SPLIT = sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    with op.batch_alter_table("verdict") as verdict:
        verdict.drop_constraint(op.f("ck_verdict_decision"), type_="check")
        verdict.create_check_constraint(op.f("ck_verdict_decision"), f"decision IN ({DECISIONS})")
    with op.batch_alter_table("gold") as gold:
        gold.drop_constraint(op.f("ck_gold_decision"), type_="check")
        gold.create_check_constraint(op.f("ck_gold_decision"), f"answer IN ({DECISIONS})")
        gold.drop_constraint(op.f("ck_gold_answer_is_keep_or_reject"), type_="check")
        gold.create_check_constraint(op.f("ck_gold_answer_is_no_undo"), "answer IS NULL OR answer <> 'undo'")
    _standing()
    with op.batch_alter_table("reopening") as reopening:
        reopening.add_column(
            sa.Column("touch_up_id", sa.Integer(), nullable=True, comment="whose repaired mask wants a second look")
        )
        reopening.create_foreign_key(op.f("fk_reopening_touch_up_id"), "touch_up", ["touch_up_id"], ["id"])
    op.create_index(op.f("ix_reopening_touch_up_id"), "reopening", ["touch_up_id"])
    with op.batch_alter_table("touch_up") as touch_up:
        touch_up.alter_column(
            "seconds_shown",
            existing_type=sa.Integer(),
            nullable=True,
            comment="what the clock started from; empty: no clock",
            existing_comment="what the clock started from",
        )
    op.create_table(
        "touch_up_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("split", SPLIT, nullable=False),
        sa.Column("runs", sa.Boolean(), nullable=False, comment="false: a touch-up takes as long as it takes"),
        sa.Column("reviewer_id", sa.Integer(), nullable=False, comment="the lead who chose it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_touch_up_clock_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up_clock")),
    )


def _standing() -> None:
    # SQLite alters a table by copying it, and would lose the order (DESC) of its indexes.
    for index in sa.inspect(op.get_bind()).get_indexes("standing"):
        op.drop_index(index["name"], "standing")
    with op.batch_alter_table("standing") as standing:
        standing.drop_constraint(op.f("ck_standing_state"), type_="check")
        standing.create_check_constraint(op.f("ck_standing_state"), f"state IN ({STATES})")
        standing.alter_column(
            "first_reviewer_id",
            existing_type=sa.Integer(),
            existing_nullable=True,
            comment="where another's look is wanted: whose sole opinion stands, or who repaired the mask",
        )
    doubt = sa.column("doubt").desc()
    op.create_index("ix_standing_doubt", "standing", [doubt, "example_id"])
    op.create_index("ix_standing_state_doubt", "standing", ["state", doubt, "example_id"])
    op.create_index("ix_standing_state_lot", "standing", ["state", "lot"])
    op.create_index("ix_standing_state_source", "standing", ["state", "source_id", doubt, "example_id"])
    second_wanted = sa.column("first_reviewer_id").is_not(None)
    op.create_index(
        "ix_standing_second_wanted",
        "standing",
        ["first_reviewer_id", "example_id"],
        sqlite_where=second_wanted,
        postgresql_where=second_wanted,
    )
