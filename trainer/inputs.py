"""A curated set as arrays, and batches of its images and their mirror images (Levinshtein et al. 2018, section IV)."""

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.session import in_batches
from db.store import Store
from db.tables import CROP_SIDE, CuratedSet, Example, SetMember, Split
from trainer.arrays import Box, FloatBox
from trainer.pictures import image_from, mask_from, overlaps, resized


@dataclass(frozen=True)
class SetExample:
    """An example as a curated set holds it: its pictures by hash, and the part of the crop that shows the photo."""

    id: int  # of the example
    image_sha256: str
    mask_sha256: str
    inside: Box  # the part that shows the photo, in pixels of the crop
    skin_sha256: str | None = None
    unknown_sha256: str | None = None  # None where all pixels are known
    face: FloatBox | None = None  # in pixels of the crop, may reach beyond it; None where no face was found


@dataclass(frozen=True)
class Subset:
    """N examples of one split, decoded, at the model's size S. It has 2N items: item i + N is the mirror image of item i."""

    examples: list[SetExample]
    images: NDArray[np.uint8]  # (N, S, S, 3) RGB
    masks: NDArray[np.uint8]  # (N, S, S), 0 to 255: the target, also where it is soft or the outline crosses a pixel
    inside: NDArray[np.int32]  # (N, 4) top, left, bottom, right in pixels at size S, ends exclusive
    skins: NDArray[np.uint8] | None = None  # (N, S, S), 0 to 255, if loaded; all 0 for an example without skin labels
    unknown: NDArray[np.uint8] | None = None  # (N, S, S), 255 where the source says nothing, else 0; None if no example has any

    def __len__(self) -> int:
        """The number of items, 2N."""
        return 2 * len(self.examples)

    def batch(self, items: NDArray[np.int64]) -> "Batch":
        """Copies of the items with those numbers, int64 (B,), 0 to 2N - 1."""
        plain, mirrored = items % len(self.examples), items >= len(self.examples)
        images, masks, inside = self.images[plain], self.masks[plain], self.inside[plain]
        skins = None if self.skins is None else self.skins[plain]
        unknown = None if self.unknown is None else self.unknown[plain]
        for pictures in (images, masks, skins, unknown):
            if pictures is not None:
                pictures[mirrored] = pictures[mirrored, :, ::-1]
        inside[mirrored] = mirrored_boxes(inside[mirrored], self.images.shape[1])
        return Batch(images, masks, inside, skins, unknown)


@dataclass(frozen=True)
class Batch:
    """B items for the training step; shapes, types and ranges as in `Subset`, with B for N."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    inside: NDArray[np.int32]
    skins: NDArray[np.uint8] | None = None
    unknown: NDArray[np.uint8] | None = None


def existing(session: Session, examples: Sequence[int]) -> set[int]:
    """Those of the examples that have not been erased; on PostgreSQL, none of them can be until this transaction ends."""
    found: set[int] = set()
    for batch in in_batches(examples):
        wanted = select(Example.id).where(Example.id.in_(batch))
        found.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
    return found


def set_examples(session: Session, set_number: int, split: Split) -> list[SetExample]:
    """The set's examples of one split, in the set's order, without those erased since it was frozen.

    Raises WinnowError for a set that does not exist, and for a set without examples in that split.
    """
    if session.get(CuratedSet, set_number) is None:
        raise WinnowError(f"There is no curated set {set_number}. {_known_sets(session)}")
    found = session.execute(
        select(SetMember, Example)
        .join(Example, SetMember.example_id == Example.id)
        .where(SetMember.set_id == set_number, SetMember.split == split)
        .order_by(SetMember.position)
    )
    taken = [
        SetExample(
            id=example.id,
            image_sha256=member.image_sha256,
            mask_sha256=member.mask_sha256,
            inside=(example.inside_top, example.inside_left, example.inside_bottom, example.inside_right),
            skin_sha256=member.skin_sha256,
            unknown_sha256=member.unknown_sha256,
            face=_face(example),
        )
        for member, example in found
    ]
    if not taken:
        raise WinnowError(
            f"Curated set {set_number} has no {split} examples. Keep some {split} examples on the Review page, "
            "then freeze a new set."
        )
    return taken


def _face(example: Example) -> FloatBox | None:
    """An example's face box, converted from pixels of the photo to pixels of its crop, in which the face is upright."""
    if example.face_top is None or example.face_left is None or example.face_bottom is None or example.face_right is None:
        return None
    step, turn, half = CROP_SIDE / example.crop_side, math.radians(example.crop_rotation), example.crop_side / 2
    # The photo was rotated about the crop's centre, and the box about its own.
    down = (example.face_top + example.face_bottom) / 2 - (example.crop_top + half)
    across = (example.face_left + example.face_right) / 2 - (example.crop_left + half)
    row = half + down * math.cos(turn) - across * math.sin(turn)
    column = half + across * math.cos(turn) + down * math.sin(turn)
    height, width = example.face_bottom - example.face_top, example.face_right - example.face_left
    return (
        (row - height / 2) * step,
        (column - width / 2) * step,
        (row + height / 2) * step,
        (column + width / 2) * step,
    )


def _known_sets(session: Session) -> str:
    newest = session.scalar(select(CuratedSet.id).order_by(CuratedSet.id.desc()).limit(1))
    return f"The newest is {newest}." if newest is not None else "None has been frozen yet: run `python -m curator freeze`."


