"""The review grid in a real browser: forty at a glance, one commit for all of them."""

import json
import re
import shutil
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, Route, expect
from sqlalchemy import select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Example, Lease, Reason, Verdict
from tests.e2e.conftest import Server
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
COUNT = 6


@pytest.fixture(autouse=True)
def examples(app: Server) -> list[int]:
    """Six open examples, numbered in the order they are dealt."""
    with writing(app.engine) as session:
        return add_examples(session, app.store, COUNT)


def opened(page: Page, app: Server, count: int = COUNT, query: str = "view=grid") -> None:
    page.goto(f"{app.url}/review?{query}")
    expect(page.get_by_role("option")).to_have_count(count)


def seen(page: Page, unseen: int = 0) -> None:
    """Wait until all but so many tiles were on screen for long enough."""
    page.wait_for_selector(f'[data-part="grid"][data-state="showing"][data-unseen="{unseen}"]')


def tile(page: Page, example: int) -> Locator:
    return page.locator(f'[role=option][data-example="{example}"]')


def shown(page: Page) -> list[int]:
    """The examples on the grid, in their order."""
    found: list[int] = page.get_by_role("option").evaluate_all("tiles => tiles.map(tile => +tile.dataset.example)")
    return found


def says(page: Page, text: str) -> None:
    expect(page.locator('[data-part="last"]')).to_have_text(text)


def saved(page: Page) -> None:
    page.wait_for_selector('[data-part="grid"][data-unsaved="0"]')


def verdicts(app: Server) -> list[tuple[int, str, str | None]]:
    with reading(app.engine) as session:
        rows = session.execute(select(Verdict.example_id, Verdict.decision, Verdict.reason).order_by(Verdict.id))
        return [(example, str(decision), None if reason is None else str(reason)) for example, decision, reason in rows]


def sent(page: Page) -> list[list[dict[str, Any]]]:
    """The verdicts of each request that the page sends from now on; call it before the page is opened."""
    requests: list[list[dict[str, Any]]] = []

    def listen(route: Route) -> None:
        requests.append(json.loads(route.request.post_data or "")["verdicts"])
        route.continue_()

    page.route("**/api/verdicts", listen)
    return requests


def pixels(page: Page, example: int) -> NDArray[np.float64]:
    """What a tile's canvas holds, RGB (192, 192, 3)."""
    read = "c => Array.from(c.getContext('2d').getImageData(0, 0, 192, 192).data)"
    data = tile(page, example).locator("canvas").evaluate(read)
    return np.array(data, np.float64).reshape(192, 192, 4)[..., :3]


def test_a_tile_shows_the_photo_with_its_mask_over_it(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    with reading(app.engine) as session:
        example = session.get_one(Example, 1)
        photo, mask = (
            cv2.imdecode(np.frombuffer(app.store.get(sha256), np.uint8), cv2.IMREAD_COLOR_RGB)
            for sha256 in (example.image_sha256, example.mask_sha256)
        )
    assert photo is not None
    assert mask is not None
    small = cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA).astype(np.float64)
    covered = cv2.resize(mask[..., 0], (192, 192), interpolation=cv2.INTER_AREA)
    tinted = pixels(page, 1)
    assert np.abs(tinted - small)[covered < 1].mean() < 4  # but for what a small WebP loses
    assert np.abs(tinted - small)[covered > 254].mean() > 20
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Photo", exact=True)).to_have_attribute("aria-pressed", "true")
    assert np.abs(pixels(page, 1) - small).mean() < 4
    page.keyboard.press("m")
    page.keyboard.down("h")
    page.wait_for_selector('[data-part="grid"][data-masked="false"]')
    page.keyboard.up("h")
    page.wait_for_selector('[data-part="grid"][data-masked="true"]')
    page.keyboard.press("x")
    assert np.abs(pixels(page, 1) - tinted).max() == 0  # what is marked keeps its colours
    expect(tile(page, 1).locator("canvas")).to_have_css("opacity", "1")
    expect(tile(page, 1).locator("canvas")).to_have_css("filter", "none")
    page.keyboard.press("v")
    page.keyboard.press("v")
    page.wait_for_selector('[data-part="grid"][data-view="cutout"]')
    assert np.abs(pixels(page, 1) - [128, 128, 128])[covered < 1].max() < 2  # nothing but the hair
    assert np.abs(pixels(page, 1) - small)[covered > 254].mean() < 4
    page.reload()
    page.wait_for_selector('[data-part="grid"][data-view="cutout"]')  # this browser remembers it


