"""Who sees what next: the most doubtful open examples, each leased to one reviewer at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from curator.verdicts import standing
from db.tables import Example, Lease, Submission, Suspicion

LEASE = timedelta(minutes=10)


@dataclass(frozen=True)
class Card:
    """One example as the deck shows it; `image` and `mask` are hashes of 512 x 512 pictures."""

    example: int
    image: str
    mask: str
    photo: str
    split: str
    suspicion: float
    reasons: list[str]
    drawn: bool


def deal(session: Session, reviewer_id: int, count: int, now: datetime, held: Collection[int] = ()) -> list[Card]:
    """Up to `count` open examples for a reviewer, most doubtful first, leased to them for ten minutes.

    Leaves out what another reviewer holds and the examples in `held`, which the page has already (their leases are
    renewed). An example that ran out of its lease can be dealt again.
    """
    stands = standing()
    others = select(Lease.example_id).where(Lease.until > now, Lease.reviewer_id != reviewer_id)
    wanted = (
        select(Example)
        .outerjoin(stands, stands.c.example_id == Example.id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .where(stands.c.example_id.is_(None), Example.id.not_in(others), Example.id.not_in(list(held)))
        .order_by(Suspicion.value.desc(), Example.id)
        .options(joinedload(Example.suspicion), joinedload(Example.submission))
        .limit(count)
    )
    dealt = list(session.scalars(wanted))
    renewed = [example.id for example in dealt] + list(held)
    leases = {lease.example_id: lease for lease in session.scalars(select(Lease).where(Lease.example_id.in_(renewed)))}
    for example in renewed:
        lease = leases.get(example)
        if lease is None:
            if example in held:
                continue  # decided, erased, or another's by now
            session.add(Lease(example_id=example, reviewer_id=reviewer_id, until=now + LEASE))
        elif lease.reviewer_id == reviewer_id or lease.until <= now:
            lease.reviewer_id, lease.until = reviewer_id, now + LEASE
    return [card(example) for example in dealt]


def card(example: Example) -> Card:
    """An example as the deck shows it."""
    submission: Submission = example.submission
    return Card(
        example=example.id,
        image=example.image_sha256,
        mask=example.mask_sha256,
        photo=submission.photo_name,
        split=example.split.value,
        suspicion=0.0 if example.suspicion is None else example.suspicion.value,
        reasons=[] if example.suspicion is None else example.suspicion.reasons,
        drawn=submission.drawn,
    )
