"""Groups: examples of the same picture. A group is in one split, and one of its examples is open at a time.

curator/review/standing.py decides which one.
"""

from collections.abc import Sequence

from sqlalchemy import Select, Update, select, update
from sqlalchemy.orm import Session

from curator.ingest.likeness import Duplicate
from curator.review.standing import HOLDING_STATES, GroupMember, group_states, lock_standings, update_standings
from db.session import in_batches
from db.tables import Example, Refusal, Standing, State

DECIDING_STATES = (State.open, *HOLDING_STATES)  # they decide whether another of the group may be open


def join_group(session: Session, example: Example, duplicates: Sequence[Duplicate]) -> None:
    """Add a new example to the group of its duplicates, and give it its state there. The example is flushed and open."""
    if not duplicates:
        return
    head, *others = sorted({duplicate.head for duplicate in duplicates})
    session.execute(_set_group([head, *others, example.id], head))
    if others:  # it matches two pictures that do not match each other: their groups become one
        more = select(Example.id).where(Example.group_id.in_(others))
        session.execute(_set_group(more, head))
        update_standings(session, lock_standings(session, [example.id]))
        return
    # Rejected and waiting examples never change the others' states, so they are not read: a thousand copies cost nothing.
    wanted = select(Standing).join(Example, Example.id == Standing.example_id).where(Example.group_id == head)
    deciding = wanted.where(Standing.state.in_(DECIDING_STATES)).order_by(Standing.example_id).with_for_update()
    beside = session.scalars(deciding).all()
    states = group_states([GroupMember(place.example_id, place.doubt, place.state) for place in beside])
    for place in beside:
        place.state = states[place.example_id]


def leave_groups(session: Session, examples: Select[int]) -> None:
    """Take examples out of their groups, as before they are deleted; the rest of each group gets new states.

    Pairs that were refused because no split was right for them are examined again when they next come: it may be right then.
    """
    session.execute(update(Refusal).where(Refusal.digest.is_not(None)).values(digest=None))
    groups = select(Example.group_id).where(Example.id.in_(examples), Example.group_id.is_not(None))
    left = select(Example.id, Example.group_id).where(Example.group_id.in_(groups), Example.id.not_in(examples))
    remaining: dict[int | None, list[int]] = {}
    for example, group in session.execute(left.order_by(Example.id)):
        remaining.setdefault(group, []).append(example)
    session.execute(_set_group(examples, None))
    for others in remaining.values():
        for batch in in_batches(others):
            session.execute(_set_group(batch, others[0] if len(others) > 1 else None))
        update_standings(session, lock_standings(session, others))


def _set_group(examples: Sequence[int] | Select[int], group: int | None) -> Update:
    wanted = update(Example).where(Example.id.in_(examples)).values(group_id=group)
    return wanted.execution_options(synchronize_session="fetch")
