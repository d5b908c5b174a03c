"""From a source to submissions, crops, examples and refusals: the one path, whatever the format.

Each pair is examined by itself, under any executor, and what is wrong with it is a value, not an exception that ends the
batch. Pictures go to the store first, then their rows are committed, a batch at a time; so stopping at any moment loses
nothing that was said to be in, and starting again goes on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import Engine, select, tuple_
from sqlalchemy.orm import Session

from curator import suspicion as doubt
from curator.crop import Square, around, cut_mask, cut_photo, to_crop, whole
from curator.faces import Face, find_faces
from curator.pictures import Limits, encode_mask, encode_photo, fit_mask, read_labels, read_photo
from curator.signals import Box, signals
from curator.sources import RawPair, Refused, mask_bytes, photo_bytes
from curator.splits import split_for
from curator.standing import lot_of
from db.errors import WinnowError
from db.jobs import Clock
from db.session import writing
from db.store import Store
from db.tables import Contributor, Example, Refusal, Signal, Source, Split, Standing, Submission, Suspicion

BATCH = 32

Cut = Literal["face", "whole"]


@dataclass(frozen=True)
class Fingerprint:
    """A pair with the hashes of its two files."""

    pair: RawPair
    photo: str
    mask: str


@dataclass(frozen=True)
class Cropped:
    """The crop around a photo's face, or of the whole photo, in the store, and what is known about it."""

    face: Face | None
    square: Square
    inside: Box
    image: str
    mask: str
    skin: str | None
    signals: dict[str, float]
    suspicion: float
    reasons: list[str]


@dataclass(frozen=True)
class Examined:
    """A pair that came in, its files in the store; without a crop when no face was found."""

    print: Fingerprint
    height: int
    width: int
    crop: Cropped | None


@dataclass
class Summary:
    """What came of an ingest; the keys of `ingest --json`."""

    seen: int = 0
    added: int = 0
    already: int = 0
    no_face: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


def fingerprint(pair: RawPair, limits: Limits) -> Fingerprint | Refused:
    """The hashes of a pair's files, or why it cannot come in. Cheap: nothing is decoded."""
    try:
        photo, mask = photo_bytes(pair, limits), mask_bytes(pair, limits)
    except WinnowError as error:
        return Refused(pair.name, str(error))
    return Fingerprint(pair, hashlib.sha256(photo).hexdigest(), hashlib.sha256(mask).hexdigest())


def examine(found: Fingerprint, store_url: str, limits: Limits, cut: Cut) -> Examined | Refused:
    """Decode a pair, find its face, cut and keep its crop; or say why it cannot come in."""
    pair, store = found.pair, Store(store_url)
    try:
        photo_file, mask_file = photo_bytes(pair, limits), mask_bytes(pair, limits)
        photo = read_photo(photo_file, limits)
    except WinnowError as error:
        return Refused(pair.name, str(error))
    try:
        labels = read_labels(mask_file, limits)
        mask = fit_mask(labels.hair, photo.shape)
        skin = None if labels.skin is None else fit_mask(labels.skin, photo.shape)
    except WinnowError as error:
        return Refused(pair.name, f"its mask: {error}")
    store.put(photo_file)
    store.put(mask_file)
    height, width = photo.shape[:2]
    faces = find_faces(photo)
    if cut == "whole":
        face, square = (faces[0] if faces else None), whole(height, width)
    elif faces:
        face, square = faces[0], around(faces[0].box)
    else:
        return Examined(found, height, width, None)
    image, hair = cut_photo(photo, square), cut_mask(mask, square)
    numbers = signals(image, hair, None if face is None else _box_in(square, face.box))
    value, reasons = doubt.suspicion(numbers)
    crop = Cropped(
        face=face,
        square=square,
        inside=square.inside(height, width),
        image=store.put(encode_photo(image)),
        mask=store.put(encode_mask(hair)),
        skin=None if skin is None else store.put(encode_mask(cut_mask(skin, square))),
        signals=numbers,
        suspicion=value,
        reasons=reasons,
    )
    return Examined(found, height, width, crop)


def _box_in(square: Square, box: Box) -> Box:
    top, left = to_crop(square, box[:2])
    bottom, right = to_crop(square, box[2:])
    return round(top), round(left), round(bottom), round(right)


