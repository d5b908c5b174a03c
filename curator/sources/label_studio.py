"""Label Studio's JSON export with brush masks. All eight bits of a brush are kept: soft edges stay soft.

Whoever annotated is not taken for the contributor: one annotator paints many people's photos, and all of these would
then be kept in one split. A task whose data has a `contributor` names it so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np
from numpy.typing import NDArray

from curator.pictures import Limits
from curator.sources.pairs import RawPair, Refused, within
from db.errors import WinnowError
from db.tables import Split

CHANNELS = 4  # a brush mask is a whole RGBA picture; the opaque part is what was painted


@dataclass(frozen=True)
class BrushMask:
    """What an annotation's brush strokes are: packed RGBA pictures of one size, joined where they are most opaque."""

    height: int
    width: int
    packed: tuple[bytes, ...]

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError for damaged strokes and a size beyond the limits."""
        count = self.height * self.width
        if count > limits.pixels:
            raise WinnowError(f"its mask is {self.width:,} x {self.height:,}: more than {limits.pixels:,} pixels.")
        mask = np.zeros(count, np.uint8)
        for packed in self.packed:
            mask = np.maximum(mask, unpacked(packed, count * CHANNELS)[CHANNELS - 1 :: CHANNELS])
        return mask.reshape(self.height, self.width)


class _Bits:
    """Reads numbers of some bits, highest first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def read(self, size: int) -> int:
        start, end = self.position, self.position + size
        if end > len(self.data) * 8:
            raise WinnowError("its brush mask is cut off.")
        self.position = end
        last = (end + 7) // 8
        return int.from_bytes(self.data[start // 8 : last]) >> (last * 8 - end) & ((1 << size) - 1)

    def read_bytes(self, count: int) -> NDArray[np.uint8]:
        """The next `count` bytes, wherever between two bytes they begin."""
        start, shift = divmod(self.position, 8)
        if self.position + count * 8 > len(self.data) * 8:
            raise WinnowError("its brush mask is cut off.")
        self.position += count * 8
        pairs = np.frombuffer(self.data[start : start + count + 1] + b"\0", np.uint8).astype(np.uint16)
        return ((pairs[:count] << 8 | pairs[1 : count + 1]) >> (8 - shift)).astype(np.uint8)


def unpacked(packed: bytes, count: int) -> NDArray[np.uint8]:
    """The `count` bytes that a brush mask packs (the `rle-pack` format).

    A head gives the count (32 bits), the size of a word (5 bits, less 1) and four sizes of run lengths (4 bits each,
    less 1). Each run: a bit (repeat one word, or spell all out), which of the four sizes (2 bits), the length less 1.
    Raises WinnowError for a mask that is cut off, of another size, or not of bytes.
    """
    bits = _Bits(packed)
    declared, word = bits.read(32), bits.read(5) + 1
    if declared != count or word != 8:
        raise WinnowError(f"its brush mask has {declared:,} words of {word} bits; {count:,} of 8 belong to its size.")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    out = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeats, size = bits.read(1), sizes[bits.read(2)]
        end = done + bits.read(size) + 1
        if end > count:
            raise WinnowError("its brush mask runs over its end.")
        out[done:end] = bits.read(8) if repeats else bits.read_bytes(end - done)
        done = end
    return out


def recognise(location: Path) -> str | None:
    """Why this is a Label Studio export, or None: a JSON file, or a folder with one, that lists tasks."""
    found = [file.name for file in _files(location) if _tasks(file) is not None]
    return f"{found[0]} lists Label Studio's tasks" if found else None


def read(location: Path) -> Iterator[RawPair | Refused]:
    """A pair for every annotation of an export, or of every export in a folder.

    Photos are looked for beside the file and in `images/` there, by their path and by their name, with and without the
    eight digits that an upload puts in front. Raises WinnowError where there is no export.
    """
    exports = [(file, tasks) for file in _files(location) if (tasks := _tasks(file)) is not None]
    if not exports:
        raise WinnowError(f"{location} is no JSON export of Label Studio: a list of tasks with data and annotations.")
    for file, tasks in exports:
        hair = _label_of_hair(file, tasks)
        for task in tasks:
            yield from _pairs(file, task, hair)


def _files(location: Path) -> list[Path]:
    if location.is_file():
        return [location] if location.suffix.lower() == ".json" else []
    return sorted(location.glob("*.json"))


def _tasks(file: Path) -> list[dict[str, Any]] | None:
    """The tasks of an export; None for any other file."""
    try:
        with file.open("rb") as opened:
            if not opened.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
                return None
        tasks = json.loads(file.read_bytes())
    except (ValueError, RecursionError, OSError):
        return None
    fits = all(isinstance(task, dict) and isinstance(task.get("data"), dict) and "annotations" in task for task in tasks)
    return tasks if tasks and fits else None


def _strokes(annotation: Any) -> list[dict[str, Any]]:
    results = annotation.get("result") if isinstance(annotation, dict) else None
    return [result for result in results or [] if isinstance(result, dict) and result.get("type") == "brushlabels"]


def _labels(stroke: dict[str, Any]) -> list[str]:
    value = stroke.get("value")
    return [str(label) for label in (value.get("brushlabels") or [])] if isinstance(value, dict) else []


def _label_of_hair(file: Path, tasks: list[dict[str, Any]]) -> str:
    used = {
        label
        for task in tasks
        for annotation in task["annotations"] or []
        for stroke in _strokes(annotation)
        for label in _labels(stroke)
    }
    named = {label for label in used if label.strip().lower() == "hair"} or used
    if len(named) > 1:
        raise WinnowError(f"{file.name} has no label hair, nor only one; its labels: {', '.join(sorted(used))}.")
    return next(iter(named), "hair")


def _pairs(file: Path, task: dict[str, Any], hair: str) -> Iterator[RawPair | Refused]:
    data = task["data"]
    named = next((data[field] for field in ("image", "img", "photo") if isinstance(data.get(field), str)), None)
    if named is None:
        yield Refused(f"task {task.get('id')}", "its data names no image.")
        return
    photo = _photo(file.parent, named, task.get("file_upload"))
    if photo is None:
        yield Refused(named, f"the photo isn't there, neither beside {file.name} nor in images/ there.")
        return
    given = [each for each in task["annotations"] or [] if _strokes(each) and not each.get("was_cancelled")]
    if not given:
        yield Refused(named, "nobody painted a brush mask on it.")
    for annotation in given:
        mask = _described([stroke for stroke in _strokes(annotation) if hair in _labels(stroke)])
        yield Refused(named, mask) if isinstance(mask, str) else _named_pair(named, photo, mask, data)


def _named_pair(named: str, photo: Path, mask: BrushMask, data: dict[str, Any]) -> RawPair | Refused:
    try:
        split = Split(str(data["split"]).lower()) if data.get("split") else None
    except ValueError:
        return Refused(named, f"its split is {data['split']!r}; it is train, validation, test or nothing.")
    contributor, licence = data.get("contributor"), data.get("licence")
    return RawPair(
        named,
        photo,
        mask,
        contributor=str(contributor) if contributor else None,
        split=split,
        licence=str(licence) if licence else None,
    )


def _photo(base: Path, named: str, upload: Any) -> Path | None:
    """The file of a task's image: a path, an upload's address or a `?d=` address, all looked for in the export's folder."""
    address = urlparse(named)
    wanted = [unquote(address.path), *parse_qs(address.query).get("d", []), str(upload or "")]
    for path in [each.lstrip("/") for each in wanted if each]:
        name = path.rpartition("/")[2]
        plain = name[9:] if name[8:9] == "-" else name
        for candidate in (path, f"images/{path}", name, f"images/{name}", plain, f"images/{plain}"):
            found = within(base, candidate)
            if found is not None and found.is_file():
                return found
    return None


def _described(strokes: list[dict[str, Any]]) -> BrushMask | str:
    """The mask of an annotation's strokes, or what is wrong with them."""
    if not strokes:
        return "its annotation has no stroke of hair."
    try:
        sizes = {(int(stroke["original_height"]), int(stroke["original_width"])) for stroke in strokes}
        packed = tuple(bytes(stroke["value"]["rle"]) for stroke in strokes)
    except (KeyError, TypeError, ValueError):
        return "its brush mask lacks its size or its bytes."
    (height, width), *others = sizes
    if others or height <= 0 or width <= 0:
        return "its brush strokes don't agree on a size."
    return BrushMask(height, width, packed)
