"""The masks that a touch-up saves: each one is appended, until it is finished or its time is up."""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from curator.pictures.arrays import Mask
from curator.review.reviewers import known_reviewer
from curator.touchup.clock import seconds_left
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import CROP_SIDE, TouchUp, TouchUpSave

GRACE = timedelta(seconds=3)  # a mask sent at the last moment arrives after the time is up
MAX_PNG_BYTES = 768 * 1024  # 512 x 512 of noise in grey is 257 KiB


@dataclass(frozen=True)
class SavedMask:
    """A mask that was saved."""

    touch_up: int
    mask: str  # sha256
    seconds_used: float
    seconds_left: float
    finished: bool


def save(engine: Engine, store: Store, reviewer: str, touch_up_id: int, mask: Mask, now: datetime) -> SavedMask:
    """Append the mask after a stroke, uint8 (512, 512), 0 to 255. Accepted until three seconds after the time is up.

    `reviewer` is a name. The picture is stored before the transaction that names it, and only if the mask is accepted.
    Raises NotThereError for an unknown touch-up, WinnowError for another reviewer's, a finished one, or one out of time.
    """
    sha256 = _stored(engine, store, reviewer, touch_up_id, mask, now)
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        _check_unfinished(touch_up)
        return _append(session, touch_up, sha256, now, finished=False)


def finish(engine: Engine, store: Store, reviewer: str, touch_up_id: int, mask: Mask | None, now: datetime) -> SavedMask:
    """Finish a touch-up, with its last mask, or None if that has been saved already. Finishing twice counts once.

    Raises the same errors as `save`; without a mask there is no time limit.
    """
    with reading(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id)
        newest = _newest(touch_up)
    if newest is not None and newest.finished:
        return _saved(touch_up, newest, now)
    sha256 = None if mask is None else _stored(engine, store, reviewer, touch_up_id, mask, now)
    with writing(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id, lock=True)
        newest = _newest(touch_up)
        if newest is not None and newest.finished:
            return _saved(touch_up, newest, now)
        unchanged = touch_up.mask_before_sha256 if newest is None else newest.mask_after_sha256
        return _append(session, touch_up, sha256 or unchanged, now, finished=True)


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


def _stored(engine: Engine, store: Store, reviewer: str, touch_up_id: int, mask: Mask, now: datetime) -> str:
    """Store a mask that is accepted, outside any write transaction; its hash. A mask that is refused leaves no picture."""
    with reading(engine) as session:
        touch_up = _own(session, reviewer, touch_up_id)
        _check_unfinished(touch_up)
    if _seconds_used(touch_up, now) > touch_up.seconds_shown + GRACE.total_seconds():
        raise WinnowError("This mask arrived after the time was up. The one saved before it counts.")
    return store.put(cv2.imencode(".png", mask)[1].tobytes())


def _own(session: Session, reviewer: str, touch_up_id: int, *, lock: bool = False) -> TouchUp:
    """The reviewer's touch-up. With `lock`, other transactions wait: of two that finish it at once, one comes first."""
    touch_up = session.get(TouchUp, touch_up_id, with_for_update=lock)
    if touch_up is None:
        raise NotThereError(f"Touch-up {touch_up_id} does not exist. It may have been erased.")
    owner = known_reviewer(session, reviewer)
    if owner is None or touch_up.reviewer_id != owner.id:
        raise WinnowError("This touch-up belongs to another reviewer.")
    return touch_up


def _newest(touch_up: TouchUp) -> TouchUpSave | None:
    return touch_up.saves[-1] if touch_up.saves else None


def _check_unfinished(touch_up: TouchUp) -> None:
    newest = _newest(touch_up)
    if newest is not None and newest.finished:
        raise WinnowError("This touch-up is finished and its mask cannot change any more. Start over to do it again.")


def _append(session: Session, touch_up: TouchUp, sha256: str, now: datetime, *, finished: bool) -> SavedMask:
    saved = TouchUpSave(
        touch_up_id=touch_up.id,
        mask_after_sha256=sha256,
        seconds_used=min(_seconds_used(touch_up, now), float(touch_up.seconds_shown)),
        finished=finished,
        at=now,
    )
    session.add(saved)
    session.flush()
    return _saved(touch_up, saved, now)


def _saved(touch_up: TouchUp, saved: TouchUpSave, now: datetime) -> SavedMask:
    left = 0.0 if saved.finished else seconds_left(touch_up, now)
    return SavedMask(touch_up.id, saved.mask_after_sha256, saved.seconds_used, left, saved.finished)


def _seconds_used(touch_up: TouchUp, now: datetime) -> float:
    return (now - touch_up.started_at).total_seconds()
