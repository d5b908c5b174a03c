"""How fast the next cards arrive and a verdict is committed: with a thousand to a million examples, and with fifty reviewers.

    python benchmarks/queue.py scale [--sizes 1000 100000 1000000] [--servers sqlite postgresql] [--json]
    python benchmarks/queue.py load  [--servers sqlite postgresql] [--reviewers 50] [--rate 2] [--seconds 300] [--json]

Half of the examples, the more doubtful half, have verdicts by five reviewers, as when a team is halfway through. A tenth are
of the test split, where half of what is kept is touched up; a tenth are of the validation split. A tenth show a picture that
another one shows too. PostgreSQL is a real server from Debian's package, and like SQLite it waits for the disk at every commit.

scale: in this process, each in its own transaction. *lease*: the next card. *hand*: the forty cards that a page requests at
once. *verdict*: one verdict, recorded and committed.

load: the app itself, over HTTP, from another process. The reviewers arrive within ten seconds. From then on each gives verdicts
at a fixed rate, and a verdict's time counts from when it was due, not from when it could be sent. Each card's photo and mask
are fetched too. Lost: acknowledged as committed, but not in the database. Double leases: dealt to one reviewer while another
held it without a verdict.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import asyncio
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

import aiohttp
import cv2
import numpy as np
from sqlalchemy import BigInteger, Engine, String, case, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from benchmarks.deck import serving
from curator.review.deck import GoldMix, deal
from curator.review.leases import LEASE
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import (
    Decision,
    Example,
    Reason,
    Reviewer,
    Source,
    Split,
    Standing,
    State,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpSave,
    Verdict,
)
from tests.postgres import new_database, postgres_server

JUDGES = 5
PICTURES = 50
HAND = 40
ARRIVAL = 10.0  # seconds within which the load's reviewers arrive, because a team does not start at the same instant
WARM_UP = 20


# --- the examples ----------------------------------------------------------------------------------------------------


def fill(engine: Engine, count: int, pictures: list[str]) -> None:
    """Insert that many examples, with verdicts on the more doubtful half, in a few statements whatever the count."""
    with writing(engine) as session:
        session.add(Source(id=1, adapter="benchmark", location="numbers", added_at=utc_now()))
        session.add_all(Reviewer(id=1 + number, name=f"judge {number}") for number in range(JUDGES))
        session.flush()
        numbers = select(literal(1, BigInteger).label("n")).cte("numbers", recursive=True)
        n = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count))
        number = n.c.n
        name = cast(number + 10_000_000, String)
        picture = case(dict(enumerate(pictures)), value=number % len(pictures))
        sha = literal("0" * 56) + name
        pair = number // 2  # 2 and 3, 4 and 5, ...
        in_group = (pair > 0) & (pair % 20).in_((0, 7))  # both of a pair show the same picture
        split = case((pair % 10 == 0, Split.test.value), (pair % 10 == 1, Split.validation.value), else_=Split.train.value)
        doubt = (case((in_group, pair * 2), else_=number) * 7919 % 1_000_003) / 1_000_003.0
        lot = (number * 104_729 % 1_000_003) / 1_000_003.0
        decision = case((number % 4 == 0, Decision.reject.value), else_=Decision.keep.value)
        undecided = case((in_group & (number % 2 == 1), State.waiting.value), else_=State.open.value)
        touched = (pair % 20 == 10) & (doubt > 0.5) & (number % 4 != 0)
        yesterday = utc_now() - timedelta(days=1)
        rows: list[tuple[Any, dict[str, Any], Any]] = [
            (Submission, {
                "id": number, "source_id": 1, "photo_name": name + literal(".jpg"), "photo_sha256": sha, "mask_sha256": sha,
                "height": 512, "width": 512, "drawn": True, "received_at": utc_now(),
            }, None),
            (Example, {
                "id": number, "submission_id": number, "face_top": 150, "face_left": 150, "face_bottom": 350, "face_right": 350,
                "face_score": 1.0, "crop_top": 0.0, "crop_left": 0.0, "crop_side": 512.0, "crop_rotation": 0.0, "inside_top": 0,
                "inside_left": 0, "inside_bottom": 512, "inside_right": 512, "image_sha256": picture, "mask_sha256": picture,
                "split": split, "group_id": case((in_group, pair * 2)),
            }, None),
            (Suspicion, {"example_id": number, "model": "benchmark", "value": doubt, "reasons": ["a straight edge"]}, None),
            (Verdict, {
                "example_id": number, "reviewer_id": 1 + number % JUDGES, "decision": decision,
                "reason": case((number % 4 == 0, Reason.too_coarse.value)), "settles": False, "at": utc_now(),
                "client_id": name,
            }, doubt > 0.5),
            (Standing, {
                "example_id": number, "state": case((doubt <= 0.5, undecided), else_=decision), "source_id": 1,
                "split": split, "doubt": doubt, "lot": lot,
                "first_reviewer_id": case(((doubt > 0.5) & (number % 10 == 0), 1 + number % JUDGES)),
            }, None),
            (TouchUp, {
                "id": number, "example_id": number, "reviewer_id": 1 + number % JUDGES, "mask_before_sha256": picture,
                "started_at": yesterday, "seconds_shown": 120,
            }, touched),
            (TouchUpSave, {
                "id": number, "touch_up_id": number, "mask_after_sha256": literal("1" * 56) + name, "seconds_used": 60.0,
                "finished": True, "at": yesterday,
            }, touched),
        ]  # fmt: skip
        for table, values, where in rows:
            columns = table.__table__.c
            chosen = [value if hasattr(value, "label") else literal(value, columns[key].type) for key, value in values.items()]
            wanted = select(*chosen).select_from(n)
            session.execute(insert(table).from_select(list(values), wanted if where is None else wanted.where(where)))
    settle(engine)


def settle(engine: Engine) -> None:
    """Clean up, and update the statistics of PostgreSQL, as both do by themselves. SQLite has none unless it is told to."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in ("verdict", "reviewer", "source", "touch_up", "touch_up_save"):
                connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")


