"""How long others wait to write while one person is erased, and what is left of that person in every byte afterwards.

    python benchmarks/erase.py [--sizes 1000 4000 16000] [--json]

A size is the number of other people's photos; each has a mask and a refusal of its own, and there is a job for every twenty.
The person has twenty photos. *locked*: the longest writing transaction of the erasure, in milliseconds, the best of three
people. *purge*: the database's file is written anew, and others' writes wait; it grows with the file. *whole*: the whole
erasure, with its search of every byte. The ratio is the largest size's *locked* over the smallest's.

Then a person is erased who is named in every place there is, leftovers of killed ingests included: *named* are the finds of
the name and of hashes and bytes of the photos before and after, by a search that shares no code with the erasure's own. It
exits 1 if the ratio exceeds 3, or if anything is left.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import hashlib
import json
import os
import tempfile
import time
from datetime import timedelta

from sqlalchemy import Connection, Engine, event, insert

from curator.ingest.bars import Bars
from curator.upkeep.erase import erase, request_for
from curator.upkeep.receipt import Receipt
from db.jobs import utc_now
from db.purge import purge
from db.secret import home_secret
from db.session import open_database, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, CuratedSet, Job, JobState, Refusal, Source, Submission

THEIRS = 20  # photos of a person who is erased
PEOPLE = 3  # who are erased, one after another
MOST = 3.0  # the ratio that passes


def main() -> None:
    """Print a line per size, or everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="winnow-") as home:
            found.append({"size": size, **measured(Path(home), size)})
        if not options.json:
            line = "{size:>8,} photos of others: locked {locked:7.1f} ms, purge {purge:7.1f} ms, whole {whole:9.1f} ms"
            print(line.format(**found[-1]))
    ratio = found[-1]["locked"] / found[0]["locked"]
    named = left_behind(options.sizes[0])
    print(
        json.dumps({"sizes": found, "ratio": ratio, "named": named})
        if options.json
        else f"locked grows by a factor of {ratio:.2f}\n"
        + "\n".join(f"{place:>10}: named {before:>5} times before, {after} after" for place, (before, after) in named.items())
    )
    sys.exit(ratio > MOST or any(after for _, after in named.values()))


def measured(home: Path, size: int) -> dict[str, float]:
    """Milliseconds, with that many photos of others."""
    settings = Settings(home=home)
    engine, store = open_database(settings), Store(settings.store)
    fill(engine, store, size)
    locked, whole, purged = [], [], []
    for number in range(PEOPLE):
        held = transactions(engine)
        began = time.perf_counter()
        erase_person(engine, store, settings, f"Person {number}")
        whole.append(1000 * (time.perf_counter() - began))
        locked.append(max(held))
        began = time.perf_counter()
        purge(engine, [])
        purged.append(1000 * (time.perf_counter() - began))
    engine.dispose()
    return {"locked": min(locked), "purge": min(purged), "whole": min(whole)}


def erase_person(engine: Engine, store: Store, settings: Settings, name: str) -> Receipt:
    """What `erase --contributor NAME` does, without its job."""
    with reading(engine) as session:
        request = request_for(session, Bars(home_secret(settings.home.resolve())), "contributor", name)
    assert request is not None
    return erase(engine, store, settings, request, "a benchmark", utc_now())


def left_behind(size: int) -> dict[str, tuple[int, int]]:
    """How often a person is named before and after the erasure, by place; beside that many photos of others."""
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        settings = Settings(home=Path(folder))
        engine, store = open_database(settings), Store(settings.store)
        fill(engine, store, size)
        name, photos = "Person 0", [f"photo {number}" for number in range(THEIRS)]
        sought = [b"person 0", b"person_0"]
        sought += [hashlib.sha256(photo.encode()).hexdigest().encode() for photo in photos]
        scatter(settings, engine, photos[0].encode())
        before = finds(settings, sought, [photo.encode() for photo in photos])
        receipt = erase_person(engine, store, settings, name)
        assert receipt.complete, receipt.text()
        after = finds(settings, sought, [photo.encode() for photo in photos])
        engine.dispose()
    return {place: (before[place], after[place]) for place in before}


