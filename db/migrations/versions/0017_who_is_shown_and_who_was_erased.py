"""Who is shown and on what consent; an erasure can be gone on with, and what was erased is refused by an ingest."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for column in (
        sa.Column("subject", sa.String(1000), comment="the person shown, by the name that the source gives"),
        sa.Column("consent_basis", sa.String(200), comment="what the use rests on, such as a signed form"),
        sa.Column("consent_date", sa.Date(), comment="when consent was given"),
        sa.Column("consent_expires", sa.Date(), comment="the last day on which the photo may be used"),
    ):
        op.add_column("submission", column)
    for name in ("photo_name", "subject", "consent_expires"):
        op.create_index(op.f(f"ix_submission_{name}"), "submission", [name])
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "request", sa.String(64), nullable=False, comment="keyed hash of what was asked for; the same request goes on"
        ),
        sa.Column("event_id", sa.Integer(), nullable=False, comment="who began it and when, and what went"),
        sa.Column("task", sa.JSON(), comment="names and pictures to remove; empty once no row and no file has them"),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            comment="empty: it was broken off, or something is left on the disk",
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_erasure_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_request"), "erasure", ["request"])
    unfinished = sa.column("ended_at").is_(None)
    op.create_index("ix_erasure_unfinished", "erasure", ["id"], sqlite_where=unfinished, postgresql_where=unfinished)
    op.create_table(
        "bar",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("keyed_hash", sa.String(64), nullable=False, comment="HMAC-SHA256 of a name or of a photo's sha256"),
        sa.Column("key", sa.String(16), nullable=False, comment="which secret it was made with"),
        sa.Column("erasure_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasure.id"], name=op.f("fk_bar_erasure_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bar")),
        sa.UniqueConstraint("keyed_hash", "erasure_id", name=op.f("uq_bar_keyed_hash_erasure_id")),
    )
    for name in ("key", "erasure_id"):
        op.create_index(op.f(f"ix_bar_{name}"), "bar", [name])
