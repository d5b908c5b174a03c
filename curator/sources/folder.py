"""A folder of pairs: `images/` and `masks/`, a photo and its mask under the same name but for the ending."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from curator.sources.pairs import RawPair, Refused, files_below, key, shown
from db.errors import WinnowError


def recognise(location: Path) -> str | None:
    """Why this is a folder of pairs, or None. One without masks/ counts: `read` says what is missing."""
    return "it has a folder images/" if location.is_dir() and subfolder(location, "images") else None


def subfolder(location: Path, name: str) -> Path | None:
    """The folder of that name inside a location, however its case is written; None where there is none."""
    return next((entry for entry in sorted(location.iterdir()) if entry.name.lower() == name and entry.is_dir()), None)


def read(location: Path) -> Iterator[RawPair | Refused]:
    """Pair photos with masks by name, case and ending aside; folders inside images/ are matched in masks/.

    Raises WinnowError where the folder, images/ or masks/ is missing, or images/ has no file in it.
    """
    images, masks = _folders(location)
    photos_by_name, masks_by_name = _by_name(images), _by_name(masks)
    if not photos_by_name:
        raise WinnowError(f"{images} has no photos in it. Put the photos there and their masks into masks/.")
    for name, photos in photos_by_name.items():
        yield from _paired(location, photos, masks_by_name.get(name, []))
    for name, left in masks_by_name.items():
        if name not in photos_by_name:
            for mask in left:
                yield Refused(shown(mask.relative_to(location)), f"no photo of that name in {images.name}/.")


def _folders(location: Path) -> tuple[Path, Path]:
    if not location.is_dir():
        raise WinnowError(f"{location} is not a folder.")
    images, masks = subfolder(location, "images"), subfolder(location, "masks")
    if images is None:
        raise WinnowError(f"{location} has no folder images/. Put the photos into images/ and their masks into masks/.")
    if masks is None:
        raise WinnowError(f"{location} has no folder masks/. Put a mask of the same name there for every photo.")
    return images, masks


def _by_name(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(folder):
        found[key(shown(path.relative_to(folder).with_suffix("")))].append(path)
    return found


def _paired(location: Path, photos: list[Path], masks: list[Path]) -> Iterator[RawPair | Refused]:
    """The pair of one name, or a refusal for each photo (and for masks too many) where it takes a guess to pair them."""
    names = [shown(path.relative_to(location)) for path in photos]
    if not masks:
        yield from (Refused(name, "no mask of that name in masks/.") for name in names)
    elif len(photos) > 1:
        for name in names:
            others = ", ".join(other for other in names if other != name)
            yield Refused(name, f"its name differs only in case or ending from {others}; which one the mask is of is a guess.")
    elif len(masks) > 1:
        several = ", ".join(shown(mask.relative_to(location)) for mask in masks)
        yield Refused(names[0], f"several masks have its name ({several}); which one counts is a guess.")
    else:
        yield RawPair(name=names[0], photo=photos[0], mask=masks[0])
