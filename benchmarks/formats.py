"""What becomes of a source's files: counts that must not change, and files of every kind thrown together.

    python benchmarks/formats.py counts ../shared/data/street ../shared/data/lfw-parts ../shared/data/figaro1k
    python benchmarks/formats.py thrown-together

`counts` ingests whole photos of each source into a temporary home, at most 200, with all that belongs to no photo. It prints
the counts and one hash of all crops in their order (photo, hair, skin): two versions of Winnow that print the same have read
the same pixels.

`thrown-together` lays 10,000 small files into one folder: photos, masks by all habits of naming, lists of every format, what
cameras and file managers leave, damaged pictures, links, pipes, nested folders, archives. It opens the folder by each format,
which has to account for every file, and ingests it as Winnow recognises it: that each file is in (with a photo or as a list),
refused, junk or not read, and in one of these only, is checked, or the command fails.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import base64
import gzip
import hashlib
import io
import json
import multiprocessing
import os
import resource
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pyarrow
import pyarrow.parquet
from sqlalchemy import select

from benchmarks.ingest import LIMITS, ingest_into
from benchmarks.machine import machine
from curator.formats import ADAPTERS, NotRead, RawPair, Refused, open_source
from curator.ingest.outcomes import Outcome, OutcomeFilter, list_outcomes
from curator.ingest.pipeline import IngestSummary
from curator.ingest.survey import survey
from curator.ingest.workers import kept, processes
from curator.pictures.meaning import decide
from db.errors import WinnowError
from db.session import open_database, reading
from db.settings import Settings
from db.tables import Example

LISTS = (".csv", ".json", ".jsonl", ".parquet", ".txt", ".xml")
PARTS = "CelebAMask-HQ-mask-anno/"  # whose pictures are lists, too: that one is there says what a face lacks


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    same = what.add_parser("counts")
    same.add_argument("sources", nargs="+", type=Path)
    same.add_argument("-n", type=int, default=200, help="photos from each source (200)")
    mixed = what.add_parser("thrown-together")
    mixed.add_argument("-n", type=int, default=10_000, help="files (10,000)")
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    if given.what == "counts":
        counts(given.sources, given.n)
    else:
        thrown_together(given.n)


# --- counts ----------------------------------------------------------------------------------------------------------


def counts(sources: Sequence[Path], count: int) -> None:
    """The table of counts and hashes, and what the masks of each source were taken to mean."""
    print(
        "| source | read as | photos | files | added | refused | remarks | not read | junk | hash of the crops |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    meanings = []
    for source in sources:
        with tempfile.TemporaryDirectory() as workspace, tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home))
            found = open_source(source, "auto", Path(workspace), LIMITS)
            items = list(first(found.items, count))
            with kept(processes(settings.store)) as workers:
                meaning = found.counted.meaning or decide(survey(items, workers, LIMITS))
                summary = ingest_into(settings, items, workers, "whole", meaning)
            hashed = hash_of_crops(settings)
        print(
            f"| {source.name} | {found.format} | {summary.seen:,} | {found.counted.files:,} | {summary.added:,} "
            f"| {summary.refusals:,} | {summary.remarked:,} | {summary.not_read:,} | {summary.junk:,} | `{hashed[:16]}` |",
            flush=True,
        )
        meanings.append(f"{source.name}: {meaning.words}.")
    print("\n" + "\n".join(meanings))


def first(items: Iterable[RawPair | Refused | NotRead], count: int) -> Iterator[RawPair | Refused | NotRead]:
    """The first photos of a source, and all that belongs to no photo."""
    for item in items:
        count -= isinstance(item, RawPair)
        if count >= 0 or not isinstance(item, RawPair):
            yield item


def hash_of_crops(settings: Settings) -> str:
    """One sha256 of all examples' pictures, in the order in which they came in."""
    engine = open_database(settings)
    wanted = select(Example.image_sha256, Example.mask_sha256, Example.skin_sha256).order_by(Example.id)
    with reading(engine) as session:
        rows = [list(row) for row in session.execute(wanted)]
    engine.dispose()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


# --- thrown together -------------------------------------------------------------------------------------------------


