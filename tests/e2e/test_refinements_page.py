"""Refine in bulk: proposed by a job, decided side by side, taken back with one press."""

import shutil

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Refinement
from tests.e2e.conftest import Server
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)


def accepted(app: Server) -> list[bool | None]:
    with reading(app.engine) as session:
        return list(session.scalars(select(Refinement.accepted).order_by(Refinement.iou, Refinement.id)))


def test_masks_are_refined_by_a_job_then_decided_and_taken_back(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in add_examples(session, app.store, 3)]
        record(session, reviewer_called(session, "Ada").id, given, utc_now())
    page.goto(f"{app.url}/sets")
    page.get_by_role("link", name="Refine the kept masks in bulk").click()
    expect(page.get_by_text("No refined mask waits for a decision.")).to_be_visible()
    page.get_by_role("button", name="Refine the kept masks").click()
    expect(page.get_by_text("3 refined masks to decide")).to_be_visible(timeout=120_000)
    pictures = page.locator(".winnow-gallery img")
    expect(pictures).to_have_count(6)
    for number in range(6):
        expect(pictures.nth(number)).to_have_js_property("naturalWidth", 512)
    page.get_by_text("Decline", exact=True).first.click()
    page.get_by_role("button", name="Accept 2, decline 1").click()
    expect(page.get_by_text("Decided last: 3")).to_be_visible()
    assert accepted(app) == [False, True, True]
    page.get_by_role("button", name="Take the last 3 decisions back").click()
    expect(page.get_by_text("3 refined masks to decide")).to_be_visible()
    assert accepted(app) == [None, None, None]
