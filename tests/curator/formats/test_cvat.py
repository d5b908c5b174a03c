"""CVAT's XML: masks by their runs, polygons, subsets; hostile XML is refused before it can do harm."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from curator.formats import RawPair, Refused, cvat, mask_bytes, rle
from curator.formats.cvat import recognise
from curator.formats.shapes import Shapes
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.drawn import (
    CUT_OPEN,
    HOLE,
    OUTLINE,
    items,
    pairs,
    photo,
    pixels,
    refusals,
    the_mask,
    truth,
    write,
)
from tests.curator.formats.items import without_lists

read = without_lists(cvat.read)

LIMITS = Limits()
# 0 0 1 / 1 1 0 along the rows: two of background, three of hair, one of background; its corner at row 1, column 2
MASK = '<mask label="hair" source="manual" occluded="0" rle="2, 3, 1" left="2" top="1" width="3" height="2" z_order="0"></mask>'
WHOLE = [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 255, 0], [0, 0, 255, 255, 0, 0], [0, 0, 0, 0, 0, 0]]


def image(inside: str, name: str = "a.jpg", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="6" height="4" {more}>{inside}</image>'


def xml(folder: Path, *images: str, head: str = "") -> Path:
    (folder / "images").mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / "images" / name).write_bytes(b"photo")
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{head}<annotations><version>1.1</version>{"".join(images)}</annotations>'
    (folder / "annotations.xml").write_text(text, "utf-8")
    return folder


def mask_in(pair: Any) -> list[list[int]]:
    assert isinstance(pair, RawPair), pair
    return decode_mask(mask_bytes(pickle.loads(pickle.dumps(pair)), LIMITS)).tolist()


def test_a_folder_and_a_file_are_recognised_and_read(tmp_path: Path) -> None:
    xml(tmp_path, image(MASK))
    for place in (tmp_path, tmp_path / "annotations.xml"):
        assert recognise(place) == "annotations.xml holds CVAT's annotations"
        (pair,) = read(place)
        assert mask_in(pair) == WHOLE
        assert (pair.name, pair.photo) == ("a.jpg", tmp_path / "images/a.jpg")


def test_masks_and_polygons_of_hair_make_one_mask_and_other_labels_are_passed_over(tmp_path: Path) -> None:
    polygon = '<polygon label="hair" points="0.00,0.00;2.00,0.00;2.00,1.00;0.00,1.00"/>'
    others = '<mask label="hat" rle="0, 4" left="0" top="0" width="2" height="2"/><box label="hair" xtl="0" ytl="0"/>'
    (pair,) = read(xml(tmp_path, image(MASK + polygon + others)))
    assert mask_in(pair) == [[255, 255, 0, 0, 0, 0], *WHOLE[1:]]


def test_the_subset_says_the_split_and_may_be_a_folder(tmp_path: Path) -> None:
    xml(tmp_path, image(MASK, "c.jpg", 'subset="Train"'))
    (tmp_path / "images/Train").mkdir()
    (tmp_path / "images/Train/c.jpg").write_bytes(b"photo")
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert (pair.split, pair.photo) == (Split.train, tmp_path / "images/Train/c.jpg")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (image(MASK, "../c.jpg"), "its path points outside the folder."),
        (image(MASK, "/etc/passwd"), "its path points outside the folder."),
        (image(MASK, "c.jpg"), "the photo isn't there: Winnow looked for it in images/, in the source itself and in data/."),
        (image(""), "it has no hair annotation."),
        (image(MASK.replace("2, 3, 1", "2, x")), "its mask's runs have to be whole numbers separated by commas."),
        (image(MASK.replace(' left="2"', "")), "its mask needs whole numbers for top, left, height, width."),
        (image(MASK).replace(' height="4"', ""), "its image needs whole numbers for height, width."),
        (
            image('<polygon label="hair" points="0,0;1,1"/>'),
            "it is annotated with an outline without an area only, which does not outline its hair. Use a mask or a polygon.",
        ),
        (
            image('<polygon label="hair" points="0,0;1,1;2"/>'),
            "one polygon has fewer than three points or an invalid coordinate.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_the_others_come_in(tmp_path: Path, broken: str, reason: str) -> None:
    refused, pair = read(xml(tmp_path, broken, image(MASK, "b.jpg")))
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert mask_in(pair) == WHOLE


def test_runs_that_do_not_fill_their_box_are_a_sentence_when_the_mask_is_made(tmp_path: Path) -> None:
    (pair,) = read(xml(tmp_path, image(MASK.replace("2, 3, 1", "2, 3"))))
    with pytest.raises(WinnowError, match=r"^its runs add up to 5 pixels; "):
        mask_bytes(pair, LIMITS)


def test_a_box_beyond_the_limits_is_refused_before_a_pixel_is_made(tmp_path: Path) -> None:
    huge = MASK.replace('width="3" height="2"', 'width="1000000" height="1000000"').replace("2, 3, 1", "1000000000000")
    (refused,) = read(xml(tmp_path, image(huge)))
    reason = "its outlines reach from 2, 1 to 1,000,002, 1,000,001, beyond its 6 x 4 pixels."
    assert refused == Refused("a.jpg", reason, tmp_path / "images/a.jpg")
    (pair,) = read(xml(tmp_path, image(huge).replace('width="6" height="4"', 'width="1000002" height="1000001"', 1)))
    with pytest.raises(WinnowError, match=r"^its mask is 1,000,002 x 1,000,001: more than 80,000,000 pixels\.$"):
        mask_bytes(pair, LIMITS)
    with pytest.raises(WinnowError, match=r"^its mask is 1,000,000 x 1,000,000: more than 80,000,000 pixels\.$"):
        rle.Runs(10**6, 10**6, (10**12,)).onto(np.zeros((4, 6), np.uint8), LIMITS)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]>',
        '<!DOCTYPE a [<!ENTITY l SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE annotations SYSTEM "http://example.org/x.dtd">',
    ],
    ids=["entities that grow", "a file of ours", "a file of theirs"],
)
def test_xml_that_declares_types_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(
        WinnowError, match=r"^annotations\.xml declares a document type \(\w+\), which CVAT never does\. It was not read\.$"
    ):
        list(read(xml(tmp_path, image(MASK), head=head)))


@pytest.mark.parametrize("text", ["", "<annotations>", "<a></a>", "\0"])
def test_what_is_no_annotation_is_one_clear_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(WinnowError, match=r"^annotations\.xml (can't be read as XML|is not CVAT's)"):
        list(read(tmp_path))


def test_several_labels_without_hair_are_one_clear_sentence(tmp_path: Path) -> None:
    xml(tmp_path, image(MASK.replace("hair", "hat") + MASK.replace("hair", "bun")))
    with pytest.raises(WinnowError) as said:
        list(read(tmp_path))
    assert str(said.value) == (
        "annotations.xml: none of its labels is called hair (shapes of each: hat: 1, bun: 1). "
        "Say which one is hair: --label NAME."
    )


def test_a_video_is_recognised_and_refused_in_one_sentence(tmp_path: Path) -> None:
    assert recognise(tmp_path) is None
    (tmp_path / "annotations.xml").write_text("<annotations><track id='0'/><track id='1'/></annotations>")
    assert recognise(tmp_path) == "annotations.xml holds CVAT's annotations of a video"
    with pytest.raises(WinnowError) as said:
        list(read(tmp_path))
    assert str(said.value) == (
        "annotations.xml is of a video (2 tracks), and Winnow reads photos. In CVAT, export the task as "
        '"CVAT for images 1.1" with its images saved.'
    )


@pytest.mark.parametrize("files", [["annotations/a.xml", "annotations/b.xml"], ["a.xml"]])
def test_pascal_vocs_boxes_are_called_by_their_name(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("<annotation><object><name>hair</name><bndbox/></object></annotation>")
    place = tmp_path if len(files) > 1 else tmp_path / files[0]
    assert recognise(place) == f"{files[0]} is PASCAL VOC's"
    with pytest.raises(WinnowError, match=r" are PASCAL VOC's, with boxes, and a box does not outline hair\."):
        list(read(place))


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.sampled_from([0, 255])),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_a_box_of_runs_along_the_rows_comes_back_where_it_was(mask: np.ndarray, top: int, left: int) -> None:
    height, width = mask.shape
    shape = rle.Runs(height, width, tuple(rle.mask_to_runs(mask.T)), top, left, along_rows=True)
    whole = Shapes(height + top, width + left, (shape,)).pixels(LIMITS)
    assert (whole[top:, left:] == mask).all()
    assert whole.sum() == mask.sum(dtype=int)


def annotated(folder: Path, shapes: str, *labels: str, size: str = 'width="512" height="512"') -> Path:
    """A task whose labels are listed, with one photo."""
    listed = "".join(f"<label><name>{name}</name></label>" for name in labels)
    meta = f"<meta><task><labels>{listed}</labels></task></meta>"
    write(folder / "annotations.xml", f'<annotations>{meta}<image id="0" name="a.jpg" {size}>{shapes}</image></annotations>')
    photo(folder / "images/a.jpg")
    return folder


def polygon(points: Any, label: str = "hair", order: int = 0) -> str:
    return f'<polygon label="{label}" points="{";".join(f"{x},{y}" for x, y in points)}" z_order="{order}"/>'


ELLIPSE = '<ellipse label="hair" cx="400.00" cy="100.00" rx="60.00" ry="20.00" rotation="90.0" z_order="0"/>'
BELOW = [(0, 0), (512, 0), (512, 512), (0, 512)]


def test_a_polygon_and_an_ellipse_that_is_turned_make_one_mask(tmp_path: Path) -> None:
    mask = the_mask(annotated(tmp_path, polygon(CUT_OPEN) + ELLIPSE, "hair"))
    y, x = np.mgrid[:512, :512] + 0.5
    inside = ((x - 400) / 20) ** 2 + ((y - 100) / 60) ** 2 <= 1
    assert np.array_equal(mask, truth() | inside.astype(np.uint8) * np.uint8(255))


@pytest.mark.parametrize(
    ("shapes", "remark"),
    [
        (polygon(OUTLINE) + polygon(HOLE, "Background"), "Background lies above its hair, and covers what is below."),
        (polygon(HOLE, "hat", 3) + polygon(OUTLINE), "hat lies above its hair, and covers what is below."),
        (polygon(HOLE, "hat", 1) + polygon(CUT_OPEN, order=1) + polygon(BELOW, "hat"), None),
        (polygon(CUT_OPEN, order=2) + polygon(BELOW, "background", 1), None),
    ],
    ids=["background cuts", "what is higher covers", "what is level does not", "background below does not"],
)
def test_shapes_are_drawn_from_the_lowest_up(tmp_path: Path, shapes: str, remark: str | None) -> None:
    (pair,) = pairs(annotated(tmp_path, shapes, "hair", "hat", "background"))
    assert np.array_equal(pixels(pair), truth())
    assert remark is None or pair.remarks == (remark,)


def test_a_box_or_line_beside_an_area_is_a_remark_and_alone_a_refusal(tmp_path: Path) -> None:
    box, line = '<box label="hair" xtl="0" ytl="0" xbr="9" ybr="9"/>', '<polyline label="hair" points="0,0;9,9"/>'
    (pair,) = pairs(annotated(tmp_path, box + line + box + polygon(CUT_OPEN), "hair"))
    assert np.array_equal(pixels(pair), truth())
    said = "annotations.xml also annotates it with a box (2 times), a line, which outlines nothing and was left out."
    assert pair.remarks == (said,)
    assert refusals(annotated(tmp_path, box, "hair")) == {
        "a.jpg": "it is annotated with a box only, which does not outline its hair. Use a mask or a polygon."
    }


def test_a_project_of_hair_and_face_where_only_face_is_drawn_has_no_hair_to_read(tmp_path: Path) -> None:
    assert refusals(annotated(tmp_path, polygon(CUT_OPEN, "face"), "hair", "face")) == {
        "a.jpg": "it has no hair annotation. It has face."
    }
    with pytest.raises(WinnowError, match=r"none of its labels is called hair \(shapes of each: face: 1\)"):
        items(annotated(tmp_path, polygon(CUT_OPEN, "face"), "face"))
    assert np.array_equal(the_mask(tmp_path, label="face"), truth())


def test_skin_and_unknown_pixels_come_along(tmp_path: Path) -> None:
    shapes = polygon(CUT_OPEN) + polygon(HOLE, "skin") + polygon(HOLE, "unknown")
    (pair,) = pairs(annotated(tmp_path, shapes, "hair", "skin", "unknown"))
    assert [pixels(pair, of).sum() for of in ("skin", "unknown")] == [64 * 64 * 255] * 2
    assert np.array_equal(pixels(pair), truth())
