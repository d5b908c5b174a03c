"""The HTTP routes beside the pages: pictures as plain files, the deck's cards, verdicts and their log, touch-ups, crops.

Every POST takes and returns JSON, passes the guard, and is answered only after its commit. `refusal` is the one place
that turns an error into a status, a sentence for people and a code for programs (docs/architecture.md lists them).
"""

import asyncio
import base64
import binascii
import json
import logging
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from curator.app.allowance import REQUESTS, VERDICTS, TooMuchError, check_new_name
from curator.app.frame import steps
from curator.app.guard import (
    DOWNLOAD,
    DOWNLOAD_SET,
    TOKEN_HEADER,
    RefusedError,
    check_lead,
    check_origin,
    leads,
    reviewer_asking,
)
from curator.app.hands import Hands
from curator.app.state import THUMBNAIL_SIDE, deck_counts, engine, flow_now, matting, settings, store, touch_up_now
from curator.consent import Consent
from curator.ingest import aside, wall
from curator.news import news
from curator.pictures.arrays import Mask, Photo
from curator.pictures.codec import decode_mask, decode_photo, encode_colours, encode_mask, thumbnail
from curator.pictures.crop import Square
from curator.review import guide, progress
from curator.review.deck import (
    FOR_LEADS,
    GoldMix,
    Order,
    ShowFilter,
    Wanted,
    WithOthers,
    deal,
    give_back,
    own_verdicts,
    with_others,
)
from curator.review.gold import set_answer
from curator.review.opinions import newest_verdict_id
from curator.review.reviewers import known_reviewer, reviewer_called
from curator.review.standing import existing_examples
from curator.review.verdicts import NewVerdict, Recorded, missing_example, record
from curator.runs.mattes import newest_matte
from curator.sets.packing import packed
from curator.spreadsheet import csv_pieces
from curator.touchup import saves
from curator.touchup.begin import HeldTouchUp, begin
from curator.touchup.refine import UNKNOWN
from curator.touchup.refinements import tinted_side
from curator.touchup.superpixels import superpixels
from curator.touchup.versions import discard, versions
from curator.touchup.waiting import own_seconds_left
from db.errors import DamagedError, DiskFullError, NotNowError, NotThereError, UnstorableError, WinnowError
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading, writing
from db.store import Store
from db.tables import CROP_SIDE, Decision, Example, Job, Presence, Reason, Split

MAX_BODY = 64 * 1024  # bytes of a body that carries no picture
MAX_BODY_SECONDS = 60  # for a body to arrive in; on a slow line a mask takes two
MAX_BODY_WITH_MASK = 1024 * 1024  # a 512 x 512 mask as PNG in base64 is a few KiB; noise would be some 350
GUIDE_SIDE = 384  # pixels
REPAIRED_SINCE = "Another reviewer has repaired this mask since you saw it. It comes to you again as it is now."
REFINEMENT_SIDE = 512  # pixels: strands are to be seen
VERDICT_LOG = "/api/verdicts.csv"
PREVIEW_SIDES = {str(side): side for side in (aside.PREVIEW, aside.SMALL_PREVIEW)}
PACKED_SETS = "/api/packed-sets"
MEDIA_TYPES = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): "image/png",
    re.compile(rb"\xff\xd8\xff"): "image/jpeg",
    re.compile(rb"RIFF....WEBP", re.DOTALL): "image/webp",
}
PICTURE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}

_log = logging.getLogger(__name__)
_hands = Hands()

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MalformedError(WinnowError):
    """A body that this route can't use; status 400."""

    code = "malformed"
    status = 400


class TooLargeError(MalformedError):
    """A body over the route's limit; status 413."""

    code = "too_large"
    status = 413


class SlowError(MalformedError):
    """A body that does not arrive; status 408."""

    code = "too_slow"
    status = 408


class NotJsonError(MalformedError):
    """A body not declared as JSON; status 415. A foreign page could send a form without a preflight request."""

    code = "not_json"
    status = 415


