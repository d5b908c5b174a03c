"""The smallest examples in the docs are read as they stand there, and the table of formats is what the formats declare."""

import re
from pathlib import Path

import numpy as np
import pytest

from curator.formats import ADAPTERS, WRITERS, Fact, RawPair, mask_bytes, open_source
from curator.pictures.codec import encode_mask
from db.settings import Limits
from tests.curator.encoded import read_labels
from tests.curator.formats.test_supervisely import SHAPE

PAGE = (Path(__file__).parents[3] / "docs/data-formats.md").read_text()
LIMITS = Limits()


def examples(format: str) -> list[str]:
    """The blocks of a format's example."""
    after = PAGE.split("## The smallest example of each")[1].split(f"\n`{format}`:")[1]
    return re.findall(r"```\n(.*?)```", re.split(r"\n`[a-z-]+`:|\n## ", after)[0], re.DOTALL)


def files(block: str) -> dict[str, str]:
    """A block that names files, with what is in them."""
    rows: dict[str, str] = {}
    for line in block.splitlines():
        if line.startswith(" "):
            rows[list(rows)[-1]] += line.strip()
        else:
            name, _, content = line.partition(" ")
            rows[name] = content.strip()
    return rows


# Blocks that are what one file says, by number; the others name their files.
LAID_OUT: dict[str, dict[str, int]] = {
    "folder": {},
    "manifest": {"manifest.csv": 0},
    "coco": {"a.json": 0},
    "label-studio": {"tasks.json": 0},
    "cvat": {"annotations.xml": 0},
    "labelme": {},
    "via": {"via.json": 0},
    "yolo": {},
    "hf": {},
    "celebamask": {},
    "voc": {},
    "supervisely": {},
    "lfw-parts": {},
}


@pytest.mark.parametrize("format", LAID_OUT)
def test_the_example_of_a_format_comes_in(tmp_path: Path, format: str) -> None:
    blocks = examples(format)
    laid = {name: blocks[number] for name, number in LAID_OUT[format].items()} or files(blocks[0])
    mask = encode_mask(np.eye(3, 4, dtype=np.uint8) * np.uint8(255))
    beside = {} if format == "lfw-parts" else {"images/a.jpg": "", "masks/a.png": ""}
    for name, content in {**beside, **laid}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        bitmap = str(SHAPE["bitmap"]["data"])
        file.write_bytes(
            mask if name.endswith((".png", ".jpg")) else content.replace("base64 of a PNG packed by zlib", bitmap).encode()
        )
    (tmp_path / "work").mkdir()
    found = open_source(tmp_path, "auto", tmp_path / "work", LIMITS)
    assert found.format == format
    (pair,) = [item for item in found.items if isinstance(item, RawPair)]
    assert read_labels(mask_bytes(pair, LIMITS), LIMITS).hair.any()


def table_of_formats() -> str:
    """The table that the docs have to hold, as Markdown."""
    rows = ["| format | read | written | keeps | loses |", "|---|---|---|---|---|"]
    read = [each.name for each in ADAPTERS]
    for name in dict.fromkeys([*read, *WRITERS]):
        keeps = loses = ""
        if name in WRITERS:
            lost = WRITERS[name].loses
            keeps = ", ".join(fact for fact in Fact if fact in WRITERS[name].keeps) if lost else "everything"
            loses = ", ".join(lost) or "nothing"
        is_read = "yes" if name in read else f"as `{WRITERS[name].read_as}`"
        rows.append(f"| `{name}` | {is_read} | {'yes' if name in WRITERS else 'no'} | {keeps} | {loses} |")
    return "\n".join(rows)


def test_the_table_of_formats_is_what_they_declare() -> None:
    assert table_of_formats() in PAGE, f"Put this table into docs/data-formats.md:\n\n{table_of_formats()}"
