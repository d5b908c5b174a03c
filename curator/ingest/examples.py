"""From a square of a photo to an example: its pictures in the store, its signals, its doubt, and the rows that say so."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.doubt import suspicion as doubt
from curator.doubt.signals import signals
from curator.ingest.likeness import Twin
from curator.ingest.splits import Chosen, Claims, choose_split
from curator.pictures.arrays import Box, Mask, Photo
from curator.pictures.codec import encode_mask, encode_photo
from curator.pictures.crop import Square, box_in_crop, cut_mask, cut_photo
from curator.pictures.faces import Face
from curator.review.standing import random_rank
from db.store import Store
from db.tables import Contributor, Example, Remark, Signal, Split, Standing, Submission, Suspicion


@dataclass(frozen=True)
class Cropped:
    """A crop of a photo, its pictures in the store, and what is known about it."""

    face: Face | None
    square: Square
    inside: Box
    image: str
    mask: str
    skin: str | None
    signals: dict[str, float]
    suspicion: float
    reasons: list[str]


def cropped(photo: Photo, hair: Mask, skin: Mask | None, face: Face | None, square: Square, store: Store) -> Cropped:
    """Cut a square out of an upright photo and its masks, all (H, W), and keep the pieces in the store.

    Raises WinnowError where the square shows nothing of the photo.
    """
    inside = square.inside(*photo.shape[:2])
    image, mask = cut_photo(photo, square), cut_mask(hair, square)
    numbers = signals(image, mask, None if face is None else box_in_crop(square, face.box))
    value, reasons = doubt.suspicion(numbers)
    return Cropped(
        face=face,
        square=square,
        inside=inside,
        image=store.put(encode_photo(image)),
        mask=store.put(encode_mask(mask)),
        skin=None if skin is None else store.put(encode_mask(cut_mask(skin, square))),
        signals=numbers,
        suspicion=value,
        reasons=reasons,
    )


def chosen_split(submission: Submission, same: Sequence[Twin], theirs: Collection[Split]) -> Chosen:
    """Which split the example of a submission belongs to. Raises WinnowError where none is right.

    `same` are the pictures that its photo shows again, `theirs` the splits of its contributor's other examples.
    """
    claims = Claims(
        said=submission.said_split,
        official=submission.official,
        picture=frozenset(twin.split for twin in same),
        contributor=frozenset(theirs),
    )
    return choose_split(claims, submission.photo_sha256 if submission.contributor is None else submission.contributor.name)


def splits_of(session: Session, contributors: Iterable[Contributor]) -> dict[str, set[Split]]:
    """The splits that each contributor's examples are in, by name."""
    names = {one.id: one.name for one in contributors if one.id is not None}
    found: dict[str, set[Split]] = {name: set() for name in names.values()}
    wanted = select(Submission.contributor_id, Example.split).join(Example, Example.submission_id == Submission.id).distinct()
    for contributor, split in session.execute(wanted.where(Submission.contributor_id.in_(names))):
        if contributor is not None:
            found[names[contributor]].add(split)
    return found


def set_example(submission: Submission, crop: Cropped, chosen: Chosen, now: datetime) -> None:
    """Give a submission its example, open for review, with the remark on its split. `join` it to its group once flushed."""
    submission.example = _row(submission, crop, chosen.split)
    if chosen.remark is not None and chosen.remark not in {remark.words for remark in submission.remarks}:
        submission.remarks.append(Remark(words=chosen.remark, at=now))


def _row(submission: Submission, crop: Cropped, split: Split) -> Example:
    face_top, face_left, face_bottom, face_right = (None,) * 4 if crop.face is None else crop.face.box
    inside_top, inside_left, inside_bottom, inside_right = crop.inside
    return Example(
        face_top=face_top,
        face_left=face_left,
        face_bottom=face_bottom,
        face_right=face_right,
        face_score=None if crop.face is None else crop.face.score,
        crop_top=crop.square.top,
        crop_left=crop.square.left,
        crop_side=crop.square.side,
        crop_rotation=crop.square.rotation,
        inside_top=inside_top,
        inside_left=inside_left,
        inside_bottom=inside_bottom,
        inside_right=inside_right,
        image_sha256=crop.image,
        mask_sha256=crop.mask,
        skin_sha256=crop.skin,
        split=split,
        standing=Standing(source_id=submission.source_id, split=split, doubt=crop.suspicion, lot=random_rank(crop.image)),
        signals=[Signal(name=name, value=value) for name, value in crop.signals.items()],
        suspicion=Suspicion(model=doubt.MODEL, value=crop.suspicion, reasons=crop.reasons),
    )
