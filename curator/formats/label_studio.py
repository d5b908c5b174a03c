"""Label Studio's exports: JSON and JSON-MIN with brush strokes, polygons and ellipses, and brush masks as PNG files.

All eight bits of a brush are kept, so soft edges stay soft. A stroke's export is the whole picture that was painted, with what
the eraser took away; so an eraser needs no rule here. Polygons and ellipses are in percent of the photo.

The annotator is not used as contributor: one annotator paints many people's photos, which would then all be in one split. The
contributor is the field `contributor` in a task's data, if there is one.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import splitext
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from curator.formats.brush import Stroke, pack_mask
from curator.formats.fitting import Size, fit_shapes, photo_sizes
from curator.formats.locations import (
    FileLookup,
    Found,
    Location,
    display_name,
    files_in,
    is_folder,
    list_bytes,
    read_upload,
    subfolders,
    write_file,
)
from curator.formats.members import Fact, about_from, masks_of
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
from curator.formats.shapes import Canvas, NotAnArea, Shape, Shapes, parse_ellipse, parse_outline, paste_max
from curator.pictures.arrays import Mask
from curator.pictures.codec import decode_mask
from curator.pictures.opening import PICTURE_ENDINGS
from db.errors import WinnowError
from db.settings import Limits
from db.store import Store

KEEPS = frozenset(Fact)
# A brush mask's file: its task, its annotation, who painted it, the control's name, the label, its number.
PAINTED = re.compile(r"task-(?P<task>\d+)-annotation-(?P<annotation>\d+)-by-[^-]*-[^-]+-(?P<label>.+)-\d+\.png", re.IGNORECASE)
MIN_KEYS = {"annotation_id", "annotator", "lead_time"}  # of JSON-MIN, which has no other mark


@dataclass(frozen=True)
class Layer:
    """A brush mask as a PNG file of its own."""

    file: Location

    def box(self) -> None:
        """None: it covers the whole photo."""

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the file onto a canvas; returns its work. Raises WinnowError if it can't be read or has another size."""
        values = decode_mask(read_upload(self.file, limits))
        if values.shape != canvas.shape:
            raise WinnowError(f"its brush mask {self.file.name} has another size than the others.")
        paste_max(canvas, values, 0, 0)
        return int(values.size)


@dataclass(frozen=True)
class _Task:
    """A task of an export: the data that was imported, and the regions of each of its annotations."""

    number: Any
    data: dict[str, Any]
    annotations: list[tuple[Any, list[dict[str, Any]]]]  # by the annotation's number
    upload: Any = None


