"""How fast pictures are ingested, and how much memory that takes.

    python benchmarks/ingest.py speed ../shared/data/street ../shared/data/lfw-parts
    python benchmarks/ingest.py survey ../shared/data/street ../shared/data/lfw-parts ../shared/data/figaro1k
    python benchmarks/ingest.py memory 1000 10000 100000

`speed` compares one process, the pool and Dask's local cluster with a naive script (read, detect, crop, write in a loop), and
with the bare cost: decoding, detection, cropping and encoding with the same functions as an ingest, and nothing else. The bare
cost is measured on one core, and in as many processes at once as there are cores. The latter is the most that this machine can
do, because cores share caches, memory or, as two threads of one core, arithmetic units. The start of processes counts in the
seconds, but not in the rate, which is that of the last two thirds. The home folders are created in TMPDIR. An ingest writes
five files per photo, and on some disks creating a file takes a millisecond: TMPDIR=/dev/shm shows the speed without the disk.

`survey` says what share of an ingest it takes to look at all masks first, to decide what their values mean: both in one run, by
the same processes, whose start counts in neither.

`memory` ingests that many small pictures, no two of which look alike. It prints the peak memory of the process that reads the
source and writes the rows, and of the largest of the worker processes.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from statistics import median
from typing import get_args

import cv2
import dlib
import numpy as np

from benchmarks.machine import machine
from curator.formats import NotRead, RawPair, Refused, mask_bytes, open_source, photo_bytes
from curator.ingest.pipeline import CropMode, IngestSummary, ingest
from curator.ingest.survey import survey
from curator.ingest.workers import CHUNK_SIZE, Workers, kept, processes
from curator.pictures.codec import encode_mask, encode_photo
from curator.pictures.crop import cut_mask, cut_photo, square_around_face
from curator.pictures.faces import choose_face, find_faces
from curator.pictures.meaning import Meaning, decide
from curator.pictures.pair import read_pair
from db.jobs import utc_now
from db.session import open_database
from db.settings import Limits, Settings
from db.store import Store

LIMITS = Limits()
ONE, ALL = "bare cost, one core", "bare cost, all cores at once"


@dataclass(frozen=True)
class Took:
    """The result of one way of ingesting pictures."""

    photos: int
    seconds: float  # in total
    rate: float  # photos per second, after the start


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    fast = what.add_parser("speed")
    fast.add_argument("sources", nargs="+", type=Path)
    fast.add_argument("-n", type=int, default=300, help="photos from each source (300)")
    fast.add_argument("--rounds", type=int, default=3, help="repetitions of all ways (3)")
    looked = what.add_parser("survey")
    looked.add_argument("sources", nargs="+", type=Path)
    looked.add_argument("-n", type=int, default=2000, help="photos from each source (2000)")
    looked.add_argument("--rounds", type=int, default=3, help="repetitions (3)")
    flat = what.add_parser("memory")
    flat.add_argument("counts", nargs="+", type=int)
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    if given.what == "speed":
        speed(given.sources, given.n, given.rounds)
    elif given.what == "survey":
        share_of_survey(given.sources, given.n, given.rounds)
    else:
        memory(given.counts)


# --- speed -----------------------------------------------------------------------------------------------------------


def speed(sources: Sequence[Path], count: int, rounds: int) -> None:
    """The table of photos a second: medians over rounds, each of which goes through all ways, and ratios within a round."""
    cores = processes("").count
    print(
        "| source | way | photos | seconds | photos a second | of bare cost x cores | of bare cost on all cores |\n"
        "|---|---|---|---|---|---|---|"
    )
    for source in sources:
        pairs = list(islice((item for item in items(source) if isinstance(item, RawPair)), count))
        ways: dict[str, Callable[[], Took]] = {
            ONE: lambda pairs=pairs: timed(pairs, bring_bare),
            ALL: lambda pairs=pairs: bare_on_all(pairs, cores),
            "naive script": lambda pairs=pairs: timed(pairs, naive),
            "one process": lambda pairs=pairs: brought(pairs, lambda store: processes(store, 1)),
            f"pool of {cores}": lambda pairs=pairs: brought(pairs, processes),
            f"Dask's local cluster, {cores} workers": lambda pairs=pairs: by_dask(pairs, cores),
        }
        took = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
        for name in ways:
            of_all = [
                (one[name].seconds, one[name].rate, one[name].rate / (one[ONE].rate * cores), one[name].rate / one[ALL].rate)
                for one in took
            ]
            seconds, rate, of_cores, of_most = map(median, zip(*of_all, strict=True))
            print(f"| {source.name} | {name} | {len(pairs):,} | {seconds:.1f} | {rate:.1f} | {of_cores:.2f} | {of_most:.2f} |")


def items(source: Path) -> Iterator[RawPair | Refused | NotRead]:
    """All pairs of a source, as an ingest reads them."""
    with tempfile.TemporaryDirectory() as workspace:
        yield from open_source(source, "auto", Path(workspace), LIMITS).items


def timed(pairs: Sequence[RawPair], one: Callable[[RawPair, Path], None]) -> Took:
    """Call a function on each pair in turn, in this process, with one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        one(pairs[0], Path(folder))  # initialises what is created only once
        began = time.perf_counter()
        for pair in pairs:
            one(pair, Path(folder))
        seconds = time.perf_counter() - began
    cv2.setNumThreads(threads)
    return Took(len(pairs), seconds, len(pairs) / seconds)


