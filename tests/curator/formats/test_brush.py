"""Brush strokes: a mask comes back with all its bits, ours and others'; damaged bytes are said to be damaged."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from curator.formats import brush as ours
from curator.formats.brush import Stroke, pack_mask, unpack
from curator.formats.shapes import WORK_OF_A_RUN, Shapes
from db.errors import WinnowError
from db.settings import Limits

LIMITS = Limits()
SOFT = np.array([[0, 100, 200], [255, 1, 128]], np.uint8)


def packed(words: list[int], sizes: tuple[int, ...] = (3, 4, 8, 16), *, spell: bool = False) -> bytes:
    """`rle-pack`, written again from its description: repeats where there are any, else words one by one."""
    bits = f"{len(words):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    at = 0
    while at < len(words):
        end = at + 1
        while end < len(words) and end - at < 2 ** sizes[-1] and (spell or words[end] == words[at]):
            end += 1
        size = next(number for number, size in enumerate(sizes) if end - at <= 2**size)
        bits += f"{0 if spell else 1}{size:02b}{end - at - 1:0{sizes[size]}b}"
        bits += "".join(f"{word:08b}" for word in (words[at:end] if spell else words[at : at + 1]))
        at = end
    return bytes(int(bits[place : place + 8].ljust(8, "0"), 2) for place in range(0, len(bits), 8))


def brush(mask: np.ndarray, **how: Any) -> bytes:
    """The bytes of a mask uint8 (H, W): a red picture whose opacity is the mask."""
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[:, :, 0], rgba[:, :, 3] = 200, mask
    return packed(rgba.ravel().tolist(), **how)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0, 1, 100, 255])))
def test_what_we_pack_comes_back_with_all_its_bits(mask: np.ndarray) -> None:
    assert (Shapes(*mask.shape, (Stroke(pack_mask(mask)),)).pixels(LIMITS) == mask).all()


def test_runs_longer_than_a_length_can_say_are_packed_in_pieces() -> None:
    mask = np.full((300, 300), 255, np.uint8)  # 360,000 words; a length says 65,536 at most
    assert (unpack(pack_mask(mask), mask.size * 4)[0] == 255).all()


def test_what_we_pack_is_what_the_description_says() -> None:
    # 4 words; of 8 bits; lengths of 3, 4, 8, 16 bits; repeat, size 0, 3 long: 7; repeat, size 0, 1 long: 9; filled up
    words = f"{4:032b}0011100100011011111111000100000011110000000001001"
    data = bytes(int(words[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(words), 8))
    assert ours.pack(np.array([7, 7, 7, 9], np.uint8)) == data


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0, 1, 100, 255])),
    st.booleans(),
    st.sampled_from([(3, 4, 8, 16), (1, 2, 3, 10), (16, 16, 16, 16)]),
)
def test_a_brush_mask_comes_back_with_all_its_bits(mask: np.ndarray, spell: bool, sizes: tuple[int, ...]) -> None:
    data = brush(mask, spell=spell, sizes=sizes)
    assert (Shapes(*mask.shape, (Stroke(data),)).pixels(LIMITS) == mask).all()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_mask_or_a_sentence(data: bytes) -> None:
    try:
        assert len(unpack(data, 16)[0]) == 16
    except WinnowError as error:
        assert str(error).startswith("its brush mask ")  # noqa: PT017 - it need not raise


@pytest.mark.parametrize("length", range(12))
def test_a_brush_mask_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(WinnowError, match=r"^its brush mask is cut off\.$"):
        unpack(brush(SOFT)[:length], 24)


def test_a_brush_mask_of_another_size_is_refused() -> None:
    with pytest.raises(WinnowError, match=r"^its brush mask has 24 words of 8 bits; its size needs 16 words of 8\.$"):
        unpack(brush(SOFT), 16)


def test_a_stroke_of_many_runs_is_as_much_work_as_they_are() -> None:
    rows = np.tile(np.array([0, 255], np.uint8), 50)[None, :]
    plain, striped = (Stroke(pack_mask(mask)).onto(np.zeros_like(mask), LIMITS) for mask in (rows * 0, rows))
    assert (plain, striped) == (100 + WORK_OF_A_RUN, 100 + 100 * WORK_OF_A_RUN)
