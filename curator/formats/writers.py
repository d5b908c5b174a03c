"""Curated sets out: one writer a format. Each is read back bit for bit by the adapter in `curator/formats/`.

The lists are written last, so that a folder without them is one that was not finished.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

from curator.formats import brush, rle, supervisely
from curator.formats.pairs import NO_HAIR
from curator.pictures.pair import decode_mask, encode_colours
from db.store import Store
from db.tables import Split

HAIR = "hair"
BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)
LFW_LISTS = {Split.train: "parts_train.txt", Split.validation: "parts_validation.txt", Split.test: "parts_test.txt"}


@dataclass(frozen=True)
class Item:
    """One member of a set that is still here."""

    name: str  # its place in the set, as files are called
    example: int
    image: str
    mask: str
    skin: str | None
    split: Split
    licence: str | None
    drawn: bool


def _write_folder(folder: Path, items: list[Item], store: Store) -> None:
    """`images/`, `masks/` and a `manifest.csv` that says split and licence."""
    for item in items:
        _write(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        _write(folder / "masks" / f"{item.name}.png", store.get(item.mask))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["image", "mask", "split", "licence", "drawn"])
        for item in items:
            drawn = "yes" if item.drawn else "no"
            rows.writerow([f"images/{item.name}.jpg", f"masks/{item.name}.png", item.split.value, item.licence or "", drawn])


def _write_coco(folder: Path, items: list[Item], store: Store) -> None:
    """`images/`, and a JSON file a split with one run-length mask an image, an empty one where there is no hair."""
    entries: dict[Split, list[tuple[dict[str, Any], dict[str, Any]]]] = {split: [] for split in Split}
    licences = {name: number for number, name in enumerate(sorted({item.licence for item in items if item.licence}), start=1)}
    for item in items:
        _write(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        number = int(item.name)
        annotation = _annotation(number, decode_mask(store.get(item.mask)))
        height, width = annotation["segmentation"]["size"]
        image = {"id": number, "file_name": f"{item.name}.jpg", "height": height, "width": width}
        if item.licence:
            image["license"] = licences[item.licence]
        entries[item.split].append((image, annotation))
    for split, pairs in entries.items():
        content = {
            "info": {"description": f"Hair masks, {split.value}"},
            "licenses": [{"id": number, "name": name, "url": ""} for name, number in licences.items()],
            "categories": [{"id": 1, "name": "hair", "supercategory": "person"}],
            "images": [image for image, _ in pairs],
            "annotations": [annotation for _, annotation in pairs],
        }
        _write(folder / f"{split.value}.json", json.dumps(content).encode())


def _annotation(number: int, mask: NDArray[np.uint8]) -> dict[str, Any]:
    top, left, bottom, right = _box(mask)
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "area": int((mask > 0).sum()),
        "bbox": [left, top, right - left, bottom - top],  # x, y, width, height
        "segmentation": {"size": list(mask.shape), "counts": rle.to_string(rle.runs_of(mask))},
    }


def _write_hf(folder: Path, items: list[Item], store: Store) -> None:
    """Hugging Face's image folder: a folder a split; `metadata.jsonl` makes columns image and mask of the file names."""
    lines: dict[Split, list[str]] = {split: [] for split in Split}
    for item in items:
        image, mask = f"images/{item.name}.jpg", f"masks/{item.name}.png"
        _write(folder / item.split.value / image, store.get(item.image))
        _write(folder / item.split.value / mask, store.get(item.mask))
        row = {"file_name": image, "mask_file_name": mask, "licence": item.licence or "", "drawn": item.drawn}
        lines[item.split].append(json.dumps(row) + "\n")
    for split, rows in lines.items():
        if rows:
            _write(folder / split.value / "metadata.jsonl", "".join(rows).encode())


def _write_lfw_parts(folder: Path, items: list[Item], store: Store) -> None:
    """`images/`, `masks/` with red hair on blue and green skin where it is known, and the lists; a made-up name an example."""
    lines: dict[Split, list[str]] = {split: [] for split in Split}
    for item in items:
        stem = f"Example_{item.example}_0001"
        _write(folder / "images" / f"{stem}.jpg", store.get(item.image))
        hair = decode_mask(store.get(item.mask)) > 0
        classes = np.where(hair[:, :, None], RED, BLUE)
        if item.skin is not None:
            classes[(decode_mask(store.get(item.skin)) > 0) & ~hair] = GREEN
        _write(folder / "masks" / f"{stem}.png", encode_colours(classes.astype(np.uint8)))
        lines[item.split].append(f"Example_{item.example} 0001\n")
    for split, name in LFW_LISTS.items():
        _write(folder / name, "".join(lines[split]).encode())


