"""COCO annotations: polygons and run-length masks of the category hair. An image's annotations form one mask."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from curator.formats.locations import (
    SNIFF_BYTES,
    FileLookup,
    Location,
    display_name,
    files_in,
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
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    check_rows,
    hair_label,
    pair_or_refusal,
    parse_split,
)
from curator.formats.rle import Runs, mask_to_runs, runs_to_string
from curator.formats.shapes import Polygon, Shape, Shapes, bounding_box, parse_points
from curator.pictures.arrays import Mask
from db.errors import WinnowError
from db.store import Store
from db.tables import Split

CATEGORIES = (HAIR, SKIN_LABEL, UNKNOWN_LABEL)
NO_HAIR_KEY = "no_hair"  # of an image entry: the photo shows no hair, which an annotation without area would say
KEEPS = frozenset(Fact) - {Fact.soft}


def recognise(location: Location) -> str | None:
    """Why this is COCO, or None: a JSON file, or a folder with one, that lists images and annotations."""
    found = next((file for file in _files(location) if _looks_like_coco(file)), None)
    if found is None:
        return None
    return f"{relative_path(found, location) if is_folder(location) else found.name} lists images and annotations"


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """The pairs of a COCO file, or of every one in a folder; a name such as `train.json` gives the split.

    Photos are looked for beside the file, in `images/` there, and in `images/` one folder up. Raises WinnowError if there is
    no such file, if it is damaged, or if it is unclear which category is hair.
    """
    files = [file for file in _files(location) if not is_folder(location) or _looks_like_coco(file)]
    if not files:
        raise WinnowError(f"{display_name(location)} has no COCO file, which is a .json that lists images and annotations.")
    for file in files:
        yield from _read_file(file, location, label)


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
    if not start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return False
    if len(start) < SNIFF_BYTES or b'"images"' not in start:
        try:
            content = json.loads(list_bytes(file))
        except (ValueError, RecursionError):
            return False
        return isinstance(content, dict) and {"images", "annotations"} <= content.keys()
    return True


def _read_file(file: Location, location: Location, label: str | None) -> Iterator[Item]:
    yield ListRead(file)
    try:
        content = json.loads(list_bytes(file))
        images, annotations = list(content["images"]), list(content["annotations"])
        hair = _hair(file, content["categories"], label)
        licences = {entry["id"]: entry.get("name") for entry in content.get("licenses") or []}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise WinnowError(f"{file.name} can't be read as COCO ({type(error).__name__}: {error}).") from None
    check_rows(file.name, len(images))
    painted: dict[Any, list[Any]] = defaultdict(list)
    for annotation in annotations:
        try:
            if annotation["category_id"] == hair:
                painted[annotation["image_id"]].append(annotation.get("segmentation"))
        except (KeyError, TypeError):
            yield Refused(file.name, f"an annotation lacks image_id or category_id: {str(annotation)[:200]}")
    folders = (file.parent, file.parent / "images", file.parent.parent / "images")
    lookups = [FileLookup(folder) for folder in folders if not is_link(folder, location)]
    entries = Counter(repr(image["id"]) for image in images if isinstance(image, dict) and "id" in image)
    for image in images:
        name = str(image.get("file_name")) if isinstance(image, dict) else file.name
        if isinstance(image, dict) and entries[number := repr(image.get("id"))] > 1:
            yield Refused(
                name, f"{file.name} has several images of the id {number:.100}, so it is unclear whose its masks are."
            )
        else:
            yield pair_or_refusal(name, partial(_pair, file, lookups, image, painted, licences))


def _hair(file: Location, categories: list[dict[str, Any]], label: str | None) -> Any:
    names = [str(category.get("name")) for category in categories]
    return categories[names.index(hair_label(file.name, "categories", names, label))]["id"]


def _pair(
    file: Location, lookups: list[FileLookup], image: Any, painted: dict[Any, list[Any]], licences: dict[Any, Any]
) -> RawPair | Refused:
    try:
        name, height, width = str(image["file_name"]), int(image["height"]), int(image["width"])
        segmentations = painted.get(image["id"], [])
        licence = licences.get(image.get("license"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return Refused(file.name, f"an image entry lacks id, file_name, height or width: {str(image)[:200]}")
    photo = _photo(lookups, name)
    if isinstance(photo, str):
        return Refused(name, photo)
    if not segmentations and image.get(NO_HAIR_KEY) is not True:
        return Refused(name, f"it has no hair annotation in {file.name}.")
    if height <= 0 or width <= 0:
        return Refused(name, f"{file.name} gives it a size of {width} x {height}.")
    shapes = [shape for each in segmentations for shape in _shapes(each, height, width)]
    mask = Shapes(height, width, tuple(shapes))
    return RawPair(name, photo, mask, split=_split(file), **about_from({**image, "licence": licence}))


def _photo(lookups: list[FileLookup], name: str) -> Location | str:
    """The photo's file, or what is wrong with its path."""
    places = [(lookup, place) for lookup in lookups if (place := lookup.find(name)) is not None]
    if not places:
        return "its path points outside the folder."
    return next((place for lookup, place in places if lookup.exists(place)), "the photo is missing.")


def _shapes(segmentation: Any, height: int, width: int) -> list[Shape]:
    """The shapes of one annotation: several polygons, or one run-length mask. Raises WinnowError for anything else."""
    try:
        if isinstance(segmentation, list):
            return [Polygon(parse_points(polygon)) for polygon in segmentation]
        size, counts = list(segmentation["size"]), segmentation["counts"]
        runs = Runs(height, width, counts if isinstance(counts, str) else tuple(int(run) for run in counts))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError("its segmentation is neither polygons nor runs.") from None
    if size != [height, width]:
        raise WinnowError(f"its mask is {' x '.join(str(side) for side in reversed(size))}, the image {width} x {height}.")
    return [runs]
