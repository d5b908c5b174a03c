"""Freeze curated sets from the newest verdicts: numbered, hashed, never changed."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any

from sqlalchemy import Engine, LargeBinary, Select, String, case, cast, func, insert, literal, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from curator.consent import Consent, stands
from curator.review.current_mask import current_mask_columns, with_current_mask
from curator.review.standing import approved
from db.errors import WinnowError
from db.session import Lock, reading, wait_for, writing
from db.tables import CuratedSet, Event, Example, SetMember, Split, Submission

ROWS_AT_ONCE = 2000
UNKNOWN = "unknown:"  # before a hash of unknown pixels, which would else look like one of skin


@dataclass(frozen=True)
class Frozen:
    """A curated set in numbers; `new` is false if the same content was frozen before, under that number.

    `no_consent` counts its members without recorded consent. Approved examples that are not in it: `left_out_ended`, whose
    consent has ended, and `left_out_no_consent`, if only those with consent were wanted.
    """

    set: int
    examples: int
    splits: dict[str, int]
    hash: str
    new: bool
    no_consent: int = 0
    left_out_ended: int = 0
    left_out_no_consent: int = 0

    @property
    def consent_in_words(self) -> str:
        """Sentences about consent, for the person who froze it; empty if there is nothing to say."""
        return " ".join(
            sentence
            for number, sentence in (
                (self.no_consent, f"{self.no_consent:,} of them have no consent recorded."),
                (self.left_out_ended, f"Left out, because their consent has ended: {self.left_out_ended:,}."),
                (self.left_out_no_consent, f"Left out, because they have no consent recorded: {self.left_out_no_consent:,}."),
            )
            if number
        )


def set_hash(members: Iterable[tuple[str | None, ...]]) -> str:
    """The sha256 of a set's content, in hexadecimal. The order of the members makes no difference.

    A member is (image sha256, mask sha256, split, skin sha256 or None, unknown sha256 or None); what is None at its end may be
    left out.
    """
    return _hash_of(sorted(map(_line, members)))


@dataclass(frozen=True)
class Content:
    """The members of a set that is to be frozen, in a temporary file: there may be too many for the memory.

    The three counts are those of `Frozen`.
    """

    hash: str
    splits: dict[str, int]
    file: IO[str]
    no_consent: int = 0
    left_out_ended: int = 0
    left_out_no_consent: int = 0

    def members(self) -> Iterator[list[dict[str, Any]]]:
        """The members as values of `SetMember` rows, some thousands at a time."""
        return _read(self.file)


def freeze(engine: Engine, note: str, now: datetime, *, by: str, consented: bool = False) -> Frozen:
    """Freeze the approved examples as the next curated set, each with its current mask and who made that; `by` is who asks.

    Those whose consent has ended by `now` are left out; if only `consented` ones are wanted, so are those without recorded
    consent, but for drawn portraits, which need none. No other example of the same picture takes their place. Freezing the same
    content again returns the set that has it already. Raises WinnowError if nothing is approved, or nothing is left.
    """
    tries = 3
    while True:
        with ExitStack() as stack:
            with reading(engine) as session:
                content = stack.enter_context(approved_content(session, now.date(), consented=consented))
            try:
                with writing(engine) as session:
                    frozen = add_set(session, content, note, now)
                    if frozen.new:
                        detail = {"set": frozen.set, "examples": frozen.examples}
                        session.add(Event(at=now, who=by, what="freeze", detail=detail))
                    return frozen
            except IntegrityError:  # one of its examples was erased meanwhile
                tries -= 1
                if not tries:
                    raise


@contextmanager
def approved_content(session: Session, today: date, *, consented: bool = False) -> Iterator[Content]:
    """What is approved now and may be used, as the content of a set, read in one statement. Raises WinnowError as `freeze`."""
    unusable = {Consent.ended, Consent.none} if consented else {Consent.ended}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        splits = dict.fromkeys((split.value for split in Split), 0)
        found: Counter[str | None] = Counter()  # by consent; None needs none
        for rows in session.execute(_members(today, unusable)).partitions(ROWS_AT_ONCE):
            members = []
            for row in rows:
                member = row._asdict()
                consent = member.pop("consent")
                found[consent] += 1
                if consent not in unusable:
                    splits[member["split"]] += 1
                    members.append(member)
            file.write(json.dumps(members) + "\n")
        if not any(splits.values()):
            raise WinnowError(_nothing_to_freeze(found, consented=consented))
        lines = (
            _line((one["image_sha256"], one["mask_sha256"], one["split"], one["skin_sha256"], one["unknown_sha256"]))
            for members in _read(file)
            for one in members
        )
        left_out = {consent: found[consent] if consent in unusable else 0 for consent in (Consent.ended, Consent.none)}
        yield Content(
            _hash_of(lines),
            splits,
            file,
            no_consent=found[Consent.none] - left_out[Consent.none],
            left_out_ended=left_out[Consent.ended],
            left_out_no_consent=left_out[Consent.none],
        )


def _nothing_to_freeze(found: Mapping[str | None, int], *, consented: bool) -> str:
    if not found:
        return "Nothing is approved yet. Keep some examples on the Review page first."
    ended, none = found.get(Consent.ended, 0), found.get(Consent.none, 0)
    why = f"The consent to use {ended:,} of them has ended" + (f", and none is recorded for {none:,}." if consented else ".")
    return f"There is nothing to freeze: {ended + none:,} examples are approved, and none may be used. {why}"


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
    return Frozen(
        number,
        sum(content.splits.values()),
        content.splits,
        content.hash,
        new,
        content.no_consent,
        content.left_out_ended,
        content.left_out_no_consent,
    )


def _members(today: date, unusable: Iterable[Consent]) -> Select[Any]:
    """The query for what is approved, with positions by number, in the order in which a set is hashed.

    `consent` is recorded, none or ended, or NULL for a drawn portrait without. The positions of the unusable come last.
    """
    mask, origin, save = current_mask_columns()
    split = cast(Example.split, String)
    states = (Consent.recorded, Consent.none, Consent.ended)
    consent = case(*((stands(each, today), each.value) for each in states), else_=None)
    left_out = case((or_(*(stands(each, today) for each in unusable)), 1), else_=0)
    skin = func.coalesce(literal(" ") + Example.skin_sha256, "")
    unknown = func.coalesce(literal(f" {UNKNOWN}") + Example.unknown_sha256, "")
    line = Example.image_sha256 + " " + mask + " " + split + skin + unknown  # as `_line` has it
    return (
        with_current_mask(approved())
        .with_only_columns(
            (func.row_number().over(order_by=(left_out, Example.id)) - 1).label("position"),
            Example.id.label("example_id"),
            Example.image_sha256,
            mask,
            origin,
            save,
            Example.skin_sha256,
            Example.unknown_sha256,
            split.label("split"),
            consent.label("consent"),
        )
        .join(Submission, Submission.id == Example.submission_id)
        .order_by(None)
        .order_by(cast(line, LargeBinary))  # by its bytes, whatever the database's language
        .execution_options(yield_per=ROWS_AT_ONCE)
    )


def _read(file: IO[str]) -> Iterator[list[dict[str, Any]]]:
    file.seek(0)
    yield from map(json.loads, file)


def _line(member: tuple[str | None, ...]) -> str:
    unknown = [UNKNOWN + each for each in member[4:] if each]
    return " ".join([*filter(None, member[:4]), *unknown])


def _hash_of(lines: Iterable[str]) -> str:
    """The sha256 of lines in their order."""
    digest = hashlib.sha256()
    separator = b""
    for line in lines:
        digest.update(separator + line.encode())
        separator = b"\n"
    return digest.hexdigest()
