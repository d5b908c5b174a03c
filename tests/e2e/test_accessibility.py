"""Every page in light and dark: WCAG 2.2 AA as far as axe can check it; and no stranger's words lead to another host."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, String, cast, select, update
from sqlalchemy.orm import Session

from curator.app import first_view
from curator.review.gold import set_answer
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.touchup.begin import StartedTouchUp, begin
from curator.touchup.saves import finish
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import (
    CuratedSet,
    Decision,
    Example,
    Job,
    JobState,
    Reason,
    Refinement,
    Refusal,
    Reviewer,
    Source,
    Split,
    Submission,
    Suspicion,
)
from tests.e2e.conftest import Server, empty
from tests.examples import add_examples, add_faceless, drawn_mask, png
from tests.trained import add_run, freeze_all

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CHECKED = {
    "runOnly": [*WCAG_2_2_AA, "best-practice"],  # such as: one h1, headings in order, everything in a landmark
    "rules": {"aria-allowed-role": {"enabled": False}},  # Streamlit's <main> also holds the navigation, so another one is main
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}  # all that dark may change
DECK = 'canvas[data-state="showing"]'
EVIL = "![p](http://evil.example/p.png) [l](http://evil.example/l) www.evil.example"  # fits a reviewer's name
EVIL_WORDS = f"{EVIL} <img src=http://evil.example/i onerror=alert(1)> a@evil.example <http://evil.example> :material/home: $x$"
TEXT = "h1"
PAGES = {
    "/": TEXT,
    "/ingest": "[data-testid=stAlert]",
    "/sets": TEXT,
    "/tryon": TEXT,
    f"/review?source={EVIL}": "[data-testid=stAlert]",
    f"/review?reviewer={EVIL}": "[data-testid=stAlert]",
    "/review": DECK,
    "/review?view=grid": "[data-part=grid] img, [data-part=grid] canvas",
    "/review?show=disputed": DECK,
    "/review?show=fix": DECK,
    "/review?show=repaired&view=grid": ".tile[data-state=showing]",
    "/touchup": "[data-part=painter][data-state=idle]",
    "/aside": "[data-part=aside][data-state=showing]",
    "/guide": "figure img",
    "/guide?screen=reject": "figure img",
    "/refinements": ".winnow-gallery img",
    "/train": "[data-part=film] img",
    "/report": "[data-part=wipe] img",
    "/export": TEXT,
    "/team": TEXT,
    "/team?part=agreement": TEXT,
    "/team?part=gold": TEXT,
    "/team?part=you": TEXT,
}
TITLES = {
    "/": "Winnow",
    "/aside": "No face found",
    "/refinements": "Refine in bulk",
    "/touchup": "Touch-up",
    "/tryon": "Try-on",
}
FITS = """
() => [document.documentElement, document.querySelector("[data-testid=stMain]")].every((it) => it.scrollWidth <= it.clientWidth)
"""


LEADS_ELSEWHERE = """
() => {
    const roots = [document];
    for (const root of roots) for (const part of root.querySelectorAll('*')) if (part.shadowRoot) roots.push(part.shadowRoot);
    const all = roots.flatMap((root) => [...root.querySelectorAll('[href], [src], form[action]')]);
    const addresses = all.map((part) => part.href?.baseVal ?? part.href ?? part.src ?? part.action);
    return addresses.filter((address) => address && new URL(address, location).host !== location.host);
}
"""


@pytest.fixture
def worked_on(shared_server: Server) -> Server:
    """An app in the middle of its work: examples of every state, a control example, a run. Made once, for tests in a row."""
    app = shared_server
    with reading(app.engine) as session:
        if session.scalar(select(Job.id).where(Job.message == EVIL_WORDS).limit(1)):
            return app
    empty(app)
    with writing(app.engine) as session:
        add_faceless(session, app.store, 2)
        examples = add_examples(session, app.store, 12, Split.train)
        for name, decision in (("Ada", Decision.keep), ("Bo", Decision.reject)):
            judge(session, name, examples[:3], decision)
        judge(session, "Ada", examples[3:6], Decision.keep)
        judge(session, "Bo", examples[4:6], Decision.keep)
        judge(session, "Ada", examples[7:9], Decision.fix)
        repairer = reviewer_called(session, "Bo").id
        begun = begin(session, repairer, "page", examples[8], 120, utc_now())
        assert isinstance(begun, StartedTouchUp)
        set_answer(session, reviewer_called(session, "Lea").id, examples[6], Decision.keep, None, utc_now())
        seen = add_examples(session, app.store, 3, Split.validation)
        add_run(session, app.store, freeze_all(session, seen, utc_now()), utc_now(), encoder="scratch")
        mask = session.get_one(Example, seen[0]).mask_sha256
        alpha = app.store.put(png(drawn_mask(3)))
        proposed = Refinement(
            example_id=seen[0], mask_before_sha256=mask, alpha_sha256=alpha, method="m", iou=0.5, at=utc_now()
        )
        session.add(proposed)
    finish(app.engine, app.store, "Bo", "page", begun.touch_up, None, utc_now())
    put_in_evil_words(app.engine)
    return app


def put_in_evil_words(engine: Engine) -> None:
    """Let every name and every sentence that comes from a file or a person say what a page must not do."""
    words = {
        Submission: {"photo_name": f"{EVIL_WORDS} " + cast(Submission.id, String)},
        Source: {"location": f"{EVIL_WORDS} " + cast(Source.id, String)},
        Reviewer: {"name": f"{EVIL} " + cast(Reviewer.id, String)},
        CuratedSet: {"note": EVIL_WORDS},
        Suspicion: {"reasons": [EVIL_WORDS]},
    }
    with writing(engine) as session:
        for table, values in words.items():
            session.execute(update(table).values(values))
        source = session.scalars(select(Source.id).limit(1)).one()
        session.add(Refusal(source_id=source, file=EVIL_WORDS, reason=EVIL_WORDS, at=utc_now()))
        told = {"kind": "ingest", "arguments": ["ingest", EVIL_WORDS], "created_at": utc_now(), "heartbeat_at": utc_now()}
        session.add(Job(**told, state=JobState.failed, message=EVIL_WORDS))
        session.add(Job(**told, state=JobState.failed, message=EVIL_WORDS))


def judge(session: Session, name: str, examples: list[int], decision: Decision) -> None:
    reason = Reason.spills_over if decision is Decision.reject else None
    given = [NewVerdict(example, decision, reason, f"{example}") for example in examples]
    record(session, reviewer_called(session, name).id, given, utc_now())


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One tab for all pages, which change nothing: its renderer keeps what it has loaded and compiled."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def page_of(tab: Page) -> Iterator[Page]:
    """A page that may ask no other host, and lead to none; in light, 1440 x 900."""
    tab.set_default_timeout(15_000)
    tab.set_viewport_size({"width": 1440, "height": 900})
    tab.emulate_media(color_scheme="light")
    asked: list[str] = []
    said: list[str] = []
    heard: dict[Any, Callable[[Any], None]] = {
        "request": lambda request: asked.append(request.url),
        "websocket": lambda websocket: asked.append(websocket.url),
        "dialog": lambda dialog: said.append(dialog.message),
    }
    for event, listener in heard.items():
        tab.on(event, listener)
    yield tab
    asked += tab.evaluate(LEADS_ELSEWHERE)
    for event, listener in heard.items():
        tab.remove_listener(event, listener)
    assert said == []
    assert {urlsplit(address).scheme for address in asked} >= {"http", "ws"}
    assert [
        each for each in asked if urlsplit(each).scheme not in ("data", "blob") and urlsplit(each).hostname != "localhost"
    ] == []


def test_every_page_of_the_navigation_is_among_them() -> None:
    assert {urlsplit(path).path for path in PAGES} >= first_view.PAGES


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation_and_the_frame_is_the_same_on_every_page(path: str, page_of: Page, worked_on: Server) -> None:
    page_of.goto(worked_on.url + path)
    page_of.wait_for_selector(PAGES[path])
    page_of.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    for scheme, background, checked in (("light", "rgb(251, 250, 248)", CHECKED), ("dark", "rgb(23, 21, 27)", COLOURS)):
        page_of.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(page_of.get_by_test_id("stApp")).to_have_css("background-color", background)
        found = Axe().run(page_of, options=checked).response["violations"]
        violations = [f"{scheme}, {each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]
        assert violations == []
    check_frame(page_of, path.partition("?")[0])


def check_frame(page: Page, path: str) -> None:
    """A page has its own title, one h1 and two landmarks; the first Tab stop skips the navigation; a phone shows its step."""
    name = TITLES.get(path, path[1:].capitalize())
    expect(page).to_have_title(name if path == "/" else f"{name} · Winnow")
    steps, main = page.get_by_role("navigation", name="Steps"), page.get_by_role("main")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(main.get_by_role("heading", level=1)).to_have_count(1)
    expect(main.get_by_role("link", name="Team")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(main).to_be_focused()
    # Or a click on nothing would draw the focus ring around the whole page.
    assert page.get_by_test_id("stMain").get_attribute("tabindex") is None
    page.set_viewport_size({"width": 390, "height": 844})
    if name not in ("Winnow", "No face found", "Refine in bulk"):  # they are no steps
        expect(steps.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(steps.get_by_role("link", name=name)).to_be_in_viewport(ratio=0.9)
    page.wait_for_function(FITS)  # tables follow the window a moment later


def test_axe_finds_violations_that_were_put_there(page_of: Page, worked_on: Server) -> None:
    page_of.goto(worked_on.url + "/review")
    page_of.wait_for_selector(DECK)
    page_of.locator("[data-part=file]").evaluate("file => file.style.cssText = 'color: #ccc; background: #ddd'")
    page_of.locator("[data-part=deck]").evaluate("deck => deck.insertAdjacentHTML('beforeend', '<button></button>')")
    found = Axe().run(page_of, options=CHECKED).response["violations"]
    assert {"button-name", "color-contrast"} <= {each["id"] for each in found}
    found = Axe().run(page_of, options=COLOURS).response["violations"]
    assert "color-contrast" in {each["id"] for each in found}
