"""Folders of pairs: who belongs to whom, and what is said about those that belong to nobody."""

from pathlib import Path

import pytest

from curator.formats import RawPair, Refused
from curator.formats.folder import read, recognise
from db.errors import WinnowError
from db.tables import Split


def lay(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def pairs(root: Path) -> dict[str, str]:
    """The photos' names with their masks', relative to the folder."""
    return {item.name: str(item.mask.relative_to(root)) for item in read(root) if isinstance(item, RawPair)}


def refusals(root: Path) -> dict[str, str]:
    return {item.file: item.reason for item in read(root) if isinstance(item, Refused)}


def test_a_photo_and_its_mask_have_one_name_but_for_the_ending(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "images/B.JPG", "masks/a.png", "masks/b.PNG")
    assert pairs(tmp_path) == {"images/a.jpg": "masks/a.png", "images/B.JPG": "masks/b.PNG"}
    assert refusals(tmp_path) == {}


def test_folders_inside_are_matched_with_folders_inside(tmp_path: Path) -> None:
    lay(tmp_path, "images/x/1.jpg", "images/y/1.jpg", "masks/x/1.png", "masks/y/1.png")
    assert pairs(tmp_path) == {"images/x/1.jpg": "masks/x/1.png", "images/y/1.jpg": "masks/y/1.png"}


def test_one_mask_in_a_folder_of_hair_leaves_those_beside_that_folder_in(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "images/b.jpg", "images/x/c.jpg", "masks/hair/a.png", "masks/b_mask.png", "masks/x/c.png")
    lay(tmp_path, "masks/a.png", "masks/face/b.png")  # all classes in one picture, and another class
    assert pairs(tmp_path) == {
        "images/a.jpg": "masks/hair/a.png",
        "images/b.jpg": "masks/b_mask.png",
        "images/x/c.jpg": "masks/x/c.png",
    }
    assert refusals(tmp_path) == {}


def test_who_has_no_partner_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/c.png")
    assert list(pairs(tmp_path)) == ["images/a.jpg"]
    assert refusals(tmp_path) == {
        "images/b.jpg": "no mask of that name in masks/.",
        "masks/c.png": "no photo of that name in images/.",
    }


def test_files_that_differ_in_case_only_are_both_refused(tmp_path: Path) -> None:
    lay(tmp_path, "images/x.jpg", "images/X.JPG", "masks/x.png", "images/a.jpg", "masks/a.png")
    assert list(pairs(tmp_path)) == ["images/a.jpg"]
    assert refusals(tmp_path) == {
        "images/X.JPG": "its name differs from images/x.jpg only in case or ending, so it is unclear whose mask it is.",
        "images/x.jpg": "its name differs from images/X.JPG only in case or ending, so it is unclear whose mask it is.",
    }


def test_a_photo_with_two_masks_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, "images/x.jpg", "masks/x.png", "masks/x.bmp")
    assert refusals(tmp_path) == {"images/x.jpg": "several masks match its name (masks/x.bmp, masks/x.png). Keep one of them."}


def test_an_accent_is_the_same_however_it_is_spelled(tmp_path: Path) -> None:
    lay(tmp_path, "images/Zoe\u0308.jpg", "masks/Zo\u00eb.png")
    assert len(pairs(tmp_path)) == 1


@pytest.mark.parametrize("stem", ["line\nbreak", "💇🏽‍♀️", "\u202egnp.exe", "a.b.c", "'; DROP TABLE", " space "])
def test_odd_names_come_in_as_they_are(tmp_path: Path, stem: str) -> None:
    lay(tmp_path, f"images/{stem}.jpg", f"masks/{stem}.png")
    assert pairs(tmp_path) == {f"images/{stem}.jpg": f"masks/{stem}.png"}


