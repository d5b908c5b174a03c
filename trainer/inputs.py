"""A curated set as arrays, and batches of its images and their mirror images (section IV)."""

import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.store import Store
from db.tables import CROP_SIDE, CuratedSet, Example, SetMember, Split
from trainer.pictures import image_from, mask_from, resized


@dataclass(frozen=True)
class Member:
    """What a curated set says of one example: its pictures by hash, and the part of the crop that shows the photo."""

    example: int
    image_sha256: str
    mask_sha256: str
    inside: tuple[int, int, int, int]  # top, left, bottom, right in pixels of the crop, ends exclusive
    skin_sha256: str | None = None
    face: tuple[float, float, float, float] | None = None  # as `inside`; may reach beyond it; None where none was found


@dataclass(frozen=True)
class Subset:
    """The examples of one split, decoded, at the model's size S. Item i + N is the mirror image of item i."""

    members: list[Member]
    images: NDArray[np.uint8]  # (N, S, S, 3) RGB
    masks: NDArray[np.uint8]  # (N, S, S), 0 to 255; between where an outline crosses a pixel
    inside: NDArray[np.int32]  # (N, 4) top, left, bottom, right, ends exclusive
    skins: NDArray[np.uint8] | None = None  # (N, S, S), 0 to 255, where asked for; 0 where a source labels no skin

    def __len__(self) -> int:
        """Images and mirror images."""
        return 2 * len(self.members)

    def batch(self, items: NDArray[np.int64]) -> "Batch":
        """The items of those numbers, 0 to 2N - 1."""
        plain, mirrored = items % len(self.members), items >= len(self.members)
        images, masks, inside = self.images[plain], self.masks[plain], self.inside[plain]
        skins = None if self.skins is None else self.skins[plain]
        for pictures in (images, masks, skins):
            if pictures is not None:
                pictures[mirrored] = pictures[mirrored, :, ::-1]
        inside[mirrored] = mirror(inside[mirrored], self.images.shape[1])
        return Batch(images, masks, inside, skins)


@dataclass(frozen=True)
class Batch:
    """B items as the training step takes them; shapes as in `Subset`."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    inside: NDArray[np.int32]
    skins: NDArray[np.uint8] | None = None


def members(session: Session, set_number: int, split: Split) -> list[Member]:
    """The set's examples of one split, in the set's order; those erased since it was frozen are left out.

    Raises WinnowError for a set that is not there, and for one without examples in that split.
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
        Member(
            example=example.id,
            image_sha256=member.image_sha256,
            mask_sha256=member.mask_sha256,
            inside=(example.inside_top, example.inside_left, example.inside_bottom, example.inside_right),
            skin_sha256=member.skin_sha256,
            face=_face(example),
        )
        for member, example in found
    ]
    if not taken:
        raise WinnowError(
            f"Curated set {set_number} has no {split} examples. Keep some of the {split} split on the Review page, "
            "then freeze a new set."
        )
    return taken


def _face(example: Example) -> tuple[float, float, float, float] | None:
    """An example's face box, from pixels of the photo to pixels of its crop, where the face stands upright."""
    if example.face_top is None or example.face_left is None or example.face_bottom is None or example.face_right is None:
        return None
    step, turn, half = CROP_SIDE / example.crop_side, math.radians(example.crop_rotation), example.crop_side / 2
    # The photo was turned about the crop's middle, and the box about its own.
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
class Room:
    """How many bytes of decoded pictures may lie in memory; where the others go, into a file without a name."""

    memory: int
    folder: Path

    def array(self, shape: tuple[int, ...], whole: int) -> NDArray[np.uint8]:
        """Zeros of that shape, part of `whole` bytes that are wanted together."""
        if whole <= self.memory:
            return np.zeros(shape, np.uint8)
        # The file has lost its name before a picture is in it: whatever ends us, no face stays behind.
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, np.uint8, "w+", shape=shape)


