"""Folders of pairs with the usual names: photos and masks in two folders, or side by side in one.

Many published sets are laid out like this: Figaro1k (Original/, GT/), FASSEG (Train_RGB/, Train_Labels/), MMSegmentation
(img_dir/, ann_dir/), and what FiftyOne exports (data/, labels/).
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from posixpath import splitext
from urllib.parse import unquote

from curator.formats.locations import (
    Location,
    display_name,
    file_below,
    is_folder,
    list_files,
    relative_path,
    subfolder,
)
from curator.formats.members import Fact, write_pictures
from curator.formats.pairs import Item, RawPair, Refused, SetItem, match_key, parse_split, readable_name
from curator.pictures.opening import PICTURE_ENDINGS
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

# The words in the name of a folder, and, but for some, at the end or start of a file's name: Train_RGB, img_dir, mask_0001.png.
PHOTO_WORDS = frozenset(
    {"images", "image", "imgs", "img", "photos", "photo", "original", "originals", "org", "rgb", "pictures", "leftimg8bit"}
)
MASK_WORDS = frozenset(
    {
        "masks", "mask", "labels", "label", "labeled", "labelled", "annotations", "annotation", "anns", "ann", "gt",
        "groundtruth", "mattes", "matte", "alphas", "alpha", "segmentations", "segmentation", "segs", "seg", "matting",
    }
)  # fmt: skip
NEUTRAL_WORDS = frozenset({"dir", "class", "hair"})  # of both folders: img_dir, ann_dir
WEAK = ("data",)  # FiftyOne's folder of photos, if one of masks lies beside it
PHOTOS = ("images", "image", "imgs", "img", "photos", "photo", "original")
PHOTO_ENDINGS = ("-org", "_leftimg8bit")  # of a file's stem, as in Figaro's Frame00001-org.jpg and Frame00001-gt.pbm
MASK_ENDINGS = tuple(
    f"{mark}{word}"
    for word in (
        "class_hair", "hair_mask", "mask_hair", "hairmask", "gt", "mask", "hair", "matte", "alpha", "seg", "segmentation",
        "label", "labels", "masks",
    )
    for mark in "-_"
)  # fmt: skip
SKIN_ENDINGS = ("_skin", "-skin")
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
SEPARATORS = re.compile(r"[-_\s.,()]+")


@dataclass(frozen=True, slots=True)
class _File:
    name: str  # relative to the source
    exact: str  # its name in its folder without the ending, to compare
    plain: str  # the same without a suffix such as -org and _mask, and without a second ending
    loose: str  # the same without any word that says photo or mask, and whatever stands between its words
    is_mask: bool


@dataclass(frozen=True)
class _Half:
    """A folder of photos, and the folder of their masks, relative to the source; None if there is none beside it."""

    above: str
    photos: str
    masks: str | None
    names: list[str]  # of the files in both


def recognise(location: Location) -> str | None:
    """Why this is a folder of pairs, or None. A folder without masks/ is one, so that `read` can report what is missing."""
    if not is_folder(location):
        return None
    names = list_files(location, location)
    halves = _halves(names)
    found = next((half for half in halves if half.masks or not half.above or _split(half.above)), None)
    if found is not None:
        return f"it has a folder {readable_name(found.photos)}/"
    if (photos := subfolder(location, *PHOTOS)) is not None:
        return f"it has a folder {relative_path(photos, location)}/"
    pair = next((group for group in _groups(_beside(names)) if group.photos and group.masks), None)
    return f"{readable_name(pair.masks[0])} lies beside {readable_name(pair.photos[0])}" if pair else None


def read(location: Location) -> Iterator[Item]:
    """Pair photos with masks by name, ignoring case, ending, and words such as `-org` and `_mask`.

    Every folder in which a folder of photos lies beside one of masks is read. Subfolders of images/ correspond to those of
    masks/. A folder called train, validation or test gives the split. Raises WinnowError if there is no such folder and no pair
    is side by side, or if the only folder of photos is empty.
    """
    if not is_folder(location):
        raise WinnowError(f"{display_name(location)} is not a folder.")
    names = list_files(location, location)
    halves = _halves(names)
    if not any(half.masks for half in halves):
        yield from _read_beside(location, names, halves)
        return
    for half in halves:
        files = _of_half(half)
        if not any(not file.is_mask for file in files) and len(halves) == 1:
            raise _no_photos(location / half.photos)
        near, far = (f"in {readable_name(each)}/" for each in (half.photos, half.masks or f"{half.above}masks"))
        yield from _pairs(location, files, near, far)


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


def has_a_meaning(name: str) -> bool:
    """Whether a folder's name says something about what is in it: photos, masks or a split."""
    words = _words(name)
    return bool(words) and (not words - PHOTO_WORDS - MASK_WORDS - NEUTRAL_WORDS or _split(f"{name}/") is not None)


