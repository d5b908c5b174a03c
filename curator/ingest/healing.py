"""Crops that are missing from the store or damaged there, cut again from their photos and masks."""

import hashlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from curator.ingest.examples import cut_pictures
from curator.ingest.received import RECEIVED, Received, read_received
from curator.pictures.codec import encode_mask, encode_photo
from curator.pictures.crop import Square
from db.errors import NotNowError, WinnowError
from db.session import in_batches
from db.settings import Limits
from db.store import SYNCS, Store
from db.tables import Example, Source, Submission

PICTURES = (Example.image_sha256, Example.mask_sha256, Example.skin_sha256, Example.unknown_sha256)


@dataclass(frozen=True)
class StoredCrop:
    """An example's pictures by their sha256, and what they were cut from."""

    files: Received
    square: Square  # of the upright photo
    pictures: frozenset[str]  # the crop's image and masks


def crops_of_pairs(session: Session, pairs: Collection[tuple[str, str]]) -> list[StoredCrop]:
    """The crops of these submissions, which are named by the sha256 of their photo and of their mask."""
    return _crops(session, tuple_(Submission.photo_sha256, Submission.mask_sha256).in_(pairs)) if pairs else []


def crops_with(session: Session, pictures: Sequence[str]) -> list[StoredCrop]:
    """The crops that have one of these pictures."""
    found = [one for batch in in_batches(pictures) for column in PICTURES for one in _crops(session, column.in_(batch))]
    return list({one.pictures: one for one in found}.values())


def _crops(session: Session, which: ColumnElement[bool]) -> list[StoredCrop]:
    square = (Example.crop_top, Example.crop_left, Example.crop_side, Example.crop_rotation)
    wanted = select(*RECEIVED, *square, *PICTURES).join(Source, Source.id == Submission.source_id)
    found = session.execute(wanted.join(Example, Example.submission_id == Submission.id).where(which))
    return [StoredCrop(Received(*row[:5]), Square(*row[5:9]), frozenset(filter(None, row[9:]))) for row in found]


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
        pair = read_received(store, crop.files, limits)
    except NotNowError:
        raise
    except WinnowError:  # the photo or the mask is broken too, or too large for the limits of today
        return set()
    image, *masks = cut_pictures(pair, crop.square)
    cut = [encode_photo(image), *(encode_mask(mask) for mask in masks if mask is not None)]
    again = {hashlib.sha256(data).hexdigest(): data for data in cut}
    healed = broken & again.keys()
    for sha256 in healed:
        store.put(again[sha256])
    return healed