def _write_label_studio(folder: Path, items: list[Item], store: Store) -> None:
    """`images/`, and `tasks.json` with one brush stroke a task, for a project that serves local files from this folder."""
    tasks = []
    for item in items:
        _write(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        mask = decode_mask(store.get(item.mask))
        stroke = {
            "id": item.name,
            "type": "brushlabels",
            "from_name": HAIR,
            "to_name": "image",
            "original_width": mask.shape[1],
            "original_height": mask.shape[0],
            "image_rotation": 0,
            "value": {"format": "rle", "rle": list(brush.stroke_of(mask)), "brushlabels": [HAIR]},
        }
        data = {
            "image": f"/data/local-files/?d=images/{item.name}.jpg",
            "split": item.split.value,
            "licence": item.licence or "",
        }
        tasks.append(json.dumps({"data": data, "annotations": [{"result": [stroke]}]}))  # as text: a tenth of the memory
    _write(folder / "tasks.json", f"[{(',' + chr(10)).join(tasks)}]".encode())


def _write_supervisely(folder: Path, items: list[Item], store: Store) -> None:
    """`meta.json`, and a dataset a split with `img/` and `ann/`; a tag says of a photo without hair that it has none."""
    for item in items:
        dataset, photo = folder / item.split.value, f"{item.name}.jpg"
        _write(dataset / "img" / photo, store.get(item.image))
        mask = decode_mask(store.get(item.mask))
        bitmap = {"classTitle": HAIR, "geometryType": "bitmap", "bitmap": supervisely.bitmap_of(mask), "tags": []}
        content = {
            "description": "",
            "size": {"height": mask.shape[0], "width": mask.shape[1]},
            "tags": [] if mask.any() else [{"name": NO_HAIR, "value": None}],
            "objects": [bitmap] if mask.any() else [],
        }
        _write(dataset / "ann" / f"{photo}.json", json.dumps(content).encode())
    meta = {
        "classes": [{"title": HAIR, "shape": "bitmap", "color": "#FF0000"}],
        "tags": [{"name": NO_HAIR, "value_type": "none", "color": "#0000FF"}],
    }
    _write(folder / supervisely.META, json.dumps(meta).encode())


def _write_cvat(folder: Path, items: list[Item], store: Store) -> None:
    """`images/`, and `annotations.xml` with one mask an image; a tag says of a photo without hair that it has none."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name, kind in ((HAIR, "mask"), (NO_HAIR, "tag")):
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = kind
    for number, item in enumerate(items):
        _write(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        mask = decode_mask(store.get(item.mask))
        about = {"id": str(number), "name": f"{item.name}.jpg", "subset": item.split.value}
        image = SubElement(root, "image", about | {"width": str(mask.shape[1]), "height": str(mask.shape[0])})
        if not mask.any():
            SubElement(image, "tag", label=NO_HAIR, source="manual")
            continue
        top, left, bottom, right = _box(mask)
        runs = rle.runs_of(mask[top:bottom, left:right].T)  # CVAT's go along the rows
        about = {"label": HAIR, "source": "manual", "occluded": "0", "rle": ", ".join(map(str, runs))}
        place = {"left": str(left), "top": str(top), "width": str(right - left), "height": str(bottom - top)}
        SubElement(image, "mask", about | place | {"z_order": "0"})
    ElementTree.indent(root)
    _write(folder / "annotations.xml", ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The box (top, left, bottom, right) around a mask uint8 (H, W), ends exclusive; all 0 for one without hair."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if rows.size else (0, 0, 0, 0)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


WRITERS: dict[str, Callable[[Path, list[Item], Store], None]] = {
    "folder": _write_folder,
    "coco": _write_coco,
    "hf": _write_hf,
    "lfw-parts": _write_lfw_parts,
    "label-studio": _write_label_studio,
    "supervisely": _write_supervisely,
    "cvat": _write_cvat,
}
