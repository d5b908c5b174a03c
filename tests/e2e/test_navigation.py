"""The navigation of every page: its counts, the jobs that run, and news of those that ended."""

import json
import re
import shutil
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from db.jobs import utc_now
from db.session import writing
from db.tables import Job, JobState
from tests.e2e.conftest import Server
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
LATE = 20_000  # ms; what took long to count is kept for a while
STEPS = """
() => [...document.querySelectorAll(".st-key-flow a")].map((step) => {
    const { left, top, width } = step.getBoundingClientRect();
    return [left, top, width];
})
"""

# A browser that can notify, and has not been asked whether it may; its window is behind another one.
NOTIFIES = """
document.hasFocus = () => false;
window.asked = 0;
window.notified = [];
window.Notification = class {
    static get permission() { return sessionStorage.permission ?? "default"; }
    static async requestPermission() { window.asked++; return (sessionStorage.permission = "granted"); }
    constructor(title, { body, tag }) { window.notified.push([title, body, tag]); }
};
"""


def begin(app: Server, kind: str, message: str) -> int:
    with writing(app.engine) as session:
        now = utc_now()
        job = Job(
            kind=kind, arguments=[], state=JobState.running, progress=0.45, message=message, created_at=now, heartbeat_at=now
        )
        session.add(job)
        session.flush()
        return job.id


def end(app: Server, number: int, state: JobState, **values: Any) -> None:
    with writing(app.engine) as session:
        job = session.get_one(Job, number)
        job.state, job.ended_at = state, utc_now()
        for name, value in values.items():
            setattr(job, name, value)


def look_again(page: Page) -> None:
    """What the navigation does when its tab is shown again, and every five seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_job_is_shown_on_every_page_and_its_end_is_told_once_with_the_next_step(page: Page, app: Server) -> None:
    page.clock.install()
    page.add_init_script(NOTIFIES)
    number = begin(app, "ingest", "27 of 60")
    page.goto(app.url + "/sets")
    navigation = page.get_by_role("navigation", name="Steps")
    news, chip = navigation.get_by_role("status"), navigation.get_by_role("link", name="27 of 60")
    expect(chip).to_contain_text("Ingest")
    expect(chip).to_contain_text("45 %")
    expect(page).to_have_title("45 % Ingest · Sets · Winnow")
    before = page.evaluate(STEPS)
    bell = navigation.get_by_role("button", name="Notify me when it is done")
    expect(bell).to_be_hidden()  # what may be over in a moment is not worth the question
    with writing(app.engine) as session:
        session.get_one(Job, number).created_at -= timedelta(seconds=15)
    look_again(page)
    expect(bell).to_be_visible()
    assert page.evaluate("window.asked") == 0
    bell.click()
    expect(bell).to_be_hidden()
    assert page.evaluate("window.asked") == 1

    with writing(app.engine) as session:
        add_examples(session, app.store, 1)
    result = {"added": 56, "no_face": 4, "already": 0, "refusals": 0}
    end(app, number, JobState.done, result=result | {"seen": 60, "refused": []})
    look_again(page)
    expect(news.get_by_text("Ingested 56, 4 without a face.")).to_be_visible()
    expect(page).to_have_title("✓ Ingest done · Sets · Winnow")
    assert page.evaluate("window.notified") == [["Ingest done", "Ingested 56, 4 without a face.", f"winnow-job-{number}"]]
    expect(chip).to_be_hidden()
    expect(page.get_by_role("link", name="Review 1")).to_be_visible(timeout=LATE)
    assert page.evaluate(STEPS) == before  # neither the chip nor a count moves a step

    page.evaluate("window.same = true")
    news.get_by_role("link", name="Review").click()
    expect(page.get_by_role("heading", name="Review", level=1)).to_be_visible()
    expect(page).to_have_title("✓ Ingest done · Review · Winnow")
    assert page.evaluate("window.same")  # the page was turned, not loaded anew
    page.get_by_role("button", name="Close: Ingest done").click()
    expect(page).to_have_title("Review · Winnow")
    assert page.evaluate(STEPS) == before  # nor does another page

    page.reload()
    expect(page.get_by_role("link", name="Review 1")).to_be_visible()
    failing = begin(app, "export", "Comparing the file with the run")
    look_again(page)
    expect(page.get_by_role("link", name="Comparing the file with the run")).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    end(app, failing, JobState.failed, message="The disk is full.")
    page.clock.fast_forward("00:06")  # it goes on looking by itself
    expect(page).to_have_title("! Export failed · Review · Winnow")
    told = "The export failed: The disk is full."
    assert page.evaluate("window.notified") == [["Export failed", told, f"winnow-job-{failing}"]]
    other = page.context.new_page()
    other.goto(app.url + "/team")
    expect(other.get_by_role("status")).to_have_text(re.compile(told))  # nobody has seen it in the hidden tab
    page.evaluate("delete document.hidden")
    look_again(page)
    expect(page).to_have_title("Review · Winnow")  # another tab has told it
    expect(news).not_to_contain_text("failed")
    assert json.loads(page.evaluate("localStorage['winnow.jobs']")) == {"after": failing, "watched": []}

    number = begin(app, "ingest", "27 of 60")
    end(app, number, JobState.failed, message="The disk is full.")
    look_again(other)
    closes = other.get_by_role("status").get_by_role("button", name="Close: ")
    expect(closes).to_have_count(2)
    closes.first.press("Enter")
    expect(closes).to_have_count(1)
    expect(closes).to_be_focused()  # the one that is left