def test_a_name_that_is_no_utf_8_is_spelled_out(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "masks/a.png")
    try:
        Path(str(tmp_path / "images/\udcff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no names but UTF-8")
    (refused,) = refusals(tmp_path)
    assert refused == r"images/\xff.jpg"
    refused.encode()  # a database can keep it


def test_what_file_managers_leave_behind_is_passed_over(tmp_path: Path) -> None:
    lay(
        tmp_path, "images/a.jpg", "masks/a.png", "images/.DS_Store", "images/Thumbs.db", "masks/._a.png", "masks/__MACOSX/b.png"
    )
    assert list(pairs(tmp_path)) == ["images/a.jpg"]
    assert refusals(tmp_path) == {}


def test_a_folder_without_masks_is_one_clear_sentence(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg")
    with pytest.raises(WinnowError) as said:
        list(read(tmp_path))
    assert str(said.value) == f"{tmp_path} has no folder masks/. Put a mask of the same name there for every photo."


def test_a_folder_without_images_is_one_clear_sentence(tmp_path: Path) -> None:
    lay(tmp_path, "masks/a.png")
    with pytest.raises(WinnowError) as said:
        list(read(tmp_path))
    assert str(said.value) == f"{tmp_path} has no folder images/. Put the photos into images/ and their masks into masks/."


def test_an_empty_images_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    lay(tmp_path, "masks/a.png")
    with pytest.raises(WinnowError) as said:
        list(read(tmp_path))
    assert str(said.value) == f"{tmp_path / 'images'} has no photos. Put the photos there and their masks into masks/."


@pytest.mark.parametrize("photos", ["images", "Image", "IMG", "photos"])
@pytest.mark.parametrize("masks", ["masks", "Mask", "LABELS", "annotations", "gt"])
def test_the_two_folders_go_by_their_usual_names(tmp_path: Path, photos: str, masks: str) -> None:
    lay(tmp_path, f"{photos}/a.jpg", f"{masks}/a.png")
    assert recognise(tmp_path) == f"it has a folder {photos}/"
    assert pairs(tmp_path) == {f"{photos}/a.jpg": f"{masks}/a.png"}


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("a.jpg", "a.png"),
        ("A.JPEG", "a.PNG"),
        ("a.heic", "a.bmp"),
        ("Frame00001-org.jpg", "Frame00001-gt.pbm"),
        ("Frame00001-org.jpg", "Frame00001-gt.png"),
        ("a.jpg", "a_mask.png"),
        ("a.png", "a_mask.png"),
        ("a.jpg", "a_hair.png"),
        ("a.jpg", "a-MASK.jpg"),
        ("long_hair.jpg", "long_hair.png"),
        ("long_hair.jpg", "long_hair_hair.png"),
        ("x/a.jpg", "x/a_mask.png"),
    ],
)
def test_photo_and_mask_side_by_side_are_told_by_their_names(tmp_path: Path, photo: str, mask: str) -> None:
    lay(tmp_path, photo, mask, "alone.jpg")
    assert recognise(tmp_path) == f"{mask} lies beside {photo}"
    assert pairs(tmp_path) == {photo: mask}
    assert refusals(tmp_path) == {"alone.jpg": "no mask of that name beside it."}


def test_marks_count_in_two_folders_too_and_the_very_same_name_goes_first(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "images/b-org.jpg", "images/c.jpg")
    lay(tmp_path, "masks/a_mask.png", "masks/b-gt.pbm", "masks/c.png", "masks/c_hair.png")
    assert pairs(tmp_path) == {
        "images/c.jpg": "masks/c.png", "images/a.jpg": "masks/a_mask.png", "images/b-org.jpg": "masks/b-gt.pbm",
    }  # fmt: skip
    assert refusals(tmp_path) == {"masks/c_hair.png": "no photo of that name in images/."}


def test_a_photo_with_two_marked_masks_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "a_mask.png", "a_hair.png", "b.jpg", "b.png")
    assert pairs(tmp_path) == {"b.jpg": "b.png"}
    assert refusals(tmp_path) == {"a.jpg": "several masks match its name (a_hair.png, a_mask.png). Keep one of them."}