def bare_on_all(pairs: Sequence[RawPair], cores: int) -> Took:
    """The bare cost in one process per core, all at the same time, each with its share of the pairs."""
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        shares = [pairs[one::cores] for one in range(cores)]
        parts = list(pool.map(partial(timed, one=bring_bare), shares))
    return Took(len(pairs), max(part.seconds for part in parts), sum(part.rate for part in parts))


def bring_bare(pair: RawPair, folder: Path) -> None:
    """Decode, detect, crop and encode the photo and each of its masks, and nothing else."""
    found = read_pair(photo_bytes(pair, LIMITS), mask_bytes(pair, LIMITS), LIMITS)
    face, _ = choose_face(find_faces(found.photo, found.hair), found.hair)
    if face is not None:
        square = square_around_face(face.box, face.rotation)
        encode_photo(cut_photo(found.photo, square))
        encode_mask(cut_mask(found.hair, square))
        if found.skin is not None:
            encode_mask(cut_mask(found.skin, square))


def naive(pair: RawPair, folder: Path) -> None:
    """What a script of twenty lines would do: no orientation, colour profiles, signals, store or rows."""
    photo, mask = cv2.imread(str(pair.photo)), cv2.imread(str(pair.mask), cv2.IMREAD_GRAYSCALE)
    assert photo is not None
    assert mask is not None
    for box in _detector()(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), 0)[:1]:
        middle, half = box.center(), int(1.4 * box.width())
        top, left = max(middle.y - half, 0), max(middle.x - half, 0)
        for name, picture in (("photo", photo), ("mask", mask)):
            crop = cv2.resize(picture[top : middle.y + half, left : middle.x + half], (512, 512))
            cv2.imwrite(str(folder / f"{Path(pair.name).stem}-{name}.png"), crop)


@cache
def _detector() -> Callable[..., Sequence[dlib.rectangle]]:
    return dlib.get_frontal_face_detector()


def brought(pairs: Sequence[RawPair], workers: Callable[[str], Workers], cut: CropMode = "face") -> Took:
    """An ingest into a new home."""
    with tempfile.TemporaryDirectory(prefix="winnow-ingest-") as home:
        settings = Settings(home=Path(home))
        marks: list[tuple[float, int]] = []

        def on_progress(summary: IngestSummary) -> None:
            marks.append((time.perf_counter(), summary.seen))

        began = time.perf_counter()
        summary = ingest_into(settings, pairs, workers(settings.store), cut, on_progress=on_progress)
        seconds = time.perf_counter() - began
    assert summary.added, summary
    (last, after) = marks[-1]
    (first, before) = next(mark for mark in marks if mark[1] >= after / 3)  # all processes have started by then
    return Took(summary.seen, seconds, (after - before) / (last - first))


