"""Supervisely's project: meta.json, and datasets with the photos in img/ and one annotation file per photo in ann/.

A bitmap (hard) or alpha mask (soft) is a PNG, compressed with zlib and written as base64, with the position of its corner; all
eight bits of an alpha mask are kept. A dataset's name, or a photo's tag, may give the split.
"""

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curator.formats.fitting import fit_shapes
from curator.formats.locations import (
    MAX_DEPTH,
    Location,
    display_name,
    file_in,
    files_in,
    is_folder,
    last_name,
    list_bytes,
    list_files,
    relative_path,
    spelling_key,
    subfolder,
    subfolders,
    write_file,
)
from curator.formats.members import SKIN_LABEL, UNKNOWN_LABEL, Fact, about_from, masks_of
from curator.formats.pairs import (
    HAIR,
    NO_HAIR,
    SKIN,
    UNKNOWN,
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    alike,
    called,
    hair_label,
    pair_or_refusal,
    parse_split,
    readable_name,
)
from curator.formats.shapes import Canvas, NotAnArea, Polygon, Shape, parse_outline, paste_max
from curator.pictures.codec import encode_mask
from curator.pictures.masks import is_soft
from curator.pictures.opening import decode_image
from db.errors import WinnowError
from db.settings import Limits
from db.store import Store

META = "meta.json"
NO_AREAS = {"rectangle": "a box", "line": "a line", "polyline": "a line", "point": "a point", "graph": "a skeleton"}
COLOURS = {HAIR: "#FF0000", SKIN_LABEL: "#00FF00", UNKNOWN_LABEL: "#808080"}
KEEPS = frozenset(Fact)
SOFT_BY_KIND = {"bitmap": False, "alpha_mask": True}  # whether values between 0 and 255 are kept


@dataclass(frozen=True)
class Bitmap:
    """A part of a mask as a compressed picture."""

    data: str  # base64 of a PNG, compressed with zlib or not
    top: int  # pixels, of its corner in the mask
    left: int
    soft: bool  # keep values between 0 and 255; else every value but 0 is hair

    def box(self) -> None:
        """None: its size is known when it is decompressed."""

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the picture onto a canvas; returns its work. Raises WinnowError if it is damaged or beyond the limits."""
        try:
            packed = base64.b64decode(self.data)
            unpacker = zlib.decompressobj()
            picture = packed if packed.startswith(b"\x89PNG") else unpacker.decompress(packed, limits.file_bytes + 1)
        except (ValueError, zlib.error):
            raise WinnowError("its bitmap is damaged: it can't be decompressed.") from None
        try:
            image = decode_image(picture, limits).image
        except WinnowError as error:
            raise WinnowError(f"its bitmap: {error}") from None
        # A soft picture is grey; a hard one marks hair by its palette or by transparency.
        by_alpha = image.has_transparency_data and not (self.soft and image.mode == "L")
        values = np.asarray(image.convert("RGBA").getchannel("A") if by_alpha else image.convert("L"))
        paste_max(canvas, values if self.soft else (values > 0).astype(np.uint8) * np.uint8(255), self.top, self.left)
        return int(values.size) + len(picture)


def bitmap_json(mask: Canvas) -> dict[str, Any]:
    """A mask, uint8 (H, W), 0 to 255, as the JSON of a bitmap or alpha mask that covers the whole photo."""
    return {"data": base64.b64encode(zlib.compress(encode_mask(mask))).decode(), "origin": [0, 0]}


def recognise(location: Location) -> str | None:
    """Why this is a Supervisely project, or None."""
    if not is_folder(location) or (meta := file_in(location, META, location)) is None or b'"classes"' not in list_bytes(meta):
        return None
    found = next(_datasets(location), None)
    return f"it has {META} and {relative_path(found, location)}/ann/" if found is not None else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every photo of every dataset, and of the datasets nested in them.

    Raises WinnowError if there is no dataset, if meta.json can't be read, or if it is unclear which class is hair.
    """
    datasets = list(_datasets(location)) if is_folder(location) else []
    if not datasets:
        raise WinnowError(f"{display_name(location)} has no dataset, which is a folder with img/ and ann/.")
    meta = file_in(location, META, location) or location / META
    classes = _classes(meta, label)
    yield ListRead(meta)
    for dataset in datasets:
        images, annotations = subfolder(dataset, "img"), subfolder(dataset, "ann")
        photos = [] if images is None else list_files(images, location)
        files = [] if annotations is None else files_in(annotations, ".json", location)
        there, alike_names = frozenset(photos), Counter(map(spelling_key, photos))
        by_key = {spelling_key(each): each for each in photos}
        annotated = set()
        for file in files:
            its_own = (
                file.stem
                if file.stem in there or alike_names[spelling_key(file.stem)] != 1
                else by_key[spelling_key(file.stem)]
            )
            annotated.add(its_own)
            photo = dataset / "img" / its_own
            name = readable_name(str(relative_path(photo, location)))
            if its_own in there:
                item = pair_or_refusal(name, partial(_pair, name, photo, file, classes), photo)
                yield item
                if isinstance(item, Refused):
                    yield ListRead(file)
            else:
                annotation = readable_name(str(relative_path(file, location)))
                yield Refused(name, f"{annotation} annotates it, but the photo is missing.", file)
        for each in photos:
            if each not in annotated:
                name = readable_name(f"{relative_path(dataset, location)}/img/{each}")
                yield Refused(name, f"it has no annotation in {last_name(dataset)}/ann/.")


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `meta.json`, and a dataset per split with `img/` and `ann/`; a photo without hair gets the tag NO_HAIR.

    What else is known are tags with a value. Returns 0: soft masks stay soft, as alpha masks beside the bitmaps of the hard
    ones.
    """
    kinds = set()
    for item in items:
        dataset, photo = folder / item.split.value, f"{item.name}.jpg"
        write_file(dataset / "img" / photo, store.get(item.image))
        masks, objects = masks_of(item, store), []
        for label, mask in masks.labelled:
            if mask.any():
                kind = "alpha_mask" if is_soft(mask) else "bitmap"
                kinds.add((label, kind))
                objects.append({"classTitle": label, "geometryType": kind, "bitmap": bitmap_json(mask), "tags": []})
        tags: list[dict[str, str | None]] = [{"name": name, "value": word} for name, word in item.about.items() if word]
        content = {
            "description": "",
            "size": {"height": masks.hair.shape[0], "width": masks.hair.shape[1]},
            "tags": tags if masks.hair.any() else [{"name": NO_HAIR, "value": None}, *tags],
            "objects": objects,
        }
        write_file(dataset / "ann" / f"{photo}.json", json.dumps(content).encode())
    columns = items[0].about if items else ()
    meta = {
        "classes": [
            {"title": label, "shape": "any" if (label, "alpha_mask") in kinds else "bitmap", "color": colour}
            for label, colour in COLOURS.items()
        ],
        "tags": [
            {"name": NO_HAIR, "value_type": "none", "color": "#0000FF"},
            *({"name": name, "value_type": "any_string", "color": "#808080"} for name in columns),
        ],
    }
    write_file(folder / META, json.dumps(meta).encode())
    return 0


@dataclass(frozen=True)
class _Classes:
    """What the classes of a project mean."""

    hair: frozenset[str]
    skin: frozenset[str]
    unknown: frozenset[str]


def _datasets(folder: Location, depth: int = 0) -> Iterator[Location]:
    """The folders with ann/ below a folder. A dataset's nested ones lie in its folder `datasets`."""
    for inner in subfolders(folder):
        if last_name(inner) in ("img", "ann", "masks_human", "masks_machine"):
            continue
        if subfolder(inner, "ann") is not None:
            yield inner
        if depth < MAX_DEPTH:
            yield from _datasets(inner, depth + 1)


