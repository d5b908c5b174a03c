"""Which mask of an example counts now, and who made it: the newest that a touch-up saved or a person accepted from Refine, else
the contributor's own.

A touch-up without a clock has no end but its reviewer's word, so only the mask with which it was finished counts. Those of a
discarded touch-up don't.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.session import in_batches
from db.tables import Example, MaskOrigin, Refinement, RefinementDecision, TouchUp, TouchUpDiscard, TouchUpSave

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True)
class CurrentMask:
    """The mask to train and measure with."""

    sha256: str
    origin: MaskOrigin
    touch_up_save: int | None  # the number of the save that it is of


def current_masks(session: Session, example_ids: Collection[int]) -> dict[int, CurrentMask]:
    """For each of the examples, its current mask. An example that does not exist is left out."""
    found: dict[int, CurrentMask] = {}
    for batch in in_batches(sorted(set(example_ids))):
        rows = session.execute(_masks().where(Example.id.in_(batch)))
        found |= {example: CurrentMask(mask, MaskOrigin(origin), save) for example, mask, origin, save in rows}
    return found


@cache  # it is asked for with every hand of cards, and takes longer to build than to run
def _masks() -> Select[int, str, str, int | None]:
    return with_current_mask(select(Example.id, *current_mask_columns()).select_from(Example))


def current_mask() -> ColumnElement[str]:
    """The hash of the mask that counts, in a query that `with_current_mask` made."""
    return case(
        (refinement_counts(), Refinement.alpha_sha256),
        else_=func.coalesce(TouchUpSave.mask_after_sha256, Example.mask_sha256),
    )


def current_mask_columns() -> tuple[ColumnElement[str], ColumnElement[str], ColumnElement[int | None]]:
    """The columns `mask_sha256`, `mask_origin` (as text) and `touch_up_save_id` of a query that `with_current_mask` made."""
    origin = case(
        (refinement_counts(), MaskOrigin.refinement.value),
        (TouchUpSave.id.is_not(None), MaskOrigin.touch_up.value),
        else_=MaskOrigin.contributor.value,
    )
    save = case((refinement_counts(), None), else_=TouchUpSave.id)
    return current_mask().label("mask_sha256"), origin.label("mask_origin"), save.label("touch_up_save_id")


def refinement_counts() -> ColumnElement[bool]:
    """Whether it is a refinement's: accepted, and after the newest save. In a query that `with_current_mask` made."""
    accepted = RefinementDecision.id.is_not(None)
    return and_(accepted, or_(TouchUpSave.id.is_(None), RefinementDecision.at > TouchUpSave.at))


def with_current_mask(examples: Select[*Columns]) -> Select[*Columns]:
    """A query for examples, joined with what tells each one's current mask."""
    return (
        examples.outerjoin(TouchUpSave, TouchUpSave.id == newest_save())
        .outerjoin(RefinementDecision, RefinementDecision.id == newest_acceptance())
        .outerjoin(Refinement, Refinement.id == RefinementDecision.refinement_id)
    )


def newest_save() -> ScalarSelect[int]:
    """The number of the newest save that counts of an example's touch-ups, in a query for examples; NULL if there is none."""
    # Looked up for each example: SQLite would read a list of all the newest saves from start to end for each.
    save = aliased(TouchUpSave)
    newest = select(func.max(save.id)).join(TouchUp, TouchUp.id == save.touch_up_id)
    newest = newest.where(or_(TouchUp.seconds_shown.is_not(None), save.finished), not_discarded())
    return newest.where(TouchUp.example_id == Example.id).correlate(Example).scalar_subquery()


def not_discarded(touch_up: type[TouchUp] = TouchUp) -> ColumnElement[bool]:
    """The SQL condition that nobody has discarded a touch-up."""
    return ~exists().where(TouchUpDiscard.touch_up_id == touch_up.id)


def newest_acceptance() -> ScalarSelect[int]:
    """The number of the newest decision that accepted a refinement of an example, among those that are accepted now, in a query
    for examples; NULL if there is none."""
    decision, refinement = aliased(RefinementDecision), aliased(Refinement)
    newest = select(func.max(decision.id)).join(refinement, refinement.id == decision.refinement_id)
    theirs = newest.where(refinement.example_id == Example.id, refinement.accepted.is_(True))
    return theirs.correlate(Example).scalar_subquery()
