"""What a browser loads before Streamlit shows anything: its first page, here with a splash, and its scripts and styles, packed.

Streamlit sends two megabytes of scripts as they are, and half a megabyte of fonts, and shows nothing until the scripts have
run: on a slow line most of a minute. Here each file is packed once, when it is first asked for, and kept in memory; the font of
icons has the icons that are used; and the page says at once that Winnow is loading.

Only what is the same for everybody is packed here: the packed size of a secret would tell something about it.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.file_util import get_static_dir

from curator.markup import render

HERE = Path(__file__).parent
STREAMLIT = Path(get_static_dir())
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
PAGES = {"/" if view.stem == "home" else f"/{view.stem}" for view in HERE.glob("views/[a-z]*.py")}
ASSETS = {
    f"/static/{file.parent.name}/{file.name}": file for file in STREAMLIT.glob("static/*/*") if file.suffix in MEDIA_TYPES
}
FOR_EVER = "public, immutable, max-age=31536000"  # the addresses of these files have a hash of what is in them

# The parts of Streamlit that every page uses, which it asks for only when it draws one, each after the other.
USED = (
    "../lib/src/components/elements/Html/Html.tsx",
    "../lib/src/components/elements/PageLink/PageLink.tsx",
    "../lib/src/components/widgets/BidiComponent/BidiComponent.tsx",
    "../lib/src/components/widgets/Button/Button.tsx",
)
# Streamlit looks for its server below the page's own address first, and meets a refusal there. All pages lie beside each other.
BASE = '<script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", location).href }</script>'

ICON = re.compile(r'(?<=<link rel="shortcut icon" href=")[^"]+')
TITLE = re.compile(r"(?<=<title>)[^<]+")
FONT = re.compile(r'<link\s+rel="preload"[^>]*\sas="font"[^>]*>\s*')
STYLES = re.compile(r'<link rel="stylesheet"[^>]*href="\.([^"]+)">\s*')
TEXT_FACES = re.compile(r"@font-face\{font-family:Source Sans;[^}]*\}")
ICON_FACE = re.compile(r"(?<=@font-face\{font-family:Material Symbols Rounded;)([^}]*)url\([^)]*\)")
CODING = re.compile(r"(gzip|identity|\*)(?:\s*;\s*q\s*=\s*([01](?:\.\d{0,3})?))?")


class FirstView:
    """Answers for the pages and for Streamlit's scripts and styles, packed where the browser takes it; passes the rest on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        path = scope.get("path")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not (path in PAGES or path in ASSETS):
            return await self.app(scope, receive, send)
        asked = Headers(scope=scope)
        packs = takes_gzip(asked.get("accept-encoding", ""))
        body = await run_in_threadpool(packed if packs else content, path)
        headers = {"Vary": "Accept-Encoding", "Cache-Control": "no-cache", "Content-Type": MEDIA_TYPES[".html"]}
        if path in ASSETS:
            headers |= {"Cache-Control": FOR_EVER, "Content-Type": MEDIA_TYPES[ASSETS[path].suffix]}
            headers["ETag"] = f'"{_short_hash(body)}"'
            if headers["ETag"] in asked.get("if-none-match", ""):
                return await Response(status_code=304, headers=headers)(scope, receive, send)
        headers["Content-Length"] = str(len(body))
        if packs:
            headers["Content-Encoding"] = "gzip"
        return await Response(b"" if scope["method"] == "HEAD" else body, headers=headers)(scope, receive, send)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header wants an answer packed by gzip rather than as it is."""
    found = (CODING.fullmatch(part.strip().lower()) for part in accepted.split(","))
    weights = {match[1]: float(match[2] or 1) for match in found if match}
    gzipped = weights.get("gzip", weights.get("*", 0.0))
    return gzipped > 0 and gzipped >= weights.get("identity", 0.0)


def content(path: str) -> bytes:
    """What is at one of the PAGES or ASSETS."""
    if path in PAGES:
        return first_page()
    if ASSETS[path].suffix == ".css":
        return with_few_icons(ASSETS[path].read_text(encoding="utf-8"), (HERE / "icons.woff2").read_bytes()).encode()
    return ASSETS[path].read_bytes()


@cache
def packed(path: str) -> bytes:
    """The same, packed."""
    return gzip.compress(content(path), mtime=0)


@cache
def first_page() -> bytes:
    """The page that every address of a page has."""
    icon = "data:image/svg+xml," + quote((HERE / "icon.svg").read_text(encoding="utf-8"))
    splash = render((HERE / "splash.html").read_text(encoding="utf-8"), icon=icon)
    page = (STREAMLIT / "index.html").read_text(encoding="utf-8")
    files = chunks(json.loads((STREAMLIT / "manifest.json").read_text(encoding="utf-8")), USED)
    return with_splash(page, splash, icon, [file for file in files if file not in page]).encode()


def with_splash(page: str, splash: str, icon: str, scripts: Iterable[str]) -> str:
    """Streamlit's first page with Winnow's name, icon and splash, and with more scripts to load early.

    A browser waits for styles in the head before it shows anything, so they move to the end. The font that would be loaded
    first is not the theme's. What a page of another version lacks is left out.
    """
    styles = (
        f'<link rel="stylesheet" crossorigin href=".{path}?{_short_hash(content(path))}">' for path in STYLES.findall(page)
    )
    early = (f'<link rel="modulepreload" crossorigin href="./{script}">' for script in scripts)
    page = TITLE.sub("Winnow", ICON.sub(icon, FONT.sub("", STYLES.sub("", page))))
    page = page.replace("</head>", f"{BASE}{''.join(early)}</head>")
    return page.replace("</body>", f"{splash}{''.join(styles)}</body>")


def chunks(manifest: dict[str, dict[str, Any]], entries: Iterable[str]) -> list[str]:
    """The files of these entries of Streamlit's manifest and of all that they import; none of an entry that isn't there."""
    found: dict[str, None] = {}  # in this order
    waiting = [entry for entry in entries if entry in manifest]
    while waiting:
        chunk = manifest[waiting.pop(0)]
        if chunk["file"] not in found:
            found[chunk["file"]] = None
            waiting += chunk.get("imports", [])
    return list(found)


def with_few_icons(styles: str, font: bytes) -> str:
    """Streamlit's styles with a small font of icons in them (see icons.txt), and without the font that is not the theme's.

    Streamlit loads both fonts on every page: the icons' at once, the other until it knows the theme.
    """
    small = f"url(data:font/woff2;base64,{base64.b64encode(font).decode()})"
    return ICON_FACE.sub(rf"\g<1>{small}", TEXT_FACES.sub("", styles))


def _short_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
