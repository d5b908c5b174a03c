"""Hugging Face's image folder: one folder per split, each with a metadata list (JSON lines, CSV or Parquet) of its files."""

import json
from collections.abc import Iterator
from pathlib import Path

from curator.formats.dataset_card import CARD, dataset_card
from curator.formats.locations import (
    Location,
    display_name,
    file_in,
    is_folder,
    last_name,
    relative_path,
    subfolders,
    write_file,
)
from curator.formats.manifest import read_list
from curator.formats.members import Fact, write_pictures
from curator.formats.pairs import Item, SetItem, parse_split
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

KEEPS = frozenset(Fact)
COLUMNS_IN_WORDS = (
    "`image` is the photo and `mask` its hair, 0 to 255. `skin` and `unknown` are paths of masks beside them, empty where "
    "there is none; leave the unknown pixels (255) out of losses and measures."
)
LIST_NAMES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def recognise(location: Location) -> str | None:
    """Why this is Hugging Face's image folder, or None."""
    found = _lists(location)
    return f"{relative_path(found[0], location)} lists its files" if found else None


def read(location: Location) -> Iterator[Item]:
    """The pairs of every list. A folder called train, validation or test gives the split.

    Raises WinnowError if there is no list, or if one can't be read or lacks the photo's or the mask's column.
    """
    found = _lists(location)
    if not found:
        raise WinnowError(
            f"{display_name(location)} has no {LIST_NAMES[0]}, neither in itself nor in a folder train, validation or test."
        )
    for file in found:
        yield from read_list(file, parse_split(last_name(file.parent)))


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write one folder per split, each with a `metadata.jsonl` whose file names become the columns image and mask, and a card.

    The skin's and the unknown pixels' masks are columns of paths, empty where there is none: Hugging Face's reader takes
    a column `skin_file_name` as pictures, and fails at a photo without. Returns 0: soft masks stay soft.
    """
    lines: dict[Split, list[str]] = {split: [] for split in Split}
    for item in items:
        pictures = write_pictures(folder / item.split.value, item, store)
        row = {"file_name": pictures.pop("image"), "mask_file_name": pictures.pop("mask"), **pictures, **item.about}
        lines[item.split].append(json.dumps({**row, "drawn": item.drawn}) + "\n")
    for split, rows in lines.items():
        if rows:
            write_file(folder / split.value / "metadata.jsonl", "".join(rows).encode())
    write_file(folder / CARD, dataset_card(items, "{split}/**", COLUMNS_IN_WORDS))
    return 0


def _lists(location: Location) -> list[Location]:
    """The lists in a folder, in its subfolders, and in the subfolders of its folder `data`."""
    if not is_folder(location):
        return []
    folders = [location]
    for inner in subfolders(location):
        folders += [inner, *(subfolders(inner) if last_name(inner) == "data" else [])]
    return [file for folder in folders for name in LIST_NAMES if (file := file_in(folder, name, location)) is not None]