class Form(BaseModel):
    """What a POST carries; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            raise ValueError("it holds a character that is no text")
        return value


def _is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: JSON can spell half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class WantedForm(Form):
    order: Order = Order.doubt
    show: ShowFilter = ShowFilter.open
    source: Number | None = None
    split: Split | None = None
    reason: Reason | None = None
    reviewer: str | None = Field(default=None, max_length=80)
    consent: Consent | None = None


Page = Annotated[str, Field(min_length=1, max_length=36, description="a name that the page made up for itself")]


class DeckForm(Form):
    count: int = Field(ge=0, le=100)
    held: list[Number] = Field(default=[], max_length=2000)
    page: Page | None = None
    since: int | None = Field(default=None, ge=0, le=2**63 - 1)
    wanted: WantedForm = WantedForm()


class OwnVerdictsForm(Form):
    count: int = Field(ge=1, le=50)


class LeaveForm(Form):
    page: Page
    held: list[Number] = Field(max_length=2000)


class VerdictForm(Form):
    example: Number
    decision: Decision
    reason: Reason | None = None
    client_id: str = Field(min_length=1, max_length=64, pattern="^[!-~]*$")
    settles: bool = False
    mask: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="the hash of the mask that was seen")


class VerdictsForm(Form):
    # Each is validated on its own, so that an invalid one doesn't block the others.
    verdicts: list[Any] = Field(min_length=1, max_length=200)


class GoldForm(Form):
    example: Number
    decision: Decision | None
    reason: Reason | None = None


class BeginForm(Form):
    example: Number
    page: Page
    start_from: str | None = Field(default=None, description="an earlier version of the mask, by its hash")
    take_over: bool = Field(default=False, description="go on with what another page or reviewer is painting")


class TouchUpForm(Form):
    touch_up: Number
    page: Page


class SaveForm(TouchUpForm):
    mask: str = Field(description="the whole mask as PNG, base64")


class PresenceForm(TouchUpForm):
    presence: Presence


class DiscardForm(Form):
    touch_up: Number


class VersionsForm(Form):
    example: Number


class FinishForm(TouchUpForm):
    mask: str | None = Field(default=None, description="the last mask, if it has not been saved yet")


Line = Annotated[int, Field(ge=0, le=CROP_SIDE)]  # between two rows or columns of pixels


class RefineForm(Form):
    example: Number
    mask: str = Field(description="the whole mask as PNG, base64")
    hints: str | None = Field(default=None, description="PNG, base64: 0 nothing, 1 hair, 2 not hair, 3 unknown")
    box: tuple[Line, Line, Line, Line] | None = Field(default=None, description="top, left, bottom, right: solve inside only")


class ForegroundForm(Form):
    example: Number
    mask: str = Field(description="the whole mask as PNG, base64")


class MatteForm(Form):
    example: Number


class AsideForm(Form):
    after: int = Field(default=0, ge=0, le=2**31 - 1)
    count: int = Field(default=8, ge=0, le=50)


class IngestedForm(Form):
    job: Number
    after: int = Field(default=0, ge=0, le=2**31 - 1, description="only photos with a greater number")


class NavigationForm(Form):
    after: int | None = Field(default=None, ge=0, le=2**31 - 1, description="the newest job that this browser has heard of")
    watched: list[Number] = Field(default=[], max_length=100, description="jobs of those that it saw running")


Pixels = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]


class SquareForm(Form):
    top: Pixels
    left: Pixels
    side: Pixels
    rotation: float = Field(default=0.0, allow_inf_nan=False, ge=-180, le=180)


class ChoiceForm(Form):
    submission: Number
    square: SquareForm | None = Field(description="empty: the photo is discarded")


class TakeBackForm(Form):
    submission: Number


class PhotosForm(Form):
    submissions: list[Number] = Field(min_length=1, max_length=100)


def picture(request: Request) -> Response:
    """A stored picture by its hash. It never changes, so browsers cache it for a year."""
    sha256 = request.path_params["sha256"]
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return PlainTextResponse("A picture is named by 64 hexadecimal digits.", 400, PICTURE_HEADERS)
    try:
        data = store().get(sha256)
    except WinnowError as error:
        return _no_picture(error, "There is no such picture.")
    kind = next((kind for magic, kind in MEDIA_TYPES.items() if magic.match(data)), None)
    if kind is None:
        return PlainTextResponse("There is no such picture.", 404, PICTURE_HEADERS)
    if side := request.query_params.get("side"):
        if side != str(THUMBNAIL_SIDE):
            return PlainTextResponse(f"Thumbnails exist only with side={THUMBNAIL_SIDE}.", 400, PICTURE_HEADERS)
        try:
            data, kind = thumbnail(data, THUMBNAIL_SIDE), "image/webp"
        except WinnowError:
            said = "This picture is damaged. `python -m curator check` lists all that are."
            return PlainTextResponse(said, 422, PICTURE_HEADERS)
    return Response(data, media_type=kind, headers={**PICTURE_HEADERS, "Cache-Control": "private, max-age=31536000, immutable"})


def superpixel_picture(request: Request) -> Response:
    """The superpixels of an example's image, by the image's hash: PNG, number = red + 256 green. They never change either."""
    sha256 = request.path_params["sha256"]
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return PlainTextResponse("A picture is named by 64 hexadecimal digits.", 400, PICTURE_HEADERS)
    try:
        with reading(engine()) as session:
            known = session.scalar(select(Example.id).where(Example.image_sha256 == sha256).limit(1))
        if known is None:
            raise NotThereError("No example has this picture. It may have been erased.")
        data = _superpixels(store(), sha256)
    except WinnowError as error:
        return _no_picture(error, str(error))
    headers = {**PICTURE_HEADERS, "Cache-Control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="image/png", headers=headers)


@lru_cache(maxsize=64)  # some 20 KB each, and a tenth of a second of work
def _superpixels(store: Store, sha256: str) -> bytes:
    return superpixels(decode_photo(store.get(sha256)))


def guide_picture(request: Request) -> Response:
    """The guide's picture for a place, with its mask over it. The address carries a version, so browsers may cache it."""
    try:
        with reading(engine()) as session:
            data = guide.picture(session, store(), request.path_params["place"], GUIDE_SIDE)
    except WinnowError as error:
        return _no_picture(error, "There is no such picture.")
    return Response(data, media_type="image/webp", headers={**PICTURE_HEADERS, "Cache-Control": "private, max-age=86400"})


