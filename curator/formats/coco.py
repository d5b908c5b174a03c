"""COCO annotations: polygons and run-length masks of the category hair. An image's annotations form one mask."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curator.formats.fitting import Size, fit_shapes, photo_sizes
from curator.formats.locations import (
    SNIFF_BYTES,
    WEB_PROTOCOLS,
    FileLookup,
    Found,
    Location,
    display_name,
    files_in,
    find_photo,
    is_folder,
    is_link,
    last_name,
    list_bytes,
    relative_path,
    subfolders,
    write_file,
)
from curator.formats.members import SKIN_LABEL, UNKNOWN_LABEL, Fact, about_from, masks_of
from curator.formats.pairs import (
    HAIR,
    SKIN,
    UNKNOWN,
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    alike,
    called,
    check_rows,
    hair_label,
    pair_or_refusal,
    parse_split,
)
from curator.formats.rle import Runs, mask_to_runs, runs_to_string
from curator.formats.shapes import NotAnArea, Shape, Shapes, bounding_box, parse_outline
from curator.pictures.arrays import Mask
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

CATEGORIES = (HAIR, SKIN_LABEL, UNKNOWN_LABEL)
NO_HAIR_KEY = "no_hair"  # of an image entry: the photo shows no hair, which an annotation without area would say
KEEPS = frozenset(Fact) - {Fact.soft}
FOLDERS = 50  # in which a photo is looked for, beside those where it should be


def recognise(location: Location) -> str | None:
    """Why this is COCO, or None: a JSON file, or a folder with one, that lists images, annotations and categories."""
    found = next((file for file in _files(location) if _looks_like_coco(file)), None)
    if found is None:
        return None
    return f"{relative_path(found, location) if is_folder(location) else found.name} lists images and annotations"


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """The pairs of a COCO file, or of every one in a folder that has hair; a name such as `train.json` gives the split.

    Photos are looked for beside the file, in `images/` there, in `images/` one folder up, then in the folder of the file's
    split (`val2017/`, `images/train/`), then in any other folder if only one has a photo of the name. Files of captions and
    keypoints are left aside. Raises WinnowError if there is no such file, if it is damaged, or if it is unclear which
    category is hair.
    """
    files = [file for file in _files(location) if not is_folder(location) or _looks_like_coco(file)]
    if not files:
        raise WinnowError(f"{display_name(location)} has no COCO file, which is a .json that lists images and annotations.")
    without_hair: WinnowError | None = None
    some = False
    for file in files:
        listed = _parse(file)
        try:
            meant = _categories(file, listed, label)
        except WinnowError as error:
            without_hair = without_hair or error
            continue
        if len(files) > 1 and any("keypoints" in category for category in listed.categories):
            continue
        some = True
        yield ListRead(file)
        yield from _read_file(file, location, listed, meant)
    if without_hair and not some:
        raise without_hair


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `images/`, and a JSON file per split with one run-length mask for each label that an image has.

    An image without hair has no annotation of it, but says so itself (NO_HAIR_KEY); what else is known stands there, too.
    Returns how many soft masks were cut at half.
    """
    soft = 0
    images: dict[Split, list[dict[str, Any]]] = {split: [] for split in Split}
    annotations: dict[Split, list[dict[str, Any]]] = {split: [] for split in Split}
    licences = {name: number for number, name in enumerate(sorted({item.licence for item in items if item.licence}), start=1)}
    for item in items:
        write_file(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        masks = masks_of(item, store)
        soft += masks.soft
        number, cut = int(item.name), masks.cut()
        height, width = cut.hair.shape
        about = {name: word for name, word in item.about.items() if name != "licence" and word}
        image = {"id": number, "file_name": f"{item.name}.jpg", "height": height, "width": width, **about}
        if item.licence:
            image["license"] = licences[item.licence]
        if not cut.hair.any():
            image[NO_HAIR_KEY] = True
        images[item.split].append(image)
        annotations[item.split] += [
            _annotation(number * len(CATEGORIES) + category, number, category + 1, mask)
            for category, label in enumerate(CATEGORIES)
            if (mask := dict(cut.labelled).get(label)) is not None and mask.any()
        ]
    for split in Split:
        content = {
            "info": {"description": f"Hair masks, {split.value}", "version": "1.0", "contributor": "Winnow"},
            "licenses": [{"id": number, "name": name, "url": ""} for name, number in licences.items()],
            "categories": [
                {"id": number, "name": name, "supercategory": "person" if name != UNKNOWN_LABEL else "ignored"}
                for number, name in enumerate(CATEGORIES, start=1)
            ],
            "images": images[split],
            "annotations": annotations[split],
        }
        write_file(folder / f"{split.value}.json", json.dumps(content).encode())
    return soft


def _annotation(number: int, image: int, category: int, mask: Mask) -> dict[str, Any]:
    top, left, bottom, right = bounding_box(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "area": int((mask > 0).sum()),
        "bbox": [left, top, right - left, bottom - top],  # x, y, width, height
        "segmentation": {"size": list(mask.shape), "counts": runs_to_string(mask_to_runs(mask))},
    }


def _files(location: Location) -> list[Location]:
    """The JSON files that may be COCO: in the folder, in its folder `annotations`, and in folders with a split's name."""
    if not is_folder(location):
        return [location] if location.suffix.lower() == ".json" else []
    inner = [each for each in subfolders(location) if last_name(each) == "annotations" or parse_split(last_name(each))]
    return [file for folder in (location, *inner) for file in files_in(folder, ".json", location)]


def _split(file: Location) -> Split | None:
    """The split in a file's name (`val.json`, `instances_val2017.json`), or else in its folder's."""
    last_word = re.split(r"[^a-z]+", re.sub(r"\d+$", "", file.stem.lower()))[-1]
    return parse_split(last_word) or parse_split(last_name(file.parent))


def _looks_like_coco(file: Location) -> bool:
    start = list_bytes(file, SNIFF_BYTES)
    if not start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") or b'"shapes"' in start or b'"_via_' in start:
        return False
    content = start if len(start) < SNIFF_BYTES else list_bytes(file)
    if not all(key in content for key in (b'"images"', b'"annotations"', b'"categories"')):
        return False
    if len(start) == SNIFF_BYTES and re.search(rb'"images":\s*\[\s*\{[^{}]*"file_name":', start):
        return True  # without reading all of what may be hundreds of megabytes as JSON
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError):
        return False
    needed = {"images": "file_name", "annotations": "image_id", "categories": "name"}
    return isinstance(listed, dict) and all(_lists(listed.get(key), field) for key, field in needed.items())


