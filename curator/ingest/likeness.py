"""Finding the same picture twice, by perceptual hashes.

Two hashes have to agree. The first, pHash (64 bits of a cosine transform; Zauner 2010, "Implementation and Benchmarking of
Perceptual Image Hash Functions"), finds candidates by an index. The second, the block mean hash (256 bits; Yang,
Gu and Niu 2006, DOI 10.1109/IIH-MSP.2006.265125), confirms them: the first alone would take some strangers for each other
among a million photos. Both are OpenCV's (cv2.img_hash).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from curator.pictures.arrays import Photo
from db.tables import Example, Likeness, Split, Submission

# How many bits may differ. `benchmarks/likeness.py`: copies (half the size, JPEG quality 20, a tenth brighter or darker) are
# found, and no two photos of LFW Parts, street and Figaro are taken for one. PHASH_BITS is below 4, so that at least one of the
# four parts of two matching hashes is equal and the index finds it.
PHASH_BITS, BLOCK_BITS = 3, 12
SMALL = 64  # pixels: a photo is shrunk to this side before it is hashed


@dataclass(frozen=True)
class PictureHash:
    """The two perceptual hashes of a photo."""

    parts: tuple[int, int, int, int]  # pHash in four parts of 16 bits, each 0 to 65535
    blocks: str  # block mean hash: 64 hexadecimal digits


@dataclass(frozen=True)
class Duplicate:
    """A picture in the database that a photo shows again: the first example of its group (or its only one), and their split."""

    head: int
    split: Split


def hash_picture(photo: Photo) -> PictureHash:
    """The perceptual hashes of an upright photo, uint8 (H, W, 3) RGB."""
    # Both hashes read only a few pixels. Averaged to a small picture first, a copy of another size gives the same hashes.
    step = max(1, min(photo.shape[:2]) // (4 * SMALL))  # in a large photo, every step-th pixel is enough for the average
    bgr = cv2.cvtColor(cv2.resize(photo[::step, ::step], (SMALL, SMALL), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    phash = cv2.img_hash.pHash(bgr).tobytes()
    first, second, third, fourth = (int.from_bytes(phash[start : start + 2]) for start in range(0, 8, 2))
    return PictureHash((first, second, third, fourth), cv2.img_hash.blockMeanHash(bgr).tobytes().hex())


def same_picture(one: PictureHash, other: PictureHash) -> bool:
    """Whether two photos are the same picture: neither hash differs in more bits than allowed.

    >>> same_picture(PictureHash((0, 0, 0, 7), "0" * 64), PictureHash((0, 0, 0, 0), "0" * 64))
    True
    >>> same_picture(PictureHash((0, 0, 0, 15), "0" * 64), PictureHash((0, 0, 0, 0), "0" * 64))
    False
    """
    bits = sum((mine ^ theirs).bit_count() for mine, theirs in zip(one.parts, other.parts, strict=True))
    return bits <= PHASH_BITS and (int(one.blocks, 16) ^ int(other.blocks, 16)).bit_count() <= BLOCK_BITS


def find_duplicates(session: Session, photos: Sequence[tuple[str, PictureHash | None]]) -> list[list[Duplicate]]:
    """For each photo (its sha256 and perceptual hash), the pictures in the database that it shows again, oldest first.

    The same file is the same picture, and so is one with a matching perceptual hash. This takes two queries for all photos.
    Hashes are compared with one example of each group, so that a thousand copies cost no more than one.
    """
    head = func.coalesce(Example.group_id, Example.id)
    by_file = select(Submission.photo_sha256, head, Example.split).join(Example, Example.submission_id == Submission.id)
    same_file: dict[str, set[Duplicate]] = defaultdict(set)
    wanted = by_file.where(Submission.photo_sha256.in_({photo for photo, _ in photos})).distinct()
    for photo, example, split in session.execute(wanted):
        same_file[photo].add(Duplicate(example, split))
    hashes = {hashed for _, hashed in photos if hashed is not None}
    columns = (Likeness.part_1, Likeness.part_2, Likeness.part_3, Likeness.part_4)
    near = or_(*(column.in_({hashed.parts[part] for hashed in hashes}) for part, column in enumerate(columns)))
    by_hash = select(Example.id, Example.split, *columns, Likeness.blocks).join(
        Likeness, Likeness.submission_id == Example.submission_id
    )
    similar = [
        (Duplicate(example, split), PictureHash((first, second, third, fourth), blocks))
        for example, split, first, second, third, fourth, blocks in session.execute(by_hash.where(near, head == Example.id))
    ]
    return [
        sorted(
            same_file[photo] | {found for found, other in similar if hashed is not None and same_picture(hashed, other)},
            key=lambda found: found.head,
        )
        for photo, hashed in photos
    ]


def hash_to_row(hashed: PictureHash) -> Likeness:
    """The row that stores a submission's perceptual hashes."""
    first, second, third, fourth = hashed.parts
    return Likeness(part_1=first, part_2=second, part_3=third, part_4=fourth, blocks=hashed.blocks)


def hash_from_row(row: Likeness) -> PictureHash:
    """The perceptual hashes that a row stores."""
    return PictureHash((row.part_1, row.part_2, row.part_3, row.part_4), row.blocks)
