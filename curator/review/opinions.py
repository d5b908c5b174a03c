"""Opinions: the newest verdict of each reviewer on an example, as queries.

A verdict *counts* unless an undo took it back, or its example was sent back to review after it (review/reopening.py), and that
was not taken back.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.session import in_batches
from db.tables import Decision, Reopening, Verdict

_UNDO, _LATER = aliased(Verdict), aliased(Verdict)
_REOPENING_UNDONE = aliased(Reopening)


@dataclass(frozen=True)
class Opinion:
    """The newest verdict of one reviewer on one example that counts. An undo is not an opinion."""

    verdict: int
    reviewer: int
    decision: Decision
    settles: bool = False


def opinions_on(session: Session, examples: Collection[int] | None = None) -> dict[int, list[Opinion]]:
    """The opinions on each of these examples, or on all: the newest verdict of each reviewer that counts."""
    found: dict[int, list[Opinion]] = defaultdict(list)
    for batch in [None] if examples is None else in_batches(examples):
        given = newest_verdicts(batch)
        columns = (given.c.example_id, given.c.id, given.c.reviewer_id, given.c.decision, given.c.settles)
        for example, verdict, reviewer, decision, settles in session.execute(select(*columns).order_by(given.c.id)):
            found[example].append(Opinion(verdict, reviewer, decision, settles))
    return found


def newest_verdicts(examples: Collection[int] | None = None, *, include_reopened: bool = False) -> Subquery:
    """The newest verdict that counts of each reviewer on each example (only on these, when given), with all columns.

    The examples given must fit into the parameters of one statement (`db.session.in_batches`).
    With `include_reopened`, also verdicts that no longer count because their example was sent back to review.
    """
    rule = not_undone() if include_reopened else verdict_counts()
    latest = select(func.max(Verdict.id)).where(rule).group_by(Verdict.example_id, Verdict.reviewer_id)
    if examples is not None:
        latest = latest.where(Verdict.example_id.in_(examples))
    return select(Verdict).where(Verdict.id.in_(latest)).subquery()


def repairers(session: Session, examples: Collection[int] | None = None) -> dict[int, int]:
    """Who repaired the mask, for those of the examples, or of all, that were last sent back to review because of a repair."""
    found: dict[int, int] = {}
    for batch in [None] if examples is None else in_batches(examples):
        newest = select(func.max(Reopening.id)).where(reopening_counts()).group_by(Reopening.example_id)
        if batch is not None:
            newest = newest.where(Reopening.example_id.in_(batch))
        wanted = select(Reopening.example_id, Reopening.reviewer_id)
        repaired = wanted.where(Reopening.id.in_(newest), Reopening.touch_up_id.is_not(None))
        found |= dict(session.execute(repaired).all())
    return found


def not_undone(verdict: type[Verdict] = Verdict) -> ColumnElement[bool]:
    """The SQL condition that a verdict is not an undo, and that no undo has taken it back."""
    return and_(verdict.decision != Decision.undo, ~exists().where(_UNDO.undoes == verdict.id))


def not_replaced() -> ColumnElement[bool]:
    """The SQL condition that a verdict is its reviewer's newest on the example, but for what was undone."""
    same = (_LATER.example_id == Verdict.example_id, _LATER.reviewer_id == Verdict.reviewer_id, _LATER.id > Verdict.id)
    return ~exists().where(*same, not_undone(_LATER))


def verdict_counts(verdict: type[Verdict] = Verdict) -> ColumnElement[bool]:
    """The SQL condition that a verdict counts: it was not undone, and its example was not sent back to review after it."""
    since = (Reopening.example_id == verdict.example_id, Reopening.after_verdict >= verdict.id, reopening_counts())
    return and_(not_undone(verdict), ~exists().where(*since))


def reopening_counts() -> ColumnElement[bool]:
    """The SQL condition that a reopening counts: it takes back no other, and none took it back."""
    return and_(Reopening.undoes.is_(None), ~exists().where(_REOPENING_UNDONE.undoes == Reopening.id))


def newest_verdict_id(session: Session) -> int:
    """The number of the newest verdict; 0 if there is none."""
    return session.scalar(select(func.max(Verdict.id))) or 0