@pytest.mark.parametrize(
    ("photo", "mask", "split"),
    [
        ("train/images/a.jpg", "train/masks/a.png", Split.train),
        ("images/val/a.jpg", "masks/val/a.png", Split.validation),
        ("Original/Testing/F1-org.jpg", "GT/Testing/F1-gt.pbm", Split.test),
        ("valid/a.jpg", "valid/a_mask.png", Split.validation),
        ("images/trained/a.jpg", "masks/trained/a.png", None),
    ],
)
def test_folders_called_like_a_split_say_it(tmp_path: Path, photo: str, mask: str, split: Split | None) -> None:
    (pair,) = read(lay(tmp_path, photo, mask))
    assert isinstance(pair, RawPair)
    assert (pair.name, pair.split) == (photo, split)
    assert recognise(tmp_path) is not None


def test_a_split_without_masks_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    lay(tmp_path, "train/images/a.jpg", "train/masks/a.png", "test/images/b.jpg")
    assert pairs(tmp_path) == {"train/images/a.jpg": "train/masks/a.png"}
    assert refusals(tmp_path) == {"test/images/b.jpg": "no mask of that name in test/masks/."}


def test_pairs_side_by_side_in_a_folder_called_images_come_in(tmp_path: Path) -> None:
    assert pairs(lay(tmp_path, "images/a.jpg", "images/a.png")) == {"images/a.jpg": "images/a.png"}


def test_files_that_belong_to_nobody_make_no_folder_of_pairs(tmp_path: Path) -> None:
    assert recognise(lay(tmp_path, "a.jpg", "b.png", "notes.txt")) is None


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"a\.jpg is not a folder\.$"):
        list(read(lay(tmp_path, "a.jpg") / "a.jpg"))


# --- names and folders of other tools ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("p0.jpg", "p0_matte.png"),
        ("p0.jpg", "p0_alpha.png"),
        ("p0.jpg", "p0-seg.png"),
        ("p0.jpg", "p0_segmentation.png"),
        ("p0.jpg", "p0_label.png"),
        ("p0.jpg", "p0_class_hair.png"),
        ("p0.jpg", "p0.jpg.png"),
        ("p0.jpg", "p0.jpg_mask.png"),
        ("p0.jpg", "hair/p0.png"),
        ("x/p0.jpg", "x/hair/p0_mask.png"),
    ],
)
def test_masks_go_by_the_names_that_other_tools_give_them(tmp_path: Path, photo: str, mask: str) -> None:
    lay(tmp_path, f"images/{photo}", f"masks/{mask}")
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert (pair.name, pair.mask, pair.remarks) == (f"images/{photo}", tmp_path / f"masks/{mask}", ())


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("p0.jpg", "mask_p0.png"),
        ("p 0.jpg", "p_0.png"),
        ("img_0001.jpg", "label_0001.png"),
        ("caf\u00e9 1.jpg", "cafe\u0301-1_hair.png"),
        ("IMG_7.jpg", "IMG_7 hair mask.png"),
        ("\uff41.jpg", "a.png"),
        ("p%200.jpg", "p 0.png"),
    ],
)
def test_a_name_that_differs_in_more_is_taken_with_a_remark_where_only_one_fits(tmp_path: Path, photo: str, mask: str) -> None:
    lay(tmp_path, f"images/{photo}", f"masks/{mask}")
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert (pair.mask, pair.remarks) == (tmp_path / f"masks/{mask}", (f"its mask was found by a similar name, masks/{mask}.",))


def test_a_name_that_differs_in_more_and_fits_two_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, "images/p 0.jpg", "images/p-0.jpg", "masks/mask_p_0.png", "images/a.jpg", "masks/a.png")
    assert list(pairs(tmp_path)) == ["images/a.jpg"]
    assert refusals(tmp_path)["images/p 0.jpg"] == (
        "its name differs from images/p-0.jpg only in case, ending or words such as mask, so it is unclear whose mask it is."
    )


