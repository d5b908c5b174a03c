"""LFW Parts: `images/Name_0001.jpg`, `masks/Name_0001.png` or `.ppm` (red is hair), and the official lists of splits."""

import re
from collections.abc import Iterator
from pathlib import Path

from curator.sources.folder import subfolder
from curator.sources.pairs import RawPair, Refused, files_below, shown
from db.errors import WinnowError
from db.tables import Split

LISTS = {"parts_train.txt": Split.train, "parts_validation.txt": Split.validation, "parts_test.txt": Split.test}
MASK_ENDINGS = (".png", ".ppm")
NAMED = re.compile(r"(?P<person>.+)_(?P<number>\d{4,})")


def recognise(location: Path) -> str | None:
    """Why this is LFW Parts, or None: a folder with images/ and one of the official lists."""
    if not location.is_dir() or subfolder(location, "images") is None:
        return None
    found = [name for name in LISTS if (location / name).is_file()]
    return f"it has the list {found[0]}" if found else None


def read(location: Path) -> Iterator[RawPair | Refused]:
    """Pairs with the person as contributor, and the split of the list that names them; unlisted ones have none.

    Raises WinnowError where images/ or masks/ is missing.
    """
    images = subfolder(location, "images") if location.is_dir() else None
    masks = subfolder(location, "masks") if location.is_dir() else None
    if images is None or masks is None:
        raise WinnowError(
            f"{location} lacks images/ or masks/. LFW Parts is read from images/Name_0001.jpg and masks/Name_0001.png."
        )
    splits, refused = _splits(location)
    yield from refused
    seen = set()
    for photo in files_below(images):
        seen.add(photo.stem)
        yield _pair(location, masks, photo, splits.get(photo.stem))
    for stem, split in splits.items():
        if stem not in seen:
            yield Refused(f"images/{stem}.jpg", f"the list of {split} names it, but it isn't there.")


def _splits(location: Path) -> tuple[dict[str, Split], list[Refused]]:
    """The split of each listed photo by its stem, and the lines that name none."""
    splits: dict[str, Split] = {}
    refused = []
    for name, split in LISTS.items():
        text = (location / name).read_text("utf-8", "replace") if (location / name).is_file() else ""
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) < 2 or not words[1].isdecimal():
                refused.append(Refused(name, f"line {number} is not a name and a number: {line[:100]!r}."))
                continue
            stem = f"{words[0]}_{int(words[1]):04d}"
            if splits.setdefault(stem, split) is not split:
                refused.append(Refused(name, f"line {number} names {stem}, which is in the list of {splits[stem]} already."))
    return splits, refused


def _pair(location: Path, masks: Path, photo: Path, split: Split | None) -> RawPair | Refused:
    name = shown(photo.relative_to(location))
    named = NAMED.fullmatch(photo.stem)
    if named is None:
        return Refused(name, "its name is not Name_0001.")
    mask = next((path for ending in MASK_ENDINGS if (path := masks / (photo.stem + ending)).is_file()), None)
    if mask is None:
        return Refused(name, "no mask of that name in masks/.")
    return RawPair(name, photo, mask, contributor=named["person"], split=split)
