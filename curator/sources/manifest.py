"""A CSV list of pairs: columns image and mask, and where known contributor, split, licence and drawn."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from curator.sources.pairs import RawPair, Refused, within
from db.errors import WinnowError
from db.tables import Split

REQUIRED = ("image", "mask")
DRAWN = {"": False, "no": False, "yes": True}  # a portrait of the sample set, or a person
NAME = "manifest.csv"


def recognise(location: Path) -> str | None:
    """Why this is a manifest, or None."""
    if location.is_dir():
        return f"it has a file {NAME}" if (location / NAME).is_file() else None
    return "its name ends in .csv" if location.suffix.lower() == ".csv" else None


def read(location: Path) -> Iterator[RawPair | Refused]:
    """The pairs of a manifest, or of the `manifest.csv` in a folder. Paths in it are relative to the manifest.

    Raises WinnowError where it is missing, no CSV in UTF-8, or lacks the column image or mask.
    """
    file = location / NAME if location.is_dir() else location
    rows = csv.DictReader(io.StringIO(_text(file)), delimiter=_delimiter(_text(file)), restval="")
    columns = [(name or "").strip().lower() for name in rows.fieldnames or []]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        came = ", ".join(columns) or "nothing"
        raise WinnowError(f"{file.name} has no column {' and '.join(missing)}; its first line says: {came}.")
    rows.fieldnames = columns
    try:
        for row in rows:
            yield _pair(file.parent, {name: (value or "").strip() for name, value in row.items() if name}, rows.line_num)
    except csv.Error as error:
        raise WinnowError(f"{file.name}, line {rows.line_num}: this is not CSV ({error}).") from None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise WinnowError(f"{file.name} is not written in UTF-8. Save it as CSV UTF-8.") from None
    except OSError as error:
        raise WinnowError(f"{file} can't be read ({error.strerror}).") from None


def _delimiter(text: str) -> str:
    # Spreadsheets in half of Europe write semicolons into a file that they call CSV.
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _pair(base: Path, row: dict[str, str], line: int) -> RawPair | Refused:
    name = row["image"] or f"line {line}"
    try:
        split = Split(row["split"].lower()) if row.get("split") else None
        drawn = DRAWN[row.get("drawn", "").lower()]
    except ValueError:
        return Refused(name, f"line {line} says split {row['split']!r}; it is train, validation, test or empty.")
    except KeyError:
        return Refused(name, f"line {line} says drawn {row['drawn']!r}; it is yes, no or empty.")
    paths = []
    for column in REQUIRED:
        path = within(base, row[column])
        if not row[column]:
            return Refused(name, f"line {line} names no {column}.")
        if path is None:
            return Refused(name, f"line {line} points outside the manifest's folder ({column} {row[column]!r}).")
        if not path.is_file():
            return Refused(name, f"line {line} names the {column} {row[column]!r}, which isn't there.")
        paths.append(path)
    contributor, licence = row.get("contributor") or None, row.get("licence") or None
    return RawPair(name, paths[0], paths[1], contributor=contributor, split=split, licence=licence, drawn=drawn)