def is_picture(name: str) -> bool:
    """Whether a file's name may be a picture's: by its ending, or because it has none."""
    return splitext(name)[1].lower() in ("", *PICTURE_ENDINGS)


def _read_beside(location: Location, names: list[str], halves: list[_Half]) -> Iterator[RawPair | Refused]:
    files = _beside(names)
    if any(group.photos and group.masks for group in _groups(files)):
        yield from _pairs(location, files, "beside it", "beside it")
    elif halves:
        place = location / halves[0].above if halves[0].above else location
        raise WinnowError(f"{display_name(place)} has no folder masks/. Put a mask of the same name there for every photo.")
    elif (photos := subfolder(location, *PHOTOS)) is not None:
        raise _no_photos(photos)
    else:
        raise WinnowError(
            f"{display_name(location)} has no folder images/. Put the photos into images/ and their masks into masks/."
        )


def _no_photos(folder: Location) -> WinnowError:
    return WinnowError(f"{display_name(folder)} has no photos. Put the photos there and their masks into masks/.")


# --- folders ---------------------------------------------------------------------------------------------------------


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(SEPARATORS.split(name.lower())) - {""}


def _is_photos(name: str) -> bool:
    return bool(_words(name) & PHOTO_WORDS) and not _is_masks(name)


def _is_masks(name: str) -> bool:
    words = _words(name)
    return bool(words & MASK_WORDS) or words == {"hair"}


def _topic(name: str) -> frozenset[str]:
    """What a folder's name says but for photos or masks: `train` of Train_RGB and of Train_Labels."""
    return _words(name) - NEUTRAL_WORDS - PHOTO_WORDS - MASK_WORDS


def _halves(names: list[str]) -> list[_Half]:
    """The folders of photos, each with its folder of masks, sorted by name; nothing inside one of these folders is another.

    Where a folder holds several of photos or masks (masks/ and YOLO's labels/), the two that have most names in common count.
    """
    inside: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))  # by folder, and folder in it: its files
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts) - 1):
            inside["".join(f"{part}/" for part in parts[:depth])][parts[depth]].append(name)
    return sorted(_halves_in("", inside), key=attrgetter("photos"))


def _halves_in(above: str, inside: dict[str, dict[str, list[str]]]) -> list[_Half]:
    folders = inside.get(above, {})
    found: list[_Half] = []
    used: set[str] = set()
    for common, photos, masks, half in sorted(_candidates(above, folders), key=lambda one: -one[0]):
        if not {photos, masks} & used and (common or _is_photos(photos)):
            used |= {photos, masks}
            found.append(half)
    for folder in folders:
        if folder in used:
            continue
        deeper = _halves_in(f"{above}{folder}/", inside)
        if not deeper and not used and _is_photos(folder) and any(map(is_picture, folders[folder])):
            deeper = [_Half(above, above + folder, None, folders[folder])]
        found += deeper
    return found


