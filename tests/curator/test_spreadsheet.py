"""CSV files that a spreadsheet opens without running anything."""

import csv
import io

import pytest

from curator import spreadsheet
from curator.spreadsheet import as_csv, csv_pieces


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers() -> None:
    cells = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "a=b", -1.5, None, 'a "b", c\nd']
    read = list(csv.reader(io.StringIO(as_csv(["a"] * 9, [cells]).decode(), newline="")))
    assert read == [["a"] * 9, ["'=HYPERLINK(1)", "'+1", "'-1", "'@x", "'\tx", "a=b", "-1.5", "", 'a "b", c\nd']]


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 6, 11])
def test_a_file_in_pieces_is_the_same_file(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [[number, f"line {number}\n"] for number in range(rows)]
    whole = as_csv(["a", "b"], cells)
    monkeypatch.setattr(spreadsheet, "ROWS_AT_ONCE", 3)
    asked: list[int] = []
    pieces = csv_pieces(["a", "b"], (asked.append(row[0]) or row for row in cells))
    first = next(pieces)
    assert len(asked) <= 2  # no more rows are read than the first piece holds
    assert first + b"".join(pieces) == whole
