"""Progress and team: a name is remembered by the browser; figures, agreement and control examples, each for its readers."""

import csv
import io
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from curator.review.gold import set_answer
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import freeze
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Example, Gold, Reviewer, Split, TouchUp, TouchUpSave, Verdict
from tests.e2e.conftest import Server
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
KEEP, REJECT = Decision.keep, Decision.reject


def reviewed(app: Server) -> list[int]:
    """Ada keeps 30 of 40 examples, one every two seconds until a minute ago; Bo judges five of them, one of them otherwise.

    Ada has touched up the first mask in 84 seconds.
    """
    with writing(app.engine) as session:
        examples = add_examples(session, app.store, 40, Split.train)
        ada, bo = reviewer_called(session, "Ada").id, reviewer_called(session, "Bo").id
        start = utc_now() - timedelta(minutes=2)
        for place, example in enumerate(examples[:30]):
            record(session, ada, [NewVerdict(example, KEEP, None, new_client_id())], start + timedelta(seconds=2 * place))
        for place, example in enumerate(examples[:5]):
            decision = REJECT if place == 2 else KEEP
            record(
                session, bo, [NewVerdict(example, decision, None, new_client_id())], start + timedelta(seconds=2 * place + 1)
            )
        mask = session.get_one(Example, examples[0]).mask_sha256
        touch_up = TouchUp(
            example_id=examples[0], reviewer_id=ada, mask_before_sha256=mask, started_at=start, seconds_shown=120,
            saves=[TouchUpSave(mask_after_sha256=mask, seconds_used=84.0, finished=True, at=start + timedelta(seconds=84))],
        )  # fmt: skip
        session.add(touch_up)
    return examples


def be(page: Page, app: Server, name: str) -> None:
    """Set the reviewer's name in this browser."""
    page.context.add_cookies([{"name": "winnow_reviewer", "value": name, "url": app.url}])


