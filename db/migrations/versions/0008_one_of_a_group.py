"""Examples that wait behind another of the same picture, and the hashes by which two pictures are recognised as the same."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

SPLIT = sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20)
PARTS = ("part_1", "part_2", "part_3", "part_4")
STATES = "'open', 'keep', 'reject', 'disputed', 'waiting'"


def upgrade() -> None:
    _alike()
    # SQLite alters a table by copying it, and would lose the order (DESC) of its indexes.
    indexes = [index["name"] for index in sa.inspect(op.get_bind()).get_indexes("standing")]
    for name in indexes:
        op.drop_index(name, "standing")
    with op.batch_alter_table("standing") as standing:
        standing.drop_constraint(op.f("ck_standing_state"), type_="check")
        standing.create_check_constraint(op.f("ck_standing_state"), f"state IN ({STATES})")
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


def _alike() -> None:
    op.drop_index(op.f("ix_submission_likeness"), "submission")
    with op.batch_alter_table("submission") as submission:
        submission.drop_column("likeness")  # nothing was ever written there
        submission.add_column(
            sa.Column("said_split", SPLIT, nullable=True, comment="by its source, or by whoever brought it in")
        )
        submission.add_column(
            sa.Column(
                "official",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="the source is a published set, and so are its splits",
            )
        )
    op.create_table(
        "likeness",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        *(sa.Column(part, sa.Integer(), nullable=False) for part in PARTS),
        sa.Column("blocks", sa.String(length=64), nullable=False, comment="the second hash, 256 bits in hexadecimal"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_likeness_submission_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_likeness")),
    )
    for part in PARTS:
        op.create_index(op.f(f"ix_likeness_{part}"), "likeness", [part])
    with op.batch_alter_table("example") as example:
        example.alter_column(
            "group_id",
            existing_type=sa.Integer(),
            existing_nullable=True,
            comment="an example of the same picture, one for all of them; empty: alone",
        )
