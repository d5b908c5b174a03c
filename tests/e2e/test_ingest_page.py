"""Folders, files and zips through the page: what came in, what was refused and why, and what becomes of the upload."""

import base64
import csv
import io
import os
import re
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import func, select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.sample import write_sample
from curator.upkeep.check import check
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Example, Refusal, Source, Submission
from tests.e2e.conftest import Server
from tests.examples import LONG_AGO, TOMORROW

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
SOON = 90_000  # milliseconds; worker processes start and dlib looks for faces


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight drawn portraits; one shows no face."""
    folder = tmp_path_factory.mktemp("drawn")
    write_sample(folder, 8, seed=5)
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by their names."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return into.getvalue()


def choose(page: Page, file: Path) -> None:
    """Choose a file to upload, as if a person had picked it."""
    page.get_by_label("A zip, or photos and their masks").set_input_files(file)
    expect(place(page).get_by_text(file.name, exact=True)).to_be_visible()


def place(page: Page) -> Locator:
    """Where files are dropped."""
    return page.get_by_role("region", name="Upload photos and masks")


def upload(page: Page, folder: Path, name: str, data: bytes, button: str = "Ingest now") -> None:
    (folder / name).write_bytes(data)
    choose(page, folder / name)
    page.get_by_role("button", name=button).click()


def test_a_zip_is_ingested_with_a_summary_that_names_its_bad_files(
    page: Page, app: Server, drawn: Path, tmp_path: Path
) -> None:
    files = {
        f"{part}/{file.name}": file.read_bytes() for part in ("images", "masks") for file in sorted((drawn / part).iterdir())
    }
    files |= {"images/notes.jpg": b"this is not a picture", "masks/notes.png": files["masks/sample-001.png"]}
    page.goto(f"{app.url}/ingest")
    upload(page, tmp_path, "crowd.zip", zipped(files))
    expect(page.get_by_text("crowd.zip: 8 new (1 without a face), 0 already here, 1 refused.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("radio", name="Refused 1")).to_be_checked()
    assert csv_of(page, "1 row as CSV") == [["images/notes.jpg", "crowd.zip"]]
    page.get_by_role("radio", name="No face found 1").check(force=True)
    expect(page.get_by_role("link", name="Draw their crops by hand")).to_be_visible()
    assert list(app.settings.uploads.glob("*")) == []

    page.goto(f"{app.url}/ingest")
    upload(page, tmp_path, "crowd.zip", zipped(files))
    expect(page.get_by_text("crowd.zip: 0 new, 8 already here (from crowd.zip, ")).to_be_visible(timeout=SOON)


def test_a_zip_that_could_not_be_ingested_is_named_as_sent_and_can_be_ingested_again(
    page: Page, app: Server, tmp_path: Path
) -> None:
    page.goto(f"{app.url}/ingest")
    upload(page, tmp_path, "holiday.zip", zipped({"letter.txt": b"Dear Ada"}))
    expect(page.get_by_role("alert")).to_contain_text("holiday.zip: Winnow does not recognise this format.", timeout=SOON)
    (kept,) = app.settings.uploads.glob("*")
    kept.write_bytes(zipped({"images/a.jpg": b"not a picture", "masks/a.png": b"no mask"}))  # say, a newer Winnow reads it
    page.get_by_role("button", name="Ingest it again").click()
    expect(page.get_by_text("holiday.zip: 0 new, 0 already here, 1 refused.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("button", name="Ingest it again")).to_be_hidden()
    assert list(app.settings.uploads.glob("*")) == []


DROP = """
([place, files]) => {
  const carried = new DataTransfer();
  const bytes = (data) => Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  for (const [name, data] of files) carried.items.add(new File([bytes(data)], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    place.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}
"""


def drop(page: Page, files: list[Path]) -> None:
    """Drop loose files, as from a file manager."""
    onto = place(page).locator("[data-part=drop]").element_handle()
    page.evaluate(DROP, [onto, [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]])


def test_a_folder_and_loose_files_come_in_fill_the_wall_and_an_ingest_is_taken_back(
    page: Page, app: Server, drawn: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(drawn, tmp_path / "Straße 1")
    (folder / "manifest.csv").unlink()
    shutil.rmtree(folder / "alphas")
    (folder / ".DS_Store").touch()
    page.goto(f"{app.url}/ingest")
    page.get_by_label("A folder of photos and their masks").set_input_files(folder)
    expect(place(page).get_by_text("have arrived.")).to_be_visible()
    page.get_by_role("button", name="Ingest now").click()
    wall = page.get_by_role("region", name="What came in")
    tiles = wall.get_by_role("link")
    expect(page.get_by_text("Straße 1: 8 new (1 without a face), 0 already here, 0 refused.")).to_be_visible(timeout=SOON)
    expect(tiles).to_have_count(8)
    expect(wall.get_by_role("link", name="no face found")).to_have_attribute("href", "/aside")
    drawn = "canvas => [...canvas.getContext('2d').getImageData(96, 96, 1, 1).data].at(-1) === 255"
    for tile in tiles.locator("canvas").all():
        page.wait_for_function(drawn, arg=tile.element_handle())
    with reading(app.engine) as session:
        assert list(session.scalars(select(Source.location))) == ["Straße 1"]
        photos = {one.photo_name for one in session.scalars(select(Submission))}
    assert photos == {f"images/{file.name}" for file in (folder / "images").iterdir()}
    stored = set(app.store.all())
    with writing(app.engine) as session:  # now, because the page asks only every few seconds what was decided
        ada = reviewer_called(session, "Ada")
        first = session.scalars(select(func.min(Example.id))).one()
        record(session, ada.id, [NewVerdict(first, Decision.keep, None, "one")], utc_now(), 0.0)

    more = tmp_path / "more"
    write_sample(more, 2, seed=6)
    loose = [*sorted((more / "images").iterdir())[:2], *sorted((folder / "images").iterdir())[:1]]
    renamed = tmp_path / "loose"
    renamed.mkdir()
    for number, photo in enumerate(loose):
        mask = next(file for file in (photo.parents[1] / "masks").iterdir() if file.stem == photo.stem)
        shutil.copy(photo, renamed / f"p{number}{photo.suffix}")
        shutil.copy(mask, renamed / f"p{number}-mask.png")
    drop(page, sorted(renamed.iterdir()))
    expect(place(page).get_by_text("p0-mask.png and 5 more", exact=True)).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("3 photos: 2 new, 1 already here (from Straße 1, ")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Ingest 3 photos").click()
    expect(page.get_by_text(re.compile(r"p0.* and 5 more: 2 new.*, 1 already here \(from Straße 1, "))).to_be_visible(
        timeout=SOON
    )
    expect(tiles).to_have_count(2)

    page.reload()
    undos = page.get_by_role("button", name="Undo")
    expect(undos).to_have_count(2, timeout=SOON)
    expect(undos.nth(1)).to_be_disabled()
    expect(page.get_by_text("1 of its examples was judged.")).to_be_visible()
    undos.nth(0).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("2 photos, with their masks, crops and refusals, are deleted here")).to_be_visible()
    dialog.get_by_role("button", name="Delete them").click()
    expect(page.get_by_text("2 photos of it are deleted, and may come in again.")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Taken back by ")).to_be_visible()
    expect(wall).to_be_hidden()
    with reading(app.engine) as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 8
        found = check(session, app.store, TOMORROW)
    assert set(app.store.all()) == stored
    assert (found.missing, found.damaged, found.wrongly_standing) == ([], [], [])  # other tests' pictures are there, too


def csv_of(page: Page, label: str) -> list[list[str]]:
    """The file and the source of each row that the button downloads."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    rows = list(csv.reader(waiting.value.path().read_text("utf-8").splitlines()))
    assert rows[0] == ["at", "file", "why", "source"]
    return [[row[1], row[3]] for row in rows[1:]]


def test_a_zip_can_be_previewed_and_then_discarded_or_ingested(page: Page, app: Server, drawn: Path, tmp_path: Path) -> None:
    names = [file.name for file in sorted((drawn / "images").iterdir())][:2]
    files = {f"images/{name}": (drawn / "images" / name).read_bytes() for name in names}
    files |= {f"masks/{name[:-4]}.png": (drawn / "masks" / f"{name[:-4]}.png").read_bytes() for name in names}
    files["images/alone.jpg"] = b"without a mask"
    page.goto(f"{app.url}/ingest")
    upload(page, tmp_path, "crowd.zip", zipped(files), "Preview")
    expect(
        page.get_by_text("2 photos: 2 new, 0 already here. 1 refused, 0 not read. Nothing has been written yet.")
    ).to_be_visible(timeout=SOON)
    expect(page.get_by_text("it has a folder images/")).to_be_visible()
    with reading(app.engine) as session:
        assert session.scalars(select(Submission)).all() == []
        assert session.scalars(select(Refusal)).all() == []
    page.get_by_role("button", name="Discard it").click()
    expect(page.get_by_role("button", name="Ingest 2 photos")).to_be_hidden()
    assert list(app.settings.uploads.glob("*")) == []

    upload(page, tmp_path, "crowd.zip", zipped(files), "Preview")
    page.get_by_role("button", name="Ingest 2 photos").click(timeout=SOON)
    expect(page.get_by_text("crowd.zip: 2 new, 0 already here, 1 refused.")).to_be_visible(timeout=SOON)
    assert list(app.settings.uploads.glob("*")) == []


def test_a_zip_whose_masks_may_mean_several_things_is_asked_about_and_then_ingested(
    page: Page, app: Server, drawn: Path, tmp_path: Path
) -> None:
    name = min(file.name for file in (drawn / "images").iterdir())
    hair = cv2.imread(str(drawn / "masks" / f"{name[:-4]}.png"), cv2.IMREAD_GRAYSCALE) > 127
    classes = np.where(hair, 2, np.where(np.arange(len(hair))[:, None] > 400, 1, 0)).astype(np.uint8)
    mask = cv2.imencode(".png", classes)[1].tobytes()
    page.goto(f"{app.url}/ingest")
    photo = (drawn / "images" / name).read_bytes()
    upload(page, tmp_path, "classes.zip", zipped({f"images/{name}": photo, f"masks/{name[:-4]}.png": mask}))
    again = page.get_by_role("button", name="Ingest it again")
    expect(again).to_be_disabled(timeout=SOON)
    expect(page.get_by_role("img")).to_have_count(1)  # the photo, tinted
    page.get_by_role("combobox", name="Hair is").click()
    page.get_by_role("option", name="2 (").click()
    page.keyboard.press("Escape")
    expect(again).to_be_enabled()
    again.click()
    expect(page.get_by_text("classes.zip: 1 new, 0 already here")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("hair is 2 of 0, 1, 2").first).to_be_visible()
    assert list(app.settings.uploads.glob("*")) == []
    with reading(app.engine) as session:
        meaning = session.scalars(select(Source.meaning)).one()
    assert (meaning["values"], meaning["hair"]) == ([0, 1, 2], [2])


def test_the_outcomes_of_files_are_searched_and_paged(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        source = Source(adapter="zip", location="big.zip", added_at=LONG_AGO)
        session.add(source)
        session.flush()
        reasons = {7: "its mask: it is torn."}
        session.add_all(
            Refusal(source_id=source.id, file=f"{number:03}.jpg", reason=reasons.get(number, "it is no picture."), at=LONG_AGO)
            for number in range(120)
        )
    page.goto(f"{app.url}/ingest")
    assert len(csv_of(page, "120 rows as CSV")) == 120
    expect(page.get_by_role("button", name="Page 3")).to_be_visible()
    page.get_by_role("textbox", name="Search").fill("TORN")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page.get_by_role("button", name="1 row as CSV")).to_be_visible()
    assert csv_of(page, "1 row as CSV") == [["007.jpg", "big.zip"]]
    page.get_by_role("textbox", name="Search").fill("nothing like it")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page.get_by_text("No file matches these filters.")).to_be_visible()


def test_an_empty_zip_is_refused_in_one_sentence_before_any_ingest(page: Page, app: Server, tmp_path: Path) -> None:
    page.goto(f"{app.url}/ingest")
    (tmp_path / "empty.zip").write_bytes(zipped({}))
    choose(page, tmp_path / "empty.zip")
    expect(page.get_by_role("alert").filter(has_text="empty.zip is empty.")).to_be_visible()
    expect(page.get_by_role("button", name="Ingest now")).to_be_disabled()
    assert list(app.settings.uploads.glob("*")) == []


def test_an_upload_that_a_reload_broke_off_goes_on_with_the_rest_and_one_can_leave_the_page_meanwhile(
    page: Page, app: Server, tmp_path: Path
) -> None:
    file = tmp_path / "crowd.zip"
    data = zipped({"images/a.jpg": os.urandom(5 * 2**20)})
    file.write_bytes(data)
    page.goto(f"{app.url}/ingest")
    pieces: list[Route] = []

    def break_off_after_the_first(route: Route) -> None:
        pieces.append(route)
        route.continue_() if len(pieces) == 1 else route.abort()

    page.route("**/api/uploads/piece", break_off_after_the_first)
    choose(page, file)
    expect(page.get_by_role("alert").filter(has_text="Winnow cannot be reached right now. Trying again")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This upload broke off. Choose or drop the same files again")).to_be_visible()
    expect(page.get_by_text("1 MB of 5 MB are here")).to_be_visible()
    (part,) = app.settings.uploads.glob("*.part")
    assert data.startswith(part.read_bytes())
    choose(page, file)
    page.locator(".st-key-flow").get_by_role("link", name="Sets").click()
    expect(page.get_by_role("heading", name="Sets")).to_be_visible()
    page.unroute("**/api/uploads/piece")
    page.locator(".st-key-flow").get_by_role("link", name="Ingest").click()
    expect(page.get_by_text("5 MB have arrived.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("button", name="Ingest now")).to_be_enabled()
    (whole,) = app.settings.uploads.glob("*")
    assert whole.read_bytes() == data
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Ingest now")).to_be_disabled()
    assert list(app.settings.uploads.glob("*")) == []
