"""LFW Parts: `images/Name_0001.jpg`, `masks/Name_0001.png` or `.ppm` (red is hair), and the official split lists."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from curator.formats.folder import is_picture
from curator.formats.locations import (
    SNIFF_BYTES,
    Location,
    display_name,
    file_below,
    file_in,
    is_folder,
    list_bytes,
    list_files,
    relative_path,
    subfolder,
    write_file,
)
from curator.formats.members import Fact, masks_of
from curator.formats.pairs import Item, ListRead, RawPair, Refused, SetItem, pair_or_refusal, readable_name
from curator.pictures.codec import encode_colours
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

LISTS = {"parts_train.txt": Split.train, "parts_validation.txt": Split.validation, "parts_test.txt": Split.test}
BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)  # background, hair, skin
KEEPS = frozenset({Fact.bald, Fact.skin, Fact.splits, Fact.contributor})
MASK_ENDINGS = (".png", ".ppm")
NAMED = re.compile(r"(?P<person>.+)_(?P<number>\d{4,})")


def recognise(location: Location) -> str | None:
    """Why this is LFW Parts, or None: a folder with images/ and one of the official lists, which names a person's photo."""
    if not is_folder(location) or subfolder(location, "images") is None:
        return None
    found = [name for name in LISTS if (file := file_in(location, name, location)) is not None and _names_somebody(file)]
    return f"it has the list {found[0]}" if found else None


def read(location: Location) -> Iterator[Item]:
    """Pairs with the person as contributor and the split of the list that names them; unlisted photos have no split.

    Raises WinnowError if images/ or masks/ is missing.
    """
    images = subfolder(location, "images") if is_folder(location) else None
    masks = subfolder(location, "masks") if is_folder(location) else None
    if images is None or masks is None:
        raise WinnowError(
            f"{display_name(location)} has no images/ or no masks/. LFW Parts needs images/Name_0001.jpg and "
            "masks/Name_0001.png."
        )
    splits, refused = _splits(location)
    yield from refused
    for name in LISTS:
        if (file := file_in(location, name, location)) is not None:
            yield ListRead(file)
    seen = set()
    drawn = frozenset(list_files(masks, location))
    for name in filter(is_picture, list_files(images, location)):
        photo = file_below(images, name)
        stem = PurePosixPath(name).stem
        seen.add(stem)
        shown = readable_name(f"{relative_path(images, location)}/{name}")
        mask = next((file_below(masks, stem + ending) for ending in MASK_ENDINGS if stem + ending in drawn), None)
        yield pair_or_refusal(shown, partial(_pair, shown, stem, photo, mask, splits.get(stem)))
    for stem, split in splits.items():
        if stem not in seen:
            yield Refused(f"images/{stem}.jpg", f"the {split} list names it, but the photo is missing.")


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `images/`, `masks/` (red hair on blue, green skin if known) and the lists; people are called by their pseudonyms.

    An example of no known contributor gets an invented one. Returns how many soft masks were cut at half.
    """
    soft = 0
    lines: dict[Split, list[str]] = {split: [] for split in Split}
    photos: Counter[str] = Counter()
    for item in items:
        person = item.contributor or f"Example_{item.example}"
        photos[person] += 1
        number = f"{photos[person]:04d}"
        write_file(folder / "images" / f"{person}_{number}.jpg", store.get(item.image))
        masks = masks_of(item, store)
        soft += masks.soft
        cut = masks.cut()
        hair = cut.hair > 0
        classes = np.where(hair[:, :, None], RED, BLUE)
        if cut.skin is not None:
            classes[(cut.skin > 0) & ~hair] = GREEN
        write_file(folder / "masks" / f"{person}_{number}.png", encode_colours(classes.astype(np.uint8)))
        lines[item.split].append(f"{person} {number}\n")
    for name, split in LISTS.items():
        write_file(folder / name, "".join(lines[split]).encode())
    return soft


def _names_somebody(file: Location) -> bool:
    words = list_bytes(file, SNIFF_BYTES).decode("utf-8", "replace").split()
    return len(words) > 1 and words[1].isdecimal()


def _splits(location: Location) -> tuple[dict[str, Split], list[Refused]]:
    """The split of each listed photo by its stem, and a refusal for each line that can't be read or contradicts another."""
    splits: dict[str, Split] = {}
    refused = []
    for name, split in LISTS.items():
        file = file_in(location, name, location)
        text = "" if file is None else list_bytes(file).decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) < 2 or not words[1].isdecimal() or len(words[1]) > 9:
                refused.append(Refused(name, f"line {number} is not a name and a number: {line[:100]!r}."))
                continue
            stem = f"{words[0]}_{int(words[1]):04d}"
            if splits.setdefault(stem, split) is not split:
                refused.append(Refused(name, f"line {number} names {stem}, which is already in the {splits[stem]} list."))
    return splits, refused


def _pair(name: str, stem: str, photo: Location, mask: Location | None, split: Split | None) -> RawPair | Refused:
    named = NAMED.fullmatch(stem)
    if named is None:
        return Refused(name, "its name does not have the form Name_0001.")
    if mask is None:
        return Refused(name, "no mask of that name in masks/.")
    return RawPair(name, photo, mask, contributor=named["person"], split=split, official=True)
