"""Known answers: examples that a lead has settled for good, mixed into every deck to see how often each reviewer hits them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from curator.review.agreement import wilson
from curator.review.leases import POSITION, QueuePosition
from curator.review.opinions import not_undone
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.errors import NotThereError, WinnowError
from db.tables import Decision, Example, Gold, Reason, Reviewer, Standing, Submission, Verdict

TRIES_A_POINT = 10  # of a hit rate over time: with fewer it would jump by chance alone


@dataclass(frozen=True)
class GoldTry:
    """One reviewer's verdict on a known answer that was mixed into their deck."""

    reviewer: str
    example: int
    at: datetime
    hit: bool


@dataclass(frozen=True)
class GoldAnswer:
    """An example whose answer is known, and how it went since."""

    example: int
    photo: str
    image: str  # the crop's hash
    mask: str  # its mask's hash, as it came in
    answer: Decision
    by: str
    at: datetime
    asked: int  # reviewers who judged it since
    hit: int  # those of them who gave the answer


@dataclass(frozen=True)
class HitRate:
    """How often a reviewer gave the known answer, with the 95 % interval of that share."""

    hits: int
    tries: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Hits among tries, 0 to 1."""
        return self.hits / self.tries


@dataclass(frozen=True)
class HitRatePoint:
    """A reviewer's share of hits, 0 to 1, over some tries in a row, and when the last of them was."""

    reviewer: str
    at: datetime
    share: float


def set_answer(
    session: Session, reviewer_id: int, example: int, answer: Decision | None, reason: Reason | None, now: datetime
) -> None:
    """Make an example's answer known (it is settled by that), or with None withdraw it.

    Raises NotThereError for an example that is not there, and WinnowError for an undo, or for withdrawing what isn't known.
    """
    if session.get(Example, example) is None:
        raise NotThereError(f"Example {example} is not there (any more): it may have been erased.")
    if answer is Decision.undo:
        raise WinnowError("A known answer is keep or reject.")
    if answer is None and session.scalar(_current().where(Gold.example_id == example)) is None:
        raise WinnowError(f"Example {example} has no known answer.")
    if answer is not None:
        record(session, reviewer_id, [NewVerdict(example, answer, reason, new_client_id(), settles=True)], now)
    session.add(Gold(example_id=example, reviewer_id=reviewer_id, answer=answer, at=now))


def withdraw(session: Session, reviewer_id: int, examples: Collection[int], now: datetime) -> None:
    """Withdraw the known answers that there are among these examples."""
    for one in session.scalars(_current().where(Gold.example_id.in_(examples))).all():
        session.add(Gold(example_id=one.example_id, reviewer_id=reviewer_id, answer=None, at=now))


def _current() -> Select[Gold]:
    """The newest row of each example, where it has an answer."""
    latest = select(func.max(Gold.id)).group_by(Gold.example_id)
    return select(Gold).where(Gold.id.in_(latest), Gold.answer.is_not(None))


def unseen_gold(session: Session, reviewer_id: int, free: ColumnElement[bool]) -> list[QueuePosition]:
    """The places of the known answers that a reviewer has never judged and didn't give, where `free` holds."""
    known = _current().where(Gold.reviewer_id != reviewer_id).subquery()
    judged = exists().where(Verdict.example_id == Standing.example_id, Verdict.reviewer_id == reviewer_id)
    places = select(*POSITION).join(known, known.c.example_id == Standing.example_id).where(free, ~judged)
    return [QueuePosition(*row) for row in session.execute(places.order_by(Standing.example_id))]


def tries(session: Session) -> list[GoldTry]:
    """Every reviewer's standing verdict on each known answer that was given after it was known; the oldest first."""
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


def known(session: Session, tried: Iterable[GoldTry]) -> list[GoldAnswer]:
    """Every known answer with how it went in the tries; the most often missed first (it may be wrong), then the newest."""
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
    """The hit rate of every reviewer who met a known answer."""
    asked: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    for one in tried:
        asked[one.reviewer] += 1
        hit[one.reviewer] += one.hit
    return {name: HitRate(hit[name], number, *wilson(hit[name], number)) for name, number in asked.items()}


def hits_over_time(tried: Iterable[GoldTry], every: int = TRIES_A_POINT) -> list[HitRatePoint]:
    """The share of hits in every `every` tries in a row of a reviewer, the tries in the order they were made.

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
