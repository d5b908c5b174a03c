"""What somebody sees who opens a page for the first time, and when: on this machine's own line, and on a slow one.

    python benchmarks/first_paint.py [--plain] [--pages /review] [--kilobytes 50] [--latency 300] [--json]

Each page is opened in a new browser with an empty cache: once as fast as this machine can, once with Chromium's own brake of
50 kB/s and 300 ms an answer. The app runs on a home of its own, with drawn portraits, a set and a run.

- paint: the first text or picture is on the screen (Chromium's first-contentful-paint).
- page: what one opens the page for is there: its heading, and where a picture has the page's room, the picture.
- kB: everything that crossed the network until then, websocket frames too, as it was packed.

With --plain, the pages come as Streamlit alone sends them: no splash, and nothing packed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass

from playwright.sync_api import Browser, sync_playwright

from benchmarks.deck import Traffic, serving
from benchmarks.machine import machine
from db.jobs import utc_now
from db.session import open_database, writing
from db.settings import Settings
from db.store import Store
from db.tables import Split
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.examples import add_examples, add_faceless
from tests.trained import add_run, freeze_all

HEADING = "[data-testid=stApp] :is(h1, h2)"
PAGES = {
    "/": HEADING,
    "/ingest": HEADING,
    "/aside": "[data-part=aside][data-state=showing]",
    "/review": "canvas[data-state=showing]",
    "/review?view=grid": ".tile[data-state=showing]",
    "/touchup": HEADING,
    "/sets": HEADING,
    "/refinements": HEADING,
    "/train": HEADING,
    "/report": HEADING,
    "/export": HEADING,
    "/tryon": HEADING,
    "/guide": HEADING,
    "/team": HEADING,
}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(frozen=True)
class View:
    """One first view: milliseconds from the navigation, and kilobytes."""

    paint: float
    page: float
    kilobytes: float


def fill(home: Path) -> None:
    """Fill a home with something to show on every page."""
    settings = Settings(home=home)
    engine, store = open_database(settings), Store(settings.store)
    with writing(engine) as session:
        add_faceless(session, store, 2)
        add_examples(session, store, 12, Split.train)
        seen = add_examples(session, store, 3, Split.validation)
        add_run(session, store, freeze_all(session, seen, utc_now()), utc_now(), encoder="scratch")
    engine.dispose()


def first_view(browser: Browser, url: str, wanted: str, line: dict[str, float] | None) -> View:
    """Open a page with an empty cache, on a line of so many bytes a second and milliseconds an answer."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(300_000)
    traffic = Traffic(page)
    if line is not None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", {"offline": False, **line})
    page.goto(url, wait_until="commit")
    page.wait_for_selector(wanted, state="attached")
    shown = page.evaluate("performance.now()")
    view = View(page.evaluate(PAINT), shown, traffic.bytes / 1000)
    page.close()
    return view


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kilobytes", type=float, default=50, help="the slow line's kilobytes a second (50)")
    parser.add_argument("--latency", type=float, default=300, help="milliseconds before each answer on it (300)")
    parser.add_argument("--pages", nargs="*", default=list(PAGES), help="paths, such as /review (all pages)")
    parser.add_argument("--plain", action="store_true", help="as Streamlit alone sends them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    speed = arguments.kilobytes * 1000
    slow = {"latency": arguments.latency, "downloadThroughput": speed, "uploadThroughput": speed}
    if not arguments.json:
        print(f"{machine()}; Chromium, empty cache; slow: {arguments.kilobytes:g} kB/s, {arguments.latency:g} ms\n")
        print(f"{'ms':20}{'quiet paint':>12}{'page':>8}{'slow paint':>12}{'page':>8}{'kB':>8}")
    found = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        fill(home)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        door = Path(folder) / "door.py"
        whole = (ROOT / "streamlit_app.py").read_text()
        door.write_text(whole.replace(", Middleware(FirstView)", "") if arguments.plain else whole)
        with serving(door, home) as url:
            first_view(browser, url, HEADING, None)  # the app's own first page imports what all need
            for path in arguments.pages:
                quiet, braked = (first_view(browser, url + path, PAGES[path], line) for line in (None, slow))
                found[path] = {"quiet": asdict(quiet), "slow": asdict(braked)}
                if not arguments.json:
                    print(
                        f"{path:20}{quiet.paint:12.0f}{quiet.page:8.0f}{braked.paint:12.0f}{braked.page:8.0f}"
                        f"{braked.kilobytes:8.0f}",
                        flush=True,
                    )
        browser.close()
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
