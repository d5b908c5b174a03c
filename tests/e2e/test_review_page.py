"""The review deck in a real browser, by its keys."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import Engine, select

from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, Reason, Split, Verdict
from tests.e2e.conftest import Server, canvas_pixels
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
COUNT = 9


@pytest.fixture(autouse=True)
def examples(app: Server) -> list[int]:
    """Nine open examples, numbered in the order they are dealt."""
    with writing(app.engine) as session:
        return add_examples(session, app.store, COUNT, Split.train)


def canvas(page: Page) -> Locator:
    return page.locator("canvas")


def shows(page: Page, example: int) -> None:
    """Wait until the deck shows that example's picture."""
    page.wait_for_selector(f'canvas[data-example="{example}"][data-state="showing"]')


def opened(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review")
    shows(page, 1)


def saved(page: Page) -> None:
    """Wait until the server has acknowledged every verdict."""
    page.wait_for_selector('[data-part="deck"][data-unsaved="0"]')


def stored(app: Server, example: int, kind: str) -> NDArray[np.float64]:
    with reading(app.engine) as session:
        sha256 = getattr(session.get_one(Example, example), f"{kind}_sha256")
    picture = cv2.imdecode(np.frombuffer(app.store.get(sha256), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.float64)


def verdicts(app: Server) -> list[tuple[int, str, str | None]]:
    with reading(app.engine) as session:
        rows = session.execute(select(Verdict.example_id, Verdict.decision, Verdict.reason).order_by(Verdict.id))
        return [(example, str(decision), None if reason is None else str(reason)) for example, decision, reason in rows]


def test_the_canvas_shows_the_stored_picture_with_its_mask_over_it(page: Page, app: Server) -> None:
    opened(page, app)
    photo, mask = stored(app, 1, "image"), stored(app, 1, "mask")[..., 0] > 127
    tinted = canvas_pixels(page)
    assert photo.std() > 20  # the picture itself is not a grey square
    assert np.abs(tinted - photo)[~mask].mean() < 1
    assert np.abs(tinted - photo)[mask].mean() > 20
    page.keyboard.press("m")
    page.wait_for_selector('canvas[data-masked="false"]')
    assert np.abs(canvas_pixels(page) - photo).mean() < 1
    page.keyboard.press("k")
    shows(page, 2)
    assert np.abs(canvas_pixels(page) - stored(app, 2, "image")).mean() < 1  # the mask stays off
    assert np.abs(canvas_pixels(page) - photo).mean() > 5  # and it is another picture
    page.keyboard.press("M")
    page.wait_for_selector('canvas[data-masked="true"]')


def test_every_key_does_what_it_says_without_a_click_first(page: Page, app: Server) -> None:
    opened(page, app)
    keys = ["k", "x", "1", "2", "3", "4", "5", "6"]
    for number, key in enumerate(keys, start=1):
        shows(page, number)
        page.keyboard.press(key)
    shows(page, 9)
    saved(page)
    assert verdicts(app) == [
        (1, "keep", None),
        (2, "reject", "unsaid"),
        *[(number, "reject", reason) for number, reason in enumerate([str(r) for r in Reason][:6], start=3)],
    ]
    expect(page.locator('[data-part="left"]')).to_have_text("1")
    expect(page.locator('[data-part="kept"]')).to_have_text("1")
    expect(page.locator('[data-part="rejected"]')).to_have_text("7")


def test_space_puts_it_at_the_end_and_decides_nothing(page: Page, app: Server) -> None:
    opened(page, app)
    page.keyboard.press("Space")
    for number in range(2, COUNT + 1):
        shows(page, number)
        page.keyboard.press("k")
    shows(page, 1)
    saved(page)
    assert [example for example, _, _ in verdicts(app)] == list(range(2, COUNT + 1))


def test_undo_goes_back_as_far_as_the_sitting_and_is_a_new_record(page: Page, app: Server) -> None:
    opened(page, app)
    for number, key in [(1, "k"), (2, "x"), (3, " "), (4, "4")]:
        shows(page, number)
        page.keyboard.press(key)
    for number in (4, 3, 2, 1):
        page.keyboard.press("u")
        shows(page, number)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    saved(page)
    assert [(example, decision) for example, decision, _ in verdicts(app)] == [
        (1, "keep"), (2, "reject"), (4, "reject"), (4, "undo"), (2, "undo"), (1, "undo"),
    ]  # fmt: skip
    expect(page.locator('[data-part="left"]')).to_have_text(str(COUNT))
    page.keyboard.press("k")
    shows(page, 2)


def test_buttons_do_the_same_and_leave_no_focus_for_space_to_press(page: Page, app: Server) -> None:
    opened(page, app)
    page.get_by_role("button", name="Keep K").click()
    shows(page, 2)
    page.get_by_role("button", name="Hair missing").click()
    shows(page, 3)
    page.keyboard.press("Space")  # skips, and does not press the button again
    shows(page, 4)
    page.get_by_role("button", name="Undo").click()
    shows(page, 3)
    saved(page)
    assert verdicts(app) == [(1, "keep", None), (2, "reject", "hair_missing")]


def test_shortcuts_with_ctrl_and_keys_held_down_decide_nothing(page: Page, app: Server) -> None:
    opened(page, app)
    page.keyboard.press("Control+k")
    page.keyboard.press("Alt+x")
    page.keyboard.down("k")
    page.keyboard.down("k")  # repeats
    page.keyboard.down("k")
    page.keyboard.up("k")
    shows(page, 2)
    saved(page)
    assert verdicts(app) == [(1, "keep", None)]


def test_the_last_card_leads_to_a_friendly_end_and_undo_still_works(page: Page, app: Server) -> None:
    opened(page, app)
    for number in range(1, COUNT + 1):
        shows(page, number)
        page.keyboard.press("k")
    expect(page.get_by_text("Nothing left to review")).to_be_visible()
    expect(page.get_by_role("link", name="Freeze a curated set")).to_be_visible()
    page.keyboard.press("k")  # nothing to decide about
    page.keyboard.press("u")
    shows(page, COUNT)
    saved(page)
    assert len(verdicts(app)) == COUNT + 1


def test_ten_verdicts_a_second_lose_none(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 31, suspicions=[0.0] * 31)
    opened(page, app)
    for _ in range(39):
        page.wait_for_selector('canvas[data-state="showing"]')
        page.keyboard.press("k")
    page.wait_for_selector('canvas[data-example="40"][data-state="showing"]')
    saved(page)
    assert [example for example, _, _ in verdicts(app)] == list(range(1, 40))


def test_without_a_network_verdicts_wait_in_the_browser_and_are_sent_once(page: Page, app: Server) -> None:
    opened(page, app)
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').filter(e => e.name.includes('/pictures/')).length >= 18"
    )
    page.context.set_offline(True)
    page.keyboard.press("k")
    shows(page, 2)
    page.keyboard.press("x")
    shows(page, 3)
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("2 not saved yet")
    assert verdicts(app) == []
    assert len(kept_in_browser(page)) == 2
    page.context.set_offline(False)
    saved(page)
    assert verdicts(app) == [(1, "keep", None), (2, "reject", "unsaid")]
    assert kept_in_browser(page) == []
    expect(page.locator('[data-part="unsaved"]')).to_be_hidden()


def test_verdicts_whose_answer_was_lost_survive_a_reload_and_count_once(page: Page, app: Server) -> None:
    sent = []

    def swallow(route: Route) -> None:
        sent.append(route.fetch())  # the server commits; the page never hears of it
        with suppress(PlaywrightError):  # a repeat that is on its way when the test goes on is let go by itself
            route.abort()

    page.route("**/api/verdicts", swallow)  # before the page is opened: one that is open may send past a new route
    opened(page, app)
    page.keyboard.press("k")
    shows(page, 2)
    page.wait_for_function("() => Object.keys(localStorage).some(key => key.startsWith('winnow.verdict.'))")
    expect(page.locator('[data-part="unsaved"]')).to_be_visible()
    assert verdicts(app) == [(1, "keep", None)]
    page.unroute("**/api/verdicts")
    page.reload()
    shows(page, 2)  # not the first again
    saved(page)
    assert kept_in_browser(page) == []
    assert verdicts(app) == [(1, "keep", None)]


def test_one_refused_verdict_does_not_hold_up_the_others(page: Page, app: Server) -> None:
    page.route("**/api/verdicts", lambda route: route.abort())
    opened(page, app)
    for number in (1, 2, 3):
        shows(page, number)
        page.keyboard.press("k")
    shows(page, 4)
    with writing(app.engine) as session:
        for row in (session.get_one(Example, 2).suspicion, session.get_one(Example, 2)):
            session.delete(row)
            session.flush()
    page.unroute("**/api/verdicts")
    page.evaluate("() => window.dispatchEvent(new Event('online'))")
    saved(page)
    assert verdicts(app) == [(1, "keep", None), (3, "keep", None)]
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("Example 2 is not there")


def test_a_token_that_grew_too_old_is_renewed_without_losing_the_verdict(page: Page, app: Server) -> None:
    refused = []

    def too_old(route: Route) -> None:
        if refused:
            return route.continue_()
        refused.append(route.request.headers["x-winnow-token"])
        return route.fulfill(status=403, body=json.dumps({"error": "Too old."}))

    page.route("**/api/verdicts", too_old)
    opened(page, app)
    page.keyboard.press("k")
    shows(page, 2)
    saved(page)
    assert len(refused) == 1
    assert verdicts(app) == [(1, "keep", None)]
    shows(page, 2)  # the rerun that brought the token left the deck alone


def test_a_missing_picture_cannot_be_kept(page: Page, app: Server) -> None:
    with reading(app.engine) as session:
        app.store.delete(session.get_one(Example, 1).image_sha256)
    page.goto(f"{app.url}/review")
    page.wait_for_selector('canvas[data-example="1"][data-state="missing"]')
    expect(page.get_by_text("This picture is missing from the store.")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("6")
    shows(page, 2)
    saved(page)
    assert verdicts(app) == [(1, Decision.reject, Reason.bad_photo)]


def kept_in_browser(page: Page) -> list[str]:
    found: list[str] = page.evaluate("() => Object.keys(localStorage).filter(key => key.startsWith('winnow.verdict.'))")
    return found


def test_the_page_has_its_frame_when_it_is_the_first_that_is_opened(
    page: Page, server: Callable[..., Server], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1)
    fresh = server()
    opened(page, fresh)
    expect(page.get_by_role("link", name="Touch-up")).to_be_visible()
    expect(page.locator("[data-testid=stSidebar]")).to_have_count(0)
