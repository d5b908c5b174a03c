"""From a square of a photo to an example: its pictures in the store, its signals, its suspicion, and its rows."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.doubt import suspicion as doubt
from curator.doubt.signals import signals
from curator.ingest.likeness import Duplicate
from curator.ingest.splits import Claims, SplitChoice, choose_split
from curator.pictures.arrays import Box, Mask, Photo
from curator.pictures.codec import encode_mask, encode_photo
from curator.pictures.crop import Square, box_in_crop, cut_mask, cut_photo
from curator.pictures.faces import Face
from curator.pictures.pair import Pair
from curator.review.standing import random_rank
from db.people import folded
from db.store import Store
from db.tables import Contributor, Example, Remark, Signal, Split, Standing, Submission, Suspicion


@dataclass(frozen=True)
class Crop:
    """A crop whose pictures are in the store, with everything known about it."""

    face: Face | None
    square: Square  # where it lies in the photo
    inside: Box  # the part of the crop that shows the photo, in the crop's pixels
    image: str  # sha256 of the picture, as are mask and skin
    mask: str
    skin: str | None
    unknown: str | None
    signals: dict[str, float]
    suspicion: float  # 0 to 1
    reasons: list[str]  # why it is suspicious, in words

    @property
    def pictures(self) -> set[str]:
        """The sha256 of its pictures."""
        return {self.image, self.mask, *filter(None, (self.skin, self.unknown))}


def make_crop(pair: Pair, face: Face | None, square: Square, store: Store) -> Crop:
    """Cut a square out of an upright photo and its masks, and put the crop's pictures in the store.

    The pictures of the crop are 512 x 512; the mask of unknown pixels is None if none lies in the square. Raises
    WinnowError if the square shows no part of the photo, and DiskFullError if the store has no room.
    """
    inside = square.inside(*pair.photo.shape[:2])
    image, mask, skin, unknown = cut_pictures(pair, square)
    numbers = signals(image, mask, None if face is None else box_in_crop(square, face.box), unknown)
    value, reasons = doubt.suspicion(numbers)
    return Crop(
        face=face,
        square=square,
        inside=inside,
        image=store.put(encode_photo(image)),
        mask=store.put(encode_mask(mask)),
        skin=None if skin is None else store.put(encode_mask(skin)),
        unknown=None if unknown is None else store.put(encode_mask(unknown)),
        signals=numbers,
        suspicion=value,
        reasons=reasons,
    )


def cut_pictures(pair: Pair, square: Square) -> tuple[Photo, Mask, Mask | None, Mask | None]:
    """The pictures of a square of a photo: image, hair, skin, and unknown pixels, which is None if none lies in the square."""
    skin, unknown = (None if one is None else cut_mask(one, square) for one in (pair.skin, pair.unknown))
    return (
        cut_photo(pair.photo, square),
        cut_mask(pair.hair, square),
        skin,
        unknown if unknown is not None and unknown.any() else None,
    )


def split_for_submission(
    submission: Submission, duplicates: Sequence[Duplicate], contributor_splits: Collection[Split]
) -> SplitChoice:
    """The split of a submission's example. Raises WinnowError if every split would leak training data into the test set.

    `duplicates` are the pictures that its photo shows again, `contributor_splits` the splits of its contributor's other
    examples.
    """
    claims = Claims(
        stated=submission.said_split,
        official=submission.official,
        picture=frozenset(duplicate.split for duplicate in duplicates),
        contributor=frozenset(contributor_splits),
    )
    person = submission.contributor
    return choose_split(claims, submission.photo_sha256 if person is None else folded(person.name))


def splits_by_contributor(session: Session, contributors: Iterable[Contributor]) -> dict[str, set[Split]]:
    """The splits of each contributor's examples, by the contributor's key; empty for one without examples."""
    keys = {one.id: one.key for one in contributors if one.id is not None}
    found: dict[str, set[Split]] = {key: set() for key in keys.values()}
    wanted = select(Submission.contributor_id, Example.split).join(Example, Example.submission_id == Submission.id).distinct()
    for contributor, split in session.execute(wanted.where(Submission.contributor_id.in_(keys))):
        if contributor is not None:
            found[keys[contributor]].add(split)
    return found


def attach_example(submission: Submission, crop: Crop, chosen: SplitChoice, now: datetime) -> None:
    """Give a submission its example, open for review, and a remark if its split needs one.

    Once it is flushed, `join_group` adds it to the group of its duplicates.
    """
    submission.example = _example_row(submission, crop, chosen.split)
    if chosen.remark is not None and chosen.remark not in {remark.words for remark in submission.remarks}:
        submission.remarks.append(Remark(words=chosen.remark, at=now))


def _example_row(submission: Submission, crop: Crop, split: Split) -> Example:
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
        unknown_sha256=crop.unknown,
        split=split,
        standing=Standing(source_id=submission.source_id, split=split, doubt=crop.suspicion, lot=random_rank(crop.image)),
        signals=[Signal(name=name, value=value) for name, value in crop.signals.items()],
        suspicion=Suspicion(model=doubt.MODEL, value=crop.suspicion, reasons=crop.reasons),
    )
