"""Tables as CSV files that are safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as a CSV file in UTF-8. Text that a spreadsheet would run as a formula gets a leading apostrophe.

    >>> as_csv(["name", "count"], [["=1+1", 3]])
    b"name,count\\n'=1+1,3\\n"
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _inert(cell: Any) -> Any:
    # Names of photos, sources and reviewers are untrusted text, and a spreadsheet runs cells that begin like this.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
