"""CelebAMask-HQ: `CelebA-HQ-img/0.jpg`, and a mask for each part of the face: `CelebAMask-HQ-mask-anno/0/00000_hair.png`.

The set writes no file for a part that a face lacks; so a photo with other parts and no hair has no hair (a bald head, a hat).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from posixpath import basename, splitext

from curator.formats.locations import Location, display_name, file_below, is_folder, list_bytes, list_files, write_file
from curator.formats.members import Fact, masks_of
from curator.formats.pairs import HAIR, Item, ListRead, RawPair, Refused, SetItem, readable_name
from curator.formats.shapes import Shapes
from curator.pictures.codec import encode_mask
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

PHOTOS, MASKS = "celeba-hq-img", "celebamask-hq-mask-anno"
PARTS = frozenset(
    {
        "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth", "u_lip", "l_lip",
        "neck", "neck_l", "cloth", "hair", "hat", "unknown",
    }
)  # fmt: skip
NAMED = re.compile(r"0*(?P<number>\d{1,9})_(?P<part>[a-z_]+)\.(png|jpg)", re.IGNORECASE)
# The lists of CelebA's own splits: from a photo's number to its file in CelebA, and from there to 0, 1 or 2.
MAPPING, PARTITION = "CelebA-HQ-to-CelebA-mapping.txt", "list_eval_partition.txt"
SPLITS = {"0": Split.train, "1": Split.validation, "2": Split.test}
NUMBERS = {split: number for number, split in SPLITS.items()}
KEEPS = frozenset({Fact.bald, Fact.skin, Fact.unknown, Fact.splits})
PER_FOLDER = 2000  # photos whose parts share a folder
SIDE = 512  # pixels of the masks; the photos have 1024


def recognise(location: Location) -> str | None:
    """Why this is CelebAMask-HQ, or None: both of its folders are there, in the source or in one folder of it."""
    found = _folders(location)
    return f"it has the folders {found[0]} and {found[1]}" if found else None


def read(location: Location) -> Iterator[Item]:
    """A pair for every photo, with its skin and, in our exports, its unknown pixels; with CelebA's splits if it has both lists.

    Raises WinnowError if a folder is missing.
    """
    found = _folders(location)
    if found is None:
        raise WinnowError(
            f"{display_name(location)} has no CelebA-HQ-img/ with CelebAMask-HQ-mask-anno/ beside it, or these are empty."
        )
    photos, masks = found
    names = list_files(location, location)
    wanted = {each.lower(): each for each in (MAPPING, PARTITION)}
    lists = {wanted[low]: file_below(location, name) for name in names if (low := basename(name).lower()) in wanted}
    splits = _splits(lists[MAPPING], lists[PARTITION]) if len(lists) == 2 else {}
    yield from (ListRead(file) for file in lists.values() if splits)
    parts: dict[int, dict[str, str]] = defaultdict(dict)
    numbers: dict[int, list[str]] = defaultdict(list)
    for name in names:
        stem = splitext(basename(name))[0]
        if name.startswith(masks) and (named := NAMED.fullmatch(basename(name))) and named["part"].lower() in PARTS:
            parts[int(named["number"])].setdefault(named["part"].lower(), name)
        elif name.startswith(photos) and stem.isascii() and stem.isdecimal() and len(stem) < 10:
            numbers[int(stem)].append(name)
    if parts and not any("hair" in found for found in parts.values()):
        raise WinnowError(f"{display_name(location)} has no part hair in {masks}: only other parts of the faces are there.")
    for number, alike in sorted(numbers.items()):
        yield from _pairs(location, alike, parts.pop(number, {}), masks, splits.get(number))
    for left in parts.values():
        yield from (Refused(readable_name(name), f"no photo of that number in {photos}.") for name in left.values())


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write photos and parts numbered from 0, and the two lists that give CelebA's splits.

    A photo without hair has a black part; the part `unknown` is not CelebA's. Returns how many soft masks were cut at half.
    """
    soft = 0
    mapping, partition = ["idx orig_idx orig_file\n"], []
    for number, item in enumerate(items):
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "CelebA-HQ-img" / f"{number}.jpg", store.get(item.image))
        parts = folder / "CelebAMask-HQ-mask-anno" / str(number // PER_FOLDER)
        for label, mask in masks.cut().labelled:
            if label == HAIR or mask.any():
                write_file(parts / f"{number:05d}_{label}.png", encode_mask(mask))
        mapping.append(f"{number} {number} {number + 1:06d}.jpg\n")
        partition.append(f"{number + 1:06d}.jpg {NUMBERS[item.split]}\n")
    write_file(folder / MAPPING, "".join(mapping).encode())
    write_file(folder / PARTITION, "".join(partition).encode())
    return soft


def _splits(mapping: Location, partition: Location) -> dict[int, Split]:
    """The split of each photo by its number; lines that say nothing else are left out."""
    words = [line.split() for line in list_bytes(partition).decode("utf-8", "replace").splitlines()]
    splits = {word[0]: SPLITS[word[1]] for word in words if len(word) == 2 and word[1] in SPLITS}
    words = [line.split() for line in list_bytes(mapping).decode("utf-8", "replace").splitlines()]
    rows = (word for word in words if len(word) == 3 and word[0].isascii() and word[0].isdecimal() and len(word[0]) < 10)
    return {int(number): splits[file] for number, _, file in rows if file in splits}


def _pairs(location: Location, names: list[str], parts: dict[str, str], masks: str, split: Split | None) -> Iterator[Item]:
    yield from (ListRead(file_below(location, name)) for name in parts.values())  # what is there says what the face lacks
    for name in names:
        if len(names) > 1:
            yield Refused(readable_name(name), "several photos have its number, so it is unclear whose masks they are.")
        elif not parts:
            yield Refused(readable_name(name), f"no part of it is in {masks}.")
        else:
            places = {part: file_below(location, found) for part, found in parts.items()}
            yield RawPair(
                readable_name(name),
                file_below(location, name),
                places.get("hair") or Shapes(SIDE, SIDE),
                split=split,
                skin=places.get("skin"),
                unknown=places.get("unknown"),
            )


def _folders(location: Location) -> tuple[str, str] | None:
    """The folders of photos and masks, relative to the source and with a slash."""
    if not is_folder(location):
        return None
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in list_files(location, location):
        parts = name.split("/")
        for at, part in enumerate(parts[:-1]):
            if part.lower() in (PHOTOS, MASKS):
                found["/".join(parts[:at])].setdefault(part.lower(), "".join(f"{each}/" for each in parts[: at + 1]))
    return next(((both[PHOTOS], both[MASKS]) for both in found.values() if len(both) == 2), None)
