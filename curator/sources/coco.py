"""COCO annotations: polygons and run-length masks of one category, hair; an image's annotations make one mask."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.pictures import Limits
from curator.sources import rle
from curator.sources.pairs import RawPair, Refused, within
from db.errors import WinnowError
from db.tables import Split

SPLITS = {"train": Split.train, "val": Split.validation, "validation": Split.validation, "test": Split.test}
ABOUT_ALL = 4096  # characters of a large file that are enough to tell its format

Points = tuple[float, ...]  # x, y, x, y, ...


@dataclass(frozen=True)
class CocoMask:
    """What a file says of one image's hair: the union of polygons and run-length masks."""

    height: int
    width: int
    polygons: tuple[Points, ...] = ()
    runs: tuple[str | tuple[int, ...], ...] = ()

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 or 255. Raises WinnowError for damaged runs and a size beyond the limits."""
        if self.height * self.width > limits.pixels:
            raise WinnowError(f"its mask is {self.width:,} x {self.height:,}: more than {limits.pixels:,} pixels.")
        mask = np.zeros((self.height, self.width), np.uint8)
        for polygon in self.polygons:
            mask |= filled(polygon, self.height, self.width)
        for runs in self.runs:
            mask |= rle.mask_of(rle.from_string(runs) if isinstance(runs, str) else runs, self.height, self.width)
        return mask


def filled(polygon: Points, height: int, width: int) -> NDArray[np.uint8]:
    """The pixels whose centres lie inside a polygon of (x, y) corners, uint8 (H, W), 0 or 255.

    >>> filled((1, 0, 3, 0, 3, 2, 1, 2), 3, 4).tolist()
    [[0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]]
    """
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    crossings = np.zeros((height, width + 1), np.uint8)
    for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]]):
        if y0 == y1:
            continue
        # Rows whose centre line the edge crosses, and where; everything right of an odd number of crossings is inside.
        top, bottom = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(top, bottom)
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] ^= 255
    return np.bitwise_xor.accumulate(crossings, axis=1)[:, :width]


def recognise(location: Path) -> str | None:
    """Why this is COCO, or None: a JSON file, or a folder with one, that lists images and annotations."""
    found = [file.name for file in _files(location) if _looks_like_coco(file)]
    return f"{found[0]} lists images and annotations" if found else None


def read(location: Path) -> Iterator[RawPair | Refused]:
    """The pairs of a COCO file, or of every one in a folder; `train.json` and the like say the split by their name.

    Photos are looked for beside the file, in `images/` there, and in `images/` one folder up. Raises WinnowError where
    there is no such file, it is damaged, or it is unclear which category is hair.
    """
    files = [file for file in _files(location) if location.is_file() or _looks_like_coco(file)]
    if not files:
        raise WinnowError(f"{location} has no COCO file in it: a .json that lists images and annotations.")
    for file in files:
        yield from _read_file(file)


def _files(location: Path) -> list[Path]:
    if location.is_file():
        return [location] if location.suffix.lower() == ".json" else []
    return sorted(location.glob("*.json")) + sorted((location / "annotations").glob("*.json"))


def _looks_like_coco(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(ABOUT_ALL)
    if not start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return False
    if len(start) < ABOUT_ALL or b'"images"' not in start:
        try:
            content = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            return False
        return isinstance(content, dict) and {"images", "annotations"} <= content.keys()
    return True


def _read_file(file: Path) -> Iterator[RawPair | Refused]:
    try:
        content = json.loads(file.read_bytes())
        images, hair = content["images"], _hair(file, content["categories"])
        painted: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            if annotation["category_id"] == hair:
                painted[annotation["image_id"]].append(annotation)
        licences = {entry["id"]: entry.get("name") for entry in content.get("licenses") or []}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise WinnowError(f"{file.name} can't be read as COCO ({type(error).__name__}: {error}).") from None
    for image in images:
        yield _pair(file, image, painted, licences)


def _hair(file: Path, categories: list[dict[str, Any]]) -> Any:
    named = [category for category in categories if str(category.get("name", "")).strip().lower() == "hair"]
    found = named or categories
    if len(found) != 1:
        names = ", ".join(str(category.get("name")) for category in categories) or "none"
        raise WinnowError(f"{file.name} has no category hair, nor only one; its categories: {names}. Name one of them hair.")
    return found[0]["id"]


def _pair(file: Path, image: Any, painted: dict[Any, list[dict[str, Any]]], licences: dict[Any, Any]) -> RawPair | Refused:
    try:
        name, height, width = str(image["file_name"]), int(image["height"]), int(image["width"])
        annotations = painted.get(image["id"], [])
        licence = licences.get(image.get("license"))
    except (KeyError, TypeError, ValueError):
        return Refused(file.name, f"an image entry lacks id, file_name, height or width: {str(image)[:200]}")
    photo = _photo(file.parent, name)
    if isinstance(photo, str):
        return Refused(name, photo)
    if not annotations:
        return Refused(name, f"no annotation of hair in {file.name}.")
    if height <= 0 or width <= 0:
        return Refused(name, f"{file.name} gives it a size of {width} x {height}.")
    mask = _described([annotation.get("segmentation") for annotation in annotations], height, width)
    if isinstance(mask, str):
        return Refused(name, mask)
    return RawPair(name, photo, mask, split=SPLITS.get(file.stem.lower()), licence=str(licence) if licence else None)


def _photo(base: Path, name: str) -> Path | str:
    """The photo's file, or what is wrong with its name."""
    roots = (base, base / "images", base.parent / "images")
    paths = [path for root in roots if (path := within(root, name)) is not None]
    if not paths:
        return "its name leads out of the folder."
    return next((path for path in paths if path.is_file()), "the photo isn't there.")


def _described(segmentations: list[Any], height: int, width: int) -> CocoMask | str:
    """The mask that some segmentations describe, or what is wrong with them."""
    polygons: list[Points] = []
    runs: list[str | tuple[int, ...]] = []
    try:
        for segmentation in segmentations:
            if isinstance(segmentation, dict):
                if list(segmentation["size"]) != [height, width]:
                    return f"its mask is {segmentation['size'][1]} x {segmentation['size'][0]}, the image {width} x {height}."
                counts = segmentation["counts"]
                runs.append(counts if isinstance(counts, str) else tuple(int(run) for run in counts))
            else:
                polygons += [tuple(float(number) for number in polygon) for polygon in segmentation]
    except (KeyError, TypeError, ValueError, IndexError):
        return "its segmentation is neither polygons nor runs."
    if any(len(polygon) < 6 or len(polygon) % 2 or not np.isfinite(polygon).all() for polygon in polygons):
        return "a polygon of its has fewer than three corners, or a coordinate too many or too odd."
    return CocoMask(height, width, tuple(polygons), tuple(runs))
