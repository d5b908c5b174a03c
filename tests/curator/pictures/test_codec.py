"""Our own pictures to bytes and back."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from curator.pictures.codec import decode_mask, decode_photo, encode_mask, encode_photo
from curator.pictures.pair import read_photo
from db.errors import WinnowError
from db.settings import Limits
from tests.curator.encoded import noise, read_labels

LIMITS = Limits()
BROKEN = "the picture is damaged or cut off; it can't be decoded."


def test_our_own_masks_come_back_bit_for_bit() -> None:
    matte = noise()[:, :, 0]
    assert (decode_mask(encode_mask(matte)) == matte).all()


def test_our_own_photos_come_back_nearly_and_in_rgb_order() -> None:
    photo = np.full((32, 32, 3), (220, 120, 20), np.uint8)
    assert np.abs(decode_photo(encode_photo(photo)).astype(int) - photo).max() <= 3
    assert (read_photo(encode_photo(photo), LIMITS) == decode_photo(encode_photo(photo))).all()


def test_our_own_photos_keep_the_colour_of_single_strands() -> None:
    strands = np.zeros((32, 32, 3), np.uint8)
    strands[:, ::2] = (200, 0, 0)
    assert np.abs(decode_photo(encode_photo(strands)).astype(int) - strands).mean() < 5  # 4:2:0 would give about 34
    image = Image.open(io.BytesIO(encode_photo(strands)))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


@pytest.mark.parametrize("decode", [decode_mask, decode_photo])
@pytest.mark.parametrize("data", [b"", b"not ours"])
def test_a_damaged_file_of_our_own_is_said_to_be(decode, data: bytes) -> None:
    with pytest.raises(WinnowError, match=f"^{BROKEN}$"):
        decode(data)


def test_opencv_and_pillow_agree_about_our_masks() -> None:
    mask = np.where(noise()[:, :, 0] > 127, 255, 0).astype(np.uint8)
    assert (read_labels(encode_mask(mask), LIMITS).hair == mask).all()
    assert cv2.imdecode(np.frombuffer(encode_mask(mask), np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2
