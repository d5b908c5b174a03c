"""PASCAL VOC, as CVAT's "Segmentation mask 1.1" has it: class maps with a palette, `labelmap.txt`, and a list per split."""

from pathlib import Path

from curator.formats.locations import write_file
from curator.formats.members import CLASS_COLOURS, Fact, masks_of
from curator.formats.pairs import SetItem
from curator.pictures.codec import encode_palette
from db.store import Store
from db.tables import Split

KEEPS = frozenset({Fact.bald, Fact.skin, Fact.unknown, Fact.splits})
LISTS = {Split.train: "train.txt", Split.validation: "val.txt", Split.test: "test.txt"}


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `JPEGImages/`, `SegmentationClass/` (1 hair, 2 skin, 255 unknown), `labelmap.txt` and `ImageSets/Segmentation/`.

    Returns how many soft masks were cut at half.
    """
    soft = 0
    colours = {int(number): colour for number, colour in CLASS_COLOURS.items()}
    for item in items:
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "JPEGImages" / f"{item.name}.jpg", store.get(item.image))
        write_file(folder / "SegmentationClass" / f"{item.name}.png", encode_palette(masks.class_map(), colours))
    rows = [f"{number.name}:{','.join(map(str, colour))}::\n" for number, colour in CLASS_COLOURS.items()]
    write_file(folder / "labelmap.txt", "".join(["# label:color_rgb:parts:actions\n", *rows]).encode())
    for split, name in LISTS.items():
        listed = "".join(f"{item.name}\n" for item in items if item.split is split)
        write_file(folder / "ImageSets" / "Segmentation" / name, listed.encode())
    return soft
