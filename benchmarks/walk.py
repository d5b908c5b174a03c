"""The walk of a newcomer: from an empty page to a proven file, with 60 real photos; clicks, keys and seconds of every step.

    WINNOW_ENCODER_WEIGHTS=... python benchmarks/walk.py ../shared/data/street [-n 60] [--json]

A real browser does what a person would do with mouse and keyboard, and waits for what a person would wait for. It judges at
once: an example with a suspicion below --keep-below is kept, any other rejected. So the seconds are the machine's alone, and
the clicks and keys are what the pages ask of a person. Choosing a folder in the system's dialog is not counted.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from playwright.sync_api import Locator, Page, expect, sync_playwright
from sqlalchemy import select

from benchmarks.deck import serving
from db.session import open_database, reading
from db.settings import Settings
from db.tables import Export, Suspicion

SOON, LATE = 60_000, 1_800_000  # milliseconds


@dataclass
class Step:
    """What one step of the walk has cost."""

    name: str
    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0


@dataclass
class Walk:
    """A page, and what was done on it so far."""

    page: Page
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what the block does as a step of that name."""
        self.steps.append(Step(name))
        began = time.perf_counter()
        yield
        self.steps[-1].seconds = round(time.perf_counter() - began, 1)

    def click(self, what: Locator) -> None:
        """Click something, once it can be clicked."""
        expect(what).to_be_enabled(timeout=SOON)
        what.click()
        self.steps[-1].clicks += 1

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)
        self.steps[-1].keys += 1

    def go(self, name: str) -> None:
        """Follow one of the links at the top."""
        self.click(self.page.locator(".st-key-flow").get_by_role("link", name=name))


def some_of(source: Path, count: int, folder: Path) -> None:
    """Copy the first `count` photos of a folder, with their masks, to a new folder."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for photo in sorted((source / "images").iterdir())[:count]:
        shutil.copy(photo, folder / "images")
        for mask in (source / "masks").glob(f"{photo.stem}.*"):
            shutil.copy(mask, folder / "masks")


def ingest(walk: Walk, url: str, folder: Path) -> None:
    """Bring the folder in, until the page says what to do next."""
    page = walk.page
    page.goto(url)
    walk.click(page.get_by_role("button", name="Ingest your own photos"))
    with page.expect_file_chooser() as waiting:
        walk.click(page.get_by_role("button", name="Choose a folder"))
    waiting.value.set_files(folder)
    walk.click(page.get_by_role("button", name="Ingest now"))
    expect(page.get_by_role("status").get_by_role("link", name="Review")).to_be_visible(timeout=LATE)


def review(walk: Walk, doubts: dict[int, float], keep_below: float) -> None:
    """Judge every example on the deck."""
    page = walk.page
    walk.click(page.get_by_role("status").get_by_role("link", name="Review"))
    for _ in doubts:
        canvas = page.locator('canvas[data-state="showing"]')
        canvas.wait_for(timeout=SOON)
        example = canvas.get_attribute("data-example") or ""
        walk.press("k" if doubts[int(example)] < keep_below else "x")
        expect(page.locator(f'canvas[data-example="{example}"][data-state="showing"]')).to_have_count(0)
    expect(page.locator('[data-part="deck"]')).to_have_attribute("data-unsaved", "0", timeout=SOON)


def train(walk: Walk) -> None:
    """Train as the preset says that is there to try it, and wait for the report."""
    page = walk.page
    walk.go("Train")
    walk.click(page.get_by_role("button", name="Try it"))
    walk.click(page.get_by_role("button", name="Train on approved set"))
    expect(page.get_by_role("status").get_by_role("link", name="Report")).to_be_visible(timeout=LATE)


def export(walk: Walk, folder: Path) -> Path:
    """Make a file, wait for its proof and download it."""
    page = walk.page
    walk.go("Export")
    walk.click(page.get_by_role("button", name="Make and prove it"))
    expect(page.get_by_text("proven", exact=True)).to_be_visible(timeout=LATE)
    with page.expect_download(timeout=SOON) as waiting:
        walk.click(page.get_by_role("button", name="Download"))
    waiting.value.save_as(folder / "downloaded.zip")
    return folder / "downloaded.zip"


def run(source: Path, count: int, keep_below: float) -> list[Step]:
    """Walk once, on an empty home; returns the steps."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is not installed. Run: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home, photos = Path(folder) / "home", Path(folder) / "selfies"
        home.mkdir()
        some_of(source, count, photos)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        with serving(ROOT / "streamlit_app.py", home) as url:
            page = browser.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
            page.set_default_timeout(SOON)
            walk = Walk(page)
            with walk.step("ingest"):
                ingest(walk, url, photos)
            engine = open_database(Settings(home=home))
            with reading(engine) as session:
                doubts = dict(session.execute(select(Suspicion.example_id, Suspicion.value)).all())
            with walk.step(f"review {len(doubts)} examples"):
                review(walk, doubts, keep_below)
            with walk.step("train 3 epochs at 128 pixels, and measure"):
                train(walk)
            with walk.step("read the report"):
                walk.click(page.get_by_role("status").get_by_role("link", name="Report"))
                expect(page.get_by_role("heading", name="Worst")).to_be_visible(timeout=SOON)
            with walk.step("export and prove"):
                file = export(walk, Path(folder))
            with zipfile.ZipFile(file) as package, reading(engine) as session:
                proof = session.scalars(select(Export)).one().proofs[-1]
                if package.testzip() is not None or not proof.passed:
                    raise SystemExit("The downloaded file is damaged or not proven.")
            engine.dispose()
        browser.close()
    return walk.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a folder with images/ and masks/")
    parser.add_argument("-n", "--number", type=int, default=60, help="photos")
    parser.add_argument("--keep-below", type=float, default=0.3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    steps = run(given.source, given.number, given.keep_below)
    total = Step("all", sum(one.clicks for one in steps), sum(one.keys for one in steps), sum(one.seconds for one in steps))
    if given.json:
        print(json.dumps([asdict(one) for one in [*steps, total]]))
        return
    print(f"{'step':<46}{'clicks':>8}{'keys':>8}{'seconds':>10}")
    for one in [*steps, total]:
        print(f"{one.name:<46}{one.clicks:>8}{one.keys:>8}{one.seconds:>10.1f}")


if __name__ == "__main__":
    main()
