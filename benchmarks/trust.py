"""What a stranger can do to Winnow, tried out.

    python benchmarks/trust.py files --count 10000
    python benchmarks/trust.py kills SOURCE         # of the app and PostgreSQL under reviewers, of an ingest and a training
    python benchmarks/trust.py reviewers            # fifty for ten minutes, the app killed every minute
    python benchmarks/trust.py erase

`files` makes a tiny source of each format, damages it at random and ingests its pairs, but for the rows: bytes are flipped,
cut, repeated and moved, numbers become huge, files become pipes, links and folders. A crash is any error that is no sentence
for people, and any process that dies. An escape is anything that was written or changed outside the folders that an ingest
may write to. The peak memory is that of the largest process. A case's number makes the same case again (`--first`).

`kills` and `reviewers` (benchmarks/kills.py) send what is not acknowledged again, as the page does, and compare what was
acknowledged with what is stored. `erase` (benchmarks/erase.py) names a person everywhere, erases them and searches every byte.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import csv
import json
import os
import random
import re
import resource
import shutil
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
from PIL import Image

from benchmarks import kills
from benchmarks.erase import left_behind
from benchmarks.machine import machine
from curator.formats import WRITERS, RawPair, SetItem, open_source
from curator.ingest.pipeline import Examined, examine
from curator.ingest.workers import map_in_order, processes
from curator.pictures.codec import encode_mask, encode_photo
from db.errors import WinnowError
from db.settings import Limits
from db.store import Store
from db.tables import Split

LIMITS = Limits()
DATABASES = ("sqlite", "postgresql")
HUGE = (b"0", b"-1", b"99999", b"2147483648", b"1e308", b"99999999999999999999", b"NaN")


def main() -> None:
    """Run one of the attacks, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    fuzz = what.add_parser("files", help="damaged files and lists")
    fuzz.add_argument("--count", type=int, default=10_000, help="cases (10,000)")
    fuzz.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    killing = what.add_parser("kills", help="kill -9 of the app, PostgreSQL, an ingest and a training")
    killing.add_argument("source", help="what is ingested, such as a folder of a hundred pairs or more")
    killing.add_argument("--seconds", type=float, default=120, help="of the reviewers' work on each database (120)")
    team = what.add_parser("reviewers", help="a team while the app is killed every minute")
    team.add_argument("--count", type=int, default=50, help="reviewers (50)")
    team.add_argument("--seconds", type=float, default=600, help="of work on each database (600)")
    team.add_argument("--rate", type=float, default=0.5, help="verdicts a second from each reviewer (0.5)")
    team.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    erasing = what.add_parser("erase", help="a person who is named everywhere")
    erasing.add_argument("--size", type=int, default=4000, help="other people's photos (4,000)")
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    if given.what == "files":
        files(range(given.first, given.first + given.count))
    elif given.what == "kills":
        kill_everything(given.source, given.seconds)
    elif given.what == "reviewers":
        rows = [kills.reviewers(one, given.count, given.seconds, given.rate, 60.0) for one in given.databases]
        print_kills(rows)
    else:
        print("| place | before | after |\n|---|---|---|")
        for place, (before, after) in left_behind(given.size).items():
            print(f"| {place} | {before:,} | {after:,} |")


# --- kills -----------------------------------------------------------------------------------------------------------


def kill_everything(source: str, seconds: float) -> None:
    """The table of what survived the kills of each process on each database."""
    rows = []
    for database in DATABASES:
        rows.append(kills.reviewers(database, 10, seconds, 2.0, 5.0, examples=5000))
        rows.append(kills.ingest(database, source, kills=8))
        rows.append(kills.training(database, kills=4, epochs=6))
    rows.append(kills.reviewers("postgresql", 10, seconds, 2.0, 8.0, victim="postgresql", examples=5000))
    print_kills(rows)


def print_kills(rows: list[dict[str, Any]]) -> None:
    columns = ("killed", "database", "kills", "acknowledged", "stored", "lost", "doubled", "saves", "saves_lost")
    columns += ("saves_sent_twice", "refused", "p50", "p99", "check", "losses_apart")
    print(f"| {' | '.join(column.replace('_', ' ') for column in columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(row.get(column, '')) for column in columns)} |")
    for row in rows:
        for refusal in row.get("first_refusals", []):
            print(f"{row['killed']}, {row['database']}: {refusal}")