def refinement_picture(request: Request) -> Response:
    """An example's image under the mask before a refinement, or under the refined alpha. Neither ever changes."""
    side = request.path_params["side"]
    if side not in ("before", "after"):
        return PlainTextResponse("A refinement has a picture before and one after.", 404, PICTURE_HEADERS)
    try:
        with reading(engine()) as session:
            data = tinted_side(session, store(), request.path_params["refinement"], side, REFINEMENT_SIDE)
    except WinnowError as error:
        return _no_picture(error, str(error))
    headers = {**PICTURE_HEADERS, "Cache-Control": "private, max-age=86400"}
    return Response(data, media_type="image/webp", headers=headers)


def aside_picture(request: Request) -> Response:
    """A photo without a face, with its mask below it. The address carries a version, so browsers may cache it."""
    try:
        side = PREVIEW_SIDES[request.query_params.get("side", str(aside.PREVIEW))]
    except KeyError:
        return PlainTextResponse(f"Previews exist with side={' or '.join(PREVIEW_SIDES)}.", 400, PICTURE_HEADERS)
    try:
        data = aside.preview(engine(), store(), request.path_params["submission"], settings().limits, side)
    except WinnowError as error:
        return _no_picture(error, str(error))
    return Response(data, media_type="image/webp", headers={**PICTURE_HEADERS, "Cache-Control": "private, max-age=86400"})


