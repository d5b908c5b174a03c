"""The masks that a touch-up saves: each one is appended, until it is finished or its time is up.

Only the page that opened the touch-up last may save. With its end, the example goes back to review for a second look, if it
wants one (curator/review/reopening.py). Done can be taken back while time is left and nobody has judged the mask.
"""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
from sqlalchemy import Engine, and_, exists, extract, func, or_, select
from sqlalchemy.orm import Session, aliased

from curator.pictures.arrays import Mask
from curator.pictures.codec import decode_mask
from curator.review.current_mask import not_discarded
from curator.review.opinions import verdict_counts
from curator.review.reopening import send_repaired, take_back_repaired
from curator.review.reviewers import known_reviewer
from curator.touchup.begin import painting_page
from curator.touchup.clock import LOADED, is_finished, is_over, seconds_left, seconds_since_start, time_used
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import (
    CROP_SIDE,
    Decision,
    Example,
    Presence,
    Split,
    Standing,
    State,
    TouchUp,
    TouchUpDiscard,
    TouchUpPresence,
    TouchUpSave,
    Verdict,
)

GRACE = timedelta(seconds=3)  # a mask sent at the last moment arrives after the time is up
MAX_PNG_BYTES = 768 * 1024  # 512 x 512 of noise in grey is 257 KiB


class TimeUpError(WinnowError):
    """The clock of a touch-up has run out."""

    code = "time_up"


@dataclass(frozen=True)
class SavedMask:
    """A mask that was saved. Without a clock there are no `seconds_left`; while there are, Done can be taken back."""

    touch_up: int
    mask: str  # sha256
    seconds_used: float
    seconds_left: float | None
    finished: bool


def save(engine: Engine, store: Store, reviewer: str, page: str, touch_up_id: int, mask: Mask, now: datetime) -> SavedMask:
    """Append the mask after a stroke, uint8 (512, 512), 0 to 255. Accepted until three seconds after the time is up.

    Where the example's source says nothing, the mask stays 0, whatever was painted: such pixels are left out of training.
    `reviewer` is a name, `page` that of the page that paints. The picture is stored before the transaction that names it, and
    only if the mask is accepted. Raises NotThereError for an unknown touch-up, WinnowError for another reviewer's, a finished
    one, one out of time, or one that has been taken over by another page or a later touch-up.
    """
    sha256 = _stored(engine, store, reviewer, page, touch_up_id, mask, now)
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        _check_open(session, touch_up, page)
        return _append(session, touch_up, sha256, now, finished=False)


def finish(
    engine: Engine, store: Store, reviewer: str, page: str, touch_up_id: int, mask: Mask | None, now: datetime
) -> SavedMask:
    """Finish a touch-up, with its last mask, or None if that has been saved already. Finishing twice counts once.

    Raises the same errors as `save`; without a mask there is no time limit.
    """
    with reading(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id)
        newest = _newest(touch_up)
    if newest is not None and newest.finished:
        return _saved(touch_up, newest, now)
    sha256 = None if mask is None else _stored(engine, store, reviewer, page, touch_up_id, mask, now)
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        newest = _newest(touch_up)
        if newest is not None and newest.finished:
            return _saved(touch_up, newest, now)
        _check_open(session, touch_up, page)
        unchanged = touch_up.mask_before_sha256 if newest is None else newest.mask_after_sha256
        saved = _append(session, touch_up, sha256 or unchanged, now, finished=True)
        send_repaired(session, touch_up, now)
        return saved


