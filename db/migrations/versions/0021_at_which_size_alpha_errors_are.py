"""At which size a report's errors of alpha were taken: at its run's own until now, which the rows so far say from now on."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

run = sa.table("run", sa.column("id", sa.Integer()), sa.column("settings", sa.JSON()))
measure = sa.table("measure", sa.column("run_id", sa.Integer()), sa.column("alpha_side", sa.Integer()))


def upgrade() -> None:
    op.add_column(
        "measure",
        sa.Column(
            "alpha_side",
            sa.Integer(),
            nullable=False,
            server_default="512",
            comment="pixels of the square that sad to connectivity_error are of",
        ),
    )
    connection = op.get_bind()
    for number, settings in connection.execute(sa.select(run.c.id, run.c.settings)).all():
        own = settings.get("size", 224)  # the paper's, as every run had before there was a choice
        connection.execute(measure.update().where(measure.c.run_id == number).values(alpha_side=own))
