"""A curated set as arrays in memory, and batches of its images and their mirror images (section IV)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.store import Store
from db.tables import CuratedSet, Example, SetMember, Split
from trainer.pictures import image_from, mask_from, resized

CROP = 512  # pixels of a crop's side, in which an example's `inside` is given


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
    """An example's face box, from pixels of the photo to pixels of its crop."""
    if example.face_top is None or example.face_left is None or example.face_bottom is None or example.face_right is None:
        return None
    step = CROP / example.crop_side
    top, bottom = ((row - example.crop_top) * step for row in (example.face_top, example.face_bottom))
    left, right = ((column - example.crop_left) * step for column in (example.face_left, example.face_right))
    return top, left, bottom, right


def _known_sets(session: Session) -> str:
    newest = session.scalar(select(CuratedSet.id).order_by(CuratedSet.id.desc()).limit(1))
    return f"The newest is {newest}." if newest is not None else "None has been frozen yet: run `python -m curator freeze`."


def load(store: Store, members: list[Member], size: int, *, skins: bool = False) -> Subset:
    """Read and decode the members' pictures, once, at `size` pixels, with the skin's masks where asked.

    Raises WinnowError for a missing or broken one.
    """
    count = len(members)
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), np.uint8)
    skin = np.zeros((count, size, size), np.uint8) if skins else None
    for at, member in enumerate(members):
        name = f"The crop of example {member.example}"
        images[at] = resized(image_from(store.get(member.image_sha256), name), size)
        masks[at] = resized(mask_from(store.get(member.mask_sha256), f"{name}'s mask"), size)
        if skin is not None and member.skin_sha256 is not None:
            skin[at] = resized(mask_from(store.get(member.skin_sha256), f"{name}'s skin mask"), size)
    inside = np.array([scaled(member.inside, size) for member in members], np.int32).reshape(count, 4)
    return Subset(members, images, masks, inside, skin)


def scaled(inside: tuple[int, int, int, int], size: int) -> tuple[int, int, int, int]:
    """A box of the 512 crop in pixels of the model's size: those that show nothing but photo, and one at least.

    >>> scaled((0, 100, 512, 512), 224)
    (0, 44, 224, 224)
    """
    top, left, bottom, right = (edge * size / CROP for edge in inside)
    top, left = min(math.ceil(top), size - 1), min(math.ceil(left), size - 1)
    return top, left, max(math.floor(bottom), top + 1), max(math.floor(right), left + 1)


def mirror(inside: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Boxes (N, 4) of the mirror images."""
    top, left, bottom, right = inside.T
    return np.stack([top, size - right, bottom, size - left], axis=1)


def order(items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of an epoch's items, drawn from seed and epoch alone: a resumed run draws the one it would have drawn."""
    return np.random.default_rng((seed, epoch)).permutation(items)
