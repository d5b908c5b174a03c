"""Which mask of an example counts now: the newest that a touch-up saved, else the contributor's own."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import Example, TouchUp, TouchUpSave


def current_masks(session: Session, example_ids: Collection[int]) -> dict[int, str]:
    """For each of the examples, the hash of the mask to train and measure with: the newest that a touch-up saved, else
    the contributor's own. An example that does not exist is left out."""
    wanted = set(example_ids)
    found: dict[int, str] = {}
    for batch in _batches(wanted):
        own = select(Example.id, Example.mask_sha256).where(Example.id.in_(batch))
        newest = (
            select(func.max(TouchUpSave.id))
            .join(TouchUp, TouchUp.id == TouchUpSave.touch_up_id)
            .where(TouchUp.example_id.in_(batch))
            .group_by(TouchUp.example_id)
        )
        repaired = (
            select(TouchUp.example_id, TouchUpSave.mask_after_sha256)
            .join(TouchUpSave, TouchUpSave.touch_up_id == TouchUp.id)
            .where(TouchUpSave.id.in_(newest))
        )
        for example, mask in [*session.execute(own), *session.execute(repaired)]:
            found[example] = mask
    return found


def _batches(numbers: Collection[int], size: int = 1000) -> list[list[int]]:
    """The numbers in batches that are small enough for the parameters of one SQL statement."""
    ordered = sorted(numbers)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
