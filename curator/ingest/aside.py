"""Photos kept aside because no face was found in them: a person draws the crop, or says that there is none to draw.

What they say is only ever added (table crop_choice): a square, a discard, or an undo of either. A photo waits here as long
as it has no example and no discard stands. A drawn crop becomes an example at once, by the same code as in an ingest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, delete, func, select
from sqlalchemy.orm import Session, joinedload

from curator.ingest.examples import Cropped, chosen_split, cropped, set_example, splits_of
from curator.ingest.groups import join, without
from curator.ingest.likeness import look_in, twins
from curator.pictures.codec import encode_preview
from curator.pictures.crop import Square
from curator.pictures.pair import Pair, read_pair
from curator.review.reviewers import reviewer_called
from db.blobs import still_named
from db.errors import NotThereError, WinnowError
from db.session import Lock, reading, wait_for, writing
from db.settings import Limits
from db.store import Store
from db.tables import CropChoice, Example, Gold, Remark, Reopening, Submission, Verdict

MIN_CROP_SIDE = 64  # pixels of the photo; a crop of fewer is eight times enlarged, and no strand can be seen in it
MAX_CROP_SIDES = 3  # longest sides of the photo
PREVIEW = 1280  # pixels of the longest side that is shown


@dataclass(frozen=True)
class FacelessPhoto:
    """A photo that waits for a person's word; `version` is another one when its number comes to name another photo."""

    submission: int
    photo: str
    version: str
    height: int  # of the upright photo, pixels
    width: int
    drawn: bool
    remarks: list[str]


def check_square(square: Square, height: int, width: int) -> None:
    """Raises WinnowError for a square that makes no crop of a photo of that size: too small, too large, or beside it."""
    most = MAX_CROP_SIDES * max(height, width)
    if not MIN_CROP_SIDE <= square.side <= most:
        raise WinnowError(f"The crop's side is {square.side:.0f} pixels of the photo; it must be {MIN_CROP_SIDE} to {most}.")
    row, column = square.top + square.side / 2, square.left + square.side / 2
    if not (0 <= row <= height and 0 <= column <= width):
        raise WinnowError("The middle of the crop lies outside the photo.")


def kept_aside() -> Select[Submission]:
    """The submissions without an example that nobody has discarded."""
    return select(Submission).outerjoin(Example).where(Example.id.is_(None), Submission.id.not_in(discarded()))


def discarded() -> Select[int]:
    """The numbers of the submissions on which a discard stands."""
    return _standing().with_only_columns(CropChoice.submission_id).where(CropChoice.crop_side.is_(None))


def faceless(session: Session, count: int, passed: int = 0, source: int | None = None) -> list[Submission]:
    """Submissions kept aside because no face was found, newest first, after the first `passed`; of one source or all."""
    wanted = _faceless(source).order_by(Submission.id.desc())
    return list(session.scalars(wanted.offset(passed).limit(count)))


def count_faceless(session: Session, source: int | None = None) -> int:
    """How many submissions are kept aside because no face was found."""
    return session.scalar(select(func.count()).select_from(_faceless(source).subquery())) or 0


def _faceless(source: int | None) -> Select[Submission]:
    return kept_aside() if source is None else kept_aside().where(Submission.source_id == source)


def _standing() -> Select[CropChoice]:
    """The choices that no undo took back; a submission has one at the most."""
    undone = select(CropChoice.undoes).where(CropChoice.undoes.is_not(None))
    return select(CropChoice).where(CropChoice.undoes.is_(None), CropChoice.id.not_in(undone))


def next_photos(session: Session, count: int, after: int = 0) -> list[FacelessPhoto]:
    """The next photos in the order they came in, after that submission."""
    wanted = kept_aside().where(Submission.id > after).order_by(Submission.id).limit(count)
    return _told(session, session.scalars(wanted).all())


def photos_left(session: Session) -> int:
    """How many photos wait."""
    return session.scalar(select(func.count()).select_from(kept_aside().subquery())) or 0


def _told(session: Session, submissions: Sequence[Submission]) -> list[FacelessPhoto]:
    remarks: dict[int, list[str]] = {one.id: [] for one in submissions}
    for remark in session.scalars(select(Remark).where(Remark.submission_id.in_(remarks)).order_by(Remark.id)):
        remarks[remark.submission_id].append(remark.words)
    return [
        FacelessPhoto(one.id, one.photo_name, one.photo_sha256[:16], one.height, one.width, one.drawn, remarks[one.id])
        for one in submissions
    ]


def picture(engine: Engine, store: Store, submission: int, limits: Limits) -> bytes:
    """The upright photo and below it, as large, its mask: one WebP, the longest side of each at most 1280 pixels.

    Raises NotThereError for a submission that is not there, WinnowError for one that can't be read any more.
    """
    pair = _pair(engine, store, submission, limits)
    height, width = pair.hair.shape
    share = min(1.0, PREVIEW / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    photo, mask = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (pair.photo, pair.hair))
    both: NDArray[np.uint8] = np.concatenate([photo, mask[:, :, None].repeat(3, axis=2)]).astype(np.uint8)
    return encode_preview(both)


