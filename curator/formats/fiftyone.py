"""FiftyOne's ImageSegmentationDirectory: `data/` and `labels/`, where a mask's pixels are class numbers."""

import json
from pathlib import Path

from curator.formats.locations import write_file
from curator.formats.members import Class, Fact, masks_of
from curator.formats.pairs import SetItem
from curator.pictures.codec import encode_mask
from db.store import Store

KEEPS = frozenset(Fact) - {Fact.soft}


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `data/`, `labels/` (1 hair, 2 skin, 255 unknown) and `metadata.json`.

    That says what the numbers mean, and what is known of each sample. Returns how many soft masks were cut at half.
    """
    soft = 0
    samples = {}
    for item in items:
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "data" / f"{item.name}.jpg", store.get(item.image))
        write_file(folder / "labels" / f"{item.name}.png", encode_mask(masks.class_map()))
        samples[item.name] = {"tags": [item.split.value], **item.about}
    content = {"mask_targets": {str(int(each)): each.name for each in Class}, "samples": samples}
    write_file(folder / "metadata.json", json.dumps(content, indent=1).encode())
    return soft
