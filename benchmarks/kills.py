"""What survives when processes are killed: of the app under reviewers, of PostgreSQL, of an ingest and of a training.

Called by benchmarks/trust.py. The reviewers do as the page does: what is not acknowledged is sent again, with the same client
id. Everything that was acknowledged is looked for in the database, and every saved mask in the store as well.
"""

import asyncio
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import aiohttp
import cv2
import numpy as np
from sqlalchemy import Engine, func, select, update

from benchmarks.queue import HAND, PICTURES, fill, photo, tokens_for
from db.jobs import ACTIVE
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import Epoch, Example, Job, JobState, Split, Standing, State, Submission, TouchUp, TouchUpSave, Verdict
from tests.postgres import INITDB, new_database, postgres_server

ROOT = Path(__file__).resolve().parents[1]
PAINTERS = 0.1  # of the reviewers: they repair masks, the others give verdicts
ARRIVAL = 10.0  # seconds within which the reviewers arrive


# --- the app and PostgreSQL ------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What the reviewers saw."""

    verdicts: list[float] = field(default_factory=list)  # ms from when each was due to its acknowledgement
    acknowledged: set[str] = field(default_factory=set)  # client ids
    saves: list[tuple[int, str]] = field(default_factory=list)  # touch-up and hash of the mask, acknowledged
    refused: list[str] = field(default_factory=list)  # sentences, which there must not be
    again: int = 0  # requests that had to be sent again


