"""Who asks? The reviewer of a page, and of a POST to the HTTP routes, which Streamlit does not protect.

A POST is answered only if it comes from a page of this host (Origin equals Host), if the host is local or named in the
settings (a foreign name that resolves to this machine is refused), and if it carries a token that one of Winnow's pages
made; the token names the reviewer. Behind a proxy that signs people in, it must be the one who is signed in.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote

import streamlit as st
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from starlette.requests import Request

from curator.app.state import settings
from curator.review.reviewers import is_lead
from db.errors import WinnowError
from db.secret import home_secret

COOKIE = "winnow_reviewer"  # set by the Team page, URL-encoded
TOKEN_HEADER = "X-Winnow-Token"  # noqa: S105 - a header's name, not a secret
TOKEN_SECONDS = 24 * 3600
SESSION_SECONDS = 30 * 24 * 3600
PAGE = "winnow-page"  # what a token is for
DOWNLOAD = "winnow-download"  # this one stands in an address, so it is good for nothing else
DOWNLOAD_SET = "winnow-download-set"  # so does this one
SESSION = "winnow-session"  # this one is a cookie that says no name
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class RefusedError(WinnowError):
    """A request that may not be answered; a route returns status 403."""

    code = "not_allowed"


class StalePageError(RefusedError):
    """A request of a page whose token is missing, forged, too old or somebody else's: the page needs a new one."""

    code = "stale_page"


def check_address(address: str | None) -> None:
    """Raises WinnowError if the app would listen for other machines and nobody has to sign in, unless WINNOW_OPEN=yes.

    `address` is what it listens on; None or "" is every address.
    """
    if settings().user_header or settings().open == "yes" or _is_this_machine(address):
        return
    raise WinnowError(
        f"Winnow would show people's faces to everybody who reaches {address or 'any address of this machine'}, without a "
        "sign-in. Listen on localhost; or put a proxy that signs people in before it, and name its header in "
        "WINNOW_USER_HEADER; or set WINNOW_OPEN=yes if nobody else can reach it (see docs/settings.md)."
    )


def _is_this_machine(address: str | None) -> bool:
    try:
        return address == "localhost" or ip_address(address or "0.0.0.0").is_loopback  # noqa: S104 - what it means to Streamlit
    except ValueError:
        return False


def current_reviewer() -> str:
    """The reviewer who uses the page: from the proxy's header, else the Team page's cookie, else the settings.

    Raises RefusedError if a proxy has to sign people in and does not say who this is.
    """
    header = settings().user_header
    if header:
        name = signed_in(st.context.headers.get_all(header))
        if name is None:
            raise RefusedError("Nobody is signed in. Open Winnow through the address that your team signs in at.")
        return name
    name = " ".join(unquote(st.context.cookies.get(COOKIE, "")).split())
    return name if _is_a_name(name) else settings().reviewer


def signed_in(values: Sequence[str]) -> str | None:
    """Who is signed in, by the values of the proxy's header: exactly what its one value says, as UTF-8. None if there is no
    such header, more than one, or one that is no reviewer's name."""
    if len(values) != 1:
        return None
    try:
        name = values[0].encode("latin-1").decode()  # a header's bytes reach us as latin-1
    except UnicodeError:
        return None
    return name if _is_a_name(name) and name == " ".join(name.split()) else None


def _is_a_name(name: str) -> bool:
    return 1 <= len(name) <= 80 and name.isprintable()


def token_for(reviewer: str, use: str = PAGE) -> str:
    """A signed token with which a page may call the routes as this reviewer, for a day: the POSTs, or one of the downloads."""
    return _signer(settings().home.resolve(), use).dumps({"reviewer": reviewer})


def reviewer_of(token: str, use: str = PAGE, *, max_age: int = TOKEN_SECONDS) -> str:
    """The reviewer that a token names. Raises StalePageError for one that is missing, forged, made for another use, or older
    than `max_age` seconds."""
    if not token:
        raise StalePageError("This request has no token. Reload the page to continue; nothing is lost.")
    try:
        payload = _signer(settings().home.resolve(), use).loads(token, max_age=max_age)
    except SignatureExpired:
        raise StalePageError("This page has been open for more than a day. Reload it to continue; nothing is lost.") from None
    except BadSignature:
        raise StalePageError("This request's token is not valid. Reload the page to continue; nothing is lost.") from None
    return str(payload["reviewer"])


def reviewer_asking(request: Request, token: str, use: str = PAGE) -> str:
    """The reviewer whose page sends a request. Raises StalePageError as `reviewer_of` does, and for the token of anybody but
    the one who is signed in, where a proxy signs people in."""
    reviewer = reviewer_of(token, use)
    header = settings().user_header
    if header and signed_in(request.headers.getlist(header)) != reviewer:
        raise StalePageError("Somebody else is signed in now. Reload the page to continue; nothing is lost.")
    return reviewer


def session_cookie() -> tuple[str, str]:
    """Name and value of the cookie that a browser gets with a page, and with which it may ask for pictures."""
    return _session_name(settings().home.resolve()), _signer(settings().home.resolve(), SESSION).dumps("")


def was_here(cookies: Mapping[str, str]) -> bool:
    """Whether these cookies say that the browser has opened a page in the last thirty days."""
    try:
        home = settings().home.resolve()
        _signer(home, SESSION).loads(cookies.get(_session_name(home), ""), max_age=SESSION_SECONDS)
    except BadSignature:
        return False
    return True


def refuses_cookies() -> bool:
    """Whether the browser of this page has not kept the cookie that came with the page."""
    asked = len(st.context.headers) > 0 and not settings().user_header
    return asked and not was_here(st.context.cookies)


def leads(reviewer: str) -> bool:
    """Whether the reviewer is a lead."""
    return is_lead(reviewer, settings().lead_names)


def check_lead(reviewer: str) -> None:
    """Raises RefusedError unless the reviewer is a lead."""
    if not leads(reviewer):
        raise RefusedError("Only a lead may do this (see WINNOW_LEADS in docs/settings.md).")


def owns_or_leads(reviewer: str, owner: str | None) -> bool:
    """Whether what `owner` has done may be taken back by this reviewer: it is their own, or they are a lead."""
    return reviewer == owner or leads(reviewer)


def check_origin(request: Request) -> None:
    """Raises RefusedError unless the request comes from a page of the host that it is sent to."""
    origin = request.headers.get("origin")
    if origin is None:
        raise RefusedError("This request does not say which page it comes from (no Origin header).")
    if origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise RefusedError("This request comes from a page that is not Winnow's.")


@cache
def _session_name(home: Path) -> str:
    # Browsers send a cookie to every port of a host, and another Winnow may run on another one.
    return f"winnow_session_{hashlib.sha256(home_secret(home)).hexdigest()[:8]}"


@cache
def _signer(home: Path, use: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(home_secret(home), salt=use)
