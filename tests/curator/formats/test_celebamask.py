"""CelebAMask-HQ: numbers with and without zeros, parts in numbered folders, and heads without hair."""

from pathlib import Path

import numpy as np
import pytest

from curator.formats import RawPair, Refused, celebamask, count_items, mask_bytes, open_source
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(celebamask.read)


def lay(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


PHOTOS, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
SET = [
    f"{PHOTOS}/0.jpg", f"{PHOTOS}/2001.jpg", f"{PHOTOS}/7.jpg",
    f"{MASKS}/0/00000_hair.png", f"{MASKS}/0/00000_skin.png", f"{MASKS}/0/00000_l_brow.png", f"{MASKS}/1/02001_hair.png",
    f"{MASKS}/0/00007_skin.png", f"{MASKS}/0/00007_nose.png",
]  # fmt: skip


@pytest.mark.parametrize("above", ["", "CelebAMask-HQ/"])
def test_parts_are_found_by_number_and_the_skin_comes_with_the_hair(tmp_path: Path, above: str) -> None:
    lay(tmp_path, *(above + name for name in SET), f"{above}CelebAMask-HQ-attribute-anno.txt")
    found = {item.name: item for item in read(tmp_path)}
    assert list(found) == [f"{above}{PHOTOS}/{number}.jpg" for number in (0, 7, 2001)]
    base = tmp_path / above / MASKS
    zero, bald, far = found.values()
    assert (zero.mask, zero.skin) == (base / "0/00000_hair.png", base / "0/00000_skin.png")
    assert (far.mask, far.skin) == (base / "1/02001_hair.png", None)
    assert bald.skin == base / "0/00007_skin.png"
    assert not np.any(decode_mask(mask_bytes(bald, Limits())))


def test_it_is_recognised_and_every_file_is_accounted_for(tmp_path: Path) -> None:
    lay(tmp_path, *SET, "CelebAMask-HQ-pose-anno.txt", "README.txt")
    there = count_items(open_source(tmp_path, "auto", tmp_path, Limits()))
    assert there["because"] == f"it has the folders {PHOTOS}/ and {MASKS}/"
    assert (there["format"], there["photos"], there["files"]) == ("celebamask", 3, 11)
    assert [each["file"] for each in there["not_read"]] == ["CelebAMask-HQ-pose-anno.txt", "README.txt"]


def test_celebas_lists_give_its_splits_and_our_exports_their_unknown_pixels(tmp_path: Path) -> None:
    lay(tmp_path, *SET, f"{MASKS}/0/00000_unknown.png")
    rows = "idx orig_idx orig_file\n0 119613 119614.jpg\n2001 5 000006.jpg\n7 8 000009.jpg\n"
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(rows)
    assert {pair.split for pair in read(tmp_path)} == {None}
    (tmp_path / "list_eval_partition.txt").write_text("119614.jpg 0\n000006.jpg 2\n000009.jpg 7\n")
    zero, seven, far = read(tmp_path)
    assert (zero.split, seven.split, far.split) == (Split.train, None, Split.test)
    assert (zero.unknown, far.unknown) == (tmp_path / MASKS / "0/00000_unknown.png", None)
    there = count_items(open_source(tmp_path, "auto", tmp_path, Limits()))
    assert (there["files"], there["not_read"]) == (12, [])


def test_what_has_no_partner_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, *SET, f"{PHOTOS}/9.jpg", f"{PHOTOS}/07.jpg", f"{MASKS}/0/00011_hair.png")
    assert {item.file: item.reason for item in read(tmp_path) if isinstance(item, Refused)} == {
        f"{PHOTOS}/9.jpg": f"no part of it is in {MASKS}/.",
        f"{PHOTOS}/07.jpg": "several photos have its number, so it is unclear whose masks they are.",
        f"{PHOTOS}/7.jpg": "several photos have its number, so it is unclear whose masks they are.",
        f"{MASKS}/0/00011_hair.png": f"no photo of that number in {PHOTOS}/.",
    }
    assert len([item for item in read(tmp_path) if isinstance(item, RawPair)]) == 2


def test_one_folder_alone_is_one_clear_sentence(tmp_path: Path) -> None:
    assert celebamask.recognise(lay(tmp_path, SET[0])) is None
    with pytest.raises(WinnowError, match=r"has no CelebA-HQ-img/ with CelebAMask-HQ-mask-anno/ beside it"):
        list(celebamask.read(tmp_path))


def test_a_set_without_any_hair_is_no_set_of_bald_people(tmp_path: Path) -> None:
    lay(tmp_path, *(name for name in SET if "hair" not in name))
    with pytest.raises(WinnowError, match=r"has no part hair in CelebAMask-HQ-mask-anno/: only other parts"):
        list(read(tmp_path))
