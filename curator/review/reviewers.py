"""Reviewers: their names, who is a lead, and what each has decided."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from curator.review.opinions import newest_verdicts
from db.errors import WinnowError
from db.session import insert_or
from db.tables import Decision, Reviewer, TouchUp, Verdict


def reviewer_called(session: Session, name: str) -> Reviewer:
    """The reviewer with this name, created if new.

    Raises WinnowError for a name that is empty, longer than 80 characters or not printable.
    """
    found = known_reviewer(session, name)
    if found is not None:
        return found
    name = _tidy(name)
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise WinnowError("A reviewer's name has 1 to 80 printable characters.")
    # Two first requests of one reviewer may both get here.
    session.execute(insert_or(session, Reviewer).values(name=name).on_conflict_do_nothing())
    return session.scalars(_called(name)).one()


def known_reviewer(session: Session, name: str) -> Reviewer | None:
    """The reviewer with this name, or None if there is none. Nothing is written."""
    return session.scalars(_called(_tidy(name))).one_or_none()


def _called(name: str) -> Select[Reviewer]:
    return select(Reviewer).where(Reviewer.name == name)


def _tidy(name: str) -> str:
    return " ".join(name.split())


def is_lead(name: str, leads: Collection[str]) -> bool:
    """Whether a reviewer may settle disagreements, set control examples, send examples back and change the guide.

    If the settings name no leads, everybody is one.
    """
    return not leads or name in leads


def names(session: Session) -> list[str]:
    """The names of all reviewers, in alphabetical order."""
    return list(session.scalars(select(Reviewer.name).order_by(Reviewer.name)))


def decided(session: Session) -> list[dict[str, Any]]:
    """A row for each reviewer who gave a verdict or made a touch-up, most verdicts first.

    A row holds the name, the verdicts that were not undone, the shares of keeps and of fixes among them (0 to 1; None without
    any), the touch-ups, and the time of the last verdict or touch-up.
    """
    given = newest_verdicts(include_reopened=True)
    said = [func.sum(case((given.c.decision == decision, 1), else_=0)) for decision in (Decision.keep, Decision.fix)]
    standing = session.execute(select(given.c.reviewer_id, func.count(), *said).group_by(given.c.reviewer_id)).all()
    verdicts = {reviewer: numbers for reviewer, *numbers in standing}
    last = select(func.max(Verdict.id)).group_by(Verdict.reviewer_id)
    seen = dict(session.execute(select(Verdict.reviewer_id, Verdict.at).where(Verdict.id.in_(last))).all())
    touched = session.execute(
        select(TouchUp.reviewer_id, func.count(), func.max(TouchUp.started_at)).group_by(TouchUp.reviewer_id)
    ).all()
    repairs = {reviewer: number for reviewer, number, _ in touched}
    for reviewer, _, at in touched:
        seen[reviewer] = max(seen.get(reviewer, at), at)
    rows = []
    for one in session.scalars(select(Reviewer).order_by(Reviewer.id)):
        if one.id not in seen:
            continue
        number, kept, fixed = verdicts.get(one.id, (0, 0, 0))
        rows.append(
            {
                "reviewer": one.name,
                "verdicts": number,
                "kept": kept / number if number else None,
                "fix": fixed / number if number else None,
                "touch-ups": repairs.get(one.id, 0),
                "last seen": seen[one.id],
            }
        )
    return sorted(rows, key=lambda row: -row["verdicts"])
