"""Curated sets as arrays: what is left out, errors, and mirror images."""

import cv2
import numpy as np
import pytest

from db.errors import DamagedError, WinnowError
from db.session import reading, writing
from db.tables import Example, Split
from tests.trainer.conftest import drawn, label
from trainer.inputs import MemoryBudget, batches, epoch_order, load, mirrored_boxes, scaled_box, set_examples

SPLITS = [Split.train] * 3 + [Split.validation]


def test_members_of_a_split_in_the_sets_order(engine, freeze_set):
    number = freeze_set(SPLITS, inside=(10, 0, 512, 400))
    with reading(engine) as session:
        train = set_examples(session, number, Split.train)
        assert [example.id for example in train] == [1, 2, 3]
        assert train[0].inside == (10, 0, 512, 400)


def test_erased_examples_are_left_out(engine, freeze_set):
    number = freeze_set(SPLITS)
    with writing(engine) as session:
        session.delete(session.get_one(Example, 2))
    with reading(engine) as session:
        assert [example.id for example in set_examples(session, number, Split.train)] == [1, 3]


def test_the_mask_is_the_one_that_was_frozen(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        frozen = set_examples(session, number, Split.train)[0].mask_sha256
    with writing(engine) as session:
        session.get_one(Example, 1).mask_sha256 = "0" * 64
    with reading(engine) as session:
        assert set_examples(session, number, Split.train)[0].mask_sha256 == frozen


def test_an_unknown_set_is_reported(engine, freeze_set):
    with reading(engine) as session, pytest.raises(WinnowError) as error:
        set_examples(session, 9, Split.train)
    assert str(error.value) == "There is no curated set 9. None has been frozen yet: run `python -m curator freeze`."
    freeze_set(SPLITS)
    with reading(engine) as session, pytest.raises(WinnowError) as error:
        set_examples(session, 9, Split.train)
    assert str(error.value) == "There is no curated set 9. The newest is 1."


@pytest.mark.parametrize("missing", list(Split))
def test_a_set_without_examples_in_a_split_is_reported(engine, freeze_set, missing):
    number = freeze_set([split for split in Split if split != missing])
    with reading(engine) as session, pytest.raises(WinnowError) as error:
        set_examples(session, number, missing)
    assert str(error.value) == (
        f"Curated set 1 has no {missing} examples. Keep some {missing} examples on the Review page, then freeze a new set."
    )


def test_a_missing_picture_is_reported(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        train = set_examples(session, number, Split.train)
    store.delete(train[1].image_sha256)
    with pytest.raises(WinnowError, match=r"is missing from the store"):
        load(store, train, 64)


def test_swapped_pictures_are_not_trained_on(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        train = set_examples(session, number, Split.train)
    one, other = (store.path(example.mask_sha256) for example in train[:2])
    assert one != other
    one.write_bytes(other.read_bytes())
    with pytest.raises(DamagedError, match=r"is damaged: its bytes are not those that were stored"):
        load(store, train, 64)


def test_pictures_are_decoded_as_rgb_at_the_models_size(engine, store, freeze_set):
    image, mask = np.zeros((512, 512, 3), np.uint8), np.zeros((512, 512), np.uint8)
    image[:, :256] = (200, 100, 50)
    mask[:256] = 255
    number = freeze_set([Split.train], pictures=[(image, mask)])
    with reading(engine) as session:
        subset = load(store, set_examples(session, number, Split.train), 64)
    assert subset.images.shape == (1, 64, 64, 3)
    assert subset.images[0, 0, 0].tolist() == [200, 100, 50]
    assert subset.masks[0, :, 0].tolist() == [255] * 32 + [0] * 32
    assert len(subset) == 2


def test_soft_masks_are_targets_as_they_are_and_shrink_by_area(engine, store, freeze_set):
    alpha = cv2.GaussianBlur(drawn(0)[1], (0, 0), 12)
    number = freeze_set([Split.train], pictures=[(drawn(0)[0], alpha)])
    with reading(engine) as session:
        subset = load(store, set_examples(session, number, Split.train), 64)
    wanted = alpha.reshape(64, 8, 64, 8).mean((1, 3))
    both = subset.batch(np.array([0, 1]))
    for mask, target in ((both.masks[0], wanted), (both.masks[1], wanted[:, ::-1])):
        assert np.abs(mask - target).max() <= 0.51


def test_item_and_its_mirror_image(engine, store, freeze_set):
    number = freeze_set([Split.train] * 2, inside=(0, 64, 512, 512))
    with reading(engine) as session:
        subset = load(store, set_examples(session, number, Split.train), 64)
    before = subset.images.copy()
    batch = subset.batch(np.array([1, 3]))
    np.testing.assert_array_equal(batch.images[1], batch.images[0][:, ::-1])
    np.testing.assert_array_equal(batch.masks[1], batch.masks[0][:, ::-1])
    assert batch.inside.tolist() == [[0, 8, 64, 64], [0, 0, 64, 56]]
    np.testing.assert_array_equal(subset.images, before)  # a batch is a copy


def test_mirroring_a_box_twice_gives_it_back():
    box = np.array([[3, 5, 20, 41]], np.int32)
    np.testing.assert_array_equal(mirrored_boxes(mirrored_boxes(box, 64), 64), box)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ((0, 0, 512, 512), (0, 0, 64, 64)),
        ((1, 0, 511, 512), (1, 0, 63, 64)),  # 1/8 and 63.875: half-filled pixels do not count
        ((511, 511, 512, 512), (63, 63, 64, 64)),  # never empty
    ],
)
def test_scaled_boxes_show_nothing_but_photo(inside, expected):
    assert scaled_box(inside, 64) == expected


def test_order_is_drawn_from_seed_and_epoch_alone():
    first = epoch_order(50, seed=1, epoch=2)
    np.testing.assert_array_equal(first, epoch_order(50, seed=1, epoch=2))
    assert sorted(first) == list(range(50))
    assert (first != epoch_order(50, seed=1, epoch=3)).any()
    assert (first != epoch_order(50, seed=2, epoch=2)).any()


def test_drawn_pictures_are_what_they_claim():
    assert drawn(0)[1].any()
    assert not drawn(0, hair=False)[1].any()


def test_batches_are_the_items_in_their_order(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        subset = load(store, set_examples(session, number, Split.train), 64)
    items = np.array([4, 0, 3, 1, 5])
    found = list(batches(subset, items, 2))
    assert [len(batch["images"]) for batch in found] == [2, 2, 1]
    for at, batch in enumerate(found):
        expected = subset.batch(items[2 * at : 2 * at + 2])
        assert list(batch) == ["images", "masks", "inside"]
        for name, tensor in batch.items():
            assert (tensor.numpy() == getattr(expected, name)).all()


def test_skins_come_where_they_are_asked_for_and_are_mirrored_too(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    skin = np.zeros((512, 512), np.uint8)
    skin[:, :128] = 255
    label(engine, store, number, {0: skin})
    with reading(engine) as session:
        train = set_examples(session, number, Split.train)
    assert load(store, train, 64).skins is None
    subset = load(store, train, 64, skins=True)
    [batch] = batches(subset, np.array([0, 3, 1]), 4)
    assert batch["skins"].shape == (3, 64, 64)
    assert (batch["skins"][0].numpy()[:, :16] == 255).all()
    assert (batch["skins"][1].numpy()[:, -16:] == 255).all()
    assert not batch["skins"][2].numpy().any()  # without skin labels


def test_unknown_pixels_come_where_some_example_has_any_and_are_mirrored_too(engine, store, freeze_set):
    number = freeze_set(SPLITS)
    unknown = np.zeros((512, 512), np.uint8)
    unknown[:, :121] = 255  # 15 1/8 pixels at size 64
    label(engine, store, number, {0: unknown}, "unknown")
    with reading(engine) as session:
        train, validation = (set_examples(session, number, split) for split in (Split.train, Split.validation))
    assert [example.unknown_sha256 is None for example in train] == [False, True, True]
    assert load(store, validation, 64).unknown is None
    [batch] = batches(load(store, train, 64, skins=True), np.array([0, 3, 1]), 4)
    assert list(batch) == ["images", "masks", "inside", "skins", "unknown"]
    plain, mirrored, other = batch["unknown"].numpy()
    assert (plain[:, :16] == 255).all()  # what it overlaps is unknown too
    assert not plain[:, 16:].any()
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    assert not other.any()


def test_unknown_pixels_need_memory_only_where_there_are_any(engine, store, freeze_set, tmp_path):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        known = set_examples(session, number, Split.train)
    label(engine, store, number, {1: np.full((512, 512), 255, np.uint8)}, "unknown")
    with reading(engine) as session:
        some_unknown = set_examples(session, number, Split.train)
    enough = MemoryBudget(3 * 64 * 64 * (3 + 1), tmp_path)  # for images and masks
    assert not isinstance(load(store, known, 64, memory=enough).images, np.memmap)
    beyond = load(store, some_unknown, 64, memory=enough)
    assert isinstance(beyond.unknown, np.memmap)
    assert [picture.all() for picture in beyond.unknown] == [False, True, False]


def test_pictures_that_need_more_memory_than_they_may_lie_in_a_file_without_a_name(engine, store, freeze_set, tmp_path):
    number = freeze_set(SPLITS)
    with reading(engine) as session:
        train = set_examples(session, number, Split.train)
    inside, outside = (load(store, train, 64, memory=MemoryBudget(memory, tmp_path)) for memory in (10**6, 1000))
    assert not isinstance(inside.images, np.memmap)
    assert isinstance(outside.images, np.memmap)
    assert (inside.images == outside.images).all()
    assert (inside.masks == outside.masks).all()
    assert list(tmp_path.glob("*.*")) == []  # no face remains after a crash


def test_a_face_is_where_it_is_in_the_crop(engine, freeze_set):
    number = freeze_set(SPLITS)
    with writing(engine) as session:
        example = session.get_one(Example, 1)
        example.crop_top, example.crop_left, example.crop_side = 50.0, -28.0, 256.0
        session.get_one(Example, 2).face_top = None
        tilted = session.get_one(Example, 3)
        tilted.crop_top, tilted.crop_left, tilted.crop_side, tilted.crop_rotation = 50.0, -28.0, 256.0, 90.0
    with reading(engine) as session:
        first, second, third = set_examples(session, number, Split.train)
    assert first.face == pytest.approx((100.0, 256.0, 500.0, 656.0))  # from 100 to 300 in both directions
    assert second.face is None
    # Its centre, (200, 200), is 22 below and 100 right of the crop's, (178, 100); rotated by 90, 100 above and 22 right.
    assert third.face == pytest.approx((2 * 28 - 200, 2 * 150 - 200, 2 * 28 + 200, 2 * 150 + 200))
