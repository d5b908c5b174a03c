"""Which mask of an example counts now: the newest that a touch-up saved, else the contributor's own.

A touch-up without a clock has no end but its reviewer's word, so only the mask with which it was finished counts.
"""

from collections.abc import Collection

from sqlalchemy import ScalarSelect, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.session import in_batches
from db.tables import Example, TouchUp, TouchUpSave


def current_masks(session: Session, example_ids: Collection[int]) -> dict[int, str]:
    """For each of the examples, the hash of the mask to train and measure with: the newest that a touch-up saved, else
    the contributor's own. An example that does not exist is left out."""
    mask = func.coalesce(TouchUpSave.mask_after_sha256, Example.mask_sha256)
    wanted = select(Example.id, mask).outerjoin(TouchUpSave, TouchUpSave.id == newest_save())
    found: dict[int, str] = {}
    for batch in in_batches(sorted(set(example_ids))):
        found |= dict(session.execute(wanted.where(Example.id.in_(batch))).all())
    return found


def newest_save() -> ScalarSelect[int]:
    """The number of the newest save that counts of an example's touch-ups, in a query for examples; NULL if there is none."""
    # Looked up for each example: SQLite would read a list of all the newest saves from start to end for each.
    save = aliased(TouchUpSave)
    newest = select(func.max(save.id)).join(TouchUp, TouchUp.id == save.touch_up_id)
    newest = newest.where(or_(TouchUp.seconds_shown.is_not(None), save.finished))
    return newest.where(TouchUp.example_id == Example.id).correlate(Example).scalar_subquery()
