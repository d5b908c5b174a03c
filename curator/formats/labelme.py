"""labelme: a JSON file for each photo, with polygons, circles and masks; the photo lies beside it or inside it.

An image flag called "no hair" says so. Labels are those in labels.txt, if there is one, and those that are used.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from math import hypot
from posixpath import splitext
from typing import Any

from curator.formats.fitting import Size, fit_shapes
from curator.formats.locations import (
    FileLookup,
    Found,
    Location,
    display_name,
    file_below,
    file_in,
    find_photo,
    is_folder,
    last_name,
    list_bytes,
    list_files,
    relative_path,
)
from curator.formats.pairs import (
    NO_HAIR,
    SKIN,
    UNKNOWN,
    Embedded,
    Item,
    ListRead,
    RawPair,
    Refused,
    alike,
    called,
    check_rows,
    hair_label,
    label_key,
    match_key,
    pair_or_refusal,
    parse_split,
    readable_name,
)
from curator.formats.shapes import NotAnArea, Shape, parse_ellipse, parse_outline
from curator.formats.supervisely import Bitmap
from curator.pictures.opening import PICTURE_ENDINGS
from db.errors import WinnowError

LABELS = "labels.txt"
BESIDE = ("images", "image", "img", "imgs", "photos", "JPEGImages")  # folders for photos beside one of annotations
TRIED = 20  # JSON files that are read to recognise the format
NO_AREAS = {
    "rectangle": "a box", "oriented_rectangle": "a box", "point": "a point", "points": "points", "line": "a line",
    "linestrip": "a line",
}  # fmt: skip


def recognise(location: Location) -> str | None:
    """Why this is labelme's, or None: a JSON file with shapes and an image's path, or a folder with such files."""
    found = next((file for file in _files(location)[:TRIED] if _content(file) is not None), None)
    if found is None:
        return None
    return f"{relative_path(found, location) if is_folder(location) else found.name} is one of labelme's"


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every JSON file; its photo is looked for where the file says, beside it and in `images/`, then in the file.

    Raises WinnowError if there is no such file, or if it is unclear which label is hair.
    """
    used: Counter[str] = Counter()
    files = []
    for file in _files(location):
        if (content := _content(file)) is not None:  # read twice rather than held: most files hold their photo, too
            files.append(file)
            used.update(str(shape.get("label")) for shape in content["shapes"] if isinstance(shape, dict))
    if not files:
        raise WinnowError(f"{display_name(location)} has none of labelme's JSON files, which have shapes and an imagePath.")
    check_rows(display_name(location), len(files))
    listed = file_in(location, LABELS, location) if is_folder(location) else None
    names = [] if listed is None else list_bytes(listed).decode("utf-8", "replace").split("\n")
    if listed is not None:
        yield ListRead(listed)
    choice = [name for name in dict.fromkeys((*map(str.strip, names), *used)) if name and not name.startswith("_")]
    hair = alike(choice, hair_label(last_name(location), "labels", choice, label, used))
    meant = {"mask": hair, "skin": called(choice, *SKIN) - hair, "unknown": called(choice, *UNKNOWN) - hair}
    lookups: dict[Location, FileLookup] = {}
    for file in files:
        yield from _item(file, location, meant, lookups)


def _files(location: Location) -> list[Location]:
    if not is_folder(location):
        return [location] if location.suffix.lower() == ".json" else []
    return [file_below(location, name) for name in list_files(location, location) if name.lower().endswith(".json")]


def _content(file: Location) -> dict[str, Any] | None:
    """What one of labelme's files says; None for any other file."""
    try:
        data = list_bytes(file)
        if b'"shapes"' not in data or b'"imagePath"' not in data:
            return None
        content = json.loads(data)
    except (ValueError, RecursionError, OSError, WinnowError):
        return None
    fits = isinstance(content, dict) and isinstance(content.get("shapes"), list) and isinstance(content.get("imagePath"), str)
    return content if fits else None


def _item(
    file: Location, location: Location, meant: dict[str, frozenset[str]], lookups: dict[Location, FileLookup]
) -> Iterator[Item]:
    source = location if is_folder(location) else location.parent
    name = readable_name(relative_path(file, source).as_posix())
    content = _content(file) or {"shapes": [], "imagePath": ""}
    photo = _photo(content, file, source, lookups)
    if isinstance(photo, str):
        yield Refused(name, photo, file)
        return
    place = photo.place if isinstance(photo, Found) else None
    item = pair_or_refusal(name, partial(_pair, content, file, name, photo, meant), place or file)
    yield item
    if isinstance(item, Refused):
        yield ListRead(file)