def ingest(
    items: Iterable[RawPair | Refused],
    *,
    adapter: str,
    location: str,
    engine: Engine,
    store: Store,
    executor: Executor,
    clock: Clock,
    limits: Limits,
    split: Split | None = None,
    cut: Cut = "face",
    told: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Bring a source in. What is there already is passed over; what cannot come in is kept as a refusal with its reason.

    `split` overrides what the source says. `cut` says whether an example is the square around the face, and a photo without
    one is kept aside, or the whole photo, for those that are cut like selfies already. `told` hears the summary so far after
    every batch; it may raise to stop.
    """
    summary = Summary()
    source_id = _source(engine, adapter, location, clock)
    waiting = iter(items)
    while batch := list(islice(waiting, BATCH)):
        pairs = [item for item in batch if isinstance(item, RawPair)]
        refused = [item for item in batch if isinstance(item, Refused)]
        prints: list[Fingerprint] = []
        for outcome in executor.map(partial(fingerprint, limits=limits), pairs):
            if isinstance(outcome, Refused):
                refused.append(outcome)
            else:
                prints.append(outcome)
        new = list(_new_ones(engine, prints))
        examined: list[Examined] = []
        for result in executor.map(partial(examine, store_url=store.url, limits=limits, cut=cut), new):
            if isinstance(result, Refused):
                refused.append(result)
            else:
                examined.append(result)
        with writing(engine) as session:
            added = [_add(session, one, source_id, split, clock) for one in examined]
            for item in refused:
                _refuse(session, source_id, item, clock)
        summary.seen += len(batch)
        summary.added += sum(added)
        summary.no_face += sum(is_new and one.crop is None for is_new, one in zip(added, examined, strict=True))
        summary.already += len(pairs) - sum(added) - (len(refused) - sum(isinstance(item, Refused) for item in batch))
        summary.refused += [{"file": item.file, "reason": item.reason} for item in refused]
        told(summary)
    return summary


def _source(engine: Engine, adapter: str, location: str, clock: Clock) -> int:
    with writing(engine) as session:
        wanted = select(Source).where(Source.adapter == adapter, Source.location == location)
        source = session.scalars(wanted).one_or_none()
        if source is None:
            source = Source(adapter=adapter, location=location, added_at=clock())
            session.add(source)
            session.flush()
        return source.id


def _new_ones(engine: Engine, prints: list[Fingerprint]) -> Iterator[Fingerprint]:
    with Session(engine) as session:
        wanted = [(found.photo, found.mask) for found in prints]
        known = select(Submission.photo_sha256, Submission.mask_sha256).where(
            tuple_(Submission.photo_sha256, Submission.mask_sha256).in_(wanted)
        )
        seen = {(photo, mask) for photo, mask in session.execute(known)}
    for found in prints:
        if (found.photo, found.mask) not in seen:
            seen.add((found.photo, found.mask))
            yield found


def _add(session: Session, one: Examined, source_id: int, split: Split | None, clock: Clock) -> bool:
    """Add the rows of one pair; False when another ingest brought it in meanwhile."""
    found, pair = one.print, one.print.pair
    twin = select(Submission.id).where(Submission.photo_sha256 == found.photo, Submission.mask_sha256 == found.mask)
    if session.scalar(twin) is not None:
        return False
    submission = Submission(
        source_id=source_id,
        contributor=None if pair.contributor is None else _contributor(session, pair.contributor),
        photo_name=pair.name,
        photo_sha256=found.photo,
        mask_sha256=found.mask,
        height=one.height,
        width=one.width,
        licence=pair.licence,
        drawn=pair.drawn,
        received_at=clock(),
    )
    session.add(submission)
    session.flush()
    if one.crop is not None:
        session.add(_example(submission, one.crop, _split(session, submission, split or pair.split)))
        session.flush()
    return True


def _contributor(session: Session, name: str) -> Contributor:
    found = session.scalars(select(Contributor).where(Contributor.name == name)).one_or_none()
    return found or Contributor(name=name)


def _split(session: Session, submission: Submission, said: Split | None) -> Split:
    """The split that the same photo is in already, else what the source says, else the contributor's, else a drawn one."""
    others = select(Example.split).join(Submission).where(Submission.id != submission.id).order_by(Example.id).limit(1)
    photos = session.scalar(others.where(Submission.photo_sha256 == submission.photo_sha256))
    known = photos or said
    if known is not None:
        return known
    contributor = submission.contributor
    if contributor is None:
        return split_for(submission.photo_sha256)
    theirs = session.scalar(others.where(Submission.contributor_id == contributor.id))
    return theirs or split_for(contributor.name)


def _example(submission: Submission, crop: Cropped, split: Split) -> Example:
    face_top, face_left, face_bottom, face_right = (None,) * 4 if crop.face is None else crop.face.box
    inside_top, inside_left, inside_bottom, inside_right = crop.inside
    return Example(
        submission_id=submission.id,
        face_top=face_top,
        face_left=face_left,
        face_bottom=face_bottom,
        face_right=face_right,
        face_score=None if crop.face is None else crop.face.score,
        crop_top=crop.square.top,
        crop_left=crop.square.left,
        crop_side=crop.square.side,
        crop_rotation=0.0,
        inside_top=inside_top,
        inside_left=inside_left,
        inside_bottom=inside_bottom,
        inside_right=inside_right,
        image_sha256=crop.image,
        mask_sha256=crop.mask,
        skin_sha256=crop.skin,
        split=split,
        standing=Standing(source_id=submission.source_id, split=split, doubt=crop.suspicion, lot=lot_of(crop.image)),
        signals=[Signal(name=name, value=value) for name, value in crop.signals.items()],
        suspicion=Suspicion(model=doubt.MODEL, value=crop.suspicion, reasons=crop.reasons),
    )


def _refuse(session: Session, source_id: int, item: Refused, clock: Clock) -> None:
    file, reason = item.file[:1000], item.reason[:1000]
    known = select(Refusal.id).where(Refusal.source_id == source_id, Refusal.file == file, Refusal.reason == reason)
    if session.scalar(known) is None:
        session.add(Refusal(source_id=source_id, file=file, reason=reason, at=clock()))
        session.flush()
