"""A list of pairs as CSV, JSON lines or Parquet: image and mask, and optionally contributor, split, licence, drawn, the person
shown and their consent.

Hugging Face's lists differ in their columns' names only; both are understood.
"""

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from itertools import repeat
from typing import Any

from curator.formats.locations import (
    LIST_BYTES,
    FileLookup,
    Location,
    display_name,
    file_in,
    files_in,
    is_folder,
    list_bytes,
    open_list,
    without_secrets,
)
from curator.formats.pairs import Embedded, Item, ListRead, RawPair, Refused, check_rows, pair_or_refusal, parse_split
from db.errors import WinnowError
from db.tables import Split

# Our name of each column, and the names it may have in a file; the first one found is used.
COLUMNS = {
    "image": (
        "image", "file_name", "image_file_name", "image_path", "image_file", "image_name", "image_filename", "photo",
        "photo_path", "img", "img_path", "filename", "pixel_values",
    ),
    "mask": (
        "hair_mask", "mask", "mask_file_name", "label_file_name", "annotation_file_name", "mask_path", "mask_file", "mask_name",
        "mask_filename", "label_path", "annotation_path", "segmentation_path", "matte", "alpha", "label",
        "annotation", "segmentation", "label_map",
    ),
    "skin": ("skin", "skin_file_name"),
    "unknown": ("unknown", "unknown_file_name"),
    "contributor": ("contributor",),
    "split": ("split",),
    "licence": ("licence", "license"),
    "drawn": ("drawn",),
    "subject": ("subject",),
    "consent_basis": ("consent_basis",),
    "consent_date": ("consent_date",),
    "consent_expires": ("consent_expires",),
}  # fmt: skip
DATES = ("consent_date", "consent_expires")
KNOWN = frozenset(name for names in COLUMNS.values() for name in names)
REQUIRED = ("image", "mask")
OTHER_MASKS = ("skin", "unknown")
MAX_COLUMNS = 1000
CELL_BYTES = 4096  # of a text in Parquet; a longer one is refused
PARQUET_ROWS = 8192  # read at once
DRAWN = {"": False, "no": False, "yes": True}  # whether the photo is a portrait of the sample set
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\n')  # the first line of Excel's lists
LIST_NAMES = ("manifest.csv", "manifest.parquet", "manifest.jsonl")

Row = tuple[str, dict[str, Any] | None]  # its place in the file, and its cells; None if it can't be read


@dataclass(frozen=True)
class _Table:
    columns: list[str]
    rows: Iterator[Row]


def recognise(location: Location) -> str | None:
    """Why this is a manifest, or None: a list, or a folder with one that has the columns image and mask."""
    if is_folder(location):
        found = _manifest(location)
        return f"it has a file {found.name}" if found is not None else None
    ending = location.suffix.lower()
    return f"its name ends in {ending}" if ending in READERS and not has_pictures(location) else None


def read(location: Location) -> Iterator[Item]:
    """The pairs of a manifest, or of the manifest in a folder. Its paths are relative to the manifest.

    Raises WinnowError if it is missing, can't be read, or lacks the column image or mask.
    """
    if not is_folder(location):
        yield from read_list(location)
        return
    named = next((name for name in LIST_NAMES if file_in(location, name, location) is not None), LIST_NAMES[0])
    yield from read_list(_manifest(location) or location / named)


def what_is_wrong(location: Location) -> str | None:
    """Why a folder's list is no manifest, in a sentence; None if it has none."""
    try:
        for name in LIST_NAMES:
            if (file := file_in(location, name, location)) is not None:
                columns_of(file)
    except WinnowError as error:
        return str(error)
    others = (file for ending in READERS for file in files_in(location, ending, location))
    found = next((file for file in others if _is_list(file)), None)
    return None if found is None else f"{found.name} is a list of pairs: give that file, or call it {LIST_NAMES[0]}."


def columns_of(file: Location) -> dict[str, str]:
    """What a list calls each of our columns that it has. Raises WinnowError if it can't be read or lacks image or mask."""
    return _theirs(file, _reader(file)(file))


