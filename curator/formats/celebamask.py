"""CelebAMask-HQ: `CelebA-HQ-img/0.jpg`, and a picture for each part, `CelebAMask-HQ-mask-anno/0/00000_hair.png`."""

from pathlib import Path

from curator.formats.locations import write_file
from curator.formats.members import Fact, masks_of
from curator.formats.pairs import HAIR, SetItem
from curator.pictures.codec import encode_mask
from db.store import Store
from db.tables import Split

KEEPS = frozenset({Fact.bald, Fact.skin, Fact.unknown, Fact.splits})
PARTITIONS = {Split.train: 0, Split.validation: 1, Split.test: 2}  # as CelebA's list_eval_partition.txt numbers them
PER_FOLDER = 2000  # photos whose parts share a folder


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write photos and parts numbered from 0, and the two lists that give CelebA's splits.

    A photo without hair has a black part; the part `unknown` is not CelebA's. Returns how many soft masks were cut at half.
    """
    soft = 0
    mapping, partition = ["idx orig_idx orig_file\n"], []
    for number, item in enumerate(items):
        masks = masks_of(item, store)
        soft += masks.soft
        write_file(folder / "CelebA-HQ-img" / f"{number}.jpg", store.get(item.image))
        parts = folder / "CelebAMask-HQ-mask-anno" / str(number // PER_FOLDER)
        for label, mask in masks.cut().labelled:
            if label == HAIR or mask.any():
                write_file(parts / f"{number:05d}_{label}.png", encode_mask(mask))
        mapping.append(f"{number} {number} {number + 1:06d}.jpg\n")
        partition.append(f"{number + 1:06d}.jpg {PARTITIONS[item.split]}\n")
    write_file(folder / "CelebA-HQ-to-CelebA-mapping.txt", "".join(mapping).encode())
    write_file(folder / "list_eval_partition.txt", "".join(partition).encode())
    return soft