def _no_picture(error: WinnowError, words: str) -> Response:
    """404 with these words; 422 for a damaged picture; 503 where it may be had later: the database does not answer.

    A browser keeps none of them: the picture may be healed.
    """
    status = 503 if isinstance(error, NotNowError) else 422 if isinstance(error, DamagedError) else 404
    said = words if status == 404 else error.shown
    return PlainTextResponse(said, status, {**PICTURE_HEADERS, "Cache-Control": "no-store"})


def verdict_log(request: Request) -> Response:
    """The verdicts as a CSV file, streamed: all of them for a lead, else one's own. Its address carries the token."""
    try:
        reviewer = reviewer_asking(request, request.query_params.get("token", ""), DOWNLOAD)
    except RefusedError as error:
        return PlainTextResponse(str(error), 403, PICTURE_HEADERS)
    # Others' verdicts would bias blind second opinions, and one that settles no disagreement reveals a control example.
    rows = progress.verdict_log(engine(), None if leads(reviewer) else reviewer)
    name = {"Content-Disposition": 'attachment; filename="winnow-verdicts.csv"', "Cache-Control": "no-store"}
    pieces = csv_pieces(progress.VERDICT_LOG_COLUMNS, rows)
    return StreamingResponse(pieces, media_type="text/csv", headers={**PICTURE_HEADERS, **name})


def packed_set(request: Request) -> Response:
    """An exported set as a zip, for the lead who had it packed. Its address carries the token."""
    try:
        reviewer = reviewer_asking(request, request.query_params.get("token", ""), DOWNLOAD_SET)
        check_lead(reviewer)
    except RefusedError as error:
        return PlainTextResponse(str(error), 403, PICTURE_HEADERS)
    try:
        with reading(engine()) as session:
            found = packed(session, settings(), request.path_params["job"], reviewer, utc_now())
    except WinnowError as error:
        return _no_picture(error, str(error))
    if found is None:
        return PlainTextResponse("This zip is not there any more. Have the set packed again.", 404, PICTURE_HEADERS)
    return FileResponse(found.file, filename=found.name, headers={**PICTURE_HEADERS, "Cache-Control": "no-store"})


def healthz(_: Request) -> Response:
    """Health check: the app answers and its database can be queried; 503 if it can't."""
    try:
        with reading(engine()) as session:
            session.execute(select(1))
    except WinnowError as error:
        return refusal(error)
    return JSONResponse({"status": "ok"})


def navigation_now(reviewer: str, form: NavigationForm) -> dict[str, Any]:
    """What the navigation of every page shows: what stands below each step, the jobs that run, and those that have ended."""
    with reading(engine()) as session:
        left = own_seconds_left(session, reviewer, touch_up_now())
        told = news(session, utc_now(), form.after, form.watched)
    counts = {page: count for page, _, count in steps(flow_now(engine()), left)}
    return {"counts": counts, "clock": left is not None, **asdict(told)}


def next_cards(reviewer: str, form: DeckForm) -> dict[str, Any]:
    """The next cards of a reviewer's deck, leased to them, and how many are left."""
    wanted = Wanted(**form.wanted.model_dump())
    if wanted.show in FOR_LEADS:
        check_lead(reviewer)
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        since = newest_verdict_id(session) if form.since is None else form.since
        mix = GoldMix(settings().gold_share, random.SystemRandom())
        lead = leads(reviewer)
        hand = deal(session, who.id, form.count, utc_now(), form.held, wanted=wanted, since=since, mix=mix, lead=lead)
        if form.page is not None:  # before the commit, so that no page that closes meanwhile gives these back
            _hands.hold(reviewer, form.page, {*form.held, *(card.example for card in hand.cards)} - set(hand.gone))
    # Counted after the leases are committed, so that counting a million examples delays nobody's next cards.
    counted = deck_counts(engine(), reviewer, who.id, wanted, since)
    others = WithOthers(0, None)
    if len(hand.cards) < form.count:  # else it makes no difference
        with reading(engine()) as session:
            others = with_others(session, who.id, wanted, since, utc_now())
        if not (hand.cards or form.held or hand.too_many or others.count):
            counted = replace(counted, left=0)  # a count may be some seconds old; this hand is not, and nobody has another
    return {
        "cards": [asdict(card) for card in hand.cards],
        "gone": hand.gone,
        **asdict(counted),
        "others": others.count,
        "until": 0 if others.until is None else round(1000 * others.until.timestamp()),
        "since": since,
    }


