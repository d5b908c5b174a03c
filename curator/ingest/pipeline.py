"""From a source to submissions, crops, examples and refusals: the same steps for every format.

Each pair is examined on its own, on any kind of worker, and a pair that is refused gives a value, not an exception that ends
the batch. Pictures are stored first, then their rows are committed, one batch at a time; so stopping at any moment loses
nothing that was reported as added, and starting again continues.
"""

import hashlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import Engine, func, select, tuple_
from sqlalchemy.orm import Session

from curator.formats import NotRead, RawPair, Refused, mask_bytes, photo_bytes, skin_bytes, unknown_bytes, unreadable
from curator.ingest.bars import ERASED, Bars, admitted
from curator.ingest.before import MAX_NUMBER, SeenBefore
from curator.ingest.examples import Crop, attach_example, make_crop, split_for_submission, splits_by_contributor
from curator.ingest.groups import join_group
from curator.ingest.healing import crops_of_pairs, heal
from curator.ingest.likeness import Duplicate, PictureHash, find_duplicates, hash_picture, hash_to_row, same_picture
from curator.ingest.pace import CUTTING
from curator.ingest.workers import ITEM_SECONDS, Workers, map_in_order
from curator.pictures.crop import square_around_face, square_around_photo
from curator.pictures.faces import choose_face, find_faces
from curator.pictures.masks import hard
from curator.pictures.meaning import Meaning
from curator.pictures.pair import read_pair
from db.blobs import delete_unnamed
from db.errors import NotNowError, WinnowError
from db.jobs import Clock
from db.people import person_key
from db.session import Lock, reading, wait_for, writing
from db.settings import Limits, Settings
from db.store import Store
from db.tables import Contributor, Refusal, Remark, Source, Split, Submission

BATCH = 32
REFUSALS_LISTED = 1000  # refusals that a summary names; the database has them all

CropMode = Literal["face", "whole"]  # the square around the face, or the whole photo


@dataclass(frozen=True)
class AlreadyStored:
    """A pair whose files are in the store, as after an earlier ingest of the source: it was not decoded again."""

    pair: RawPair
    photo: str  # sha256 of the file, as is mask
    mask: str


@dataclass(frozen=True)
class Examined:
    """A pair that can be added, its pictures in the store; `crop` is None when no face was found."""

    pair: RawPair
    photo: str  # sha256 of the file, as is mask
    mask: str
    digest: str  # of all that its split depends on, except for the examples that are there
    height: int  # of the upright photo, in pixels
    width: int
    picture_hash: PictureHash
    crop: Crop | None
    remarks: list[str]  # what is unusual about it, in words
    absent: frozenset[str] = frozenset()  # those of its files that the store did not have, or had damaged
    skin: str | None = None  # sha256 of the file, as is unknown, where the source has one beside the mask
    unknown: str | None = None

    @property
    def pictures(self) -> set[str]:
        """The sha256 of all that was stored for it."""
        crop = () if self.crop is None else self.crop.pictures
        return {self.photo, self.mask, *filter(None, (self.skin, self.unknown)), *crop}


@dataclass
class IngestSummary:
    """The counts of an ingest; the keys of `ingest --json`.

    `refused` lists the first thousand refusals, `refusals` counts all. `left_out` and `not_read` do so for files that belong to
    no photo, but for the `junk` of file managers and cameras, which is only counted; `remarks` and `remarked` for those of
    `added` that are unusual, and those of `already` that came in without a mask that the source has now. `no_face` counts those
    of `added` without a crop, `healed` those of `already` of which a missing or damaged picture was stored again. `before`
    names the sources that brought what was in before this ingest (curator/ingest/before.py); the rest of `already` is in it
    twice.
    """

    seen: int = 0
    added: int = 0
    already: int = 0
    healed: int = 0
    no_face: int = 0
    remarked: int = 0
    refusals: int = 0
    not_read: int = 0
    junk: int = 0
    remarks: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)


