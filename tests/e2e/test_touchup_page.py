"""The painter in a real browser: strokes, saves, the clock."""

import shutil
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, delete, select, update

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, Source, Split, Standing, State, Submission, TouchUp, TouchUpSave
from tests.e2e.conftest import Server
from tests.examples import add_bare_examples, add_bare_touch_ups, add_examples, drawn_mask

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)


def add_kept(engine: Engine, store: Store, count: int) -> None:
    with writing(engine) as session:
        numbers = add_examples(session, store, count, Split.test)
        given = [NewVerdict(number, Decision.keep, None, f"keep-{number}") for number in numbers]
        record(session, reviewer_called(session, "reviewer").id, given, utc_now())


def opened(page: Page, url: str) -> None:
    page.goto(f"{url}/touchup")
    state(page, "idle")


def state(page: Page, name: str) -> None:
    page.wait_for_selector(f'[data-part="painter"][data-state="{name}"]')


def stroke(page: Page, *shares: tuple[float, float]) -> None:
    """Draw along points given as shares of the canvas (across, down)."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    places = [(box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in shares]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def saves(server: Server) -> list[tuple[str, bool]]:
    with reading(server.engine) as session:
        rows = session.execute(select(TouchUpSave.mask_after_sha256, TouchUpSave.finished).order_by(TouchUpSave.id))
        return [(mask, finished) for mask, finished in rows]


def mask_of(server: Server, sha256: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(server.store.get(sha256), np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def status(page: Page, text: str) -> None:
    expect(page.locator('[data-part="status"]')).to_contain_text(text)


def test_the_clock_starts_only_when_the_reviewer_says_so(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    expect(page.get_by_role("timer")).to_have_text("2:00")
    stroke(page, (0.2, 0.8), (0.4, 0.8))  # paints nothing yet
    with reading(app.engine) as session:
        assert session.scalars(select(TouchUp)).all() == []
    page.keyboard.press("s")
    state(page, "painting")
    expect(page.get_by_role("timer")).to_have_text("1:59")
    with reading(app.engine) as session:
        assert session.scalars(select(TouchUp)).one().seconds_shown == 120


def test_a_stroke_ends_where_the_pen_was_lifted_though_the_moves_before_were_left_out(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    pen = {"pointerId": 1, "isPrimary": True, "pointerType": "mouse", "bubbles": True}
    row = box["y"] + box["height"] * 0.9
    page.mouse.move(box["x"] + box["width"] * 0.1, row)
    page.mouse.down()
    page.locator("canvas").dispatch_event("pointerup", {**pen, "clientX": box["x"] + box["width"] * 0.9, "clientY": row})
    status(page, "Saved.")
    painted = mask_of(app, saves(app)[-1][0])
    assert (painted[round(0.9 * 512), 70:440] == 255).all()


def test_strokes_are_saved_as_they_are_painted_and_the_mask_before_stays(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 2)
    opened(page, app.url)
    page.get_by_role("button", name="Start").click()
    state(page, "painting")
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    painted = mask_of(app, saves(app)[-1][0])
    assert set(np.unique(painted)) == {0, 255}
    row = round(0.9 * 512)
    expected = drawn_mask(0)
    assert (painted[row, 70:440] == 255).all()
    assert np.array_equal(painted[:400], expected[:400])  # nothing else changed
    page.keyboard.press("e")
    page.keyboard.press("]")
    stroke(page, (0.5, 0.9), (0.6, 0.9))
    status(page, "Saved.")
    page.keyboard.press("Enter")
    state(page, "over")
    erased = mask_of(app, saves(app)[-1][0])
    assert (erased[row, 256:300] == 0).all()
    assert (erased[row, 70:200] == 255).all()
    assert [finished for _, finished in saves(app)][-1] is True
    with reading(app.engine) as session:
        before = session.get_one(Example, 1).mask_sha256
        assert session.scalars(select(TouchUp)).one().mask_before_sha256 == before
    assert np.array_equal(mask_of(app, before), expected)
    expect(page.locator("figure")).to_have_count(1)  # before and after, below
    page.keyboard.press("Enter")  # the next one
    state(page, "idle")
    page.wait_for_selector('canvas[data-example="2"]')


def test_undo_and_redo_give_back_exactly_what_was(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    mask = "() => window.__winnowPainter.mask.reduce((sum, bit) => sum + bit, 0)"
    before = page.evaluate(mask)
    stroke(page, (0.1, 0.9), (0.5, 0.9))
    once = page.evaluate(mask)
    stroke(page, (0.5, 0.9), (0.9, 0.9))
    twice = page.evaluate(mask)
    assert before < once < twice
    page.keyboard.press("Control+z")
    assert page.evaluate(mask) == once
    page.keyboard.press("u")
    assert page.evaluate(mask) == before
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+y")
    assert page.evaluate(mask) == twice
    page.keyboard.press("u")
    status(page, "Saved.")
    saved = mask_of(app, saves(app)[-1][0])
    assert int((saved > 0).sum()) == once


def test_a_stroke_lands_under_the_cursor_when_zoomed_and_moved(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    page.mouse.wheel(0, -800)
    page.wait_for_function("() => window.__winnowPainter.view.zoom > 3")
    page.keyboard.down("Space")
    stroke(page, (0.5, 0.5), (0.6, 0.5))  # moves the picture, paints nothing
    page.keyboard.up("Space")
    x, y = page.evaluate("() => { const v = window.__winnowPainter.view; return [v.x + 256 / v.zoom, v.y + 256 / v.zoom]; }")
    for _ in range(12):
        page.keyboard.press("[")
    stroke(page, (0.5, 0.5), (0.5, 0.5))
    status(page, "Saved.")
    changed = mask_of(app, saves(app)[-1][0]) != drawn_mask(0)
    rows, columns = np.nonzero(changed)
    assert 1 <= changed.sum() < 60
    assert abs(rows.mean() + 0.5 - y) < 1
    assert abs(columns.mean() + 0.5 - x) < 1


def test_a_reload_goes_on_with_the_same_clock_and_the_saved_mask(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 2)
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    page.reload()
    state(page, "painting")  # at once: the clock never stopped
    assert page.evaluate("() => window.__winnowPainter.mask[460 * 512 + 256]") == 1
    with reading(app.engine) as session:
        assert len(session.scalars(select(TouchUp)).all()) == 1


def test_time_up_locks_saves_the_last_stroke_and_leaves_the_mask_before(
    page: Page, server: Callable[..., Server], engine: Engine, store: Store
) -> None:
    add_kept(engine, store, 1)
    three = server(WINNOW_TOUCHUP_SECONDS="3")
    opened(page, three.url)
    expect(page.get_by_role("timer")).to_have_text("0:03")
    page.keyboard.press("s")
    state(page, "painting")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    # A stroke that never ends: the clock takes the brush away.
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9, steps=8)
    state(page, "over")
    expect(page.get_by_text("Time is up")).to_be_visible()
    status(page, "Saved after 3 s.")
    expect(page.get_by_role("timer")).to_have_text("0:00")
    after, finished = saves(three)[-1]
    assert finished
    locked = page.evaluate("() => window.__winnowPainter.mask.reduce((sum, bit) => sum + bit, 0)")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    assert page.evaluate("() => window.__winnowPainter.mask.reduce((sum, bit) => sum + bit, 0)") == locked
    assert int((mask_of(three, after) > 0).sum()) == locked
    assert (mask_of(three, after)[461, 70:440] == 255).all()
    with reading(engine) as session:
        assert np.array_equal(mask_of(three, session.get_one(Example, 1).mask_sha256), drawn_mask(0))


def test_a_save_that_failed_is_sent_again(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    page.route("**/api/touchups/save", lambda route: route.abort())  # before the page is opened: see the deck's tests
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    expect(page.get_by_text("Winnow cannot be reached right now.")).to_be_visible()
    assert saves(app) == []
    page.unroute("**/api/touchups/save")
    status(page, "Saved.")
    assert (mask_of(app, saves(app)[-1][0])[461, 70:440] == 255).all()


def test_starting_over_makes_a_new_touch_up_from_the_contributors_mask(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    page.keyboard.press("s")
    state(page, "painting")
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    page.keyboard.press("Enter")
    state(page, "over")
    page.get_by_role("button", name="Start over").click()
    state(page, "idle")
    page.keyboard.press("s")
    state(page, "painting")
    assert page.evaluate("() => window.__winnowPainter.mask[460 * 512 + 256]") == 0
    with reading(app.engine) as session:
        assert len(session.scalars(select(TouchUp)).all()) == 2


def test_the_page_shows_some_of_many_touch_ups_and_more_when_asked(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        pictures = add_examples(session, app.store, 1, Split.test)
        photo, mask = session.execute(select(Example.image_sha256, Example.mask_sha256)).one()
        session.execute(delete(Example).where(Example.id.in_(pictures)))
        session.execute(delete(Submission))
        session.execute(delete(Source))
        numbers = add_bare_examples(session, 90, Split.test, State.keep)
        session.execute(update(Example).values(image_sha256=photo, mask_sha256=mask))
        add_bare_touch_ups(session, numbers[:60], utc_now())
        session.execute(update(TouchUpSave).values(mask_after_sha256=mask))
    opened(page, app.url)
    expect(page.locator("figure")).to_have_count(24)
    expect(page.locator("figure").first).to_have_attribute("data-example", "60")  # the latest first
    expect(page.get_by_text("30 masks to touch up")).to_be_visible()
    expect(page.locator('[data-part="strip"] button')).to_have_count(10)
    more = page.get_by_role("button", name="Show more")
    more.click()
    expect(page.locator("figure")).to_have_count(48)
    page.get_by_role("button", name="Touch up 70.jpg").click()
    page.wait_for_selector('canvas[data-example="70"]')
    more.click()
    expect(page.locator("figure")).to_have_count(60)
    expect(more).to_be_hidden()
    expect(page.locator('canvas[data-example="70"]')).to_be_visible()  # what was chosen stays
    page.keyboard.press("s")
    state(page, "painting")
    page.keyboard.press("Enter")
    state(page, "over")
    expect(page.get_by_text("29 masks to touch up")).to_be_visible()
    page.locator('figure[data-example="1"]').get_by_role("button", name="Start over").click()
    page.wait_for_selector('canvas[data-example="1"]')


def test_a_mask_that_was_marked_fix_is_repaired_without_a_clock_until_a_lead_starts_it(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        numbers = add_examples(session, app.store, 2, Split.train)
        given = [NewVerdict(number, Decision.fix, None, f"fix-{number}") for number in numbers]
        record(session, reviewer_called(session, "Bo").id, given, utc_now())
    opened(page, app.url)
    expect(page.get_by_role("timer")).to_have_text("No clock")
    page.keyboard.press("s")
    state(page, "painting")
    expect(page.get_by_role("timer")).to_have_text("No clock")
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    page.keyboard.press("Enter")
    state(page, "over")
    expect(page.locator("figure").get_by_text("by reviewer, waits for a second look")).to_be_visible()
    expect(page.get_by_text("1 repaired mask waits for a second look.")).to_be_visible()
    with reading(app.engine) as session:
        assert session.scalars(select(TouchUp)).one().seconds_shown is None
        assert session.get_one(Standing, numbers[0]).state is State.repaired
    page.get_by_role("button", name="Clock").click()
    page.get_by_text("Training masks").click()
    expect(page.get_by_role("switch", name="Training masks")).to_be_checked()
    page.keyboard.press("Escape")
    page.reload()
    state(page, "idle")
    expect(page.get_by_role("timer")).to_have_text("2:00")


def test_only_a_lead_chooses_the_clock(page: Page, server: Callable[..., Server], engine: Engine, store: Store) -> None:
    add_kept(engine, store, 1)
    opened(page, server(WINNOW_LEADS="Lea").url)
    expect(page.get_by_role("button", name="Clock")).to_have_count(0)


def test_without_a_kept_test_example_the_page_says_what_to_do(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/touchup")
    expect(page.get_by_text("No mask is waiting")).to_be_visible()
    expect(page.get_by_role("button", name="Review more examples")).to_be_visible()
