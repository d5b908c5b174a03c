"""One mask with a hole in the words of many formats: an L on a photo of 512 x 512, whose pixels are known."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.formats import OpenedSource, RawPair, Refused, mask_bytes, open_source
from curator.pictures.codec import decode_mask
from db.settings import Limits

SIDE = 512
OUTLINE = [(64, 64), (192, 64), (192, 320), (448, 320), (448, 448), (64, 448)]  # x, y
HOLE = [(96, 352), (160, 352), (160, 416), (96, 416)]
# One outline with the hole: through a cut of no width, as formats without holes need it.
CUT_OPEN = [*OUTLINE, OUTLINE[0], *HOLE, HOLE[0], OUTLINE[0]]
LIMITS = Limits()


def truth() -> NDArray[np.uint8]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[64:448, 64:192] = mask[320:448, 64:448] = 255
    mask[352:416, 96:160] = 0
    return mask


def photo(path: Path, width: int = SIDE, height: int = SIDE, **how: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 60, 40)).save(path, "JPEG", **how)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def png(mask: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def flat(points: list[tuple[float, float]]) -> list[float]:
    return [number for point in points for number in point]


def opened(folder: Path, format: str = "auto", label: str | None = None) -> OpenedSource:
    work = folder.parent / f"{folder.name}-work"
    work.mkdir(exist_ok=True)
    return open_source(folder, format, work, LIMITS, label=label)


def items(folder: Path, format: str = "auto", label: str | None = None) -> list[Any]:
    return list(opened(folder, format, label).items)


def pairs(folder: Path, format: str = "auto", label: str | None = None) -> list[RawPair]:
    return [item for item in items(folder, format, label) if isinstance(item, RawPair)]


def refusals(folder: Path, format: str = "auto", label: str | None = None) -> dict[str, str]:
    return {item.file: item.reason for item in items(folder, format, label) if isinstance(item, Refused)}


def pixels(pair: RawPair, of: str = "mask") -> NDArray[np.uint8]:
    made = pair if of == "mask" else RawPair(pair.name, pair.photo, getattr(pair, of))
    return decode_mask(mask_bytes(made, LIMITS))


def the_mask(folder: Path, format: str = "auto", label: str | None = None) -> NDArray[np.uint8]:
    (pair,) = pairs(folder, format, label)
    return pixels(pair)
