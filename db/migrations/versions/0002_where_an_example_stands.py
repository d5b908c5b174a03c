"""Add standing, gold and guide_example; verdicts that settle a disagreement, and the verdict that an undo takes back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SPLIT = sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20)
STATE = sa.Enum("open", "keep", "reject", "disputed", name="state", native_enum=False, create_constraint=True, length=20)
DECISION = sa.Enum("keep", "reject", "undo", name="decision", native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    op.create_table(
        "gold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False, comment="the lead who says so"),
        sa.Column("answer", DECISION, nullable=True, comment="empty: not a known answer any more"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("answer IS NULL OR answer <> 'undo'", name=op.f("ck_gold_answer_is_keep_or_reject")),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_gold_example_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_gold_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold")),
    )
    op.create_index("ix_gold_newest", "gold", ["example_id", "id"])
    op.create_index(op.f("ix_gold_reviewer_id"), "gold", ["reviewer_id"])

    op.create_table(
        "guide_example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=20), nullable=False, comment="good_1 to good_4, or a reject reason"),
        sa.Column("example_id", sa.Integer(), nullable=True, comment="empty: the drawn picture again"),
        sa.Column("words", sa.String(length=200), nullable=False, comment="what to see in it"),
        sa.Column("reviewer_id", sa.Integer(), nullable=False, comment="the lead who chose it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_guide_example_example_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_guide_example_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guide_example")),
    )
    op.create_index(op.f("ix_guide_example_example_id"), "guide_example", ["example_id"])
    op.create_index("ix_guide_example_newest", "guide_example", ["place", "id"])

    op.create_table(
        "standing",
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False, comment="of the submission"),
        sa.Column("split", SPLIT, nullable=False),
        sa.Column("doubt", sa.Double(), nullable=False, comment="the suspicion's value; 0 without one"),
        sa.Column("lot", sa.Double(), nullable=False, comment="its place in the random order, 0 to 1"),
        sa.Column(
            "first_reviewer_id",
            sa.Integer(),
            nullable=True,
            comment="whose sole opinion stands, where a blind second one is wanted",
        ),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_standing_example_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["first_reviewer_id"], ["reviewer.id"], name=op.f("fk_standing_first_reviewer_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_standing_source_id")),
        sa.PrimaryKeyConstraint("example_id", name=op.f("pk_standing")),
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

    with op.batch_alter_table("verdict") as verdict:
        verdict.add_column(
            sa.Column(
                "settles",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="a lead's word on what others see differently",
            )
        )
        verdict.add_column(
            sa.Column(
                "undoes",
                sa.Integer(),
                nullable=True,
                comment="what an undo takes back; the reviewer's verdict before that counts again",
            )
        )
        verdict.create_foreign_key(op.f("fk_verdict_undoes"), "verdict", ["undoes"], ["id"])
        verdict.create_unique_constraint(op.f("uq_verdict_undoes"), ["undoes"])
        verdict.create_check_constraint(op.f("ck_verdict_only_an_undo_takes_back"), "undoes IS NULL OR decision = 'undo'")
    op.create_index(op.f("ix_verdict_at"), "verdict", ["at"])
    op.create_index("ix_verdict_reason", "verdict", ["reason", "example_id"])
    op.create_index("ix_verdict_reviewer", "verdict", ["reviewer_id", "id"])
    _fill(_take_back())


def _take_back() -> dict[int, set[str]]:
    """Write into every undo which verdict it takes back. Returns, by example, the decisions that remain."""
    verdict = sa.table("verdict", *map(sa.column, ("id", "example_id", "reviewer_id", "decision", "undoes")))
    connection = op.get_bind()
    standing: dict[tuple[int, int], list[tuple[int, str]]] = {}
    named = []
    columns = (verdict.c.id, verdict.c.example_id, verdict.c.reviewer_id, verdict.c.decision)
    for number, example, reviewer, decision in connection.execute(sa.select(*columns).order_by(verdict.c.id)):
        theirs = standing.setdefault((example, reviewer), [])
        if decision != "undo":
            theirs.append((number, decision))
        elif theirs:
            named.append({"undo": number, "verdict": theirs.pop()[0]})
    for batch in _batches(named):
        wanted = verdict.update().where(verdict.c.id == sa.bindparam("undo")).values(undoes=sa.bindparam("verdict"))
        connection.execute(wanted, batch)
    said: dict[int, set[str]] = {}
    for (example, _), theirs in standing.items():
        if theirs:
            said.setdefault(example, set()).add(theirs[-1][1])
    return said


def _fill(said: dict[int, set[str]]) -> None:
    """Add a standing for every existing example."""
    example = sa.table("example", *map(sa.column, ("id", "submission_id", "image_sha256", "split")))
    submission = sa.table("submission", sa.column("id"), sa.column("source_id"))
    suspicion = sa.table("suspicion", sa.column("example_id"), sa.column("value"))
    standing = sa.table("standing", *map(sa.column, ("example_id", "state", "source_id", "split", "doubt", "lot")))
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(example.c.id, example.c.image_sha256, example.c.split, submission.c.source_id, suspicion.c.value)
        .join_from(example, submission, submission.c.id == example.c.submission_id)
        .outerjoin(suspicion, suspicion.c.example_id == example.c.id)
    ).all()
    for batch in _batches(rows):
        connection.execute(
            standing.insert(),
            [
                {
                    "example_id": number,
                    "state": _state(said.get(number, set())),
                    "source_id": source,
                    "split": split,
                    "doubt": doubt or 0.0,
                    "lot": int(image[:13], 16) / 16**13,
                }
                for number, image, split, source, doubt in batch
            ],
        )


def _state(said: set[str]) -> str:
    if not said:
        return "open"
    return said.pop() if len(said) == 1 else "disputed"


def _batches(rows: list) -> list[list]:
    return [rows[start : start + 5000] for start in range(0, len(rows), 5000)]
