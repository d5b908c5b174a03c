"""What a browser loads first: Streamlit's page with a splash, its scripts and styles packed, and few icons.

What is made of Streamlit's own files is checked against the version that is installed, so that another one is looked at.
"""

import base64
import gzip
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from curator.app.first_view import ASSETS, PAGES, STREAMLIT, USED, FirstView, chunks, content, first_page, packed, takes_gzip

ROOT = Path(__file__).parents[3]
APP = ROOT / "curator/app"
(STYLES,) = (path for path in ASSETS if re.fullmatch(r"/static/css/index\.[\w-]+\.css", path))
(SCRIPT,) = (path for path in ASSETS if re.fullmatch(r"/static/js/index\.[\w-]+\.js", path))
THEME = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]


@pytest.fixture
def client() -> TestClient:
    """A client of the middleware, which passes on to an app of a few words. It takes no packed answer unless a test says so."""
    served = FirstView(PlainTextResponse("passed on"))
    return TestClient(served, headers={"Accept-Encoding": "identity"})


def unpacked(client: TestClient, path: str, **headers: str) -> tuple[Response, bytes]:
    """An answer's headers, and its bytes as they came."""
    with client.stream("GET", path, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "packs"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("br", False),
        ("not-gzip", False),
        ("", False),
    ],
)
def test_a_browser_that_takes_gzip_and_prefers_nothing_else_gets_it(accepted: str, packs: bool) -> None:
    assert takes_gzip(accepted) is packs


@pytest.mark.parametrize("path", [SCRIPT, STYLES])
def test_a_script_and_a_style_come_packed_and_are_kept_for_ever(client: TestClient, path: str) -> None:
    answer, body = unpacked(client, path, **{"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(body) == content(path)
    assert len(body) < len(content(path)) / 2
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "immutable" in answer.headers["cache-control"]

    head = client.head(path, headers={"Accept-Encoding": "gzip"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(body)))
    for tags in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
        again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        assert again.headers["vary"] == "Accept-Encoding"


def test_who_takes_no_gzip_gets_the_file_as_it_is_and_who_wants_a_part_the_whole(client: TestClient) -> None:
    whole = ASSETS[SCRIPT].read_bytes()
    for headers in ({}, {"Accept-Encoding": "gzip;q=0"}, {"Range": "bytes=10-19"}):
        plain, body = unpacked(client, SCRIPT, **headers)
        assert (plain.status_code, body, plain.headers["vary"]) == (200, whole, "Accept-Encoding")
        assert "content-encoding" not in plain.headers
    packed, _ = unpacked(client, SCRIPT, **{"Accept-Encoding": "gzip"})
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/static/js/nowhere.js",
        f"{SCRIPT}/",
        f"/x{SCRIPT}",
        "/static/js/..%2f..%2findex.html",
        "/index.html",
        "/x",
    ],
)
def test_everything_else_is_passed_on(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"Accept-Encoding": "gzip"}).text == "passed on"


def test_what_is_not_read_is_passed_on_at_every_path(client: TestClient) -> None:
    assert client.post("/review").text == client.post(SCRIPT).text == "passed on"


@pytest.mark.parametrize("path", ["/", "/review", "/team"])
def test_every_page_comes_with_the_splash_packed_or_not(client: TestClient, path: str) -> None:
    assert path in PAGES
    plain, body = unpacked(client, path)
    assert (body, plain.headers["cache-control"], plain.headers["vary"]) == (first_page(), "no-cache", "Accept-Encoding")
    assert plain.headers["content-type"] == "text/html; charset=utf-8"
    _, packed = unpacked(client, path, **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed) == body
    assert len(packed) < 4096  # two packets or three: it is there in one round trip
    assert client.head(path).content == b""


