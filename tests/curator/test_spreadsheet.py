"""CSV files that a spreadsheet opens without running anything."""

import csv
import io

from curator.spreadsheet import as_csv


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers() -> None:
    cells = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "a=b", -1.5, None, 'a "b", c\nd']
    read = list(csv.reader(io.StringIO(as_csv(["a"] * 9, [cells]).decode(), newline="")))
    assert read == [["a"] * 9, ["'=HYPERLINK(1)", "'+1", "'-1", "'@x", "'\tx", "a=b", "-1.5", "", 'a "b", c\nd']]