@dataclass(frozen=True)
class MemoryBudget:
    """How many bytes of decoded pictures may be in memory. Larger subsets go into a memory-mapped temporary file."""

    limit: int  # bytes
    folder: Path  # of the temporary file

    def zeros(self, shape: tuple[int, ...], total: int) -> NDArray[np.uint8]:
        """uint8 zeros of that shape, which are part of `total` bytes needed together."""
        if total <= self.limit:
            return np.zeros(shape, np.uint8)
        # The file is unlinked before it holds a picture, so that no face remains on disk even after a crash.
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, np.uint8, "w+", shape=shape)


def load(
    store: Store,
    examples: list[SetExample],
    size: int,
    *,
    skins: bool = False,
    memory: MemoryBudget | None = None,
    on_loaded: Callable[[int], None] = lambda examples: None,
) -> Subset:
    """Read and decode the examples' pictures once, at `size` pixels, with their skin masks if `skins` is set.

    A pixel is unknown if it overlaps an unknown one of the crop at all. Without a memory budget, they are all kept in memory.
    `on_loaded` is told how many are done, and may raise an exception to stop.
    Raises WinnowError for a missing or damaged picture.
    """
    count = len(examples)
    shapes = {"images": (count, size, size, 3), "masks": (count, size, size)}
    if skins:
        shapes["skins"] = (count, size, size)
    if any(example.unknown_sha256 is not None for example in examples):
        shapes["unknown"] = (count, size, size)
    total = sum(math.prod(shape) for shape in shapes.values())
    memory = memory or MemoryBudget(total, Path())
    arrays = {name: memory.zeros(shape, total) for name, shape in shapes.items()}

    def put(at: int) -> None:
        example, name = examples[at], f"The crop of example {examples[at].id}"
        arrays["images"][at] = resized(image_from(store.get(example.image_sha256), name), size)
        arrays["masks"][at] = resized(mask_from(store.get(example.mask_sha256), f"{name}'s mask"), size)
        if skins and example.skin_sha256 is not None:
            arrays["skins"][at] = resized(mask_from(store.get(example.skin_sha256), f"{name}'s skin mask"), size)
        if example.unknown_sha256 is not None:
            unknown = mask_from(store.get(example.unknown_sha256), f"{name}'s mask of unknown pixels")
            arrays["unknown"][at] = overlaps(unknown, size)

    # OpenCV decodes without Python's global lock. Closing what is loaded drops what has not begun.
    with ThreadPoolExecutor(os.cpu_count()) as executor, closing(executor.map(put, range(count))) as loaded:  # type: ignore[type-var]
        for number, _ in enumerate(loaded, start=1):
            on_loaded(number)
    inside = np.array([scaled_box(example.inside, size) for example in examples], np.int32).reshape(count, 4)
    return Subset(examples, arrays["images"], arrays["masks"], inside, arrays.get("skins"), arrays.get("unknown"))


def batch_signature(size: int, *, skins: bool, unknown: bool) -> dict[str, tf.TensorSpec]:
    """The shapes and types of a batch of `batches`, for pictures of that size in pixels, with skin and unknown masks or not."""
    picture = tf.TensorSpec((None, size, size), tf.uint8)
    specs = {
        "images": tf.TensorSpec((None, size, size, 3), tf.uint8),
        "masks": picture,
        "inside": tf.TensorSpec((None, 4), tf.int32),
    }
    if skins:
        specs["skins"] = picture
    if unknown:
        specs["unknown"] = picture
    return specs


def batches(subset: Subset, items: NDArray[np.int64], size: int) -> tf.data.Dataset:
    """The items, int64 (M,), in that order, `size` at a time. The next batches are prepared while one is trained on.

    A batch is a dict of tensors, named as in `Batch`: images uint8 (B, S, S, 3), masks uint8 (B, S, S), inside int32 (B, 4),
    and, if the subset has them, skins and unknown, both uint8 (B, S, S). The last batch may be smaller.
    """
    specs = batch_signature(subset.images.shape[1], skins=subset.skins is not None, unknown=subset.unknown is not None)

    def taken(numbers: NDArray[np.int64]) -> list[Any]:
        batch = subset.batch(numbers)
        return [getattr(batch, name) for name in specs]

    def pick(numbers: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(taken, [numbers], [spec.dtype for spec in specs.values()])
        return {name: tf.ensure_shape(array, spec.shape) for (name, spec), array in zip(specs.items(), arrays, strict=True)}

    return tf.data.Dataset.from_tensor_slices(items).batch(size).map(pick).prefetch(2)


def scaled_box(inside: Box, size: int) -> Box:
    """A box of the 512 x 512 crop at the model's size: the pixels that lie wholly in it, and at least one.

    >>> scaled_box((0, 100, 512, 512), 224)
    (0, 44, 224, 224)
    """
    top, left, bottom, right = (edge * size / CROP_SIDE for edge in inside)
    top, left = min(math.ceil(top), size - 1), min(math.ceil(left), size - 1)
    return top, left, max(math.floor(bottom), top + 1), max(math.floor(right), left + 1)


def mirrored_boxes(inside: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """The boxes int32 (N, 4) in mirror images of `size` pixels, int32 (N, 4).

    >>> mirrored_boxes(np.array([[0, 1, 8, 5]]), 8).tolist()
    [[0, 3, 8, 7]]
    """
    top, left, bottom, right = inside.T
    return np.stack([top, size - right, bottom, size - left], axis=1)


def epoch_order(items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of an epoch's items, int64 (items,), a permutation that depends on seed and epoch alone.

    So a resumed run takes the same order as an uninterrupted one.
    """
    return np.random.default_rng((seed, epoch)).permutation(items)
