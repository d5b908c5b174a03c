"""Slices of a report: their borders, means and intervals."""

from dataclasses import dataclass

import pytest

from trainer.intervals import bootstrap
from trainer.slices import brightness_of, share_of, slices


@dataclass(frozen=True)
class Row:
    source: str
    values: dict[str, float | None]


def row(source: str, share: float | None, brightness: float | None, f1: float | None) -> Row:
    return Row(source, {"hair_share": share, "hair_brightness": brightness, "f1": f1})


@pytest.mark.parametrize(
    ("share", "name"),
    [
        (None, None),
        (0.0, "none"),
        (1e-6, "under 10 %"),
        (0.0999, "under 10 %"),
        (0.10, "10 to 25 %"),
        (0.25, "10 to 25 %"),
        (0.2501, "over 25 %"),
        (1.0, "over 25 %"),
    ],
)
def test_borders_of_hair_shares(share, name):
    assert share_of(share) == name


@pytest.mark.parametrize(
    ("brightness", "name"),
    [(None, None), (0.0, "dark"), (0.2499, "dark"), (0.25, "middle"), (0.5, "middle"), (0.501, "bright"), (1.0, "bright")],
)
def test_borders_of_brightness(brightness, name):
    assert brightness_of(brightness) == name


def test_each_slice_has_its_images_their_mean_and_its_interval():
    rows = [
        row("b.zip", 0.0, None, None),
        row("b.zip", 0.3, 0.1, 0.9),
        row("a", 0.4, 0.2, 0.8),
        row("a", 0.05, 0.7, 0.5),
    ]
    found = slices(rows, ["f1"])
    assert [(one.by, one.name, one.images) for one in found] == [
        ("hair share", "none", 1),
        ("hair share", "under 10 %", 1),
        ("hair share", "over 25 %", 2),
        ("hair brightness", "dark", 2),
        ("hair brightness", "bright", 1),
        ("source", "a", 2),
        ("source", "b.zip", 2),
    ]
    means = {one.name: one.means["f1"] for one in found}
    assert means == {
        "none": None,
        "under 10 %": 0.5,
        "over 25 %": pytest.approx(0.85),
        "dark": pytest.approx(0.85),
        "bright": 0.5,
        "a": pytest.approx(0.65),
        "b.zip": 0.9,
    }
    assert {one.name: one.intervals["f1"] for one in found}["over 25 %"] == bootstrap([0.9, 0.8])


def test_rows_of_an_older_report_are_sliced_by_source_alone():
    assert [(one.by, one.name) for one in slices([row("a", None, None, 0.5)], ["f1"])] == [("source", "a")]


def test_without_rows_there_are_no_slices():
    assert slices([]) == []