@pytest.mark.parametrize("around", [".MOV", ".AAE", ".CR2", ".xmp", ".json", ".THM", ".txt"], ids=lambda ending: str(ending))
def test_what_a_camera_puts_beside_a_photo_makes_nobody_doubt_whose_mask_it_is(tmp_path: Path, around: str) -> None:
    lay(tmp_path, "images/IMG_1.jpg", f"images/IMG_1{around}", "masks/IMG_1.png")
    assert pairs(tmp_path) == {"images/IMG_1.jpg": "masks/IMG_1.png"}
    assert refusals(tmp_path) == {}


def test_a_text_is_no_photo(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.txt", "masks/a.txt", "images/b.jpg", "masks/b.png", "images/README")
    assert pairs(tmp_path) == {"images/b.jpg": "masks/b.png"}
    assert refusals(tmp_path) == {}


def test_every_folder_of_photos_beside_one_of_masks_is_read(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "masks/a.png", "batch2/images/a.jpg", "batch2/masks/a.png")
    lay(tmp_path, "old/3/photos/b.jpg", "old/3/gt/b.png")
    assert pairs(tmp_path) == {
        "images/a.jpg": "masks/a.png", "batch2/images/a.jpg": "batch2/masks/a.png", "old/3/photos/b.jpg": "old/3/gt/b.png",
    }  # fmt: skip


def test_of_several_folders_of_masks_the_one_with_the_photos_names_counts(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "labels/a.txt", "annotations/b.png", "masks/a.png")
    assert pairs(tmp_path) == {"images/a.jpg": "masks/a.png"}
    lay(tmp_path / "two", "images/a.jpg", "masks/7.png", "seg/a.png")
    assert pairs(tmp_path / "two") == {"images/a.jpg": "seg/a.png"}


@pytest.mark.parametrize(
    ("photo", "mask", "split"),
    [
        ("Original/Training/Frame00001-org.jpg", "GT/Training/Frame00001-gt.pbm", Split.train),  # Figaro1k
        ("V1/Train_RGB/1.bmp", "V1/Train_Labels/1.bmp", Split.train),  # FASSEG
        ("multipose01/Test_RGB/1.bmp", "multipose01/Test_Labels/1.bmp", Split.test),
        ("img_dir/val/a.jpg", "ann_dir/val/a.png", Split.validation),  # MMSegmentation
        ("data/hair/img_dir/train/a_leftImg8bit.png", "data/hair/ann_dir/train/a_labels.png", Split.train),
        ("data/a.jpg", "labels/a.png", None),  # FiftyOne
        ("train/a.jpg", "train_masks/a_mask.gif", Split.train),
        ("train_images/a.jpg", "train_masks/a.png", Split.train),
        ("images_test/a.jpg", "masks_test/a.png", Split.test),
        ("hair_images/a.jpg", "hair_masks/a.png", None),
        ("faces/a.jpg", "faces_mask/a.png", None),
    ],
)
def test_published_sets_and_other_tools_lay_it_out_like_this(
    tmp_path: Path, photo: str, mask: str, split: Split | None
) -> None:
    (pair,) = read(lay(tmp_path, photo, mask))
    assert isinstance(pair, RawPair)
    assert (pair.name, pair.mask, pair.split, pair.remarks) == (photo, tmp_path / mask, split, ())
    assert recognise(tmp_path) is not None


@pytest.mark.parametrize("skin", ["masks/skin/a.png", "masks/a_skin.png"])
def test_a_skin_mask_beside_the_hair_comes_with_it(tmp_path: Path, skin: str) -> None:
    lay(tmp_path, "images/a.jpg", "masks/hair/a.png" if "/skin/" in skin else "masks/a_hair.png", skin)
    (pair,) = (item for item in read(tmp_path) if isinstance(item, RawPair) and item.name == "images/a.jpg")
    assert pair.skin == tmp_path / skin


def test_skin_without_hair_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, "images/a.jpg", "masks/a.png", "images/b.jpg", "masks/b_skin.png")
    assert refusals(tmp_path) == {
        "images/b.jpg": "no mask of that name in masks/.",
        "masks/b_skin.png": "it shows skin, and no photo of that name in images/ has a mask of hair.",
    }