def has_pictures(file: Location) -> bool:
    """Whether a list is Parquet with pictures inside, which Hugging Face's format reads."""
    if file.suffix.lower() != ".parquet":
        return False
    import pyarrow.parquet  # takes a second to import, and only Parquet needs it

    try:
        with open_list(file) as opened:
            schema = pyarrow.parquet.read_schema(opened)
    except Exception:  # whatever pyarrow raises; reading the list says what is wrong
        return False
    images = COLUMNS["image"]
    return any(plain_column(column.name) in images and holds_pictures(column.type) for column in schema)


def holds_pictures(kind: Any) -> bool:
    """Whether a type of Parquet is that of pictures' bytes: binary, or Hugging Face's struct of bytes and path."""
    from pyarrow import types

    if types.is_struct(kind):
        return any(kind.field(number).name == "bytes" for number in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _manifest(folder: Location) -> Location | None:
    """The list in a folder that is called so and has the columns."""
    found = (file for name in LIST_NAMES if (file := file_in(folder, name, folder)) is not None)
    return next((file for file in found if _is_list(file)), None)


def _is_list(file: Location) -> bool:
    try:
        return bool(columns_of(file))
    except (WinnowError, OSError):
        return False


def _reader(file: Location) -> "Callable[[Location], _Table]":
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise WinnowError(f"{file.name} is not a list of pairs. Its name has to end in one of {', '.join(READERS)}.")
    return reader


def _theirs(file: Location, table: _Table) -> dict[str, str]:
    if len(table.columns) > MAX_COLUMNS:  # each row of a CSV file would get all of them
        raise WinnowError(f"{file.name} has {len(table.columns):,} columns; {MAX_COLUMNS:,} are allowed.")
    lower = {plain_column(column): column for column in reversed(table.columns)}
    theirs = {ours: lower[name] for ours, names in COLUMNS.items() for name in reversed(names) if name in lower}
    missing = [name for name in REQUIRED if name not in theirs]
    if missing:
        found = ", ".join(column.strip().lower() for column in table.columns) or "none"
        raise WinnowError(f"{file.name} has no column {' and no column '.join(missing)}. Its columns: {found}.")
    return theirs


def plain_column(name: str) -> str:
    """A column's name as COLUMNS spells it.

    >>> plain_column(" Image Path")
    'image_path'
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def read_list(file: Location, split: Split | None = None) -> Iterator[Item]:
    """The pairs of one list; `split` applies to rows that state none. Raises WinnowError like `read`."""
    table = _reader(file)(file)
    theirs = _theirs(file, table)
    yield ListRead(file)
    lookup = FileLookup(file.parent)
    for where, row in table.rows:
        if row is None:
            yield Refused(file.name, f"{where} can't be read.")
        else:
            cells = {ours: cell_text(row.get(column)) for ours, column in theirs.items()}
            yield pair_or_refusal(cells["image"] or where, partial(_pair_with_masks, lookup, cells, where, split))


def _pair_with_masks(lookup: FileLookup, row: dict[str, str | None], where: str, split: Split | None) -> RawPair | Refused:
    """The pair of a row with the masks of skin and of unknown pixels that it names.

    A word there that names no file, such as the tone of a skin, is remarked on, and costs the photo nothing.
    """
    pair = _pair(lookup, row, where, split)
    if isinstance(pair, Refused):
        return pair
    for column in OTHER_MASKS:
        if named := row.get(column) or "":
            path = lookup.find(named)
            if path is not None and lookup.exists(path):
                pair = replace(pair, skin=path) if column == "skin" else replace(pair, unknown=path)
            else:
                remark = f"Its {column} {without_secrets(named)!r} is no file beside the list, so it was left out."
                pair = replace(pair, remarks=(*pair.remarks, remark))
    return pair


def _pair(lookup: FileLookup, row: dict[str, str | None], where: str, split: Split | None) -> RawPair | Refused:
    name = row["image"] or where
    for column, word in row.items():
        if word is None:
            return Refused(name, f"{where}: its {column} is not text.")
    paths = []
    for column in REQUIRED:
        named = row[column] or ""
        if not named:
            return Refused(name, f"{where} has no {column}.")
        path, spelled = lookup.find(named), repr(without_secrets(named))
        if path is None:
            return Refused(name, f"{where} points outside the manifest's folder ({column} {spelled}).")
        if not lookup.exists(path):
            return Refused(name, f"{where} names the {column} {spelled}, which does not exist.")
        paths.append(path)
    return described(name, paths[0], paths[1], row, where, split)


def described(
    name: str,
    photo: Location | Embedded,
    mask: Location | Embedded,
    row: dict[str, str | None],
    where: str,
    split: Split | None,
) -> RawPair | Refused:
    """The pair of a photo and a mask with what a row says about them; `split` applies to a row that states none."""
    its_split, drawn = row.get("split") or "", DRAWN.get((row.get("drawn") or "").lower())
    if its_split and parse_split(its_split) is None:
        return Refused(name, f"{where} has the split {its_split!r}. Use train, validation or test, or leave it empty.")
    if drawn is None:
        return Refused(name, f"{where} has {row['drawn']!r} as drawn. Use yes or no, or leave it empty.")
    dates = {column: _date(row.get(column) or "") for column in DATES}
    for column, day in dates.items():
        if day is None and row.get(column):
            return Refused(name, f"{where} has the {column} {row[column]!r}. Use a date such as 2026-05-31, or leave it empty.")
    given, expires = dates.values()
    if given and expires and expires < given:
        return Refused(name, f"{where}: its consent_expires {expires} is before its consent_date {given}.")
    return RawPair(
        name,
        photo=photo,
        mask=mask,
        contributor=row.get("contributor") or None,
        split=parse_split(its_split) or split,
        licence=row.get("licence") or None,
        drawn=drawn,
        subject=row.get("subject") or None,
        consent_basis=row.get("consent_basis") or None,
        consent_date=given,
        consent_expires=expires,
    )


def _date(word: str) -> date | None:
    """The day of an ISO date; None for anything else.

    >>> _date("2026-05-31")
    datetime.date(2026, 5, 31)
    """
    try:
        return date.fromisoformat(word) if len(word) == len("2026-05-31") else None
    except ValueError:
        return None


def cell_text(value: Any) -> str | None:
    """A cell as text, "" for an empty one; None for one that is not text, such as a picture's bytes."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):  # a column of Parquet may have that type
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    return str(value).strip() if isinstance(value, str | int | float) else None


# --- one reader for each ending --------------------------------------------------------------------------------------


def _csv(file: Location) -> _Table:
    text, above = _text(file), 0
    # In many European locales, spreadsheets write semicolons into CSV files; Excel itself writes a first line such as sep=;
    told = SEPARATOR_LINE.match(text)
    if told:
        text, above = text[told.end() :], 1
    delimiter = told[1] if told else max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restval="", skipinitialspace=True)

    def rows() -> Iterator[Row]:
        try:
            for row in reader:
                yield f"line {reader.line_num + above}", dict(row)
        except csv.Error as error:
            raise WinnowError(f"{file.name}, line {reader.line_num + above}: this is not CSV ({error}).") from None

    try:
        return _Table([name or "" for name in reader.fieldnames or []], rows())
    except csv.Error as error:
        raise WinnowError(f"{file.name}, line {reader.line_num + above}: this is not CSV ({error}).") from None


