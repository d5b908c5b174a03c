"""Who gives verdicts."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from curator.verdicts import newest
from db.errors import WinnowError
from db.session import insert_or
from db.tables import Decision, Reviewer, TouchUp


def reviewer_called(session: Session, name: str) -> Reviewer:
    """The reviewer of that name, made when new. Raises WinnowError for a name that is empty or over 80 characters."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise WinnowError("A reviewer's name has 1 to 80 printable characters.")
    wanted = select(Reviewer).where(Reviewer.name == name)
    found = session.scalars(wanted).one_or_none()
    if found is None:  # two first requests of one reviewer may both come here
        session.execute(insert_or(session, Reviewer).values(name=name).on_conflict_do_nothing())
        found = session.scalars(wanted).one()
    return found


def is_lead(name: str, leads: Collection[str]) -> bool:
    """Whether a reviewer may settle what others see differently, set known answers and change the guide.

    Where the settings name no leads, everybody is one.
    """
    return not leads or name in leads


def names(session: Session) -> list[str]:
    """The names of all reviewers, in the order of the alphabet."""
    return list(session.scalars(select(Reviewer.name).order_by(Reviewer.name)))


def decided(session: Session) -> list[dict[str, Any]]:
    """What each reviewer has decided: a row of name, standing verdicts, share kept (0 to 1) and touch-ups."""
    given = newest()
    keeps = func.sum(case((given.c.decision == Decision.keep, 1), else_=0))
    rows = session.execute(
        select(Reviewer, func.count(), keeps)
        .join(given, given.c.reviewer_id == Reviewer.id)
        .where(given.c.decision != Decision.undo)
        .group_by(Reviewer.id)
        .order_by(func.count().desc())
    ).all()
    touched = session.execute(select(TouchUp.reviewer_id, func.count()).group_by(TouchUp.reviewer_id)).all()
    repairs: dict[int, int] = {reviewer: number for reviewer, number in touched}  # noqa: C416 - rows aren't pairs to mypy
    return [
        {"reviewer": one.name, "verdicts": number, "kept": kept / number, "touch-ups": repairs.get(one.id, 0)}
        for one, number, kept in rows
    ]