def examine(
    item: RawPair | Refused | NotRead,
    *,
    store_url: str | None,
    limits: Limits,
    cut: CropMode,
    refused: Mapping[str, str] = MappingProxyType({}),
    again: bool = False,
    meaning: Meaning | None = None,
) -> Examined | AlreadyStored | Refused | NotRead:
    """Decode a pair, find its face, and cut and store its crop; or give the reason to refuse it.

    A pair whose files are all in the store, byte by byte, is not decoded, unless `again` is true. The files themselves are
    stored last, so a pair that is in the store has been examined completely. Nor is a pair decoded that no split was right for
    before: `refused` has the reason by the digest. `store_url` is None on a worker that has its own settings. What is stored
    survives a power cut only after `Store.sync`.
    `meaning` is what the values of the source's masks mean; None reads each mask by itself.
    `cut="whole"` makes the whole photo the crop, with a face or without. Whatever else its files make our libraries raise is
    the pair's refusal; what the store raises is raised, such as DiskFullError if it has no room.
    """
    if not isinstance(item, RawPair):
        return item
    try:
        return _examine(item, store_url=store_url, limits=limits, cut=cut, refused=refused, again=again, meaning=meaning)
    except NotNowError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the operating system's, about the store: files that can't be read are refusals already
        return Refused(item.name, unreadable(error))


def _examine(
    item: RawPair,
    *,
    store_url: str | None,
    limits: Limits,
    cut: CropMode,
    refused: Mapping[str, str],
    again: bool,
    meaning: Meaning | None,
) -> Examined | AlreadyStored | Refused:
    store = Store(Settings().store if store_url is None else store_url, patient=False)
    try:
        skin_file, unknown_file = skin_bytes(item, limits), unknown_bytes(item, limits)
        photo_file, mask_file = photo_bytes(item, limits), mask_bytes(item, limits)
        files = {_sha256(file): file for file in (skin_file, unknown_file, photo_file, mask_file) if file is not None}
        names = (_sha256(photo_file), _sha256(mask_file))
        digest = _digest(item, *names, cut)
        if digest in refused:
            return Refused(item.name, refused[digest])
        absent = frozenset(name for name, file in files.items() if not store.holds(name, file))
        if not again and not absent:
            return AlreadyStored(item, *names)
        decoded = read_pair(photo_file, mask_file, limits, meaning, skin=skin_file, unknown=unknown_file)
    except NotNowError:  # the store's trouble, not the pair's
        raise
    except WinnowError as error:
        return Refused(item.name, str(error))
    photo, painted = decoded.photo, hard(decoded.hair)
    height, width = photo.shape[:2]
    face, face_remarks = choose_face(find_faces(photo, painted, once=cut == "whole"), painted)
    square = (
        square_around_photo(height, width)
        if cut == "whole"
        else None
        if face is None
        else square_around_face(face.box, face.rotation)
    )
    crop = None if square is None else make_crop(decoded, face, square, store)
    remarks = [*item.remarks, *decoded.remarks, *(face_remarks if cut == "face" else ())]
    beside = (None if file is None else _sha256(file) for file in (skin_file, unknown_file))
    examined = Examined(item, *names, digest, height, width, hash_picture(photo), crop, remarks, absent, *beside)
    for file in files.values():
        store.put(file)
    return examined


