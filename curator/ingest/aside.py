"""Photos kept aside because no face was found in them: a person draws the crop, or discards the photo.

Their choices are append-only (table crop_choice): a square, a discard, or an undo of either. A photo is kept aside as long as
it has no example and has not been discarded. A drawn crop becomes an example at once, by the same code as in an ingest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, delete, func, select
from sqlalchemy.orm import Session, joinedload

from curator.ingest.examples import Crop, attach_example, make_crop, split_for_submission, splits_by_contributor
from curator.ingest.groups import join_group, leave_groups
from curator.ingest.likeness import find_duplicates, hash_from_row
from curator.ingest.received import RECEIVED, Received, read_received
from curator.pictures.codec import encode_preview
from curator.pictures.crop import Square
from curator.pictures.pair import Pair
from curator.review.reviewers import reviewer_called
from db.blobs import delete_unnamed
from db.errors import NotThereError, WinnowError
from db.session import Lock, reading, wait_for, writing
from db.settings import Limits
from db.store import Store
from db.tables import CropChoice, Example, Gold, Remark, Reopening, Source, Submission, Verdict

MIN_CROP_SIDE = 64  # pixels of the photo; a smaller crop would be enlarged more than eight times and show no strands
MAX_CROP_SIDES = 3  # a crop's largest side, in multiples of the photo's longest side
PREVIEW = 1280  # longest side of a preview, in pixels
SMALL_PREVIEW = 320  # of one among many


class AlreadyDecidedError(WinnowError):
    """Somebody has cropped or discarded a photo, or a face was found in it: it does not wait any more."""

    code = "already_decided"


@dataclass(frozen=True)
class FacelessPhoto:
    """A photo that waits for a person to crop or discard it. `version` changes with the photo, for use in cached addresses."""

    submission: int
    photo: str  # its file name
    version: str
    height: int  # of the upright photo, in pixels
    width: int
    drawn: bool
    remarks: list[str]


def check_square(square: Square, height: int, width: int) -> None:
    """Raises WinnowError for a square that cannot be a crop of a photo of that size: too small, too large, or outside it.

    `height` and `width` are those of the upright photo, in pixels.
    """
    largest = MAX_CROP_SIDES * max(height, width)
    if not MIN_CROP_SIDE <= square.side <= largest:
        raise WinnowError(f"The crop's side is {square.side:.0f} pixels of the photo; it must be {MIN_CROP_SIDE} to {largest}.")
    row, column = square.top + square.side / 2, square.left + square.side / 2
    if not (0 <= row <= height and 0 <= column <= width):
        raise WinnowError("The middle of the crop lies outside the photo.")


def select_faceless(source: int | None = None) -> Select[Submission]:
    """Selects the submissions without an example that are not discarded; of one source or of all."""
    wanted = select(Submission).outerjoin(Example).where(Example.id.is_(None), Submission.id.not_in(select_discarded()))
    return wanted if source is None else wanted.where(Submission.source_id == source)


def select_discarded() -> Select[int]:
    """Selects the numbers of the submissions that are discarded."""
    return _standing().with_only_columns(CropChoice.submission_id).where(CropChoice.crop_side.is_(None))


def list_faceless(session: Session, count: int, passed: int = 0, source: int | None = None) -> list[Submission]:
    """`count` photos kept aside, newest first, after skipping `passed`; of one source or of all."""
    wanted = select_faceless(source).order_by(Submission.id.desc())
    return list(session.scalars(wanted.offset(passed).limit(count)))


def count_faceless(session: Session, source: int | None = None) -> int:
    """How many photos are kept aside; of one source or of all."""
    return session.scalar(select(func.count()).select_from(select_faceless(source).subquery())) or 0


def _standing() -> Select[CropChoice]:
    """Selects the choices that have not been taken back; a submission has at most one."""
    undone = select(CropChoice.undoes).where(CropChoice.undoes.is_not(None))
    return select(CropChoice).where(CropChoice.undoes.is_(None), CropChoice.id.not_in(undone))


def next_faceless(session: Session, count: int, after: int = 0) -> list[FacelessPhoto]:
    """The next `count` photos to crop, oldest first, after the submission number `after`."""
    wanted = select_faceless().where(Submission.id > after).order_by(Submission.id).limit(count)
    return _faceless_photos(session, session.scalars(wanted).all())


def _faceless_photos(session: Session, submissions: Sequence[Submission]) -> list[FacelessPhoto]:
    remarks: dict[int, list[str]] = {one.id: [] for one in submissions}
    for remark in session.scalars(select(Remark).where(Remark.submission_id.in_(remarks)).order_by(Remark.id)):
        remarks[remark.submission_id].append(remark.words)
    return [
        FacelessPhoto(one.id, one.photo_name, one.photo_sha256[:16], one.height, one.width, one.drawn, remarks[one.id])
        for one in submissions
    ]


def preview(engine: Engine, store: Store, submission: int, limits: Limits, longest: int = PREVIEW) -> bytes:
    """One WebP: the upright photo and, below it, its mask in the same size, their longest side at most `longest` pixels.

    Raises NotThereError for an unknown submission, WinnowError for one whose files cannot be read any more.
    """
    pair = _pair(engine, store, submission, limits)
    height, width = pair.hair.shape
    share = min(1.0, longest / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    photo, mask = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (pair.photo, pair.hair))
    both: NDArray[np.uint8] = np.concatenate([photo, mask[:, :, None].repeat(3, axis=2)]).astype(np.uint8)
    return encode_preview(both)


def decide(
    engine: Engine, store: Store, limits: Limits, reviewer: str, submission: int, square: Square | None, now: datetime
) -> None:
    """Record a reviewer's choice on a photo: a square, which becomes its example, or None, which discards the photo.

    The square is in pixels of the upright photo. The pictures are stored before the transaction that names them. The same
    choice sent twice by the same reviewer counts once. Raises WinnowError for a square that cannot be a crop and for an example
    that no split is right for, AlreadyDecidedError for a photo that does not wait, NotThereError for an unknown submission.
    """
    if square is None:
        with writing(engine) as session:
            _record(session, reviewer, submission, None, now)
        return
    pair = _pair(engine, store, submission, limits)
    check_square(square, *pair.hair.shape)
    crop = make_crop(pair, None, square, store)
    try:
        with writing(engine) as session:
            if _record(session, reviewer, submission, square, now):
                _add_example(session, session.get_one(Submission, submission), crop, now)
    except WinnowError:
        delete_unnamed(engine, store, crop.pictures, None)
        raise


def discard(engine: Engine, reviewer: str, submissions: Sequence[int], now: datetime) -> dict[int, WinnowError]:
    """Discard photos in one transaction. One that can't be is returned with why, and blocks no others.

    Of those, AlreadyDecidedError is for a photo that does not wait, NotThereError for an unknown one.
    """
    with writing(engine) as session:
        photos, choices = _locked_all(session, submissions), _choices_on(session, submissions)
        reviewer_id = reviewer_called(session, reviewer).id
        refused: dict[int, WinnowError] = {}
        for number in dict.fromkeys(submissions):
            try:
                if _is_new(number, photos.get(number), choices.get(number), reviewer_id, None):
                    session.add(CropChoice(submission_id=number, reviewer_id=reviewer_id, at=now))
            except (AlreadyDecidedError, NotThereError) as error:
                refused[number] = error
    return refused


def take_discards_back(
    engine: Engine, reviewer: str, submissions: Sequence[int], now: datetime
) -> tuple[list[FacelessPhoto], dict[int, WinnowError]]:
    """Undo a reviewer's discards in one transaction: the photos, which are kept aside again, and what could not be undone."""
    with writing(engine) as session:
        photos, choices = _locked_all(session, submissions), _choices_on(session, submissions)
        reviewer_id = reviewer_called(session, reviewer).id
        refused: dict[int, WinnowError] = {}
        again = []
        for number in dict.fromkeys(submissions):
            choice = choices.get(number)
            if choice is None or choice.crop_side is not None or choice.reviewer_id != reviewer_id:
                refused[number] = _nothing_to_undo(number) if number in photos else _no_such(number)
                continue
            session.add(CropChoice(submission_id=number, reviewer_id=reviewer_id, undoes=choice.id, at=now))
            again.append(photos[number])
        session.flush()
        return _faceless_photos(session, again), refused


