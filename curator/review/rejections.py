"""Why examples were rejected, by source or by contributor: the reason of the newest rejection that counts, one an example."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from curator.review.opinions import not_replaced, verdict_counts
from db.tables import Contributor, Decision, Example, Reason, Source, Standing, State, Submission, Verdict

By = Literal["source", "contributor"]
REJECTED = (State.reject, State.disputed)  # as `Counts.reject` has them
UNDECIDED = (State.open, State.waiting)


@dataclass(frozen=True)
class Rejected:
    """The rejected examples of a source or a contributor: how many for each reason, and how many of theirs were judged."""

    number: int | None  # of the source or the contributor; None for examples without a contributor
    name: str | None  # a source's location, or a contributor's name
    reasons: dict[Reason, int]
    judged: int

    @property
    def total(self) -> int:
        """All rejected examples."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class Rejections:
    """Those with the most rejected examples, the most first; how many others have any, and the reasons of theirs together."""

    most: list[Rejected]
    others: int
    rest: dict[Reason, int]


def rejections(session: Session, by: By, count: int) -> Rejections:
    """The `count` sources or contributors with the most rejected examples, and all others together.

    Every rejected example is counted once: the totals add up to `Counts.reject`.
    """
    key: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
    key, table = (Submission.source_id, Source) if by == "source" else (Submission.contributor_id, Contributor)
    per_key = _rejected(key).with_only_columns(key, func.count()).group_by(key)
    first = session.execute(per_key.order_by(func.count().desc(), key).limit(count)).all()
    per_reason = _rejected(key).with_only_columns(Verdict.reason, func.count()).group_by(Verdict.reason)
    totals = dict(session.execute(per_reason).all())
    groups = session.scalar(select(func.count()).select_from(per_key.subquery())) or 0
    keys = [number for number, _ in first]
    reasons: dict[int | None, Counter[Reason]] = {number: Counter() for number in keys}
    among = key.in_([number for number in keys if number is not None])
    chosen = among | key.is_(None) if None in keys else among
    wanted = _rejected(key).where(chosen).with_only_columns(key, Verdict.reason, func.count()).group_by(key, Verdict.reason)
    for number, reason, examples in session.execute(wanted):
        assert reason is not None  # a rule of the schema
        reasons[number][reason] = examples
    judged: dict[int | None, int] = dict(session.execute(_judged(key).where(chosen).group_by(key)).all())
    name = Source.location if by == "source" else Contributor.name
    names: dict[int | None, str] = dict(
        session.execute(select(table.id, name).where(table.id.in_([one for one in keys if one is not None]))).all()
    )
    most = [Rejected(one, names.get(one), dict(reasons[one]), judged.get(one, 0)) for one in keys]
    shown = sum((Counter(one.reasons) for one in most), Counter[Reason]())
    rest = {reason: total - shown[reason] for reason, total in totals.items() if reason is not None and total > shown[reason]}
    return Rejections(most, groups - len(most), rest)


def _rejected(key: Any) -> Select[Any]:
    """The newest rejection that counts of each rejected example, with its submission."""
    newest = (
        select(func.max(Verdict.id))
        .join(Standing, Standing.example_id == Verdict.example_id)
        .where(Standing.state.in_(REJECTED), Verdict.decision == Decision.reject, verdict_counts(), not_replaced())
        .group_by(Verdict.example_id)
    )
    found = select(key).select_from(Verdict).join(Example, Example.id == Verdict.example_id)
    return found.join(Submission, Submission.id == Example.submission_id).where(Verdict.id.in_(newest))


def _judged(key: Any) -> Select[Any]:
    """How many examples have been judged, of each source or contributor."""
    found = select(key, func.count()).select_from(Standing).join(Example, Example.id == Standing.example_id)
    return found.join(Submission, Submission.id == Example.submission_id).where(Standing.state.not_in(UNDECIDED))
