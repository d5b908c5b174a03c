"""Four pairs of a source, small, to show on a page how the values of its masks are understood.

They lie in one file beside an uploaded zip, and go when it goes: these are people's faces.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.formats import NotRead, RawPair, Refused, mask_bytes, photo_bytes
from curator.ingest.uploads import PREVIEWS
from curator.ingest.workers import Workers, map_in_order
from curator.pictures.arrays import Mask, Photo
from curator.pictures.census import Value, values_at
from curator.pictures.masks import fit_mask, hard, orient_labels, parse_labels
from curator.pictures.meaning import Meaning
from curator.pictures.opening import decode_image
from curator.pictures.orientation import apply_orientation, mask_orientation
from curator.pictures.pair import read_photo
from db.errors import NotNowError, WinnowError
from db.settings import Limits

COUNT = 4
SIDE = 240  # pixels, of the longer side


@dataclass(frozen=True)
class Preview:
    """A small photo, uint8 (H, W, 3), which of a source's values each pixel of its mask has, and the mask by the usual rules.

    `values` is uint8 (H, W): positions in the list of the source's values. `usual` is uint8 (H, W), 0 or 255.
    """

    photo: Photo
    values: NDArray[np.uint8]
    usual: Mask

    def hair(self, meaning: Meaning, all_values: Sequence[Value]) -> Mask:
        """The mask of hair, uint8 (H, W), 0 or 255, by what the values mean."""
        if not meaning.hair:
            return cv2.bitwise_not(self.usual).astype(np.uint8) if meaning.inverted else self.usual
        return self._of(meaning.hair, all_values)

    def unknown(self, meaning: Meaning, all_values: Sequence[Value]) -> Mask:
        """The mask of the pixels that are left out, uint8 (H, W), 0 or 255."""
        return self._of(meaning.unknown, all_values)

    def _of(self, values: Sequence[Value], all_values: Sequence[Value]) -> Mask:
        places = [number for number, value in enumerate(all_values) if value in values]
        return np.isin(self.values, places).view(np.uint8) * np.uint8(255)


def make_previews(
    items: Callable[[], Iterable[RawPair | Refused | NotRead]], values: Sequence[Value], workers: Workers, limits: Limits
) -> list[Preview]:
    """The previews of COUNT pairs, spread over a source; fewer if fewer can be read. `values` are all of its masks' values.

    `items` reads the source anew: twice, because a source may be long, and its lists may have the pictures inside.
    """
    count = sum(isinstance(item, RawPair) for item in items())
    places = {number * count // COUNT for number in range(COUNT)}
    pairs = (item for item in items() if isinstance(item, RawPair))
    chosen = [pair for number, pair in enumerate(pairs) if number in places]
    work = partial(_preview, values=tuple(values), limits=limits)
    return [one for one in map_in_order(workers, work, chosen, _none) if one is not None]


def save(previews: Sequence[Preview], beside: Path) -> None:
    """Write the previews into a file beside an upload; its folder need not exist."""
    beside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    arrays = {
        f"{name}{number}": getattr(one, name) for number, one in enumerate(previews) for name in ("photo", "values", "usual")
    }
    with beside.with_suffix(PREVIEWS).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(beside: Path) -> list[Preview]:
    """The previews beside an upload; none if there is no such file, or it is damaged."""
    try:
        with beside.with_suffix(PREVIEWS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            count = len(arrays.files) // 3
            return [Preview(*(arrays[f"{name}{number}"] for name in ("photo", "values", "usual"))) for number in range(count)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return []


def _preview(pair: RawPair, values: tuple[Value, ...], limits: Limits) -> Preview | None:
    try:
        photo = read_photo(photo_bytes(pair, limits), limits)
        mask = decode_image(mask_bytes(pair, limits), limits)
        size = photo.shape[:2]
        where = values_at(mask.image, values)
        turn, _ = mask_orientation(
            size, decode_image(photo_bytes(pair, limits), limits).orientation, where.shape, mask.orientation
        )
        where = apply_orientation(where, turn)
        try:
            usual = hard(fit_mask(orient_labels(parse_labels(mask.image), turn).hair, size))
        except WinnowError:  # class numbers: the usual rules say nothing of them
            usual = np.zeros(size, np.uint8)
    except NotNowError:
        raise
    except Exception:  # whatever a decoder raises: the pair is refused when it is examined
        return None
    scale = SIDE / max(size)
    small = (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
    resized = [
        np.asarray(cv2.resize(picture, small, interpolation=how), np.uint8)
        for picture, how in ((photo, cv2.INTER_AREA), (where, cv2.INTER_NEAREST), (usual, cv2.INTER_NEAREST))
    ]
    return Preview(*resized)


def _none(pair: RawPair) -> None:
    return None
