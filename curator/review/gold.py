"""Control examples (table `gold`): settled by a lead and mixed into every deck, to measure how often each reviewer is right."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from curator.review.agreement import wilson
from curator.review.leases import QUEUE_COLUMNS, QueuePosition
from curator.review.opinions import not_undone
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.errors import NotThereError, WinnowError
from db.tables import Decision, Example, Gold, Reason, Reviewer, Standing, Submission, Verdict

TRIES_PER_POINT = 10  # of the hit rate over time; with fewer, chance alone would make it jump


@dataclass(frozen=True)
class GoldTry:
    """One reviewer's verdict on a control example; `hit` means that it was the right one."""

    reviewer: str
    example: int
    at: datetime
    hit: bool


@dataclass(frozen=True)
class GoldAnswer:
    """A control example, its right answer, and how often reviewers gave it."""

    example: int
    photo: str
    image: str  # the crop's hash
    mask: str  # the hash of the contributor's mask
    answer: Decision
    by: str
    at: datetime
    asked: int  # reviewers who have judged it since then
    hit: int  # those of them who gave the answer


@dataclass(frozen=True)
class HitRate:
    """How often a reviewer judged control examples right, with the 95 % interval (Wilson) of that share, 0 to 1."""

    hits: int
    tries: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Hits divided by tries, 0 to 1."""
        return self.hits / self.tries


@dataclass(frozen=True)
class HitRatePoint:
    """A reviewer's share of hits, 0 to 1, in a number of consecutive tries, and the time of the last of them."""

    reviewer: str
    at: datetime
    share: float


def set_answer(
    session: Session, reviewer_id: int, example: int, answer: Decision | None, reason: Reason | None, now: datetime
) -> None:
    """Make an example a control example with this answer, which also settles it; None withdraws it.

    Raises NotThereError for an example that does not exist, and WinnowError for an undo, or for withdrawing an example that is
    not a control example.
    """
    if session.get(Example, example) is None:
        raise NotThereError(f"Example {example} does not exist. It may have been erased.")
    if answer is Decision.undo:
        raise WinnowError("The answer of a control example must be keep, fix or reject.")
    if answer is None and session.scalar(_current().where(Gold.example_id == example)) is None:
        raise WinnowError(f"Example {example} is not a control example.")
    if answer is not None:
        record(session, reviewer_id, [NewVerdict(example, answer, reason, new_client_id(), settles=True)], now)
    session.add(Gold(example_id=example, reviewer_id=reviewer_id, answer=answer, at=now))


def withdraw_answers(session: Session, reviewer_id: int, examples: Collection[int], now: datetime) -> None:
    """Withdraw the control examples among these examples."""
    for one in session.scalars(_current().where(Gold.example_id.in_(examples))).all():
        session.add(Gold(example_id=one.example_id, reviewer_id=reviewer_id, answer=None, at=now))


def _current() -> Select[Gold]:
    """The query for the newest row of each control example that was not withdrawn."""
    latest = select(func.max(Gold.id)).group_by(Gold.example_id)
    return select(Gold).where(Gold.id.in_(latest), Gold.answer.is_not(None))


def unseen_gold(session: Session, reviewer_id: int, free: ColumnElement[bool]) -> list[QueuePosition]:
    """The control examples that a reviewer has neither set nor ever judged, and for which the condition `free` holds."""
    known = _current().where(Gold.reviewer_id != reviewer_id).subquery()
    judged = exists().where(Verdict.example_id == Standing.example_id, Verdict.reviewer_id == reviewer_id)
    wanted = select(*QUEUE_COLUMNS).join(known, known.c.example_id == Standing.example_id).where(free, ~judged)
    return [QueuePosition(*row) for row in session.execute(wanted.order_by(Standing.example_id))]


def gold_tries(session: Session) -> list[GoldTry]:
    """Each reviewer's newest verdict (not undone) on each control example, if given after the answer was set; oldest first."""
    known = _current().subquery()
    latest = (
        select(func.max(Verdict.id))
        .where(Verdict.example_id.in_(select(known.c.example_id)), not_undone())
        .group_by(Verdict.example_id, Verdict.reviewer_id)
    )
    rows = session.execute(
        select(Reviewer.name, Verdict.example_id, Verdict.at, Verdict.decision == known.c.answer)
        .join(Verdict, Verdict.reviewer_id == Reviewer.id)
        .join(known, known.c.example_id == Verdict.example_id)
        .where(Verdict.id.in_(latest))
        .where(Verdict.at > known.c.at, Verdict.reviewer_id != known.c.reviewer_id)
        .order_by(Verdict.id)
    )
    return [GoldTry(name, example, at, bool(hit)) for name, example, at, hit in rows]


def gold_answers(session: Session, tried: Iterable[GoldTry]) -> list[GoldAnswer]:
    """All control examples with their hits; the most often missed first (the answer may be wrong), then the newest."""
    asked: Counter[int] = Counter()
    hit: Counter[int] = Counter()
    for one in tried:
        asked[one.example] += 1
        hit[one.example] += one.hit
    answers = _current().subquery()
    rows = session.execute(
        select(Example, Submission.photo_name, answers.c.answer, Reviewer.name, answers.c.at)
        .join(answers, answers.c.example_id == Example.id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Reviewer, Reviewer.id == answers.c.reviewer_id)
        .order_by(answers.c.id.desc())
    )
    found = [
        GoldAnswer(one.id, photo, one.image_sha256, one.mask_sha256, answer, by, at, asked[one.id], hit[one.id])
        for one, photo, answer, by, at in rows
    ]
    return sorted(found, key=lambda one: one.hit - one.asked)


def hit_rates(tried: Iterable[GoldTry]) -> dict[str, HitRate]:
    """The hit rate of each reviewer who has judged a control example."""
    asked: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    for one in tried:
        asked[one.reviewer] += 1
        hit[one.reviewer] += one.hit
    return {name: HitRate(hit[name], number, *wilson(hit[name], number)) for name, number in asked.items()}


def hits_over_time(tried: Iterable[GoldTry], every: int = TRIES_PER_POINT) -> list[HitRatePoint]:
    """Each reviewer's share of hits, 0 to 1, in every `every` consecutive tries, in the order of the tries.

    Tries that don't fill a point yet are left out.
    """
    theirs: dict[str, list[GoldTry]] = defaultdict(list)
    for one in tried:
        theirs[one.reviewer].append(one)
    return [
        HitRatePoint(name, made[end - 1].at, sum(one.hit for one in made[end - every : end]) / every)
        for name, made in theirs.items()
        for end in range(every, len(made) + 1, every)
    ]
