"""Which mask of an example counts now, and who made it: the newest that a touch-up saved, else the contributor's own.

A touch-up without a clock has no end but its reviewer's word, so only the mask with which it was finished counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.session import in_batches
from db.tables import Example, MaskOrigin, TouchUp, TouchUpSave

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True)
class CurrentMask:
    """The mask to train and measure with."""

    sha256: str
    origin: MaskOrigin
    touch_up_save: int | None  # the number of the save that it is of


def current_masks(session: Session, example_ids: Collection[int]) -> dict[int, CurrentMask]:
    """For each of the examples, its current mask. An example that does not exist is left out."""
    wanted = with_current_mask(select(Example.id, *current_mask_columns()))
    found: dict[int, CurrentMask] = {}
    for batch in in_batches(sorted(set(example_ids))):
        rows = session.execute(wanted.where(Example.id.in_(batch)))
        found |= {example: CurrentMask(mask, MaskOrigin(origin), save) for example, mask, origin, save in rows}
    return found


def current_mask_columns() -> tuple[ColumnElement[str], ColumnElement[str], ColumnElement[int]]:
    """The columns `mask_sha256`, `mask_origin` (as text) and `touch_up_save_id` of a query that `with_current_mask` made."""
    origin = case((TouchUpSave.id.is_not(None), MaskOrigin.touch_up.value), else_=MaskOrigin.contributor.value)
    return (
        func.coalesce(TouchUpSave.mask_after_sha256, Example.mask_sha256).label("mask_sha256"),
        origin.label("mask_origin"),
        TouchUpSave.id.label("touch_up_save_id"),
    )


def with_current_mask(examples: Select[*Columns]) -> Select[*Columns]:
    """A query for examples, joined with what tells each one's current mask."""
    return examples.outerjoin(TouchUpSave, TouchUpSave.id == newest_save())


def newest_save() -> ScalarSelect[int]:
    """The number of the newest save that counts of an example's touch-ups, in a query for examples; NULL if there is none."""
    # Looked up for each example: SQLite would read a list of all the newest saves from start to end for each.
    save = aliased(TouchUpSave)
    newest = select(func.max(save.id)).join(TouchUp, TouchUp.id == save.touch_up_id)
    newest = newest.where(or_(TouchUp.seconds_shown.is_not(None), save.finished))
    return newest.where(TouchUp.example_id == Example.id).correlate(Example).scalar_subquery()