def _classes(meta: Location, label: str | None) -> _Classes:
    try:
        titles = [str(each["title"]) for each in json.loads(list_bytes(meta))["classes"]]
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise WinnowError(f"{meta.name} can't be read as Supervisely's ({type(error).__name__}).") from None
    hair = alike(titles, hair_label(meta.name, "classes", titles, label))
    return _Classes(hair, called(titles, *SKIN) - hair, called(titles, *UNKNOWN) - hair)


def _pair(name: str, photo: Location, file: Location, classes: _Classes) -> RawPair | Refused:
    try:
        annotation = json.loads(list_bytes(file))
        size = int(annotation["size"]["height"]), int(annotation["size"]["width"])
        tags = {str(tag["name"]): tag.get("value") for tag in annotation.get("tags") or []}
        drawn = {
            field: [_shape(each) for each in annotation["objects"] if each["classTitle"] in meant]
            for field, meant in (("mask", classes.hair), ("skin", classes.skin), ("unknown", classes.unknown))
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, OSError) as error:
        return Refused(name, f"its annotation can't be read as Supervisely's ({type(error).__name__}).", photo)
    if not drawn["mask"] and NO_HAIR not in tags:
        others = sorted({str(each["classTitle"]) for each in annotation["objects"]})
        also = f" It has {', '.join(others[:5])}." if others else ""
        return Refused(name, f"it has no hair annotation.{also}", photo)
    masks = {field: fit_shapes(shapes, size, photo, file.name) for field, shapes in drawn.items() if shapes or field == "mask"}
    split = next((found for word in [*tags, *reversed(name.split("/")[:-2])] if (found := parse_split(word))), None)
    mask, remarks = masks["mask"]
    skin, unknown = (masks[field][0] if field in masks else None for field in ("skin", "unknown"))
    return RawPair(
        name, photo, mask, split=split, skin=skin, unknown=unknown, annotation=file, remarks=remarks, **about_from(tags)
    )


def _shape(drawn: dict[str, Any]) -> Shape | NotAnArea:
    kind = drawn.get("geometryType") or drawn.get("shape")
    if kind in SOFT_BY_KIND:
        content = drawn.get("bitmap") or drawn[kind]
        left, top = content["origin"]
        return Bitmap(str(content["data"]), int(top), int(left), SOFT_BY_KIND[kind])
    if kind == "polygon":
        corners = drawn["points"]
        outline = parse_outline(np.ravel(corners["exterior"]).tolist())
        holes = [parse_outline(np.ravel(each).tolist()) for each in corners.get("interior") or []]
        if isinstance(outline, NotAnArea):
            return outline
        return Polygon(outline.outline, tuple(hole.outline for hole in holes if isinstance(hole, Polygon)))
    return NotAnArea(NO_AREAS.get(str(kind), str(kind)))
