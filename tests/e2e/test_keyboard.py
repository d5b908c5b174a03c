"""Pages whose components have keys of their own: what belongs to the page and the browser stays theirs."""

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from db.session import writing
from db.tables import Split
from tests.e2e.conftest import Server
from tests.e2e.test_touchup_page import add_kept
from tests.examples import add_examples, add_faceless

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
PAGES = {
    "/review": 'canvas[data-state="showing"]',
    "/review?view=grid": ".tile[data-state=showing]",
    "/aside": "[data-part=aside][data-state=showing]",
    "/touchup": "[data-part=painter][data-state=idle]",
}
# Hears the keys after every component; one that a component took never arrives.
LISTEN = "() => window.addEventListener('keydown', event => (window.__heard ??= []).push([event.key, event.defaultPrevented]))"
FIELD = "() => document.body.prepend(Object.assign(document.createElement('input'), { ariaLabel: 'Field' }))"


def test_tab_enter_space_what_is_typed_and_the_zoom_are_not_the_components(page: Page, app: Server) -> None:
    with writing(app.engine) as session:
        add_faceless(session, app.store, 2)
        add_examples(session, app.store, 2, Split.train)
    add_kept(app.engine, app.store, 1)
    for path, ready in PAGES.items():
        page.goto(app.url + path)
        page.wait_for_selector(ready)
        page.evaluate(LISTEN)
        for shortcut in ("Control+Equal", "Control+Minus", "Control+0", "Control++"):
            page.keyboard.press(shortcut)
        assert [key for key in page.evaluate("() => window.__heard") if key[0] != "Control"] == [
            ["=", False], ["-", False], ["0", False], ["+", False]
        ], path  # fmt: skip

        page.evaluate(FIELD)
        field = page.get_by_label("Field")
        field.focus()
        page.keyboard.type("a+b -0=[d] Kx")
        expect(field).to_have_value("a+b -0=[d] Kx")
        page.keyboard.press("Backspace")
        page.keyboard.press("Home")
        page.keyboard.type("1")
        expect(field).to_have_value("1a+b -0=[d] K")

        filters = page.get_by_role("button", name="Order and filters")
        if filters.count():  # a widget of Streamlit's, reached with Tab
            filters.focus()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
            expect(page.get_by_role("combobox", name=re.compile("Split"))).to_be_visible()
            page.keyboard.press("Escape")

        page.get_by_role("link", name="Team").focus()
        page.keyboard.press("Shift+Tab")  # so that the focus shows
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/team"))