def ingest_into(
    settings: Settings,
    items: Iterable[RawPair | Refused | NotRead],
    workers: Workers,
    cut: CropMode,
    meaning: Meaning | None = None,
    on_progress: Callable[[IngestSummary], None] = lambda summary: None,
) -> IngestSummary:
    """Ingest into a home."""
    engine = open_database(settings)
    try:
        return ingest(
            items, adapter="folder", location="benchmark", engine=engine, store=Store(settings.store), workers=workers,
            clock=utc_now, limits=LIMITS, secret=b"", meaning=meaning, cut=cut, on_progress=on_progress,
        )  # fmt: skip
    finally:
        engine.dispose()


def by_dask(pairs: Sequence[RawPair], cores: int) -> Took:
    """An ingest by the workers of a local cluster, one process each."""
    from distributed import Client, KilledWorker, LocalCluster

    with (
        LocalCluster(n_workers=cores, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(cv2.setNumThreads, 1)
        return brought(
            pairs,
            lambda store: Workers(
                lambda count: client.get_executor(pure=False), cores, store, extra_crash_errors=(KilledWorker,)
            ),
        )


# --- survey -----------------------------------------------------------------------------------------------------------


def share_of_survey(sources: Sequence[Path], count: int, rounds: int) -> None:
    """The table of what the survey takes: medians over rounds, and the highest share."""
    print(
        "| source | crop | photos | survey, s | ms a mask | ingest with it, s | the survey's share, % | highest |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for source in sources:
        pairs = list(islice((item for item in items(source) if isinstance(item, RawPair)), count))
        for cut in get_args(CropMode):
            took = [surveyed(pairs, cut) for _ in range(rounds)]
            shares = [100 * looked / whole for looked, whole in took]
            looked, whole = map(median, zip(*took, strict=True))
            print(
                f"| {source.name} | {cut} | {len(pairs):,} | {looked:.2f} | {1000 * looked / len(pairs):.2f} | {whole:.1f} "
                f"| {median(shares):.1f} | {max(shares):.1f} |",
                flush=True,
            )


def surveyed(pairs: Sequence[RawPair], cut: CropMode) -> tuple[float, float]:
    """The seconds of the survey, and those of the whole ingest with it, by processes that have begun."""
    with (
        tempfile.TemporaryDirectory(prefix="winnow-ingest-") as warm,
        tempfile.TemporaryDirectory(prefix="winnow-ingest-") as home,
    ):
        settings = Settings(home=Path(home))
        with kept(processes(settings.store)) as workers:
            first = pairs[: CHUNK_SIZE * workers.count]
            survey(first, workers, LIMITS)
            ingest_into(Settings(home=Path(warm)), first, replace(workers, store=Settings(home=Path(warm)).store), cut)
            began = time.perf_counter()
            meaning = decide(survey(pairs, workers, LIMITS))
            looked = time.perf_counter() - began
            summary = ingest_into(settings, pairs, workers, cut, meaning)
            whole = time.perf_counter() - began
    assert summary.added, summary
    return looked, whole


# --- memory ----------------------------------------------------------------------------------------------------------


def memory(counts: Sequence[int]) -> None:
    """The table of peaks: each count in a process of its own, because a peak never falls."""
    print("| pictures | photos a second | reads and writes, MiB | looks at pictures, MiB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder)
        with ThreadPoolExecutor() as executor:
            list(executor.map(partial(draw, drawn), range(max(counts))))
        for count in counts:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                rate, own, theirs = alone.submit(peak, drawn, count).result()
            print(f"| {count:,} | {rate:.0f} | {own:,.0f} | {theirs:,.0f} |", flush=True)


def draw(folder: Path, number: int) -> None:
    """Write a small picture that looks like no other, and its mask."""
    rng = np.random.default_rng(number)
    photo = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((64, 64), np.uint8)
    mask[: 8 + number % 40] = 255
    cv2.imwrite(str(folder / f"{number}.jpg"), photo)
    cv2.imwrite(str(folder / f"{number}.png"), mask)


def peak(folder: Path, count: int) -> tuple[float, float, float]:
    """Ingest that many uncropped: photos per second, and the peak memory of this and of the largest child process in MiB."""
    pairs = (RawPair(f"{number}.jpg", folder / f"{number}.jpg", folder / f"{number}.png") for number in range(count))
    took = brought(pairs, processes, "whole")  # type: ignore[arg-type]
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, theirs = (resource.getrusage(who).ru_maxrss / 1024 for who in of)
    return took.rate, own, theirs


if __name__ == "__main__":
    main()