def resume(engine: Engine, reviewer: str, page: str, touch_up_id: int, now: datetime) -> SavedMask:
    """Take Done back: go on with a finished touch-up, in the time that is left of its clock, if it has one.

    A repaired mask that was sent to review is not to be judged any more. One that is not finished goes on as it is. Raises the
    same errors as `save`, and WinnowError when the time is up, the touch-up was discarded, or somebody has judged its mask.
    """
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        _check_page(session, touch_up, page)
        newest = _newest(touch_up)
        if is_over(touch_up, now) and not is_finished(touch_up):
            raise TimeUpError("The time was up. Start over to change this mask.")
        if newest is None or not newest.finished:
            unchanged = touch_up.mask_before_sha256 if newest is None else newest.mask_after_sha256
            used = time_used(touch_up, now).used
            return SavedMask(touch_up.id, unchanged, used, seconds_left(touch_up, now), finished=False)
        if seconds_left(touch_up, now) == 0.0:
            raise TimeUpError("The time is up, so Done can't be taken back. Start over to change this mask.")
        if session.scalar(select(exists().where(TouchUpDiscard.touch_up_id == touch_up_id))):
            raise WinnowError("This touch-up was discarded. Start over from its mask to go on.")
        if not take_back_repaired(session, touch_up, touch_up.reviewer_id, now):
            raise WinnowError("Somebody has judged this mask already, so Done can't be taken back. Mark it Fix to go on.")
        return _append(session, touch_up, newest.mask_after_sha256, now, finished=False)


def note_presence(engine: Engine, reviewer: str, page: str, touch_up_id: int, presence: Presence, now: datetime) -> None:
    """Record that the page of a touch-up was hidden, is shown again or was left. The clock runs on.

    Nothing is recorded of a page that has been taken over, or when the touch-up is over. Raises NotThereError for an unknown
    touch-up, and WinnowError for another reviewer's or for a page that claims to open one: only `begin` does.
    """
    if presence is Presence.opened:
        raise WinnowError("A page opens a touch-up by beginning it.")
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        last = touch_up.presences[-1] if touch_up.presences else None
        if last is None or painting_page(touch_up) != page or last.presence is presence or is_over(touch_up, now):
            return
        touch_up.presences.append(TouchUpPresence(page=page, presence=presence, at=now))


def finish_ended(session: Session, now: datetime) -> None:
    """Finish the repairs whose time ran out without a word, as when a browser is closed: what they saved last wants a look.

    One that saved nothing repaired nothing, so its mask goes on waiting.
    """
    asked_for = exists().where(
        Verdict.example_id == TouchUp.example_id,
        Verdict.decision == Decision.fix,
        Verdict.at <= TouchUp.started_at,
        verdict_counts(),
    )
    last, later = aliased(TouchUpSave), aliased(TouchUp)
    newest_save = select(func.max(last.id)).where(last.touch_up_id == TouchUp.id).scalar_subquery()
    without_a_word = exists().where(TouchUpSave.id == newest_save, ~TouchUpSave.finished)
    newest = ~exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id)
    ends = extract("epoch", TouchUp.started_at) + TouchUp.seconds_shown
    kept = and_(Standing.state == State.keep, Standing.split != Split.test, newest)
    wanted = (
        select(TouchUp)
        .join(Standing, Standing.example_id == TouchUp.example_id)
        .where(
            or_(and_(Standing.state == State.fix, asked_for), kept), ends <= now.timestamp(), without_a_word, not_discarded()
        )
        .order_by(TouchUp.id)
        .with_for_update(of=TouchUp)  # of two pages that find it, one comes first, and the other finds it finished
    )
    for touch_up in session.scalars(wanted):
        newest_mask = _newest(touch_up)
        if newest_mask is not None and is_over(touch_up, now) and not newest_mask.finished:
            _append(session, touch_up, newest_mask.mask_after_sha256, now, finished=True)
            send_repaired(session, touch_up, now)


def read_mask(png: bytes) -> Mask:
    """The mask in a PNG as the painter sends it: uint8 (512, 512), 0 to 255, all eight bits of its grey.

    Raises WinnowError for anything but a 512 x 512 PNG of 8 bits in grey or RGB(A); the header is read before a decoder
    sees the bytes, so that a small file cannot claim a huge picture.
    """
    if len(png) > MAX_PNG_BYTES:
        raise WinnowError(f"The mask's PNG has {len(png)} bytes; at most {MAX_PNG_BYTES} are accepted.")
    if len(png) < 33 or png[:16] != b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR":
        raise WinnowError("The mask is not a PNG.")
    width, height, bits, colour = struct.unpack(">IIBB", png[16:26])
    if (width, height) != (CROP_SIDE, CROP_SIDE):
        raise WinnowError(f"The mask is {width} x {height}; it must be {CROP_SIDE} x {CROP_SIDE}.")
    if bits != 8 or colour not in (0, 2, 6):
        raise WinnowError(f"The mask's PNG has {bits} bits of colour type {colour}; it must have 8 bits in grey or RGB.")
    grey = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None or grey.shape != (CROP_SIDE, CROP_SIDE):
        raise WinnowError("The mask's PNG is broken.")
    return np.asarray(grey, np.uint8)