def leave_deck(reviewer: str, form: LeaveForm) -> dict[str, Any]:
    """A page is closed: end the leases on what it had in hand, but for what the reviewer's other pages have in hand too."""
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer).id
        give_back(session, who, form.held, lambda: _hands.leave(reviewer, form.page))
    return {}


def own_newest_verdicts(reviewer: str, form: OwnVerdictsForm) -> dict[str, Any]:
    """The newest verdicts of whoever asks, to look at them again and to take them back."""
    with reading(engine()) as session:
        who = known_reviewer(session, reviewer)
        given = [] if who is None else own_verdicts(session, who.id, form.count, utc_now().date(), lead=leads(reviewer))
    return {"verdicts": [asdict(one) | {"at": round(1000 * one.at.timestamp())} for one in given]}


def record_verdicts(reviewer: str, form: VerdictsForm) -> dict[str, Any]:
    """Record verdicts; the response means that they are committed. One that can't be recorded is named and blocks no others.

    A refusal is named by its place among the verdicts sent, since its client id may be what is wrong with it.
    """
    if not VERDICTS.take(reviewer, len(form.verdicts)):
        raise TooMuchError(f"{reviewer} sends more verdicts than anybody can give.")
    given: dict[int, NewVerdict] = {}  # by their place among those sent
    refused: dict[int, str] = {}  # sentences
    for index, item in enumerate(form.verdicts):
        try:
            read = VerdictForm.model_validate(item)
            if read.settles:
                check_lead(reviewer)
            given[index] = NewVerdict(**read.model_dump())
        except ValidationError as error:
            refused[index] = f"This verdict is not valid: {_first(error)}."
        except RefusedError as error:
            refused[index] = str(error)
    try:
        recorded = _record(reviewer, list(given.values()))
    except NotThereError:  # rare, so the missing ones are looked up only now
        with reading(engine()) as session:
            there = existing_examples(session, {item.example for item in given.values()})
        for index, item in given.items():
            if lost := missing_example([item.example], there):
                refused[index] = lost
        recorded = _record(reviewer, [item for item in given.values() if item.example in there])
    refused |= {index: REPAIRED_SINCE for index, item in given.items() if item.client_id in recorded.outdated}
    named = [
        {"index": index, "client_id": _client_id(form.verdicts[index]), "error": error}
        for index, error in sorted(refused.items())
    ]
    return {"taken": recorded.taken, "ids": recorded.numbers, "refused": named}


def _client_id(verdict: Any) -> str | None:
    """A refused verdict's client id, if it is one that can be sent back."""
    client_id = verdict.get("client_id") if isinstance(verdict, dict) else None
    return client_id if isinstance(client_id, str) and _is_unicode(client_id) else None


def _record(reviewer: str, given: Sequence[NewVerdict]) -> Recorded:
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        return record(session, who.id, given, utc_now(), settings().second_opinions)


def make_gold(reviewer: str, form: GoldForm) -> dict[str, Any]:
    """Make an example a control example, or withdraw it."""
    check_lead(reviewer)
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        set_answer(session, who.id, form.example, form.decision, form.reason, utc_now())
    return {"example": form.example, "decision": form.decision}


def begin_touch_up(reviewer: str, form: BeginForm) -> dict[str, Any]:
    """Begin a touch-up, or continue the one that is running; or say where it is being painted."""
    seconds, start_from = settings().touchup_seconds, form.start_from
    with writing(engine()) as session:
        who, now = reviewer_called(session, reviewer).id, touch_up_now()
        begun = begin(session, who, form.page, form.example, seconds, now, start_from=start_from, take_over=form.take_over)
    return {"held": asdict(begun)} if isinstance(begun, HeldTouchUp) else asdict(begun)