def _photo(
    content: dict[str, Any], file: Location, source: Location, lookups: dict[Location, FileLookup]
) -> Found | Embedded | str:
    """The photo: where the file says, or of that name beside the file or in a folder for photos, or in the file itself."""
    named = str(content["imagePath"]).replace("\\", "/")
    folder = relative_path(file.parent, source).as_posix()
    folders = (file.parent, file.parent / "images", *(file.parent.parent / each for each in BESIDE if folder != "."))
    said, *near = (lookups.setdefault(each, FileLookup(each)) for each in (source, *folders))
    place = said.find(f"{folder}/{named}")
    if place is not None and said.exists(place):
        return _unless_another_is_beside(file, Found(place), named, lookups)
    found = find_photo(near, named.rpartition("/")[2], source)
    if isinstance(found, Found):
        return _unless_another_is_beside(file, found, named, lookups)
    if isinstance(data := content.get("imageData"), str) and data:
        try:
            return Embedded(base64.b64decode(data))
        except ValueError:
            return "the photo that is stored in it is damaged."
    return found


def _unless_another_is_beside(file: Location, found: Found, named: str, lookups: dict[Location, FileLookup]) -> Found | str:
    """The photo that a file names; why not, if another lies beside it with the file's own name: one of them was renamed."""
    stem, beside = splitext(file.name)[0], lookups.setdefault(file.parent, FileLookup(file.parent))
    if match_key(stem) == match_key(splitext(last_name(found.place))[0]):
        return found
    own = next((match for ending in PICTURE_ENDINGS if isinstance(match := beside.match(stem + ending), Found)), None)
    if own is None:
        return found
    return (
        f"it says that its photo is {named}, and {readable_name(last_name(own.place))} lies beside it. Mend its imagePath or "
        "its name."
    )


def _pair(
    content: dict[str, Any], file: Location, name: str, photo: Found | Embedded, meant: dict[str, frozenset[str]]
) -> RawPair | Refused:
    place = photo.place if isinstance(photo, Found) else None
    shapes = [shape for shape in content["shapes"] if isinstance(shape, dict)]
    drawn = {field: [_shape(each) for each in shapes if each.get("label") in labels] for field, labels in meant.items()}
    flags = content.get("flags")
    no_hair = isinstance(flags, dict) and any(on and label_key(str(flag)) == NO_HAIR for flag, on in flags.items())
    if not drawn["mask"] and not no_hair:
        others = sorted({str(each.get("label")) for each in shapes})
        also = f" It has {', '.join(others[:5])}." if others else ""
        return Refused(name, f"it has no hair annotation.{also}", place)
    where = photo.place if isinstance(photo, Found) else photo
    size = _size(content)
    masks = {field: fit_shapes(some, size, where, file.name) for field, some in drawn.items() if some or field == "mask"}
    mask, remarks = masks["mask"]
    return RawPair(
        str(content["imagePath"]) if place is None else name,
        where,
        mask,
        skin=masks["skin"][0] if "skin" in masks else None,
        unknown=masks["unknown"][0] if "unknown" in masks else None,
        annotation=file,
        remarks=tuple(filter(None, (photo.remark if isinstance(photo, Found) else "", *remarks))),
        split=next((split for part in name.split("/")[:-1] if (split := parse_split(part)) is not None), None),
    )


def _size(content: dict[str, Any]) -> Size | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    return (height, width) if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0 else None


def _shape(drawn: dict[str, Any]) -> Shape | NotAnArea:
    kind = drawn.get("shape_type") or "polygon"
    if kind in NO_AREAS:
        return NotAnArea(NO_AREAS[kind])
    try:
        points = [(float(x), float(y)) for x, y in drawn["points"]]
        if kind == "polygon":
            return parse_outline([number for point in points for number in point])
        (x, y), (end_x, end_y) = points
        if kind == "circle":
            return parse_ellipse(x, y, *[hypot(end_x - x, end_y - y)] * 2)
        if kind == "mask":
            return Bitmap(str(drawn["mask"]), round(y), round(x), soft=False)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError(f"its {kind} lacks its points or has damaged ones.") from None
    return NotAnArea(str(kind))
