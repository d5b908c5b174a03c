"""Outlines against the size that a list states and those of the photo: which one they were drawn at."""

from pathlib import Path

import pytest
from PIL import Image

from curator.formats.fitting import Size, fit_shapes, photo_sizes
from curator.formats.shapes import Cut, Ellipse, NotAnArea, Polygon, Shape
from db.errors import WinnowError
from tests.curator.formats.drawn import photo


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return Polygon((left, top, right, top, right, bottom, left, bottom))


@pytest.mark.parametrize(
    ("shape", "stated", "drawn_at"),
    [
        (box(0, 0, 600, 400), (400, 600), (400, 600)),
        (box(-20, -20, 620, 420), (400, 600), (400, 600)),
        (box(0, 0, 400, 600), (400, 600), (600, 400)),
        (box(0, 0, 400, 600), (600, 400), (600, 400)),
        (box(0, 0, 390, 590), (200, 100), (600, 400)),
        (box(0, 0, 390, 590), None, (600, 400)),
        (box(0, 0, 590, 390), None, (400, 600)),
        (Ellipse(200, 500, 90, 90), (400, 600), (600, 400)),
        (box(0, 0, 900, 300), (400, 600), None),
        (box(0, -300, 300, 300), None, None),
    ],
    ids=["fits", "over the edge", "turned", "stated as shown", "another size", "shown", "stored", "ellipse", "beyond", "above"],
)
def test_outlines_are_drawn_at_the_size_that_they_fit(
    tmp_path: Path, shape: Shape, stated: Size | None, drawn_at: Size | None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "a.jpg", 600, 400, exif=exif)
    assert photo_sizes(tmp_path / "a.jpg") == [(600, 400), (400, 600)]
    if drawn_at is None:
        with pytest.raises(WinnowError, match=r"^its outlines reach from .* beyond its \d+ x \d+ pixels\.$"):
            fit_shapes([shape], stated, tmp_path / "a.jpg", "a.json")
        return
    mask, remarks = fit_shapes([shape], stated, tmp_path / "a.jpg", "a.json")
    assert (mask.height, mask.width) == drawn_at
    assert bool(remarks) == (stated is not None and stated != drawn_at)


def test_a_nearly_square_photo_on_its_side_is_not_taken_for_a_slip_over_the_edge(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "a.jpg", 410, 400, exif=exif)
    mask, remarks = fit_shapes([box(0, 0, 90, 408)], (400, 410), tmp_path / "a.jpg", "a.json")
    assert (mask.height, mask.width) == (410, 400)
    assert remarks == ("a.json says that it is 410 x 400; its outlines were drawn at 400 x 410.",)


def test_a_photo_is_opened_only_where_its_size_is_needed(tmp_path: Path) -> None:
    nowhere = tmp_path / "a.jpg"
    assert photo_sizes(nowhere) == []
    fit_shapes([box(0, 0, 6, 4)], (4, 6), nowhere, "a.json")
    with pytest.raises(WinnowError, match=r"^its size can't be read from the photo's file"):
        fit_shapes([box(0, 0, 6, 4)], None, nowhere, "a.json")


def test_slivers_and_boxes_are_counted_in_a_remark_and_no_reason_to_refuse(tmp_path: Path) -> None:
    sliver = Polygon((0, 0, 5, 5, 5.1, 5.1))
    drawn = [sliver, box(0, 0, 6, 4), sliver, NotAnArea("a box"), Cut(box(1, 1, 2, 2))]
    mask, remarks = fit_shapes(drawn, (4, 6), tmp_path, "a.json")
    assert mask.shapes == (box(0, 0, 6, 4), Cut(box(1, 1, 2, 2)))
    assert remarks == (
        "a.json also annotates it with an outline without an area (2 times), a box, which outlines nothing and was left out.",
    )
    with pytest.raises(WinnowError, match=r"^it is annotated with an outline without an area, a box only"):
        fit_shapes([sliver, NotAnArea("a box"), Cut(box(1, 1, 2, 2))], (4, 6), tmp_path, "a.json")
    assert fit_shapes([], (4, 6), tmp_path, "a.json")[0].shapes == ()
