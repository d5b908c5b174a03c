"""VIA's lists: projects, exports as JSON and CSV, shapes in pixels of the photo as it is shown."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.formats.via import read, recognise
from db.errors import WinnowError
from tests.curator.formats.drawn import CUT_OPEN, items, pairs, photo, pixels, refusals, the_mask, truth, write

X, Y = [x for x, _ in CUT_OPEN], [y for _, y in CUT_OPEN]
POLYGON = {"name": "polygon", "all_points_x": X, "all_points_y": Y}


def region(shape: Any = POLYGON, **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(*regions: Any, name: str = "a.jpg") -> dict[str, Any]:
    return {f"{name}100": {"filename": name, "size": 100, "regions": list(regions), "file_attributes": {}}}


def project(entries: Any, **options: str) -> dict[str, Any]:
    attributes = {"region": {"part": {"type": "dropdown", "options": options}}, "file": {}}
    return {"_via_settings": {"core": {}}, "_via_img_metadata": entries, "_via_attributes": attributes}


@pytest.mark.parametrize(
    "content",
    [
        project(entry(region(part="hair")), hair="", face=""),
        project(entry(region(part="1")), **{"1": "Hair", "2": "face"}),
        entry(region(part={"hair": True, "face": False})),
        {"a.jpg100": {"filename": "a.jpg", "size": 100, "regions": {"0": region(part="hair")}}},
    ],
    ids=["project", "options with words", "ticked options", "VIA 1"],
)
def test_projects_and_exports_give_the_mask(tmp_path: Path, content: Any) -> None:
    photo(tmp_path / "images/a.jpg")
    write(tmp_path / "via.json", content)
    assert recognise(tmp_path) == "via.json holds VIA's regions"
    assert np.array_equal(the_mask(tmp_path), truth())


@pytest.mark.parametrize("head", ["", "#"])
def test_an_export_as_csv_gives_the_mask(tmp_path: Path, head: str) -> None:
    photo(tmp_path / "a.jpg")
    shape, said = (json.dumps(each).replace('"', '""') for each in (POLYGON, {"part": "hair"}))
    columns = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    write(tmp_path / "via.csv", f'{head}{columns}\na.jpg,100,"{{}}",1,0,"{shape}","{said}"\n')
    assert np.array_equal(the_mask(tmp_path), truth())


def test_ellipses_turn_and_circles_are_round(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    ellipse = {"name": "ellipse", "cx": 200, "cy": 200, "rx": 100, "ry": 20, "theta": np.pi / 2}
    write(
        tmp_path / "via.json",
        entry(region(ellipse, part="hair"), region({"name": "circle", "cx": 60, "cy": 60, "r": 9}, part="hair")),
    )
    mask = the_mask(tmp_path)
    assert mask[110, 200]
    assert mask[60, 60]
    assert not mask[200, 290]


def test_a_photo_on_its_side_is_drawn_on_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "a.jpg", 400, 600, exif=exif)
    square = {"name": "polygon", "all_points_x": [500, 590, 590, 500], "all_points_y": [10, 10, 60, 60]}
    write(tmp_path / "via.json", entry(region(square, part="hair")))
    mask = the_mask(tmp_path)
    assert mask.shape == (400, 600)
    assert mask[10:60, 500:590].all()


def test_regions_without_attributes_are_hair_only_if_a_person_says_so(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "via.json", entry(region()))
    with pytest.raises(WinnowError, match=r"none of its labels is called hair \(shapes of each: unlabelled: 1\)"):
        list(read(tmp_path))
    assert np.array_equal(the_mask(tmp_path, label="unlabelled"), truth())


def test_what_does_not_fit_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    for name in "abcd":
        photo(tmp_path / f"{name}.jpg")
    entries = entry(region(part="hair")) | entry(
        region({"name": "rect", "x": 1, "y": 1, "width": 5, "height": 5}, part="hair"), name="b.jpg"
    )
    entries |= entry(region(part="face"), name="c.jpg") | entry(region({"name": "polygon"}, part="hair"), name="d.jpg")
    write(tmp_path / "via.json", project(entries | entry(name="e.jpg"), hair="", face=""))
    assert [pair.name for pair in pairs(tmp_path)] == ["a.jpg"]
    assert refusals(tmp_path) == {
        "b.jpg": "it is annotated with a box only, which does not outline its hair. Use a mask or a polygon.",
        "c.jpg": "it has no hair annotation in via.json. It has face.",
        "d.jpg": "one of its regions lacks its shape's numbers.",
        "e.jpg": "the photo isn't there: Winnow looked for it in the source itself, in images/ and in data/.",
    }
    assert len(items(tmp_path)) == 5
    assert pixels(pairs(tmp_path)[0]).any()


@pytest.mark.parametrize("text", ["[]", '{"name": "package"}', '{"_via_img_metadata": 1}'])
def test_what_is_none_of_its_lists_is_one_clear_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(WinnowError, match=r"has no list of VIA|^a\.json can't be read as VIA's"):
        list(read(tmp_path))
