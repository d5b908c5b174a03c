"""The middleware around every answer, Streamlit's and ours: what other websites, other hosts and strangers are refused.

Headers forbid that another page frames Winnow or that one of its pages asks another host; a websocket is opened for Winnow's
own pages alone; a local host name counts on this machine alone; behind a proxy that signs people in, nobody else is answered;
and without one, pictures are answered to a browser that has opened a page.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curator.app.guard import LOCAL_HOSTS, SESSION_SECONDS, session_cookie, signed_in, was_here
from curator.app.state import settings

HEALTH = ("/healthz", "/_stcore/health")  # asked by what watches the app, which nobody signs in
PICTURES = "/pictures/"
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Streamlit writes styles into the page and loads a component's script from a blob; charts are drawn without evaluating code.
POLICY = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' blob:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
NOT_SIGNED_IN = "Nobody is signed in. Open Winnow through the address that your team signs in at."
NOT_FROM_A_PAGE = "Open one of Winnow’s pages first: pictures are shown to people who use it."


def middleware() -> list[Middleware]:
    """The middleware for every request."""
    return [Middleware(Shield)]


class Shield:
    """Answers what may be answered, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a websocket on, or refuse it: 403, 400 for a host name, 1008 for a websocket."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = _refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal is None:
                return await self.app(scope, receive, send)
            return await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope, headers)
            await send(message)

        if refusal is None:
            return await self.app(scope, receive, send_with_headers)
        status, said = refusal
        return await PlainTextResponse(said, status)(scope, receive, send_with_headers)


def _refusal(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """Why a request is refused, as status and sentence; None if it is not."""
    path, host = scope["path"], headers.get("host", "")
    name, named = _name_of(host), settings().host_names
    if not _is_served(name):
        return 400, "Winnow is not served under this host name. Name it in WINNOW_HOSTS (see docs/settings.md)."
    if name in LOCAL_HOSTS and name not in named and not _is_local(scope):
        return 400, "This host name is for the machine itself. Ask by a name in WINNOW_HOSTS (see docs/settings.md)."
    if scope["type"] == "websocket" and urlsplit(headers.get("origin", "")).netloc != host:
        return 403, "This websocket was not opened by one of Winnow’s pages."
    if path in HEALTH:
        return None
    if settings().user_header:
        return (403, NOT_SIGNED_IN) if signed_in(headers.getlist(settings().user_header)) is None else None
    if path.startswith(PICTURES) and not was_here(_cookies(headers)):
        return 403, NOT_FROM_A_PAGE
    return None


def _name_of(host: str) -> str:
    """The name in a Host header, without the port; "" for a malformed one."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if HOST.fullmatch(host) else ""
    except ValueError:
        return ""


def _is_served(name: str) -> bool:
    """Whether a host name is local or in the settings, where `*.example.com` stands for all names below that."""
    allowed = [*LOCAL_HOSTS, *(each.lower() for each in settings().host_names)]
    return any(name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in allowed)


def _add_headers(answer: MutableHeaders, scope: Scope, asked: Headers) -> None:
    host = asked.get("host", "")
    sockets = f" ws://{host} wss://{host}" if _is_served(_name_of(host)) else ""
    answer["Content-Security-Policy"] = "; ".join([*POLICY, f"connect-src 'self'{sockets}"])
    for name, value in HEADERS.items():
        answer[name] = value
    # Also when the browser has the page itself already, and only its cookie is too old.
    opens_a_page = answer.get("content-type", "").startswith("text/html") or asked.get("sec-fetch-dest") == "document"
    if opens_a_page and not settings().user_header:
        name, value = session_cookie()
        secure = "; Secure" if scope["scheme"] == "https" else ""
        answer.append("Set-Cookie", f"{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={SESSION_SECONDS}{secure}")


def _is_local(scope: Scope) -> bool:
    """Whether the request comes from this machine."""
    try:
        return ip_address(scope["client"][0]).is_loopback
    except (KeyError, TypeError, ValueError):  # no client, or one that has no address
        return False


def _cookies(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in headers.getlist("cookie"):
        for pair in line.split(";"):
            name, _, value = pair.strip().partition("=")
            found[name] = value
    return found
