"""PASCAL VOC and CVAT's "Segmentation mask 1.1": lists give the splits, and what lacks a partner is refused."""

from pathlib import Path

import pytest

from curator.formats import RawPair, Refused, count_items, open_source, voc
from curator.formats.pairs import ListRead
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(voc.read)


def lay(root: Path, **files: str) -> Path:
    for name, text in {"JPEGImages/a.jpg": "", "SegmentationClass/a.png": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MORE = {"JPEGImages/b.jpg": "", "SegmentationClass/b.png": ""}


def test_lists_give_the_split(tmp_path: Path) -> None:
    lists = {"train.txt": "a\n", "val.txt": "b\n", "trainval.txt": "a\nb\n"}
    lay(tmp_path, **MORE, **{f"ImageSets/Segmentation/{name}": text for name, text in lists.items()})
    assert {pair.name: (pair.mask, pair.split) for pair in read(tmp_path)} == {
        "JPEGImages/a.jpg": (tmp_path / "SegmentationClass/a.png", Split.train),
        "JPEGImages/b.jpg": (tmp_path / "SegmentationClass/b.png", Split.validation),
    }


@pytest.mark.parametrize("above", ["", "VOCdevkit/VOC2012/"])
def test_it_is_recognised_wherever_it_lies_and_every_file_is_accounted_for(tmp_path: Path, above: str) -> None:
    files = {
        f"{above}JPEGImages/x/b.jpg": "",
        f"{above}SegmentationClass/x/b.png": "",
        f"{above}labelmap.txt": "hair:128,0,0::\n",
    }
    files |= {f"{above}SegmentationObject/a.png": "", f"{above}ImageSets/Segmentation/default.txt": "a\nx/b\n"}
    lay(tmp_path / above)
    lay(tmp_path / above, **{name.removeprefix(above): text for name, text in files.items()})
    there = count_items(open_source(tmp_path, "auto", tmp_path, Limits()))
    assert there["because"] == f"it has a folder {above}SegmentationClass/"
    assert (there["format"], there["photos"], there["files"], there["refused"]) == ("voc", 2, 7, [])
    assert [each["file"] for each in there["not_read"]] == [f"{above}SegmentationObject/a.png"]
    assert {item.file.name for item in voc.read(tmp_path) if isinstance(item, ListRead)} == {"labelmap.txt", "default.txt"}


def test_what_has_no_partner_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, **{"JPEGImages/b.jpg": "", "SegmentationClass/c.png": "", "ImageSets/Segmentation/train.txt": "a\nd\n"})
    assert {item.file: item.reason for item in read(tmp_path) if isinstance(item, Refused)} == {
        "JPEGImages/b.jpg": "no mask of that name in SegmentationClass/.",
        "SegmentationClass/c.png": "no photo of that name in JPEGImages/.",
        "ImageSets/Segmentation/train.txt": "ImageSets/Segmentation/train.txt names d, which is neither in JPEGImages/ nor in "
        "SegmentationClass/.",
    }


def test_an_export_without_photos_says_how_to_export_them(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "JPEGImages/a.jpg").unlink()
    with pytest.raises(
        WinnowError, match=r"has masks and no folder JPEGImages/ with photos\. Export it from CVAT with its images\.$"
    ):
        list(read(tmp_path))


def test_lists_of_labels_that_contradict_each_other_are_one_sentence(tmp_path: Path) -> None:
    lay(tmp_path / "one", **{"labelmap.txt": "hair:128,0,0::\nskin:0,128,0::\n"})
    lay(tmp_path / "two", **{"labelmap.txt": "hair:0,128,0::\nskin:128,0,0::\n"})
    with pytest.raises(WinnowError, match=r"one/labelmap\.txt and two/labelmap\.txt give different colours to hair"):
        list(read(tmp_path))
    (tmp_path / "two/labelmap.txt").write_text("skin:0,128,0::\nhair:128,0,0::\nface:9,9,9::\n")
    assert [item.name for item in read(tmp_path) if isinstance(item, RawPair)] == [
        "one/JPEGImages/a.jpg",
        "two/JPEGImages/a.jpg",
    ]
