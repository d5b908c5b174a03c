"""The time from a key press to the next picture and to the commit: the deck compared with a plain Streamlit page.

    python benchmarks/deck.py [-n 300] [--data FOLDER] [--json]

Both pages show the same pictures (noise, or with --data real ones, ingested by `curator ingest`), from the same kind of
database, in the same Chromium, one after the other. All times start at the key's own event time.

- painted: on the deck, the frame after the canvas was drawn has been presented. On the plain page, the new <img> is loaded and
  decoded, and the frame after that has been presented. Both wait for requestAnimationFrame and a message after it.
- committed: the page knows that the verdict is committed: the deck from the response to the POST, the plain page when the
  element that the script writes after its commit has reached it.
- bytes and requests per verdict: everything that crosses the network while the verdicts are given, including pictures and
  websocket frames.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from curator.pictures.codec import encode_mask, encode_photo
from curator.review.standing import random_rank
from db.jobs import utc_now
from db.session import open_database, writing
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, Example, Source, Split, Standing, Submission, Suspicion

WARM_UP = 5

PLAIN = """
import time
from uuid import uuid4

import cv2
import numpy as np
import streamlit as st

from curator.app.state import engine, store
from curator.review.deck import deal
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import writing
from db.tables import Decision

def picture(sha256, mode):
    return cv2.imdecode(np.frombuffer(store().get(sha256), np.uint8), mode)

def keep():
    with writing(engine()) as session:
        who = reviewer_called(session, "plain")
        record(session, who.id, [NewVerdict(st.session_state.example, Decision.keep, None, str(uuid4()))], utc_now())
    st.session_state.committed = time.time() * 1000

with writing(engine()) as session:
    cards = deal(session, reviewer_called(session, "plain").id, 1, utc_now()).cards
if cards:
    st.session_state.example = cards[0].example
    photo, mask = picture(cards[0].image, cv2.IMREAD_COLOR_RGB), picture(cards[0].mask, cv2.IMREAD_GRAYSCALE)
    photo[mask > 127] = (0.64 * photo[mask > 127] + 0.36 * np.array([0, 132, 255])).astype(np.uint8)
    st.image(photo, width=630)
    st.button("Keep", shortcut="k", on_click=keep)
    committed = st.session_state.get("committed", 0)
    st.html(f'<i id="now" data-example="{cards[0].example}" data-committed="{committed}"></i>')
