"""The tables of a report as text."""

from dataclasses import replace

import pytest

from curator.runs import figures
from curator.runs.estimates import MeasureDifference, RowPair
from curator.runs.results import ReportRow
from db.tables import Split
from trainer.measures import ALPHA_ERRORS, MEASURES

TIED = "\N{NO-BREAK SPACE}"
F1, *_, GRADIENT = MEASURES


def seen(example: int, split: Split, refine: str, f1: float | None) -> ReportRow:
    values = {"f1": f1, "hair_share": 0.2, "hair_brightness": 0.2} | {each.name: 0.05 for each in MEASURES[1:]}
    return ReportRow(example, "a.jpg", "set.zip", split, refine, "image", "mask", "matte", values)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.87341, "0.873"), (0.05678, "0.0568"), (12.345, "12.3"), (0.0, "0.0000"), (-0.5, "−0.500"), (None, "—")],
)
def test_a_number_has_about_three_digits(value: float | None, shown: str) -> None:
    assert figures.number(value) == shown


def test_a_report_is_a_row_in_order_of_splits_and_refinements() -> None:
    found = [
        seen(1, Split.test, "guided", 0.5), seen(1, Split.test, "none", 0.75), seen(2, Split.test, "none", None),
        seen(3, Split.validation, "none", None),
    ]  # fmt: skip
    made = figures.measures_table(found, [F1])
    assert made.head == ["Split", "Refinement", "Images", f"F1{TIED}↑"]
    assert [row[:3] for row in made.rows] == [
        ["validation", "none", "1"], ["test", "none", "2"], ["test", "guided filter", "1"]
    ]  # fmt: skip
    assert made.rows[0][3] == "—"
    assert made.rows[1][3].startswith("0.750")


def test_sums_over_pixels_say_of_which_square_they_are_and_why_two_are_not_compared() -> None:
    one = seen(1, Split.test, "none", 0.5)
    one = replace(one, values=one.values | {"sad": 1.5})
    made = figures.measures_table([one, replace(one, split=Split.validation, alpha_side=128)], [ALPHA_ERRORS[0]])
    assert made.head == ["Split", "Refinement", "Images", "Taken at, pixels", f"SAD{TIED}↓"]
    assert [row[3:] for row in made.rows] == [["128 x 128", "1.500"], ["512 x 512", "1.500"]]

    same, other = RowPair(one, one), RowPair(one, replace(one, alpha_side=128))
    assert figures.size_sentences([same], (1, 224), (2, 224)) == []
    assert figures.size_sentences([same, other], (1, 224), (2, 128)) == [
        "The errors of alpha (SAD, MSE, gradient and connectivity) are not compared. An older version took them at the size of "
        "a run’s input: here they are of 512 x 512 pixels for run 1, 128 x 128 for run 2. Measure the older report again.",
        "Run 1 sees pictures of 224 x 224 pixels, run 2 of 128 x 128. Gradient consistency is measured on these and depends on "
        "their size, so it is not compared.",
    ]


def test_a_comparison_names_both_runs_and_says_what_the_difference_means() -> None:
    made = figures.comparison_table([MeasureDifference(GRADIENT, 0.2, 0.15, -0.05, (-0.06, -0.04), 40)], "Run 1", "Run 2")
    assert made.head == ["Measure", "Run 1", "Run 2", "Difference", "95 % interval", "Run 2 is", "Images"]
    assert made.rows == [
        [f"Gradient consistency{TIED}↓", "0.200", "0.150", "−0.0500", f"−0.0600{TIED}to{TIED}−0.0400", "better", "40"]
    ]


def test_only_settings_that_differ_are_named_and_one_that_was_unknown_then_has_a_dash() -> None:
    made = figures.differing_settings_table(
        {"size": 224, "consistency": 0.5}, {"size": 224, "consistency": 0.0, "band": 9}, ("Run 1", "Run 2")
    )
    assert made.rows == [["consistency", "0.5", "0.0"], ["band", "—", "9"]]


def test_slices_are_a_table_for_each_way_to_cut_the_report() -> None:
    made = figures.slice_tables([seen(1, Split.test, "none", 0.5), seen(2, Split.test, "none", 0.7)], [F1])
    assert list(made) == ["By hair share", "By hair brightness", "By source"]
    assert made["By source"].head == ["Source", "Images", f"F1{TIED}↑"]
    (row,) = made["By source"].rows
    assert row[:2] == ["set.zip", "2"]
    assert row[2].startswith("0.600 (")
    assert figures.slice_tables([], [F1]) == {}