def thrown_together(count: int) -> None:
    """The table of what each format makes of the files, and of what an ingest made of them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder).resolve() / "source"
        laid = Pile(source).lay(count)
        print(f"{count:,} files and links of {len(laid)} kinds: {', '.join(laid)}.\n")
        print(
            "| read as | photos | in with photos | in as lists | refused | junk | not read | sum | files | seconds | MiB |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|"
        )
        for name in [each.name for each in ADAPTERS if each.name not in ("zip", "tar")]:
            print(alone(listed, source, name), flush=True)
        print(alone(ingested, source, "auto"), flush=True)


def alone(make: Any, source: Path, name: str) -> str:
    """A row that is made in a process of its own, because a peak of memory never falls."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        row: str = process.submit(make, source, name).result()
    return row


def listed(source: Path, name: str) -> str:
    """What a format makes of a source's files; no picture is opened."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as workspace:
        try:
            found = open_source(source, name, Path(workspace), LIMITS)
            items = list(found.items)
        except WinnowError as error:
            return f"| `{name}` | refused as a whole: {error} |{9 * ' |'}"
        return row_of(f"`{name}`", source, items, set(), found.counted.files, time.perf_counter() - began)


def ingested(source: Path, name: str) -> str:
    """What an ingest makes of a source's files."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as workspace, tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        found = open_source(source, name, Path(workspace), LIMITS)
        items = list(found.items)
        with kept(processes(settings.store)) as workers:
            summary = ingest_into(settings, items, workers, "whole", decide(survey(items, workers, LIMITS)))
        seconds = time.perf_counter() - began
        check_counts(summary, items)
        with reading(open_database(settings)) as session:
            refused = {file for _, file, _, _ in list_outcomes(session, OutcomeFilter(Outcome.refused))}
        return row_of(f"ingest, as `{found.format}`", source, items, refused, found.counted.files, seconds)


def check_counts(summary: IngestSummary, items: Sequence[RawPair | Refused | NotRead]) -> None:
    """Every item is in one of an ingest's counts."""
    junk = sum(isinstance(item, NotRead) and item.junk for item in items)
    not_read = sum(isinstance(item, NotRead) for item in items) - junk
    assert (summary.junk, summary.not_read) == (junk, not_read), summary
    assert summary.seen == len(items) - junk - not_read == summary.added + summary.already + summary.refusals, summary


def row_of(
    title: str,
    source: Path,
    items: Sequence[RawPair | Refused | NotRead],
    refused: set[str],
    counted: int,
    seconds: float,
) -> str:
    """The row of a table: how many files are in each class, when the photos called `refused` count as refused."""
    there = files_on_disk(source)
    photos = [item for item in items if isinstance(item, RawPair) and item.name not in refused]
    classes = {
        "photos": files_of(source, photos),
        "refused": {item.file for item in items if isinstance(item, Refused)}
        | files_of(source, [item for item in items if isinstance(item, RawPair) and item.name in refused])
        | files_of(source, [item for item in items if isinstance(item, Refused)]),
        "junk": {item.file for item in items if isinstance(item, NotRead) and item.junk},
        "not read": {item.file for item in items if isinstance(item, NotRead) and not item.junk},
    }
    classes["refused"] &= there - classes["photos"]  # rows of lists are refused, too: of files that are not there or in twice
    for name in there - set().union(*classes.values()):  # a link beside the file that it leads to counts as that one
        target = Path(os.path.realpath(source / name))
        if (source / name).is_symlink() and target.is_relative_to(source):
            for names in classes.values():
                names |= {name} if target.relative_to(source).as_posix() in names else set()
    lists = there - set().union(*classes.values())
    assert all(name.endswith(LISTS) or name.startswith(PARTS) for name in lists), sorted(lists)[:5]
    numbers = [len(classes["photos"]), len(lists), *(len(classes[each]) for each in ("refused", "junk", "not read"))]
    twice = [name for name, number in Counter(name for one in classes.values() for name in one).items() if number > 1]
    assert not twice, twice[:5]
    assert sum(numbers) == len(there) == counted, (numbers, len(there), counted)
    usage = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = " + ".join(f"{resource.getrusage(who).ru_maxrss / 1024:,.0f}" for who in usage if resource.getrusage(who).ru_maxrss)
    cells = [title, *(f"{number:,}" for number in (len(photos), *numbers, sum(numbers), counted)), f"{seconds:.1f}", peak]
    return f"| {' | '.join(cells)} |"


