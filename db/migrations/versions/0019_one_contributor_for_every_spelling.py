"""Every spelling of a name is one contributor: each gets a key, and those that are one person are joined.

The name that was spelled first stays. No example changes its split: where a person's examples lie in several splits now, the log
says so, without a name, and `winnow check` lists them from then on.
"""

import logging
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from db.people import person_key

revision = "0019"
down_revision = "0018"

BATCH = 5000

_log = logging.getLogger("db.migrations")  # Alembic names this module after its file


def upgrade() -> None:
    key = sa.Column("key", sa.String(64), comment="one for every spelling of the name")
    op.add_column("contributor", key)
    joined = _join()
    with op.batch_alter_table("contributor") as contributor:
        contributor.alter_column("key", existing_type=sa.String(64), existing_comment=key.comment, nullable=False)
        contributor.drop_constraint(op.f("uq_contributor_name"), type_="unique")
        contributor.alter_column(
            "name", existing_type=sa.String(1000), existing_nullable=False, comment="as it was spelled first"
        )
        contributor.create_unique_constraint(op.f("uq_contributor_key"), ["key"])
    if parted := _in_several_splits(joined):
        _log.warning(
            "Contributors that are one person under several spellings were joined, and the examples of %d of them lie in several "
            "splits (contributor %s). None was moved. `winnow check` lists them and says what to do.",
            len(parted),
            ", ".join(map(str, parted)),
        )


def _join() -> list[int]:
    """Give every contributor its key, and its submissions to the first with the same key; returns those that got others'."""
    contributor = sa.table("contributor", *map(sa.column, ("id", "name", "key")))
    submission = sa.table("submission", sa.column("contributor_id"))
    connection = op.get_bind()
    spellings: dict[str, list[int]] = defaultdict(list)
    for number, name in connection.execute(sa.select(contributor.c.id, contributor.c.name).order_by(contributor.c.id)):
        spellings[person_key(name)].append(number)
    first = [{"number": numbers[0], "its_key": key} for key, numbers in spellings.items()]
    again = [{"number": number, "first": numbers[0]} for numbers in spellings.values() for number in numbers[1:]]
    this = contributor.c.id == sa.bindparam("number")
    theirs = submission.c.contributor_id == sa.bindparam("number")
    for batch in _batches(again):
        connection.execute(submission.update().where(theirs).values(contributor_id=sa.bindparam("first")), batch)
        connection.execute(contributor.delete().where(this), batch)
    for batch in _batches(first):
        connection.execute(contributor.update().where(this).values(key=sa.bindparam("its_key")), batch)
    return sorted({each["first"] for each in again})


def _in_several_splits(contributors: list[int]) -> list[int]:
    """Those of the contributors whose examples lie in several splits, but for what a published set's own lists say."""
    submission = sa.table("submission", *map(sa.column, ("id", "contributor_id", "official")))
    example = sa.table("example", sa.column("submission_id"), sa.column("split"))
    parted = (
        sa.select(submission.c.contributor_id)
        .join_from(submission, example, example.c.submission_id == submission.c.id)
        .where(submission.c.official.is_(sa.false()))
        .group_by(submission.c.contributor_id)
        .having(sa.func.min(example.c.split) != sa.func.max(example.c.split))
        .order_by(submission.c.contributor_id)
    )
    connection = op.get_bind()
    return [
        number
        for batch in _batches(contributors)
        for number in connection.scalars(parted.where(submission.c.contributor_id.in_(batch)))
    ]


def _batches(rows: list) -> list[list]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