def _sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def ingest(
    items: Iterable[RawPair | Refused | NotRead],
    *,
    adapter: str,
    location: str,
    engine: Engine,
    store: Store,
    workers: Workers,
    clock: Clock,
    limits: Limits,
    secret: bytes,
    job: int | None = None,
    meaning: Meaning | None = None,
    split: Split | None = None,
    cut: CropMode = "face",
    on_progress: Callable[[IngestSummary], None] = lambda summary: None,
    on_examined: Callable[[int], None] = lambda photos: None,
    while_waiting: Callable[[IngestSummary], None] = lambda summary: None,
) -> IngestSummary:
    """Ingest a source. Pairs that are already there are skipped; a pair that cannot be added becomes a refusal with its reason.

    Of a pair that is already there, pictures that are missing from the store or damaged are stored again.

    `job` is the number of the job that this ingest is, remembered with all that it adds, so that it can be taken back.
    `meaning` is what the values of the source's masks mean, and is remembered with the source; None reads each mask by itself.
    `split` overrides the split that the source states. With `cut="face"` an example is the square around the face, and a
    photo without a face is kept aside; `cut="whole"` takes whole photos, for those already cropped like selfies.
    `secret` is the home's: whoever was erased with it is refused, and so is a photo whose consent has ended.
    `on_progress` gets the summary so far after every batch, `while_waiting` the same every half second in which no result
    comes, and `on_examined` after each photo how many are examined, also before they are in; each may raise an exception to
    stop. Memory is bounded, however long the source. Raises DiskFullError if there is no room; what was reported before is
    stored. Raises WinnowError if people were erased with another secret.
    """
    summary, bars = IngestSummary(), Bars(secret)
    with reading(engine) as session:
        bars.check_key(session)
    source_id = _source_id(engine, adapter, location, meaning, clock)
    with reading(engine) as session:
        refused = _refused_for_their_split(session, source_id)
        newest_before = session.scalar(select(func.max(Submission.id))) or 0
    intake, seen = _Intake(source_id, job, split), SeenBefore(newest_before)
    examine_item = partial(examine, limits=limits, cut=cut, refused=refused, meaning=meaning)
    on_worker = partial(examine_item, store_url=workers.store)
    items = admitted(items, bars, engine, clock().date())
    not_added: set[str] = set()  # pictures that were stored for pairs that were not added
    try:
        waiting = partial(while_waiting, summary)
        with closing(map_in_order(workers, on_worker, items, _refusal_after_crash, waiting)) as results:
            examined = _counted(results, on_examined)
            while batch := list(islice(examined, BATCH)):
                with reading(engine) as session:
                    in_database = _pairs_with_rows(session, [one for one in batch if isinstance(one, AlreadyStored)])
                    batch = _unless_read_otherwise(session, batch, source_id, meaning)
                    _remark(summary, _masks_left_out(session, batch))
                # Files in the store without rows: an earlier ingest was interrupted before the commit, or two other pairs
                # brought the photo and the mask.
                batch = [
                    examine_item(one.pair, store_url=store.url, again=True)
                    if isinstance(one, AlreadyStored) and (one.photo, one.mask) not in in_database
                    else one
                    for one in batch
                ]
                store.sync({sha256 for one in batch if isinstance(one, Examined) for sha256 in one.pictures})
                with writing(engine) as session:
                    wait_for(session, Lock.adding)
                    outcomes = _add_batch(session, batch, bars, intake, clock)
                for one, outcome in zip(batch, outcomes, strict=True):
                    if isinstance(one, Examined):
                        if not isinstance(outcome, _Ingested) or not outcome.added:
                            not_added |= one.pictures
                        elif not all(map(store.renew, one.pictures)):  # erased meanwhile, with somebody who had the same
                            examine_item(one.pair, store_url=store.url, again=True)
                            store.sync(one.pictures)
                _count(summary, outcomes)
                there = [
                    one
                    for one, outcome in zip(batch, outcomes, strict=True)
                    if not isinstance(one, Refused | NotRead) and isinstance(outcome, _Ingested) and not outcome.added
                ]
                with reading(engine) as session:
                    seen.add(session, {(one.photo, one.mask) for one in there})
                summary.before = seen.as_rows()
                summary.healed += _heal(engine, store, there, newest_before, limits)
                on_progress(summary)
    finally:
        # Not earlier: pairs on their way might share one of these, such as an empty mask.
        delete_unnamed(engine, store, not_added, None)
    return summary


@contextmanager
def spooled(
    items: Iterable[RawPair | Refused | NotRead],
) -> Iterator[tuple[int, Callable[[], Iterator[RawPair | Refused | NotRead]]]]:
    """The number of items in a source, and a function that reads them anew, held in a temporary file: memory is bounded."""
    with tempfile.TemporaryFile() as file:
        number = 0
        for item in items:
            pickle.dump(item, file)
            number += 1

        def read() -> Iterator[RawPair | Refused | NotRead]:
            file.seek(0)
            for _ in range(number):
                yield pickle.load(file)  # noqa: S301 - only this process can write there

        yield number, read


def _counted(
    results: Iterable[Examined | AlreadyStored | Refused | NotRead], on_examined: Callable[[int], None]
) -> Iterator[Examined | AlreadyStored | Refused | NotRead]:
    photos = 0
    for one in results:
        photos += not isinstance(one, NotRead)
        on_examined(photos)
        yield one


def cutting_in_words(examined: int, photos: int, summary: IngestSummary) -> str:
    """One line for people about a running ingest: how far it is, and what is saved so far, which is no more than that."""
    line = f"{CUTTING}: {examined:,} of {photos:,}"
    counted = {"added": summary.added, "already here": summary.already, "refused": summary.refusals}
    saved = ", ".join(f"{number:,} {name}" for name, number in counted.items() if number)
    return f"{line}; saved so far: {saved}" if saved else line


