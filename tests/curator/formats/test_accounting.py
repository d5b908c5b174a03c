"""Every file of a source is in, a list, refused, junk, or named as not read; and in one of these only."""

import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.formats import NotRead, RawPair, Refused, open_source
from curator.formats.locations import is_junk
from db.errors import WinnowError
from db.settings import Limits

LIMITS = Limits()
FOLDERS = [
    "", "images", "masks", "labels", "images/x", "masks/x", "masks/hair", "batch2/images", "batch2/masks", "train/images",
    "train/masks", "Test_RGB", "Test_Labels", "img_dir/val", "ann_dir/val", "data", "JPEGImages", "SegmentationClass",
    "ImageSets/Segmentation", "CelebA-HQ-img", "CelebAMask-HQ-mask-anno/0", "notes", "annotations", "__MACOSX",
]  # fmt: skip
STEMS = ["a", "A", "b", "mask_a", "a_mask", "a_skin", "a.jpg", "0", "00000_hair", "00000_skin", "manifest", "README", "IMG_1"]
ENDINGS = [
    ".jpg",
    ".png",
    ".PNG",
    "",
    ".txt",
    ".csv",
    ".json",
    ".xml",
    ".MOV",
    ".CR2",
    ".xmp",
    ".AAE",
    ".zip",
    ".tar.gz",
    ".pdf",
]
GOOD = [
    [], ["images/g.jpg", "masks/g.png"], ["batch/photos/g.jpg", "batch/gt/g.png"], ["g.jpg", "g_mask.png"],
    ["JPEGImages/g.jpg", "SegmentationClass/g.png"], ["CelebA-HQ-img/9.jpg", "CelebAMask-HQ-mask-anno/0/00009_hair.png"],
]  # fmt: skip
CONTENT = {
    ".csv": "image,mask\na.jpg,a.png\nimages/a.jpg,nowhere.png\n",
    ".json": "{}",
    ".txt": "a\nb\n",
    ".xml": "<annotations/>",
}


def laid(root: Path, names: list[str], links: list[tuple[str, str]]) -> Path:
    for name in names:
        path = root / name
        if not any(each.is_file() for each in (path, *path.parents)) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(CONTENT.get(path.suffix.lower(), "x"))
    for number, (name, target) in enumerate(links):
        if not (root / f"{name}{number}").exists() and (root / name).parent.is_dir():
            (root / f"{name}{number}").symlink_to(root / target)
    return root


def classes(source: Path) -> tuple[dict[str, set[str]], int]:
    """The files of a source by what became of them, as the items say it, and how many there are by its own count."""
    found = open_source(source, "auto", source.with_name("workspace"), LIMITS)
    items = list(found.items)
    said: dict[str, set[str]] = {
        "refused": {item.file for item in items if isinstance(item, Refused)},
        "junk": {item.file for item in items if isinstance(item, NotRead) and item.junk},
        "not read": {item.file for item in items if isinstance(item, NotRead) and not item.junk},
        "in": {
            str(place.relative_to(base))
            for item in items
            if isinstance(item, RawPair)
            for place in (item.photo, item.mask, item.skin, item.annotation)
            if isinstance(place, Path)
            for base in (source, source.resolve())
            if place.is_relative_to(base)
        },
    }
    return said, found.counted.files


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS), st.sampled_from(ENDINGS)), min_size=1, max_size=25),
    st.lists(
        st.tuples(st.sampled_from(["images/l", "link", "masks/a"]), st.sampled_from(["images", "nowhere", ".."])), max_size=2
    ),
)
def test_every_file_is_in_one_class(good: list[str], files: list[tuple[str, str, str]], links: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "workspace").mkdir()
        source = Path(folder).resolve() / "source"
        source.mkdir()
        laid(source, good + ["/".join(filter(None, [above, f"{stem}{ending}"])) for above, stem, ending in files], links)
        there = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_symlink() or not path.is_dir()}
        try:
            said, count = classes(source)
        except WinnowError:
            return  # one sentence about the whole
        lists = there - set().union(*said.values())
        assert all(Path(name).suffix in (".csv", ".json", ".txt", ".xml") or is_celeba(name) for name in lists), lists
        assert count == len(there)
        assert said["junk"] == {name for name in there if is_junk(name)}
        assert set().union(*said.values()) - said["refused"] <= there
        times = Counter(name for names in said.values() for name in names)
        refused_row = {"a.jpg", "images/a.jpg"}  # a row of the list names it, and another file may, too
        assert [name for name, number in times.items() if number > 1 and name not in refused_row] == []


def is_celeba(name: str) -> bool:
    """Whether a picture is a part of a face, whose being there says what the face lacks."""
    return name.startswith("CelebAMask-HQ-mask-anno/")


@pytest.mark.parametrize("number", [10_000])
def test_ten_thousand_files_of_every_kind_are_all_accounted_for_within_five_seconds(tmp_path: Path, number: int) -> None:
    (tmp_path / "workspace").mkdir()
    names = [
        f"{folder}/{stem}{at}{ending}".lstrip("/")
        for at in range(number // (len(FOLDERS) * 13) + 1)
        for folder in FOLDERS
        for stem, ending in zip(STEMS, ENDINGS, strict=False)
    ][:number]
    source = laid(tmp_path / "source", names, [])
    (source / "croissant.json").write_text(json.dumps({"distribution": []}))
    there = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    start = time.process_time()
    said, count = classes(source)
    took = time.process_time() - start
    assert count == len(there) >= 0.9 * number
    assert set().union(*said.values()) == there
    assert sum(map(len, said.values())) == count
    assert said["in"]
    assert took < 5
