"""PASCAL VOC, and CVAT's "Segmentation mask 1.1": `JPEGImages/`, `SegmentationClass/`, lists, and `labelmap.txt`."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname, splitext

from curator.formats.folder import is_picture
from curator.formats.locations import (
    Location,
    display_name,
    file_below,
    is_folder,
    list_bytes,
    list_files,
    relative_path,
    write_file,
)
from curator.formats.members import CLASS_COLOURS, Fact, masks_of
from curator.formats.pairs import (
    SKIN,
    UNKNOWN,
    Documented,
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    called,
    hair_label,
    match_key,
    parse_split,
    readable_name,
)
from curator.pictures.codec import encode_palette
from curator.pictures.meaning import Meaning
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

PLACE = re.compile(r"(?:^|(?<=/))(JPEGImages|SegmentationClass)/", re.IGNORECASE | re.ASCII)
ROW = re.compile(r"(?P<label>[^#:][^:]*):(\d{1,3}),(\d{1,3}),(\d{1,3}):")
VOID = "#e0e0c0"  # the border in VOC's own palette, of which it says nothing
PHOTOS, LISTS, LABELS = "jpegimages", "imagesets/segmentation", "labelmap.txt"


@dataclass
class _Set:
    """The files of one data set, relative to the source; photos and masks by their names in their folders."""

    photos: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    masks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lists: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


KEEPS = frozenset({Fact.bald, Fact.skin, Fact.unknown, Fact.splits})
SPLIT_LISTS = {Split.train: "train.txt", Split.validation: "val.txt", Split.test: "test.txt"}


def recognise(location: Location) -> str | None:
    """Why this is PASCAL VOC, or None: a folder SegmentationClass with pictures, in the source or below."""
    found = next((above for above, each in _sets(location).items() if each.masks), None)
    return None if found is None else f"it has a folder {readable_name(found)}SegmentationClass/"


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """The pairs of every data set below the source, with the split of the list that names them.

    The first `labelmap.txt` says which colour is hair. Raises WinnowError if there is no folder SegmentationClass, or no
    photos, or if it is unclear which of the labels is hair.
    """
    sets = {above: each for above, each in _sets(location).items() if each.masks}
    if not sets:
        raise WinnowError(f"{display_name(location)} has no folder SegmentationClass/ with masks.")
    if not any(each.photos for each in sets.values()):
        raise WinnowError(
            f"{display_name(location)} has masks and no folder JPEGImages/ with photos. Export it from CVAT with its images."
        )
    maps = [file_below(location, name) for found in sets.values() for name in found.labels]
    if maps and (colours := _colours(maps[0])):
        meaning = _meaning(maps[0].name, colours, label)
        for file in maps[1:]:
            other = _meaning(file.name, _colours(file), label)
            if any(meaning.role(value) != other.role(value) for value in {*meaning.values, *other.values}):
                raise WinnowError(
                    f"{relative_path(maps[0], location)} and {relative_path(file, location)} give different colours to hair, "
                    "skin or what is unknown. Send their folders as sources of their own."
                )
        yield Documented(meaning)
    elif label is not None:
        raise WinnowError(f"{display_name(location)} has no {LABELS} that says the colour of {label}. Use --hair.")
    for above, found in sets.items():
        yield from _read_set(location, above, found)


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `JPEGImages/`, `SegmentationClass/` (1 hair, 2 skin, 255 unknown), `labelmap.txt` and `ImageSets/Segmentation/`.

    Returns how many soft masks were cut at half.
    """
    soft = 0
    colours = {int(number): colour for number, colour in CLASS_COLOURS.items()}
    for item in items:
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "JPEGImages" / f"{item.name}.jpg", store.get(item.image))
        write_file(folder / "SegmentationClass" / f"{item.name}.png", encode_palette(masks.class_map(), colours))
    rows = [f"{number.name}:{','.join(map(str, colour))}::\n" for number, colour in CLASS_COLOURS.items()]
    write_file(folder / "labelmap.txt", "".join(["# label:color_rgb:parts:actions\n", *rows]).encode())
    for split, name in SPLIT_LISTS.items():
        listed = "".join(f"{item.name}\n" for item in items if item.split is split)
        write_file(folder / "ImageSets" / "Segmentation" / name, listed.encode())
    return soft


def _colours(file: Location) -> dict[str, str]:
    """The colour of each label, by the lines `label:red,green,blue:parts:actions`, which CVAT writes as well."""
    rows = map(ROW.match, list_bytes(file).decode("utf-8-sig", "replace").splitlines())
    found = {row["label"].strip(): [min(255, int(channel)) for channel in row.groups()[1:]] for row in rows if row}
    return {label: "#" + bytes(channels).hex() for label, channels in found.items()}


def _meaning(file: str, colours: dict[str, str], label: str | None) -> Meaning:
    hair = colours[hair_label(file, "labels", list(colours), label)]
    skin, unknown = ({colours[one] for one in called(colours, *names)} for names in (SKIN, UNKNOWN))
    unknown |= {VOID} - set(colours.values())
    return Meaning(tuple(sorted({"#000000", VOID, *colours.values()})), (hair,), tuple(sorted(skin)), tuple(sorted(unknown)))


def _read_set(location: Location, above: str, found: _Set) -> Iterator[Item]:
    splits: dict[str, Split] = {}
    listed: dict[str, str] = {}
    for name in [*found.labels, *found.lists]:
        yield ListRead(file_below(location, name))
    for name in found.lists:
        split = parse_split(splitext(basename(name))[0])
        for line in list_bytes(file_below(location, name)).decode("utf-8-sig", "replace").splitlines():
            if line.strip():
                key = match_key(line.strip())
                listed.setdefault(key, f"{readable_name(name)} names {line.strip()[:200]}")
                if split is not None:
                    splits.setdefault(key, split)
    for key, photos in found.photos.items():
        masks = found.masks.get(key, [])
        if len(photos) == len(masks) == 1:
            yield RawPair(
                readable_name(photos[0]),
                file_below(location, photos[0]),
                file_below(location, masks[0]),
                split=splits.get(key),
            )
        elif masks:
            several = ", ".join(map(readable_name, photos if len(photos) > 1 else masks))
            yield from (Refused(readable_name(each), f"several files have its name: {several}. Keep one.") for each in photos)
        else:
            why = f"no mask of that name in {readable_name(above)}SegmentationClass/."
            yield from (Refused(readable_name(each), why) for each in photos)
    for key, masks in found.masks.items():
        if key not in found.photos:
            why = f"no photo of that name in {readable_name(above)}JPEGImages/."
            yield from (Refused(readable_name(each), why) for each in masks)
    for key, where in listed.items():
        if key not in found.photos and key not in found.masks:
            yield Refused(where.partition(" names ")[0], f"{where}, which is neither in JPEGImages/ nor in SegmentationClass/.")


def _sets(location: Location) -> dict[str, _Set]:
    """What lies in each folder that has some of the format's folders or files."""
    sets: dict[str, _Set] = defaultdict(_Set)
    for name in list_files(location, location) if is_folder(location) else ():
        place, folders = PLACE.search(name), dirname(name)
        if place and is_picture(name):
            found = sets[name[: place.start()]]
            there = found.photos if place[1].lower() == PHOTOS else found.masks
            there[match_key(splitext(name[place.end() :])[0])].append(name)
        elif f"/{folders.lower()}".endswith(f"/{LISTS}") and name.lower().endswith(".txt"):
            sets[folders[: len(folders) - len(LISTS)]].lists.append(name)
        elif basename(name).lower() == LABELS:
            sets[f"{folders}/" if folders else ""].labels.append(name)
    return sets
