"""Hugging Face's data sets: image folders with a list of their files (JSON lines, CSV or Parquet), one folder per split; and
Parquet with the pictures inside, as most sets of the hub come.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from curator.formats.dataset_card import CARD, dataset_card
from curator.formats.locations import (
    LIST_BYTES,
    FileLookup,
    Location,
    display_name,
    file_below,
    file_in,
    is_folder,
    last_name,
    list_files,
    open_list,
    relative_path,
    subfolders,
    write_file,
)
from curator.formats.manifest import (
    CELL_BYTES,
    COLUMNS,
    cell_text,
    columns_of,
    decoded_bytes,
    described,
    has_pictures,
    holds_pictures,
    not_parquet,
    plain_column,
    read_list,
)
from curator.formats.members import Fact, write_pictures
from curator.formats.pairs import Embedded, Item, ListRead, RawPair, Refused, SetItem, check_rows, pair_or_refusal, parse_split
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

KEEPS = frozenset(Fact)
COLUMNS_IN_WORDS = (
    "`image` is the photo and `mask` its hair, 0 to 255. `skin` and `unknown` are paths of masks beside them, empty where "
    "there is none; leave the unknown pixels (255) out of losses and measures."
)
LIST_NAMES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
PICTURES = ("image", "mask", "skin", "unknown")
ROWS = 16  # of pictures, held in memory at once
PICTURES_BYTES = 4 * LIST_BYTES  # of all pictures in one file; more only if few are repeated very often
SHARD = re.compile(r"(.+?)-\d{3,}")  # train-00000-of-00004.parquet


def recognise(location: Location) -> str | None:
    """Why this is a data set of Hugging Face, or None: it has lists with the columns image and mask, or Parquet with both."""
    if not is_folder(location):
        return f"{location.name} has pictures inside" if has_pictures(location) else None
    lists = [file for file in _lists(location) if _columns(file)]
    if lists:
        return f"{relative_path(lists[0], location)} lists its files"
    found = next(filter(has_pictures, _shards(location)), None)
    return None if found is None else f"{relative_path(found, location)} has pictures inside"


def read(location: Location) -> Iterator[Item]:
    """The pairs of every list. A folder or file called train, validation or test gives the split.

    Raises WinnowError if there is no list, or if one can't be read or lacks the photo's or the mask's column.
    """
    shards = _shards(location) if is_folder(location) else [location]
    lists = [] if shards else _lists(location)
    if not lists and not shards:
        raise WinnowError(
            f"{display_name(location)} has no {LIST_NAMES[0]}, neither in itself nor in a folder train, validation or test."
        )
    for file in lists:
        yield from read_list(file, parse_split(last_name(file.parent)))
    for file in shards:
        called = file.name if file == location else relative_path(file, location).as_posix()
        try:
            yield from _read_shard(file, called)
        except WinnowError as error:
            if len(shards) == 1:
                raise
            yield Refused(called, str(error), file)


def what_is_wrong(location: Location) -> str | None:
    """Why the first list of a folder is none of pairs, in a sentence; None without one."""
    found = _lists(location)
    try:
        if found:
            columns_of(found[0])
    except WinnowError as error:
        return str(error)
    return None


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


def _columns(file: Location) -> bool:
    try:
        return bool(columns_of(file))
    except (WinnowError, OSError):
        return False


def _shards(location: Location) -> list[Location]:
    """The Parquet files below a folder, if one of them has pictures inside."""
    names = [name for name in list_files(location, location) if name.lower().endswith(".parquet")]
    files = [file_below(location, name) for name in names]
    return files if any(map(has_pictures, files)) else []


def _read_shard(file: Location, called: str) -> Iterator[Item]:
    """The pairs of a Parquet file with pictures inside, a few rows at a time."""
    import pyarrow.parquet  # takes a second to import, and only Parquet needs it

    left = PICTURES_BYTES
    lookup = FileLookup(file.parent)
    *folders, last = called.removesuffix(".parquet").split("/")
    shard = SHARD.match(last)
    split = next((found for word in (shard[1] if shard else last, *folders) if (found := parse_split(word)) is not None), None)
    try:
        with open_list(file) as opened:
            reader = pyarrow.parquet.ParquetFile(opened, buffer_size=2**20, pre_buffer=False)
            check_rows(file.name, reader.metadata.num_rows)
            theirs = _columns_of_pictures(file, reader.schema_arrow)
            leaves = [path for path in _leaves(reader.metadata) if path.partition(".")[0] in theirs.values()]
            if (size := decoded_bytes(reader.metadata, leaves)) > LIST_BYTES:
                raise WinnowError(f"{file.name} unpacks to {size:,} bytes; {LIST_BYTES:,} are allowed for a list.")
            yield ListRead(file)
            number = 0
            for batch in reader.iter_batches(ROWS, columns=list(theirs.values()), use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    left -= sum(len(data) for column in row.values() if (data := _data(column)))
                    if left < 0:
                        raise WinnowError(f"{file.name}: its pictures have more than {PICTURES_BYTES:,} bytes. Divide it.")
                    cells = {ours: row[column] for ours, column in theirs.items()}
                    name = f"{called}, row {number}"
                    yield pair_or_refusal(name, partial(_pair, name, cells, lookup, f"row {number}", split))
    except WinnowError:
        raise
    except Exception as error:  # whatever pyarrow raises for damaged pages
        raise not_parquet(file, error) from None


def _columns_of_pictures(file: Location, schema: Any) -> dict[str, str]:
    """What the file calls each of our columns that it has. Raises WinnowError if there is no picture's mask."""
    lower = {plain_column(field.name): field for field in reversed(list(schema))}
    theirs = {
        ours: lower[name].name
        for ours, names in COLUMNS.items()
        for name in reversed(names)
        if name in lower and holds_pictures(lower[name].type) == (ours in PICTURES)
    }
    missing = [ours for ours in ("image", "mask") if ours not in theirs]
    if missing:
        there = ", ".join(schema.names)
        raise WinnowError(f"{file.name} has no column {' and no column '.join(missing)} with pictures. Its columns: {there}.")
    return theirs


def _leaves(metadata: Any) -> list[str]:
    return [metadata.schema.column(number).path for number in range(metadata.num_columns)]


def _data(cell: Any) -> bytes | None:
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return data if isinstance(data, bytes) else None


def _pair(name: str, cells: dict[str, Any], lookup: FileLookup, where: str, split: Split | None) -> RawPair | Refused:
    pictures: dict[str, Embedded | Location] = {}
    for ours in PICTURES:
        cell = cells.get(ours)
        path = cell.get("path") if isinstance(cell, dict) else None
        if (data := _data(cell)) is not None:
            pictures[ours] = Embedded(data)
        elif not isinstance(path, str):
            if ours in ("image", "mask"):
                return Refused(name, f"it has no {ours}.")
        elif (place := lookup.find(path)) is None or not lookup.exists(place):
            return Refused(name, f"its {ours} is the file {path!r}, which is not below the folder of the list.")
        else:
            pictures[ours] = place
    words = {ours: cell_text(cell) for ours, cell in cells.items() if ours not in PICTURES}
    for column, word in words.items():
        if word is None or len(word) > CELL_BYTES:
            return Refused(name, f"{where}: its {column} is not text.")
    pair = described(name, pictures["image"], pictures["mask"], words, where, split)
    return replace(pair, skin=pictures.get("skin"), unknown=pictures.get("unknown")) if isinstance(pair, RawPair) else pair
