"""A photo recoloured with an exported file: find the face, matte its crop, bring the matte back, recolour."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from upath import UPath

from curator.pictures.crop import cut_photo, paste_matte, square_around_face, square_around_photo
from curator.pictures.faces import choose_face, find_faces
from db.errors import WinnowError
from db.files import local
from trainer.device.litert_runtime import matte as run_file
from trainer.recolor import recolor


@dataclass(frozen=True)
class Tried:
    """The recoloured photo, uint8 (H, W, 3) RGB, and the matte it was made with, float32 (H, W), 0 to 1."""

    photo: npt.NDArray[np.uint8]
    matte: npt.NDArray[np.float32]


def recoloured(file: Path | UPath, photo: npt.NDArray[np.uint8], colour: str, strength: float, *, cropped: bool) -> Tried:
    """The photo with its hair in `colour` ('#rrggbb'), by the LiteRT file that a phone would run.

    photo uint8 (H, W, 3) RGB; `strength` 0 (as it was) to 1; `cropped` says that the photo is an example's crop already.
    A photo without a face is looked at whole. Raises WinnowError for a file that is missing or no model of ours.
    """
    try:
        with local(file) as here:
            matte = _matte(here, photo, cropped)
    except FileNotFoundError:
        raise WinnowError(f"The exported file {file} is gone. Export the run again.") from None
    mixed = recolor(photo, matte, colour).astype(np.float32) * strength + photo.astype(np.float32) * (1 - strength)
    return Tried(np.rint(mixed).astype(np.uint8), matte)


def _matte(file: Path, photo: npt.NDArray[np.uint8], cropped: bool) -> npt.NDArray[np.float32]:
    if cropped:
        return run_file(file, photo)
    height, width = photo.shape[:2]
    face, _ = choose_face(find_faces(photo))
    square = square_around_face(face.box, face.rotation) if face else square_around_photo(height, width)
    return paste_matte(run_file(file, cut_photo(photo, square)), square, height, width)
