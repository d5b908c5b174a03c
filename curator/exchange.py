"""Curated sets out, in formats that others read. Pictures go out as they are stored, every mask names its photo.

Nobody is named: files are numbered by their place in the set (LFW Parts: by the example), contributors stay here.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.pictures import decode_mask, encode_colours
from curator.sources import rle
from db.errors import WinnowError
from db.store import Store
from db.tables import CuratedSet, Example, SetMember, Split, Submission

BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)
LFW_LISTS = {Split.train: "parts_train.txt", Split.validation: "parts_validation.txt", Split.test: "parts_test.txt"}


@dataclass(frozen=True)
class Exported:
    """What was written; `erased` members of the set were left out, their pictures are gone."""

    set: int
    format: str
    folder: str
    examples: int
    splits: dict[str, int]
    erased: int


@dataclass(frozen=True)
class _Item:
    """One member of a set that is still here."""

    name: str  # its place in the set, as files are called
    example: int
    image: str
    mask: str
    skin: str | None
    split: Split
    licence: str | None
    drawn: bool


def export_set(session: Session, store: Store, set_number: int, folder: Path, format: str) -> Exported:
    """Write a curated set into an empty or new folder as `folder`, `coco`, `hf` or `lfw-parts`.

    The lists are written last, so that a folder without them is one that was not finished. Raises WinnowError for an
    unknown format or set, a folder with something in it, and a picture that is missing from the store.
    """
    if format not in WRITERS:
        raise WinnowError(f"There is no format {format!r} to export to. There are: {', '.join(WRITERS)}.")
    if session.get(CuratedSet, set_number) is None:
        numbers = ", ".join(str(number) for number in session.scalars(select(CuratedSet.id).order_by(CuratedSet.id)))
        raise WinnowError(f"There is no curated set {set_number}. There are: {numbers or 'none yet'}.")
    items, erased = _items(session, set_number)
    _empty_folder(folder)
    WRITERS[format](folder, items, store)
    counted = Counter(item.split.value for item in items)
    return Exported(
        set=set_number,
        format=format,
        folder=str(folder),
        examples=len(items),
        splits={split.value: counted[split.value] for split in Split},
        erased=erased,
    )


def _items(session: Session, set_number: int) -> tuple[list[_Item], int]:
    """The members that are still here, in the set's order, and how many were erased."""
    rows = session.execute(
        select(SetMember, Submission.licence, Submission.drawn)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
        .where(SetMember.set_id == set_number)
        .order_by(SetMember.position)
    ).all()
    items = [
        _Item(
            name=f"{member.position + 1:06d}",
            example=member.example_id,
            image=member.image_sha256,
            mask=member.mask_sha256,
            skin=member.skin_sha256,
            split=member.split,
            licence=licence,
            drawn=bool(drawn),
        )
        for member, licence, drawn in rows
        if member.example_id is not None
    ]
    return items, len(rows) - len(items)


def _empty_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WinnowError(f"{folder} is not empty. Name a new folder: nothing is written over.")
    except OSError as error:
        raise WinnowError(f"{folder} can't be written to ({error.strerror}).") from None


# --- one writer a format ---------------------------------------------------------------------------------------------


def _write_folder(folder: Path, items: list[_Item], store: Store) -> None:
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


def _write_coco(folder: Path, items: list[_Item], store: Store) -> None:
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


def _annotation(number: int, mask: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [0, 0, 0, 0]
    if rows.size:
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "area": int((mask > 0).sum()),
        "bbox": [int(edge) for edge in box],  # x, y, width, height
        "segmentation": {"size": list(mask.shape), "counts": rle.to_string(rle.runs_of(mask))},
    }


def _write_hf(folder: Path, items: list[_Item], store: Store) -> None:
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


def _write_lfw_parts(folder: Path, items: list[_Item], store: Store) -> None:
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


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


WRITERS: dict[str, Callable[[Path, list[_Item], Store], None]] = {
    "folder": _write_folder,
    "coco": _write_coco,
    "hf": _write_hf,
    "lfw-parts": _write_lfw_parts,
}
