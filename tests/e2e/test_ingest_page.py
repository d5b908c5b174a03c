"""A zip through the page: what came in, what was refused and why, and what becomes of the upload."""

import io
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from curator.sample import write_sample
from tests.e2e.conftest import Server

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
SOON = 90_000  # milliseconds; worker processes start and dlib looks for faces


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by their names."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return into.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    page.locator('input[type="file"]').set_input_files({"name": name, "mimeType": "application/zip", "buffer": data})
    expect(page.get_by_text(name).first).to_be_visible()
    page.get_by_role("button", name="Bring it in").click()


def test_a_zip_comes_in_with_a_summary_and_its_bad_files_are_named(page: Page, app: Server, tmp_path: Path) -> None:
    write_sample(tmp_path, 8, seed=5)
    files = {
        f"{part}/{file.name}": file.read_bytes() for part in ("images", "masks") for file in sorted((tmp_path / part).iterdir())
    }
    files |= {"images/notes.jpg": b"this is not a picture", "masks/notes.png": files["masks/sample-001.png"]}
    page.goto(f"{app.url}/ingest")
    upload(page, "crowd.zip", zipped(files))
    expect(page.get_by_text("9 seen, 8 added (1 without a face), 0 there already, 1 refused.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("heading", name="Refused")).to_be_visible()
    expect(page.get_by_role("heading", name="No face found")).to_be_visible()
    expect(page.locator(".winnow-gallery img").first).to_have_js_property("complete", True)
    assert page.locator(".winnow-gallery img").first.evaluate("image => image.naturalWidth") > 100
    assert list(app.settings.uploads.glob("*")) == []

    upload(page, "crowd.zip", zipped(files))
    expect(page.get_by_text("9 seen, 0 added (0 without a face), 8 there already, 1 refused.")).to_be_visible(timeout=SOON)


def test_an_empty_zip_is_refused_in_one_sentence_and_loses_nothing(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/ingest")
    upload(page, "empty.zip", zipped({}))
    expect(page.get_by_role("alert").filter(has_text="empty")).to_be_visible(timeout=SOON)
    assert list(app.settings.uploads.glob("*")) == []
