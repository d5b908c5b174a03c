"""Freeze curated sets from the newest verdicts: numbered, hashed, never changed."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.standing import approved
from db.errors import WinnowError
from db.tables import CuratedSet, SetMember, Split


@dataclass(frozen=True)
class Frozen:
    """A curated set in numbers; `new` is false if the same content was frozen before, under that number."""

    set: int
    examples: int
    splits: dict[str, int]
    hash: str
    new: bool


def set_hash(members: Iterable[tuple[str | None, ...]]) -> str:
    """The sha256 of a set's content, in hexadecimal. The order of the members makes no difference.

    A member is (image sha256, mask sha256, split, skin sha256 or None).
    """
    lines = sorted(" ".join(filter(None, member)) for member in members)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def freeze(session: Session, note: str, now: datetime) -> Frozen:
    """Freeze the approved examples as the next curated set, with the touched-up masks in the test split.

    Freezing the same content again returns the set that has it already. Raises WinnowError if nothing is approved.
    """
    examples = list(session.scalars(approved()))
    if not examples:
        raise WinnowError("Nothing is approved yet. Keep some examples on the Review page first.")
    test_examples = [example.id for example in examples if example.split is Split.test]
    touched_up = current_masks(session, test_examples)
    members = [
        SetMember(
            position=position,
            example_id=example.id,
            image_sha256=example.image_sha256,
            mask_sha256=touched_up.get(example.id, example.mask_sha256),
            skin_sha256=example.skin_sha256,
            split=example.split,
        )
        for position, example in enumerate(examples)
    ]
    content = set_hash((one.image_sha256, one.mask_sha256, one.split.value, one.skin_sha256) for one in members)
    found = session.scalars(select(CuratedSet).where(CuratedSet.hash == content)).one_or_none()
    new = found is None
    if found is None:
        number = (session.scalar(select(func.max(CuratedSet.id))) or 0) + 1
        found = CuratedSet(id=number, hash=content, note=note, frozen_at=now, members=members)
        session.add(found)
        session.flush()
    counted = Counter(member.split.value for member in members)
    splits = {split.value: counted[split.value] for split in Split}
    return Frozen(set=found.id, examples=len(members), splits=splits, hash=content, new=new)