def scatter(settings: Settings, engine: Engine, photo: bytes) -> None:
    """Name the person in a set's note, a job, a log, a run and an upload; and leave what a killed ingest does."""
    now = utc_now() - timedelta(hours=1)  # so that what it left is old
    with writing(engine) as session:
        session.add(CuratedSet(hash="0" * 64, note="without Person 0", frozen_at=now))
        job = {"kind": "ingest", "arguments": ["/uploads/Person_0.zip"], "state": JobState.failed}
        session.add(Job(**job, message="Person 0/3.jpg is cut off", created_at=now, heartbeat_at=now))
    for file, text in {
        settings.logs / "job-1.log": b"Person_0/3.jpg is cut off\n",
        Path(settings.runs) / "1" / "report.csv": b"Person 0/3.jpg,0.9\n",
        settings.uploads / "1.zip": photo,
        settings.temporary / "winnow-killed" / "content" / "Person 0" / "3.jpg": photo,
        Path(settings.store) / "00" / ".part-1": photo,
    }.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
        os.utime(file, (0, 0))


def finds(settings: Settings, sought: list[bytes], photos: list[bytes]) -> dict[str, int]:
    """How often the words are in the names and bytes of files, and how many files are one of the photos, by place."""
    found = dict.fromkeys(("database", "log of it", "store", "runs", "logs", "uploads", "tmp", "other"), 0)
    for path in settings.home.rglob("*"):
        if path.is_file():
            top = path.relative_to(settings.home).parts[0]
            place = {"winnow.db": "database", "winnow.db-wal": "log of it", "winnow.db-shm": "log of it"}.get(top, top)
            data = str(path.relative_to(settings.home)).replace("/", "").encode() + b" " + path.read_bytes()
            count = sum(data.lower().count(word) for word in sought) + (path.read_bytes() in photos)
            found[place if place in found else "other"] += count
    return found


def transactions(engine: Engine) -> list[float]:
    """A list that will hold how long each writing transaction took from now on, in milliseconds."""
    held: list[float] = []

    def begun(connection: Connection) -> None:
        connection.info["begun"] = time.perf_counter()

    def ended(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            held.append(1000 * (time.perf_counter() - connection.info["begun"]))

    event.listen(engine, "begin", begun)
    event.listen(engine, "commit", ended)
    return held


def fill(engine: Engine, store: Store, size: int) -> None:
    """Photos of others, with a mask and a refusal each; and of the people who are erased."""
    now = utc_now()
    people = [f"Person {number}" for number in range(PEOPLE) for _ in range(THEIRS)]
    owners = [*people, *(f"Other {number // THEIRS}" for number in range(size))]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(owners), start=1)}
    job = {"kind": "ingest", "arguments": [], "state": JobState.done, "created_at": now, "heartbeat_at": now}
    with writing(engine) as session:
        session.execute(insert(Source), [{"id": 1, "adapter": "folder", "location": "everybody", "added_at": now}])
        session.execute(insert(Contributor), [{"id": number, "name": name} for name, number in numbers.items()])
        session.execute(
            insert(Submission),
            [
                {
                    "source_id": 1, "contributor_id": numbers[name], "photo_name": f"{name}/{number}.jpg", "received_at": now,
                    "photo_sha256": stored(store, f"photo {number}"), "mask_sha256": stored(store, f"mask {number}"),
                    "height": 9, "width": 9,
                }
                for number, name in enumerate(owners)
            ],
        )  # fmt: skip
        refusals = [{"source_id": 1, "file": f"refused {number}.jpg", "reason": "cut off", "at": now} for number in range(size)]
        session.execute(insert(Refusal), refusals)
        session.execute(
            insert(Job), [{**job, "result": {"refused": refusals_of_a_job(number)}} for number in range(size // 20)]
        )


def refusals_of_a_job(job: int) -> list[dict[str, str]]:
    """What the result of a job holds in words."""
    return [{"file": f"images/{job}/{number}.jpg", "reason": "the photo is cut off"} for number in range(20)]


def stored(store: Store, content: str) -> str:
    """Like `Store.put`, without waiting for the disk."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    path = store.path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return sha256


if __name__ == "__main__":
    main()