def _lists(value: Any, field: str) -> bool:
    return isinstance(value, list) and (not value or (isinstance(value[0], dict) and field in value[0]))


@dataclass(frozen=True)
class _Listed:
    """What a COCO file lists."""

    images: list[Any]
    annotations: list[Any]
    categories: list[dict[str, Any]]
    licences: dict[Any, Any]  # by id


@dataclass(frozen=True)
class _Categories:
    """The ids of the categories that mean something to us, and a remark if several mean hair."""

    hair: list[Any]
    skin: list[Any]
    unknown: list[Any]
    remark: str = ""


def _parse(file: Location) -> _Listed:
    try:
        content = json.loads(list_bytes(file))
        licences = {entry["id"]: entry.get("name") for entry in content.get("licenses") or []}
        categories = [dict(category) for category in content["categories"]]
        return _Listed(list(content["images"]), list(content["annotations"]), categories, licences)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise WinnowError(f"{file.name} can't be read as COCO ({type(error).__name__}: {error}).") from None


def _categories(file: Location, listed: _Listed, label: str | None) -> _Categories:
    """Which categories mean hair, skin and unknown.

    A category that only stands above the others and that no annotation has, as Roboflow adds one, is left aside.
    """
    used = Counter(repr(each.get("category_id")) for each in listed.annotations if isinstance(each, dict))
    named = [(category.get("id"), str(category.get("name")), category.get("supercategory")) for category in listed.categories]
    choice = [(number, name) for number, name, _ in named if used[repr(number)] or not _stands_above(number, name, named)]
    names = [name for _, name in choice]
    times: Counter[str] = Counter()
    for number, name in choice:
        times[name] += used[repr(number)]
    hair = alike(names, hair_label(file.name, "categories", names, label, times))
    in_hair, in_skin, in_unknown = (
        [number for number, name in choice if name in meant]
        for meant in (hair, called(names, *SKIN) - hair, called(names, *UNKNOWN) - hair)
    )
    joined = [name for number, name in choice if name in hair and used[repr(number)]]
    remark = (
        f"{file.name} has {len(joined)} categories for hair ({', '.join(joined)}), which were joined." if joined[1:] else ""
    )
    return _Categories(in_hair, in_skin, in_unknown, remark)


