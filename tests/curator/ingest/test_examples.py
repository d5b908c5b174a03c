"""From a square of a photo to the pictures and numbers of an example."""

import numpy as np
import pytest

from curator.ingest.examples import make_crop
from curator.pictures.codec import decode_mask, decode_photo
from curator.pictures.crop import Square, cut_mask, cut_photo, square_around_face
from curator.pictures.faces import Face
from curator.pictures.masks import is_soft
from curator.pictures.pair import Pair, read_pair
from curator.sample import draw_portrait
from db.errors import WinnowError
from db.settings import Limits
from db.store import Store
from tests.curator.encoded import saved
from tests.examples import drawn_mask, drawn_photo

FACE = Face((200, 180, 360, 340), 1.5)


def test_a_crop_keeps_its_pieces_in_the_store_with_what_is_known_about_them(store: Store) -> None:
    photo, hair, skin = drawn_photo(1), drawn_mask(1), drawn_mask(2)
    square = square_around_face(FACE.box)
    crop = make_crop(Pair(photo, hair, skin), FACE, square, store)
    assert np.abs(decode_photo(store.get(crop.image)).astype(int) - cut_photo(photo, square)).mean() < 2  # JPEG
    assert (decode_mask(store.get(crop.mask)) == cut_mask(hair, square)).all()
    assert crop.skin is not None
    assert (decode_mask(store.get(crop.skin)) == cut_mask(skin, square)).all()
    assert crop.inside == square.inside(512, 512)
    assert 0 <= crop.suspicion <= 1
    assert "on_face" in crop.signals


@pytest.mark.parametrize("rotation", [0.0, 17.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_exact_alpha_of_a_portrait_comes_from_the_upload_to_the_crop_unchanged(
    store: Store, seed: int, rotation: float
) -> None:
    portrait = draw_portrait(np.random.default_rng(seed))
    alpha = np.rint(portrait.alpha * 255).astype(np.uint8)
    pair = read_pair(saved(portrait.photo), saved(alpha), Limits())
    square = square_around_face(portrait.face, rotation)
    crop = make_crop(pair, None, square, store)
    wanted = cut_photo(alpha[:, :, None].repeat(3, axis=2), square)[:, :, 0].astype(int)
    top, left, bottom, right = crop.inside
    found = decode_mask(store.get(crop.mask))
    assert is_soft(found)
    assert np.abs(found - wanted)[top:bottom, left:right].max() <= 1


def test_without_a_face_or_skin_there_is_no_word_of_them(store: Store) -> None:
    crop = make_crop(Pair(drawn_photo(1), drawn_mask(1)), None, Square(0, 0, 512), store)
    assert (crop.face, crop.skin, "on_face" in crop.signals) == (None, None, False)


def test_a_tilted_face_counts_as_an_upright_one_in_its_crop(store: Store) -> None:
    """The same person, lying: the photo turned clockwise by a quarter, and the face's box with it."""
    photo, hair = drawn_photo(1), drawn_mask(1)
    top, left, bottom, right = FACE.box
    lying = Face((left, 512 - bottom, right, 512 - top), 1.5, rotation=90.0)
    upright = make_crop(Pair(photo, hair), FACE, square_around_face(FACE.box), store)
    on_its_side = Pair(*(np.ascontiguousarray(np.rot90(picture, k=-1)) for picture in (photo, hair)))
    turned = make_crop(on_its_side, lying, square_around_face(lying.box, lying.rotation), store)
    assert turned.inside == upright.inside
    assert turned.signals == pytest.approx(upright.signals, abs=0.02)
    images = [decode_photo(store.get(one.image)).astype(int) for one in (upright, turned)]
    assert np.abs(images[0] - images[1]).mean() < 2


def test_a_square_beside_the_photo_leaves_nothing_in_the_store(store: Store) -> None:
    with pytest.raises(WinnowError, match=r"^The crop lies outside the photo\.$"):
        make_crop(Pair(drawn_photo(1), drawn_mask(1)), None, Square(0, 600, 100), store)
    assert list(store.all()) == []
