"""YOLO's segmentation: a text file for each photo, a line for each outline: its class, and x and y as shares of the photo.

Photos and text files have the same name, in `images/` and `labels/` or beside each other. The classes' names are in a .yaml
file or in classes.txt; without them, a class is called by its number. An empty file says that the photo shows none of the
classes.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from posixpath import splitext
from typing import Any

import yaml

from curator.formats.fitting import fit_shapes, photo_sizes
from curator.formats.locations import (
    Location,
    display_name,
    file_below,
    file_in,
    files_in,
    is_folder,
    list_bytes,
    list_files,
    spelling_key,
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
    parse_split,
    readable_name,
)
from curator.formats.shapes import NotAnArea, Shape, parse_outline
from curator.pictures.opening import PICTURE_ENDINGS
from db.errors import WinnowError

NAMES = ("classes.txt", "obj.names", "labels/classes.txt")
TRIED = 20  # text files that are read to recognise the format
OVER_THE_EDGE = 0.05  # how far beyond 0 and 1 a share may lie
Line = tuple[int, tuple[float, ...]]  # the class, and x, y, x, y, ... as shares of the photo


def recognise(location: Location) -> str | None:
    """Why this is YOLO's, or None: a folder with text files named like photos, whose lines are classes and outlines."""
    if not is_folder(location):
        return None
    found = [text for text, _ in _texts(location)[0][:TRIED]]
    lines = [_lines(file_below(location, text)) for text in found]
    if not any(lines) or any(line is None for line in lines):
        return None
    return f"{readable_name(found[0])} has the lines of YOLO"


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every photo with a text file.

    Raises WinnowError if there is none, if the file with the names is damaged, or if it is unclear which class is hair.
    """
    texts, without = _texts(location) if is_folder(location) else ([], [])
    if not texts:
        raise WinnowError(f"{display_name(location)} has no text files of YOLO in labels/ or beside its photos.")
    check_rows(display_name(location), len(texts))
    file, names = _names(location)
    if file is not None:
        yield ListRead(file)
    used: Counter[str] = Counter()  # the files are read twice rather than held: there may be a million of them
    for text, _ in texts:
        used.update(_name(number, names) for number, _ in _lines(file_below(location, text)) or ())
    choice = list(dict.fromkeys((*names.values(), *used)))
    hair = alike(choice, hair_label(file.name if file else "labels/", "classes", choice, label, used))
    meant = {"mask": hair, "skin": called(choice, *SKIN) - hair, "unknown": called(choice, *UNKNOWN) - hair}
    for text, photo in texts:
        place, annotation = file_below(location, photo), file_below(location, text)
        lines = _lines(annotation)
        item: Item = Refused(readable_name(photo), f"{readable_name(text)} has a line that is none of YOLO's.", place)
        if lines is not None:
            drawn = [(_name(number, names), points) for number, points in lines]
            item = pair_or_refusal(readable_name(photo), partial(_pair, photo, place, annotation, drawn, meant), place)
        yield item
        if isinstance(item, Refused):
            yield ListRead(annotation)
    for photo in without:
        yield Refused(readable_name(photo), "it has no text file of its name.", file_below(location, photo))


def _texts(location: Location) -> tuple[list[tuple[str, str]], list[str]]:
    """The text files with their photos, and the photos without one, as relative names."""
    names = list_files(location, location)
    photos: dict[str, str] = {}
    for name in names:
        stem, ending = splitext(name)
        if ending.lower() in PICTURE_ENDINGS:
            photos.setdefault(spelling_key(stem), name)
    found = []
    for name in names:
        stem, ending = splitext(name)
        if ending.lower() == ".txt":
            parts = ["images" if part.lower() == "labels" else part for part in stem.split("/")]
            for key in (spelling_key("/".join(parts)), spelling_key(stem)):
                if key in photos:
                    found.append((name, photos[key]))
                    break
    taken = {photo for _, photo in found}
    folders = {str(PurePosixPath(photo).parent) for photo in taken}
    return found, [photo for photo in photos.values() if photo not in taken and str(PurePosixPath(photo).parent) in folders]


def _lines(file: Location) -> list[Line] | None:
    """The lines of a text file; None if it is none of YOLO's."""
    try:
        words = [line.split() for line in list_bytes(file).decode("utf-8-sig").splitlines()]
        return [(int(line[0]), tuple(float(word) for word in line[1:])) for line in words if line]
    except (ValueError, OSError, WinnowError):
        return None


def _names(location: Location) -> tuple[Location | None, dict[int, str]]:
    """The file with the classes' names, and the names by number; None without such a file."""
    for file in (*files_in(location, ".yaml", location), *files_in(location, ".yml", location)):
        try:
            content = yaml.safe_load(list_bytes(file))
            names: Any = content.get("names") if isinstance(content, dict) else None
            if isinstance(names, list | dict):
                pairs = names.items() if isinstance(names, dict) else enumerate(names)
                return file, {int(number): str(name) for number, name in pairs}
        except (ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
            raise WinnowError(f"{file.name} can't be read as YAML ({type(error).__name__}).") from None
    for name in NAMES:
        if (found := file_in(location, name, location)) is not None:
            words = list_bytes(found).decode("utf-8", "replace").splitlines()
            return found, {number: word.strip() for number, word in enumerate(words) if word.strip()}
    return None, {}


def _name(number: int, names: dict[int, str]) -> str:
    return names.get(number, str(number))


def _pair(
    photo: str,
    place: Location,
    annotation: Location,
    drawn: list[tuple[str, tuple[float, ...]]],
    meant: dict[str, frozenset[str]],
) -> RawPair | Refused:
    sizes = photo_sizes(place)
    if not sizes:
        raise WinnowError("its size can't be read from the photo's file, so its outlines can't be drawn.")
    size = sizes[0]  # as it is shown: YOLO turns photos upright
    shapes = {field: [_shape(points, *size) for name, points in drawn if name in labels] for field, labels in meant.items()}
    if drawn and not shapes["mask"]:
        others = ", ".join(sorted({name for name, _ in drawn})[:5])
        return Refused(readable_name(photo), f"it has no hair annotation. It has {others}.", place)
    masks = {field: fit_shapes(some, size, place, annotation.name) for field, some in shapes.items() if some or field == "mask"}
    mask, remarks = masks["mask"]
    return RawPair(
        readable_name(photo),
        place,
        mask,
        skin=masks["skin"][0] if "skin" in masks else None,
        unknown=masks["unknown"][0] if "unknown" in masks else None,
        annotation=annotation,
        remarks=remarks,
        split=next((split for part in photo.split("/")[:-1] if (split := parse_split(part)) is not None), None),
    )


def _shape(points: tuple[float, ...], height: int, width: int) -> Shape | NotAnArea:
    if len(points) == 4:
        return NotAnArea("a box")
    if not all(-OVER_THE_EDGE <= number <= 1 + OVER_THE_EDGE for number in points):
        raise WinnowError("its coordinates are not the shares of the photo, from 0 to 1, that YOLO's lines have.")
    return parse_outline([number * (height if at % 2 else width) for at, number in enumerate(points)])