def _json_lines(file: Location) -> _Table:
    def parsed(line: str) -> dict[str, Any] | None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return row if isinstance(row, dict) else None

    def rows() -> Iterator[Row]:
        lines = io.StringIO(text, newline="\n")  # only \n ends a line, not Unicode's other line separators
        return ((f"line {number}", parsed(line)) for number, line in enumerate(lines, 1) if line.strip())

    text = _text(file)
    columns = dict.fromkeys(column for _, row in rows() for column in row or ())  # a line may omit columns
    return _Table(list(columns), rows())


def _parquet(file: Location) -> _Table:
    import pyarrow  # takes a second to import, and only Parquet needs it
    import pyarrow.parquet

    def rows() -> Iterator[Row]:
        try:
            with open_list(file) as opened:
                # As numbers of a dictionary's texts: a text of a megabyte takes that once, and not in each of its rows.
                reader = pyarrow.parquet.ParquetFile(opened, read_dictionary=texts)
                number = 0
                for batch in reader.iter_batches(PARQUET_ROWS, columns=columns, use_threads=False):
                    cells = [_parquet_cells(column) for column in batch.columns]
                    for row in zip(*cells, strict=True) if cells else repeat((), batch.num_rows):
                        number += 1
                        yield f"row {number}", others | dict(zip(batch.schema.names, row, strict=True))
        except WinnowError:
            raise
        except Exception as error:  # whatever pyarrow raises for damaged pages
            raise not_parquet(file, error) from None

    try:
        with open_list(file) as opened:
            reader = pyarrow.parquet.ParquetFile(opened)
            check_rows(file.name, reader.metadata.num_rows)
            known = [field for field in reader.schema_arrow if plain_column(field.name) in KNOWN]
            texts = [field.name for field in known if _is_text(field.type)]
            columns = texts + [field.name for field in known if _is_plain(field.type)]
            size = decoded_bytes(reader.metadata, columns)
            available = reader.schema_arrow.names
    except WinnowError:
        raise
    except OSError as error:
        if error.errno is None:  # pyarrow's
            raise not_parquet(file, error) from None
        raise WinnowError(f"{display_name(file)} can't be read ({error.strerror or type(error).__name__}).") from None
    except Exception as error:
        raise not_parquet(file, error) from None
    if size > LIST_BYTES:
        raise WinnowError(f"{file.name} unpacks to {size:,} bytes; {LIST_BYTES:,} are allowed for a list.")
    others = {field.name: b"" for field in known if field.name not in columns}  # not text, and not read
    return _Table(available, rows())


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_string(kind) or types.is_large_string(kind) or (types.is_dictionary(kind) and _is_text(kind.value_type))
    )


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    return bool(numbers or types.is_date(kind) or types.is_timestamp(kind))


