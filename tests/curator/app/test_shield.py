"""What is refused before any page or route sees it, and the headers of every answer."""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from curator.app import guard, shield
from curator.app.shield import NOT_FROM_A_PAGE, NOT_SIGNED_IN, middleware
from db.settings import Settings

HERE, ELSEWHERE = ("127.0.0.1", 50_000), ("192.168.1.7", 50_000)


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("open")
    await websocket.close()


def page(_: Request) -> Response:
    return HTMLResponse("<p>Winnow</p>")


def text(_: Request) -> Response:
    return PlainTextResponse("text")


def breaks(_: Request) -> Response:
    raise RuntimeError


ROUTES = [
    Route("/", page),
    Route("/healthz", lambda _: JSONResponse({})),
    Route("/pictures/one", text),
    Route("/script.js", text),
    Route("/breaks", breaks),
    WebSocketRoute("/_stcore/stream", socket),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., TestClient]:
    """A client of the app: `asked(client=ELSEWHERE, hosts="winnow.example.com")`."""

    def made(client: tuple[str, int] = HERE, base_url: str = "http://localhost:8501", **update: str) -> TestClient:
        for module in (guard, shield):
            monkeypatch.setattr(module, "settings", lambda: settings.model_copy(update=update))
        served = Starlette(routes=ROUTES, middleware=middleware())
        return TestClient(served, base_url=base_url, client=client, raise_server_exceptions=False)

    return made


@pytest.mark.parametrize("path", ["/", "/healthz", "/script.js", "/pictures/one", "/nowhere"])
def test_every_answer_says_that_nobody_may_frame_it_guess_its_type_or_load_from_elsewhere(
    asked: Callable[..., TestClient], path: str
) -> None:
    headers = asked().get(path).headers
    policy = dict(part.partition(" ")[::2] for part in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["connect-src"] == "'self' ws://localhost:8501 wss://localhost:8501"
    assert not any("http" in allowed or "*" in allowed for allowed in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pictures_are_for_a_browser_that_has_opened_a_page(asked: Callable[..., TestClient]) -> None:
    client = asked()
    answer = client.get("/pictures/one")
    assert (answer.status_code, answer.text) == (403, NOT_FROM_A_PAGE)
    client.get("/script.js")
    assert client.get("/pictures/one").status_code == 403
    (cookie,) = client.get("/").headers.get_list("set-cookie")
    assert "; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000" in cookie
    assert client.get("/pictures/one").status_code == 200


def test_a_page_that_the_browser_has_already_renews_its_cookie_too(asked: Callable[..., TestClient]) -> None:
    answer = asked().get("/script.js", headers={"Sec-Fetch-Dest": "document"})
    assert "set-cookie" in answer.headers


@pytest.mark.parametrize(("base_url", "secure"), [("https://localhost", True), ("http://localhost", False)])
def test_the_cookie_is_for_https_alone_where_the_page_is(asked: Callable[..., TestClient], base_url: str, secure: bool) -> None:
    assert ("; Secure" in asked(base_url=base_url).get("/").headers["set-cookie"]) is secure


@pytest.mark.parametrize(
    ("origin", "opens"),
    [
        ("http://localhost:8501", True),
        ("https://localhost:8501", True),  # behind a proxy that ends TLS
        ("http://localhost:8502", False),
        ("http://localhost", False),
        ("https://evil.example.com", False),
        ("https://evil.streamlit.app", False),
        ("null", False),
        (None, False),
    ],
)
def test_only_winnows_own_pages_open_a_websocket(asked: Callable[..., TestClient], origin: str | None, opens: bool) -> None:
    headers = {"Host": "localhost:8501", **({} if origin is None else {"Origin": origin})}
    if opens:
        with asked().websocket_connect("/_stcore/stream", headers=headers) as open_socket:
            assert open_socket.receive_text() == "open"
        return
    with pytest.raises(WebSocketDisconnect) as closed, asked().websocket_connect("/_stcore/stream", headers=headers):
        pass
    assert closed.value.code == 1008


def test_behind_a_proxy_nobody_is_answered_who_is_not_signed_in(asked: Callable[..., TestClient]) -> None:
    client = asked(user_header="X-Forwarded-User", hosts="localhost")
    for path in ("/", "/pictures/one", "/script.js"):
        for headers in ({}, {"X-Forwarded-User": ""}, {"X-Forwarded-User": "a" * 81}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.text) == (403, NOT_SIGNED_IN)
            assert "set-cookie" not in answer.headers
        twice = client.get(path, headers=[("X-Forwarded-User", "Ada"), ("X-Forwarded-User", "lead")])
        assert twice.status_code == 403
        assert client.get(path, headers={"X-Forwarded-User": "Ada"}).status_code == 200
    assert client.get("/healthz").status_code == 200  # what watches the app does not sign in
    origin = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=origin):
        pass
    with client.websocket_connect("/_stcore/stream", headers={**origin, "X-Forwarded-User": "Ada"}) as open_socket:
        assert open_socket.receive_text() == "open"


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1", "[::1]:8501", "[::1]", "LOCALHOST"])
def test_a_local_host_name_is_for_this_machine_unless_the_settings_name_it(asked: Callable[..., TestClient], host: str) -> None:
    assert asked(HERE).get("/", headers={"Host": host}).status_code == 200
    assert asked(ELSEWHERE).get("/", headers={"Host": host}).status_code == 400
    assert asked(("a socket", 0)).get("/", headers={"Host": host}).status_code == 400
    named = asked(ELSEWHERE, hosts="localhost, 127.0.0.1, ::1")
    assert named.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.example.com", "local host", "localhost; img-src *", ""])
def test_a_foreign_or_malformed_host_name_is_refused_and_never_repeated(asked: Callable[..., TestClient], host: str) -> None:
    answer = asked().get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["x-frame-options"] == "DENY"
    assert "evil" not in answer.headers.get("content-security-policy", "")
    assert "img-src *" not in answer.headers.get("content-security-policy", "")


def test_a_star_stands_for_the_names_below_a_host_alone(asked: Callable[..., TestClient]) -> None:
    client = asked(ELSEWHERE, hosts="*.Example.com")
    for host, status in [
        ("hair.example.com", 200),
        ("a.b.example.com:8501", 200),
        ("example.com", 400),
        ("badexample.com", 400),
    ]:
        assert client.get("/healthz", headers={"Host": host}).status_code == status
