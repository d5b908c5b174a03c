"""How long others wait to write while one person is erased: no longer with many pictures, refusals and jobs of theirs.

    python benchmarks/erase.py [--sizes 1000 4000 16000] [--json]

A size is the number of other people's photos; each has a mask and a refusal of its own, and there is a job for every twenty.
The person has twenty photos. *locked*: the longest writing transaction of the erasure, in milliseconds, the best of three
people. *whole*: the whole erasure. The ratio is the largest size's *locked* over the smallest's; it exits 1 if the ratio
exceeds 3.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import hashlib
import json
import tempfile
import time

from sqlalchemy import Connection, Engine, event, insert

from curator.upkeep.erase import erase_contributor
from db.jobs import utc_now
from db.session import open_database, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Job, JobState, Refusal, Source, Submission

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
            print("{size:>8,} photos of others: locked {locked:7.1f} ms, whole {whole:9.1f} ms".format(**found[-1]))
    ratio = found[-1]["locked"] / found[0]["locked"]
    print(json.dumps({"sizes": found, "ratio": ratio}) if options.json else f"locked grows by a factor of {ratio:.2f}")
    sys.exit(ratio > MOST)


def measured(home: Path, size: int) -> dict[str, float]:
    """Milliseconds, with that many photos of others."""
    settings = Settings(home=home)
    engine, store = open_database(settings), Store(settings.store)
    fill(engine, store, size)
    locked, whole = [], []
    for number in range(PEOPLE):
        held = transactions(engine)
        began = time.perf_counter()
        erase_contributor(engine, store, settings, f"Person {number}", "a benchmark", utc_now())
        whole.append(1000 * (time.perf_counter() - began))
        locked.append(max(held))
    engine.dispose()
    return {"locked": min(locked), "whole": min(whole)}


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