def decide(
    engine: Engine, store: Store, limits: Limits, reviewer: str, submission: int, square: Square | None, now: datetime
) -> None:
    """Record that a square is a photo's crop, and make it an example; or without one, that the photo is discarded.

    The pictures are in the store before the transaction that names them. The same said twice by the same reviewer is taken
    once. Raises WinnowError for a square that makes no crop, for a photo on which something stands already, and where the
    example would fit in no split; NotThereError for a submission that is not there.
    """
    if square is None:
        with writing(engine) as session:
            _record(session, reviewer, submission, None, now)
        return
    pair = _pair(engine, store, submission, limits)
    check_square(square, *pair.hair.shape)
    crop = cropped(pair.photo, pair.hair, pair.skin, None, square, store)
    try:
        with writing(engine) as session:
            if _record(session, reviewer, submission, square, now):
                _bring(session, session.get_one(Submission, submission), crop, now)
    except WinnowError:
        _sweep(engine, store, _pictures(crop))
        raise


def take_back(engine: Engine, store: Store, reviewer: str, submission: int, now: datetime) -> FacelessPhoto:
    """Take back what a reviewer said of a photo; it waits again. The example that a crop became goes, with its pictures.

    Raises WinnowError where nothing of theirs stands, or somebody has judged the example meanwhile.
    """
    lost: set[str] = set()
    with writing(engine) as session:
        there, who = _locked(session, submission), reviewer_called(session, reviewer).id
        choice = _choice_on(session, submission)
        if choice is None or choice.reviewer_id != who:
            raise WinnowError("There is nothing of yours to take back on this photo.")
        example = session.scalars(select(Example).where(Example.submission_id == submission)).one_or_none()
        if example is not None:
            lost = {example.image_sha256, example.mask_sha256, *([example.skin_sha256] if example.skin_sha256 else [])}
            _forget(session, example)
        session.add(CropChoice(submission_id=submission, reviewer_id=who, undoes=choice.id, at=now))
        session.flush()
        (again,) = _told(session, [there])
    _sweep(engine, store, lost)
    return again


def _record(session: Session, reviewer: str, submission: int, square: Square | None, now: datetime) -> bool:
    """Add a reviewer's choice; False where it stands already."""
    there, who = _locked(session, submission), reviewer_called(session, reviewer).id
    values = (None,) * 4 if square is None else (square.top, square.left, square.side, square.rotation)
    choice = _choice_on(session, submission)
    if choice is not None:
        said = choice.crop_top, choice.crop_left, choice.crop_side, choice.crop_rotation
        if choice.reviewer_id == who and said == values:
            return False
        raise WinnowError(f"Photo {submission} has been {'discarded' if said[0] is None else 'cropped'} already.")
    if there.example is not None:
        raise WinnowError(f"Photo {submission} has a crop already: a face was found in it.")
    top, left, side, rotation = values
    session.add(
        CropChoice(
            submission_id=submission,
            reviewer_id=who,
            crop_top=top,
            crop_left=left,
            crop_side=side,
            crop_rotation=rotation,
            at=now,
        )
    )
    session.flush()
    return True


def _bring(session: Session, there: Submission, crop: Cropped, now: datetime) -> None:
    """Make a crop the submission's example, in the split and the group where it belongs."""
    look, owner = None if there.likeness is None else look_in(there.likeness), there.contributor
    (same,) = twins(session, [(there.photo_sha256, look)])
    theirs = set() if owner is None else splits_of(session, [owner])[owner.name]
    set_example(there, crop, chosen_split(there, same, theirs), now)
    session.flush()
    assert there.example is not None
    join(session, there.example, same)


def _choice_on(session: Session, submission: int) -> CropChoice | None:
    return session.scalars(_standing().where(CropChoice.submission_id == submission)).one_or_none()


def _locked(session: Session, submission: int) -> Submission:
    """The submission; nobody else decides on it before this transaction ends."""
    wait_for(session, Lock.adding)
    found = session.get(Submission, submission, options=[joinedload(Submission.example)])
    if found is None:
        raise _no_such(submission)
    return found


def _forget(session: Session, example: Example) -> None:
    """Delete an example that nobody has judged."""
    for table in (Verdict, Gold, Reopening):
        if session.scalar(select(table.id).where(table.example_id == example.id).limit(1)) is not None:
            raise WinnowError("Somebody has judged this crop meanwhile. Reject it in the review instead.")
    without(session, select(Example.id).where(Example.id == example.id))
    session.execute(delete(Example).where(Example.id == example.id))
    session.expire_all()


def _pair(engine: Engine, store: Store, submission: int, limits: Limits) -> Pair:
    with reading(engine) as session:
        found = session.get(Submission, submission)
    if found is None:
        raise _no_such(submission)
    return read_pair(store.get(found.photo_sha256), store.get(found.mask_sha256), limits)


def _no_such(submission: int) -> NotThereError:
    return NotThereError(f"There is no photo with the number {submission}.")


def _pictures(crop: Cropped) -> set[str]:
    return {crop.image, crop.mask, *([crop.skin] if crop.skin else [])}


def _sweep(engine: Engine, store: Store, pictures: Collection[str]) -> None:
    """Delete those of the pictures that no row names."""
    with reading(engine) as session:
        loose = set(pictures) - still_named(session, pictures)
    for sha256 in sorted(loose):
        store.delete(sha256)
