"""What the review page deals: its filters, and the address that keeps them."""

import re
import shutil

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import writing
from db.tables import CROP_SIDE, Decision, Example, Reason, Source, Split, Submission, TouchUp
from tests.e2e.conftest import Server, pick
from tests.examples import LONG_AGO, add_examples, drawn_photo, png

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)


@pytest.fixture(autouse=True)
def examples(app: Server) -> list[int]:
    """Four of the train split from one source, then three of the test split from another; Bo has judged 2, 3 and 6."""
    with writing(app.engine) as session:
        numbers = add_examples(session, app.store, 4) + add_examples(session, app.store, 3, Split.test)
        for source, name in zip(session.scalars(select(Source).order_by(Source.id)), ["selfies.zip", "*lfw* <b>"], strict=True):
            source.location = name
        bo = reviewer_called(session, "Bo").id
        given = [(2, Decision.reject, Reason.too_coarse), (3, Decision.keep, None), (6, Decision.reject, Reason.not_hair)]
        record(session, bo, [NewVerdict(one, decision, why, f"bo {one}") for one, decision, why in given], utc_now())
        session.add(
            TouchUp(
                example_id=5, reviewer_id=bo, seconds_shown=120, started_at=LONG_AGO,
                mask_before_sha256=session.get_one(Example, 5).mask_sha256,
            )
        )  # fmt: skip
        return numbers


def deals(page: Page, *wanted: int) -> None:
    """Wait until the grid shows exactly these, in any order."""
    page.wait_for_function(
        """wanted => {
          const found = [...document.querySelectorAll('*')].map(part => part.shadowRoot).filter(Boolean)
            .flatMap(root => [...root.querySelectorAll('[role=option]')]).map(tile => +tile.dataset.example);
          return JSON.stringify(found.sort((a, b) => a - b)) === JSON.stringify(wanted);
        }""",
        arg=sorted(wanted),
    )


def choose(page: Page, label: str, option: str) -> None:
    """Choose in the popover, which is opened for it and stays open."""
    box = page.get_by_role("combobox", name=re.compile(label))
    if not box.is_visible():
        page.get_by_role("button", name="Order and filters").click()
    pick(page, label, option)


@pytest.mark.parametrize(
    ("query", "wanted", "words"),
    [
        ("source=2", [5, 7], "from *lfw* <b>"),
        ("reviewer=Bo&split=train&reason=too_coarse", [2], "train split · rejected: too coarse · judged by Bo"),
    ],
)
def test_a_filter_narrows_what_is_dealt_and_is_shown_in_words(
    page: Page, app: Server, query: str, wanted: list[int], words: str
) -> None:
    """Every filter: tests/curator/app/test_review_view.py."""
    page.goto(f"{app.url}/review?view=grid&{query}")
    deals(page, *wanted)
    expect(page.get_by_text(words, exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    deals(page, 1, 4, 5, 7)
    expect(page).to_have_url(re.compile(r"\?view=grid$"))
    expect(page.get_by_role("button", name="Clear")).to_have_count(0)


def test_the_address_holds_the_choices_and_opens_the_same_page_again(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review")
    page.wait_for_selector('canvas[data-example="1"][data-state="showing"]')
    page.get_by_role("radio", name="Grid").click()
    deals(page, 1, 4, 5, 7)
    choose(page, "Order", "Random")
    expect(page.get_by_text("Random", exact=True).first).to_be_visible()
    choose(page, "Show", "All")
    deals(page, 1, 2, 3, 4, 5, 6, 7)
    choose(page, "Split", "Test")
    deals(page, 5, 6, 7)
    choose(page, "Source", "*lfw* <b>")
    choose(page, "Judged by", "Bo")
    deals(page, 6)
    choose(page, "Rejected because", "Not hair")
    expect(page).to_have_url(
        f"{app.url}/review?view=grid&order=random&show=all&source=2&split=test&reason=not_hair&reviewer=Bo"
    )
    other = page.context.new_page()
    other.goto(page.url)
    deals(other, 6)
    expect(other.get_by_text("Random · All · from *lfw* <b> · test split · rejected: not hair · judged by Bo")).to_be_visible()


def test_the_deck_takes_the_same_filters(page: Page, app: Server) -> None:
    bar = page.locator('[data-part="bar"]')
    page.goto(f"{app.url}/review?split=train")
    page.wait_for_selector('canvas[data-example="1"][data-state="showing"]')
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("aria-label", "1 kept, 0 to be fixed, 1 rejected, 2 left")  # of the train split alone
    page.goto(f"{app.url}/review?reason=not_hair")
    page.wait_for_selector('canvas[data-example="6"][data-state="showing"]')
    expect(page.locator('[data-part="left"]')).to_have_text("1")
    expect(page.get_by_text("left in this filter")).to_be_visible()
    expect(bar).to_be_hidden()  # of a second look, it would say how all of them stand
    page.keyboard.press("k")
    expect(page.get_by_text("This filter is done")).to_be_visible()
    expect(page.get_by_text("4 are left elsewhere. Press U to undo the last verdict.")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_selector('canvas[data-example="1"][data-state="showing"]')
    expect(page).to_have_url(f"{app.url}/review")
    expect(page.locator('[data-part="left"]')).to_have_text("4")


def test_nonsense_in_the_address_is_reported_and_ignored(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review?source=%00%FF")
    expect(page.get_by_text("There is no source")).to_be_visible()
    page.wait_for_selector('canvas[data-example="1"][data-state="showing"]')
    page.get_by_role("button", name="Clear").click()
    expect(page).to_have_url(f"{app.url}/review")
    expect(page.get_by_text("So no filter is set.")).to_have_count(0)


def test_photos_without_a_face_are_shown_sixty_at_a_time_and_nothing_can_be_decided(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        photo = app.store.put(png(drawn_photo(1)))
        for number in range(61):
            session.add(
                Submission(
                    source_id=2, photo_name=f"wall-{number:02}.png", photo_sha256=photo, mask_sha256=f"{number:064}",
                    height=CROP_SIDE, width=CROP_SIDE, received_at=LONG_AGO,
                )
            )  # fmt: skip
    page.goto(f"{app.url}/review?show=no_face")
    expect(page.get_by_text("they have no crop and can’t be reviewed here")).to_be_visible()
    expect(page.locator("figure")).to_have_count(60)
    expect(page.get_by_text("wall-60.png", exact=True)).to_be_visible()
    page.get_by_role("button", name="Page 2", exact=True).click()
    expect(page.locator("figure")).to_have_count(1)
    page.goto(page.url)  # the page stands in the address too
    expect(page.locator("figure")).to_have_count(1)
    expect(page.get_by_text("wall-00.png", exact=True)).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    page.goto(f"{app.url}/review?show=no_face&source=1")
    expect(page.get_by_text("No photo of this source is waiting here.")).to_be_visible()


def test_the_controls_push_the_picture_down_by_next_to_nothing(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review")
    page.wait_for_selector('canvas[data-example="1"][data-state="showing"]')
    lead, frame = page.locator(".winnow-lead").bounding_box(), page.locator('[data-part="frame"]').bounding_box()
    assert lead is not None
    assert frame is not None
    assert frame["y"] - (lead["y"] + lead["height"]) < 44
