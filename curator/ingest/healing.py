"""Crops that are missing from the store or damaged there, cut again from their photos and masks."""

import hashlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from curator.pictures.codec import encode_mask, encode_photo
from curator.pictures.crop import Square, cut_mask, cut_photo
from curator.pictures.pair import read_pair
from db.errors import NotNowError, WinnowError
from db.session import in_batches
from db.settings import Limits
from db.store import SYNCS, Store
from db.tables import Example, Submission

PICTURES = (Example.image_sha256, Example.mask_sha256, Example.skin_sha256, Example.unknown_sha256)


@dataclass(frozen=True)
class StoredCrop:
    """An example's pictures by their sha256, and what they were cut from."""

    photo: str  # sha256 of the file, as is mask
    mask: str
    square: Square  # of the upright photo
    pictures: frozenset[str]  # the crop's image and masks


def crops_of_pairs(session: Session, pairs: Collection[tuple[str, str]]) -> list[StoredCrop]:
    """The crops of these submissions, which are named by the sha256 of their photo and of their mask."""
    return _crops(session, tuple_(Submission.photo_sha256, Submission.mask_sha256).in_(pairs)) if pairs else []


def crops_with(session: Session, pictures: Sequence[str]) -> list[StoredCrop]:
    """The crops that have one of these pictures."""
    found = [one for batch in in_batches(pictures) for column in PICTURES for one in _crops(session, column.in_(batch))]
    return list(dict.fromkeys(found))


def _crops(session: Session, which: ColumnElement[bool]) -> list[StoredCrop]:
    square = (Example.crop_top, Example.crop_left, Example.crop_side, Example.crop_rotation)
    wanted = select(Submission.photo_sha256, Submission.mask_sha256, *square, *PICTURES)
    found = session.execute(wanted.join(Example, Example.submission_id == Submission.id).where(which))
    return [
        StoredCrop(photo, mask, Square(top, left, side, rotation), frozenset(filter(None, own)))
        for photo, mask, top, left, side, rotation, *own in found
    ]


def heal(store: Store, crops: Sequence[StoredCrop], limits: Limits) -> set[str]:
    """Cut those pictures of the crops again that are missing or damaged, and store them. Returns their sha256.

    A picture is stored only if its bytes are the same as before. One whose photo or mask is missing or damaged too stays as it
    is, and so does one that this version cuts otherwise. Every picture is read. Raises DiskFullError if the store has no room.
    """
    with ThreadPoolExecutor(SYNCS) as threads:
        look = map if isinstance(store.root, Path) else threads.map  # behind a URL, each answer takes its time
        sound = list(look(lambda one: all(map(store.intact, one.pictures)), crops))
    return {sha256 for one, whole in zip(crops, sound, strict=True) if not whole for sha256 in _cut_again(store, one, limits)}


def _cut_again(store: Store, crop: StoredCrop, limits: Limits) -> set[str]:
    broken = {sha256 for sha256 in crop.pictures if not store.intact(sha256)}
    try:
        pair = read_pair(store.get(crop.photo), store.get(crop.mask), limits)
    except NotNowError:
        raise
    except WinnowError:  # the photo or the mask is broken too, or too large for the limits of today
        return set()
    masks = (pair.hair, *(() if pair.skin is None else (pair.skin,)))
    cut = [encode_photo(cut_photo(pair.photo, crop.square)), *(encode_mask(cut_mask(mask, crop.square)) for mask in masks)]
    again = {hashlib.sha256(data).hexdigest(): data for data in cut}
    healed = broken & again.keys()
    for sha256 in healed:
        store.put(again[sha256])
    return healed