def recognise(location: Location) -> str | None:
    """Why this is a Label Studio export, or None: a JSON file of tasks, a folder with one, or a folder of brush masks."""
    found = [file.name for file in _files(location) if _tasks(file) is not None]
    if found:
        return f"{found[0]} lists Label Studio's tasks"
    painted = next(iter(_painted(location)), None)
    return f"{painted.name} is one of Label Studio's brush masks" if painted is not None else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every annotation of an export, or of every export in a folder.

    Photos are looked for beside the file and in `images/` there, by their path and by their name, with and without the
    eight digits that an upload puts in front. Brush masks in PNG files belong to the tasks whose annotations say nothing
    themselves. Raises WinnowError if there is no export, or if it is unclear which label is hair.
    """
    exports = [(file, tasks) for file in _files(location) if (tasks := _tasks(file)) is not None]
    painted = _painted(location)
    if not exports and painted:
        raise WinnowError(
            f"{painted[0].name} and its like name their tasks and not their photos. Export the same project as JSON, too, and "
            "put that file beside them."
        )
    if not exports:
        raise WinnowError(
            f"{display_name(location)} is not a JSON export of Label Studio: a list of tasks with data and annotations."
        )
    layers: dict[str, list[tuple[str, str, Location]]] = defaultdict(list)
    for each in painted:
        if match := PAINTED.fullmatch(each.name):
            layers[match["task"]].append((match["annotation"], match["label"], each))
    for file, tasks in exports:
        yield ListRead(file)
        check_rows(file.name, len(tasks))
        used = Counter(
            label for task in tasks for _, regions in task.annotations for each in regions for label in _labels(each)
        )
        used.update(label for task in tasks for _, label, _ in layers.get(str(task.number), []))
        hair = alike(used, hair_label(file.name, "labels", list(used), label, used)) if used else frozenset({HAIR})
        meant = {"mask": hair, "skin": called(used, *SKIN) - hair, "unknown": called(used, *UNKNOWN) - hair}
        lookup = FileLookup(file.parent)
        for task in tasks:
            yield from _pairs(file, lookup, task, meant, layers.get(str(task.number), []))


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `images/`, and `tasks.json` with a brush stroke for each label of a task, for a project that serves local files.

    Returns 0: soft masks stay soft.
    """
    tasks = []
    for item in items:
        write_file(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        strokes = [_stroke(f"{item.name}-{label}", label, mask) for label, mask in masks_of(item, store).labelled]
        data = {"image": f"/data/local-files/?d=images/{item.name}.jpg", "split": item.split.value, **item.about}
        tasks.append(
            json.dumps({"data": data, "annotations": [{"result": strokes}]})
        )  # as text, which takes a tenth of the memory
    write_file(folder / "tasks.json", f"[{(',' + chr(10)).join(tasks)}]".encode())
    return 0


def _stroke(name: str, label: str, mask: Mask) -> dict[str, Any]:
    return {
        "id": name,
        "type": "brushlabels",
        "from_name": HAIR,
        "to_name": "image",
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": list(pack_mask(mask)), "brushlabels": [label]},
    }


def _files(location: Location) -> list[Location]:
    if not is_folder(location):
        return [location] if location.suffix.lower() == ".json" else []
    return files_in(location, ".json", location)


def _painted(location: Location) -> list[Location]:
    """The brush masks in a folder, or in the folders in it."""
    if not is_folder(location):
        return []
    return [
        file
        for folder in (location, *subfolders(location))
        for file in files_in(folder, ".png", location)
        if PAINTED.fullmatch(file.name)
    ]


def _tasks(file: Location) -> list[_Task] | None:
    """The tasks of an export, JSON or JSON-MIN; None for any other file."""
    try:
        if not list_bytes(file, 64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
            return None
        rows = json.loads(list_bytes(file))
    except (ValueError, RecursionError, OSError):
        return None
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    if all(isinstance(row.get("data"), dict) and "annotations" in row for row in rows):
        return [_task(row) for row in rows]
    return [_short_task(row) for row in rows] if all(MIN_KEYS & row.keys() for row in rows) else None


def _task(row: dict[str, Any]) -> _Task:
    given = [each for each in _as_list(row["annotations"]) if isinstance(each, dict) and not each.get("was_cancelled")]
    annotations = [(each.get("id"), _regions(_as_list(each.get("result")))) for each in given]
    return _Task(row.get("id"), row["data"], annotations, row.get("file_upload"))


def _short_task(row: dict[str, Any]) -> _Task:
    """A row of JSON-MIN: one annotation, whose controls have regions without the dictionary around their values."""
    flat = [each for field in row.values() for each in _as_list(field) if isinstance(each, dict)]
    return _Task(row.get("id"), row, [(row.get("annotation_id"), _regions([{**each, "value": each} for each in flat]))])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _regions(results: list[Any]) -> list[dict[str, Any]]:
    """The results that draw something with a label: a region whose labels are a control of their own comes with and without."""
    dicts = [result for result in results if isinstance(result, dict) and isinstance(result.get("value"), dict)]
    return [result for result in dicts if _labels(result) and {"rle", "points", "x", "vertices"} & result["value"].keys()]


def _labels(region: dict[str, Any]) -> list[str]:
    value = region["value"]
    return [str(label) for field in value if str(field).endswith("labels") for label in _as_list(value[field])]


def _pairs(
    file: Location,
    lookup: FileLookup,
    task: _Task,
    meant: dict[str, frozenset[str]],
    layers: list[tuple[str, str, Location]],
) -> Iterator[Item]:
    fields = (task.data.get(field) for field in ("image", "img", "photo"))
    pictures = (word for word in task.data.values() if isinstance(word, str) and _is_picture(word))
    named = next((word for word in (*fields, *pictures) if isinstance(word, str)), None)
    if named is None:
        yield Refused(f"task {task.number}", "its data names no image.")
        return
    found = _photo(file, lookup, named, task.upload)
    if isinstance(found, str):
        yield Refused(named, found)
        return
    given = [regions for _, regions in task.annotations if regions]
    for regions in given:
        yield pair_or_refusal(named, partial(_drawn_pair, file, named, found, regions, meant, task.data), found.place)
    annotations = {} if given else {number: [one[1:] for one in layers if one[0] == number] for number, *_ in layers}
    for painted in annotations.values():
        yield from (ListRead(layer) for _, layer in painted)
        yield pair_or_refusal(named, partial(_painted_pair, named, found, painted, meant, task.data), found.place)
    if not given and not annotations:
        yield Refused(named, "it has no mask.", found.place)


def _is_picture(word: str) -> bool:
    return splitext(word.partition("?")[0])[1].lower() in PICTURE_ENDINGS


def _drawn_pair(
    file: Location,
    named: str,
    found: Found,
    regions: list[dict[str, Any]],
    meant: dict[str, frozenset[str]],
    data: dict[str, Any],
) -> RawPair | Refused:
    drawn = {field: [each for each in regions if not labels.isdisjoint(_labels(each))] for field, labels in meant.items()}
    if not drawn["mask"]:
        others = sorted({label for each in regions for label in _labels(each)})
        return Refused(named, f"its annotation has no hair, only {', '.join(others[:5])}.", found.place)
    masks: dict[str, Shapes] = {}
    remarks: list[str] = []
    for field, some in drawn.items():
        if some:
            size = _size(some)
            masks[field], more = fit_shapes([_shape(each, size) for each in some], size, found.place, file.name)
            remarks += more
    return _pair(named, found, masks, data, *remarks)


def _painted_pair(
    named: str, found: Found, painted: list[tuple[str, Location]], meant: dict[str, frozenset[str]], data: dict[str, Any]
) -> RawPair | Refused:
    """The pair of an annotation whose masks are files, which have the photo's size."""
    drawn = {field: [file for label, file in painted if label in labels] for field, labels in meant.items()}
    if not drawn["mask"]:
        return Refused(
            named, f"it has no brush mask of hair, only {', '.join(sorted({label for label, _ in painted}))}.", found.place
        )
    sizes = photo_sizes(drawn["mask"][0])
    if not sizes:
        raise WinnowError(f"its brush mask {drawn['mask'][0].name} can't be read.")
    return _pair(
        named, found, {field: Shapes(*sizes[0], tuple(map(Layer, files))) for field, files in drawn.items() if files}, data
    )


def _pair(named: str, found: Found, masks: dict[str, Shapes], data: dict[str, Any], *remarks: str) -> RawPair | Refused:
    split = parse_split(str(data.get("split") or ""))
    if data.get("split") and split is None:
        reason = f"its split is {data['split']!r}. Use train, validation or test, or leave it out."
        return Refused(named, reason, found.place)
    return RawPair(
        named,
        found.place,
        masks["mask"],
        skin=masks.get("skin"),
        unknown=masks.get("unknown"),
        remarks=tuple(filter(None, (found.remark, *remarks))),
        split=split,
        **about_from(data),
    )


def _photo(file: Location, lookup: FileLookup, named: str, upload: Any) -> Found | str:
    """The file of a task's image: a path, an upload's address or a `?d=` address, all looked for in the export's folder."""
    missing = f"the photo isn't there: Winnow looked for it beside {file.name} and in images/."
    try:
        address = urlparse(named)
    except ValueError:
        return missing
    wanted = [unquote(address.path), *parse_qs(address.query).get("d", []), str(upload or "")]
    candidates = []
    for path in [each.lstrip("/") for each in wanted if each]:
        name = path.rpartition("/")[2]
        plain = name[9:] if name[8:9] == "-" else name
        candidates += [path, f"images/{path}", name, f"images/{name}", plain, f"images/{plain}"]
    for candidate in candidates:
        if (place := lookup.exact(candidate)) is not None:
            return Found(place)
    return next((found for candidate in candidates if (found := lookup.match(candidate)) is not None), missing)


def _size(regions: list[dict[str, Any]]) -> Size:
    try:
        sizes = {(int(each["original_height"]), int(each["original_width"])) for each in regions}
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError("its annotation lacks its size.") from None
    if len(sizes) > 1 or min(min(size) for size in sizes) <= 0:
        raise WinnowError("its regions have no size, or different ones.")
    if any(each.get("image_rotation") for each in regions):
        raise WinnowError("it was turned in Label Studio, and its export draws on the turned photo. Annotate it as it is.")
    return sizes.pop()


def _shape(region: dict[str, Any], size: Size) -> Shape | NotAnArea:
    value, (height, width) = region["value"], size
    try:
        if "rle" in value:
            return Stroke(bytes(list(value["rle"])))
        if "points" in value:
            corners = [number for x, y in value["points"] for number in (float(x) * width / 100, float(y) * height / 100)]
            return parse_outline(corners) if value.get("closed", True) else NotAnArea("a line")
        if "radiusX" in value:
            x, y, across, down = (float(value[field]) / 100 for field in ("x", "y", "radiusX", "radiusY"))
            return parse_ellipse(x * width, y * height, across * width, down * height, value.get("rotation") or 0)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise WinnowError("its annotation is damaged: a region lacks its data.") from None
    if "vertices" in value:
        return NotAnArea("a path")
    return NotAnArea("a box" if "height" in value else "a point")
