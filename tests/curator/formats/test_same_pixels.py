"""One outline with a hole gives the same pixels, in whatever format it comes."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.formats.shapes import fill_polygon
from tests.curator.formats.drawn import HOLE, OUTLINE, SIDE, flat, photo, the_mask, truth, write

Points = list[tuple[float, float]]


def cvat(folder: Path, outline: Points, hole: Points) -> None:
    def polygon(points: Points, label: str, order: int) -> str:
        return f'<polygon label="{label}" points="{";".join(f"{x},{y}" for x, y in points)}" z_order="{order}"/>'

    shapes = polygon(hole, "Background", 1) + polygon(outline, "hair", 0)
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("hair", "face", "Background"))
    image = f'<image id="0" name="a.jpg" width="{SIDE}" height="{SIDE}">{shapes}</image>'
    write(folder / "annotations.xml", f"<annotations><meta><task><labels>{labels}</labels></task></meta>{image}</annotations>")
    photo(folder / "images/a.jpg")


def coco(folder: Path, outline: Points, hole: Points) -> None:
    mask = fill_polygon(tuple(flat(outline)), SIDE, SIDE) & ~fill_polygon(tuple(flat(hole)), SIDE, SIDE)
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0))
    counts = np.diff([0, *changes.tolist(), SIDE * SIDE]).tolist()
    annotation = {"image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": {"size": [SIDE, SIDE], "counts": counts}}
    images = [{"id": 1, "file_name": "a.jpg", "width": SIDE, "height": SIDE}]
    write(folder / "labels.json", {"images": images, "annotations": [annotation], "categories": [{"id": 1, "name": "hair"}]})
    photo(folder / "data/a.jpg")


def supervisely(folder: Path, outline: Points, hole: Points) -> None:
    write(folder / "meta.json", {"classes": [{"title": "hair"}, {"title": "face"}], "tags": []})
    points = {"exterior": outline, "interior": [hole]}
    shape = {"classTitle": "hair", "geometryType": "polygon", "points": points}
    write(
        folder / "ds/datasets/inner/ann/a.jpg.json", {"size": {"width": SIDE, "height": SIDE}, "tags": [], "objects": [shape]}
    )
    photo(folder / "ds/datasets/inner/img/a.jpg")


def labelme(folder: Path, outline: Points, hole: Points) -> None:
    points = [*outline, outline[0], *hole, hole[0]]  # labelme has no holes: they are cut open to the outline
    shape = {"label": "hair", "points": points, "shape_type": "polygon"}
    size = {"imageHeight": SIDE, "imageWidth": SIDE}
    write(
        folder / "a.json", {"version": "5.5.0", "flags": {}, "shapes": [shape], "imagePath": "a.jpg", "imageData": None} | size
    )
    photo(folder / "a.jpg")


FORMATS = {"cvat": cvat, "coco": coco, "supervisely": supervisely, "labelme": labelme}


@pytest.mark.parametrize("format", FORMATS)
def test_an_l_with_a_hole_is_exact(tmp_path: Path, format: str) -> None:
    FORMATS[format](tmp_path / format, OUTLINE, HOLE)
    assert np.array_equal(the_mask(tmp_path / format), truth())


def corners(low: int, high: int) -> st.SearchStrategy[Points]:
    """A polygon around the middle of a box: its corners in the order of their angle."""
    middle, reach = (low + high) / 2, (high - low) / 2
    radii = st.lists(st.floats(0.2, 1.0).map(lambda share: share * reach), min_size=3, max_size=9)
    return radii.map(
        lambda found: [
            (
                round(middle + radius * float(np.cos(2 * np.pi * at / len(found))), 2),
                round(middle + radius * float(np.sin(2 * np.pi * at / len(found))), 2),
            )
            for at, radius in enumerate(found)
        ]
    )


@given(corners(100, 400), corners(230, 270))
@settings(max_examples=8, deadline=None)
def test_polygons_with_holes_give_the_same_pixels_in_every_format(outline: Points, hole: Points) -> None:
    masks = []
    for name, draw in FORMATS.items():
        with tempfile.TemporaryDirectory() as at:
            draw(Path(at) / name, outline, hole if name != "labelme" else [hole[0]] * 3)
            masks.append(the_mask(Path(at) / name))
    first, *others, without_hole = masks
    for other in others:
        assert np.array_equal(first, other)
    assert np.array_equal(first, without_hole & ~fill_polygon(tuple(flat(hole)), SIDE, SIDE))