def test_streamlits_page_is_the_one_that_the_splash_is_made_for() -> None:
    theirs, ours = (STREAMLIT / "index.html").read_text(), first_page().decode()
    assert "<title>Winnow</title>" in ours
    assert "favicon.png" not in ours
    assert theirs.count('as="font"') == 1
    assert 'as="font"' not in ours
    scripts = re.compile(r'<script type="module"[^>]*>|<link rel="modulepreload"[^>]*>')
    assert scripts.findall(theirs) == scripts.findall(ours)[: -len(early())]
    (styles,) = re.findall(r'<link rel="stylesheet" crossorigin href="\./static/css/index\.[\w-]+\.css\?\w{16}">', ours)
    assert ours.count("stylesheet") == 1
    in_order = ("window.__streamlit", "</head>", '<div id="root"></div>', "Loading …", styles, "</body>")
    assert sorted(in_order, key=ours.index) == list(in_order)


def early() -> list[str]:
    """What every page draws with, and the page would not load early."""
    manifest = json.loads((STREAMLIT / "manifest.json").read_text())
    assert set(USED) < manifest.keys()
    page = (STREAMLIT / "index.html").read_text()
    return [file for file in chunks(manifest, USED) if file not in page]


def test_what_every_page_draws_with_is_loaded_early() -> None:
    ours = first_page().decode()
    assert {re.split(r"[./]", file)[2] for file in early()} > {"Html", "PageLink", "BidiComponent", "Button"}
    for file in early():
        assert ours.count(f'href="./{file}"') == 1
        assert f"/{file}" in ASSETS


def test_what_a_first_view_loads_fits_a_slow_line() -> None:
    """A page has 25 seconds at 50 kB/s (`benchmarks/first_paint.py`): half of them are for these."""
    files = [f"/{file}" for file in early()] + re.findall(r'(?:src|href)="\.(/static/[^"?]+)', first_page().decode())
    assert {SCRIPT, STYLES} < set(files) <= ASSETS.keys()
    assert sum(len(packed(file)) for file in set(files)) < 625_000


def test_chunks_are_an_entry_and_all_that_it_imports_once() -> None:
    manifest = {
        "a": {"file": "a.js", "imports": ["b", "c"]},
        "b": {"file": "b.js", "imports": ["c", "a"]},
        "c": {"file": "c.js"},
        "d": {"file": "d.js"},
    }
    assert chunks(manifest, ["a", "another version's"]) == ["a.js", "b.js", "c.js"]


def test_the_styles_have_the_small_font_of_icons_and_none_that_the_theme_lacks() -> None:
    theirs, ours = ASSETS[STYLES].read_text(), content(STYLES).decode()
    faces = re.compile(r"@font-face\{font-family:([^;]+);")
    unused = Counter(faces.findall(theirs)) - Counter(faces.findall(ours))
    assert unused == {"Source Sans": 2}
    (icons,) = re.findall(r"@font-face\{font-family:Material Symbols Rounded;[^}]*\}", ours)
    (font,) = re.findall(r'src:url\(data:font/woff2;base64,([\w+/=]+)\)format\("woff2"\)', icons)
    assert base64.b64decode(font) == (APP / "icons.woff2").read_bytes()
    assert ours.replace(icons, "") == re.sub(
        r"@font-face\{font-family:(Source Sans|Material Symbols Rounded);[^}]*\}", "", theirs
    )


def test_the_small_font_has_every_icon_of_the_pages_and_of_streamlit() -> None:
    scripts = "".join(path.read_text() for path in ASSETS.values() if path.suffix == ".js")
    pages = "".join(path.read_text() for path in APP.rglob("*.py"))
    used = set(re.findall(r":material/(\w+):", scripts + pages)) - {"star_filled"}  # Streamlit's own font lacks it too
    assert used <= set(re.findall(r"\w+", (APP / "icons.txt").read_text())), "icons.txt says how to add them"
    assert {"tune", "keyboard_arrow_right"} < used


def test_the_splash_has_the_themes_colours() -> None:
    light, _, dark = first_page().decode().partition("prefers-color-scheme: dark")
    for page, theme in ((light, THEME["light"]), (dark, THEME["dark"])):
        assert f"background: {theme['backgroundColor']}" in page
        assert f"color: {theme['textColor']}" in page


def test_the_pages_are_those_of_the_navigation() -> None:
    named = re.findall(r'url_path="(\w+)"', (ROOT / "curator/app/main.py").read_text())
    assert {"/", *(f"/{name}" for name in named)} == PAGES
