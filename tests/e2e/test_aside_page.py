"""The tray in a real browser: squares by mouse, keys and fingers; what is sent, and what is taken back."""

import re
import shutil

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from curator.pictures.crop import Square
from curator.review.reviewers import reviewer_called
from db.session import reading, writing
from db.tables import CropChoice, Example, Submission
from tests.e2e.conftest import Server
from tests.examples import add_faceless

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
# Where a place of the photo (across, down) is on the page.
ON_PAGE = """
([x, y]) => {
    const { canvas, view } = window.__winnowTray;
    const box = canvas.getBoundingClientRect();
    const ratio = box.width / canvas.width;
    return [box.left + (x - view.x) * view.scale * ratio, box.top + (y - view.y) * view.scale * ratio];
}
"""


def opened(page: Page, app: Server, count: int) -> list[int]:
    with writing(app.engine) as session:
        numbers = add_faceless(session, app.store, count)
    page.goto(f"{app.url}/aside")
    showing(page, numbers[0])
    return numbers


def showing(page: Page, submission: int) -> None:
    page.wait_for_selector('[data-part=aside][data-state="showing"]')
    expect(page.locator("[data-part=canvas]")).to_have_attribute("data-submission", str(submission))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of the photo (across, down) to another."""
    (x, y), (to_x, to_y) = (page.evaluate(ON_PAGE, place) for place in (start, end))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=6)
    page.mouse.up()


def crops(app: Server) -> dict[int, Square]:
    with reading(app.engine) as session:
        found = session.scalars(select(Example).order_by(Example.id))
        return {one.submission_id: Square(one.crop_top, one.crop_left, one.crop_side, one.crop_rotation) for one in found}


def choices(app: Server) -> list[tuple[int, bool, int | None]]:
    """Submission, whether it has a square, what it undoes."""
    with reading(app.engine) as session:
        rows = session.scalars(select(CropChoice).order_by(CropChoice.id))
        return [(row.submission_id, row.crop_side is not None, row.undoes) for row in rows]


def test_a_square_is_drawn_moved_resized_and_turned_with_the_mouse(page: Page, app: Server) -> None:
    (number,) = opened(page, app, 1)
    canvas, frame, preview, panel = (
        page.locator(f"[data-part=aside] {part}").bounding_box()
        for part in ("[data-part=canvas]", "[data-part=frame]", "[data-part=outcome]", ".panel")
    )
    assert canvas == frame
    assert preview is not None
    assert panel is not None
    assert preview["width"] == panel["width"]
    page.keyboard.press("0")
    drag(page, (-30, -20), (70, 80))  # beside the square: another one, of 100
    drag(page, (20, 30), (260, 250))  # by its middle
    drag(page, (310, 300), (360, 350))  # by a corner, twice as far from its middle
    drag(page, (260, 150 - handle(page)), (260 + 100 + handle(page), 250))  # by its handle, to the right
    expect(page.locator("[data-part=aside] [data-part=says]")).to_have_text("200 pixels wide, turned 90° to the right")
    page.get_by_role("button", name="Use this crop").click()
    expect(page.get_by_text("No photos left")).to_be_visible()
    (square,) = crops(app).values()
    assert square.rotation == 90
    assert (square.top, square.left, square.side) == pytest.approx((150, 160, 200), abs=3)
    assert choices(app) == [(number, True, None)]


def handle(page: Page) -> float:
    """How far the handle is from the square, in pixels of the photo."""
    (x, _), (to_x, _) = (page.evaluate(ON_PAGE, (across, 0)) for across in (0, 100))
    return 30 * 100 / float(to_x - x)


def test_all_of_it_goes_with_the_keyboard(page: Page, app: Server) -> None:
    first, second, third, fourth = opened(page, app, 4)
    before = page.locator("[data-part=aside] [data-part=says]").inner_text()
    page.keyboard.press("[")
    expect(page.locator("[data-part=aside] [data-part=says]")).to_have_text(f"{before}, turned 3° to the left")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    showing(page, second)
    page.keyboard.press("d")
    showing(page, third)
    page.keyboard.press("s")
    showing(page, fourth)
    page.keyboard.press("u")  # the discard
    showing(page, second)
    page.keyboard.press("u")  # the crop; its square is there as it was drawn
    showing(page, first)
    expect(page.locator("[data-part=aside] [data-part=says]")).to_contain_text("turned 3° to the left")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert crops(app) == {}
    assert choices(app) == [(first, True, None), (second, False, None), (second, False, 2), (first, False, 1)]
    page.keyboard.press("d")
    showing(page, second)
    page.keyboard.press("Enter")
    showing(page, fourth)
    page.keyboard.press("d")
    expect(page.get_by_text("1 photo was skipped.")).to_be_visible()
    page.get_by_role("button", name="Show them again").click()
    showing(page, third)
    page.keyboard.press("Enter")
    expect(page.get_by_text("No photos left")).to_be_visible()
    assert list(crops(app)) == [second, third]
    page.keyboard.press("u")
    showing(page, third)
    assert list(crops(app)) == [second]


def test_a_first_square_holds_the_painted_hair(page: Page, app: Server) -> None:
    (number,) = opened(page, app, 1)
    page.keyboard.press("Enter")
    expect(page.get_by_text("No photos left")).to_be_visible()
    square = crops(app)[number]
    # The mask of tests/examples.py: half a ring around (256, 240), 60 wide, of radii 145 and 180.
    assert square.top < 30
    assert square.left < 85
    assert square.left + square.side > 430
    assert square.rotation == 0


def test_what_cannot_be_kept_is_said_and_nothing_is_lost(page: Page, app: Server) -> None:
    first, second = opened(page, app, 2)

    def down(route: Route) -> None:
        route.abort()

    page.route("**/api/aside/choose", down)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Winnow cannot be reached right now.")
    showing(page, first)
    page.unroute("**/api/aside/choose")
    page.keyboard.press("Enter")
    showing(page, second)
    expect(page.get_by_role("alert")).to_be_hidden()
    with writing(app.engine) as session:
        other = session.get_one(Submission, second)
        session.add(CropChoice(submission_id=second, reviewer_id=1, at=other.received_at))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(f"Photo {second} has been discarded already.")
    expect(page.get_by_text("No photos left")).to_be_visible()
    assert list(crops(app)) == [first]


def test_a_photo_that_cannot_be_shown_can_be_discarded(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        broken, sound = add_faceless(session, app.store, 2)
        session.get_one(Submission, broken).photo_sha256 = app.store.put(b"not a picture")
    page.route(re.compile(f"/pictures/aside/{sound}[?]"), lambda route: route.abort(), times=2)  # the network: asked for again
    page.goto(f"{app.url}/aside")
    expect(page.get_by_text("This photo cannot be shown")).to_be_visible()
    expect(page.get_by_role("button", name="Use this crop")).to_be_disabled()
    page.keyboard.press("d")
    showing(page, sound)
    assert choices(app) == [(broken, False, None)]


def test_two_fingers_make_the_square_larger_turn_and_move_it(browser: Browser, app: Server) -> None:
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    page = context.new_page()
    opened(page, app, 1)
    says = page.locator("[data-part=aside] [data-part=says]")
    side = float(says.inner_text().split()[0])
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [dict(zip("xy", page.evaluate(ON_PAGE, place), strict=True)) for place in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (216, 256))
    fingers("touchStart", (216, 256), (296, 256))
    fingers("touchMove", (216, 256), (216, 352))  # 1.2 times as far apart, turned by a right angle
    fingers("touchEnd")
    expect(says).to_contain_text("turned 90° to the right")
    assert float(says.inner_text().split()[0]) == pytest.approx(1.2 * side, abs=1.5)
    context.close()


def test_many_are_chosen_discarded_in_one_request_and_taken_back(page: Page, app: Server) -> None:
    numbers = opened(page, app, 8)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/aside/" in request.url else None)
    page.keyboard.press("g")
    tiles = page.locator("[role=option][data-state=showing]")
    expect(tiles).to_have_count(8)
    chosen = page.get_by_role("option", selected=True)
    discards = page.get_by_role("button", name="Discard")
    expect(discards).to_be_disabled()
    tiles.nth(1).click()
    tiles.nth(4).click(modifiers=["Shift"])
    page.keyboard.press("Shift+ArrowLeft")
    expect(chosen).to_have_count(3)
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(discards).to_have_text("Discard 4 photos D")
    with writing(app.engine) as session:  # somebody else is faster
        other = session.get_one(Submission, numbers[7])
        session.add(CropChoice(submission_id=numbers[7], reviewer_id=reviewer_called(session, "Bo").id, at=other.received_at))
    page.keyboard.press("d")
    expect(page.get_by_role("alert")).to_have_text(f"Photo {numbers[7]} has been discarded already.")
    expect(tiles).to_have_count(4)
    expect(tiles.nth(3)).to_be_focused()
    assert [url.rpartition("/")[2] for url in asked] == ["discard"]
    assert [number for number, *_ in choices(app)] == [numbers[7], *numbers[1:4]]
    page.keyboard.press("u")
    expect(tiles).to_have_count(7)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert [undone for *_, undone in choices(app)][4:] == [2, 3, 4]
    page.reload()
    expect(tiles).to_have_count(7)  # this browser remembers that the wall was chosen
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # alone, to draw its crop
    showing(page, numbers[1])
    page.keyboard.press("Enter")
    showing(page, numbers[0])
    assert list(crops(app)) == [numbers[1]]
    page.keyboard.press("g")
    expect(tiles).to_have_count(6)
    page.keyboard.press("a")
    expect(chosen).to_have_count(6)
    page.keyboard.press("d")
    expect(page.get_by_text("No photos left")).to_be_visible()
    page.keyboard.press("u")
    expect(tiles).to_have_count(6)
    expect(tiles.first).to_be_focused()
    page.keyboard.press("u")  # the crop, which was before
    expect(tiles).to_have_count(7)
    assert crops(app) == {}
    held: list[Route] = []
    page.route("**/api/aside", lambda route: held.append(route))  # while more are asked for
    tiles.first.click()
    page.keyboard.press("d")
    expect(tiles).to_have_count(6)
    page.keyboard.press("g")  # what was discarded does not come back
    showing(page, numbers[0])
    assert choices(app)[-1][0] == numbers[1]
    assert held
    for route in held:
        route.abort()


def test_without_a_photo_the_page_leads_to_ingest(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/aside")
    expect(page.get_by_text("There are no photos yet.")).to_be_visible()