def files_on_disk(source: Path) -> set[str]:
    """All that lies below a source and is no folder: files, links, also those to folders, and pipes."""
    return {
        path.relative_to(source).as_posix()
        for folder, folders, files in os.walk(source)
        for path in (Path(folder, name) for name in (*folders, *files))
        if path.is_symlink() or not path.is_dir()
    }


def files_of(source: Path, items: Sequence[RawPair | Refused]) -> set[str]:
    """The files below a source that items name."""
    places = [
        place
        for item in items
        for place in (
            (item.place,) if isinstance(item, Refused) else (item.photo, item.mask, item.skin, item.unknown, item.annotation)
        )
    ]
    return {
        place.relative_to(source).as_posix() for place in places if isinstance(place, Path) and place.is_relative_to(source)
    }


NAMES = (  # of a photo's mask, by those who send them
    "{}.png", "{}_mask.png", "{}-mask.png", "{}_hair.png", "mask_{}.png", "{}.jpg.png", "{}_matte.png", "{}_alpha.png",
    "{}_seg.png", "{}_segmentation.png", "{}_label.png", "{}_class_hair.png", "{}-gt.png", "hair/{}.png", "{}.PNG", "{}.bmp",
)  # fmt: skip
SIDE = 64  # of a photo, in pixels
OUTLINE = [[0, 0], [SIDE, 0], [SIDE, 20], [0, 20]]
FLAT = [number for point in OUTLINE for number in point]