def save_touch_up(reviewer: str, form: SaveForm) -> dict[str, Any]:
    """Save the mask after a stroke."""
    mask = saves.read_mask(_bytes(form.mask))
    return asdict(saves.save(engine(), store(), reviewer, form.page, form.touch_up, mask, touch_up_now()))


def finish_touch_up(reviewer: str, form: FinishForm) -> dict[str, Any]:
    """End a touch-up, with its last mask."""
    mask = None if form.mask is None else saves.read_mask(_bytes(form.mask))
    return asdict(saves.finish(engine(), store(), reviewer, form.page, form.touch_up, mask, touch_up_now()))


def resume_touch_up(reviewer: str, form: TouchUpForm) -> dict[str, Any]:
    """Take Done back, and go on."""
    return asdict(saves.resume(engine(), reviewer, form.page, form.touch_up, touch_up_now()))


def note_presence(reviewer: str, form: PresenceForm) -> dict[str, Any]:
    """Record that a page which shows a touch-up was hidden, is shown again or was left."""
    saves.note_presence(engine(), reviewer, form.page, form.touch_up, form.presence, touch_up_now())
    return {}


def discard_touch_up(reviewer: str, form: DiscardForm) -> dict[str, Any]:
    """Discard a touch-up: the mask before counts again."""
    with writing(engine()) as session:
        who = reviewer_called(session, reviewer)
        return {"example": discard(session, who, form.touch_up, touch_up_now(), lead=leads(reviewer))}


def mask_versions(_: str, form: VersionsForm) -> dict[str, Any]:
    """The masks that an example has had, the oldest first."""
    with reading(engine()) as session:
        found = versions(session, [form.example]).get(form.example)
    if found is None:
        raise NotThereError(f"Example {form.example} does not exist. It may have been erased.")
    return {"versions": [asdict(version) | {"at": version.at and version.at.isoformat()} for version in found]}


def refine_mask(_: str, form: RefineForm) -> dict[str, Any]:
    """A mask with its edge solved from the photo, and the box of what was solved. Nothing is written."""
    if form.box is not None and not (form.box[0] < form.box[2] and form.box[1] < form.box[3]):
        raise MalformedError("The box is empty. It is top, left, bottom, right, in pixels of the crop.")
    mask = saves.read_mask(_bytes(form.mask))
    hints = None if form.hints is None else saves.read_mask(_bytes(form.hints))
    if hints is not None and hints.max() > UNKNOWN:
        raise MalformedError("A hint is 0 (none), 1 (hair), 2 (not hair) or 3 (unknown).")
    began = time.monotonic()
    photo, left_out = _crop_of(form.example)
    refined = matting().refine(photo, mask, hints, form.box, left_out)
    seconds = round(time.monotonic() - began, 3)
    return {"alpha": _base64(encode_mask(refined.alpha)), "box": refined.box, "seconds": seconds}


def hair_colours(_: str, form: ForegroundForm) -> dict[str, Any]:
    """The hair's own colours through a mask, without the background's. Nothing is written."""
    mask = saves.read_mask(_bytes(form.mask))
    return {"colours": _base64(encode_colours(matting().foreground(_crop_of(form.example)[0], mask)))}


def trained_matte(_: str, form: MatteForm) -> dict[str, Any]:
    """The newest run's saved matte of an example, by its hash."""
    with reading(engine()) as session:
        return asdict(newest_matte(session, form.example))


def _crop_of(example: int) -> tuple[Photo, Mask | None]:
    """An example's image, and its unknown pixels if it has any. Raises NotThereError if the example does not exist."""
    with reading(engine()) as session:
        found = session.execute(select(Example.image_sha256, Example.unknown_sha256).where(Example.id == example)).one_or_none()
    if found is None:
        raise NotThereError(f"Example {example} does not exist. It may have been erased.")
    image, unknown = found
    return decode_photo(store().get(image)), None if unknown is None else decode_mask(store().get(unknown))


