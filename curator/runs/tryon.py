"""Recolour the hair in a photo with an exported file: find the face, matte its crop, paste the matte back, recolour."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from upath import UPath

from curator.pictures.crop import cut_photo, paste_matte, square_around_face, square_around_photo
from curator.pictures.faces import choose_face, find_faces
from db.errors import WinnowError
from db.files import local
from trainer.device.litert_runtime import matte_from_file
from trainer.recolor import recolor


@dataclass(frozen=True)
class Recoloured:
    """The recoloured photo, uint8 (H, W, 3) RGB, and the matte that was used, float32 (H, W), 0 to 1."""

    photo: npt.NDArray[np.uint8]
    matte: npt.NDArray[np.float32]


def recolour_photo(
    file: Path | UPath, photo: npt.NDArray[np.uint8], colour: str, strength: float, *, cropped: bool
) -> Recoloured:
    """The photo with its hair in `colour` ('#rrggbb'), matted by the same LiteRT file that a phone would run.

    `photo` is uint8 (H, W, 3) RGB; `strength` is 0 (unchanged) to 1; `cropped` says that the photo is already the crop of an
    example, 512 x 512. If no face is found, the whole photo is matted. Raises WinnowError for a file that is missing or is not
    a model of ours, and for a colour that can't be read.
    """
    try:
        with local(file) as here:
            matte = _matte(here, photo, cropped)
    except FileNotFoundError:
        raise WinnowError(f"The exported file {file} is gone. Export the run again.") from None
    mixed = recolor(photo, matte, colour).astype(np.float32) * strength + photo.astype(np.float32) * (1 - strength)
    return Recoloured(np.rint(mixed).astype(np.uint8), matte)


def _matte(file: Path, photo: npt.NDArray[np.uint8], cropped: bool) -> npt.NDArray[np.float32]:
    if cropped:
        return matte_from_file(file, photo)
    height, width = photo.shape[:2]
    face, _ = choose_face(find_faces(photo))
    square = square_around_face(face.box, face.rotation) if face else square_around_photo(height, width)
    return paste_matte(matte_from_file(file, cut_photo(photo, square)), square, height, width)
