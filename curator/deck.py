"""Who sees what next: the most doubtful open examples, each leased to one reviewer at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

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

    Leaves out what another reviewer holds and the examples in `held`, which the page has already: their leases are
    renewed, and taken again for one that an undo opened. An example whose lease ran out can be dealt again.
    """
    others = select(Lease.example_id).where(Lease.until > now, Lease.reviewer_id != reviewer_id)
    wanted = (
        _open()
        .where(Example.id.not_in(others), Example.id.not_in(list(held)))
        .options(joinedload(Example.suspicion), joinedload(Example.submission))
        .limit(count)
    )
    dealt = list(session.scalars(wanted))
    kept = session.scalars(_open().where(Example.id.in_(list(held)), Example.id.not_in(others)).with_only_columns(Example.id))
    claims = [example.id for example in dealt] + list(kept)
    leases = {lease.example_id: lease for lease in session.scalars(select(Lease).where(Lease.example_id.in_(claims)))}
    for example in claims:
        lease = leases.get(example)
        if lease is None:
            session.add(Lease(example_id=example, reviewer_id=reviewer_id, until=now + LEASE))
        else:
            lease.reviewer_id, lease.until = reviewer_id, now + LEASE
    return [card(example) for example in dealt]


def _open() -> Select[Example]:
    stands = standing()
    return (
        select(Example)
        .outerjoin(stands, stands.c.example_id == Example.id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .where(stands.c.example_id.is_(None))
        .order_by(Suspicion.value.desc().nulls_last(), Example.id)
    )


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


def queue(session: Session, count: int | None) -> list[dict[str, Any]]:
    """The open examples, most doubtful first, all or `count` of them, with suspicion, reasons and signals; leases nothing."""
    wanted = _open().options(joinedload(Example.suspicion), joinedload(Example.submission), selectinload(Example.signals))
    return [
        {
            "example": example.id,
            "photo": example.submission.photo_name,
            "suspicion": 0.0 if example.suspicion is None else round(example.suspicion.value, 4),
            "reasons": [] if example.suspicion is None else example.suspicion.reasons,
            "signals": {signal.name: round(signal.value, 4) for signal in example.signals},
        }
        for example in session.scalars(wanted.limit(count))
    ]
