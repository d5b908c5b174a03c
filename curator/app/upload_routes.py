"""The HTTP routes by which the Ingest page uploads a zip: straight to the disk, piece by piece, and on from where it broke off.

Each request describes the file, so the server remembers nothing but the bytes. A piece is no JSON: its body is the bytes, and a
header says which file they belong to and where they begin.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curator.app.guard import TOKEN_HEADER, check_origin, reviewer_asking
from curator.app.routes import MAX_BODY_SECONDS, Form, MalformedError, TooLargeError, check_rate, post_route, refusal
from curator.app.state import engine, settings
from curator.ingest import uploads
from curator.ingest.uploads import SentFile
from db.errors import WinnowError
from db.jobs import utc_now

PIECE_HEADER = "X-Winnow-Piece"  # a PieceForm as JSON, percent-encoded
PIECE_TYPE = "application/octet-stream"
MAX_PIECE = 8 * 2**20  # bytes of a request
REST_SECONDS = 20  # for the rest of a piece that is not wanted
BLOCK = 2**20  # bytes written at once, and all that is held in memory

Bytes = Annotated[int, Field(ge=0, le=2**50)]


class FileForm(Form):
    name: str = Field(max_length=1000)
    size: Bytes
    modified: int = Field(ge=-(2**53), le=2**53, description="milliseconds since 1970")

    @property
    def file(self) -> SentFile:
        """The file that the form describes."""
        return SentFile(self.name, self.size, self.modified)


class PieceForm(FileForm):
    offset: Bytes


def begin(reviewer: str, form: FileForm) -> dict[str, Any]:
    """How many bytes of a file are here already, and how many a piece may have."""
    uploads.delete_leftovers(settings().uploads, engine(), utc_now())
    here = uploads.begin(settings().uploads, reviewer, form.file, int(settings().max_upload_bytes))
    return {"received": here, "most": MAX_PIECE}


def finish(reviewer: str, form: FileForm) -> dict[str, Any]:
    """Check a file that is here completely, and keep it until somebody ingests it."""
    uploads.finish(settings().uploads, reviewer, form.file, settings().limits)
    return {"whole": True}


def cancel(reviewer: str, form: FileForm) -> dict[str, Any]:
    """Delete what is here of a file."""
    uploads.cancel(settings().uploads, reviewer, form.file)
    return {"received": 0}


async def piece(request: Request) -> Response:
    """Add a piece to a file. The answer says how many bytes are here: fewer or more than sent if others had a hand in it."""
    try:
        check_origin(request)
        reviewer = reviewer_asking(request, request.headers.get(TOKEN_HEADER, ""))
        check_rate(reviewer)
        if request.headers.get("content-type", "") != PIECE_TYPE:
            raise MalformedError(f"Send a piece as {PIECE_TYPE}.")
        form = _described(request.headers.get(PIECE_HEADER, ""))
        here = form.offset
        async for block in _blocks(request):
            after = await run_in_threadpool(uploads.append, settings().uploads, reviewer, form.file, here, block)
            in_step = after == here + len(block)
            here = after
            if not in_step:
                break
        answer: Response = JSONResponse({"received": here})
    except WinnowError as error:
        answer = refusal(error)
    await _read_rest(request)
    return answer


def _described(header: str) -> PieceForm:
    try:
        return PieceForm.model_validate(json.loads(unquote(header, errors="strict")))
    except (ValueError, ValidationError, RecursionError):
        raise MalformedError(f"The header {PIECE_HEADER} does not describe a piece of a file.") from None


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks. What came before the connection broke off is the last. Raises TooLargeError past the limit."""
    block, total = bytearray(), 0
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(MAX_BODY_SECONDS):
                chunk = await anext(stream)
            total += len(chunk)
            if total > MAX_PIECE:
                raise TooLargeError(f"The piece is larger than {MAX_PIECE // 2**20} MiB, the limit.")
            block += chunk
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
    except (StopAsyncIteration, ClientDisconnect, TimeoutError):
        pass  # it is whole; or nobody reads the answer, and the page will ask how much has come
    if block:
        yield bytes(block)


async def _read_rest(request: Request) -> None:
    """Read the rest of a piece that is not wanted: a browser may not see an answer that comes while it still sends."""
    left = MAX_PIECE
    with suppress(ClientDisconnect, RuntimeError, TimeoutError):  # RuntimeError if all has been read
        async with asyncio.timeout(REST_SECONDS):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return


UPLOAD_ROUTES: list[Route] = [
    post_route("/api/uploads/begin", FileForm, begin),
    Route("/api/uploads/piece", piece, methods=["POST"]),
    post_route("/api/uploads/finish", FileForm, finish),
    post_route("/api/uploads/cancel", FileForm, cancel),
]