class Pile:
    """Files of every kind in one folder, a few of each kind for each number."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kinds: Counter[str] = Counter()
        self.names: list[str] = []  # of the photos in images/

    def lay(self, count: int) -> list[str]:
        """Lay this many files. Returns what was laid, in words."""
        number = 0
        while self.kinds.total() < count - 100:  # what is written once needs some
            self.photos(number)
            self.other_formats(number)
            self.around(number)
            if number % 10 == 0:
                self.bad(number)
            if number % 50 == 0:
                self.links_and_archives(number)
            number += 1
        self.lists()
        while self.kinds.total() < count:
            self.write("notes", f"notes/{number}/readme.md", b"words")
            number += 1
        return [f"{kind} ({there:,})" for kind, there in self.kinds.items()]

    def write(self, kind: str, name: str, content: bytes | str | dict[str, Any] | list[Any]) -> None:
        """Write a file, and count it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict | list):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.kinds[kind] += 1

    def photos(self, number: int) -> None:
        """A photo and its mask in images/ and masks/, and in folders further down; the names in many habits."""
        name = f"p{number:05}"
        self.names.append(f"{name}.jpg")
        self.write("photos", f"images/{name}.jpg", picture(number))
        mask = NAMES[number % len(NAMES)].format(name)
        self.write("masks", f"masks/{mask}", mask_of(number, Path(mask).suffix.lower()))
        if number % 4 == 0:
            self.write("masks of skin", f"masks/skin/{name}.png", mask_of(number + 1))
        way = "/".join(f"batch{depth}" for depth in range(number % 7))
        self.write("photos further down", f"more/{way}/img/d{number}.jpg", picture(number + 10**6))
        self.write("masks further down", f"more/{way}/gt/d{number}.png", mask_of(number))

    def other_formats(self, number: int) -> None:
        """A photo in the folders of each format that has a file or a mask for each photo."""
        name = f"{number:05}"
        photo, mask = picture(number + 2 * 10**6), mask_of(number)
        self.write("CelebAMask-HQ", f"CelebA-HQ-img/{number}.jpg", photo)
        for part in ("hair", "skin"):
            self.write("CelebAMask-HQ", f"{PARTS}{number // 2000}/{name}_{part}.png", mask)
        self.write("PASCAL VOC", f"JPEGImages/v{name}.jpg", picture(number + 3 * 10**6))
        self.write("PASCAL VOC", f"SegmentationClass/v{name}.png", mask)
        self.write("Supervisely", f"ds/img/s{name}.jpg", picture(number + 4 * 10**6))
        packed = base64.b64encode(zlib.compress(mask_of(number))).decode()
        shape = {"classTitle": "hair", "geometryType": "bitmap", "bitmap": {"origin": [0, 0], "data": packed}}
        about = {"size": {"height": SIDE, "width": SIDE}, "tags": [], "objects": [shape]}
        self.write("Supervisely", f"ds/ann/s{name}.jpg.json", about)
        self.write("Hugging Face", f"train/h{name}.jpg", picture(number + 5 * 10**6))
        self.write("Hugging Face", f"train/h{name}-mask.png", mask)
        shapes = [{"label": "hair", "points": OUTLINE, "shape_type": "polygon"}]
        about = {"shapes": shapes, "imagePath": f"../images/p{name}.jpg", "imageHeight": SIDE, "imageWidth": SIDE}
        self.write("labelme", f"labelme/p{name}.json", about)
        self.write("YOLO", f"labels/p{name}.txt", "0 0 0 1 0 1 0.3 0 0.3\n")
        self.write("MMSegmentation", f"img_dir/val/m{name}.jpg", picture(number + 6 * 10**6))
        self.write("MMSegmentation", f"ann_dir/val/m{name}.png", mask)
        self.write("FiftyOne", f"fifty/data/f{name}.jpg", picture(number + 7 * 10**6))
        self.write("FiftyOne", f"fifty/labels/f{name}.png", mask)

    def around(self, number: int) -> None:
        """What lies around photos."""
        ending = (".MOV", ".CR2", ".mp4", ".heic.txt", ".json", ".pdf", ".docx", "")[number % 8]
        self.write("beside photos", f"images/p{number:05}{ending or '-copy'}", b"x")
        ending = (".AAE", ".xmp", ".THM")[number % 3]
        self.write("junk of cameras", f"images/p{number:05}{ending}", b"<plist/>")
        junk = (".DS_Store", "Thumbs.db", "desktop.ini", f"__MACOSX/._{number}", f"._p{number}.jpg")[number % 5]
        self.write("junk of file managers", f"junk/{number}/{junk}", b"x")

    def bad(self, number: int) -> None:
        """Photos and masks with something wrong."""
        photo, mask = picture(number + 8 * 10**6), mask_of(number)
        for name, its_photo, its_mask in (
            ("cut", photo[: len(photo) // 2], mask),
            ("empty", b"", mask),
            ("words", b"<html>not found</html>", mask),
            ("shape", photo, mask_of(number, width=SIDE * 2)),
            ("white", photo, encode(np.full((SIDE, SIDE), 255, np.uint8))),
        ):
            self.write("damaged pairs", f"images/{name}{number}.jpg", its_photo)
            self.write("damaged pairs", f"masks/{name}{number}.png", its_mask)
        self.write("photos alone", f"images/alone{number}.jpg", picture(number + 9 * 10**6))
        self.write("masks alone", f"masks/lonely{number}.png", mask)

    def links_and_archives(self, number: int) -> None:
        """Links to everything, a pipe, and archives of pairs, also in archives."""
        there = self.root / "links"
        there.mkdir(exist_ok=True)
        for name, target in (("file", f"images/p{number:05}.jpg"), ("folder", "images"), ("out", "../.."), ("nowhere", "gone")):
            (there / f"{name}{number}").symlink_to(self.root / target)
            self.kinds["links"] += 1
        os.mkfifo(there / f"pipe{number}")
        self.kinds["pipes"] += 1
        pairs = {f"images/z{number}.jpg": picture(number + 10 * 10**6), f"masks/z{number}.png": mask_of(number)}
        inner = zipped(pairs)
        self.write("archives", f"archives/{number}.zip", inner)
        self.write("archives", f"archives/nested{number}.zip", zipped({"inner.zip": inner}))
        self.write("archives", f"archives/{number}.tar.gz", tarred(pairs))
        for ending in (".rar", ".7z", ".tar.bz2"):
            self.write("archives", f"archives/{number}{ending}", b"Rar!")

    def lists(self) -> None:
        """A list of each format, of the photos in images/."""
        size = {"width": SIDE, "height": SIDE}
        rows = [f"images/{name},masks/{Path(name).stem}.png,Ann\n" for name in self.names]
        self.write("lists", "manifest.csv", "image,mask,contributor\n" + "".join(rows))
        self.write("lists", "metadata.csv", "file_name,width\n" + "".join(f"{name},{SIDE}\n" for name in self.names))
        numbers = [(number, Path(name).stem) for number, name in enumerate(self.names)]
        lines = [
            json.dumps({"file_name": f"h{number:05}.jpg", "mask_file_name": f"h{number:05}-mask.png"}) for number, _ in numbers
        ]
        self.write("lists", "train/metadata.jsonl", "\n".join(lines))
        coco = {
            "images": [{"id": number, "file_name": f"{stem}.jpg", **size} for number, stem in numbers],
            "categories": [{"id": 1, "name": "hair"}],
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1, "segmentation": [FLAT]} for number, _ in numbers
            ],
        }
        self.write("lists", "annotations/instances_default.json", coco)
        self.write("lists", "annotations/captions_default.json", coco | {"annotations": [{"image_id": 0, "caption": "hair"}]})
        shape = f'<polygon label="hair" points="{";".join(f"{x},{y}" for x, y in OUTLINE)}" z_order="0"/>'
        images = [f'<image name="{name}" width="{SIDE}" height="{SIDE}">{shape}</image>' for name in self.names]
        self.write("lists", "annotations.xml", f"<annotations>{''.join(images)}</annotations>")
        percent = [[100 * x / SIDE, 100 * y / SIDE] for x, y in OUTLINE]
        drawn = {
            "type": "polygonlabels", "original_width": SIDE, "original_height": SIDE,
            "value": {"points": percent, "polygonlabels": ["hair"]},
        }  # fmt: skip
        tasks = [{"data": {"image": f"images/{name}"}, "annotations": [{"result": [drawn]}]} for name in self.names]
        self.write("lists", "tasks.json", tasks)
        xs, ys = ([point[axis] for point in OUTLINE] for axis in (0, 1))
        region = {
            "region_attributes": {"part": "hair"},
            "shape_attributes": {"name": "polygon", "all_points_x": xs, "all_points_y": ys},
        }
        via = {f"{name}1": {"filename": f"images/{name}", "size": 1, "regions": [region]} for name in self.names}
        self.write("lists", "via.json", via)
        self.write("lists", "meta.json", {"classes": [{"title": "hair", "shape": "bitmap"}], "tags": []})
        self.write("lists", "classes.txt", "hair\n")
        self.write("lists", "labelmap.txt", "background:0,0,0::\nhair:255,255,255::\n")
        self.write("lists", "ImageSets/Segmentation/train.txt", "".join(f"v{number:05}\n" for number, _ in numbers))
        self.write("lists", "parts_train.txt", "".join(f"Ann_Lee {number:04}\n" for number, _ in numbers))
        self.write("lists", "croissant.json", {"distribution": []})
        pictures = [{"bytes": picture(number + 11 * 10**6), "path": f"{number}.jpg"} for number in range(8)]
        masks = [{"bytes": mask_of(number), "path": f"{number}.png"} for number in range(8)]
        table, file = pyarrow.table({"image": pictures, "mask": masks}), io.BytesIO()
        pyarrow.parquet.write_table(table, file)
        self.write("lists", "data/train-00000-of-00001.parquet", file.getvalue())
        for name, content in (("README.md", "# words"), ("LICENSE", "words"), ("stray.json", "{"), ("stray.xml", "<a>")):
            self.write("notes", name, content)


def picture(number: int) -> bytes:
    """A small photo that looks like no other."""
    coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    return encode(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), ".jpg")


def mask_of(number: int, ending: str = ".png", width: int = SIDE) -> bytes:
    """A mask that is white at the top."""
    mask = np.zeros((SIDE, width), np.uint8)
    mask[: 8 + number % 20] = 255
    return encode(mask, ending)


def encode(pixels: np.ndarray, ending: str = ".png") -> bytes:
    """A picture's file."""
    return bytes(cv2.imencode(ending, pixels)[1])


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    """A tar.gz of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue())


if __name__ == "__main__":
    main()