# --- files -----------------------------------------------------------------------------------------------------------


def files(cases: range) -> None:
    """The table of what became of damaged sources, format by format."""
    with tempfile.TemporaryDirectory(prefix="winnow-trust-") as folder:
        samples = Path(folder) / "samples"
        formats = make_samples(samples)
        began = time.perf_counter()
        work = partial(attack, samples=samples, formats=formats, room=Path(folder) / "room")
        told = [
            (formats[case % len(formats)], outcome)
            for case, outcome in zip(cases, map_in_order(processes(""), work, cases, died), strict=True)
        ]
        seconds = time.perf_counter() - began
    print("| format | cases | added | refused | one sentence | crashes | escapes |\n|---|---|---|---|---|---|---|")
    counts = Counter((format, outcome.partition(":")[0]) for format, outcome in told)
    columns = ("added", "refused", "sentence", "crash", "escape")
    for format in formats:
        row = [counts[format, column] for column in columns]
        print(f"| {format} | {sum(row):,} | {' | '.join(f'{count:,}' for count in row)} |")
    total = [sum(counts[format, column] for format in formats) for column in columns]
    print(f"| all | {sum(total):,} | {' | '.join(f'{count:,}' for count in total)} |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\n{seconds:.0f} s; the largest process took {peak:,.0f} MiB.")
    for case, (format, outcome) in zip(cases, told, strict=True):
        if outcome.startswith(("crash", "escape")):
            print(f"case {case}, {format}: {outcome}")


def died(case: int) -> str:
    """The outcome of a case that killed its process, or took it a minute."""
    return f"crash: its process died over case {case}"


def make_samples(folder: Path) -> list[str]:
    """Write a tiny source of each format, a folder each; the names of the formats, sorted."""
    with tempfile.TemporaryDirectory() as home:
        store, items = Store(home), []
        for number in range(3):
            rng = np.random.default_rng(number)
            photo = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
            mask = np.zeros((64, 64), np.uint8)
            cv2.circle(mask, (30, 25), 12 + number, 255, -1)
            image, hair = store.put(encode_photo(np.asarray(photo, np.uint8))), store.put(encode_mask(mask))
            items.append(
                SetItem(f"{number}", number + 1, image, hair, None, Split.train, "CC0", drawn=False, inside=(0, 0, 64, 64))
            )
        for format, writer in WRITERS.items():
            (folder / format).mkdir(parents=True)
            writer.write(folder / format, items, store)
    rows = list(csv.DictReader((folder / "folder" / "manifest.csv").open(encoding="utf-8")))
    for format in ("csv", "jsonl", "parquet", "pairs"):
        shutil.copytree(folder / "folder", folder / format)
        if format != "csv":
            (folder / format / "manifest.csv").unlink()
    (folder / "jsonl" / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "parquet" / "manifest.parquet")
    shutil.rmtree(folder / "folder")
    (folder / "coco-shapes").mkdir()
    shutil.copytree(folder / "coco" / "images", folder / "coco-shapes" / "images")
    content = json.loads((folder / "coco" / "train.json").read_text())
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[5, 5, 40.5, 8, 33, 50], [10, 10, 20, 10, 20, 20, 10, 20]]
    (folder / "coco-shapes" / "train.json").write_text(json.dumps(content))
    (folder / "pictures" / "masks").mkdir(parents=True)
    (folder / "pictures" / "images").mkdir()
    for kind in ("bmp", "gif", "tiff", "webp", "avif", "png", "ppm", "heif"):
        source = Image.open(folder / "pairs" / "images" / "0.jpg")
        (source.convert("P") if kind in ("gif", "png") else source).save(
            folder / "pictures" / "images" / f"{kind}.{kind}", kind
        )
        shutil.copy(folder / "pairs" / "masks" / "0.png", folder / "pictures" / "masks" / f"{kind}.png")
    for format in ("pairs", "supervisely"):
        (folder / f"zip-{format}").mkdir()
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            with zipfile.ZipFile(folder / f"zip-{format}" / f"{method}.zip", "w", method) as archive:
                for path in sorted((folder / format).rglob("*")):
                    archive.write(path, path.relative_to(folder / format))
    return sorted(each.name for each in folder.iterdir())


