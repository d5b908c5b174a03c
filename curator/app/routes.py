"""The HTTP routes beside the pages: pictures as plain files, the deck's cards and verdicts, touch-ups.

Every POST takes and gives JSON, passes the guard, and is answered only after its commit. What a rule refuses is turned
into a status and a sentence in one place, `_refusal`.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from curator import touchups
from curator.app.guard import TOKEN_HEADER, RefusedError, check_origin, reviewer_of
from curator.app.state import engine, settings, store
from curator.deck import deal
from curator.reviewers import reviewer_called
from curator.verdicts import Given, counts, record
from db.errors import NotThereError, WinnowError
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Reason

SMALL = 64 * 1024  # bytes of a body that carries no picture
WITH_MASK = 1024 * 1024  # a 512 x 512 mask as PNG in base64 is a few KiB; noise would be some 350
KINDS = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): "image/png",
    re.compile(rb"\xff\xd8\xff"): "image/jpeg",
    re.compile(rb"RIFF....WEBP", re.DOTALL): "image/webp",
}
PICTURE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MalformedError(WinnowError):
    """A body that this route does not take."""

    status = 400


class TooLargeError(MalformedError):
    """A body over the route's limit."""

    status = 413


class NotJsonError(MalformedError):
    """A body that does not say it is JSON; a form could be sent from a foreign page without asking us first."""

    status = 415


class Form(BaseModel):
    """What a POST carries; anything more is refused."""

    model_config = ConfigDict(extra="forbid")


class DeckForm(Form):
    count: int = Field(ge=0, le=100)
    held: list[Number] = Field(default=[], max_length=2000)


class VerdictForm(Form):
    example: Number
    decision: Decision
    reason: Reason | None = None
    client_id: str = Field(min_length=1, max_length=64)


class VerdictsForm(Form):
    verdicts: list[VerdictForm] = Field(min_length=1, max_length=200)


class BeginForm(Form):
    example: Number
    again: bool = False


class SaveForm(Form):
    touch_up: Number
    mask: str = Field(description="the whole mask as PNG, base64")


class FinishForm(Form):
    touch_up: Number
    mask: str | None = Field(default=None, description="the last mask, where it has not been saved yet")


def picture(request: Request) -> Response:
    """A stored picture by its hash: it can never change, so a browser need ask only once."""
    sha256 = request.path_params["sha256"]
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return PlainTextResponse("A picture is named by 64 hexadecimal digits.", 400, PICTURE_HEADERS)
    try:
        data = store().get(sha256)
    except WinnowError:
        return PlainTextResponse("There is no such picture.", 404, PICTURE_HEADERS)
    kind = next((kind for magic, kind in KINDS.items() if magic.match(data)), None)
    if kind is None:
        return PlainTextResponse("There is no such picture.", 404, PICTURE_HEADERS)
    return Response(data, media_type=kind, headers={**PICTURE_HEADERS, "Cache-Control": "private, max-age=31536000, immutable"})


def healthz(_: Request) -> Response:
    """Whether the app answers and its database can be asked."""
    with reading(engine()) as session:
        session.execute(select(1))
    return JSONResponse({"status": "ok"})


def more_cards(reviewer: str, form: DeckForm) -> dict[str, Any]:
    """The next cards of a reviewer's deck, leased to them."""
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        cards = deal(session, who.id, form.count, utc_now(), form.held)
        return {"cards": [asdict(card) for card in cards], "counts": asdict(counts(session))}


def take_verdicts(reviewer: str, form: VerdictsForm) -> dict[str, Any]:
    """Record verdicts; the answer means that they are committed."""
    given = [Given(item.example, item.decision, item.reason, item.client_id) for item in form.verdicts]
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        taken = record(session, who.id, given, utc_now())
        now_stand = counts(session)
    return {"taken": taken, "counts": asdict(now_stand)}


def begin_touch_up(reviewer: str, form: BeginForm) -> dict[str, Any]:
    """Start a touch-up's clock, or go on with the one that runs."""
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        begun = touchups.begin(session, who.id, form.example, settings().touchup_seconds, utc_now(), again=form.again)
    return asdict(begun)


def save_touch_up(reviewer: str, form: SaveForm) -> dict[str, Any]:
    """Keep the mask after a stroke."""
    mask = touchups.read_mask(_bytes(form.mask))
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        saved = touchups.save(session, store(), who.id, form.touch_up, mask, utc_now())
    return asdict(saved)


def finish_touch_up(reviewer: str, form: FinishForm) -> dict[str, Any]:
    """End a touch-up, with its last mask."""
    mask = None if form.mask is None else touchups.read_mask(_bytes(form.mask))
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        saved = touchups.finish(session, store(), who.id, form.touch_up, mask, utc_now())
    return asdict(saved)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("The mask is not base64.") from None


F = TypeVar("F", bound=Form)


def _post(path: str, form: type[F], answer: Callable[[str, F], dict[str, Any]], limit: int = SMALL) -> Route:
    """A guarded route: `answer(reviewer, form)` runs in the thread pool, for it waits for the database."""

    async def endpoint(request: Request) -> Response:
        try:
            check_origin(request)
            reviewer = reviewer_of(request.headers.get(TOKEN_HEADER, ""))
            filled = _filled(form, await _body(request, limit))
            return JSONResponse(await run_in_threadpool(answer, reviewer, filled))
        except WinnowError as error:
            return _refusal(error)

    return Route(path, endpoint, methods=["POST"])


def _refusal(error: WinnowError) -> Response:
    """A rule's sentence with the status that fits it."""
    status = 409
    if isinstance(error, MalformedError):
        status = error.status
    elif isinstance(error, RefusedError):
        status = 403
    elif isinstance(error, NotThereError):
        status = 404
    return JSONResponse({"error": str(error)}, status)


async def _body(request: Request, limit: int) -> bytes:
    """The body of a JSON request. Reads no further than the limit, whatever its length was said to be."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise NotJsonError("This address takes application/json only.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise TooLargeError(f"The request is over {limit // 1024} KiB.")
    except ClientDisconnect:
        raise MalformedError("The request broke off.") from None
    return bytes(body)


def _filled(form: type[F], body: bytes) -> F:
    try:
        return form.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise MalformedError(f"The request is not what this address takes: {where}: {first['msg']}.") from None
    except (ValueError, RecursionError):
        raise MalformedError("The request's body is not JSON.") from None


ROUTES: list[Route] = [
    Route("/pictures/{sha256}", picture),
    Route("/healthz", healthz),
    _post("/api/deck", DeckForm, more_cards),
    _post("/api/verdicts", VerdictsForm, take_verdicts),
    _post("/api/touchups/begin", BeginForm, begin_touch_up),
    _post("/api/touchups/save", SaveForm, save_touch_up, WITH_MASK),
    _post("/api/touchups/finish", FinishForm, finish_touch_up, WITH_MASK),
]
