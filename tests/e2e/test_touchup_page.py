"""The painter in a real browser: strokes, saves, the clock."""

import base64
import re
import shutil
import time
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine, delete, select, update

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import reading, writing
from db.store import Store
from db.tables import (
    Decision,
    Example,
    Presence,
    Source,
    Split,
    Standing,
    State,
    Submission,
    TouchUp,
    TouchUpPresence,
    TouchUpSave,
)
from tests.e2e.conftest import Server
from tests.examples import add_bare_examples, add_bare_touch_ups, add_examples, drawn_mask, png

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


CANVAS = '[data-part="canvas"]'
HAIR = "() => window.__winnowPainter.easel.alpha.reduce((sum, value) => sum + (value >= 128), 0)"  # pixels
BELOW = "() => window.__winnowPainter.easel.alpha[460 * 512 + 256]"  # a place below the drawn hair


def spot(page: Page, across: float, down: float) -> tuple[float, float]:
    """Where on the page a place of the picture is, given as shares of its side, while the whole picture is shown."""
    box = page.locator(CANVAS).bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    return box["x"] + box["width"] / 2 + (across - 0.5) * side, box["y"] + box["height"] / 2 + (down - 0.5) * side


def stroke(page: Page, *shares: tuple[float, float], button: Literal["left", "right"] = "left") -> None:
    """Draw along points given as shares of the picture's side (across, down)."""
    places = [spot(page, across, down) for across, down in shares]
    page.mouse.move(*places[0])
    page.mouse.down(button=button)
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up(button=button)


def begin(page: Page, url: str) -> None:
    """Open the page and start the clock."""
    opened(page, url)
    page.keyboard.press("s")
    state(page, "painting")


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
    begin(page, app.url)
    pen = {"pointerId": 1, "isPrimary": True, "pointerType": "mouse", "bubbles": True}
    page.mouse.move(*spot(page, 0.1, 0.9))
    page.mouse.down()
    across, row = spot(page, 0.9, 0.9)
    page.locator(CANVAS).dispatch_event("pointerup", {**pen, "clientX": across, "clientY": row})
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
    page.wait_for_selector('[data-part="canvas"][data-example="2"]')


