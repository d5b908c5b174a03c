"""A reviewer's name is remembered by the browser, and verdicts are kept under it."""

import shutil

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from db.session import reading, writing
from db.tables import Reviewer, Split, Verdict
from tests.e2e.conftest import Server
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)


def test_verdicts_are_kept_under_the_name_that_this_browser_was_given(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 2, Split.train)
    page.goto(f"{app.url}/team")
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
