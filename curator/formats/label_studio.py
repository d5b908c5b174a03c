"""Label Studio's JSON export with brush masks. All eight bits of a brush are kept, so soft edges stay soft.

The annotator is not used as contributor: one annotator paints many people's photos, which would then all be in one split. The
contributor is the field `contributor` in a task's data, if there is one.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from curator.formats.brush import Stroke, pack_mask
from curator.formats.locations import FileLookup, Location, display_name, files_in, is_folder, list_bytes, write_file
from curator.formats.members import Fact, about_from, masks_of
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
from curator.formats.shapes import Shapes
from curator.pictures.arrays import Mask
from db.errors import WinnowError
from db.store import Store

KEEPS = frozenset(Fact)


def recognise(location: Location) -> str | None:
    """Why this is a Label Studio export, or None: a JSON file, or a folder with one, that lists tasks."""
    found = [file.name for file in _files(location) if _tasks(file) is not None]
    return f"{found[0]} lists Label Studio's tasks" if found else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every annotation of an export, or of every export in a folder.

    Photos are looked for beside the file and in `images/` there, by their path and by their name, with and without the
    eight digits that an upload puts in front. Raises WinnowError if there is no export, or if it is unclear which label is
    hair.
    """
    exports = [(file, tasks) for file in _files(location) if (tasks := _tasks(file)) is not None]
    if not exports:
        raise WinnowError(
            f"{display_name(location)} is not a JSON export of Label Studio: a list of tasks with data and annotations."
        )
    for file, tasks in exports:
        yield ListRead(file)
        hair = _hair_label(file, tasks, label)
        lookup = FileLookup(file.parent)
        check_rows(file.name, len(tasks))
        for task in tasks:
            yield from _pairs(file, lookup, task, hair)


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


def _tasks(file: Location) -> list[dict[str, Any]] | None:
    """The tasks of an export; None for any other file."""
    try:
        if not list_bytes(file, 64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
            return None
        tasks = json.loads(list_bytes(file))
    except (ValueError, RecursionError, OSError):
        return None
    fits = all(isinstance(task, dict) and isinstance(task.get("data"), dict) and "annotations" in task for task in tasks)
    return tasks if tasks and fits else None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strokes(annotation: Any) -> list[dict[str, Any]]:
    """The brush strokes of an annotation: of a brush with labels, or of a brush with a separate labels control."""
    results = _as_list(annotation.get("result")) if isinstance(annotation, dict) else []
    kinds = {"brushlabels": "brushlabels", "labels": "rle"}  # a result's type, and the field that its value must have
    dicts = [result for result in results if isinstance(result, dict) and isinstance(result.get("value"), dict)]
    return [result for result in dicts if kinds.get(str(result.get("type"))) in result["value"]]


def _labels(stroke: dict[str, Any]) -> list[str]:
    value = stroke["value"]
    return [str(label) for label in _as_list(value.get("brushlabels") or value.get("labels"))]


def _hair_label(file: Location, tasks: list[dict[str, Any]], wanted: str | None) -> str:
    used = {
        label
        for task in tasks
        for annotation in _as_list(task["annotations"])
        for stroke in _strokes(annotation)
        for label in _labels(stroke)
    }
    return hair_label(file.name, "labels", sorted(used), wanted) if used else HAIR


def _pairs(file: Location, lookup: FileLookup, task: dict[str, Any], hair: str) -> Iterator[RawPair | Refused]:
    data = task["data"]
    named = next((data[field] for field in ("image", "img", "photo") if isinstance(data.get(field), str)), None)
    if named is None:
        yield Refused(f"task {task.get('id')}", "its data names no image.")
        return
    photo = _photo(lookup, named, task.get("file_upload"))
    if photo is None:
        yield Refused(named, f"the photo is missing: it is neither beside {file.name} nor in images/.")
        return
    given = [each for each in _as_list(task["annotations"]) if _strokes(each) and not each.get("was_cancelled")]
    if not given:
        yield Refused(named, "it has no brush mask.")
    for annotation in given:
        yield pair_or_refusal(named, partial(_named_pair, named, photo, annotation, hair, data))


def _named_pair(named: str, photo: Location, annotation: Any, hair: str, data: dict[str, Any]) -> RawPair | Refused:
    mask = _described([stroke for stroke in _strokes(annotation) if hair in _labels(stroke)])
    if isinstance(mask, str):
        return Refused(named, mask)
    split = parse_split(str(data.get("split") or ""))
    if data.get("split") and split is None:
        return Refused(named, f"its split is {data['split']!r}. Use train, validation or test, or leave it out.")
    return RawPair(named, photo, mask, split=split, **about_from(data))


def _photo(lookup: FileLookup, named: str, upload: Any) -> Location | None:
    """The file of a task's image: a path, an upload's address or a `?d=` address, all looked for in the export's folder."""
    try:
        address = urlparse(named)
    except ValueError:
        return None
    wanted = [unquote(address.path), *parse_qs(address.query).get("d", []), str(upload or "")]
    for path in [each.lstrip("/") for each in wanted if each]:
        name = path.rpartition("/")[2]
        plain = name[9:] if name[8:9] == "-" else name
        for candidate in (path, f"images/{path}", name, f"images/{name}", plain, f"images/{plain}"):
            found = lookup.find(candidate)
            if found is not None and lookup.exists(found):
                return found
    return None


def _described(strokes: list[dict[str, Any]]) -> Shapes | str:
    """The mask of an annotation's hair strokes, or what is wrong with them."""
    if not strokes:
        return "its annotation has no hair stroke."
    try:
        sizes = {(int(stroke["original_height"]), int(stroke["original_width"])) for stroke in strokes}
        painted = tuple(Stroke(bytes(list(stroke["value"]["rle"]))) for stroke in strokes)
    except (KeyError, TypeError, ValueError, OverflowError):
        return "its brush mask lacks its size or its data."
    (height, width), *others = sizes
    if others or height <= 0 or width <= 0:
        return "its brush strokes have no size, or different ones."
    return Shapes(height, width, painted)