def test_shift_marks_a_range_and_the_size_of_the_tiles_is_remembered(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 34, suspicions=[0.0] * 34)
    opened(page, app, 40)
    seen(page)
    selected = page.get_by_role("option", selected=True)
    tile(page, 2).click()
    tile(page, 5).click(modifiers=["Shift"])
    expect(selected).to_have_count(4)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(selected).to_have_count(2)
    page.keyboard.press("4")  # a reason for all of the range
    expect(page.get_by_role("option", name="spills over", selected=True)).to_have_count(2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    expect(page.get_by_role("option", name="to be fixed", selected=True)).to_have_count(1)
    page.keyboard.press("+")
    expect(page.get_by_role("option")).to_have_count(24)
    expect(selected).to_have_count(3)
    assert tile(page, 1).evaluate("tile => tile.clientWidth") > 160
    size = page.get_by_role("slider", name="Size of the tiles")
    expect(size).to_have_attribute("aria-valuetext", "24 at a time")
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.get_by_role("option")).to_have_count(6)
    for canvas in page.locator(".tile canvas").all():
        expect(canvas).to_have_attribute("width", "512")  # whole crops, no thumbnails
    page.reload()
    expect(page.get_by_role("option")).to_have_count(6)
    seen(page)
    page.keyboard.press("Enter")
    says(page, "6 kept, 0 rejected.")
    saved(page)


def test_enter_rejects_the_marked_and_keeps_the_rest_in_one_request(page: Page, app: Server) -> None:
    requests = sent(page)
    opened(page, app)
    seen(page)
    tile(page, 2).click()
    tile(page, 5).click()
    tile(page, 3).click()
    tile(page, 3).click()  # not, after all
    expect(page.get_by_role("option", selected=True)).to_have_count(2)
    page.keyboard.press("Enter")
    says(page, "4 kept, 2 rejected.")
    saved(page)
    assert [len(request) for request in requests] == [6]
    assert verdicts(app) == [
        (1, "keep", None), (2, "reject", "unsaid"), (3, "keep", None),
        (4, "keep", None), (5, "reject", "unsaid"), (6, "keep", None),
    ]  # fmt: skip
    expect(page.get_by_text("Nothing left to review")).to_be_visible()
    expect(page.locator('[data-part="left"]')).to_have_text("0")
    expect(page.locator('[data-part="kept"]')).to_have_text("4")
    expect(page.locator('[data-part="rejected"]')).to_have_text("2")


