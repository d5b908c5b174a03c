"""Connections that ask for nothing, on a real server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from curator.app.connections import limit_connections

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def reads(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("read")


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, **limits: float) -> Iterator[int]:
    """The port of a server with these limits."""
    monkeypatch.setattr(AutoHTTPProtocol, "connection_made", AutoHTTPProtocol.connection_made)  # undone afterwards
    limit_connections(**limits)  # type: ignore[arg-type]
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here")), Route("/slow", reads, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: loc", REQUEST[:-2] + b"X-Slow: "])
def test_a_request_that_does_not_arrive_ends_its_connection(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    with serving(monkeypatch, seconds=0.05) as port, closing(connected(port)) as half_open:
        half_open.sendall(sent)
        assert half_open.recv(1000) == b""
        with closing(connected(port)) as other:
            other.sendall(REQUEST)
            assert other.recv(1000).endswith(b"here")


def test_a_connection_that_has_asked_once_is_closed_too_when_the_next_request_does_not_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(monkeypatch, seconds=0.05) as port, closing(connected(port)) as half_open:
        half_open.sendall(REQUEST)
        assert half_open.recv(1000).endswith(b"here")
        half_open.sendall(REQUEST[:10])
        assert half_open.recv(1000) == b""


def test_a_body_that_stops_coming_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, seconds=0.02) as port, closing(connected(port)) as half_sent:
        half_sent.sendall(b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        assert half_sent.recv(1000) == b""


def test_one_connection_too_many_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, most=2) as port, closing(connected(port)) as one, closing(connected(port)) as two:
        for each in (one, two):
            each.sendall(REQUEST)
            assert each.recv(1000).endswith(b"here")
        with closing(connected(port)) as three:
            assert three.recv(1000) == b""
        one.sendall(REQUEST)
        assert one.recv(1000).endswith(b"here")
