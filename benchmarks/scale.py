"""What grows with the number of examples: what is approved, the navigation, the touch-up page, freezing, the log of verdicts.

    python benchmarks/scale.py [--sizes 1000 10000 100000] [--servers sqlite postgresql] [--json]

The examples are those of benchmarks/queue.py. Each line is one thing at one size: its time, and its time for a thousand
examples. At the end stands how much more an example costs among the most than among the fewest: about 1, or less, where the
cost grows as the number does; 100 from a thousand to a hundred thousand where each is compared with each.

*approved*: how many are approved. *navigation*: the counts at the top of every page. *touch-up page*: all that it asks and
sends, and *its JSON*, which must not grow. *start a clock*, *freeze, reading* and *freeze, writing*: only the first and the
last are inside a write transaction. *log*: the CSV file of all verdicts, and *its first bytes*. The memory is Python's own at
its peak, while the set is frozen and the log is streamed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks.queue import database, fill
from curator.review import progress
from curator.review.standing import approved, wrongly_standing
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import add_set, approved_content, freeze
from curator.spreadsheet import csv_pieces
from curator.status import flow
from curator.touchup.begin import begin
from curator.touchup.waiting import count_due, finished, pending
from db.jobs import utc_now
from db.session import connect, migrate, reading, writing
from db.tables import Decision

TIMES = ("approved", "navigation", "touch-up page", "start a clock", "freeze, reading", "freeze, writing", "log")
SIZES = ("its JSON", "memory, freezing", "memory, log")
LISTED = 24  # touch-ups on the page


def touch_up_page(engine: Engine) -> str:
    """What the page sends, with a reviewer who has nothing under way."""
    with reading(engine) as session:
        now = utc_now()
        waiting, done = pending(session, 1, now, 10), finished(session, now, LISTED)
        waits = count_due(session)
    return json.dumps([waits, [asdict(one) for one in waiting], [asdict(one) for one in done]], default=str)


def log(engine: Engine) -> float:
    """Make the file of all verdicts; the seconds until its first bytes."""
    began = time.perf_counter()
    pieces = csv_pieces(progress.VERDICT_LOG_COLUMNS, progress.verdict_log(engine, None))
    next(pieces)
    first = time.perf_counter() - began
    for _ in pieces:
        pass
    return first


def peak(work: Callable[[], object]) -> int:
    """The most memory that Python's objects took meanwhile, in bytes."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def measured(engine: Engine) -> dict[str, float]:
    """Seconds by name, and sizes in bytes."""
    found: dict[str, float] = {}

    def clocked(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        answer = work()
        found[name] = time.perf_counter() - began
        return answer

    with reading(engine) as session:
        wanted = select(func.count()).select_from(approved().subquery())
        clocked("approved", lambda: session.scalar(wanted))
        clocked("navigation", lambda: flow(session))
        (first,) = pending(session, 1, utc_now(), 1)
    found["its JSON"] = len(clocked("touch-up page", lambda: touch_up_page(engine)))
    with writing(engine) as session:
        clocked("start a clock", lambda: begin(session, 1, "page", first.example, 120, utc_now()))
    began = time.perf_counter()
    with reading(engine) as session, approved_content(session, utc_now().date()) as content:
        found["freeze, reading"] = time.perf_counter() - began
        began = time.perf_counter()
        with writing(engine) as session:
            add_set(session, content, "", utc_now())
        found["freeze, writing"] = time.perf_counter() - began
    found["its first bytes"] = clocked("log", lambda: log(engine))
    found["memory, log"] = peak(lambda: log(engine))
    with writing(engine) as session:  # so that the next set is another
        record(session, 1, [NewVerdict(first.example, Decision.undo, None, new_client_id())], utc_now())
        record(session, 1 + first.example % 5, [NewVerdict(first.example, Decision.undo, None, new_client_id())], utc_now())
    found["memory, freezing"] = peak(lambda: freeze(engine, "", utc_now(), by="Ada"))
    return found


def grown(server: str, sizes: list[int]) -> list[dict[str, Any]]:
    """One row per size."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, database(server, Path(folder)) as url:
            engine = connect(url)
            migrate(engine)
            fill(engine, size, [f"{number:064x}" for number in range(50)])
            if size == min(sizes):
                with reading(engine) as session:
                    assert wrongly_standing(session) == []
            rows.append({"server": server, "examples": size, **measured(engine)})
            engine.dispose()
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table for each server."""
    for server in dict.fromkeys(row["server"] for row in rows):
        mine = [row for row in rows if row["server"] == server]
        few, many = mine[0], mine[-1]
        print(f"\n{server:18}" + "".join(f"{row['examples']:>24,}" for row in mine) + f"{'each, most to fewest':>24}")
        for name in TIMES:
            cells = (f"{row[name]:.3f} s, {1e6 * row[name] / row['examples']:.2f} ms/1000" for row in mine)
            ratio = (many[name] / many["examples"]) / (few[name] / few["examples"])
            print(f"{name:18}" + "".join(f"{cell:>24}" for cell in cells) + f"{ratio:>24.2f}")
        print(f"{'its first bytes':18}" + "".join(f"{row['its first bytes']:>22.3f} s" for row in mine))
        for name in SIZES:
            print(f"{name:18}" + "".join(f"{row[name] / 1024:>20,.0f} KiB" for row in mine))


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000, 100_000], help="numbers of examples")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    rows = [row for server in arguments.servers for row in grown(server, arguments.sizes)]
    print(json.dumps(rows)) if arguments.json else show(rows)


if __name__ == "__main__":
    main()