def _stored(engine: Engine, store: Store, reviewer: str, page: str, touch_up_id: int, mask: Mask, now: datetime) -> str:
    """Store a mask that is accepted, outside any write transaction; its hash. A mask that is refused leaves no picture."""
    with reading(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id)
        _check_open(session, touch_up, page)
        unknown = session.scalar(select(Example.unknown_sha256).where(Example.id == touch_up.example_id))
    shown = touch_up.seconds_shown
    if shown is not None and seconds_since_start(touch_up, now) > shown + GRACE.total_seconds():
        raise TimeUpError("This mask arrived after the time was up. The one saved before it counts.")
    if unknown is not None:
        mask = np.where(decode_mask(store.get(unknown)) > 0, np.uint8(0), mask)
    return store.put(cv2.imencode(".png", mask)[1].tobytes())


def _own(session: Session, reviewer: str, touch_up_id: int, *, lock: bool = False) -> TouchUp:
    """The reviewer's touch-up. With `lock`, other transactions wait: of two that finish it at once, one comes first."""
    touch_up = session.get(TouchUp, touch_up_id, with_for_update=lock, options=LOADED, populate_existing=lock)
    if touch_up is None:
        raise NotThereError(f"Touch-up {touch_up_id} does not exist. It may have been erased.")
    owner = known_reviewer(session, reviewer)
    if owner is None or touch_up.reviewer_id != owner.id:
        raise WinnowError("This touch-up belongs to another reviewer.")
    return touch_up


def _newest(touch_up: TouchUp) -> TouchUpSave | None:
    return touch_up.saves[-1] if touch_up.saves else None


def _check_open(session: Session, touch_up: TouchUp, page: str) -> None:
    """Raises WinnowError for a touch-up that is finished, whose example was rejected, or that another page or a later one has
    taken over."""
    if is_finished(touch_up):
        raise WinnowError("This touch-up is finished and its mask cannot change any more. Start over to do it again.")
    state = session.scalar(select(Standing.state).where(Standing.example_id == touch_up.example_id))
    if state is State.reject:
        raise WinnowError("Somebody has rejected this example, so its mask cannot change any more.")
    _check_page(session, touch_up, page)


def _check_page(session: Session, touch_up: TouchUp, page: str) -> None:
    """Raises WinnowError for a touch-up that another page or a later one has taken over."""
    later = select(TouchUp.reviewer_id).where(TouchUp.example_id == touch_up.example_id, TouchUp.id > touch_up.id)
    newest = session.scalar(later.order_by(TouchUp.id.desc()).limit(1))
    if newest is not None:
        who = "Another reviewer" if newest != touch_up.reviewer_id else "A later touch-up"
        raise WinnowError(f"{who} has taken over this mask, so yours cannot change any more.")
    if painting_page(touch_up) not in (None, page):
        raise WinnowError("You went on with this mask on another page, so it cannot be painted on this one.")


def _append(session: Session, touch_up: TouchUp, sha256: str, now: datetime, *, finished: bool) -> SavedMask:
    time = time_used(touch_up, now)
    saved = TouchUpSave(mask_after_sha256=sha256, seconds_used=time.used, seconds_hidden=time.hidden, finished=finished, at=now)
    touch_up.saves.append(saved)
    session.flush()
    return _saved(touch_up, saved, now)


def _saved(touch_up: TouchUp, saved: TouchUpSave, now: datetime) -> SavedMask:
    return SavedMask(touch_up.id, saved.mask_after_sha256, saved.seconds_used, seconds_left(touch_up, now), saved.finished)