def _refusal_after_crash(item: RawPair | Refused | NotRead) -> Refused:
    name = item.name if isinstance(item, RawPair) else item.file
    return Refused(
        name,
        f"Reading this file crashed the worker twice, or took more than {ITEM_SECONDS:.0f} seconds each time. It may be "
        "malicious, or need too much memory.",
    )


@dataclass(frozen=True)
class _Intake:
    """What all rows of an ingest have in common: their source, the job that adds them, and the split if one was given."""

    source_id: int
    job: int | None
    split: Split | None


@dataclass(frozen=True)
class _Ingested:
    """The outcome of a pair that was not refused; not `added` means that it was already there."""

    added: bool
    no_face: bool = False
    file: str = ""
    remarks: tuple[str, ...] = ()


def _count(summary: IngestSummary, outcomes: Sequence[_Ingested | Refused | NotRead]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, NotRead):
            summary.junk += outcome.junk
            summary.not_read += not outcome.junk
            if not outcome.junk and len(summary.left_out) < REFUSALS_LISTED:
                summary.left_out.append({"file": outcome.file, "reason": outcome.why})
            continue
        summary.seen += 1
        if isinstance(outcome, Refused):
            summary.refusals += 1
            if len(summary.refused) < REFUSALS_LISTED:
                summary.refused.append({"file": outcome.file, "reason": outcome.reason})
        else:
            summary.added += outcome.added
            summary.already += not outcome.added
            summary.no_face += outcome.no_face
            summary.remarked += bool(outcome.remarks)
            room = REFUSALS_LISTED - len(summary.remarks)
            summary.remarks += [{"file": outcome.file, "remark": words} for words in outcome.remarks[:room]]


def _source_id(engine: Engine, adapter: str, location: str, meaning: Meaning | None, clock: Clock) -> int:
    with writing(engine) as session:
        wait_for(session, Lock.adding)
        wanted = select(Source).where(Source.adapter == adapter, Source.location == location)
        source = session.scalars(wanted).one_or_none()
        if source is None:
            source = Source(adapter=adapter, location=location, added_at=clock())
            session.add(source)
        if meaning is not None:
            source.meaning = meaning.as_row()
        session.flush()
        return source.id


def _digest(pair: RawPair, photo: str, mask: str, cut: CropMode) -> str:
    """A sha256 of what decides whether a split is right for a pair, but for the examples that are there.

    Examples are only added to what speaks against it, until one is deleted; `leave_groups` forgets the refusals then.
    """
    return hashlib.sha256(repr((photo, mask, pair.contributor, pair.official, cut)).encode()).hexdigest()


def _refused_for_their_split(session: Session, source_id: int) -> dict[str, str]:
    """The digests of the source's pairs that no split was right for, each with its reason."""
    wanted = select(Refusal.digest, Refusal.reason).where(Refusal.source_id == source_id, Refusal.digest.is_not(None))
    return {digest: reason for digest, reason in session.execute(wanted) if digest is not None}


def _heal(engine: Engine, store: Store, there: Sequence[Examined | AlreadyStored], newest_before: int, limits: Limits) -> int:
    """Make what is broken of pairs that are in the database whole again, and return of how many pairs something was.

    `examine` has stored a photo or mask again that was absent; the crops are looked at here, where their rows are. A file was
    missing only if its row, up to submission `newest_before`, is older than this ingest: a source may hold a pair twice.
    """
    absent = [one for one in there if isinstance(one, Examined) and one.absent]
    with reading(engine) as session:
        crops = crops_of_pairs(session, {(one.photo, one.mask) for one in there})
        restored = _pairs_with_rows(session, absent, newest_before)
    healed = heal(store, crops, limits)
    return len(restored | {(one.files.photo, one.files.mask) for one in crops if one.pictures & healed})


def _pairs_with_rows(
    session: Session, pairs: Sequence[AlreadyStored | Examined], newest: int = MAX_NUMBER
) -> set[tuple[str, str]]:
    """Those of the pairs that are in the database, up to submission `newest`, as (photo sha256, mask sha256)."""
    hashes = tuple_(Submission.photo_sha256, Submission.mask_sha256)
    wanted = select(Submission.photo_sha256, Submission.mask_sha256).where(
        hashes.in_([(one.photo, one.mask) for one in pairs]), Submission.id <= newest
    )
    return {(photo, mask) for photo, mask in session.execute(wanted)} if pairs else set()


