"""Timed repairs of the test masks: two minutes each in the paper's section IV, and the clock is the server's.

A touch-up waits for every approved example of the test split. It begins with a row that holds the mask before and the
time it started; each save appends a row with the mask after. It is over when a save says so or when its time is up,
whichever comes first; nothing is ever overwritten.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from curator.pictures.arrays import Mask
from curator.review.verdicts import approved
from db.errors import NotThereError, WinnowError
from db.store import Store
from db.tables import CROP_SIDE, Example, Reviewer, Split, TouchUp, TouchUpSave

GRACE = timedelta(seconds=3)  # a mask sent at the last moment is still on its way when the time is up
MAX_PNG_BYTES = 768 * 1024  # 512 x 512 of noise in grey is 257 KiB


@dataclass(frozen=True)
class Waiting:
    """A test example whose mask nobody has touched up yet."""

    example: int
    image: str
    mask: str
    photo: str
    drawn: bool
    running: bool  # the asking reviewer's clock runs on it


@dataclass(frozen=True)
class Done:
    """A touch-up that is over, with the mask before and after."""

    touch_up: int
    example: int
    image: str
    before: str
    after: str
    photo: str
    drawn: bool
    reviewer: str
    seconds_used: float
    seconds_shown: int
    started_at: datetime


@dataclass(frozen=True)
class Begun:
    """What a page needs to go on with a touch-up; `mask` is the newest one saved, or the one before."""

    touch_up: int
    example: int
    image: str
    mask: str
    before: str
    seconds_shown: int
    seconds_left: float


@dataclass(frozen=True)
class Saved:
    """A mask that was kept."""

    touch_up: int
    mask: str
    seconds_used: float
    seconds_left: float
    finished: bool


def is_over(touch_up: TouchUp, now: datetime) -> bool:
    """Whether somebody said done, or the clock did."""
    return any(save.finished for save in touch_up.saves) or seconds_left(touch_up, now) <= 0


def seconds_left(touch_up: TouchUp, now: datetime) -> float:
    """What is left on the server's clock; 0.0 when the time is up."""
    return max(0.0, touch_up.seconds_shown - (now - touch_up.started_at).total_seconds())


def waiting(session: Session, reviewer_id: int, now: datetime) -> list[Waiting]:
    """The test examples to touch up, in the order they came in; the one that the reviewer's clock runs on comes first.

    Leaves out those that another reviewer is at.
    """
    touched = _touch_ups(session)
    found = []
    for example in session.scalars(approved().where(Example.split == Split.test).options(joinedload(Example.submission))):
        earlier = touched.get(example.id, [])
        running = next((touch_up for touch_up in earlier if not is_over(touch_up, now)), None)
        if any(is_over(touch_up, now) for touch_up in earlier) and (running is None or running.reviewer_id != reviewer_id):
            continue
        if running is not None and running.reviewer_id != reviewer_id:
            continue
        found.append(
            Waiting(
                example=example.id,
                image=example.image_sha256,
                mask=example.mask_sha256,
                photo=example.submission.photo_name,
                drawn=example.submission.drawn,
                running=running is not None,
            )
        )
    return sorted(found, key=lambda item: not item.running)


def finished(session: Session, now: datetime) -> list[Done]:
    """The newest touch-up of each example, where it is over; the latest first."""
    done = []
    for touch_ups in _touch_ups(session).values():
        over = [touch_up for touch_up in touch_ups if is_over(touch_up, now)]
        if not over:
            continue
        newest = over[-1]
        example = session.get_one(Example, newest.example_id, options=[joinedload(Example.submission)])
        last = newest.saves[-1] if newest.saves else None
        said_done = last is not None and last.finished
        done.append(
            Done(
                touch_up=newest.id,
                example=example.id,
                image=example.image_sha256,
                before=newest.mask_before_sha256,
                after=newest.mask_before_sha256 if last is None else last.mask_after_sha256,
                photo=example.submission.photo_name,
                drawn=example.submission.drawn,
                reviewer=session.get_one(Reviewer, newest.reviewer_id).name,
                seconds_used=last.seconds_used if last is not None and said_done else float(newest.seconds_shown),
                seconds_shown=newest.seconds_shown,
                started_at=newest.started_at,
            )
        )
    return sorted(done, key=lambda item: item.started_at, reverse=True)


def begin(session: Session, reviewer_id: int, example_id: int, seconds: int, now: datetime, *, again: bool = False) -> Begun:
    """Start the clock on an example, or go on with the reviewer's own that still runs (a reload costs no time).

    `again` starts over, from the contributor's mask, on an example that was touched up before; the earlier touch-up stays.
    Raises NotThereError for an unknown example, and WinnowError for one that is not an approved test example, that another
    reviewer is at, or that is touched up already when `again` is not said.
    """
    example = session.get(Example, example_id)
    if example is None:
        raise NotThereError(f"Example {example_id} is not there (any more): it may have been erased.")
    if example.split is not Split.test:
        raise WinnowError(f"Example {example_id} is in the {example.split} split; only test masks are touched up.")
    if session.scalars(approved().where(Example.id == example_id)).one_or_none() is None:
        raise WinnowError(f"Example {example_id} is not approved. Keep it on the Review page first.")
    earlier = _touch_ups(session, [example_id]).get(example_id, [])
    running = next((touch_up for touch_up in earlier if not is_over(touch_up, now)), None)
    if running is not None and running.reviewer_id != reviewer_id:
        raise WinnowError("Another reviewer is at this mask just now. Take the next one.")
    if running is None and earlier and not again:
        raise WinnowError(f"Example {example_id} is touched up already. Start over to do it again.")
    if running is None:
        running = TouchUp(
            example_id=example_id,
            reviewer_id=reviewer_id,
            mask_before_sha256=example.mask_sha256,
            started_at=now,
            seconds_shown=seconds,
        )
        session.add(running)
        session.flush()
    return Begun(
        touch_up=running.id,
        example=example_id,
        image=example.image_sha256,
        mask=running.saves[-1].mask_after_sha256 if running.saves else running.mask_before_sha256,
        before=running.mask_before_sha256,
        seconds_shown=running.seconds_shown,
        seconds_left=seconds_left(running, now),
    )


