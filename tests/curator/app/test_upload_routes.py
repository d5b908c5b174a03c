"""The routes of an upload: what they take, what they refuse, and what a reviewer reads."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from httpx import Response
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curator.app import guard, routes, shield, state, upload_routes
from curator.app.guard import TOKEN_HEADER, token_for
from curator.app.shield import middleware
from curator.app.upload_routes import MAX_PIECE, PIECE_HEADER, PIECE_TYPE, UPLOAD_ROUTES
from curator.ingest import uploads
from db.errors import DiskFullError
from db.settings import Settings

HOST = "http://localhost"
HERE = ("127.0.0.1", 50_000)  # a browser on this machine


def a_zip(size: int = 1000) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("images/a.jpg", bytes(size))
    return into.getvalue()


class Browser:
    """A reviewer's page."""

    def __init__(self, client: TestClient, reviewer: str) -> None:
        self.client, self.headers = client, {"Origin": HOST, TOKEN_HEADER: token_for(reviewer)}

    def ask(self, what: str, file: dict[str, Any]) -> Response:
        return self.client.post(f"/api/uploads/{what}", json=file, headers=self.headers)

    def piece(self, file: dict[str, Any], offset: int, data: bytes, **headers: str) -> Response:
        header = quote(json.dumps({**file, "offset": offset}))
        ours = {**self.headers, PIECE_HEADER: header, "Content-Type": PIECE_TYPE}
        return self.client.post("/api/uploads/piece", content=data, headers=ours | headers)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, settings: Settings, engine: Engine) -> Iterator[TestClient]:
    for module in (routes, upload_routes, guard, shield):
        monkeypatch.setattr(module, "settings", lambda: settings)
    for module in (routes, upload_routes):
        monkeypatch.setattr(module, "engine", lambda: engine)
    yield TestClient(Starlette(routes=UPLOAD_ROUTES, middleware=middleware()), base_url=HOST, client=HERE)
    state.settings.cache_clear()


@pytest.fixture
def ada(client: TestClient) -> Browser:
    return Browser(client, "Ada")


def described(data: bytes, name: str = "crowd.zip") -> dict[str, Any]:
    return {"name": name, "size": len(data), "modified": 1_790_000_000_000}


def test_a_file_is_sent_in_pieces_and_lies_on_the_disk_as_it_was(ada: Browser, settings: Settings) -> None:
    data = a_zip(3 * 2**20)  # more than is written at once
    file = described(data, "Köln ☀ <b>.zip")
    assert ada.ask("begin", file).json() == {"received": 0, "most": MAX_PIECE}
    half = len(data) // 2
    assert ada.piece(file, 0, data[:half]).json() == {"received": half}
    assert ada.ask("begin", file).json()["received"] == half
    assert ada.piece(file, 0, data[:half]).json() == {"received": half}  # sent again: its answer was lost
    assert ada.piece(file, half, data[half:]).json() == {"received": len(data)}
    assert ada.ask("finish", file).json() == {"whole": True}
    (kept,) = settings.uploads.iterdir()
    assert kept.read_bytes() == data
    assert ada.ask("cancel", file).json() == {"received": 0}
    assert list(settings.uploads.iterdir()) == []


@pytest.mark.parametrize("path", [route.path for route in UPLOAD_ROUTES])
def test_every_request_needs_winnows_own_page_and_token(client: TestClient, settings: Settings, path: str) -> None:
    ours = {"Origin": HOST, TOKEN_HEADER: token_for("Ada")}
    for headers in (
        {TOKEN_HEADER: ours[TOKEN_HEADER]},
        {**ours, "Origin": "http://evil.example"},
        {"Origin": HOST},
        {**ours, TOKEN_HEADER: "forged"},
    ):
        answer = client.post(path, json=described(b"12"), headers=headers)
        assert answer.status_code == 403
    assert client.get(path).status_code == 405
    assert not settings.uploads.exists()


def test_a_piece_that_is_too_large_or_badly_described_is_refused(ada: Browser, settings: Settings) -> None:
    data = a_zip(MAX_PIECE + 1)
    file = described(data)
    ada.ask("begin", file)
    assert ada.piece(file, 0, data).status_code == 413
    for header in ("", "{", "%ff", quote('{"name": 1}'), quote(json.dumps({**file, "offset": -1})), quote("[" * 5000)):
        answer = ada.piece(file, 0, b"PK\3\4", **{PIECE_HEADER: header})
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": f"The header {PIECE_HEADER} does not describe a piece of a file.", "code": "malformed"},
        )
    assert ada.piece(file, 0, b"PK\3\4", **{"Content-Type": "text/plain"}).status_code == 400
    assert ada.ask("begin", {**file, "name": "x" * 1001}).status_code == 400


def test_what_is_wrong_with_a_file_is_said_and_no_path_of_the_server(ada: Browser, settings: Settings) -> None:
    letter = described(b"Dear Ada", "letter.zip")
    answers = [
        ada.ask("begin", {**letter, "size": int(settings.max_upload_bytes) + 1}),
        ada.piece(letter, 0, b"Dear Ada"),
        ada.ask("finish", letter),
    ]
    assert [answer.status_code < 500 for answer in answers] == [True, True, True]
    assert "4,096 MiB are allowed" in answers[0].json()["error"]
    assert answers[1].json()["error"] == "letter.zip is not a zip. Zip a folder with images/ and masks/ in it."
    assert all(str(settings.home) not in answer.text for answer in answers)


def test_a_full_disk_is_no_refusal(ada: Browser, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    data = a_zip()
    ada.ask("begin", described(data))
    assert ada.piece(described(data), 0, data[:10]).json() == {"received": 10}

    def full(folder: object, needed: int) -> None:
        raise uploads._no_room()

    monkeypatch.setattr(uploads, "_check_room", full)
    for answer in (ada.ask("begin", described(data)), ada.piece(described(data), 10, data[10:])):
        assert answer.status_code in (503, 507)
        assert answer.json()["error"].startswith("The disk has no room for this upload. Ask your lead")
        assert str(settings.home) not in answer.text
    monkeypatch.undo()
    assert isinstance(uploads._no_room(), DiskFullError)


def test_reviewers_with_a_file_of_the_same_name_do_not_meet(client: TestClient, ada: Browser, settings: Settings) -> None:
    data = a_zip()
    file = described(data)
    grace = Browser(client, "Grace")
    for browser in (ada, grace):
        browser.ask("begin", file)
    ada.piece(file, 0, data)
    assert grace.ask("begin", file).json()["received"] == 0
    grace.ask("cancel", file)
    assert ada.ask("begin", file).json()["received"] == len(data)
