"""The newest matte that a run has made of an example, to start a touch-up from."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import NotThereError
from db.tables import Example, Measure, Preview


@dataclass(frozen=True)
class SavedMatte:
    """A run's matte of an example, in the store."""

    run: int
    matte: str  # sha256
    made_for: Literal["report", "preview"]


def newest_matte(session: Session, example: int) -> SavedMatte:
    """The newest run's matte of an example: from its report, unrefined if there is one, else from its newest epoch's preview.

    Raises NotThereError for an example that does not exist, or of which no run has saved a matte.
    """
    reported = session.execute(
        select(Measure.run_id, Measure.matte_sha256)
        .where(Measure.example_id == example)
        .order_by(Measure.run_id.desc(), Measure.refine != "none")
        .limit(1)
    ).first()
    shown = session.execute(
        select(Preview.run_id, Preview.matte_sha256)
        .where(Preview.example_id == example)
        .order_by(Preview.run_id.desc(), Preview.epoch.desc())
        .limit(1)
    ).first()
    if reported is not None and (shown is None or reported[0] >= shown[0]):
        return SavedMatte(reported[0], reported[1], "report")
    if shown is not None:
        return SavedMatte(shown[0], shown[1], "preview")
    if session.get(Example, example) is None:
        raise NotThereError(f"Example {example} does not exist. It may have been erased.")
    raise NotThereError(
        f"No run has saved a matte of example {example} yet. Reports measure the test and validation splits; train a run and "
        "measure it."
    )
