"""VGG Image Annotator (VIA): a project or its annotations as JSON or CSV, with polygons, ellipses and circles.

VIA does not say how large a photo is, so its header does. A region's label is what its attributes say: a word, or the options
that are ticked; without any it is UNLABELLED.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from io import StringIO
from math import pi
from typing import Any

from curator.formats.fitting import fit_shapes
from curator.formats.locations import (
    SNIFF_BYTES,
    FileLookup,
    Found,
    Location,
    display_name,
    files_in,
    find_photo,
    is_folder,
    list_bytes,
)
from curator.formats.pairs import (
    SKIN,
    UNKNOWN,
    Item,
    ListRead,
    RawPair,
    Refused,
    alike,
    called,
    check_rows,
    hair_label,
    pair_or_refusal,
)
from curator.formats.shapes import NotAnArea, Shape, parse_ellipse, parse_outline
from db.errors import WinnowError

UNLABELLED = "unlabelled"
NO_AREAS = {"rect": "a box", "point": "a point", "polyline": "a line", "line": "a line"}
COLUMNS = {"filename", "region_shape_attributes", "region_attributes"}  # of a CSV export; VIA 1 puts # before the first


def recognise(location: Location) -> str | None:
    """Why this is VIA's, or None: a JSON or CSV file, or a folder with one, whose photos have regions with shape attributes."""
    found = next((file for file in _files(location) if _looks_like_via(file)), None)
    return f"{found.name} holds VIA's regions" if found is not None else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every photo of every list. Photos are looked for beside the list, in `images/` and in `data/` there.

    Raises WinnowError if there is no list, if it is damaged, or if it is unclear which label is hair.
    """
    files = [file for file in _files(location) if _looks_like_via(file)]
    if not files:
        raise WinnowError(f"{display_name(location)} has no list of VIA, which is a JSON or CSV file of photos with regions.")
    for file in files:
        photos, options = _listed(file)
        check_rows(file.name, len(photos))
        yield ListRead(file)
        used = Counter(label for regions in photos.values() for region in regions for label in _labels(region, options))
        choice = list(dict.fromkeys((*options.values(), *used)))
        hair = alike(choice, hair_label(file.name, "labels", choice, label, used))
        meant = {"mask": hair, "skin": called(choice, *SKIN) - hair, "unknown": called(choice, *UNKNOWN) - hair}
        lookups = [FileLookup(folder) for folder in (file.parent, file.parent / "images", file.parent / "data")]
        for name, regions in photos.items():
            found = find_photo(lookups, name, location)
            if isinstance(found, str):
                yield Refused(name, found)
            else:
                yield pair_or_refusal(name, partial(_pair, file, name, found, regions, meant, options), found.place)


def _files(location: Location) -> list[Location]:
    if is_folder(location):
        return [file for ending in (".json", ".csv") for file in files_in(location, ending, location)]
    return [location] if location.suffix.lower() in (".json", ".csv") else []


def _looks_like_via(file: Location) -> bool:
    start = list_bytes(file, SNIFF_BYTES)
    if file.suffix.lower() == ".csv":
        return all(column.encode() in start.partition(b"\n")[0] for column in COLUMNS)
    if b'"_via_' in start or b'"shape_attributes"' in start:
        return True
    return b'"regions"' in start and b'"filename"' in start and b'"shape_attributes"' in list_bytes(file)


def _listed(file: Location) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The regions of each photo, by its name, and the project's options: what each is called, by what a region says."""
    try:
        if file.suffix.lower() == ".csv":
            return _rows(list_bytes(file).decode("utf-8-sig")), {}
        content = json.loads(list_bytes(file))
        entries = content.get("_via_img_metadata", content)
        photos: dict[str, list[Any]] = {}
        for entry in entries.values():
            regions = entry["regions"]
            photos.setdefault(str(entry["filename"]), []).extend(regions.values() if isinstance(regions, dict) else regions)
        attributes = (content.get("_via_attributes") or {}).get("region") or {}
        options = {
            str(option): str(word or option) if isinstance(word, str | int) else str(option)
            for attribute in attributes.values()
            for option, word in (attribute.get("options") or {}).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise WinnowError(f"{file.name} can't be read as VIA's ({type(error).__name__}).") from None
    return photos, options


def _rows(text: str) -> dict[str, list[Any]]:
    photos: dict[str, list[Any]] = {}
    for row in csv.DictReader(StringIO(text.removeprefix("#"))):
        regions = photos.setdefault(row["filename"], [])
        shape = json.loads(row["region_shape_attributes"] or "{}")
        if shape:
            regions.append({"shape_attributes": shape, "region_attributes": json.loads(row["region_attributes"] or "{}")})
    return photos


def _labels(region: Any, options: dict[str, str]) -> list[str]:
    attributes = region.get("region_attributes") if isinstance(region, dict) else None
    words = []
    for value in attributes.values() if isinstance(attributes, dict) else ():
        words += (
            [str(option) for option, ticked in value.items() if ticked] if isinstance(value, dict) else [str(value).strip()]
        )
    return [options.get(word, word) for word in words if word] or [UNLABELLED]


def _pair(
    file: Location, name: str, found: Found, regions: list[Any], meant: dict[str, frozenset[str]], options: dict[str, str]
) -> RawPair | Refused:
    drawn = {
        field: [_shape(each) for each in regions if not labels.isdisjoint(_labels(each, options))]
        for field, labels in meant.items()
    }
    if not drawn["mask"]:
        others = sorted({label for each in regions for label in _labels(each, options)})
        also = f" It has {', '.join(others[:5])}." if others else ""
        return Refused(name, f"it has no hair annotation in {file.name}.{also}", found.place)
    masks = {field: fit_shapes(shapes, None, found.place, file.name) for field, shapes in drawn.items() if shapes}
    mask, remarks = masks["mask"]
    return RawPair(
        name,
        found.place,
        mask,
        skin=masks["skin"][0] if "skin" in masks else None,
        unknown=masks["unknown"][0] if "unknown" in masks else None,
        remarks=tuple(filter(None, (found.remark, *remarks))),
    )


def _shape(region: Any) -> Shape | NotAnArea:
    try:
        drawn = region["shape_attributes"]
        kind = drawn["name"]
        if kind == "polygon":
            corners = zip(drawn["all_points_x"], drawn["all_points_y"], strict=True)
            return parse_outline([number for corner in corners for number in corner])
        if kind == "circle":
            return parse_ellipse(drawn["cx"], drawn["cy"], drawn["r"], drawn["r"])
        if kind == "ellipse":
            turned = float(drawn.get("theta") or 0) * 180 / pi
            return parse_ellipse(drawn["cx"], drawn["cy"], drawn["rx"], drawn["ry"], turned)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError("one of its regions lacks its shape's numbers.") from None
    return NotAnArea(NO_AREAS.get(str(kind), str(kind)))