def test_undo_and_redo_give_back_exactly_what_was(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    mask = HAIR
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
    assert int((saved >= 128).sum()) == once


def test_a_stroke_lands_under_the_cursor_when_zoomed_and_moved(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    page.mouse.move(*spot(page, 0.25, 0.75))
    page.mouse.wheel(0, -800)
    page.wait_for_function("() => window.__winnowPainter.easel.view.zoom > 3")
    page.keyboard.down("Space")
    stroke(page, (0.5, 0.5), (0.6, 0.5))  # moves the picture, paints nothing
    page.keyboard.up("Space")
    x, y = page.evaluate("() => [window.__winnowPainter.easel.view.x, window.__winnowPainter.easel.view.y]")
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
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    page.reload()
    state(page, "painting")  # at once: the clock never stopped
    assert page.evaluate(BELOW) == 255
    with reading(app.engine) as session:
        assert len(session.scalars(select(TouchUp)).all()) == 1


def test_time_up_locks_and_drops_the_stroke_that_was_not_finished(
    page: Page, server: Callable[..., Server], engine: Engine, store: Store
) -> None:
    add_kept(engine, store, 1)
    three = server(WINNOW_TOUCHUP_SECONDS="4")
    opened(page, three.url)
    expect(page.get_by_role("timer")).to_have_text("0:04")
    page.keyboard.press("s")
    state(page, "painting")
    stroke(page, (0.1, 0.9), (0.4, 0.9))
    page.mouse.move(*spot(page, 0.5, 0.9))
    page.mouse.down()
    page.mouse.move(*spot(page, 0.9, 0.9), steps=8)  # a stroke that never ends
    state(page, "over")
    expect(page.get_by_text("Time is up")).to_be_visible()
    status(page, "Saved after 4 s.")
    expect(page.get_by_role("timer")).to_have_text("0:00")
    after, finished = saves(three)[-1]
    assert finished
    locked = page.evaluate(HAIR)
    page.mouse.move(*spot(page, 0.5, 0.7), steps=4)
    page.mouse.up()
    stroke(page, (0.1, 0.8), (0.4, 0.8))
    assert page.evaluate(HAIR) == locked
    painted = mask_of(three, after)
    assert int((painted >= 128).sum()) == locked
    assert (painted[461, 70:180] == 255).all()
    assert (painted[461, 280:440] == 0).all()
    with reading(engine) as session:
        assert np.array_equal(mask_of(three, session.get_one(Example, 1).mask_sha256), drawn_mask(0))


def test_the_right_button_and_alt_erase_and_shift_draws_a_straight_line(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.1, 0.9))
    page.keyboard.down("Shift")
    stroke(page, (0.9, 0.9), (0.9, 0.9))
    page.keyboard.up("Shift")
    assert page.evaluate(BELOW) == 255
    stroke(page, (0.45, 0.9), (0.55, 0.9), button="right")
    assert page.evaluate(BELOW) == 0
    page.keyboard.press("u")
    page.keyboard.down("Alt")
    stroke(page, (0.45, 0.9), (0.55, 0.9))
    page.keyboard.up("Alt")
    assert page.evaluate(BELOW) == 0


def test_lasso_strand_and_edits_are_steps_like_strokes(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    before = page.evaluate(HAIR)
    page.keyboard.press("l")
    stroke(page, (0.4, 0.85), (0.6, 0.85), (0.6, 0.95), (0.4, 0.95))
    assert page.evaluate(BELOW) == 255
    for corner in ((0.05, 0.9), (0.15, 0.9), (0.15, 0.98)):
        stroke(page, corner, corner)
    page.keyboard.press("Enter")  # closes the polygon; does not finish
    state(page, "painting")
    page.keyboard.press("n")
    stroke(page, (0.7, 0.9), (0.9, 0.95))
    page.get_by_role("button", name="Grow").click()
    status(page, "Saved.")
    assert page.locator(CANVAS).get_attribute("data-strokes") == "4"
    for _ in range(4):
        page.keyboard.press("u")
    assert page.evaluate(HAIR) == before


def test_a_reload_keeps_strokes_that_the_server_does_not_have_and_their_undo(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    page.route("**/api/touchups/save", lambda route: route.abort())
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    expect(page.get_by_text("Winnow cannot be reached right now.")).to_be_visible()
    page.unroute("**/api/touchups/save")
    page.reload()
    state(page, "painting")
    assert page.evaluate(BELOW) == 255
    status(page, "Saved.")
    assert mask_of(app, saves(app)[-1][0])[460, 256] == 255
    page.keyboard.press("u")
    assert page.evaluate(BELOW) == 0


def test_what_was_kept_of_another_databases_touch_up_is_not_painted_into_this_one(page: Page, app: Server) -> None:
    """A browser knows two homes by the same address, and both number their touch-ups from 1."""
    add_kept(app.engine, app.store, 1)
    opened(page, app.url)
    page.evaluate(
        """async () => {
          const { easel, card } = window.__winnowPainter;
          const alpha = easel.alpha.slice().fill(255);
          const asked = indexedDB.open("winnow", 1);
          await new Promise((done) => { asked.onsuccess = done; });
          const writing = asked.result.transaction("touch-ups", "readwrite");
          const kept = { image: card.image, at: Date.now(), alpha, strokes: 3, saved: 1, past: [], future: [] };
          writing.objectStore("touch-ups").put(kept, 1);
          await new Promise((done) => { writing.oncomplete = done; });
          asked.result.close();
        }"""
    )
    page.keyboard.press("s")
    state(page, "painting")
    assert page.evaluate(BELOW) == 0
    stroke(page, (0.1, 0.9), (0.3, 0.9))
    status(page, "Saved.")
    assert mask_of(app, saves(app)[-1][0])[460, 256] == 0


def test_after_a_click_on_done_enter_goes_on_to_the_next_mask(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 2)
    begin(page, app.url)
    page.get_by_role("button", name="Done").click()
    state(page, "over")
    page.keyboard.press("Enter")
    state(page, "idle")


def test_keys_belong_to_the_page_where_the_canvas_has_no_focus(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    page.get_by_role("link", name="Sets").focus()
    zoom = page.evaluate("() => window.__winnowPainter.easel.view.zoom")
    page.keyboard.press("+")
    assert page.evaluate("() => window.__winnowPainter.easel.view.zoom") == zoom
    page.keyboard.press("Enter")  # follows the link
    page.wait_for_url("**/sets")
    with reading(app.engine) as session:
        assert not session.scalars(select(TouchUpSave).where(TouchUpSave.finished)).all()


def test_views_compare_loupe_and_focus(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    for name in ("Outline", "Cut-out", "Recoloured", "Side by side", "Tint"):
        page.keyboard.press("v")
        expect(page.locator('[data-part="view_name"]')).to_have_text(name)
    page.keyboard.down("h")
    expect(page.locator(CANVAS)).to_have_attribute("data-shows", "before")
    page.keyboard.up("h")
    expect(page.locator(CANVAS)).to_have_attribute("data-shows", "")
    page.keyboard.press("k")
    page.mouse.move(*spot(page, 0.5, 0.5))
    expect(page.locator('[data-part="loupe"]')).to_be_visible()
    box = page.locator(CANVAS).bounding_box()
    window = page.viewport_size
    assert box is not None
    assert window is not None
    page.keyboard.press("q")
    focused = page.locator(CANVAS).bounding_box()
    assert focused is not None
    assert focused["height"] > box["height"]
    assert focused["width"] * focused["height"] > 0.75 * window["width"] * window["height"]
    page.keyboard.press("?")
    expect(page.get_by_text("a fine line that runs with the hair")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Sets")).to_be_visible()


def test_refine_is_looked_at_then_taken_or_brushed_in_and_areas_are_filled(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    refined = np.full((512, 512), 77, np.uint8)
    answer = {"alpha": base64.b64encode(png(refined)).decode(), "box": [0, 0, 512, 512], "seconds": 0.1}
    page.route("**/api/touchups/refine", lambda route: route.fulfill(json=answer))  # the matting process has tests of its own
    begin(page, app.url)
    expect(page.locator('[data-part="refined"]')).to_be_enabled()
    before = page.evaluate(BELOW)
    page.keyboard.press("r")
    expect(page.locator(CANVAS)).to_have_attribute("data-shows", "refine")
    assert page.evaluate(BELOW) == before  # only looked at
    page.keyboard.press("Escape")
    expect(page.locator(CANVAS)).to_have_attribute("data-shows", "")
    page.keyboard.press("f")
    stroke(page, (0.4, 0.9), (0.6, 0.9))
    assert page.evaluate(BELOW) == 77
    page.keyboard.press("u")
    page.keyboard.press("r")
    page.keyboard.press("r")
    status(page, "Saved.")
    assert np.array_equal(mask_of(app, saves(app)[-1][0]), refined)
    page.keyboard.press("u")
    expect(page.locator('[data-part="superpixel"]')).to_be_enabled()
    page.keyboard.press("g")
    hair = page.evaluate(HAIR)
    stroke(page, (0.5, 0.9), (0.5, 0.9))
    assert page.evaluate(BELOW) == 255
    assert page.evaluate(HAIR) > hair + 20


ALPHA = "() => [...window.__winnowPainter.easel.alpha]"
HINTED = "() => window.__winnowPainter.easel.hints.reduce((sum, kind) => sum + (kind > 0), 0)"  # pixels
HINT_ALPHA = np.full((512, 512), 200, np.uint8)
HINT_ANSWER = {"alpha": base64.b64encode(png(HINT_ALPHA)).decode(), "box": [0, 0, 512, 512], "seconds": 0.1}


def alpha(page: Page) -> NDArray[np.uint8]:
    return np.array(page.evaluate(ALPHA), np.uint8).reshape(512, 512)


def hint(page: Page) -> None:
    """Pick the hint tool as soon as Refine is there: at its first start on a machine, numba compiles it."""
    expect(page.locator('[data-part="hint"]')).to_be_enabled(timeout=240_000)
    page.keyboard.press("t")
    expect(page.locator('[data-part="says"]')).to_be_visible()


def strokes(page: Page, count: int) -> None:
    expect(page.locator(CANVAS)).to_have_attribute("data-strokes", str(count))


def no_hint_waits(page: Page) -> None:
    expect(page.locator('[data-part="frame"]')).not_to_have_attribute("data-solving", "")


class Held:
    """Refine's requests, held back until a test lets them go; the first one, as the mask is opened, is answered at once."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.routes: list[Route] = []
        self.opened = False
        page.route("**/api/touchups/refine", self._take)

    def _take(self, route: Route) -> None:
        if self.opened:
            self.routes.append(route)
        else:
            self.opened = True
            route.fulfill(json=HINT_ANSWER)

    def next(self) -> Route:
        """The next request that was not let go."""
        deadline = time.monotonic() + 15
        while not self.routes:
            assert time.monotonic() < deadline, "the page did not ask"
            self.page.evaluate("() => new Promise(requestAnimationFrame)")  # meanwhile, routes are heard
        return self.routes.pop(0)


def test_a_hint_is_solved_only_around_its_stroke_and_taken_back_with_its_step(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    hint(page)
    before = alpha(page)
    stroke(page, (0.3, 0.2), (0.3, 0.3))  # at the mask's edge, from outside it to inside
    strokes(page, 1)
    after = alpha(page)
    rows, columns = np.nonzero(before != after)
    reach = 14 + 1 + 16  # the brush, its rim, and the band
    assert 0.2 * 512 - reach - 1 <= rows.min() < rows.max() <= 0.3 * 512 + reach
    assert 0.3 * 512 - reach - 1 <= columns.min() < columns.max() <= 0.3 * 512 + reach
    assert (after[103:154, 150:157] == 255).all()  # what is said of a pixel holds
    assert ((after > 0) & (after < 255)).sum() > 100  # solved from the photo, not painted
    status(page, "Saved.")
    assert np.array_equal(mask_of(app, saves(app)[-1][0]), after)
    page.keyboard.press("t")
    stroke(page, (0.5, 0.15), (0.5, 0.2))
    strokes(page, 2)
    assert (alpha(page)[80:100, 254:258] == 0).all()
    said = page.evaluate(HINTED)
    status(page, "Saved.")
    page.reload()
    state(page, "painting")
    assert page.evaluate(HINTED) == said  # hints outlive a reload, as the steps do that take them back
    page.keyboard.press("u")
    assert np.array_equal(alpha(page), after)
    page.keyboard.press("u")
    assert np.array_equal(alpha(page), before)
    assert page.evaluate(HINTED) == 0
    page.keyboard.press("y")
    assert np.array_equal(alpha(page), after)
    assert 0 < page.evaluate(HINTED) < said
    status(page, "Saved.")


def test_a_hint_holds_until_something_else_is_painted_there(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    hint(page)
    stroke(page, (0.3, 0.8), (0.7, 0.8))
    strokes(page, 1)
    page.keyboard.press("e")
    stroke(page, (0.5, 0.7), (0.5, 0.9))
    strokes(page, 2)
    hint(page)
    stroke(page, (0.45, 0.72), (0.45, 0.75))  # what is solved around it reaches into both
    strokes(page, 3)
    row = alpha(page)[round(0.8 * 512)]
    assert (row[160:235] == 255).all()
    assert (row[252:258] == 0).all()


def test_a_hint_says_hair_not_hair_or_unknown_and_the_right_button_the_opposite(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    page.route("**/api/touchups/refine", lambda route: route.fulfill(json=HINT_ANSWER))
    begin(page, app.url)
    expect(page.locator('[data-part="says"]')).to_be_hidden()
    hint(page)

    def said(button: Literal["left", "right"] = "left") -> int:
        done = int(page.locator(CANVAS).get_attribute("data-strokes") or 0)
        across = 0.1 + 0.1 * done
        stroke(page, (across, 0.9), (across, 0.9), button=button)
        strokes(page, done + 1)
        kind: int = page.evaluate("i => window.__winnowPainter.easel.hints[i]", 461 * 512 + round(512 * across))
        return kind

    assert (said(), said("right")) == (1, 2)
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Not hair")).to_have_attribute("aria-pressed", "true")
    assert (said(), said("right")) == (2, 1)
    page.keyboard.press("t")
    assert (said(), said("right")) == (3, 3)  # nothing is the opposite of unknown
    page.locator('[data-part="says_hair"]').click()
    page.keyboard.down("Alt")
    assert said() == 2
    page.keyboard.up("Alt")
    page.keyboard.press("b")
    expect(page.locator('[data-part="says"]')).to_be_hidden()


def test_a_stroke_that_is_painted_while_a_hint_is_solved_is_not_overwritten(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    held = Held(page)
    begin(page, app.url)
    hint(page)
    stroke(page, (0.4, 0.8), (0.6, 0.8))
    first = held.next()
    expect(page.locator('[data-part="frame"]')).to_have_attribute("data-solving", "")
    status(page, "Solving around the hint…")
    page.keyboard.press("b")
    stroke(page, (0.5, 0.85), (0.5, 0.85))
    strokes(page, 1)
    painted = alpha(page)
    first.fulfill(json=HINT_ANSWER)
    second = held.next()  # asked again, with the stroke in it
    body = second.request.post_data_json
    sent = np.frombuffer(base64.b64decode(body["mask"]), np.uint8)
    assert np.array_equal(cv2.imdecode(sent, cv2.IMREAD_GRAYSCALE), painted)
    assert np.array_equal(alpha(page), painted)
    stroke(page, (0.1, 0.1), (0.12, 0.1))  # far away: it has no part in the answer
    strokes(page, 2)
    second.fulfill(json=HINT_ANSWER)
    strokes(page, 3)
    top, left, bottom, right = body["box"]
    after = alpha(page)
    assert (after[top:bottom, left:right] == 200).all()
    assert after[round(0.1 * 512), 56] == 255
    assert held.routes == []
    no_hint_waits(page)


def test_a_hint_that_is_not_solved_yet_is_what_undo_takes_back_first(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    held = Held(page)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.3, 0.9))
    painted = alpha(page)
    hint(page)
    stroke(page, (0.5, 0.8), (0.6, 0.8))
    asked = held.next()
    page.keyboard.press("u")
    no_hint_waits(page)
    asked.fulfill(json=HINT_ANSWER)
    stroke(page, (0.5, 0.6), (0.6, 0.6))  # its request is the proof that the answer before has been dealt with
    held.next().fulfill(json=HINT_ANSWER)
    strokes(page, 2)
    page.keyboard.press("u")
    assert np.array_equal(alpha(page), painted)


def test_a_hint_that_cannot_be_solved_is_dropped_and_the_page_says_why(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    hint(page)
    before = alpha(page)
    trouble = page.locator('[data-part="trouble"]')
    for _ in range(2):
        page.keyboard.press("t")
    for _ in range(20):
        page.keyboard.press("]")
    stroke(page, (0.1, 0.2), (0.9, 0.2), (0.9, 0.5), (0.1, 0.5), (0.1, 0.8), (0.9, 0.8))
    expect(trouble).to_contain_text("marked as unknown; Refine can solve 40% at most. Clean the mask up first")
    status(page, "The hint was dropped.")
    no_hint_waits(page)
    assert np.array_equal(alpha(page), before)
    assert page.evaluate(HINTED) == 0
    assert saves(app) == []
    held = Held(page)
    held.opened = True
    warming = "Refine is warming up. At its first start on a machine this takes ten seconds or more, later a few."
    stroke(page, (0.5, 0.2), (0.6, 0.2))
    asked = held.next()
    expect(trouble).to_be_hidden()
    asked.fulfill(status=503, json={"error": warming})
    expect(trouble).to_have_text(warming)
    assert np.array_equal(alpha(page), before)
    page.keyboard.press("b")
    stroke(page, (0.5, 0.9), (0.6, 0.9))
    expect(trouble).to_be_hidden()


def test_done_waits_for_a_hint_that_is_being_solved(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    held = Held(page)
    begin(page, app.url)
    hint(page)
    stroke(page, (0.5, 0.8), (0.6, 0.8))
    asked = held.next()
    page.keyboard.press("Enter")
    status(page, "Done as soon as the hint is solved…")
    state(page, "painting")
    asked.fulfill(json=HINT_ANSWER)
    state(page, "over")
    assert mask_of(app, saves(app)[-1][0])[round(0.8 * 512), 280] == 200


def test_a_hint_that_the_bell_cut_off_or_overtook_is_dropped(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    held = Held(page)
    begin(page, app.url)
    hint(page)
    before = alpha(page)
    stroke(page, (0.5, 0.8), (0.6, 0.8))
    asked = held.next()
    page.mouse.move(*spot(page, 0.5, 0.9))
    page.mouse.down()
    page.mouse.move(*spot(page, 0.9, 0.9), steps=8)  # a hint that never ends
    page.evaluate("() => { window.__winnowPainter.until = performance.now(); }")  # the bell
    state(page, "over")
    with page.expect_response("**/api/touchups/refine"):
        asked.fulfill(json=HINT_ANSWER)
    page.mouse.up()
    page.wait_for_function("() => !window.__winnowPainter.solving")
    assert np.array_equal(alpha(page), before)
    assert page.evaluate(HINTED) == 0
    assert held.routes == []
    after, finished = saves(app)[-1]
    assert finished
    assert np.array_equal(mask_of(app, after), before)


def test_recolouring_asks_once_for_the_hairs_own_colours(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    colours = cv2.imencode(".png", np.full((512, 512, 3), (10, 20, 200), np.uint8))[1].tobytes()
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"colours": base64.b64encode(colours).decode()})

    page.route("**/api/touchups/foreground", answer)
    begin(page, app.url)
    for _ in range(3):
        page.keyboard.press("v")
    expect(page.locator('[data-part="view_name"]')).to_have_text("Recoloured")
    page.wait_for_function("() => window.__winnowPainter.easel.foreground?.[0] === 200")
    for _ in range(5):
        page.keyboard.press("v")
    expect(page.locator('[data-part="view_name"]')).to_have_text("Recoloured")
    assert len(asked) == 1


def test_two_fingers_zoom_and_paint_nothing(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    before = page.evaluate(HAIR)

    def finger(kind: str, number: int, across: float, down: float) -> None:
        x, y = spot(page, across, down)
        pointer = {"pointerId": number, "pointerType": "touch", "isPrimary": number == 11, "bubbles": True}
        page.evaluate(
            """([kind, touch]) => {
              const canvas = window.__winnowPainter.at.canvas;
              canvas.setPointerCapture = () => {};
              canvas.dispatchEvent(new PointerEvent(kind, { ...touch, button: kind === "pointermove" ? -1 : 0 }));
            }""",
            [kind, {**pointer, "clientX": x, "clientY": y}],
        )

    finger("pointerdown", 11, 0.4, 0.9)
    finger("pointerdown", 12, 0.6, 0.9)
    finger("pointermove", 11, 0.2, 0.9)
    finger("pointermove", 12, 0.8, 0.9)
    finger("pointerup", 12, 0.8, 0.9)
    finger("pointerup", 11, 0.2, 0.9)
    assert page.evaluate("() => window.__winnowPainter.easel.view.zoom") == pytest.approx(3, abs=0.05)
    assert page.evaluate(HAIR) == before
    assert saves(app) == []


def test_a_save_that_failed_is_sent_again(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    page.route("**/api/touchups/save", lambda route: route.abort())  # before the page is opened: see the deck's tests
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    expect(page.get_by_text("Winnow cannot be reached right now.")).to_be_visible()
    assert saves(app) == []
    page.unroute("**/api/touchups/save")
    status(page, "Saved.")
    assert (mask_of(app, saves(app)[-1][0])[461, 70:440] == 255).all()


def test_starting_over_makes_a_new_touch_up_from_the_contributors_mask(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    page.keyboard.press("Enter")
    state(page, "over")
    page.get_by_role("button", name="Start over").click()
    state(page, "idle")
    page.keyboard.press("s")
    state(page, "painting")
    assert page.evaluate(BELOW) == 0
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
        session.execute(update(TouchUp).values(mask_before_sha256=mask))
        session.execute(update(TouchUpSave).values(mask_after_sha256=mask))
    opened(page, app.url)
    expect(page.locator("figure")).to_have_count(24)
    expect(page.locator("figure").first).to_have_attribute("data-example", "60")  # the latest first
    expect(page.get_by_text("30 masks to touch up")).to_be_visible()
    expect(page.locator('[data-part="strip"] button')).to_have_count(10)
    more = page.get_by_role("button", name="Show more")
    page.get_by_role("button", name="Start over 60.jpg", exact=True).click()
    more.click()
    expect(page.locator("figure")).to_have_count(48)
    expect(page.locator(CANVAS)).to_have_attribute("data-example", "60")  # what was chosen stays
    page.get_by_role("button", name="Touch up 70.jpg").click()
    page.wait_for_selector('[data-state="idle"] [data-part="canvas"][data-example="70"]')
    page.locator(CANVAS).hover()
    page.mouse.wheel(0, -200)
    expect(page.locator(CANVAS)).not_to_have_attribute("data-zoom", "1.00")
    zoom = page.locator(CANVAS).get_attribute("data-zoom") or ""
    more.click()
    expect(page.locator("figure")).to_have_count(60)
    expect(more).to_be_hidden()
    expect(page.locator(CANVAS)).to_have_attribute("data-example", "70")
    expect(page.locator(CANVAS)).to_have_attribute("data-zoom", zoom)  # it is not even loaded again
    page.keyboard.press("s")  # so no key is lost
    state(page, "painting")
    page.keyboard.press("Enter")
    state(page, "over")
    expect(page.get_by_text("29 masks to touch up")).to_be_visible()
    page.locator('figure[data-example="1"]').get_by_role("button", name="Start over 1.jpg", exact=True).click()
    page.wait_for_selector('[data-part="canvas"][data-example="1"]')


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


# --- what can be had again, and who paints ----------------------------------------------------------------------------


def test_done_is_taken_back_with_the_steps_for_undo_and_then_done_again(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    page.keyboard.press("Enter")
    state(page, "over")
    page.route("**/api/touchups/resume", lambda route: route.abort(), times=1)
    page.keyboard.press("u")
    expect(page.locator('[data-part="trouble"]')).to_contain_text("Winnow cannot be reached right now.")
    page.keyboard.press("u")
    state(page, "painting")
    expect(page.get_by_role("timer")).to_contain_text("1:")  # the clock went on
    assert page.evaluate(BELOW) == 255
    page.keyboard.press("u")  # now it is the stroke's undo
    assert page.evaluate(BELOW) == 0
    status(page, "Saved.")
    page.keyboard.press("Enter")
    state(page, "over")
    assert [finished for _, finished in saves(app)] == [False, True, False, False, True]
    assert np.array_equal(mask_of(app, saves(app)[-1][0]), drawn_mask(0))
    with reading(app.engine) as session:
        assert len(session.scalars(select(TouchUp)).all()) == 1


def test_a_second_tab_is_told_and_takes_over_and_the_first_one_is_told_too(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    second = page.context.new_page()
    second.goto(f"{app.url}/touchup")
    expect(second.locator('[data-part="over"]')).to_contain_text("You have this mask open on another page")
    state(second, "idle")
    second.get_by_role("button", name="Take over").click()
    state(second, "painting")
    assert second.evaluate(BELOW) == 255
    stroke(page, (0.1, 0.95), (0.9, 0.95))
    expect(page.locator('[data-part="over"]')).to_contain_text("You went on with this mask on another page")
    state(page, "idle")
    assert len(saves(app)) == 1
    second.close()


def test_the_time_with_the_page_hidden_is_recorded(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    for hidden in ("true", "false"):
        page.evaluate(f"() => Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }})")
        with page.expect_response("**/api/touchups/presence") as answer:
            page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        assert answer.value.ok
    with reading(app.engine) as session:
        said = session.scalars(select(TouchUpPresence.presence).order_by(TouchUpPresence.id)).all()
    assert said == [Presence.opened, Presence.hidden, Presence.shown]


def test_a_touch_up_starts_from_any_version_and_a_discarded_one_counts_no_more(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    page.keyboard.press("Enter")
    state(page, "over")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("figcaption")).to_contain_text("discarded by reviewer")
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)
    page.reload()
    state(page, "idle")  # it waits again, with the mask before
    assert page.evaluate(BELOW) == 0
    page.get_by_role("button", name="Start from: touched up by reviewer").click()
    page.wait_for_function(f"() => ({BELOW})() === 255")
    page.keyboard.press("s")
    state(page, "painting")
    page.keyboard.press("Enter")
    state(page, "over")
    with reading(app.engine) as session:
        first, second = session.scalars(select(TouchUp).order_by(TouchUp.id))
        assert second.mask_before_sha256 == first.saves[-1].mask_after_sha256


def test_the_clock_that_runs_is_shown_in_the_navigation_of_other_pages(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    page.goto(f"{app.url}/team")
    expect(page.get_by_role("link", name="Touch-up")).to_contain_text(re.compile(r"[01]:\d\d"))


def test_what_a_browser_kept_does_not_come_back_over_what_another_one_painted_since(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    status(page, "Saved.")
    browser = page.context.browser
    assert browser is not None
    elsewhere = browser.new_context(viewport=page.viewport_size).new_page()
    elsewhere.goto(f"{app.url}/touchup")
    elsewhere.get_by_role("button", name="Take over").click()
    state(elsewhere, "painting")
    elsewhere.keyboard.press("e")
    stroke(elsewhere, (0.05, 0.9), (0.95, 0.9))
    status(elsewhere, "Saved.")
    page.reload()
    page.get_by_role("button", name="Take over").click()
    state(page, "painting")
    assert page.evaluate(BELOW) == 0
    elsewhere.context.close()


def test_done_on_a_page_that_was_taken_over_says_that_nothing_is_done(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    second = page.context.new_page()
    second.goto(f"{app.url}/touchup")
    second.get_by_role("button", name="Take over").click()
    state(second, "painting")
    page.keyboard.press("Enter")
    state(page, "idle")
    expect(page.locator('[data-part="over"]')).to_contain_text("You went on with this mask on another page")
    assert saves(app) == []
    second.close()


def test_a_mask_that_is_erased_while_it_is_painted_says_so_and_nothing_is_sent_again(page: Page, app: Server) -> None:
    add_kept(app.engine, app.store, 1)
    begin(page, app.url)
    with writing(app.engine) as session:
        for table in (TouchUpPresence, TouchUpSave, TouchUp):
            session.execute(delete(table))
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    expect(page.locator('[data-part="over"]')).to_contain_text("It may have been erased.")
    state(page, "idle")