def saved(page: Page, name: str) -> list[dict[str, str]]:
    """The rows of the CSV file that a button or a link saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))


def test_verdicts_are_stored_under_the_browsers_reviewer_name(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 2, Split.train)
    page.goto(f"{app.url}/team")
    page.get_by_role("radio", name="You").click()
    page.get_by_label("Your name").fill("Zoë Łukasz; path=/x")  # a name is data, also in a cookie
    page.get_by_role("button", name="Review under this name").click()
    expect(page.get_by_text("This browser now reviews as Zoë Łukasz; path=/x.")).to_be_visible()
    page.wait_for_function("() => document.cookie.includes('winnow_reviewer=')")
    page.goto(f"{app.url}/review")  # a new session of the page: only the browser remembers
    page.wait_for_selector('canvas[data-state="showing"]')
    page.keyboard.press("k")
    expect(page.locator('[data-part="deck"]')).to_have_attribute("data-unsaved", "0")
    page.wait_for_selector('canvas[data-example="2"][data-state="showing"]')
    with reading(app.engine) as session:
        names = list(session.scalars(select(Reviewer.name).join(Verdict, Verdict.reviewer_id == Reviewer.id)))
    assert names == ["Zoë Łukasz; path=/x"]


def test_the_address_holds_the_chosen_part(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/team")
    expect(page.get_by_text("Nobody has given a verdict yet")).to_be_visible()
    page.get_by_role("radio", name="Agreement").click()
    expect(page.get_by_text("No two reviewers have judged the same example yet.")).to_be_visible()
    assert page.url == f"{app.url}/team?part=agreement"
    page.reload()
    expect(page.get_by_text("No two reviewers have judged the same example yet.")).to_be_visible()
    page.goto(f"{app.url}/team?part=nonsense")
    expect(page.get_by_text("Nobody has given a verdict yet")).to_be_visible()


def test_progress_says_how_fast_what_is_left_and_when_it_is_done(page: Page, app: Server) -> None:
    reviewed(app)
    freeze(app.engine, "", datetime(2026, 2, 3, 14, 2, tzinfo=UTC), by="<b>Ada</b>")
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page.goto(f"{app.url}/team")
    # 35 verdicts in 58 s, the first of them unseen in its making: a pace, but no basis for a forecast.
    figure = page.get_by_test_id("stMetric")
    expect(figure.filter(has_text="Verdicts per minute")).to_contain_text("35")
    expect(figure.filter(has_text="Verdicts today")).to_contain_text("35")
    expect(figure.filter(has_text="Left to review")).to_contain_text("10")
    expect(figure.filter(has_text="Time left")).to_contain_text("—")
    expect(page.get_by_text("told after 30 verdicts in 5 min")).to_be_visible()
    expect(figure.filter(has_text="Masks touched up").get_by_test_id("stMetricValue")).to_have_text("1")
    expect(figure.filter(has_text="Seconds a touch-up").get_by_test_id("stMetricValue")).to_have_text("84")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)
    expect(page.get_by_label("1 touch-up by week, stacked by reviewer", exact=True)).to_be_visible()
    expect(page.get_by_text("Each rejected or disputed example once")).to_be_visible()
    rows = {row["reviewer"]: row for row in saved(page, "Reviewers as CSV")}
    assert (rows["Ada"]["verdicts"], rows["Bo"]["verdicts"]) == ("30", "5")
    assert float(rows["Bo"]["agreed"]) == 0.8
    assert float(rows["Ada"]["median seconds"]) == pytest.approx(2.0)
    (source,) = saved(page, "Sources as CSV")
    assert (source["decided"], source["kept"], source["disputed"], source["open"]) == ("30", "29", "1", "10")
    page.get_by_role("radio", name="What happened").click()
    row = page.get_by_role("row").filter(has_text="<b>Ada</b>")
    expect(row).to_contain_text("Froze set 1 with 29 examples.")
    expect(row).to_contain_text("3 Feb 2026, 23:02")  # as the reader's clock shows it


def test_agreement_shows_intervals_and_links_to_disagreements(page: Page, app: Server) -> None:
    reviewed(app)
    page.goto(f"{app.url}/team?part=agreement")
    expect(page.get_by_text("With 5 examples this is still uncertain; wait for at least 30.")).to_be_visible()
    (pair,) = saved(page, "Pairs as CSV")
    assert (pair["first"], pair["second"], pair["examples"], float(pair["observed"])) == ("Ada", "Bo", "5", 0.8)
    expect(page.get_by_text("1 disagreement waits for a lead")).to_be_visible()
    page.get_by_role("link", name="Settle them").click()
    page.wait_for_url(f"{app.url}/review?show=disputed")


def test_only_leads_see_control_examples_and_others_verdicts(page: Page, server: Callable[..., Server]) -> None:
    app = server(WINNOW_LEADS="Ada")
    examples = reviewed(app)
    with writing(app.engine) as session:
        ada, bo = reviewer_called(session, "Ada").id, reviewer_called(session, "Bo").id
        for example in examples[30:32]:
            set_answer(session, ada, example, KEEP, None, utc_now())
        record(session, bo, [NewVerdict(examples[30], REJECT, None, new_client_id())], utc_now())

    be(page, app, "Bo")
    page.goto(f"{app.url}/team?part=gold")
    expect(page.get_by_text("Only leads see which")).to_be_visible()
    assert page.get_by_role("button", name="Withdraw").count() == 0
    page.goto(f"{app.url}/team")
    assert {row["reviewer"] for row in saved(page, "Your verdicts as CSV")} == {"Bo"}
    assert page.get_by_role("radio", name="By contributor").count() == 0
    assert not [column for column in saved(page, "Reviewers as CSV")[0] if "gold" in column]
    page.goto(f"{app.url}/team?part=agreement")
    expect(page.get_by_text("waits for a lead")).to_be_visible()
    assert page.get_by_role("link", name="Settle them").count() == 0

    be(page, app, "Ada")
    page.goto(f"{app.url}/team")
    expect(page.get_by_role("radio", name="By contributor")).to_be_visible()
    log = saved(page, "Verdict log as CSV")
    assert {row["reviewer"] for row in log} == {"Ada", "Bo"}
    assert {int(row["example"]) for row in log if row["settles"] == "1"} == set(examples[30:32])
    rows = {row["reviewer"]: row for row in saved(page, "Reviewers as CSV")}
    assert (rows["Bo"]["gold hit rate"], rows["Bo"]["gold tries"], rows["Ada"]["gold tries"]) == ("0.0", "1", "0")
    page.goto(f"{app.url}/team?part=gold")
    expect(page.get_by_text("hit 0 of 1")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(2)
    page.get_by_role("button", name="Withdraw").first.click()  # the one that Bo missed
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(1)
    with reading(app.engine) as session:
        newest = session.scalars(select(Gold).order_by(Gold.id.desc()).limit(1)).one()
    assert (newest.example_id, newest.answer) == (examples[30], None)