def next_aside(_: str, form: AsideForm) -> dict[str, Any]:
    """The next photos in which no face was found, and how many there are."""
    with reading(engine()) as session:
        photos = aside.next_faceless(session, form.count, form.after)
        return {"photos": [asdict(photo) for photo in photos], "left": aside.count_faceless(session)}


def ingested(_: str, form: IngestedForm) -> dict[str, Any]:
    """The newest photos that an ingest has added, how many there are, and whether more may come."""
    with reading(engine()) as session:
        job = session.get(Job, form.job)
        runs = job is not None and job_state(job, utc_now()) in ACTIVE  # first: what comes in meanwhile is asked for
        tiles = [asdict(tile) for tile in wall.newest_added(session, form.job, form.after)]
        return {"tiles": tiles, "photos": wall.count_added(session, form.job), "runs": runs}


def choose_crop(reviewer: str, form: ChoiceForm) -> dict[str, Any]:
    """Make an example from a square of a photo, or discard the photo."""
    square = None if form.square is None else Square(**form.square.model_dump())
    aside.decide(engine(), store(), settings().limits, reviewer, form.submission, square, utc_now())
    return _aside_now()


def take_crop_back(reviewer: str, form: TakeBackForm) -> dict[str, Any]:
    """Undo a crop or a discard; the photo is waiting again."""
    photo = aside.take_back(engine(), store(), reviewer, form.submission, utc_now())
    return {"photo": asdict(photo), **_aside_now()}


def discard_photos(reviewer: str, form: PhotosForm) -> dict[str, Any]:
    """Discard several photos; the response means that it is committed. One that can't be is named and blocks no others."""
    refused = aside.discard(engine(), reviewer, form.submissions, utc_now())
    return {"refused": _named(refused), **_aside_now()}


def take_discards_back(reviewer: str, form: PhotosForm) -> dict[str, Any]:
    """Undo the discards of several photos, which are waiting again."""
    photos, refused = aside.take_discards_back(engine(), reviewer, form.submissions, utc_now())
    return {"photos": [asdict(photo) for photo in photos], "refused": _named(refused), **_aside_now()}


def _named(refused: Mapping[int, WinnowError]) -> list[dict[str, Any]]:
    return [{"submission": number, "error": error.shown, "code": error.code} for number, error in refused.items()]


def _aside_now() -> dict[str, Any]:
    with reading(engine()) as session:
        return {"left": aside.count_faceless(session)}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("The mask is not valid base64.") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


F = TypeVar("F", bound=Form)


def post_route(path: str, form: type[F], answer: Callable[[str, F], dict[str, Any]], limit: int = MAX_BODY) -> Route:
    """A guarded route: `answer(reviewer, form)` runs in the thread pool, because it waits for the database."""

    async def endpoint(request: Request) -> Response:
        try:
            check_origin(request)
            reviewer = reviewer_asking(request, request.headers.get(TOKEN_HEADER, ""))
            check_rate(reviewer)
            filled = _filled(form, await _body(request, limit))
            return JSONResponse(await run_in_threadpool(_admitted, answer, reviewer, filled))
        except WinnowError as error:
            return refusal(error)

    return Route(path, endpoint, methods=["POST"])


def check_rate(reviewer: str) -> None:
    """Raises TooMuchError for a reviewer who sends more requests than any page does."""
    if not REQUESTS.take(reviewer):
        raise TooMuchError(f"{reviewer} sends more requests than any page does.")


def _admitted(answer: Callable[[str, F], dict[str, Any]], reviewer: str, form: F) -> dict[str, Any]:
    check_new_name(engine(), reviewer)
    return answer(reviewer, form)


