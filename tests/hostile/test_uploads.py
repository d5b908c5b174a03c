"""Uploads that want the app's memory, or meet each other: neither works."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from curator.app import guard, upload_routes
from curator.app.guard import TOKEN_HEADER, token_for
from curator.app.upload_routes import MAX_PIECE, PIECE_HEADER, PIECE_TYPE, UPLOAD_ROUTES
from curator.formats import archive
from curator.ingest.uploads import SentFile, append, begin
from db.errors import WinnowError
from db.settings import Limits, Settings
from tests.asgi import run

CHUNK = 64 * 1024


def peak_while(work: Callable[[], object]) -> int:
    """The most bytes that Python allocated at once for it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_piece_goes_to_the_disk_and_never_lies_in_memory(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, engine: Engine
) -> None:
    for module in (upload_routes, guard):
        monkeypatch.setattr(module, "settings", lambda: settings)
    monkeypatch.setattr(upload_routes, "engine", lambda: engine)
    file = SentFile("crowd.zip", MAX_PIECE, 1)
    begin(settings.uploads, "Ada", file, MAX_PIECE)
    described = quote(json.dumps({"name": file.name, "size": file.size, "modified": file.modified, "offset": 0}))
    headers = {
        "host": "localhost", "origin": "http://localhost", "content-type": PIECE_TYPE, PIECE_HEADER: described,
        TOKEN_HEADER: token_for("Ada"),
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/api/uploads/piece", "query_string": b"", "scheme": "http",
        "server": ("localhost", 80), "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    answered: list[dict[str, Any]] = []
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        chunk = (b"PK\3\4" if sent == 0 else b"") + bytes(CHUNK - 4 * (sent == 0))
        sent += CHUNK
        return {"type": "http.request", "body": chunk, "more_body": sent < MAX_PIECE}

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    (route,) = (one for one in UPLOAD_ROUTES if one.path == scope["path"])
    peak = peak_while(lambda: run(route.app(scope, receive, send)))  # type: ignore[arg-type]
    assert json.loads(answered[1]["body"]) == {"received": MAX_PIECE}
    (part,) = settings.uploads.iterdir()
    assert part.stat().st_size == MAX_PIECE
    assert peak < MAX_PIECE / 2


def test_a_table_of_contents_of_a_million_files_is_refused_in_little_memory(tmp_path: Path) -> None:
    limits, count = Limits(zip_members=1000), 100_000
    entry = struct.pack("<4s42x", b"PK\1\2")
    end = struct.pack("<4s4x2H2L2x", b"PK\5\6", 0xFFFF, 0xFFFF, count * len(entry), 4)
    file = tmp_path / "bomb.zip"
    file.write_bytes(b"PK\3\4" + count * entry + end)

    def refused() -> None:
        with pytest.raises(WinnowError, match=r"^bomb\.zip holds more than 1,000 files, the limit\."):
            archive.check(file, tmp_path, limits, "bomb.zip")

    assert peak_while(refused) < 2**20


@pytest.mark.parametrize("place", [-10, -6])
def test_a_table_of_contents_that_lies_elsewhere_is_refused_in_words(tmp_path: Path, place: int) -> None:
    """Ten bytes before the end stands how long the table is, six bytes before where it begins."""
    entry = struct.pack("<4s20xL18x", b"PK\1\2", 10)
    data = bytearray(b"PK\3\4" + entry + struct.pack("<4s4x2H2L2x", b"PK\5\6", 1, 1, len(entry), 4))
    file = tmp_path / "a.zip"
    file.write_bytes(data)
    archive.check(file, tmp_path, Limits(), "a.zip")
    for wrong in (0, 3, 47, 2**31, 2**32 - 1):
        struct.pack_into("<L", data, len(data) + place, wrong)
        file.write_bytes(data)
        with pytest.raises(WinnowError, match=r"^a\.zip (can't be read as a zip \(it may be cut off\)|is empty)"):
            archive.check(file, tmp_path, Limits(), "a.zip")


def test_pages_that_send_the_same_file_at_the_same_moment_leave_it_whole(tmp_path: Path) -> None:
    data = b"PK\3\4" + bytes(range(256)) * 400
    file = SentFile("crowd.zip", len(data), 1)

    def page(step: int) -> None:
        here = begin(tmp_path, "Ada", file, 2**20)
        while here < len(data):
            here = append(tmp_path, "Ada", file, here, data[here : here + step])

    with ThreadPoolExecutor(8) as pages:
        list(pages.map(page, range(1000, 9000, 1000)))
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == data