"""

# Before any script of the page, which may stop the event: the key's own time. And when a frame has been handed over.
KEYED = """
window.addEventListener("keydown", (event) => { if (event.key === "k") window.keyed = event.timeStamp; }, true);
window.presented = () => new Promise((done) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => done(performance.now());
  channel.port2.postMessage(0);
}));
"""

# On the deck: when the canvas was drawn and its frame handed over, and when no verdict was left unsaved.
WATCH_DECK = """
(deck) => {
  const canvas = deck.querySelector("canvas[data-example]");
  const drawn = async () => {
    const { example, state } = canvas.dataset;
    if (state === "showing") window.painted = { example, at: await presented() };
  };
  const told = () => { if (deck.dataset.unsaved === "0") window.committed = performance.now(); };
  new MutationObserver(drawn).observe(canvas, { attributeFilter: ["data-example", "data-state"] });
  new MutationObserver(told).observe(deck, { attributeFilter: ["data-unsaved"] });
  window.painted = { example: canvas.dataset.example, at: 0 };
  window.committed = 0;
}
"""

# On the plain page: when an <img> with a new source has been decoded and its frame handed over, and when it says committed.
WATCH_PLAIN = """
() => {
  window.painted = null;
  let seen = null;
  const look = async () => {
    const image = document.querySelector('[data-testid="stImage"] img, [data-testid="stImageContainer"] img');
    if (!image || image.src === seen) return;
    seen = image.src;
    await image.decode();
    window.painted = { src: image.src, at: await presented() };
  };
  window.told = {};
  const both = () => {
    look();
    const committed = document.querySelector("#now")?.dataset.committed;
    if (committed) window.told[committed] ??= performance.now();
  };
  const attributeFilter = ["src", "data-committed"];
  new MutationObserver(both).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter });
  look();
}
"""


def photo(number: int) -> np.ndarray:
    """A picture with the detail of a photo: shapes, and noise like a phone camera's."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    picture += rng.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def mask(number: int) -> np.ndarray:
    """A blob with a rough edge, 0 or 255."""
    rng = np.random.default_rng(number)
    grid = cv2.resize(rng.random((12, 12)), (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_CUBIC)
    return np.where(grid > 0.5, 255, 0).astype(np.uint8)


def fill(home: Path, count: int) -> None:
    """Fill a home with that many open examples."""
    settings = Settings(home=home)
    engine, store = open_database(settings), Store(settings.store)
    with writing(engine) as session:
        source = Source(adapter="benchmark", location="noise", added_at=utc_now())
        session.add(source)
        session.flush()
        for number in range(count):
            image, painted = store.put(encode_photo(photo(number))), store.put(encode_mask(mask(number)))
            submission = Submission(
                source_id=source.id, photo_name=f"{number}.png", photo_sha256=image, mask_sha256=painted, height=CROP_SIDE,
                width=CROP_SIDE, drawn=True, received_at=utc_now(),
            )  # fmt: skip
            session.add(submission)
            session.flush()
            example = Example(
                submission_id=submission.id, face_top=150, face_left=150, face_bottom=350, face_right=350, face_score=1.0,
                crop_top=0.0, crop_left=0.0, crop_side=float(CROP_SIDE), inside_top=0, inside_left=0, inside_bottom=CROP_SIDE,
                inside_right=CROP_SIDE, image_sha256=image, mask_sha256=painted, split=Split.train,
            )  # fmt: skip
            doubt = number / count
            example.suspicion = Suspicion(model="benchmark", value=doubt, reasons=[])
            example.standing = Standing(source_id=source.id, split=Split.train, doubt=doubt, lot=random_rank(image))
            session.add(example)
    engine.dispose()


def bring_in(home: Path, data: Path) -> None:
    """Fill a home with the examples of a folder of real pairs."""
    command = [sys.executable, "-m", "curator", "ingest", str(data), "--json"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "WINNOW_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(script: Path, home: Path, **environment: str) -> Iterator[str]:
    """Streamlit on a free port; yields its address. Its output goes to app.log in the home folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT,
            env={**os.environ, "WINNOW_HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
            stdout=log,
            stderr=log,
        )
    url = f"http://localhost:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


class Traffic:
    """Network traffic from now on: requests, and bytes of responses and of websocket frames in both directions."""

    def __init__(self, page: Page) -> None:
        self.requests = self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", lambda _: self._add(requests=1))
        session.on("Network.loadingFinished", lambda event: self._add(size=event["encodedDataLength"]))
        for frame in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
            session.on(frame, self._frame)
        session.send("Network.enable")

    def _add(self, requests: int = 0, size: float = 0) -> None:
        self.requests += requests
        self.bytes += int(size)

    def _frame(self, event: dict[str, Any]) -> None:
        data = event["response"]["payloadData"]
        self._add(size=len(data) * 3 / 4 if event["response"]["opcode"] == 2 else len(data))  # binary comes as base64


def measure_deck(page: Page, url: str, count: int) -> dict[str, list[float]]:
    """Times from the key to painted and to committed on the review page, in ms, for each verdict."""
    page.goto(f"{url}/review")
    page.wait_for_selector('canvas[data-state="showing"]')
    page.locator("[data-part=deck]").evaluate(WATCH_DECK)
    page.wait_for_timeout(1500)  # a person looks at the first picture too
    traffic = Traffic(page)
    painted, committed = [], []
    for _ in range(count):
        page.wait_for_selector('canvas[data-state="showing"]')
        before = page.evaluate("window.painted.example")
        page.keyboard.press("k")
        page.wait_for_function("before => window.painted.example !== before && window.committed > window.keyed", arg=before)
        keyed, at, told = page.evaluate("[window.keyed, window.painted.at, window.committed]")
        painted.append(at - keyed)
        committed.append(told - keyed)
    return {
        "painted": painted,
        "committed": committed,
        "requests": [traffic.requests / count],
        "bytes": [traffic.bytes / count],
    }


def measure_plain(page: Page, url: str, count: int) -> dict[str, list[float]]:
    """The same on the plain page."""
    page.goto(url)
    page.wait_for_selector("#now", state="attached")
    page.evaluate(WATCH_PLAIN)
    page.wait_for_function("window.painted")
    traffic = Traffic(page)
    painted, committed = [], []
    for _ in range(count):
        before = page.evaluate("[window.painted.src, document.querySelector('#now').dataset.committed]")
        page.keyboard.press("k")
        page.wait_for_function(
            """([src, committed]) => window.painted.src !== src
                && document.querySelector('#now').dataset.committed !== committed""",
            arg=before,
        )
        keyed, at, told = page.evaluate(
            "[window.keyed, window.painted.at, window.told[document.querySelector('#now').dataset.committed]]"
        )
        painted.append(at - keyed)
        committed.append(told - keyed)
    return {
        "painted": painted,
        "committed": committed,
        "requests": [traffic.requests / count],
        "bytes": [traffic.bytes / count],
    }


def figures(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile, without the first few values."""
    values = values[WARM_UP:]
    return {"median": round(median(values), 1), "p95": round(quantiles(values, n=20)[-1], 1)}


def run(count: int, data: Path | None) -> dict[str, Any]:
    """Measure both pages with the same pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is not installed. Run: apt-get install chromium")
    found: dict[str, Any] = {"verdicts": count}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for name, script, measure in [("deck", ROOT / "streamlit_app.py", measure_deck), ("plain", plain, measure_plain)]:
            home = Path(folder) / name
            if data is None:
                fill(home, count + WARM_UP + 10)
            else:
                bring_in(home, data)
            with serving(script, home) as url:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.add_init_script(KEYED)
                measured = measure(page, url, count + WARM_UP)
                page.close()
            found[name] = {kind: figures(measured[kind]) for kind in ("painted", "committed")}
            found[name]["requests_a_verdict"] = round(measured["requests"][0], 2)
            found[name]["bytes_a_verdict"] = round(measured["bytes"][0])
        browser.close()
    found["ratio"] = {
        kind: round(found["plain"][kind]["median"] / found["deck"][kind]["median"], 1) for kind in ("painted", "committed")
    }
    return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=300, help="verdicts on each page (300)")
    parser.add_argument("--data", type=Path, help="a folder of real photos and masks, with more faces than verdicts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = run(arguments.n, arguments.data)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{arguments.n} verdicts per page, 512 x 512, Chromium, {os.cpu_count()} cores; ms from the key\n")
    print(f"{'':28}{'median':>9}{'p95':>9}")
    for name, label in [("deck", "Winnow's deck"), ("plain", "st.image + st.button")]:
        for kind in ("painted", "committed"):
            print(f"{label + ', ' + kind:28}{found[name][kind]['median']:9.1f}{found[name][kind]['p95']:9.1f}")
    for name, label in [("deck", "Winnow's deck"), ("plain", "st.image + st.button")]:
        traffic = found[name]
        print(f"{label}: {traffic['requests_a_verdict']} requests, {traffic['bytes_a_verdict'] / 1024:.1f} KiB per verdict")
    print(f"\npainted {found['ratio']['painted']} times faster, committed {found['ratio']['committed']} times (medians)")


if __name__ == "__main__":
    main()
