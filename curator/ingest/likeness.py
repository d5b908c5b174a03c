"""The same picture twice: how it is told, and which examples show a picture that is there already.

Two perceptual hashes have to agree. The first (DCT, 64 bits) finds candidates by an index, the second (block means, 256 bits)
confirms them: alone, the first would take some strangers for each other among a million photos.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.tables import Example, Likeness, Split, Submission

# Bits that may differ. `benchmarks/likeness.py`: copies (half the size, JPEG at 20, a tenth brighter or darker) are found,
# and no two photos of LFW Parts, street and Figaro are taken for one. Below 4, so that one of four parts is the same.
HASH_BITS, BLOCK_BITS = 3, 12
SMALL = 64  # pixels


@dataclass(frozen=True)
class Look:
    """How a photo looks, as two hashes."""

    parts: tuple[int, int, int, int]  # of 64 bits, 16 each
    blocks: str  # 256 bits in hexadecimal


@dataclass(frozen=True)
class Twin:
    """A picture that is there: the example that its group is called after, or the only one, and their split."""

    head: int
    split: Split


def look_of(photo: NDArray[np.uint8]) -> Look:
    """The hashes of an upright photo, uint8 (H, W, 3) RGB."""
    # Both hashes look at few pixels, and pick them: averaged first, a copy of another size looks the same.
    step = max(1, min(photo.shape[:2]) // (4 * SMALL))  # of a large photo every so many pixels are enough to average
    bgr = cv2.cvtColor(cv2.resize(photo[::step, ::step], (SMALL, SMALL), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    hashed = cv2.img_hash.pHash(bgr).tobytes()
    first, second, third, fourth = (int.from_bytes(hashed[start : start + 2]) for start in range(0, 8, 2))
    return Look((first, second, third, fourth), cv2.img_hash.blockMeanHash(bgr).tobytes().hex())


def alike(one: Look, other: Look) -> bool:
    """Whether two photos are the same picture."""
    bits = sum((mine ^ theirs).bit_count() for mine, theirs in zip(one.parts, other.parts, strict=True))
    return bits <= HASH_BITS and (int(one.blocks, 16) ^ int(other.blocks, 16)).bit_count() <= BLOCK_BITS


def twins(session: Session, photos: Sequence[tuple[str, Look | None]]) -> list[list[Twin]]:
    """Of each photo, as its hash and its look: the pictures that are this very file or look the same, in order of coming in.

    Two queries for all of them. Looks are compared with one example of each group, so that a thousand copies cost no more
    than one.
    """
    head = func.coalesce(Example.group_id, Example.id)
    of_files = select(Submission.photo_sha256, head, Example.split).join(Example, Example.submission_id == Submission.id)
    same_file: dict[str, set[Twin]] = defaultdict(set)
    wanted = of_files.where(Submission.photo_sha256.in_({photo for photo, _ in photos})).distinct()
    for photo, example, split in session.execute(wanted):
        same_file[photo].add(Twin(example, split))
    looks = {look for _, look in photos if look is not None}
    columns = (Likeness.part_1, Likeness.part_2, Likeness.part_3, Likeness.part_4)
    near = or_(*(column.in_({look.parts[part] for look in looks}) for part, column in enumerate(columns)))
    of_looks = select(Example.id, Example.split, *columns, Likeness.blocks).join(
        Likeness, Likeness.submission_id == Example.submission_id
    )
    similar = [
        (Twin(example, split), Look((first, second, third, fourth), blocks))
        for example, split, first, second, third, fourth, blocks in session.execute(of_looks.where(near, head == Example.id))
    ]
    return [
        sorted(
            same_file[photo] | {twin for twin, other in similar if look is not None and alike(look, other)},
            key=lambda twin: twin.head,
        )
        for photo, look in photos
    ]


def likeness_of(look: Look) -> Likeness:
    """The row that keeps a submission's look."""
    first, second, third, fourth = look.parts
    return Likeness(part_1=first, part_2=second, part_3=third, part_4=fourth, blocks=look.blocks)


def look_in(row: Likeness) -> Look:
    """The look that a row keeps."""
    return Look((row.part_1, row.part_2, row.part_3, row.part_4), row.blocks)
