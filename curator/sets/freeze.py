"""Freeze curated sets from the newest verdicts: numbered, hashed, never changed."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Engine, LargeBinary, Select, String, cast, func, insert, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from curator.review.current_mask import current_mask, with_current_mask
from curator.review.standing import approved
from db.errors import WinnowError
from db.session import Lock, reading, wait_for, writing
from db.tables import CuratedSet, Example, SetMember, Split

ROWS_AT_ONCE = 2000


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
    return _hash_of(sorted(map(_line, members)))


@dataclass(frozen=True)
class Content:
    """The members of a set that is to be frozen, in a temporary file: there may be too many for the memory."""

    hash: str
    splits: dict[str, int]
    file: IO[str]

    def members(self) -> Iterator[list[dict[str, Any]]]:
        """The members as values of `SetMember` rows, some thousands at a time."""
        return _read(self.file)


def freeze(engine: Engine, note: str, now: datetime) -> Frozen:
    """Freeze the approved examples as the next curated set, each with the mask that counts now.

    Freezing the same content again returns the set that has it already. Raises WinnowError if nothing is approved.
    """
    tries = 3
    while True:
        with ExitStack() as stack:
            with reading(engine) as session:
                content = stack.enter_context(approved_content(session))
            try:
                with writing(engine) as session:
                    return add_set(session, content, note, now)
            except IntegrityError:  # one of its examples was erased meanwhile
                tries -= 1
                if not tries:
                    raise


@contextmanager
def approved_content(session: Session) -> Iterator[Content]:
    """What is approved now, as the content of a set, read in one statement. Raises WinnowError if nothing is approved."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        splits = dict.fromkeys((split.value for split in Split), 0)
        for rows in session.execute(_members()).partitions(ROWS_AT_ONCE):
            members = [row._asdict() for row in rows]
            for member in members:
                splits[member["split"]] += 1
            file.write(json.dumps(members) + "\n")
        if not any(splits.values()):
            raise WinnowError("Nothing is approved yet. Keep some examples on the Review page first.")
        lines = (
            _line((one["image_sha256"], one["mask_sha256"], one["split"], one["skin_sha256"]))
            for members in _read(file)
            for one in members
        )
        yield Content(_hash_of(lines), splits, file)


def add_set(session: Session, content: Content, note: str, now: datetime) -> Frozen:
    """Add a curated set with this content under the next number, unless there is one; returns the set that has it."""
    wait_for(session, Lock.freezing)
    number = session.scalar(select(CuratedSet.id).where(CuratedSet.hash == content.hash))
    new = number is None
    if number is None:
        number = (session.scalar(select(func.max(CuratedSet.id))) or 0) + 1
        session.add(CuratedSet(id=number, hash=content.hash, note=note, frozen_at=now))
        session.flush()
        for members in content.members():
            session.execute(insert(SetMember), [{"set_id": number, **member} for member in members])
    return Frozen(number, sum(content.splits.values()), content.splits, content.hash, new)


def _members() -> Select[Any]:
    """The query for the members of the next set, with their positions by number, in the order in which a set is hashed."""
    mask = current_mask()
    split = cast(Example.split, String)
    line = Example.image_sha256 + " " + mask + " " + split + func.coalesce(literal(" ") + Example.skin_sha256, "")
    return (
        with_current_mask(approved())
        .with_only_columns(
            (func.row_number().over(order_by=Example.id) - 1).label("position"),
            Example.id.label("example_id"),
            Example.image_sha256,
            mask.label("mask_sha256"),
            Example.skin_sha256,
            split.label("split"),
        )
        .order_by(None)
        .order_by(cast(line, LargeBinary))  # by its bytes, whatever the database's language
        .execution_options(yield_per=ROWS_AT_ONCE)
    )


def _read(file: IO[str]) -> Iterator[list[dict[str, Any]]]:
    file.seek(0)
    yield from map(json.loads, file)


def _line(member: tuple[str | None, ...]) -> str:
    return " ".join(filter(None, member))


def _hash_of(lines: Iterable[str]) -> str:
    """The sha256 of lines in their order."""
    digest = hashlib.sha256()
    separator = b""
    for line in lines:
        digest.update(separator + line.encode())
        separator = b"\n"
    return digest.hexdigest()
