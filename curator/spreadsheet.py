"""Tables as CSV files that are safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

ROWS_AT_ONCE = 1000


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as a CSV file in UTF-8. Text that a spreadsheet would run as a formula gets a leading apostrophe.

    >>> as_csv(["name", "count"], [["=1+1", 3]])
    b"name,count\\n'=1+1,3\\n"
    """
    return b"".join(csv_pieces(columns, rows))


def csv_pieces(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The bytes of `as_csv` in pieces, while the rows are read: for files of any length."""
    rest = chain([columns], rows)
    while batch := list(islice(rest, ROWS_AT_ONCE)):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([inert(cell) for cell in row] for row in batch)
        yield text.getvalue().encode()


def inert(cell: Any) -> Any:
    """A cell that no spreadsheet runs as a formula: text that begins like one gets a leading apostrophe."""
    # Names of photos, sources and reviewers are untrusted text, and a spreadsheet runs cells that begin like this.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