def load(store: Store, members: list[Member], size: int, *, skins: bool = False, room: Room | None = None) -> Subset:
    """Read and decode the members' pictures, once, at `size` pixels, with the skin's masks where asked.

    In memory, or as `room` says. Raises WinnowError for a missing or broken picture.
    """
    count = len(members)
    shapes = {"images": (count, size, size, 3), "masks": (count, size, size)}
    if skins:
        shapes["skins"] = (count, size, size)
    whole = sum(math.prod(shape) for shape in shapes.values())
    arrays = {name: np.zeros(shape, np.uint8) if room is None else room.array(shape, whole) for name, shape in shapes.items()}

    def put(at: int) -> None:
        member, name = members[at], f"The crop of example {members[at].example}"
        arrays["images"][at] = resized(image_from(store.get(member.image_sha256), name), size)
        arrays["masks"][at] = resized(mask_from(store.get(member.mask_sha256), f"{name}'s mask"), size)
        if skins and member.skin_sha256 is not None:
            arrays["skins"][at] = resized(mask_from(store.get(member.skin_sha256), f"{name}'s skin mask"), size)

    with ThreadPoolExecutor(os.cpu_count()) as executor:  # OpenCV decodes without Python's lock
        list(executor.map(put, range(count)))
    inside = np.array([scaled(member.inside, size) for member in members], np.int32).reshape(count, 4)
    return Subset(members, arrays["images"], arrays["masks"], inside, arrays.get("skins"))


def described(size: int, *, skins: bool) -> tuple[tf.TensorSpec, ...]:
    """What a batch of `batches` is, at that size of pictures, with the skin's masks or without."""
    picture = tf.TensorSpec((None, size, size), tf.uint8)
    whole = (tf.TensorSpec((None, size, size, 3), tf.uint8), picture, tf.TensorSpec((None, 4), tf.int32))
    return (*whole, picture) if skins else whole


def batches(subset: Subset, items: NDArray[np.int64], size: int) -> tf.data.Dataset:
    """The items in that order, `size` at a time, each batch made ready while the one before it is learnt from.

    A batch is a tuple of tensors: images uint8 (B, S, S, 3), masks uint8 (B, S, S), inside int32 (B, 4) and, where the
    subset has them, skins uint8 (B, S, S).
    """
    specs = described(subset.images.shape[1], skins=subset.skins is not None)

    def taken(numbers: NDArray[np.int64]) -> list[Any]:
        batch = subset.batch(numbers)
        return [batch.images, batch.masks, batch.inside, batch.skins][: len(specs)]

    def pick(numbers: tf.Tensor) -> tuple[tf.Tensor, ...]:
        arrays = tf.numpy_function(taken, [numbers], [spec.dtype for spec in specs])
        return tuple(tf.ensure_shape(array, spec.shape) for array, spec in zip(arrays, specs, strict=True))

    return tf.data.Dataset.from_tensor_slices(items).batch(size).map(pick).prefetch(2)


def scaled(inside: tuple[int, int, int, int], size: int) -> tuple[int, int, int, int]:
    """A box of the 512 crop in pixels of the model's size: those that show nothing but photo, and one at least.

    >>> scaled((0, 100, 512, 512), 224)
    (0, 44, 224, 224)
    """
    top, left, bottom, right = (edge * size / CROP_SIDE for edge in inside)
    top, left = min(math.ceil(top), size - 1), min(math.ceil(left), size - 1)
    return top, left, max(math.floor(bottom), top + 1), max(math.floor(right), left + 1)


def mirror(inside: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Boxes (N, 4) of the mirror images."""
    top, left, bottom, right = inside.T
    return np.stack([top, size - right, bottom, size - left], axis=1)


def order(items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of an epoch's items, drawn from seed and epoch alone: a resumed run draws the one it would have drawn."""
    return np.random.default_rng((seed, epoch)).permutation(items)
