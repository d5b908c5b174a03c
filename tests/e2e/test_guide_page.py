"""The guide in a real browser."""

import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from curator.review.guide import BAD_TEXTS, GOOD_TEXTS
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, GuideExample, Reviewer, Split
from tests.e2e.conftest import Server, pick
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)


def picture(page: Page, place: str) -> Locator:
    return page.locator(f'figure[data-place="{place}"] img')


def loaded(page: Page, place: str) -> None:
    """Wait until a place's picture has been decoded; a broken one never is."""
    page.wait_for_function(
        "place => document.querySelector(`figure[data-place=${place}] img`)?.naturalWidth === 384", arg=place
    )


def test_the_two_screens_show_a_picture_for_every_place(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/guide")
    for place in GOOD_TEXTS:
        loaded(page, place)
    page.get_by_role("button", name="Next: what to reject").click()
    for place, words in BAD_TEXTS.items():
        loaded(page, place)
        expect(page.get_by_text(words)).to_be_visible()
    assert page.url.endswith("?screen=reject")
    page.goto(f"{app.url}/guide?screen=nonsense")
    loaded(page, "good_1")


def test_a_lead_puts_an_example_into_the_guide(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        (example,) = add_examples(session, app.store, 1, Split.train)
        record(session, reviewer_called(session, "Ada").id, [NewVerdict(example, Decision.keep, None, "a")], utc_now())
    page.goto(f"{app.url}/guide")
    loaded(page, "good_1")
    before = picture(page, "good_1").get_attribute("src")
    page.get_by_text("Change the pictures of this screen").click()
    pick(page, "Picture", f"{example} · head-000.png")
    page.get_by_label("Caption").fill("<b>Sharp</b> edge")
    page.get_by_role("button", name="Show this under").click()
    expect(page.locator('figure[data-place="good_1"] figcaption')).to_contain_text("<b>Sharp</b> edge")  # words are data
    assert picture(page, "good_1").get_attribute("src") != before
    loaded(page, "good_1")
    with reading(app.engine) as session:
        chosen = session.scalars(select(GuideExample)).one()
        assert (chosen.place, chosen.example_id) == ("good_1", example)
        assert session.get_one(Reviewer, chosen.reviewer_id).name == "reviewer"


def test_only_a_lead_can_change_it(page: Page, server: Callable[..., Server]) -> None:
    page.goto(f"{server(WINNOW_LEADS='Lea, Max').url}/guide")
    loaded(page, "good_1")
    expect(page.get_by_role("button", name="Next: what to reject")).to_be_visible()
    expect(page.get_by_text("Change the pictures of this screen")).to_have_count(0)