def take_back(engine: Engine, store: Store, reviewer: str, submission: int, now: datetime) -> FacelessPhoto:
    """Undo a reviewer's choice on a photo, which is kept aside again. An example made from it is deleted with its pictures.

    Raises WinnowError if there is no choice of this reviewer to undo, or if the example has been reviewed meanwhile.
    """
    pictures: set[str] = set()
    with writing(engine) as session:
        photo, reviewer_id = _locked(session, submission), reviewer_called(session, reviewer).id
        choice = _choices_on(session, [submission]).get(submission)
        if choice is None or choice.reviewer_id != reviewer_id:
            raise _nothing_to_undo(submission)
        example = session.scalars(select(Example).where(Example.submission_id == submission)).one_or_none()
        if example is not None:
            own = (example.image_sha256, example.mask_sha256, example.skin_sha256, example.unknown_sha256)
            pictures = set(filter(None, own))
            _delete_example(session, example)
        session.add(CropChoice(submission_id=submission, reviewer_id=reviewer_id, undoes=choice.id, at=now))
        session.flush()
        (again,) = _faceless_photos(session, [photo])
    delete_unnamed(engine, store, pictures, None)
    return again


def _record(session: Session, reviewer: str, submission: int, square: Square | None, now: datetime) -> bool:
    """Add a reviewer's choice; False if the same choice of theirs is there already."""
    photo, reviewer_id = _locked(session, submission), reviewer_called(session, reviewer).id
    if not _is_new(submission, photo, _choices_on(session, [submission]).get(submission), reviewer_id, square):
        return False
    top, left, side, rotation = _values(square)
    session.add(
        CropChoice(
            submission_id=submission,
            reviewer_id=reviewer_id,
            crop_top=top,
            crop_left=left,
            crop_side=side,
            crop_rotation=rotation,
            at=now,
        )
    )
    session.flush()
    return True


