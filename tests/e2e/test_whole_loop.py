"""The whole flow by keyboard and mouse: from an empty page to a proven Core ML file and recoloured hair."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from sqlalchemy import func, select

from curator.review.standing import counts
from db.session import reading
from db.tables import Example, Export, Suspicion, TouchUpSave
from tests.e2e.conftest import Server, canvas_pixels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # its own waits for a training are longer than a test's usual time limit
    pytest.mark.skipif(
        not (shutil.which("chromium") or shutil.which("chromium-browser")),
        reason="Chromium is not installed; apt-get install chromium",
    ),
]
SOON, LATE = 30_000, 420_000  # milliseconds; training shares two cores with other tests
DOUBTFUL = 0.3


def weights() -> dict[str, str]:
    """The encoder's real weights if they are at hand; otherwise the run starts from scratch, which is enough here."""
    data = os.environ.get("WINNOW_REAL_DATA")
    return {} if data is None else {"WINNOW_ENCODER_WEIGHTS": f"{data}/weights/mobilenet_v1_1.0_224_notop.weights.h5"}


def step(page: Page, name: str) -> None:
    """Go to a page by the links at the top."""
    page.locator(".st-key-flow").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()


def choose(page: Page, label: str, option: str) -> None:
    """Pick from a list. A page that is still rendering may close the list, so retry."""
    box = page.get_by_role("combobox", name=label)
    for _ in range(4):
        box.click()
        try:
            page.get_by_role("option", name=option).click(timeout=4000)
            break
        except PlaywrightTimeout:
            page.keyboard.press("Escape")
    expect(box).to_have_value(option)


def shown_pixels(image: Locator) -> NDArray[np.float64]:
    """What an <img> shows, (H, W, 3) 0..255; fails for one that has not loaded or is one flat colour."""
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", True)
    picture = cv2.imdecode(np.frombuffer(image.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 3, "the picture is a flat square"
    return picture.astype(np.float64)


def load_the_sample(page: Page, app: Server) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="Load the sample portraits").click()
    expect(page.get_by_text("examples wait for a verdict")).to_be_visible(timeout=LATE)


def review_everything(page: Page, app: Server) -> None:
    page.get_by_role("button", name="Review them").click()
    with reading(app.engine) as session:
        doubts = dict(session.execute(select(Suspicion.example_id, Suspicion.value)).all())
        images = dict(session.execute(select(Example.id, Example.image_sha256)).all())
    expect(page.get_by_text("drawn portrait, not a person")).to_be_visible(timeout=SOON)
    pictures = set()
    for left in range(len(doubts), 0, -1):
        canvas = page.locator('canvas[data-state="showing"]')
        canvas.wait_for(timeout=SOON)
        example = int(canvas.get_attribute("data-example") or 0)
        if left % 16 == 0:
            photo = cv2.imdecode(np.frombuffer(app.store.get(images[example]), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
            shown = canvas_pixels(page)
            untinted = np.abs(shown - photo).mean(axis=2) < 8
            assert photo.std() > 15
            assert untinted.mean() > 0.3  # the example's own photo, but for the mask over it
            pictures.add(shown.tobytes())
        page.keyboard.press("k" if doubts[example] < DOUBTFUL else "x")
        expect(page.locator(f'canvas[data-example="{example}"][data-state="showing"]')).to_have_count(0)
    assert len(pictures) == len(doubts) // 16
    expect(page.locator('[data-part="deck"]')).to_have_attribute("data-unsaved", "0", timeout=SOON)
    with reading(app.engine) as session:
        given = counts(session)
    assert given.open == 0
    assert given.keep == sum(doubt < DOUBTFUL for doubt in doubts.values())
    assert given.keep > 20


def touch_one_up(page: Page, app: Server) -> None:
    step(page, "Touch-up")
    page.locator('[data-part="painter"][data-state="idle"]').wait_for(timeout=SOON)
    page.keyboard.press("s")
    page.locator('[data-part="painter"][data-state="painting"]').wait_for(timeout=SOON)
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.85, steps=6)
    page.mouse.up()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Touched up").first).to_be_visible(timeout=SOON)
    with reading(app.engine) as session:
        assert session.scalar(select(func.count()).select_from(TouchUpSave).where(TouchUpSave.finished)) == 1


def train(page: Page) -> None:
    step(page, "Train")
    page.get_by_text("Training settings", exact=True).click()
    choose(page, "Input size, pixels", "128")
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("1")
    epochs.press("Enter")
    page.get_by_role("button", name="Train on approved set").click()
    expect(page.get_by_role("progressbar").first).to_be_visible(timeout=SOON)
    matte = page.get_by_role("button", name="matte after epoch 1").first
    expect(matte).to_be_visible(timeout=LATE)
    shown_pixels(matte.get_by_role("img"))
    expect(page.get_by_role("main").get_by_role("button", name="Stop")).to_have_count(0, timeout=LATE)


def read_the_report(page: Page) -> None:
    step(page, "Report")
    expect(page.get_by_role("heading", name="Worst")).to_be_visible(timeout=SOON)
    photo, mask = (shown_pixels(page.locator(".winnow-gallery img").nth(number)) for number in (0, 1))
    assert np.abs(photo - mask).mean() > 20


def export(page: Page, app: Server, choice: str) -> None:
    choose(page, "File", choice)
    with reading(app.engine) as session:
        before = session.scalar(select(func.count()).select_from(Export)) or 0
    page.get_by_role("button", name="Make and prove it").click()
    expect(page.get_by_text("proven", exact=True)).to_have_count(before + 1, timeout=LATE)


def download(page: Page) -> bytes:
    with page.expect_download(timeout=SOON) as waiting:
        page.get_by_role("button", name="Download").last.click()
    return Path(waiting.value.path()).read_bytes()


def try_it_on(page: Page) -> None:
    step(page, "Try-on")
    before, after = page.get_by_alt_text("the photo as it is"), page.get_by_alt_text("the photo with recoloured hair")
    expect(after).to_be_visible(timeout=SOON)
    was, now = shown_pixels(before), shown_pixels(after)
    height, width = min(was.shape[0], now.shape[0]), min(was.shape[1], now.shape[1])
    assert np.abs(was[:height, :width] - now[:height, :width]).mean() > 0.5


def test_the_whole_flow_from_an_empty_page_to_a_file_for_a_phone(page: Page, server: Callable[..., Server]) -> None:
    app = server(**weights())
    load_the_sample(page, app)
    review_everything(page, app)
    touch_one_up(page, app)
    train(page)
    read_the_report(page)
    step(page, "Export")
    export(page, app, "Core ML, float16")
    package = zipfile.ZipFile(io.BytesIO(download(page)))
    assert any(name.endswith(".mlpackage/Manifest.json") for name in package.namelist())
    assert package.testzip() is None
    export(page, app, "LiteRT, float32")
    try_it_on(page)
    with reading(app.engine) as session:
        made = list(session.scalars(select(Export)))
        assert {one.format for one in made} == {"coreml", "litert"}
        assert all(one.proofs[-1].passed for one in made)
