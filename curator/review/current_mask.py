"""Which mask of an example counts now: the newest that a touch-up saved, else the contributor's own."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from db.session import in_batches
from db.tables import Example, TouchUp, TouchUpSave


def current_masks(session: Session, example_ids: Collection[int]) -> dict[int, str]:
    """For each of the examples, the hash of the mask to train and measure with: the newest that a touch-up saved, else
    the contributor's own. An example that does not exist is left out."""
    found: dict[int, str] = {}
    for batch in in_batches(sorted(set(example_ids))):
        own = select(Example.id, Example.mask_sha256).where(Example.id.in_(batch))
        found |= dict(session.execute(own).all())
        found |= dict(session.execute(repaired_masks(TouchUp.example_id.in_(batch))).all())
    return found


def repaired_masks(*of_touch_ups: ColumnElement[bool]) -> Select[int, str]:
    """The query for the newest mask that a touch-up saved, as (example, mask's hash); only for examples that have one.

    `of_touch_ups` are conditions on a `TouchUp` that limit the examples.
    """
    newest = select(func.max(TouchUpSave.id)).join(TouchUp).where(*of_touch_ups).group_by(TouchUp.example_id)
    return select(TouchUp.example_id, TouchUpSave.mask_after_sha256).join(TouchUpSave).where(TouchUpSave.id.in_(newest))
