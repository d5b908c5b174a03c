"""MMSegmentation's folders: `img_dir/train/` and `ann_dir/train/`, where a mask's pixels are class numbers, 255 left out."""

import json
from pathlib import Path

from curator.formats.locations import write_file
from curator.formats.members import CLASS_COLOURS, Class, Fact, masks_of
from curator.formats.pairs import SetItem
from curator.pictures.codec import encode_mask
from db.store import Store
from db.tables import Split

KEEPS = frozenset({Fact.bald, Fact.skin, Fact.unknown, Fact.splits})
FOLDERS = {Split.train: "train", Split.validation: "val", Split.test: "test"}


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `img_dir/` and `ann_dir/` with a folder per split, and `metainfo.json` for a dataset's METAINFO.

    Returns how many soft masks were cut at half.
    """
    soft = 0
    for item in items:
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "img_dir" / FOLDERS[item.split] / f"{item.name}.jpg", store.get(item.image))
        write_file(folder / "ann_dir" / FOLDERS[item.split] / f"{item.name}.png", encode_mask(masks.class_map()))
    classes = [each for each in Class if each is not Class.unknown]
    meta = {
        "classes": [each.name for each in classes],
        "palette": [CLASS_COLOURS[each] for each in classes],
        "ignore_index": int(Class.unknown),
        "img_suffix": ".jpg",
        "seg_map_suffix": ".png",
    }
    write_file(folder / "metainfo.json", json.dumps(meta, indent=1).encode())
    return soft