def _candidates(above: str, folders: dict[str, list[str]]) -> Iterator[tuple[int, str, str, _Half]]:
    """Two folders that may be of photos and of their masks, and how many names they have in common; masks/ before others."""
    of_masks = [folder for folder in folders if _is_masks(folder) and any(map(is_picture, folders[folder]))]
    for masks in sorted(of_masks, key=lambda name: (not _words(name) & {"masks", "mask"}, name)):
        for photos in folders:
            weak = photos.lower() in WEAK if not _topic(masks) else not _is_photos(photos) and _topic(photos) == _topic(masks)
            alike = _is_photos(photos) and _topic(photos) == _topic(masks)
            if photos != masks and not _is_masks(photos) and (alike or weak):
                half = _Half(above, above + photos, above + masks, folders[photos] + folders[masks])
                common = sum(bool(group.photos and group.masks) for group in _groups(_of_half(half)))
                yield common, photos, masks, half


# --- files -----------------------------------------------------------------------------------------------------------


def _of_half(half: _Half) -> list[_File]:
    photos = _files(half.names, f"{half.photos}/", is_mask=False)
    masks = [] if half.masks is None else _files(half.names, f"{half.masks}/", is_mask=True)
    if any(_lies_in(file, "hair") for file in masks) and not any(_lies_in(file, "hair") for file in photos):
        of_class = [_of_class(file, word) for word in ("hair", "skin") for file in masks if _lies_in(file, word)]
        known, of_photos = {file.plain for file in of_class}, {_above(file) for file in photos}
        masks = of_class + [file for file in masks if _above(file) in of_photos and file.plain not in known]
    return photos + masks


def _above(file: _File) -> str:
    return file.exact.rpartition("/")[0]


def _lies_in(file: _File, folder: str) -> bool:
    return folder in file.exact.split("/")[:-1]


def _of_class(file: _File, word: str) -> _File:
    """The file of a class that has a folder of its own, as if it lay outside: masks/hair/a.png, masks/skin/a.png."""
    *folders, stem = file.exact.split("/")
    folders.remove(word)
    above = "".join(f"{folder}/" for folder in folders)
    return _file(file.name, f"{above}{stem}{'_skin' if word == 'skin' else ''}", is_mask=True)


def _files(names: list[str], above: str, *, is_mask: bool) -> list[_File]:
    return [
        _file(name, splitext(name[len(above) :])[0], is_mask=is_mask)
        for name in names
        if name.startswith(above) and is_picture(name)
    ]


def _file(name: str, stem: str, *, is_mask: bool) -> _File:
    exact = match_key(readable_name(stem))
    plain = _without(PICTURE_ENDINGS, _without(MASK_ENDINGS if is_mask else PHOTO_ENDINGS, _without(PICTURE_ENDINGS, exact)))
    return _File(
        name, exact, plain, _loose(plain, PHOTO_WORDS | MASK_WORDS | NEUTRAL_WORDS if is_mask else PHOTO_WORDS), is_mask
    )


def _without(endings: tuple[str, ...], stem: str) -> str:
    return next((stem.removesuffix(ending) for ending in endings if stem.endswith(ending)), stem)


def _loose(stem: str, said: frozenset[str]) -> str:
    """A name that only its words tell: in one spelling (NFKC), without those at its ends that say photo or mask.

    >>> _loose("x/Mask_p 0", MASK_WORDS)
    'x/p_0'
    """
    above, slash, last = unicodedata.normalize("NFKC", unquote(stem)).casefold().rpartition("/")
    words = [word for word in SEPARATORS.split(last) if word]
    while len(words) > 1 and words[-1] in said:
        words.pop()
    while len(words) > 1 and words[0] in said:
        words.pop(0)
    return SEPARATORS.sub("_", above) + slash + "_".join(words)


def _beside(names: list[str]) -> list[_File]:
    """The photos and masks of a folder that has both side by side."""
    photos = _files(names, "", is_mask=False)
    by_camera = {file.exact for file in photos if _ending(file) in CAMERAS}
    known = {name for file in photos for name in (file.exact, file.plain)}
    files = []
    for photo in photos:
        mask = _file(photo.name, splitext(photo.name)[0], is_mask=True)
        is_twin = _ending(mask) in PAINTED and mask.exact in by_camera
        is_marked = mask.plain != mask.exact and mask.plain in known
        is_prefixed = _ending(mask) in PAINTED and mask.loose != photo.loose and mask.loose in known
        is_skin = _ending(mask) in PAINTED and (of := _without(SKIN_ENDINGS, mask.exact)) != mask.exact and of in known
        files.append(mask if is_twin or is_marked or is_prefixed or is_skin else photo)
    return files