@contextmanager
def database(server: str, folder: Path) -> Iterator[str]:
    """Yields the URL of a new database on one of the two servers."""
    if server == "sqlite":
        yield f"sqlite:///{folder / 'winnow.db'}"
    else:
        with postgres_server(durable=True) as url:
            yield new_database(url, "winnow")


# --- scale -----------------------------------------------------------------------------------------------------------


def timed(engine: Engine, times: int, ask: Callable[[Session, int], None]) -> dict[str, float]:
    """Median and percentiles of the time of a transaction, from begin to commit, in ms."""
    spent = []
    for turn in range(WARM_UP + times):
        began = time.perf_counter()
        with writing(engine) as session:
            ask(session, turn)
        spent.append((time.perf_counter() - began) * 1000)
    return figures(spent[WARM_UP:])


def figures(values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {"median": round(median(values), 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


def scale(server: str, sizes: list[int], times: int) -> list[dict[str, Any]]:
    """One row per size: the times of a lease, a hand and a verdict."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, database(server, Path(folder)) as url:
            engine = connect(url)
            migrate(engine)
            fill(engine, size, ["0" * 64])
            found.append({"server": server, "examples": size, **measured(engine, times)})
            engine.dispose()
    return found


def measured(engine: Engine, times: int) -> dict[str, Any]:
    """Ten reviewers in turn, all of whose cards are leased, so that each has to skip what the others hold."""
    held: dict[int, list[int]] = {}
    mix = GoldMix(0.05, random.Random(0))
    with reading(engine) as session:
        judged = list(session.scalars(select(Standing.example_id).order_by(Standing.doubt).limit(100)))

    def reviewer(session: Session, turn: int) -> int:
        return reviewer_called(session, f"reviewer {turn % 10}").id

    def lease(session: Session, turn: int) -> None:
        who = reviewer(session, turn)
        (card,) = deal(session, who, 1, utc_now(), held.get(who, ()), mix=mix).cards
        held[who] = [*held.get(who, []), card.example][-HAND // 2 :]

    def hand(session: Session, turn: int) -> None:
        assert len(deal(session, reviewer(session, turn), HAND, utc_now(), mix=mix).cards) == HAND

    def verdict(session: Session, turn: int) -> None:
        given = NewVerdict(judged[turn % len(judged)], Decision.keep, None, uuid4().hex)
        record(session, reviewer(session, turn), [given], utc_now(), second_share=0.1)

    return {kind.__name__: timed(engine, times, kind) for kind in (lease, hand, verdict)}


# --- load ------------------------------------------------------------------------------------------------------------


def tokens_for(home: Path, names: list[str]) -> dict[str, str]:
    """A page's token for each reviewer, made in a process of its own, because settings are read once per process."""
    script = (
        "import json, sys; from curator.app.guard import token_for; print(json.dumps({n: token_for(n) for n in sys.argv[1:]}))"
    )
    command = [sys.executable, "-c", script, *names]
    made = subprocess.run(command, cwd=ROOT, env={**os.environ, "WINNOW_HOME": str(home)}, capture_output=True, check=True)
    tokens: dict[str, str] = json.loads(made.stdout)
    return tokens


class Watch:
    """The observations of all reviewers: times, errors, acknowledged verdicts, and who holds which example."""

    def __init__(self) -> None:
        self.verdicts: list[float] = []
        self.deals: list[float] = []
        self.pictures: list[float] = []
        self.errors: list[str] = []
        self.acknowledged: set[str] = set()
        self.holders: dict[int, tuple[str, float]] = {}
        self.double_leases = 0

    def dealt(self, who: str, examples: list[int], now: float) -> None:
        for example in examples:
            holder, since = self.holders.get(example, (who, now))
            self.double_leases += holder != who and now - since < LEASE.total_seconds()
            self.holders[example] = (who, now)


async def review(who: str, session: aiohttp.ClientSession, token: str, watch: Watch, rate: float, seconds: float) -> None:
    """One reviewer: a verdict is due every 1/rate seconds, however long the last answer took."""
    headers = {"X-Winnow-Token": token}
    hand: list[dict[str, Any]] = []
    since: int | None = None
    await asyncio.sleep(random.random() * ARRIVAL)
    start = time.perf_counter()
    for turn in range(int(rate * seconds)):
        due = start + turn / rate
        if len(hand) < HAND // 2:
            began = time.perf_counter()
            asked = {"count": HAND, "held": [card["example"] for card in hand], "since": since}
            status, reply = await ask(session, "/api/deck", asked, headers)
            watch.deals.append((time.perf_counter() - began) * 1000)
            if status != 200:
                watch.errors.append(f"deck {status}: {reply}")
                continue
            since = reply["since"]
            watch.dealt(who, [card["example"] for card in reply["cards"]], time.perf_counter())
            hand += reply["cards"]
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        card = hand.pop(0)
        for sha in (card["image"], card["mask"]):
            began = time.perf_counter()
            async with session.get(f"/pictures/{sha}") as answer:
                await answer.read()
            watch.pictures.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                watch.errors.append(f"picture {answer.status}")
        client_id = uuid4().hex
        watch.holders.pop(card["example"], None)
        given = {"example": card["example"], "decision": "keep", "reason": None, "client_id": client_id}
        status, reply = await ask(session, "/api/verdicts", {"verdicts": [given]}, headers)
        watch.verdicts.append((time.perf_counter() - due) * 1000)
        if status == 200 and client_id in reply["ids"]:
            watch.acknowledged.add(client_id)
        else:
            watch.errors.append(f"verdict {status}: {reply}")


async def ask(session: aiohttp.ClientSession, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
    async with session.post(path, json=body, headers=headers) as answer:
        return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())


async def team(address: str, tokens: dict[str, str], watch: Watch, rate: float, seconds: float) -> None:
    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=6 * len(tokens))  # a browser opens six to a host
    headers = {"Origin": address}
    async with aiohttp.ClientSession(address, connector=connector, timeout=timeout, headers=headers) as session:
        await (await session.get("/")).read()  # a page's cookie, without which there are no pictures
        await asyncio.gather(*(review(who, session, token, watch, rate, seconds) for who, token in tokens.items()))


def load(server: str, reviewers: int, rate: float, seconds: float, examples: int) -> dict[str, Any]:
    """Run the whole team, and compare with the database afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(server, home))
        engine = connect(url)
        migrate(engine)
        store = Store(str(home / "store"))
        fill(engine, examples, [store.put(photo(number)) for number in range(PICTURES)])
        address = stack.enter_context(serving(ROOT / "streamlit_app.py", home, WINNOW_DB_URL=url))
        tokens = tokens_for(home, [f"reviewer {number}" for number in range(reviewers)])
        watch = Watch()
        began = time.perf_counter()
        asyncio.run(team(address, tokens, watch, rate, seconds))
        took = time.perf_counter() - began
        if len(watch.verdicts) < 2:
            raise SystemExit(f"The load gave no verdicts: {watch.errors[:3]}\n{(home / 'app.log').read_text()[-2000:]}")
        with reading(engine) as session:
            kept = set(session.scalars(select(Verdict.client_id).where(func.length(Verdict.client_id) == 32)))
        engine.dispose()
        log = (home / "app.log").read_text()[-3000:] if watch.errors else ""
    return {
        "server": server,
        "reviewers": reviewers,
        "seconds": round(took, 1),
        "verdicts": len(watch.verdicts),
        "verdict": figures(watch.verdicts),
        "deck": figures(watch.deals),
        "picture": figures(watch.pictures),
        "errors": len(watch.errors),
        "lost": len(watch.acknowledged - kept),
        "double_leases": watch.double_leases,
        "first_errors": [*watch.errors[:3], log] if log else [],
    }


def photo(number: int) -> bytes:
    """A picture with the detail and file size of a crop: 512 x 512, JPEG."""
    rng = np.random.default_rng(number)
    picture = cv2.resize(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8), (512, 512), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


# --- print -----------------------------------------------------------------------------------------------------------


def print_scale(rows: list[dict[str, Any]]) -> None:
    kinds = ("lease", "hand", "verdict")
    print("ms, median / p95; one transaction each, from begin to commit\n")
    print(f"{'':12}{'examples':>10}" + "".join(f"{kind:>18}" for kind in kinds))
    for row in rows:
        cells = "".join(f"{row[kind]['median']:>10.2f} /{row[kind]['p95']:6.2f}" for kind in kinds)
        print(f"{row['server']:12}{row['examples']:>10,}{cells}")
    for server in dict.fromkeys(row["server"] for row in rows):
        mine = [row for row in rows if row["server"] == server]
        ratios = ", ".join(f"{kind} {mine[-1][kind]['p95'] / mine[0][kind]['p95']:.2f}" for kind in kinds)
        print(f"\n{server}: p95 at {mine[-1]['examples']:,} over p95 at {mine[0]['examples']:,}: {ratios}", end="")
    print()


def print_load(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['server']}: {row['reviewers']} reviewers, {row['seconds']} s, {row['verdicts']:,} verdicts")
        for kind in ("verdict", "deck", "picture"):
            print(f"  {kind:8} ms: median {row[kind]['median']}, p95 {row[kind]['p95']}, p99 {row[kind]['p99']}")
        print(f"  errors {row['errors']}, lost {row['lost']}, double leases {row['double_leases']}")
        for error in row["first_errors"]:
            print(f"    {error}")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["scale", "load"])
    parser.add_argument("--servers", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 100_000, 1_000_000], help="scale: numbers of examples")
    parser.add_argument("-n", type=int, default=300, help="scale: transactions of each kind (300)")
    parser.add_argument("--reviewers", type=int, default=50, help="load: number of reviewers (50)")
    parser.add_argument("--rate", type=float, default=2, help="load: verdicts a second from each reviewer (2)")
    parser.add_argument("--seconds", type=float, default=300, help="load: duration in seconds (300)")
    parser.add_argument("--examples", type=int, default=100_000, help="load: number of examples")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if arguments.what == "scale":
        rows = [row for server in arguments.servers for row in scale(server, arguments.sizes, arguments.n)]
    else:
        chosen = (arguments.reviewers, arguments.rate, arguments.seconds, arguments.examples)
        rows = [load(server, *chosen) for server in arguments.servers]
    if arguments.json:
        print(json.dumps(rows))
    elif arguments.what == "scale":
        print_scale(rows)
    else:
        print_load(rows)


if __name__ == "__main__":
    main()
