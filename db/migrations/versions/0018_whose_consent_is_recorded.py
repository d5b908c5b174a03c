"""Photos whose consent is recorded are indexed, by the day on which it ends; the other photos cost nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    basis, given, expires = (sa.column(f"consent_{name}") for name in ("basis", "date", "expires"))
    recorded = sa.or_(basis.is_not(None), given.is_not(None), expires.is_not(None))
    op.drop_index(op.f("ix_submission_consent_expires"), "submission")
    op.create_index(
        "ix_submission_consent_recorded",
        "submission",
        ["consent_expires"],
        sqlite_where=recorded,
        postgresql_where=recorded,
    )