def _ending(file: _File) -> str:
    return splitext(file.name)[1].lower()


# --- pairs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """The photos and masks of one name; `guessed` if the names differ in more than ending and suffix."""

    photos: list[str]
    masks: list[str]
    key: str = ""
    guessed: bool = False


def _groups(files: list[_File]) -> Iterator[_Group]:
    """The photos and masks of each name: of exactly the same name, then without their suffixes, then by their words."""
    spellings: tuple[Callable[[_File], str], ...] = (attrgetter("exact"), attrgetter("plain"), attrgetter("loose"))
    for number, spelled in enumerate(spellings):
        left: list[_File] = []
        for key, group in groupby(sorted(files, key=spelled), spelled):
            alike = list(group)
            photos = [file.name for file in alike if not file.is_mask]
            masks = [file.name for file in alike if file.is_mask]
            if photos and masks:
                yield _Group(photos, masks, key, guessed=number == 2)
            else:
                left += alike
        files = left
    for file in files:
        yield _Group([], [file.name]) if file.is_mask else _Group([file.name], [])


def _pairs(location: Location, files: list[_File], near: str, far: str) -> Iterator[RawPair | Refused]:
    """The pairs of two folders, or of one, and what is refused; `near` and `far` say where photos and masks were sought."""
    stems = {file.exact for file in files if not file.is_mask}
    skins = {}
    for file in files:
        owner = _without(SKIN_ENDINGS, file.exact)
        if file.is_mask and owner != file.exact and file.exact not in stems:
            skins[owner] = file
    of_skin = {file.name for file in skins.values()}
    for group in _groups([file for file in files if file.name not in of_skin]):
        skin = skins.pop(group.key, None) if len(group.photos) == len(group.masks) == 1 else None
        yield from _paired(location, group, None if skin is None else skin.name, near, far)
    for file in skins.values():
        yield Refused(readable_name(file.name), f"it shows skin, and no photo of that name {near} has a mask of hair.")


def _paired(location: Location, group: _Group, skin: str | None, near: str, far: str) -> Iterator[RawPair | Refused]:
    """The pair of one name, or a refusal for each picture that can't be paired without guessing."""
    photos, masks = group.photos, group.masks
    if not photos or not masks:
        why = f"no mask of that name {far}." if photos else f"no photo of that name {near}."
        # A file without an ending that belongs to no other, such as a README, is no picture.
        yield from (Refused(readable_name(name), why) for name in photos + masks if splitext(name)[1])
    elif len(photos) > 1:
        differ = "case, ending or words such as mask" if group.guessed else "case or ending"
        for photo in photos:
            others = ", ".join(readable_name(other) for other in photos if other != photo)
            yield Refused(
                readable_name(photo), f"its name differs from {others} only in {differ}, so it is unclear whose mask it is."
            )
    elif len(masks) > 1:
        several = ", ".join(readable_name(mask) for mask in masks)
        yield Refused(readable_name(photos[0]), f"several masks match its name ({several}). Keep one of them.")
    else:
        yield RawPair(
            readable_name(photos[0]),
            file_below(location, photos[0]),
            file_below(location, masks[0]),
            skin=None if skin is None else file_below(location, skin),
            remarks=(f"its mask was found by a similar name, {readable_name(masks[0])}.",) if group.guessed else (),
            split=_split(photos[0]),
        )


def _split(name: str) -> Split | None:
    """The split that the folders above a file say: by their whole name, or by what it says but for photos: Train_RGB."""
    topics = (_topic(folder) for folder in name.split("/")[:-1])
    return next((split for topic in topics if len(topic) == 1 and (split := parse_split(*topic)) is not None), None)
