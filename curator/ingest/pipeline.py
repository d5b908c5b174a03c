"""From a source to submissions, crops, examples and refusals: the one path, whatever the format.

Each pair is examined by itself, whoever the workers are, and what is wrong with it is a value, not an exception that ends the
batch. Pictures go to the store first, then their rows are committed, a batch at a time; so stopping at any moment loses
nothing that was said to be in, and starting again goes on.
"""

import hashlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import Engine, select, tuple_
from sqlalchemy.orm import Session

from curator.formats import RawPair, Refused, mask_bytes, photo_bytes
from curator.ingest.examples import Cropped, chosen_split, cropped, set_example, splits_of
from curator.ingest.groups import join
from curator.ingest.likeness import Look, Twin, alike, likeness_of, look_of, twins
from curator.ingest.pace import Mark, pace_in_words
from curator.ingest.workers import Workers, in_turn
from curator.pictures.crop import square_around_face, square_around_photo
from curator.pictures.faces import choose_face, find_faces
from curator.pictures.pair import read_pair
from db.errors import WinnowError
from db.jobs import Clock
from db.session import Lock, reading, wait_for, writing
from db.settings import Limits, Settings
from db.store import Store
from db.tables import Contributor, Refusal, Remark, Source, Split, Submission

BATCH = 32
LISTED = 1000  # refusals that a summary names; all of them are rows

Cut = Literal["face", "whole"]


@dataclass(frozen=True)
class AlreadyStored:
    """A pair whose two files are in the store, as after an ingest of the same source: nothing was decoded."""

    pair: RawPair
    photo: str
    mask: str


@dataclass(frozen=True)
class Examined:
    """A pair that can come in, its pictures in the store; without a crop when no face was found."""

    pair: RawPair
    photo: str
    mask: str
    height: int
    width: int
    look: Look
    crop: Cropped | None
    remarks: list[str]  # what was odd about it, in words


@dataclass
class Summary:
    """What came of an ingest; the keys of `ingest --json`. `refused` names the first thousand, `refusals` counts all."""

    seen: int = 0
    added: int = 0
    already: int = 0
    no_face: int = 0
    remarks: int = 0
    refusals: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


def examine(
    item: RawPair | Refused, *, store_url: str | None, limits: Limits, cut: Cut, again: bool = False
) -> Examined | AlreadyStored | Refused:
    """Decode a pair, find its face, cut and keep its crop; or say why it cannot come in.

    A pair whose files are both in the store is not decoded, unless `again` says so. The files themselves are stored last:
    where they are, all of this has come to an end before. `store_url` is None on a worker that knows its own store.
    """
    if isinstance(item, Refused):
        return item
    store = Store(Settings().store if store_url is None else store_url)
    try:
        photo_file, mask_file = photo_bytes(item, limits), mask_bytes(item, limits)
        names = (hashlib.sha256(photo_file).hexdigest(), hashlib.sha256(mask_file).hexdigest())
        if not again and all(store.path(name).exists() for name in names):
            return AlreadyStored(item, *names)
        read = read_pair(photo_file, mask_file, limits)
    except WinnowError as error:
        return Refused(item.name, str(error))
    photo, hair = read.photo, read.hair
    height, width = photo.shape[:2]
    face, said = choose_face(find_faces(photo, hair, once=cut == "whole"), hair)
    square = (
        square_around_photo(height, width)
        if cut == "whole"
        else None
        if face is None
        else square_around_face(face.box, face.rotation)
    )
    crop = None if square is None else cropped(photo, hair, read.skin, face, square, store)
    remarks = [*read.remarks, *(said if cut == "face" else ())]
    found = Examined(item, *names, height, width, look_of(photo), crop, remarks)
    store.put(photo_file)
    store.put(mask_file)
    return found