def _unless_read_otherwise(
    session: Session, batch: Sequence[Examined | AlreadyStored | Refused | NotRead], source_id: int, meaning: Meaning | None
) -> list[Examined | AlreadyStored | Refused | NotRead]:
    """The batch with a refusal for each pair that is in from another source, where its mask's values mean something else."""
    hashes = [(one.photo, one.mask) for one in batch if isinstance(one, AlreadyStored)]
    if meaning is None or not hashes:
        return list(batch)
    wanted = (
        select(Submission.photo_sha256, Submission.mask_sha256, Source.location, Source.meaning)
        .join(Source, Source.id == Submission.source_id)
        .where(tuple_(Submission.photo_sha256, Submission.mask_sha256).in_(hashes), Source.id != source_id)
    )
    reasons: dict[tuple[str, str], str] = {}
    for photo, mask, location, row in session.execute(wanted):
        other = Meaning.from_row(row)
        if other is not None and not other.agrees(meaning):
            reasons[photo, mask] = (
                f"its photo and its mask are in from {location}, where {other.words}. They can't mean something else now. "
                "Erase it first."
            )
    return [
        Refused(one.pair.name, reasons[one.photo, one.mask])
        if isinstance(one, AlreadyStored) and (one.photo, one.mask) in reasons
        else one
        for one in batch
    ]


def _masks_left_out(session: Session, batch: Sequence[Examined | AlreadyStored | Refused | NotRead]) -> list[tuple[str, str]]:
    """Names of pairs that came in without a mask of skin or unknown pixels that the source has now, each with a remark."""
    stored = [one for one in batch if isinstance(one, AlreadyStored | Examined)]
    with_more = [one for one in stored if one.pair.skin or one.pair.unknown]
    if not with_more:
        return []
    wanted = select(Submission.photo_sha256, Submission.mask_sha256, Submission.skin_sha256, Submission.unknown_sha256).where(
        tuple_(Submission.photo_sha256, Submission.mask_sha256).in_([(one.photo, one.mask) for one in with_more])
    )
    there = {(photo, mask): (skin, unknown) for photo, mask, skin, unknown in session.execute(wanted)}
    remarks = []
    for one in with_more:
        came = there.get((one.photo, one.mask))
        pairs = (("skin", one.pair.skin), ("unknown pixels", one.pair.unknown))
        absent = [] if came is None else [name for (name, now), then in zip(pairs, came, strict=True) if now and not then]
        if absent:
            words = f"it came in without its mask of {' and of '.join(absent)}, and stays so. Erase it to take it in anew."
            remarks.append((one.pair.name, words))
    return remarks


def _remark(summary: IngestSummary, remarks: Sequence[tuple[str, str]]) -> None:
    summary.remarked += len(remarks)
    free = max(0, REFUSALS_LISTED - len(summary.remarks))
    summary.remarks += [{"file": name, "remark": words} for name, words in remarks[:free]]