def _add_example(session: Session, submission: Submission, crop: Crop, now: datetime) -> None:
    """Make a crop the submission's example, in the split and the group where it belongs."""
    picture_hash = None if submission.likeness is None else hash_from_row(submission.likeness)
    (duplicates,) = find_duplicates(session, [(submission.photo_sha256, picture_hash)])
    owner = submission.contributor
    contributor_splits = set() if owner is None else splits_by_contributor(session, [owner])[owner.key]
    attach_example(submission, crop, split_for_submission(submission, duplicates, contributor_splits), now)
    session.flush()
    assert submission.example is not None
    join_group(session, submission.example, duplicates)


def _is_new(
    submission: int, photo: Submission | None, choice: CropChoice | None, reviewer_id: int, square: Square | None
) -> bool:
    """Whether a reviewer's word on a photo adds something to the choice that stands; False if it is theirs already.

    Raises AlreadyDecidedError for a photo that does not wait, NotThereError where there is none.
    """
    if photo is None:
        raise _no_such(submission)
    if choice is not None:
        earlier = choice.crop_top, choice.crop_left, choice.crop_side, choice.crop_rotation
        if choice.reviewer_id == reviewer_id and earlier == _values(square):
            return False
        raise AlreadyDecidedError(f"Photo {submission} has been {'discarded' if earlier[0] is None else 'cropped'} already.")
    if photo.example is not None:
        raise AlreadyDecidedError(f"Photo {submission} has a crop already: a face was found in it.")
    return True


def _values(square: Square | None) -> tuple[float | None, float | None, float | None, float | None]:
    return (None, None, None, None) if square is None else (square.top, square.left, square.side, square.rotation)


def _choices_on(session: Session, submissions: Sequence[int]) -> dict[int, CropChoice]:
    """The choices that stand on these submissions, by submission."""
    found = session.scalars(_standing().where(CropChoice.submission_id.in_(submissions)))
    return {choice.submission_id: choice for choice in found}


def _locked(session: Session, submission: int) -> Submission:
    """The submission, locked until this transaction ends. Raises NotThereError if there is none."""
    found = _locked_all(session, [submission])
    if submission not in found:
        raise _no_such(submission)
    return found[submission]


def _locked_all(session: Session, submissions: Sequence[int]) -> dict[int, Submission]:
    """Those submissions that there are, by number, locked until this transaction ends."""
    wait_for(session, Lock.adding)
    wanted = select(Submission).where(Submission.id.in_(submissions)).options(joinedload(Submission.example))
    return {one.id: one for one in session.scalars(wanted)}


def _delete_example(session: Session, example: Example) -> None:
    """Delete an example. Raises WinnowError if it has been reviewed."""
    for table in (Verdict, Gold, Reopening):
        if session.scalar(select(table.id).where(table.example_id == example.id).limit(1)) is not None:
            raise WinnowError("Somebody has reviewed this crop meanwhile. Reject it on the Review page instead.")
    leave_groups(session, select(Example.id).where(Example.id == example.id))
    session.execute(delete(Example).where(Example.id == example.id))
    session.expire_all()


def _pair(engine: Engine, store: Store, submission: int, limits: Limits) -> Pair:
    with reading(engine) as session:
        found = session.execute(
            select(*RECEIVED).join(Source, Source.id == Submission.source_id).where(Submission.id == submission)
        ).one_or_none()
    if found is None:
        raise _no_such(submission)
    return read_received(store, Received(*found), limits)


def _nothing_to_undo(submission: int) -> WinnowError:
    return WinnowError(f"Photo {submission} has no choice of yours to undo.")


def _no_such(submission: int) -> NotThereError:
    return NotThereError(f"There is no photo with the number {submission}.")