class Served:
    """The app on one port, to be killed and started again."""

    def __init__(self, home: Path, url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home, self.environment = home, {**os.environ, "WINNOW_HOME": str(home), "WINNOW_DB_URL": url}
        self.address = f"http://localhost:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(self.port)]
        with (self.home / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--server.headless", "true"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        for _ in range(600):
            with suppress(OSError):
                return urllib.request.urlopen(f"{self.address}/healthz", timeout=5).close()
            time.sleep(0.1)
        raise SystemExit(f"The app does not start:\n{(self.home / 'app.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill the app at once, and start it again."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Postgres:
    """A PostgreSQL server to be killed with all of its processes and started again."""

    def __init__(self, url: str) -> None:
        self.folder = Path(url.partition("host=")[2])

    def kill(self) -> None:
        """Kill the server's processes at once, and start it again, which recovers what was committed."""
        data = self.folder / "data"
        head = int((data / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["pgrep", "-P", str(head)], capture_output=True, text=True, check=False).stdout.split()
        for process in [head, *map(int, children)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=on"
        start = [*user, INITDB.with_name("pg_ctl"), "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start"]
        for _ in range(20):
            if subprocess.run(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
            time.sleep(0.5)
        raise SystemExit(f"PostgreSQL does not start again:\n{(self.folder / 'log').read_text()[-2000:]}")


def reviewers(
    server: str, count: int, seconds: float, rate: float, kill_every: float, victim: str = "app", examples: int = 100_000
) -> dict[str, Any]:
    """`count` reviewers work for some seconds while the app (or "postgresql") is killed every `kill_every` seconds."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if server == "postgresql":
            root = stack.enter_context(postgres_server(durable=True))
            url = new_database(root, "winnow")
        else:
            url = f"sqlite:///{home / 'winnow.db'}"
        engine = connect(url)
        migrate(engine)
        store = Store(str(home / "store"))
        fill(engine, examples, [store.put(photo(number)) for number in range(PICTURES)])
        served = Served(home, url)
        stack.callback(served.stop)
        kill: Callable[[], None] = served.kill if victim == "app" else Postgres(root).kill
        tokens = tokens_for(home, [f"reviewer {number}" for number in range(count)])
        with reading(engine) as session:
            repairable = select(Standing.example_id).where(Standing.state == State.keep, Standing.split == Split.test)
            untouched = repairable.where(~select(TouchUp.id).where(TouchUp.example_id == Standing.example_id).exists())
            masks = list(session.scalars(untouched.limit(2000)))
        seen, kills = Seen(), [0]
        ending = threading.Event()

        def killer() -> None:
            while not ending.wait(kill_every):
                kill()
                kills[0] += 1

        killing = threading.Thread(target=killer)
        killing.start()
        asyncio.run(team(served.address, tokens, seen, seconds, rate, masks))
        ending.set()
        killing.join()
        return {"database": server, "killed": victim, "kills": kills[0], "reviewers": count, **compared(url, store, seen)}


def compared(url: str, store: Store, seen: Seen) -> dict[str, Any]:
    """What was acknowledged against what is stored."""
    engine = connect(url)
    with reading(engine) as session:
        ids = list(session.scalars(select(Verdict.client_id).where(func.length(Verdict.client_id) == 32)))
        strokes = select(TouchUpSave.touch_up_id, TouchUpSave.mask_after_sha256).where(~TouchUpSave.finished)
        saved = list(session.execute(strokes).tuples())
    engine.dispose()
    stored = set(saved)
    theirs = {save for save in stored if save[1] in {mask for _, mask in seen.saves}}
    lost_saves = [save for save in seen.saves if save not in stored or not store.path(save[1]).exists()]
    cuts = quantiles(seen.verdicts, n=100)
    return {
        "acknowledged": len(seen.acknowledged),
        "stored": len(set(ids)),
        "lost": len(seen.acknowledged - set(ids)),
        "doubled": len(ids) - len(set(ids)),
        "saves": len(seen.saves),
        "saves_lost": len(lost_saves),
        "saves_sent_twice": sum(saved.count(save) - 1 for save in theirs),
        "refused": len(seen.refused),
        "again": seen.again,
        "p50": round(cuts[49], 1),
        "p99": round(cuts[98], 1),
        "first_refusals": seen.refused[:3],
    }


async def team(address: str, tokens: dict[str, str], seen: Seen, seconds: float, rate: float, masks: list[int]) -> None:
    """All reviewers at once."""
    connector = aiohttp.TCPConnector(limit=6 * len(tokens))
    timeout = aiohttp.ClientTimeout(total=60)
    painters = max(1, int(PAINTERS * len(tokens)))
    shares = [masks[number::painters] for number in range(painters)]
    async with aiohttp.ClientSession(address, connector=connector, timeout=timeout, headers={"Origin": address}) as session:
        until = time.perf_counter() + seconds
        await asyncio.gather(
            *(
                paint(session, token, seen, shares[number], until)
                if number < painters
                else judge(session, token, seen, rate, until)
                for number, token in enumerate(tokens.values())
            )
        )


async def patiently(session: aiohttp.ClientSession, path: str, token: str, body: dict[str, Any], seen: Seen) -> Any:
    """The answer to a request that is sent until it is answered: the JSON, or None if it was refused."""
    while True:
        with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            async with session.post(path, json=body, headers={"X-Winnow-Token": token}) as answer:
                said = await answer.json() if answer.content_type == "application/json" else {}
                if answer.status == 200:
                    return said
                if answer.status in (400, 403, 404, 409):
                    seen.refused.append(f"{path} {answer.status}: {said}")
                    return None
        seen.again += 1
        await asyncio.sleep(0.5 + random.random())


async def judge(session: aiohttp.ClientSession, token: str, seen: Seen, rate: float, until: float) -> None:
    """Give verdicts, each due 1/rate seconds after the one before."""
    hand: list[dict[str, Any]] = []
    since: int | None = None
    await asyncio.sleep(random.random() * ARRIVAL)
    due = time.perf_counter()
    while due < until:
        if len(hand) < HAND // 2:
            asked = {"count": HAND, "held": [card["example"] for card in hand], "since": since}
            dealt = await patiently(session, "/api/deck", token, asked, seen)
            if dealt is None or not (hand or dealt["cards"]):
                return
            since = dealt["since"]
            hand += dealt["cards"]
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        client_id = uuid4().hex
        given = {"example": hand.pop(0)["example"], "decision": "keep", "client_id": client_id}
        taken = await patiently(session, "/api/verdicts", token, {"verdicts": [given]}, seen)
        if taken is not None and client_id in taken["ids"]:
            seen.acknowledged.add(client_id)
            seen.verdicts.append((time.perf_counter() - due) * 1000)
        elif taken is not None:
            seen.refused.append(f"/api/verdicts: {taken}")
        due = max(due + 1 / rate, time.perf_counter() - 1 / rate)


async def paint(session: aiohttp.ClientSession, token: str, seen: Seen, masks: list[int], until: float) -> None:
    """Repair one mask after another: ten strokes each, a stroke a second, and Done."""
    rng, page = np.random.default_rng(len(masks)), uuid4().hex
    for example in masks:
        if time.perf_counter() >= until:
            return
        begun = await patiently(session, "/api/touchups/begin", token, {"example": example, "page": page}, seen)
        if begun is None or "touch_up" not in begun:
            continue
        asked = {"touch_up": begun["touch_up"], "page": page}
        for stroke in range(10):
            mask = np.zeros((512, 512), np.uint8)
            cv2.circle(mask, tuple(map(int, rng.integers(0, 512, 2))), 40 + stroke, 255, -1)
            png = cv2.imencode(".png", mask)[1].tobytes()
            body = {**asked, "mask": base64.b64encode(png).decode()}
            kept = await patiently(session, "/api/touchups/save", token, body, seen)
            if kept is None:
                break
            seen.saves.append((begun["touch_up"], kept["mask"]))
            await asyncio.sleep(1.0)
        await patiently(session, "/api/touchups/finish", token, asked, seen)


# --- an ingest -------------------------------------------------------------------------------------------------------


@contextmanager
def database_url(server: str) -> Iterator[str]:
    """The URL of an empty database; "" for SQLite, which is in the home."""
    if server == "sqlite":
        yield ""
        return
    with postgres_server(durable=True) as root:
        yield new_database(root, "winnow")


def command(home: Path, url: str, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """One of Winnow's commands in a process group of its own, so that all of it can be killed."""
    environment = {**os.environ, "WINNOW_HOME": str(home), "WINNOW_DB_URL": url, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed_after(seconds: float, process: "subprocess.Popen[bytes]") -> bool:
    """Kill the process group after some seconds; False if it ended before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def ingest(server: str, source: str, kills: int) -> dict[str, Any]:
    """An ingest that is killed again and again, and then left alone, against one that never was."""
    rng = random.Random(0)
    counted: list[tuple[int, int, int]] = []
    done = 0
    for wanted in (0, kills):
        with tempfile.TemporaryDirectory() as folder, database_url(server) as url:
            home = Path(folder) / "home"
            for _ in range(wanted):
                done += killed_after(1.5 + 3 * rng.random(), command(home, url, "curator", "ingest", source, "--json"))
            process = command(home, url, "curator", "ingest", source, "--json")
            process.communicate()
            checked = command(home, url, "curator", "check")
            checked.communicate()
            engine = connect(url or f"sqlite:///{home / 'winnow.db'}")
            with reading(engine) as session:
                rows = session.scalar(select(func.count()).select_from(Submission)) or 0
                pairs = select(Submission.photo_sha256, Submission.mask_sha256).distinct().subquery()
                distinct = session.scalar(select(func.count()).select_from(pairs)) or 0
                crops = session.scalar(select(func.count()).select_from(Example)) or 0
            engine.dispose()
            counted.append((rows, distinct, crops))
            faults = process.returncode + checked.returncode
    (whole, _, crops), (rows, distinct, again) = counted
    return {
        "database": server, "killed": "ingest", "kills": done, "acknowledged": whole, "stored": rows,
        "doubled": rows - distinct, "lost": whole - rows + crops - again, "check": "ok" if faults == 0 else "failed",
    }  # fmt: skip


# --- a training ------------------------------------------------------------------------------------------------------


def training(server: str, kills: int, epochs: int) -> dict[str, Any]:
    """A training that is killed again and again and resumed, against one that never was: the same losses, epoch by epoch."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, database_url(server) as url:
        home = Path(folder) / "home"
        command(home, url, "curator", "sample").communicate()
        listed = json.loads(command(home, url, "curator", "queue", "--json", "-n", "0").communicate()[0])["examples"]
        verdicts = Path(folder) / "verdicts.csv"
        verdicts.write_text("example,verdict\n" + "".join(f"{one['example']},keep\n" for one in listed))
        command(home, url, "curator", "verdicts", str(verdicts)).communicate()
        command(home, url, "curator", "freeze").communicate()
        engine = connect(url or f"sqlite:///{home / 'winnow.db'}")
        shape = ["--epochs", str(epochs), "--size", "64", "--decoder-depth", "8"]
        began = time.monotonic()
        command(home, url, "trainer", "fit", "1", *shape).communicate()
        whole = time.monotonic() - began
        done = int(killed_after(whole * 0.6, command(home, url, "trainer", "fit", "1", *shape)))
        for _ in range(kills - 1):
            forget_heartbeats(engine)
            resumed = command(home, url, "trainer", "fit", "--resume", "2")
            done += killed_after(whole * (0.4 + 0.3 * rng.random()), resumed)
        forget_heartbeats(engine)
        command(home, url, "trainer", "fit", "--resume", "2").communicate()
        with reading(engine) as session:
            one, two = (
                session.execute(select(Epoch.number, Epoch.loss).where(Epoch.run_id == run).order_by(Epoch.number)).all()
                for run in (1, 2)
            )
        engine.dispose()
    apart = max((abs(a - b) / a for (_, a), (_, b) in zip(one, two, strict=False)), default=0.0)
    return {
        "database": server, "killed": "training", "kills": done, "acknowledged": len(one), "stored": len(two),
        "doubled": len(two) - len({number for number, _ in two}), "lost": len({n for n, _ in one} - {n for n, _ in two}),
        "losses_apart": f"{apart:.1e}",
    }  # fmt: skip


def forget_heartbeats(engine: Engine) -> None:
    """Let a job that was killed count as interrupted at once, instead of after a minute."""
    with writing(engine) as session:
        session.execute(update(Job).where(Job.state.in_(ACTIVE)).values(state=JobState.interrupted))