def _stands_above(number: Any, name: str, named: list[tuple[Any, str, Any]]) -> bool:
    return any(other != number and supercategory == name for other, _, supercategory in named)


def _read_file(file: Location, location: Location, listed: _Listed, meant: _Categories) -> Iterator[Item]:
    check_rows(file.name, len(listed.images))
    painted: dict[Any, list[Any]] = defaultdict(list)
    for annotation in listed.annotations:
        try:
            painted[annotation["image_id"]].append((annotation["category_id"], annotation))
        except (KeyError, TypeError):
            yield Refused(file.name, f"an annotation lacks image_id or category_id: {str(annotation)[:200]}", file)
    photos = _Photos(file, location)
    entries = Counter(repr(image["id"]) for image in listed.images if isinstance(image, dict) and "id" in image)
    for image in listed.images:
        name = str(image.get("file_name")) if isinstance(image, dict) else file.name
        found = photos.find(name) if isinstance(image, dict) and "file_name" in image else None
        place = found.place if isinstance(found, Found) else None
        if isinstance(image, dict) and entries[number := repr(image.get("id"))] > 1:
            why = f"{file.name} has several images of the id {number:.100}, so it is unclear whose its masks are."
            yield Refused(name, why, place)
        elif isinstance(found, str):
            yield Refused(name, found)
        else:
            yield pair_or_refusal(name, partial(_pair, file, found, image, painted, meant, listed), place)


