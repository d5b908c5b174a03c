"""F1 and accuracy of each epoch on the validation examples, by which the best epoch is chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

COMMENT = "the mean over images, of alpha from half on"


def upgrade() -> None:
    for name in ("validation_f1", "validation_accuracy"):
        op.add_column("epoch", sa.Column(name, sa.Double(), nullable=True, comment=COMMENT))
