"""More measures than the paper's five, and the values by which a report is sliced."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MEASURES = {
    "leak": "mean alpha on skin well away from the true hair",
    "hollow": "mean of 1 - alpha well inside the true hair",
    "sad": "sum of absolute differences of alpha, in thousands",
    "mse": "mean squared difference of alpha",
    "gradient_error": "Rhemann et al., in thousands",
    "connectivity_error": "Rhemann et al., in thousands",
    "class_accuracy": "of hair, skin and background, for three-class runs",
    "hair_share": "of the true mask, 0 to 1",
    "hair_brightness": "mean of the true hair's grey, 0 to 1",
}


def upgrade() -> None:
    with op.batch_alter_table("measure") as measure:
        for name, comment in MEASURES.items():
            measure.add_column(sa.Column(name, sa.Double(), nullable=True, comment=comment))
