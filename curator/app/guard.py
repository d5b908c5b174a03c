"""Checks every POST to the HTTP routes, which Streamlit does not protect: may it be answered, and for which reviewer?

A POST is answered only if it comes from a page of this host (Origin equals Host), if the host is local or named in the
settings (a foreign name that resolves to this machine is refused), and if it carries a token that one of Winnow's pages
made; the token names the reviewer.
"""

from functools import cache
from pathlib import Path
from urllib.parse import unquote

import streamlit as st
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request

from curator.app.state import settings
from curator.review.reviewers import is_lead
from db.errors import WinnowError
from db.secret import home_secret

COOKIE = "winnow_reviewer"  # set by the Team page, URL-encoded
TOKEN_HEADER = "X-Winnow-Token"  # noqa: S105 - a header's name, not a secret
TOKEN_SECONDS = 24 * 3600
PAGE = "winnow-page"  # what a token is for
DOWNLOAD = "winnow-download"  # this one stands in an address, so it is good for nothing else
LOCAL_HOSTS = ["localhost", "127.0.0.1"]


class RefusedError(WinnowError):
    """A request that may not be answered; a route returns status 403."""


def middleware() -> list[Middleware]:
    """The middleware for every request: it allows only local host names and those in the settings."""
    allowed = [*LOCAL_HOSTS, *settings().host_names]
    return [Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False)]


def current_reviewer() -> str:
    """The reviewer who uses the page: from the proxy's header, else the Team page's cookie, else the settings."""
    header = settings().user_header
    value = st.context.headers.get(header, "") if header else st.context.cookies.get(COOKIE, "")
    name = " ".join(unquote(value).split())
    return name if 1 <= len(name) <= 80 and name.isprintable() else settings().reviewer


def token_for(reviewer: str, use: str = PAGE) -> str:
    """A signed token with which a page may call the routes as this reviewer, for a day: the POSTs, or one of the downloads."""
    return _signer(settings().home.resolve(), use).dumps({"reviewer": reviewer})


def reviewer_of(token: str, use: str = PAGE, *, max_age: int = TOKEN_SECONDS) -> str:
    """The reviewer that a token names. Raises RefusedError for one that is missing, forged, made for another use, or older than
    `max_age` seconds."""
    if not token:
        raise RefusedError("This request has no token. Reload the page to continue; nothing is lost.")
    try:
        payload = _signer(settings().home.resolve(), use).loads(token, max_age=max_age)
    except SignatureExpired:
        raise RefusedError("This page has been open for more than a day. Reload it to continue; nothing is lost.") from None
    except BadSignature:
        raise RefusedError("This request's token is not valid. Reload the page to continue; nothing is lost.") from None
    return str(payload["reviewer"])


def leads(reviewer: str) -> bool:
    """Whether the reviewer is a lead."""
    return is_lead(reviewer, settings().lead_names)


def check_lead(reviewer: str) -> None:
    """Raises RefusedError unless the reviewer is a lead."""
    if not leads(reviewer):
        raise RefusedError("Only a lead may do this (see WINNOW_LEADS in docs/settings.md).")


def check_origin(request: Request) -> None:
    """Raises RefusedError unless the request comes from a page of the host that it is sent to."""
    origin = request.headers.get("origin")
    if origin is None:
        raise RefusedError("This request does not say which page it comes from (no Origin header).")
    if origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise RefusedError("This request comes from a page that is not Winnow's.")


@cache
def _signer(home: Path, use: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(home_secret(home), salt=use)