def save(session: Session, store: Store, reviewer_id: int, touch_up_id: int, mask: Mask, now: datetime) -> Saved:
    """Append the mask after a stroke. Taken until the time is up and three seconds more, for what is on its way.

    Raises NotThereError for an unknown touch-up, WinnowError for another's, one that is done, or one whose time is up.
    """
    return _append(session, store, _own(session, reviewer_id, touch_up_id), mask, now, finished=False)


def finish(session: Session, store: Store, reviewer_id: int, touch_up_id: int, mask: Mask | None, now: datetime) -> Saved:
    """End a touch-up, with its last mask where that has not been saved yet. Said twice, it is done once.

    Raises like `save`; without a mask it may come as late as it likes.
    """
    touch_up = _own(session, reviewer_id, touch_up_id)
    newest = touch_up.saves[-1] if touch_up.saves else None
    if newest is not None and newest.finished:
        return _saved(touch_up, newest, now)
    return _append(session, store, touch_up, mask, now, finished=True)


def masks_that_count(session: Session, example_ids: Collection[int]) -> dict[int, str]:
    """For each of the examples, the hash of the mask to train and measure with: the newest that a touch-up saved, else
    the contributor's own. An example that does not exist is left out."""
    wanted = set(example_ids)
    found: dict[int, str] = {}
    for part in _parts(wanted):
        own = select(Example.id, Example.mask_sha256).where(Example.id.in_(part))
        newest = (
            select(func.max(TouchUpSave.id))
            .join(TouchUp, TouchUp.id == TouchUpSave.touch_up_id)
            .where(TouchUp.example_id.in_(part))
            .group_by(TouchUp.example_id)
        )
        repaired = (
            select(TouchUp.example_id, TouchUpSave.mask_after_sha256)
            .join(TouchUpSave, TouchUpSave.touch_up_id == TouchUp.id)
            .where(TouchUpSave.id.in_(newest))
        )
        for example, mask in [*session.execute(own), *session.execute(repaired)]:
            found[example] = mask
    return found


def read_mask(png: bytes) -> Mask:
    """The mask in a PNG as the painter sends it: uint8 (512, 512), 0 or 255, split at the middle.

    Raises WinnowError for anything but a 512 x 512 PNG of 8 bits in grey or RGB(A); the header is read before a decoder
    sees the bytes, so that a small file cannot claim a huge picture.
    """
    if len(png) > MAX_PNG_BYTES:
        raise WinnowError(f"The mask's PNG has {len(png)} bytes; at most {MAX_PNG_BYTES} are taken.")
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
    return np.where(grey >= 128, 255, 0).astype(np.uint8)


def _append(session: Session, store: Store, touch_up: TouchUp, mask: Mask | None, now: datetime, *, finished: bool) -> Saved:
    if any(earlier.finished for earlier in touch_up.saves):
        raise WinnowError("This touch-up is done; its mask is not changed any more. Start over to do it again.")
    used = (now - touch_up.started_at).total_seconds()
    if mask is not None and used > touch_up.seconds_shown + GRACE.total_seconds():
        raise WinnowError("The time was up before this mask arrived; the one saved before it counts.")
    if mask is not None:
        sha256 = store.put(cv2.imencode(".png", mask)[1].tobytes())
    else:
        sha256 = touch_up.saves[-1].mask_after_sha256 if touch_up.saves else touch_up.mask_before_sha256
    saved = TouchUpSave(
        touch_up_id=touch_up.id,
        mask_after_sha256=sha256,
        seconds_used=min(used, float(touch_up.seconds_shown)),
        finished=finished,
        at=now,
    )
    session.add(saved)
    session.flush()
    return _saved(touch_up, saved, now)


def _saved(touch_up: TouchUp, saved: TouchUpSave, now: datetime) -> Saved:
    left = 0.0 if saved.finished else seconds_left(touch_up, now)
    return Saved(touch_up.id, saved.mask_after_sha256, saved.seconds_used, left, saved.finished)


def _own(session: Session, reviewer_id: int, touch_up_id: int) -> TouchUp:
    touch_up = session.get(TouchUp, touch_up_id)
    if touch_up is None:
        raise NotThereError(f"Touch-up {touch_up_id} is not there (any more).")
    if touch_up.reviewer_id != reviewer_id:
        raise WinnowError("This touch-up is another reviewer's.")
    return touch_up


def _touch_ups(session: Session, example_ids: Collection[int] | None = None) -> dict[int, list[TouchUp]]:
    """Touch-ups by example, oldest first, with their saves; of all examples when none are named."""
    asked = select(TouchUp).order_by(TouchUp.id).options(selectinload(TouchUp.saves))
    if example_ids is not None:
        asked = asked.where(TouchUp.example_id.in_(example_ids))
    found: dict[int, list[TouchUp]] = {}
    for touch_up in session.scalars(asked):
        found.setdefault(touch_up.example_id, []).append(touch_up)
    return found


def _parts(numbers: Collection[int], size: int = 1000) -> list[list[int]]:
    """The numbers in parts that one SQL statement can name."""
    ordered = sorted(numbers)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