def ingest(
    items: Iterable[RawPair | Refused],
    *,
    adapter: str,
    location: str,
    engine: Engine,
    store: Store,
    workers: Workers,
    clock: Clock,
    limits: Limits,
    split: Split | None = None,
    cut: Cut = "face",
    told: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Bring a source in. What is there already is passed over; what cannot come in is kept as a refusal with its reason.

    `split` overrides what the source says. `cut` says whether an example is the square around the face, and a photo without
    one is kept aside, or the whole photo, for those that are cut like selfies already. `told` hears the summary so far after
    every batch; it may raise to stop. However long the source, memory is bounded. Raises DiskFullError where there is no
    room; what was told before is in.
    """
    summary = Summary()
    source_id = _source(engine, adapter, location, clock)
    looking = partial(examine, limits=limits, cut=cut)
    with closing(in_turn(workers, partial(looking, store_url=workers.store), items, _died)) as found:
        while batch := list(islice(found, BATCH)):
            with reading(engine) as session:
                known = _known(session, [one for one in batch if isinstance(one, AlreadyStored)])
            # Their rows are missing: an ingest broke off between the store and them, or their files came in with others.
            batch = [
                looking(one.pair, store_url=store.url, again=True)
                if isinstance(one, AlreadyStored) and (one.photo, one.mask) not in known
                else one
                for one in batch
            ]
            with writing(engine) as session:
                wait_for(session, Lock.adding)
                outcomes = _bring(session, batch, source_id, split, clock)
            _count(summary, outcomes)
            told(summary)
    return summary


@contextmanager
def laid_out(items: Iterable[RawPair | Refused]) -> Iterator[tuple[int, Iterator[RawPair | Refused]]]:
    """How many items a source has, and the items; meanwhile they lie in a nameless file, so that memory is bounded."""
    with tempfile.TemporaryFile() as file:
        number = 0
        for item in items:
            pickle.dump(item, file)
            number += 1
        file.seek(0)
        yield number, (pickle.load(file) for _ in range(number))  # noqa: S301 - nobody else could write there


def how_it_goes(summary: Summary, total: int, marks: Sequence[Mark]) -> str:
    """A line for people about an ingest that is on, with the pace that its marks tell."""
    parts = [f"{summary.seen:,} of {total:,} seen", f"{summary.added:,} added", f"{summary.refusals:,} refused"]
    return ", ".join(parts) + (f"; {pace}" if (pace := pace_in_words(marks, total)) else "")


def _died(item: RawPair | Refused) -> Refused:
    name = item.name if isinstance(item, RawPair) else item.file
    return Refused(name, "whoever looked at it came to an end, twice: it may be made to do harm, or need too much memory.")


@dataclass(frozen=True)
class _Brought:
    """What came of a pair that was not refused."""

    added: bool
    no_face: bool = False
    remarks: int = 0


def _count(summary: Summary, outcomes: Sequence[_Brought | Refused]) -> None:
    summary.seen += len(outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            summary.refusals += 1
            if len(summary.refused) < LISTED:
                summary.refused.append({"file": outcome.file, "reason": outcome.reason})
        else:
            summary.added += outcome.added
            summary.already += not outcome.added
            summary.no_face += outcome.no_face
            summary.remarks += outcome.remarks > 0


def _source(engine: Engine, adapter: str, location: str, clock: Clock) -> int:
    with writing(engine) as session:
        wait_for(session, Lock.adding)
        wanted = select(Source).where(Source.adapter == adapter, Source.location == location)
        source = session.scalars(wanted).one_or_none()
        if source is None:
            source = Source(adapter=adapter, location=location, added_at=clock())
            session.add(source)
            session.flush()
        return source.id


def _known(session: Session, pairs: Sequence[AlreadyStored | Examined]) -> set[tuple[str, str]]:
    """Those of the pairs that have rows, as the hashes of their photo and mask."""
    both = tuple_(Submission.photo_sha256, Submission.mask_sha256)
    wanted = select(Submission.photo_sha256, Submission.mask_sha256).where(both.in_([(one.photo, one.mask) for one in pairs]))
    return {(photo, mask) for photo, mask in session.execute(wanted)} if pairs else set()


def _bring(
    session: Session, batch: Sequence[Examined | AlreadyStored | Refused], source_id: int, split: Split | None, clock: Clock
) -> list[_Brought | Refused]:
    """Add the rows of a batch, in its order: of pairs that are not there yet, and of refusals.

    What the rows depend on is asked for once for all; so the database has some ten statements a batch, not a pair.
    """
    examined = [one for one in batch if isinstance(one, Examined)]
    there = _known(session, examined)
    twins_of = dict(zip(map(id, examined), twins(session, [(one.photo, one.look) for one in examined]), strict=True))
    names = {one.pair.contributor for one in examined if one.pair.contributor is not None}
    people = {one.name: one for one in session.scalars(select(Contributor).where(Contributor.name.in_(names)))}
    splits = splits_of(session, people.values())
    added: list[Examined] = []
    outcomes: list[_Brought | Refused] = []
    for one in batch:
        outcome: _Brought | Refused = _Brought(added=False)
        if isinstance(one, Refused):
            outcome = one
        elif isinstance(one, Examined) and (one.photo, one.mask) not in there:
            same = twins_of[id(one)]
            if any(one.photo == other.photo or alike(one.look, other.look) for other in added):
                session.flush()  # what was asked before the batch doesn't know that one
                (same,) = twins(session, [(one.photo, one.look)])
            name = one.pair.contributor
            person = None if name is None else people.setdefault(name, Contributor(name=name))
            theirs = set() if name is None else splits.setdefault(name, set())
            outcome = _add(session, _submission(one, person, source_id, split, clock()), one, same, theirs)
            if not isinstance(outcome, Refused):
                added.append(one)
                there.add((one.photo, one.mask))
        if isinstance(outcome, Refused):
            _refuse(session, source_id, outcome, clock)
        outcomes.append(outcome)
    return outcomes


def _add(
    session: Session, submission: Submission, one: Examined, same: Sequence[Twin], theirs: set[Split]
) -> _Brought | Refused:
    """Add a submission, with its example where it has a crop, whose split joins `theirs`; or say why it has no place."""
    if one.crop is None:
        session.add(submission)
        return _Brought(added=True, no_face=True, remarks=len(submission.remarks))
    try:
        chosen = chosen_split(submission, same, theirs)
    except WinnowError as error:
        return Refused(one.pair.name, str(error))
    set_example(submission, one.crop, chosen, submission.received_at)
    session.add(submission)
    theirs.add(chosen.split)
    if same:
        session.flush()
        assert submission.example is not None
        join(session, submission.example, same)
    return _Brought(added=True, remarks=len(submission.remarks))


def _submission(one: Examined, person: Contributor | None, source_id: int, split: Split | None, now: datetime) -> Submission:
    pair = one.pair
    return Submission(
        source_id=source_id,
        contributor=person,
        photo_name=pair.name,
        photo_sha256=one.photo,
        mask_sha256=one.mask,
        height=one.height,
        width=one.width,
        licence=pair.licence,
        drawn=pair.drawn,
        said_split=split or pair.split,
        official=pair.official,
        received_at=now,
        likeness=likeness_of(one.look),
        remarks=[Remark(words=words[:1000], at=now) for words in dict.fromkeys(one.remarks)],
    )


def _refuse(session: Session, source_id: int, item: Refused, clock: Clock) -> None:
    file, reason = item.file[:1000], item.reason[:1000]
    known = select(Refusal.id).where(Refusal.source_id == source_id, Refusal.file == file, Refusal.reason == reason)
    if session.scalar(known) is None:
        session.add(Refusal(source_id=source_id, file=file, reason=reason, at=clock()))
        session.flush()
