"""The mask in a request: a PNG from a stranger until it is proven to be a mask."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from curator.touchup import saves
from db.errors import WinnowError
from tests.examples import drawn_mask, png


def header_of(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG that claims a size and carries no more than a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The mask is not a PNG."),
        (b"\xff\xd8\xff\xe0" + bytes(100), "The mask is not a PNG."),
        (header_of(512, 512)[:20], "The mask is not a PNG."),
        (header_of(60000, 60000), "The mask is 60000 x 60000; it must be 512 x 512."),
        (header_of(511, 512), "The mask is 511 x 512; it must be 512 x 512."),
        (header_of(512, 512, bits=16), "The mask's PNG has 16 bits of colour type 0; it must have 8 bits in grey or RGB."),
        (header_of(512, 512, colour=3), "The mask's PNG has 8 bits of colour type 3; it must have 8 bits in grey or RGB."),
        (b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024), "The mask's PNG has 1048584 bytes; at most 786432 are accepted."),
    ],
)
def test_hostile_masks_are_refused_before_decoding(data: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a decoder saw it")

    monkeypatch.setattr(saves.cv2, "imdecode", decoded)
    with pytest.raises(WinnowError) as refused:
        saves.read_mask(data)
    assert str(refused.value) == sentence


def test_a_masks_grey_is_kept_whatever_the_png_holds() -> None:
    grey = np.tile(np.arange(512, dtype=np.uint16) // 2, (512, 1)).astype(np.uint8)
    for picture in (grey, np.dstack([grey] * 3), np.dstack([grey, grey, grey, np.full_like(grey, 255)])):
        mask = saves.read_mask(cv2.imencode(".png", picture)[1].tobytes())
        assert mask.shape == (512, 512)
        assert np.array_equal(mask, grey)
    assert np.array_equal(saves.read_mask(png(drawn_mask(3))), drawn_mask(3))


@pytest.mark.parametrize("data", [header_of(512, 512), png(drawn_mask(1))[:200], png(drawn_mask(1))[:600]])
def test_a_mask_cut_short_is_refused_whole(data: bytes) -> None:
    with pytest.raises(WinnowError, match=r"^The mask's PNG is broken\.$"):
        saves.read_mask(data)
