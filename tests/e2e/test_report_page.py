"""What a run came to, as a person reads it: the film strip, two runs side by side, a slider, files to take away."""

import csv
import io
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select, update

from curator.review.standing import counts
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Job, JobState, Measure, Reopening, Run, SetMember, Split, TouchUpRequest
from tests.e2e.conftest import Server, pick
from tests.examples import add_examples
from tests.trained import add_epoch, add_run, freeze_all

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
RUN_1 = "Run 1 · hairmattenet · set 1 · 3 epochs, best 2"


@pytest.fixture
def measured(app: Server) -> Server:
    """An app with two runs on one set, the second a little better, measured on ten validation and four test examples."""
    with writing(app.engine) as session:
        splits = ((Split.train, 2), (Split.validation, 10), (Split.test, 4))
        examples = [number for split, count in splits for number in add_examples(session, app.store, count, split)]
        number = freeze_all(session, examples, utc_now())
        began = utc_now() - timedelta(minutes=3)
        add_run(session, app.store, number, began)
        add_run(session, app.store, number, began, better=0.04, consistency=0.25, encoder="scratch")
    return app


def loaded(page: Page, pictures: str) -> int:
    """How many of the pictures that match have been fetched and decoded, all of them in view once."""
    found = page.locator(pictures)
    for at in range(found.count()):
        found.nth(at).scroll_into_view_if_needed()
    return sum(
        found.nth(at).evaluate("async image => (await image.decode(), image.naturalWidth > 0)") for at in range(found.count())
    )


def test_the_film_strip_shows_eight_examples_epoch_by_epoch_and_one_of_them_large(page: Page, measured: Server) -> None:
    page.goto(f"{measured.url}/train")
    expect(page.get_by_text("started from scratch")).to_be_visible()
    expect(page.locator("[data-part=film] td img")).to_have_count(8 * 3)
    expect(page.locator("[data-part=film] th img")).to_have_count(8)
    assert loaded(page, "[data-part=film] table img") == 8 * 3 + 8

    page.get_by_role("button", name="matte after epoch 1").first.click()
    expect(page.get_by_text("Matte after epoch 1")).to_be_visible()
    first = page.get_by_alt_text("the matte", exact=True).get_attribute("src")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Matte after epoch 2, the best")).to_be_visible()
    assert page.get_by_alt_text("the matte", exact=True).get_attribute("src") != first
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-part=film] button:focus")).to_have_attribute("data-row", "1")

    pick(page, "Run", RUN_1)
    expect(page.get_by_text("started from scratch")).to_have_count(0)


def test_a_running_training_adds_epochs_to_the_page_and_shows_the_time_left(page: Page, measured: Server) -> None:
    with writing(measured.engine) as session:
        run = session.get_one(Run, 2)
        run.settings = {**run.settings, "epochs": 30}
        wanted = select(SetMember).where(SetMember.split == Split.validation).order_by(SetMember.position).limit(8)
        members = list(session.scalars(wanted))
        now = utc_now()
        going_on = {"state": JobState.running, "progress": 0.1, "heartbeat_at": now}
        ends = now + timedelta(minutes=26, seconds=30)
        session.execute(update(Job).where(Job.id == run.job_id).values(**going_on, expected_end=ends))
    page.goto(f"{measured.url}/train")
    expect(page.get_by_test_id("stMetric").filter(has_text="Time left")).to_contain_text("about 25 min")
    page.get_by_role("button", name="matte after epoch 3").first.click()
    expect(page.get_by_text("Matte after epoch 3")).to_be_visible()
    with writing(measured.engine) as session:
        add_epoch(session, measured.store, 2, 4, utc_now(), members, best=True)
    expect(page.locator("[data-part=film] td img")).to_have_count(8 * 4)
    expect(page.get_by_text("Matte after epoch 3")).to_be_visible()  # the large one stays, and now there is one after it
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Matte after epoch 4, the best")).to_be_visible()


