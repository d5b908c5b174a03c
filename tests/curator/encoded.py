"""Pictures as strangers send them: encoded, turned, damaged; and colour profiles, byte by byte."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

from curator.pictures.masks import Labels, orient_labels, parse_labels
from curator.pictures.opening import decode_image
from db.settings import Limits

ORIENTATION = 0x0112


def saved(image: Image.Image | np.ndarray, format: str = "PNG", **how: object) -> bytes:
    """A picture's file, with whatever Pillow takes for that format."""
    out = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(out, format, **how)
    return out.getvalue()


def grey(values: list[list[int]], dtype: type = np.uint8) -> bytes:
    """A grey PNG of 8 or 16 bits."""
    return saved(np.array(values, dtype))


def exif(orientation: int) -> Image.Exif:
    """A camera's notes that say nothing but how it was held."""
    notes = Image.Exif()
    notes[ORIENTATION] = orientation
    return notes


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels that a camera stores together with an orientation, by the drawings of the EXIF standard."""
    return np.ascontiguousarray(
        {
            1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
            5: upright.swapaxes(0, 1), 6: np.rot90(upright),
            7: upright[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(upright, -1),
        }[orientation]
    )  # fmt: skip


def heic(pixels: np.ndarray, mode: str = "RGB", orientation: int = 1, **how: object) -> bytes:
    """A HEIC as phones write it: the turn stands in its own box (irot), and once more in the camera's notes."""
    height, width = pixels.shape[:2]
    file = pillow_heif.from_bytes(mode=mode, size=(width, height), data=pixels.tobytes())
    file.info["exif"] = exif(orientation).tobytes()
    out = io.BytesIO()
    file.save(out, quality=-1, **how)  # -1: without loss
    return out.getvalue()


def noise(height: int = 40, width: int = 30) -> np.ndarray:
    """A photo of nothing, uint8 (height, width, 3), the same at every call."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size, and has next to no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


# --- colour profiles, by the ICC's specification ----------------------------------------------------------------------

SRGB_POWERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB_CURVE = b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *(round(number * 65536) for number in SRGB_POWERS))


def gamma_curve(gamma: float) -> bytes:
    """A curve that is a power, as Adobe's profiles and grey ones have it."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def rgb_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], curve: bytes) -> bytes:
    """A display's profile: its primaries as XYZ under D50, and how its values become light."""
    primaries = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    return _profile(b"mntrRGB XYZ ", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(curve: bytes) -> bytes:
    """A profile of a single grey channel."""
    return _profile(b"mntrGRAYXYZ ", {b"kTRC": curve})


def cmyk_profile(lightness: dict[tuple[int, int, int, int], float]) -> bytes:
    """A press that prints in greys: the lightness (L*, 0 to 100) of each of the 16 corners of full and no ink; others 0."""
    identity = bytes(range(256))
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = b"".join(bytes([round(lightness.get(corner, 0) * 2.55), 128, 128]) for corner in corners)  # a* = b* = 0
    matrix = struct.pack(">9i", *(round(number * 65536) for number in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + table + identity * 3
    return _profile(b"prtrCMYKLab ", {b"A2B0": lut})


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(number * 65536) for number in values))


def _profile(kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"a profile of the tests\0"
    tags = tags | {
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text" + bytes(4) + text,
    }
    at, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    size = at + len(bodies)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI", size, bytes(4), 0x02400000) + kind + date + b"acsp" + bytes(28)
    header += struct.pack(">3i", round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + bodies


DISPLAY_P3 = rgb_profile((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), SRGB_CURVE)
ADOBE_RGB = rgb_profile(
    (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), gamma_curve(563 / 256)
)


def read_labels(data: bytes, limits: Limits) -> Labels:
    """The masks in a file alone, upright by its own EXIF orientation: what `read_pair` makes of it before it sees the photo."""
    picture = decode_image(data, limits)
    return orient_labels(parse_labels(picture.image), picture.orientation)