def _add_batch(
    session: Session,
    batch: Sequence[Examined | AlreadyStored | Refused | NotRead],
    bars: Bars,
    intake: _Intake,
    clock: Clock,
) -> list[_Ingested | Refused | NotRead]:
    """Add the rows of a batch, in its order: for pairs that are not in the database yet, and for refusals.

    What the rows depend on is queried once for the whole batch; so a batch takes about ten statements, however many pairs.
    Whoever is barred is asked here too: somebody may have been erased while the pair was on its way.
    """
    examined = [one for one in batch if isinstance(one, Examined)]
    hashes = {id(one): bars.of(one.pair, one.photo) for one in examined}
    barred = bars.barred(session, set().union(*hashes.values()))
    in_database = _pairs_with_rows(session, examined)
    found = find_duplicates(session, [(one.photo, one.picture_hash) for one in examined])
    duplicates_of = dict(zip(map(id, examined), found, strict=True))
    keys = {person_key(one.pair.contributor) for one in examined if one.pair.contributor is not None}
    people = {one.key: one for one in session.scalars(select(Contributor).where(Contributor.key.in_(keys)))}
    splits = splits_by_contributor(session, people.values())
    added: list[Examined] = []
    outcomes: list[_Ingested | Refused | NotRead] = []
    for one in batch:
        outcome: _Ingested | Refused | NotRead = _Ingested(added=False)
        if isinstance(one, Refused | NotRead):
            outcome = one
        elif isinstance(one, Examined) and not barred.isdisjoint(hashes[id(one)]):
            outcome = ERASED
        elif isinstance(one, Examined) and (one.photo, one.mask) not in in_database:
            duplicates = duplicates_of[id(one)]
            if any(one.photo == other.photo or same_picture(one.picture_hash, other.picture_hash) for other in added):
                session.flush()  # the query before the batch could not find that one
                (duplicates,) = find_duplicates(session, [(one.photo, one.picture_hash)])
            name = one.pair.contributor
            key = None if name is None else person_key(name)
            person = None if key is None else people.setdefault(key, Contributor(name=name, key=key))
            contributor_splits = set() if key is None else splits.setdefault(key, set())
            submission = _submission(one, person, intake, clock())
            outcome = _add(session, submission, one, duplicates, contributor_splits)
            if isinstance(outcome, _Ingested):
                added.append(one)
                in_database.add((one.photo, one.mask))
        if isinstance(outcome, Refused) or (isinstance(outcome, NotRead) and not outcome.junk):
            digest = one.digest if isinstance(one, Examined) and outcome is not ERASED else None
            _refuse(session, intake, outcome, digest, clock)
        outcomes.append(outcome)
    return outcomes


def _add(
    session: Session,
    submission: Submission,
    one: Examined,
    duplicates: Sequence[Duplicate],
    contributor_splits: set[Split],
) -> _Ingested | Refused:
    """Add a submission, and its example if it has a crop; or refuse it if no split is right for it.

    The example's split is added to `contributor_splits`.
    """
    if one.crop is None:
        session.add(submission)
        return _added(submission, no_face=True)
    try:
        chosen = split_for_submission(submission, duplicates, contributor_splits)
    except WinnowError as error:
        return Refused(one.pair.name, str(error))
    attach_example(submission, one.crop, chosen, submission.received_at)
    session.add(submission)
    contributor_splits.add(chosen.split)
    if duplicates:
        session.flush()
        assert submission.example is not None
        join_group(session, submission.example, duplicates)
    return _added(submission)


def _added(submission: Submission, *, no_face: bool = False) -> _Ingested:
    return _Ingested(True, no_face, submission.photo_name, tuple(remark.words for remark in submission.remarks))


def _submission(one: Examined, person: Contributor | None, intake: _Intake, now: datetime) -> Submission:
    pair = one.pair
    return Submission(
        source_id=intake.source_id,
        job_id=intake.job,
        contributor=person,
        photo_name=pair.name,
        photo_sha256=one.photo,
        mask_sha256=one.mask,
        skin_sha256=one.skin,
        unknown_sha256=one.unknown,
        height=one.height,
        width=one.width,
        licence=pair.licence,
        subject=pair.subject,
        consent_basis=pair.consent_basis,
        consent_date=pair.consent_date,
        consent_expires=pair.consent_expires,
        drawn=pair.drawn,
        said_split=intake.split or pair.split,
        official=pair.official,
        received_at=now,
        likeness=hash_to_row(one.picture_hash),
        remarks=[Remark(words=words[:1000], at=now) for words in dict.fromkeys(one.remarks)],
    )


def _refuse(session: Session, intake: _Intake, item: Refused | NotRead, digest: str | None, clock: Clock) -> None:
    """Record a refusal once, with the digest of the pair if no split is right for it; or a file that belongs to no photo."""
    not_read = isinstance(item, NotRead)
    file, reason = item.file[:1000], (item.why if isinstance(item, NotRead) else item.reason)[:1000]
    same = select(Refusal).where(Refusal.source_id == intake.source_id, Refusal.file == file, Refusal.reason == reason)
    refusal = session.scalars(same).one_or_none()
    if refusal is None:
        session.add(
            Refusal(
                source_id=intake.source_id,
                job_id=intake.job,
                file=file,
                reason=reason,
                digest=digest,
                at=clock(),
                not_read=not_read,
            )
        )
    elif digest is not None:
        refusal.digest = digest
    session.flush()