def test_everything_can_be_done_with_keys_alone(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 34, suspicions=[0.0] * 34)
    opened(page, app, 40)
    seen(page)
    grid = page.get_by_role("listbox", name="Examples; the selected ones are not kept")
    expect(grid).to_have_attribute("aria-multiselectable", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="head-009.png, keeps")).to_be_focused()  # one row of eight further
    page.keyboard.press("x")
    expect(page.get_by_role("option", name="head-009.png, rejects")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("4")
    expect(page.get_by_role("option", name="head-008.png, rejects, spills over", selected=True)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(tile(page, 1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Space")
    expect(tile(page, 1)).to_have_attribute("aria-selected", "false")
    page.keyboard.press("ArrowLeft")  # nothing lies before the first
    expect(tile(page, 1)).to_be_focused()
    page.keyboard.press("End")
    expect(tile(page, 40)).to_be_focused()
    assert page.locator("[role=option][tabindex='0']").count() == 1  # Tab finds one tile, not forty
    page.keyboard.press("Enter")
    says(page, "38 kept, 2 rejected.")
    saved(page)
    rejected = [verdict for verdict in verdicts(app) if verdict[1] == "reject"]
    assert rejected == [(9, "reject", "spills_over"), (10, "reject", "unsaid")]


def test_f_marks_what_is_to_be_fixed_and_undo_brings_the_mark_back(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    page.keyboard.press("f")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("f")  # fixed rather than rejected
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    page.keyboard.press("f")  # not, after all
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Fix F").click()
    page.keyboard.press("x")  # rejected rather than fixed
    expect(page.get_by_role("option", name="head-000.png, to be fixed", selected=True)).to_be_visible()
    expect(page.get_by_role("button", name="Keep the rest and fix 2, reject 1")).to_be_enabled()
    page.keyboard.press("Enter")
    says(page, "3 kept, 2 to be fixed, 1 rejected.")
    saved(page)
    decisions = ["fix", "fix", "keep", "reject", "keep", "keep"]
    assert [decision for _, decision, _ in verdicts(app)] == decisions
    expect(page.locator('[data-part="fixed"]')).to_have_text("2")
    page.keyboard.press("u")
    says(page, "Undone: 6 verdicts.")
    expect(tile(page, 2)).to_have_accessible_name("head-001.png, to be fixed")
    tile(page, 2).click()  # a click takes any mark away
    expect(tile(page, 2)).to_have_accessible_name("head-001.png, keeps")


def test_every_reason_has_its_key_and_its_button(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    for number in range(1, COUNT + 1):
        page.keyboard.press(str(number))
        page.keyboard.press("ArrowRight")
    tile(page, 1).click()
    tile(page, 1).click()  # away and back: without a reason now
    page.get_by_role("button", name="Too coarse").click()
    expect(tile(page, 1)).to_have_accessible_name("head-000.png, rejects, too coarse")
    page.keyboard.press("Enter")
    saved(page)
    reasons = ["too_coarse", *[str(reason) for reason in Reason][1:6]]
    assert verdicts(app) == [(number, "reject", reason) for number, reason in enumerate(reasons, start=1)]


def test_what_was_never_on_screen_stays_for_the_next_grid(page: Page, app: Server) -> None:
    page.set_viewport_size({"width": 700, "height": 620})
    with writing(app.engine) as session:
        add_examples(session, app.store, 44, suspicions=[0.0] * 44)
    opened(page, app, 40)
    expect(page.locator("[role=option][data-state=showing]")).to_have_count(40)
    there = page.get_by_role("option").evaluate_all(
        """tiles => {
          const floor = tiles[0].getRootNode().querySelector('[data-part=panel]').getBoundingClientRect().top;
          const shares = tiles.map(tile => tile.getBoundingClientRect()).map(box => (floor - box.top) / box.height);
          return shares.filter(share => share >= 0.6).length;
        }"""
    )
    seen(page, unseen=40 - there)
    assert 0 < there < 40
    page.keyboard.press("Enter")
    says(page, f"{there} kept, 0 rejected; {40 - there} were not on screen long enough and stay.")
    saved(page)
    assert [example for example, _, _ in verdicts(app)] == list(range(1, there + 1))
    expect(page.get_by_role("option")).to_have_count(40)
    assert shown(page)[: 40 - there] == list(range(there + 1, 41))  # in front of the new ones


def test_a_tile_whose_picture_never_came_is_not_kept_but_may_be_rejected(page: Page, app: Server) -> None:
    with reading(app.engine) as session:
        late, missing = session.get_one(Example, 2).image_sha256, session.get_one(Example, 4).image_sha256
    app.store.delete(missing)
    page.route(f"**/pictures/{late}*", lambda route: route.abort())
    opened(page, app)
    seen(page, unseen=2)
    expect(tile(page, 4)).to_have_accessible_name("head-003.png, picture missing, cannot be kept")
    expect(tile(page, 2)).to_have_attribute("data-seen", "false")
    page.keyboard.press("Enter")
    says(page, "4 kept, 0 rejected; 2 were not on screen long enough and stay.")
    saved(page)
    assert shown(page) == [2, 4]
    page.keyboard.press("Enter")
    says(page, "Nothing saved yet: 2 were not on screen long enough and stay.")
    tile(page, 4).click()
    page.keyboard.press("6")
    page.keyboard.press("Enter")
    saved(page)
    assert verdicts(app)[4:] == [(4, "reject", "bad_photo")]


def test_a_rejection_counts_at_once_a_keep_only_after_it_was_seen(page: Page, app: Server) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', { get: () => window.__looks ? 'visible' : 'hidden' })"
    )
    opened(page, app)
    expect(tile(page, 1)).to_have_attribute("data-state", "showing")
    tile(page, 1).click()
    page.keyboard.press("Enter")
    says(page, "0 kept, 1 rejected; 5 were not on screen long enough and stay.")
    saved(page)
    page.evaluate("() => (window.__looks = true)")
    seen(page)
    page.keyboard.press("Enter")
    says(page, "5 kept, 0 rejected.")
    saved(page)
    assert [decision for _, decision, _ in verdicts(app)] == ["reject"] + ["keep"] * 5


def test_all_forty_are_on_screen_on_a_laptop(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 34, suspicions=[0.0] * 34)
    opened(page, app, 40)
    seen(page)
    assert page.get_by_role("option").evaluate_all(
        "tiles => tiles.every(tile => tile.getBoundingClientRect().bottom <= innerHeight && tile.clientWidth >= 124)"
    )


def test_the_next_grid_appears_at_once_from_what_was_fetched_ahead(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 80, suspicions=[0.0] * 80)
    opened(page, app, 40)
    seen(page)
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').filter(e => e.name.includes('side=192')).length >= 160"
    )
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator("[role=option][data-state=showing]")).to_have_count(40)
    assert shown(page) == list(range(41, 81))
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("40 verdicts are not saved yet")
    page.context.set_offline(False)
    saved(page)
    assert [example for example, _, _ in verdicts(app)] == list(range(1, 41))
    expect(page.locator('[data-part="unsaved"]')).to_be_hidden()


def test_undo_takes_the_whole_commit_back_as_it_was_marked(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_examples(session, app.store, 37, suspicions=[0.0] * 37)
    requests = sent(page)
    opened(page, app, 40)
    seen(page)
    tile(page, 3).click()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(3)
    saved(page)
    page.keyboard.press("u")
    says(page, "Undone: 40 verdicts.")
    assert shown(page) == list(range(1, 41))
    expect(tile(page, 3)).to_have_accessible_name("head-002.png, rejects, not hair")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    saved(page)
    assert [len(request) for request in requests] == [40, 40]
    assert [(example, decision) for example, decision, _ in verdicts(app)[40:]] == [(n, "undo") for n in range(1, 41)]
    expect(page.locator('[data-part="left"]')).to_have_text("43")
    with reading(app.engine) as session:  # nobody else gets them meanwhile
        assert set(session.scalars(select(Lease.example_id))) >= set(range(1, 41))
    tile(page, 3).click()
    page.keyboard.press("Enter")  # they were seen before
    says(page, "40 kept, 0 rejected.")
    saved(page)
    page.keyboard.press("Control+z")
    says(page, "Undone: 40 verdicts.")


def test_undo_still_works_after_a_reload(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    page.keyboard.press("Enter")
    saved(page)
    page.reload()
    expect(page.get_by_text("Nothing left to review")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("option")).to_have_count(COUNT)
    saved(page)
    assert len(verdicts(app)) == 2 * COUNT


def test_verdicts_on_their_way_survive_a_reload(page: Page, app: Server) -> None:
    page.route("**/api/verdicts", lambda route: route.abort())
    opened(page, app)
    seen(page)
    tile(page, 2).click()
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="unsaved"]')).to_contain_text("6 verdicts are not saved yet")
    assert verdicts(app) == []
    page.unroute("**/api/verdicts")
    page.reload()
    saved(page)
    expect(page.get_by_text("Nothing left to review")).to_be_visible()
    assert [(example, decision) for example, decision, _ in verdicts(app)] == [
        (n, "reject" if n == 2 else "keep") for n in range(1, COUNT + 1)
    ]


def test_a_token_that_grew_too_old_is_renewed_without_losing_a_verdict(page: Page, app: Server) -> None:
    refused = []

    def too_old(route: Route) -> None:
        if refused:
            return route.continue_()
        refused.append(route.request.headers["x-winnow-token"])
        return route.fulfill(status=403, body=json.dumps({"error": "Too old.", "code": "stale_page"}))

    page.route("**/api/verdicts", too_old)
    opened(page, app)
    seen(page)
    tile(page, 1).click()
    page.keyboard.press("Enter")
    says(page, "5 kept, 1 rejected.")
    saved(page)
    assert len(refused) == 1
    assert len(verdicts(app)) == COUNT
    says(page, "5 kept, 1 rejected.")  # the rerun that brought the token left the grid alone


def test_two_tabs_drop_what_the_other_decided(page: Page, app: Server) -> None:
    opened(page, app)
    other = page.context.new_page()
    opened(other, app)
    seen(other)
    other.keyboard.press("Enter")
    saved(other)
    expect(page.get_by_text("Nothing left to review")).to_be_visible()
    assert page.get_by_role("option").count() == 0
    assert len(verdicts(app)) == COUNT


def test_what_was_decided_or_erased_elsewhere_goes_at_the_next_renewal(page: Page, app: Server) -> None:
    page.clock.install()
    opened(page, app)
    with writing(app.engine) as session:
        who = reviewer_called(session, app.settings.reviewer).id
        record(session, who, [NewVerdict(2, Decision.keep, None, "on another device")], utc_now())
    page.clock.fast_forward("04:01")
    expect(page.get_by_role("option")).to_have_count(COUNT - 1)
    assert 2 not in shown(page)


def test_z_shows_the_one_with_the_focus_large_and_beside_it(page: Page, app: Server) -> None:
    page.set_viewport_size({"width": 1280, "height": 620})
    opened(page, app)
    seen(page)
    large = page.locator('[data-part="large"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("z")
    expect(page.locator('[data-part="large"][data-example="2"][data-side="512"]')).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-part="large"][data-example="3"][data-side="512"]')).to_be_visible()
    beside, one = large.bounding_box(), tile(page, 3).bounding_box()
    assert beside is not None
    assert one is not None
    assert beside["x"] > one["x"] + one["width"] or beside["x"] + beside["width"] < one["x"]
    lens, panel = page.locator('[data-part="lens"]').bounding_box(), page.locator('[data-part="panel"]').bounding_box()
    assert lens is not None
    assert panel is not None
    assert lens["x"] + lens["width"] <= panel["x"]
    assert 0 <= lens["y"] <= lens["y"] + lens["height"] <= 620
    tile(page, 1).hover()  # the keys are about what is shown large
    expect(page.locator('[data-part="large"][data-example="1"][data-side="512"]')).to_be_visible()
    expect(tile(page, 1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    expect(tile(page, 1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_enter_on_a_button_that_was_reached_with_tab_is_the_button_s(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    page.get_by_role("link", name="Team").focus()
    page.keyboard.press("Shift+Tab")  # so that the focus shows
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/team"))
    assert verdicts(app) == []


def test_keys_work_right_after_the_view_was_switched_with_the_mouse(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/review")
    page.get_by_role("radio", name="Grid").click()
    seen(page)
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    says(page, "5 kept, 1 rejected.")
    saved(page)
    assert verdicts(app)[0] == (1, "reject", "unsaid")


def test_help_says_the_keys_and_takes_them(page: Page, app: Server) -> None:
    opened(page, app)
    seen(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("x")
    page.keyboard.press("u")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    expect(page.get_by_role("option", selected=True)).to_have_count(0)
    assert verdicts(app) == []


def test_on_a_touch_screen_a_tap_rejects_and_a_long_press_shows_it_large(browser: Browser, app: Server) -> None:
    context = browser.new_context(viewport={"width": 768, "height": 1024}, has_touch=True, is_mobile=True)
    page = context.new_page()
    opened(page, app)
    seen(page)
    tile(page, 2).tap()
    expect(tile(page, 2)).to_have_attribute("aria-selected", "true")
    for button in page.locator("[data-part=panel] button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    finger = {"pointerType": "touch", "pointerId": 7, "isPrimary": True, "bubbles": True, "button": 0}
    tile(page, 3).dispatch_event("pointerdown", finger)
    expect(page.locator('[data-part="large"][data-example="3"]')).to_be_visible()
    tile(page, 3).dispatch_event("pointerup", finger)
    tile(page, 3).dispatch_event("click")
    expect(page.locator('[data-part="large"]')).to_be_hidden()
    expect(tile(page, 3)).to_have_attribute("aria-selected", "false")
    page.get_by_role("button", name="Keep the rest and reject 1").tap()
    saved(page)
    context.close()
    assert [decision for _, decision, _ in verdicts(app)].count("reject") == 1


def test_a_lead_settles_what_others_see_differently(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        for name, decision in [("Bo", Decision.keep), ("Cy", Decision.reject)]:
            record(session, reviewer_called(session, name).id, [NewVerdict(2, decision, None, name)], utc_now())
    opened(page, app, 1, "view=grid&show=disputed")
    expect(page.locator('[data-part="about"]')).to_contain_text("Bo: kept · Cy: rejected (no reason given)")
    seen(page)
    page.keyboard.press("Enter")
    saved(page)
    with reading(app.engine) as session:
        last = session.scalars(select(Verdict).order_by(Verdict.id.desc()).limit(1)).one()
        assert (last.example_id, last.decision, last.settles) == (2, Decision.keep, True)