def attack(case: int, samples: Path, formats: list[str], room: Path) -> str:
    """Damage a copy of a sample at random and ingest it: added, refused, sentence, "crash: ..." or "escape: ..."."""
    rng, format = random.Random(case), formats[case % len(formats)]
    own = room / str(case)
    source, workspace, home = own / "source", own / "workspace", own / "home"
    shutil.copytree(samples / format, source)
    workspace.mkdir()
    home.mkdir()
    (own / "outside.jpg").write_bytes(b"secret")
    for _ in range(rng.choice((1, 1, 2, 5))):
        damage(rng, source, own / "outside.jpg")
    before = seen(own, workspace, home)
    place = rng.choice(sorted(source.iterdir())) if format.startswith("zip") else source
    try:
        outcome = ingested(place, workspace, Store(str(home)))
    except WinnowError:
        outcome = "sentence"
    except Exception as error:
        outcome = f"crash: {type(error).__name__}: {error}"[:200]
    if seen(own, workspace, home) != before:
        outcome = "escape: the files outside have changed"
    shutil.rmtree(own)
    return outcome


def ingested(place: Path, workspace: Path, store: Store) -> str:
    """Whether all pairs of a source could be added. Raises what an ingest raises."""
    outcomes = [
        examine(item, store_url=store.url, limits=LIMITS, cut="whole") if isinstance(item, RawPair) else item
        for item in open_source(place, "auto", workspace, LIMITS).items
    ]
    return "added" if all(isinstance(each, Examined) for each in outcomes) else "refused"


def seen(own: Path, *but: Path) -> dict[str, tuple[int, int]]:
    """Every file of a case with its size and time, but for folders that an ingest may write to."""
    found = {}
    for above, folders, names in os.walk(own):
        folders[:] = [name for name in folders if Path(above, name) not in but]
        for name in (*folders, *names):
            about = Path(above, name).lstat()
            found[os.path.join(above, name)] = (about.st_size, about.st_mtime_ns)  # noqa: PTH118
    return found


def damage(rng: random.Random, source: Path, outside: Path) -> None:
    """Change one file of a source, rather a list than a picture."""
    paths = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    if not paths:
        return
    lists = [path for path in paths if path.suffix not in (".jpg", ".png")]
    path = rng.choice(lists if lists and rng.random() < 0.7 else paths)
    if rng.random() < 0.05:
        path.unlink()
        rng.choice((os.mkfifo, Path.mkdir, lambda there: there.symlink_to(outside), lambda there: there.symlink_to(there)))(
            path
        )
        return
    data = bytearray(path.read_bytes())
    if data:
        rng.choice(CHANGES)(rng, data)
    path.write_bytes(data)


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 3, 20))):
        data[rng.randrange(len(data))] = rng.choice((0, 255, 127, 128, rng.randrange(256)))


def _cut(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    del data[start : rng.choice((len(data), start + rng.randrange(1, 50)))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.randrange(1, 200)] * rng.choice((1, 2, 100))


def _move(rng: random.Random, data: bytearray) -> None:
    start, to = rng.randrange(len(data)), rng.randrange(len(data))
    part = data[start : start + rng.randrange(1, 30)]
    data[to : to + len(part)] = part


def _number(rng: random.Random, data: bytearray) -> None:
    found = list(re.finditer(rb"\d+", data))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice(HUGE)


def _climb(rng: random.Random, data: bytearray) -> None:
    found = list(re.finditer(rb"images|masks|img|ann", data))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice((b"../../x", b"/tmp", b"..//..", b"..", b"\\..\\..\\"))[
            : one.end() - one.start()
        ]


CHANGES: list[Callable[[random.Random, bytearray], None]] = [_flip, _flip, _cut, _repeat, _move, _number, _climb]


if __name__ == "__main__":
    main()
