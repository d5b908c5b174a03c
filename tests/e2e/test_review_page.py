"""The review deck in a real browser, by its keys, its buttons and fingers."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, FloatRect, Locator, Page, Response, Route, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import Engine, delete, select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.touchup.begin import StartedTouchUp, begin
from curator.touchup.saves import finish
from db.jobs import utc_now
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Decision, Example, Gold, Lease, Reason, Reviewer, Split, Standing, State, Suspicion, Verdict
from tests.e2e.conftest import ROOT, Server, canvas_pixels
from tests.examples import add_examples, drawn_mask

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


def shows(page: Page, example: int) -> None:
    """Wait until the deck shows that example's picture."""
    page.wait_for_selector(f'canvas[data-example="{example}"][data-state="showing"]')


# Pictures that have come in; each card has two.
DECODED = "performance.getEntriesByType('resource').filter(e => e.name.includes('/pictures/')).length"


def opened(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review")
    shows(page, 1)


def box_of(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None
    return box


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


DECIDING = [
    *[(key, "keep", None) for key in "kKaA"],
    *[(key, "fix", None) for key in "fF"],
    *[(key, "reject", "unsaid") for key in "xX"],
    *[(str(number), "reject", reason) for number, reason in enumerate([str(r) for r in Reason][:6], start=1)],
]


def test_each_key_decides_without_a_click_first(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, len(DECIDING) + 1 - COUNT, Split.train)
    page.goto(f"{app.url}/review")
    canvas, given = page.locator('canvas[data-state="showing"]'), []
    for key, decision, reason in DECIDING:
        example = canvas.get_attribute("data-example")
        page.keyboard.press(key)
        expect(page.locator(f'canvas[data-example="{example}"]')).to_have_count(0)
        canvas.wait_for()
        saved(page)
        given.append((int(example or 0), decision, reason))
        assert verdicts(app) == given
        expect(page.locator('[data-part="left"]')).to_have_text(str(len(DECIDING) + 1 - len(given)))
        for part, counted in (("kept", "keep"), ("fixed", "fix"), ("rejected", "reject")):
            expect(page.locator(f'[data-part="{part}"]')).to_have_text(str(sum(one == counted for _, one, _ in given)))


def test_keys_take_the_last_verdict_back(page: Page, app: Server) -> None:
    opened(page, app)
    for key in ("u", "U", "Backspace"):
        page.keyboard.press("x")
        shows(page, 2)
        page.keyboard.press(key)
        shows(page, 1)
        saved(page)
    assert verdicts(app) == 3 * [(1, "reject", "unsaid"), (1, "undo", None)]


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


def test_a_robot_at_ten_a_second_loses_none_and_sees_none_twice(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 100 - COUNT + 1, suspicions=[0.0] * (100 - COUNT + 1))
    opened(page, app)
    page.wait_for_function(f"() => {DECODED} >= 40")  # photo and mask of twenty
    page.locator("canvas[data-example]").evaluate(
        """canvas => new Promise(done => {
            const press = setInterval(() => {
                const given = Number(canvas.dataset.example) - 1; // the examples come in the order of their numbers
                if (given === 100) return clearInterval(press), done();
                window.dispatchEvent(new KeyboardEvent('keydown', { key: given % 3 ? 'k' : '2' }));
            }, 100);
        })"""
    )
    page.wait_for_selector('canvas[data-example="101"][data-state="showing"]')
    saved(page)
    assert [example for example, _, _ in verdicts(app)] == list(range(1, 101))


def test_without_a_network_verdicts_wait_in_the_browser_and_are_sent_once(page: Page, app: Server) -> None:
    opened(page, app)
    page.wait_for_function(f"() => {DECODED} >= {2 * COUNT}")
    page.context.set_offline(True)
    page.keyboard.press("k")
    shows(page, 2)
    page.keyboard.press("x")
    shows(page, 3)
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("2 verdicts are not saved yet")
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
        for rows, number in [(Suspicion, Suspicion.example_id), (Standing, Standing.example_id), (Example, Example.id)]:
            session.execute(delete(rows).where(number == 2))
    page.unroute("**/api/verdicts")
    page.evaluate("() => window.dispatchEvent(new Event('online'))")
    saved(page)
    assert verdicts(app) == [(1, "keep", None), (3, "keep", None)]
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("Not accepted: head-001.png. Example 2 does not exist")
    page.keyboard.press("k")  # a further verdict doesn't hide it
    shows(page, 5)
    expect(page.locator('[data-part="unsaved"]')).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator('[data-part="unsaved"]')).to_be_hidden()
    page.keyboard.press("u")
    shows(page, 4)
    page.keyboard.press("u")  # what was not taken can't be taken back
    shows(page, 3)


def test_a_token_that_grew_too_old_is_renewed_without_losing_the_verdict(page: Page, app: Server) -> None:
    refused = []

    def too_old(route: Route) -> None:
        if refused:
            return route.continue_()
        refused.append(route.request.headers["x-winnow-token"])
        return route.fulfill(status=403, body=json.dumps({"error": "Too old.", "code": "stale_page"}))

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
    expect(page.get_by_text("This picture is missing from the store or damaged.")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("6")
    shows(page, 2)
    saved(page)
    assert verdicts(app) == [(1, Decision.reject, Reason.bad_photo)]


def kept_in_browser(page: Page) -> list[str]:
    found: list[str] = page.evaluate("() => Object.keys(localStorage).filter(key => key.startsWith('winnow.verdict.'))")
    return found


# The width of each icon, in ems, as Streamlit writes it: a word that becomes one sign.
ICON_WIDTHS = """
async (names) => {
    await document.fonts.load('20px "Material Symbols Rounded"');
    return names.map((name) => {
        const icon = Object.assign(document.createElement('span'), { textContent: name });
        icon.style.cssText = 'font: 20px "Material Symbols Rounded"; position: absolute';
        document.body.append(icon);
        const width = icon.getBoundingClientRect().width / 20;
        icon.remove();
        return [name, width];
    });
}
"""


def test_the_page_has_its_frame_when_it_is_the_first_that_is_opened(
    page: Page, server: Callable[..., Server], engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1)
    fresh = server()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    opened(page, fresh)
    expect(page.get_by_role("link", name="Touch-up")).to_be_visible()
    expect(page.locator("[data-testid=stSidebar]")).to_have_count(0)

    expect(page.locator(".splash")).to_be_hidden()
    expect(page.locator(".splash")).to_contain_text("Winnow Loading …")
    own = [answer for answer in answers if answer.url.startswith(fresh.url)]
    assert [answer.url for answer in own if answer.status >= 400] == []
    assert [answer.url for answer in own if "/static/media/" in answer.url] == []  # no font beside the icons'
    scripts = [answer for answer in own if answer.url.endswith(".js")]
    assert {answer.headers.get("content-encoding") for answer in scripts} == {"gzip"}
    names = re.findall(r"^\w+", (ROOT / "curator/app/icons.txt").read_text(), re.MULTILINE)
    widths = page.evaluate(ICON_WIDTHS, [name.lstrip("_") for name in names])
    assert [(name, width) for name, width in widths if width != 1] == []

    page.route("**/_stcore/health", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("dialog")).to_contain_text("Connection error")
    expect(page.locator(".splash")).to_be_hidden()


# --- how a picture is looked at --------------------------------------------------------------------------------------


def view(page: Page, name: str) -> None:
    page.wait_for_selector(f'canvas[data-view="{name}"]')


def edge_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels along the inside of a mask's edge."""
    return mask & ~(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0)


def near(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


def test_v_goes_round_the_views_and_each_shows_what_it_says(page: Page, app: Server) -> None:
    opened(page, app)
    photo, mask = stored(app, 1, "image"), stored(app, 1, "mask")[..., 0] > 127
    overlay = canvas_pixels(page)
    page.keyboard.press("v")
    view(page, "outline")
    outline, edge = canvas_pixels(page), edge_of(mask)
    assert np.abs(outline - photo)[~near(edge, 5)].mean() < 1  # nothing but the edge
    assert outline[edge].mean() > 180  # light
    assert outline[near(edge, 2) & ~near(edge, 1) & ~mask].mean() < 0.5 * photo[near(edge, 2) & ~mask].mean()  # a dark halo
    page.keyboard.press("V")
    view(page, "cutout")
    cutout = canvas_pixels(page)
    assert np.abs(cutout - photo)[mask].mean() < 1
    assert np.abs(cutout[~mask] - 128).max() <= 1  # a neutral backdrop
    page.keyboard.press("v")
    view(page, "side")
    assert np.abs(canvas_pixels(page) - overlay).mean() < 1
    plain, both = (box_of(page.locator(f'[data-part="{part}"]')) for part in ("plain", "photo"))
    assert plain["x"] + plain["width"] <= both["x"]
    assert plain["width"] == pytest.approx(both["width"], abs=1)
    assert plain["width"] > 400
    page.keyboard.press("v")
    view(page, "overlay")
    expect(page.locator('[data-part="plain"]')).to_be_hidden()


def test_view_opacity_and_mask_stay_for_this_browser(page: Page, app: Server) -> None:
    opened(page, app)
    page.get_by_role("button", name="Cut-out").click()
    view(page, "cutout")
    page.keyboard.press("[")
    page.keyboard.press("m")
    page.reload()
    page.wait_for_selector('canvas[data-view="cutout"][data-masked="false"][data-state="showing"]')
    expect(page.get_by_role("button", name="Cut-out")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("slider", name="Opacity of the mask")).to_have_value("90")
    expect(page.get_by_role("button", name="Mask M")).to_have_attribute("aria-pressed", "false")


def test_brackets_and_the_slider_make_the_mask_stronger_and_fainter(page: Page, app: Server) -> None:
    opened(page, app)
    photo, mask = stored(app, 1, "image"), stored(app, 1, "mask")[..., 0] > 127
    inside = mask & ~near(edge_of(mask), 3)

    def strength() -> float:
        return float(np.abs(canvas_pixels(page) - photo)[inside].mean())

    usual = strength()
    page.keyboard.press("]")
    stronger = strength()
    assert stronger == pytest.approx(usual * 0.5 / 0.4, rel=0.05)
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert strength() == pytest.approx(usual * 0.3 / 0.4, rel=0.05)
    page.get_by_role("slider", name="Opacity of the mask").fill("100")
    assert strength() == pytest.approx(usual / 0.4, rel=0.05)
    page.keyboard.press("k")  # the slider has the focus, and the keys still decide
    shows(page, 2)


@pytest.mark.parametrize("by", ["the key", "the mouse"])
def test_the_mask_is_hidden_as_long_as_it_is_held(page: Page, app: Server, by: str) -> None:
    opened(page, app)
    if by == "the key":
        page.keyboard.down("H")
    else:
        page.locator('canvas[data-example="1"]').hover()
        page.mouse.down()
    page.wait_for_selector('canvas[data-masked="false"]')
    assert np.abs(canvas_pixels(page) - stored(app, 1, "image")).mean() < 1
    if by == "the key":
        page.keyboard.up("H")
    else:
        page.mouse.up()
    page.wait_for_selector('canvas[data-masked="true"]')
    shows(page, 1)
    assert verdicts(app) == []


def test_z_and_the_wheel_zoom_at_the_pointer_a_drag_moves_and_the_next_picture_is_whole(page: Page, app: Server) -> None:
    opened(page, app)
    photo = page.locator('canvas[data-example="1"]')
    box = box_of(photo)
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    for zoom in (2, 4):
        page.keyboard.press("z")
        page.wait_for_selector(f'canvas[data-zoom="{zoom}"]')
        closer = box_of(photo)
        assert closer["width"] == pytest.approx(zoom * box["width"], rel=0.01)
        # What lay under the pointer still does.
        assert closer["x"] + 0.25 * closer["width"] == pytest.approx(box["x"] + 0.25 * box["width"], abs=1)
        assert closer["y"] + 0.75 * closer["height"] == pytest.approx(box["y"] + 0.75 * box["height"], abs=1)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"] + 50, box["y"] + 0.75 * box["height"] - 30, steps=4)
    page.mouse.up()
    moved = box_of(photo)
    assert moved["x"] - closer["x"] == pytest.approx(50, abs=1)
    assert moved["y"] - closer["y"] == pytest.approx(-30, abs=1)
    page.keyboard.press("Z")
    page.wait_for_selector('canvas[data-zoom="1"]')
    page.mouse.wheel(0, -300)
    page.wait_for_function("() => scrollY === 0")
    expect(photo).not_to_have_attribute("data-zoom", "1")
    page.keyboard.press("k")
    page.wait_for_selector('canvas[data-example="2"][data-zoom="1"]')


# --- repaired masks ---------------------------------------------------------------------------------------------------


def repaired(app: Server, name: str) -> str:
    """The mask of example 1 after Bo said fix and this reviewer repaired it."""
    with writing(app.engine) as session:
        given = [NewVerdict(1, Decision.fix, None, "fix")]
        record(session, reviewer_called(session, "Bo").id, given, utc_now())
        begun = begin(session, reviewer_called(session, name).id, "page", 1, 120, utc_now())
    assert isinstance(begun, StartedTouchUp)
    return finish(app.engine, app.store, name, "page", begun.touch_up, drawn_mask(5), utc_now()).mask


def test_a_repaired_mask_is_shown_as_it_is_now_and_kept_or_sent_back(page: Page, app: Server) -> None:
    repaired(app, "Ada")
    opened(page, app)
    expect(page.locator('[data-part="reasons"]')).to_contain_text("repaired by Ada")
    expect(page.locator('[data-part="left"]')).to_have_text(str(COUNT))
    for key, state in [("f", State.fix), ("k", State.keep)]:
        page.keyboard.press(key)
        shows(page, 2)
        saved(page)
        with reading(app.engine) as session:
            assert session.get_one(Standing, 1).state is state
        expect(page.locator('[data-part="left"]')).to_have_text(str(COUNT - 1))
        page.keyboard.press("u")
        shows(page, 1)
        saved(page)
    with reading(app.engine) as session:
        assert session.get_one(Standing, 1).state is State.repaired


def test_ones_own_repair_is_for_others_until_a_lead_asks_for_it(page: Page, app: Server) -> None:
    repaired(app, "reviewer")
    page.goto(f"{app.url}/review")
    shows(page, 2)
    expect(page.get_by_text("1 mask that you repaired waits for another reviewer.")).to_be_visible()
    page.get_by_role("link", name="Approve them yourself").click()
    shows(page, 1)
    page.keyboard.press("k")
    expect(page.get_by_text("This filter is done")).to_be_visible()
    saved(page)
    with reading(app.engine) as session:
        assert session.get_one(Standing, 1).state is State.keep


def test_a_mask_that_was_repaired_while_the_page_held_it_is_not_judged_unseen(page: Page, app: Server) -> None:
    opened(page, app)
    repaired(app, "Ada")
    page.keyboard.press("k")
    shows(page, 2)
    expect(page.get_by_text("Another reviewer has repaired this mask since you saw it.")).to_be_visible()
    with reading(app.engine) as session:
        assert session.get_one(Standing, 1).state is State.repaired


# --- fingers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tablet(browser: Browser) -> Iterator[Page]:
    """A page under fingers, 768 x 1024."""
    context = browser.new_context(viewport={"width": 768, "height": 1024}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


class Finger:
    """One or more fingers on the picture, at points given as shares of it."""

    def __init__(self, page: Page) -> None:
        self.wire = page.context.new_cdp_session(page)
        box = box_of(page.locator('[data-part="frame"]'))
        self.box = box

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        x, y, width, height = (self.box[name] for name in ("x", "y", "width", "height"))
        touches = [{"x": x + a * width, "y": y + d * height, "id": number} for number, (a, d) in enumerate(points)]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def swipe(self, across: float, down: float, steps: int = 6) -> None:
        """From the middle, by shares of the picture; slow enough to be no flick."""
        self.send("touchStart", (0.5, 0.5))
        for step in range(1, steps + 1):
            self.send("touchMove", (0.5 + across * step / steps, 0.5 + down * step / steps))

    def lift(self) -> None:
        self.send("touchEnd")


def test_swipes_decide(tablet: Page, app: Server) -> None:
    opened(tablet, app)
    finger, given = Finger(tablet), []
    swipes: list[tuple[float, float, str, list[tuple[str, str | None]]]] = [
        (0.4, 0.05, "Keep", [("keep", None)]),
        (-0.4, 0.05, "Reject", [("reject", "unsaid")]),
        (0.05, 0.4, "Fix", [("fix", None)]),
        (0.05, -0.4, "Skip", []),
    ]
    for example, (across, down, label, verdict) in enumerate(swipes, start=1):
        finger.swipe(across, down)
        expect(tablet.locator('[data-part="swiped"]')).to_have_text(label)
        expect(tablet.locator('[data-part="swiped"]')).to_have_css("opacity", "1")
        shows(tablet, example)  # not before the finger is lifted
        finger.lift()
        shows(tablet, example + 1)
        saved(tablet)
        given += [(example, *one) for one in verdict]
        assert verdicts(app) == given
        expect(tablet.locator('[data-part="card"]')).to_have_css("transform", "none")


def test_a_tap_and_a_short_swipe_decide_nothing(tablet: Page, app: Server) -> None:
    opened(tablet, app)
    finger = Finger(tablet)
    finger.send("touchStart", (0.5, 0.5))
    finger.lift()
    for across, down in [(0.03, 0.0), (0.0, 0.03)]:
        finger.swipe(across, down)
        expect(tablet.locator('[data-part="card"]')).not_to_have_css("transform", "none")
        finger.lift()
        expect(tablet.locator('[data-part="card"]')).to_have_css("transform", "none")
    shows(tablet, 1)
    expect(tablet.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_resting_finger_hides_the_mask_and_two_zoom(tablet: Page, app: Server) -> None:
    opened(tablet, app)
    finger = Finger(tablet)
    finger.send("touchStart", (0.5, 0.5))
    tablet.wait_for_selector('canvas[data-masked="false"]')
    finger.lift()
    tablet.wait_for_selector('canvas[data-masked="true"]')
    finger.send("touchStart", (0.4, 0.5))
    finger.send("touchStart", (0.4, 0.5), (0.6, 0.5))
    finger.send("touchMove", (0.3, 0.5), (0.7, 0.5))
    tablet.wait_for_selector('canvas[data-zoom="2"]')
    finger.lift()
    finger.swipe(0.4, 0.0)  # zoomed, a finger moves the picture
    finger.lift()
    shows(tablet, 1)
    assert verdicts(app) == []


def test_on_tablets_and_phones_every_verdict_is_in_reach_and_large_enough(tablet: Page, app: Server) -> None:
    opened(tablet, app)
    for width, height in [(1024, 768), (768, 1024), (390, 844)]:
        tablet.set_viewport_size({"width": width, "height": height})
        if width == 390:  # a phone opens the page at its size
            opened(tablet, app)
        tablet.wait_for_function("() => document.fonts.status === 'loaded'")
        for name in ["Keep", "Fix", "Reject", "No face", "Not hair", "Hair missing", "Spills over", "Too coarse", "Bad photo"]:
            button = tablet.get_by_role("button", name=name)
            expect(button).to_be_in_viewport(ratio=1)
            box = box_of(button)
            assert box["height"] >= 44
            assert box["width"] >= 44
        assert tablet.evaluate("document.documentElement.scrollWidth") <= width


# --- the help --------------------------------------------------------------------------------------------------------


def test_the_help_lists_the_keys_keeps_them_still_and_gives_the_focus_back(page: Page, app: Server) -> None:
    opened(page, app)
    opener = page.get_by_role("button", name="Keys")
    opener.focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    for key in ("k", "x", "v", "m"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    page.wait_for_selector('canvas[data-example="1"][data-view="overlay"][data-masked="true"]')
    page.keyboard.press("Enter")  # on the button that has the focus
    expect(dialog).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    page.keyboard.press("k")
    shows(page, 2)
    saved(page)
    assert verdicts(app) == [(1, "keep", None)]


# --- room for the picture, looking again, keys ---------------------------------------------------------------------------


def share_of_window(page: Page, part: Locator) -> float:
    box, window = box_of(part), page.viewport_size
    assert window is not None
    return box["width"] * box["height"] / (window["width"] * window["height"])


def test_the_panel_stays_where_it_is_and_the_picture_can_fill_the_window(page: Page, app: Server) -> None:
    opened(page, app)
    keep, frame = page.get_by_role("button", name="Keep K"), page.locator('[data-part="frame"]')
    at = box_of(keep)
    assert box_of(frame)["width"] > 740  # of 900
    assert share_of_window(page, frame) >= 0.44
    for name in ("outline", "cutout", "side"):
        page.keyboard.press("v")
        view(page, name)
        assert box_of(keep) == at
    page.keyboard.press("v")
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Large L")).to_have_attribute("aria-pressed", "true")
    assert box_of(frame)["height"] > 0.95 * 900
    expect(keep).to_be_in_viewport(ratio=1)
    expect(page.locator('[data-part="caption"]')).to_be_hidden()
    page.keyboard.press("k")
    shows(page, 2)
    page.reload()
    shows(page, 2)
    assert box_of(frame)["height"] > 0.95 * 900  # this tab remembers it
    page.keyboard.press("Escape")
    expect(page.locator('[data-part="caption"]')).to_be_visible()
    page.set_viewport_size({"width": 960, "height": 600})  # 1440 x 900 at 150 %
    for name in ("Keep K", "Fix F", "Reject X", "Keys ?"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 960
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{app.url}/review?split=train")
    shows(page, 2)
    expect(page.get_by_role("button", name="Clear")).to_be_visible()  # the filter has a line of its own
    assert share_of_window(page, frame) >= 0.36


def test_the_last_cards_are_looked_at_again_judged_again_and_taken_back_in_a_later_sitting(
    page: Page, app: Server, browser: Browser
) -> None:
    opened(page, app)
    was = page.locator('[data-part="was"]')
    for number, key in [(1, "k"), (2, "3"), (3, " ")]:
        page.keyboard.press(key)
        expect(page.locator('[data-part="frame"] .flash svg')).to_have_count(1)  # a sign on the picture
        shows(page, number + 1)
    for number, says in [(3, "skipped by you"), (2, "rejected by you: hair missing"), (1, "kept by you"), (1, "kept by you")]:
        page.keyboard.press("ArrowLeft")
        shows(page, number)
        expect(was).to_have_text(says)
    page.keyboard.press("ArrowRight")
    shows(page, 2)
    still = page.get_by_role("button", name="head-001.png: rejected by you: hair missing")
    expect(still).to_have_attribute("aria-current", "true")
    page.keyboard.press("3")  # it says so already
    shows(page, 4)
    expect(was).to_be_hidden()
    still.click()
    shows(page, 2)
    still.focus()
    page.keyboard.press("k")
    shows(page, 4)
    expect(page.get_by_role("button", name="head-001.png: kept by you")).to_be_focused()
    first = page.get_by_role("button", name="head-000.png: kept by you")
    first.focus()
    saved(page)
    assert verdicts(app) == [(1, "keep", None), (2, "reject", "hair_missing"), (2, "keep", None)]
    for part, number in [("left", COUNT - 2), ("kept", 2), ("rejected", 0)]:
        expect(page.locator(f'[data-part="{part}"]')).to_have_text(str(number))
    page.keyboard.press("Control+z")  # the verdict before counts again
    shows(page, 2)
    expect(first).to_be_focused()  # others beside it change
    expect(was).to_have_text("rejected by you: hair missing")
    saved(page)
    for part, number in [("left", COUNT - 2), ("kept", 1), ("rejected", 1)]:
        expect(page.locator(f'[data-part="{part}"]')).to_have_text(str(number))
    page.close()

    context = browser.new_context()  # the browser was closed, and nothing is left in it
    later = context.new_page()
    later.goto(f"{app.url}/review")
    shows(later, 3)
    expect(later.get_by_role("button", name="head-001.png: rejected by you: hair missing")).to_be_visible()
    later.keyboard.press("Meta+z")
    shows(later, 2)
    later.keyboard.press("u")
    shows(later, 1)
    expect(later.get_by_role("button", name="Undo")).to_be_disabled()
    saved(later)
    assert [(example, decision) for example, decision, _ in verdicts(app)][3:] == [(2, "undo"), (2, "undo"), (1, "undo")]
    context.close()


def test_keys_and_the_tint_are_the_reviewers_choice_and_stay_for_this_browser(page: Page, app: Server) -> None:
    opened(page, app)
    mask = stored(app, 1, "mask")[..., 0] > 127
    page.get_by_role("button", name="Yellow tint").click()
    shows(page, 1)
    assert (canvas_pixels(page) - stored(app, 1, "image"))[mask][:, 2].mean() < -10  # less blue
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.get_by_role("button", name="Keep: K or A. Change the key").click()
    for key, says in [("x", "X is taken: Reject."), ("F2", "F2 belongs to the browser."), ("Control+j", "Keys with Ctrl")]:
        page.keyboard.press(key)
        expect(dialog.get_by_role("status")).to_contain_text(says)
    page.keyboard.press("J")
    expect(dialog.get_by_role("button", name="Keep: J. Change the key")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("k")  # nothing now
    page.keyboard.press("j")
    shows(page, 2)
    page.reload()
    shows(page, 2)
    expect(page.get_by_role("button", name="Yellow tint")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Keep J").click()
    shows(page, 3)
    page.keyboard.press("?")
    dialog.get_by_role("button", name="Reset the keys").press("Enter")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    shows(page, 4)
    saved(page)
    assert [decision for _, decision, _ in verdicts(app)] == ["keep"] * 3


# --- a sitting: undo, tabs, pace -------------------------------------------------------------------------------------


def test_undo_survives_a_reload(page: Page, app: Server) -> None:
    opened(page, app)
    for number, key in [(1, "k"), (2, "3"), (3, "k")]:
        shows(page, number)
        page.keyboard.press(key)
    shows(page, 4)
    saved(page)
    page.reload()
    shows(page, 4)
    for number in (3, 2, 1):
        page.keyboard.press("u")
        shows(page, number)
        assert np.abs(canvas_pixels(page) - stored(app, number, "image")).mean() < 30  # its picture is fetched again
    saved(page)
    assert [(example, decision) for example, decision, _ in verdicts(app)][3:] == [(3, "undo"), (2, "undo"), (1, "undo")]


def test_two_tabs_of_a_reviewer_agree(page: Page, app: Server) -> None:
    opened(page, app)
    other = page.context.new_page()
    opened(other, app)
    page.keyboard.press("k")
    shows(page, 2)
    shows(other, 2)
    expect(other.get_by_text("Kept in your other tab: head-000.png")).to_be_visible()
    other.keyboard.press("x")
    shows(other, 3)
    shows(page, 3)
    expect(page.get_by_text("Rejected in your other tab")).to_be_visible()
    page.keyboard.press("u")  # the newest, though the other tab gave it
    shows(page, 2)
    shows(other, 3)
    other.keyboard.press("u")
    shows(other, 1)
    shows(page, 2)
    for tab in (page, other):
        saved(tab)
        expect(tab.locator('[data-part="left"]')).to_have_text(str(COUNT))
    assert [(example, decision) for example, decision, _ in verdicts(app)] == [
        (1, "keep"), (2, "reject"), (2, "undo"), (1, "undo"),
    ]  # fmt: skip
    page.keyboard.press("k")
    expect(other.get_by_role("button", name="head-001.png: kept by you")).to_be_visible()
    other.keyboard.press("ArrowLeft")
    shows(other, 2)
    page.keyboard.press("u")
    shows(other, 1)  # what it looked at stands no more


def test_a_tab_that_opens_later_can_take_back_what_the_first_gave(page: Page, app: Server) -> None:
    opened(page, app)
    page.keyboard.press("k")
    shows(page, 2)
    saved(page)
    other = page.context.new_page()
    other.goto(f"{app.url}/review")
    shows(other, 2)
    other.keyboard.press("u")
    shows(other, 1)
    saved(other)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert verdicts(app) == [(1, "keep", None), (1, "undo", None)]


def test_what_another_device_decided_leaves_the_hand_at_the_next_renewal(page: Page, app: Server) -> None:
    page.clock.install()
    opened(page, app)
    with writing(app.engine) as session:
        who = session.scalars(select(Reviewer)).one()
        record(session, who.id, [NewVerdict(number, Decision.keep, None, f"phone-{number}") for number in (1, 3)], utc_now())
    page.keyboard.press("Space")  # not decided here: only skipped
    shows(page, 2)
    with page.expect_response("**/api/deck"):
        page.clock.fast_forward("04:01")
    page.keyboard.press("k")
    shows(page, 4)
    for number in range(4, COUNT + 1):
        shows(page, number)
        page.keyboard.press("k")
    expect(page.get_by_text("Nothing left to review")).to_be_visible()


def test_verdicts_left_in_the_browser_by_the_version_before_are_sent(page: Page, app: Server) -> None:
    old = {
        "example": 1,
        "decision": "reject",
        "reason": "not_hair",
        "client_id": "old",
        "from": "open",
        "to": "reject",
        "order": [1, 0],
    }
    opened(page, app)
    page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)", [f"winnow.verdict.{Settings().reviewer}.old", json.dumps(old)]
    )
    page.reload()
    shows(page, 2)
    saved(page)
    assert verdicts(app) == [(1, "reject", "not_hair")]
    assert kept_in_browser(page) == []


# --- leads -----------------------------------------------------------------------------------------------------------


def test_g_makes_the_last_verdict_a_known_answer_and_withdraws_it(page: Page, app: Server) -> None:
    opened(page, app)
    expect(page.get_by_role("button", name="Control example")).to_be_disabled()
    page.keyboard.press("k")
    shows(page, 2)
    page.keyboard.press("g")
    expect(page.get_by_text("Control example: head-000.png (kept)")).to_be_visible()
    expect(page.get_by_role("button", name="Control example")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("G")
    expect(page.get_by_text("No longer a control example: head-000.png")).to_be_visible()
    page.keyboard.press("g")
    expect(page.get_by_text("Control example: head-000.png (kept)")).to_be_visible()
    page.keyboard.press("2")
    shows(page, 3)
    page.keyboard.press("g")  # now it is about the newer verdict
    expect(page.get_by_text("Control example: head-001.png (rejected)")).to_be_visible()
    page.keyboard.press("u")  # what is taken back is no control example either
    expect(page.get_by_text("No longer a control example: head-001.png")).to_be_visible()
    with reading(app.engine) as session:
        assert [(gold.example_id, gold.answer) for gold in session.scalars(select(Gold).order_by(Gold.id))] == [
            (1, Decision.keep), (1, None), (1, Decision.keep), (2, Decision.reject), (2, None),
        ]  # fmt: skip
    shows(page, 2)


def test_a_lead_settles_what_reviewers_disagree_on_and_sees_who_said_what(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        ann, bob = (reviewer_called(session, name) for name in ("Ann", "<b>Bob</b>"))
        record(session, ann.id, [NewVerdict(4, Decision.keep, None, "a")], utc_now())
        record(session, bob.id, [NewVerdict(4, Decision.reject, Reason.spills_over, "b")], utc_now())
    page.goto(f"{app.url}/review?show=disputed")
    shows(page, 4)
    expect(page.locator('[data-part="opinions"]')).to_have_text("Ann: kept · <b>Bob</b>: rejected (spills over)")
    page.keyboard.press("k")
    expect(page.get_by_text("This filter is done")).to_be_visible()
    saved(page)
    with reading(app.engine) as session:
        newest = session.scalars(select(Verdict).order_by(Verdict.id.desc()).limit(1)).one()
        assert (newest.example_id, newest.decision, newest.settles) == (4, Decision.keep, True)


def test_a_control_of_the_page_that_was_reached_with_tab_keeps_its_keys_and_one_that_was_clicked_does_not(
    page: Page, app: Server
) -> None:
    opened(page, app)
    filters = page.get_by_role("button", name="Order and filters")
    filters.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("combobox", name="Order")).to_be_visible()
    shows(page, 1)
    page.keyboard.press("Escape")
    page.get_by_text("left for you").click()
    page.get_by_role("link", name="Review").first.focus()
    filters.click()
    filters.click()
    page.keyboard.press("k")
    shows(page, 2)


def test_a_page_that_is_left_gives_its_cards_back_and_one_that_waits_for_them_says_until_when(
    page: Page, app: Server, browser: Browser
) -> None:
    # Of a name that no test before has left pages of.
    page.context.add_cookies([{"name": "winnow_reviewer", "value": "Cleo", "url": app.url}])
    opened(page, app)
    page.keyboard.press("k")
    shows(page, 2)
    saved(page)
    context = browser.new_context()
    context.add_cookies([{"name": "winnow_reviewer", "value": "Bo", "url": app.url}])
    other = context.new_page()
    other.goto(f"{app.url}/review?split=train")
    expect(other.get_by_text("Nothing left for you just now")).to_be_visible()
    expect(
        other.get_by_text(re.compile(rf"Other reviewers have {COUNT - 1} pictures in hand, until \d\d:\d\d"))
    ).to_be_visible()
    with page.expect_request_finished(lambda request: request.url.endswith("/api/deck/leave")):
        page.get_by_role("link", name="Sets").click()
    other.reload()
    shows(other, 2)
    context.close()


def test_an_open_page_renews_its_leases_by_itself(page: Page, app: Server) -> None:
    page.clock.install()
    opened(page, app)
    with reading(app.engine) as session:
        before = dict(session.execute(select(Lease.example_id, Lease.until)).all())
    assert len(before) == COUNT
    with page.expect_response("**/api/deck"):
        page.clock.run_for(4 * 60 * 1000)
    with reading(app.engine) as session:
        after = dict(session.execute(select(Lease.example_id, Lease.until)).all())
    assert all(after[example] > until for example, until in before.items())