def _pair(
    file: Location, found: Found | None, image: Any, painted: dict[Any, list[Any]], meant: _Categories, listed: _Listed
) -> RawPair | Refused:
    try:
        name, size = str(image["file_name"]), (int(image["height"]), int(image["width"]))
        annotations = painted.get(image["id"], [])
        licence = listed.licences.get(image.get("license"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return Refused(file.name, f"an image entry lacks id, file_name, height or width: {str(image)[:200]}")
    if found is None:
        return Refused(file.name, f"an image entry lacks its file_name: {str(image)[:200]}")
    hair, skin, unknown = (
        [annotation for number, annotation in annotations if number in ids] for ids in (meant.hair, meant.skin, meant.unknown)
    )
    if not hair and image.get(NO_HAIR_KEY) is not True:
        others = len(annotations)
        also = f" It has {others:,} of other categories." if others else ""
        return Refused(name, f"it has no hair annotation in {file.name}.{also}", found.place)
    if min(size) <= 0:
        return Refused(name, f"{file.name} gives it a size of {size[1]} x {size[0]}.", found.place)
    mask, remarks = _mask(hair, size, found.place, file)
    return RawPair(
        name,
        found.place,
        mask,
        skin=_mask(skin, size, found.place, file)[0] if skin else None,
        unknown=_mask(unknown, size, found.place, file)[0] if unknown else None,
        remarks=tuple(filter(None, (found.remark, meant.remark, *remarks))),
        split=_split(file),
        **about_from({**image, "licence": licence}),
    )


class _Photos:
    """Finds the photos of one file in the folders where tools put them."""

    def __init__(self, file: Location, location: Location) -> None:
        near, split = file.parent, _split(file)
        inside = is_folder(location) and relative_path(near, location).parts
        folders = [inner for root in ((near, near.parent) if inside else (near,)) for inner in _inside(root)]
        folders += [deeper for inner in folders if last_name(inner).lower() in ("images", "data") for deeper in _inside(inner)]
        of_split = [inner for inner in folders if split is not None and _folders_split(inner) is split]
        certain = {folder: FileLookup(folder) for folder in (near, near / "images", near.parent / "images", near / "data")}
        certain |= {folder: FileLookup(folder) for folder in of_split}
        others = [inner for inner in folders if inner not in certain and (split is None or _folders_split(inner) is None)]
        self.location = location
        self.certain = [lookup for folder, lookup in certain.items() if not is_link(folder, location)]
        self.others = [FileLookup(folder) for folder in others[:FOLDERS]]

    def find(self, name: str) -> Found | str:
        """The photo of a name, or why there is none."""
        found = find_photo(self.certain, name, self.location)
        if isinstance(found, Found) or not any(lookup.find(name) for lookup in self.certain):
            return found
        elsewhere = [other for lookup in self.others if isinstance(other := lookup.match(name), Found)]
        if len(elsewhere) > 1:
            places = ", ".join(last_name(other.place.parent) for other in elsewhere[:5])
            return f"several folders have a photo of that name ({places}), so it is unclear which one is meant."
        return elsewhere[0] if elsewhere else find_photo([*self.certain, *self.others], name, self.location)


def _inside(folder: Location) -> list[Location]:
    if not isinstance(folder, Path) and folder.protocol in WEB_PROTOCOLS:
        return []  # many web servers list nothing
    return subfolders(folder) if is_folder(folder) else []


def _folders_split(folder: Location) -> Split | None:
    return parse_split(re.sub(r"\d+$", "", last_name(folder)))


def _mask(annotations: list[Any], size: Size, photo: Location, file: Location) -> tuple[Shapes, tuple[str, ...]]:
    drawn = [shape for annotation in annotations for shape in _shapes(annotation, size)]
    runs = {(shape.height, shape.width) for shape in drawn if isinstance(shape, Runs)}
    if runs <= {size}:
        return fit_shapes(drawn, size, photo, file.name)
    ((height, width), *more) = runs
    stated = f"{size[1]} x {size[0]}"
    if more or not all(isinstance(shape, Runs) for shape in drawn) or (height, width) not in photo_sizes(photo):
        raise WinnowError(f"its mask is {width} x {height}, the image {stated}.")
    mask, remarks = fit_shapes(drawn, (height, width), photo, file.name)
    return mask, (*remarks, f"{file.name} says that it is {stated}; its mask was drawn at {width} x {height}.")


def _shapes(annotation: Any, size: Size) -> list[Shape | NotAnArea]:
    """The shapes of one annotation: several polygons, or one run-length mask. Raises WinnowError for anything else."""
    segmentation = annotation.get("segmentation")
    if not segmentation and annotation.get("bbox"):
        return [NotAnArea("a box")]
    try:
        if isinstance(segmentation, list) and segmentation:
            one = all(isinstance(number, int | float) for number in segmentation)  # without the list around its polygons
            return [parse_outline(polygon) for polygon in ([segmentation] if one else segmentation)]
        height, width = (int(side) for side in segmentation["size"])
        counts = segmentation["counts"]
        return [Runs(height, width, counts if isinstance(counts, str) else tuple(int(run) for run in counts))]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError("its segmentation is neither polygons nor runs.") from None
