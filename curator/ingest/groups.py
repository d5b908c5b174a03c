"""Examples of the same picture: a group. It is in one split, and one of it is open at a time (curator/review/standing.py)."""

from collections.abc import Sequence

from sqlalchemy import Select, Update, select, update
from sqlalchemy.orm import Session

from curator.ingest.likeness import Twin
from curator.review.standing import GroupMember, group_states, lock_standings, update_standings
from db.tables import Example, Standing, State

COUNTING = (State.open, State.keep, State.disputed)


def join(session: Session, example: Example, twins: Sequence[Twin]) -> None:
    """Let a new example, flushed already and open, be of the group of the pictures that it shows, and stand in it."""
    if not twins:
        return
    head, *others = sorted({twin.head for twin in twins})
    session.execute(_group([head, *others, example.id], head))
    if others:  # it is like two pictures that were not alike: from now on they are one
        more = select(Example.id).where(Example.group_id.in_(others))
        session.execute(_group(more, head))
        update_standings(session, lock_standings(session, [example.id]))
        return
    # Beside one that is open, kept or disputed the rejected and the waiting make no difference; so a thousand cost nothing.
    wanted = select(Standing).join(Example, Example.id == Standing.example_id).where(Example.group_id == head)
    beside = session.scalars(wanted.where(Standing.state.in_(COUNTING)).order_by(Standing.example_id).with_for_update()).all()
    states = group_states([GroupMember(place.example_id, place.doubt, place.state) for place in beside])
    for place in beside:
        place.state = states[place.example_id]


def without(session: Session, examples: Select[int]) -> None:
    """Take the selected examples out of their groups, as before they are erased; the others go on, and stand anew."""
    groups = select(Example.group_id).where(Example.id.in_(examples), Example.group_id.is_not(None))
    left = select(Example.id, Example.group_id).where(Example.group_id.in_(groups), Example.id.not_in(examples))
    remaining: dict[int | None, list[int]] = {}
    for example, group in session.execute(left.order_by(Example.id)):
        remaining.setdefault(group, []).append(example)
    session.execute(_group(examples, None))
    for others in remaining.values():
        session.execute(_group(others, others[0] if len(others) > 1 else None))
        update_standings(session, lock_standings(session, others))


def _group(examples: Sequence[int] | Select[int], group: int | None) -> Update:
    wanted = update(Example).where(Example.id.in_(examples)).values(group_id=group)
    return wanted.execution_options(synchronize_session="fetch")