def decoded_bytes(metadata: Any, columns: list[str]) -> int:
    """How many bytes columns of a Parquet file unpack to, by their paths in the schema."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in columns)


def _parquet_cells(column: Any) -> list[Any]:
    """A column's values; a text of more than CELL_BYTES is b"", which is no text. Damaged UTF-8 is escaped."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_dictionary(column.type):
        return list(column.to_pylist())
    texts, numbers = column.dictionary.cast(pyarrow.large_binary()), column.indices.to_pylist()
    lengths = compute.binary_length(texts)
    cells: dict[int | None, Any] = {None: None}
    for number in set(numbers) - {None}:  # one by one: `take` would reserve the memory of all rows
        short = lengths[number].as_py() <= CELL_BYTES
        cells[number] = texts[number].as_py().decode("utf-8", "backslashreplace") if short else b""
    return [cells[number] for number in numbers]


def not_parquet(file: Location, error: Exception) -> WinnowError:
    """What to raise for an error of pyarrow's."""
    return WinnowError(
        f"{file.name} can't be read as Parquet ({str(error).partition(chr(10))[0][:200] or type(error).__name__})."
    )


def _text(file: Location) -> str:
    try:
        data = list_bytes(file)
        encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        text = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise WinnowError(f"{file.name} is not encoded in UTF-8. Save it as UTF-8.") from None
    except OSError as error:
        raise WinnowError(f"{display_name(file)} can't be read ({error.strerror or type(error).__name__}).") from None
    check_rows(file.name, text.count("\n"))
    return text


READERS: dict[str, Callable[[Location], _Table]] = {".csv": _csv, ".tsv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