def refusal(error: WinnowError) -> Response:
    """An error's sentence and its code as JSON, with the status that fits it: 4xx for what is wrong with the request, 5xx and
    429 for what may be answered later."""
    status = 409
    if isinstance(error, MalformedError):
        status = error.status
    elif isinstance(error, UnstorableError):
        status = 400
    elif isinstance(error, RefusedError):
        status = 403
    elif isinstance(error, NotThereError):
        status = 404
    elif isinstance(error, TooMuchError):
        status = 429
    elif isinstance(error, DiskFullError):
        status = 507
    elif isinstance(error, NotNowError):
        status = 503
    if status >= 429:
        _log.error("%s", error)  # in full: the answer leaves the server's folders out
    return JSONResponse({"error": error.shown, "code": error.code}, status)


async def _body(request: Request, limit: int) -> bytes:
    """The body of a JSON request. Reads no further than the limit, whatever Content-Length states."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise NotJsonError("Send this request as application/json.")
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLargeError(f"The request is larger than {limit // 1024} KiB, the limit of this route.")
    except TimeoutError:
        raise SlowError(f"The request did not arrive within {MAX_BODY_SECONDS} seconds.") from None
    except ClientDisconnect:
        raise MalformedError("The connection closed before the whole request was sent.") from None
    return bytes(body)


def _filled(form: type[F], body: bytes) -> F:
    try:
        return form.model_validate(json.loads(body, parse_constant=_no_number))
    except ValidationError as error:
        raise MalformedError(f"The request is not valid: {_first(error)}.") from None
    except (ValueError, RecursionError):
        raise MalformedError("The request's body is not valid JSON.") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _first(error: ValidationError) -> str:
    """The first error and where it is; never the value itself."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{where}: {first['msg']}"


ROUTES: list[Route] = [
    Route("/pictures/{sha256}", picture),
    Route("/pictures/superpixels/{sha256}", superpixel_picture),
    Route("/pictures/guide/{place}", guide_picture),
    Route("/pictures/aside/{submission:int}", aside_picture),
    Route("/pictures/refinement/{refinement:int}/{side}", refinement_picture),
    Route("/healthz", healthz),
    Route(VERDICT_LOG, verdict_log),
    Route(f"{PACKED_SETS}/{{job:int}}", packed_set),
    post_route("/api/navigation", NavigationForm, navigation_now),
    post_route("/api/deck", DeckForm, next_cards),
    post_route("/api/deck/leave", LeaveForm, leave_deck),
    post_route("/api/verdicts", VerdictsForm, record_verdicts),
    post_route("/api/verdicts/mine", OwnVerdictsForm, own_newest_verdicts),
    post_route("/api/gold", GoldForm, make_gold),
    post_route("/api/aside", AsideForm, next_aside),
    post_route("/api/ingested", IngestedForm, ingested),
    post_route("/api/aside/choose", ChoiceForm, choose_crop),
    post_route("/api/aside/undo", TakeBackForm, take_crop_back),
    post_route("/api/aside/discard", PhotosForm, discard_photos),
    post_route("/api/aside/restore", PhotosForm, take_discards_back),
    post_route("/api/touchups/begin", BeginForm, begin_touch_up),
    post_route("/api/touchups/save", SaveForm, save_touch_up, MAX_BODY_WITH_MASK),
    post_route("/api/touchups/finish", FinishForm, finish_touch_up, MAX_BODY_WITH_MASK),
    post_route("/api/touchups/resume", TouchUpForm, resume_touch_up),
    post_route("/api/touchups/presence", PresenceForm, note_presence),
    post_route("/api/touchups/discard", DiscardForm, discard_touch_up),
    post_route("/api/touchups/versions", VersionsForm, mask_versions),
    post_route("/api/touchups/refine", RefineForm, refine_mask, MAX_BODY_WITH_MASK),
    post_route("/api/touchups/foreground", ForegroundForm, hair_colours, MAX_BODY_WITH_MASK),
    post_route("/api/touchups/matte", MatteForm, trained_matte),
]