def test_two_runs_are_compared_in_a_table_and_under_a_slider(page: Page, measured: Server) -> None:
    page.goto(f"{measured.url}/report")
    expect(page.get_by_text("Masks of the test split: 4 as their contributors painted them.")).to_be_visible()
    pick(page, "Compare with", RUN_1)
    expect(page.get_by_text("Paired on 4 examples of the test split")).to_be_visible()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="F1 ↑", exact=True))
    # tests.trained: 0.5 + 0.04 k for k = 0..3, and 0.04 x (1, 1.1, 1.2, 1) more: 0.043 on average
    assert row.get_by_role("cell").all_inner_texts()[:3] == ["0.560", "0.603", "+0.0430"]
    assert row.get_by_role("cell").all_inner_texts()[4:] == ["better", "4"]
    expect(page.get_by_role("row").filter(has_text="consistency").filter(has_text="0.25")).to_be_visible()

    slider = page.get_by_role("slider", name="How much of Run 1 is shown, over Run 2")
    shown = page.locator("[data-part=wipe] [data-part=first]")
    assert loaded(page, "[data-part=wipe] img") == 2
    before = shown.evaluate("image => getComputedStyle(image).clipPath")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "60 % Run 1, the rest Run 2")
    assert shown.evaluate("image => getComputedStyle(image).clipPath") != before


def taken(page: Page, label: str) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    return Path(waiting.value.path())


def test_report_and_model_card_can_be_downloaded(page: Page, measured: Server, tmp_path: Path) -> None:
    page.goto(f"{measured.url}/report")
    rows = list(csv.DictReader(io.StringIO(taken(page, "Measures as CSV").read_text())))
    assert [row["split"] for row in rows] == ["validation"] * 10 + ["test"] * 4
    card = taken(page, "Model card").read_text()
    assert "## Consent" in card
    assert "started from scratch" in card
    file = tmp_path / "report.html"
    file.write_bytes(taken(page, "Report as HTML").read_bytes())
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", name="Run 2: hairmattenet on curated set 1")).to_be_visible()
    assert loaded(page, "figure img") == 4 * 3
    expect(page.get_by_role("row").filter(has_text="test").first).to_contain_text("0.603")


def test_a_run_that_was_not_measured_offers_to_do_it(page: Page, measured: Server) -> None:
    page.goto(f"{measured.url}/report")
    page.get_by_role("radio", name="guided filter").click()
    expect(page.get_by_role("button", name="Measure run 2 on test, guided filter")).to_be_visible()
    with reading(measured.engine) as session:
        assert session.scalars(select(Job).where(Job.kind == "report")).first() is None  # not before it is asked for


def test_a_run_that_was_not_measured_can_be_chosen_beside_one_that_was(page: Page, measured: Server) -> None:
    with writing(measured.engine) as session:
        session.execute(delete(Measure).where(Measure.run_id == 2))
    page.goto(f"{measured.url}/report")
    pick(page, "Compare with", RUN_1)
    expect(page.get_by_text("Run 2 against run 1")).to_be_visible()
    expect(page.get_by_text("The runs weigh consistency differently")).to_be_visible()  # the page's end
    expect(page.get_by_role("button", name="Measure run 2 on test")).to_have_count(1)
    expect(page.get_by_text("They show no real people")).to_have_count(0)  # because no portrait is shown
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_worst_examples_are_sent_to_be_touched_up(page: Page, measured: Server) -> None:
    page.goto(f"{measured.url}/report")
    expect(page.get_by_role("button", name="Touch up", exact=True)).to_be_disabled()
    page.get_by_text("Choose head-012.png").click()
    page.get_by_role("button", name="Touch up 1 example").click()
    expect(page.get_by_text("1 example waits on the Touch-up page.")).to_be_visible()
    with reading(measured.engine) as session:
        assert [one.run_id for one in session.scalars(select(TouchUpRequest))] == [2]
        assert counts(session).open == 0


def test_the_worst_examples_go_back_to_review_with_the_reason(page: Page, measured: Server) -> None:
    page.goto(f"{measured.url}/report")
    button = page.get_by_role("button", name="Back to review")
    expect(button).to_be_disabled()
    worst = page.get_by_text("Choose head-012.png")  # the first of the four test examples has the lowest F1
    worst.click()
    page.get_by_role("button", name="1 example back to review").click()
    expect(page.get_by_text("1 example is open for review again")).to_be_visible()
    expect(page.get_by_text("Waiting on the Review page.")).to_be_visible()
    expect(worst).to_have_count(0)
    with reading(measured.engine) as session:
        assert [one.run_id for one in session.scalars(select(Reopening))] == [2]
        assert counts(session).open == 1

    page.goto(f"{measured.url}/review")
    expect(page.locator('canvas[data-state="showing"]')).to_be_visible()
    expect(page.locator("[data-part=file]")).to_have_text("head-012.png")
    expect(page.get_by_text("sent back from the report of run 2")).to_be_visible()
