"""A folder of pairs with the usual names: photos and masks in two folders, or side by side in one."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from posixpath import splitext

from curator.formats.locations import (
    Location,
    display_name,
    file_below,
    is_folder,
    last_name,
    list_files,
    relative_path,
    subfolder,
    subfolders,
)
from curator.formats.members import Fact, write_pictures
from curator.formats.pairs import Item, RawPair, Refused, SetItem, match_key, parse_split, readable_name
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

PHOTOS = ("images", "image", "imgs", "img", "photos", "photo", "original")
MASKS = ("masks", "mask", "labels", "label", "annotations", "gt")
PHOTO_ENDINGS = ("-org",)  # of a file's stem, as in Figaro's Frame00001-org.jpg and Frame00001-gt.pbm
MASK_ENDINGS = ("-gt", "_gt", "-mask", "_mask", "-hair", "_hair")
CAMERAS = (
    ".jpg",
    ".jpeg",
    ".heic",
    ".heif",
    ".webp",
    ".avif",
)  # endings of photos; a file beside one, with an ending of PAINTED, is its mask
LIST_COLUMNS = (
    "image", "mask", "skin", "unknown", "split", "contributor", "licence", "drawn", "consent_basis", "consent_date",
    "consent_expires", "example", "mask_origin",
)  # fmt: skip
KEEPS = frozenset(Fact)
PAINTED = (".png", ".pbm", ".pgm", ".ppm", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class _File:
    name: str  # relative to the source
    exact: str  # its name in its folder without the ending, to compare
    plain: str  # the same without suffixes such as -org and _mask
    is_mask: bool


def recognise(location: Location) -> str | None:
    """Why this is a folder of pairs, or None. A folder without masks/ is one, so that `read` can report what is missing."""
    if not is_folder(location):
        return None
    photos = next((found for above in _splits(location) if (found := subfolder(above, *PHOTOS)) is not None), None)
    if photos is not None:
        return f"it has a folder {relative_path(photos, location)}/"
    pair = next((group for group in _groups(_beside(location)) if all(group)), None)
    return f"{readable_name(pair[1][0])} lies beside {readable_name(pair[0][0])}" if pair else None


def read(location: Location) -> Iterator[Item]:
    """Pair photos with masks by name, ignoring case, ending, and suffixes such as `-org` and `_mask`.

    Subfolders of images/ correspond to those of masks/. A folder called train, validation or test gives the split. Raises
    WinnowError if images/ or masks/ is missing and no pair is side by side, or if images/ is empty.
    """
    if not is_folder(location):
        raise WinnowError(f"{display_name(location)} is not a folder.")
    halves = [(above, images) for above in _splits(location) if (images := subfolder(above, *PHOTOS)) is not None]
    if not any(subfolder(above, *MASKS) for above, _ in halves):
        yield from _read_beside(location, halves)
        return
    for above, images in halves:
        files = _files(location, images, PHOTO_ENDINGS, is_mask=False)
        if not files and len(halves) == 1:
            raise WinnowError(f"{display_name(images)} has no photos. Put the photos there and their masks into masks/.")
        masks = subfolder(above, *MASKS)
        if masks is not None:
            files += _files(location, masks, MASK_ENDINGS, is_mask=True)
        where = [f"in {relative_path(each or above / 'masks', location)}/" for each in (images, masks)]
        yield from (item for group in _groups(files) for item in _paired(location, *group, *where))


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `images/`, `masks/`, `skin/` and `unknown/` where there are such masks, and a `manifest.csv` with the rest.

    Returns 0: soft masks stay soft.
    """
    rows = [{**write_pictures(folder, item, store), "split": item.split.value, **item.about} for item in items]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, LIST_COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    return 0


def _read_beside(location: Location, halves: list[tuple[Location, Location]]) -> Iterator[RawPair | Refused]:
    files = _beside(location)
    if any(all(group) for group in _groups(files)):
        yield from (item for group in _groups(files) for item in _paired(location, *group, "beside it", "beside it"))
    elif halves:
        raise WinnowError(
            f"{display_name(halves[0][0])} has no folder masks/. Put a mask of the same name there for every photo."
        )
    else:
        raise WinnowError(
            f"{display_name(location)} has no folder images/. Put the photos into images/ and their masks into masks/."
        )


def _splits(location: Location) -> list[Location]:
    """The source itself, and the folders in it that have the name of a split."""
    return [location, *(inner for inner in subfolders(location) if parse_split(last_name(inner)) is not None)]


def _files(location: Location, folder: Location, endings: tuple[str, ...], *, is_mask: bool) -> list[_File]:
    above = "" if folder is location else f"{relative_path(folder, location)}/"
    return [_file(above, name, endings, is_mask=is_mask) for name in list_files(folder, location)]


def _file(above: str, name: str, endings: tuple[str, ...], *, is_mask: bool) -> _File:
    exact = match_key(readable_name(splitext(name)[0]))
    plain = next((exact.removesuffix(ending) for ending in endings if exact.endswith(ending)), exact)
    return _File(above + name, exact, plain, is_mask)


def _beside(location: Location) -> list[_File]:
    """The photos and masks of a folder that has both side by side."""
    photos = _files(location, location, PHOTO_ENDINGS, is_mask=False)
    by_camera = {file.exact for file in photos if _ending(file) in CAMERAS}
    names = {name for file in photos for name in (file.exact, file.plain)}
    files = []
    for photo in photos:
        mask = _file("", photo.name, MASK_ENDINGS, is_mask=True)
        is_twin = _ending(mask) in PAINTED and mask.exact in by_camera
        is_marked = mask.plain != mask.exact and mask.plain in names
        files.append(mask if is_twin or is_marked else photo)
    return files


def _ending(file: _File) -> str:
    return splitext(file.name)[1].lower()


def _groups(files: list[_File]) -> Iterator[tuple[list[str], list[str]]]:
    """The photos and masks of each name: first those of exactly the same name, then the others without their suffixes."""
    for spelled in (attrgetter("exact"), attrgetter("plain")):
        left: list[_File] = []
        for _, group in groupby(sorted(files, key=spelled), spelled):
            alike = list(group)
            photos = [file.name for file in alike if not file.is_mask]
            masks = [file.name for file in alike if file.is_mask]
            if photos and masks:
                yield photos, masks
            else:
                left += alike
        files = left
    for file in files:
        yield ([], [file.name]) if file.is_mask else ([file.name], [])


def _paired(location: Location, photos: list[str], masks: list[str], near: str, far: str) -> Iterator[RawPair | Refused]:
    """The pair of one name, or a refusal for each file that can't be paired without guessing."""
    if not photos:
        yield from (Refused(readable_name(mask), f"no photo of that name {near}.") for mask in masks)
    elif not masks:
        yield from (Refused(readable_name(photo), f"no mask of that name {far}.") for photo in photos)
    elif len(photos) > 1:
        for photo in photos:
            others = ", ".join(readable_name(other) for other in photos if other != photo)
            reason = f"its name differs from {others} only in case or ending, so it is unclear whose mask it is."
            yield Refused(readable_name(photo), reason)
    elif len(masks) > 1:
        several = ", ".join(readable_name(mask) for mask in masks)
        yield Refused(readable_name(photos[0]), f"several masks match its name ({several}). Keep one of them.")
    else:
        name = photos[0]
        yield RawPair(readable_name(name), file_below(location, name), file_below(location, masks[0]), split=_split(name))


def _split(name: str) -> Split | None:
    return next((split for part in name.split("/")[:-1] if (split := parse_split(part)) is not None), None)
