"""Examples inserted directly into a database, each with a different picture; no face detection runs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlalchemy.orm import Session

from curator.review.standing import random_rank
from db.store import Store
from db.tables import (
    CROP_SIDE,
    Example,
    Reviewer,
    Source,
    Split,
    Standing,
    State,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpSave,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)  # by then, no picture that is stored now waits for its row any more

Picture = NDArray[np.uint8]


def drawn_photo(number: int) -> Picture:
    """A head before a gradient, uint8 (512, 512, 3) RGB; each number has colours of its own."""
    rng = np.random.default_rng(number)
    top, bottom, skin, hair = rng.integers(30, 225, (4, 3))
    down = np.linspace(0, 1, CROP_SIDE)[:, None, None]
    photo = np.ascontiguousarray(np.broadcast_to(top * (1 - down) + bottom * down, (CROP_SIDE, CROP_SIDE, 3)), np.uint8)
    cv2.ellipse(photo, (256, 250), (150, 190), 0, 0, 360, hair.tolist(), -1)
    cv2.ellipse(photo, (256, 290), (105, 140), 0, 0, 360, skin.tolist(), -1)
    cv2.putText(photo, str(number), (20, 490), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 4)
    return photo


def drawn_mask(number: int) -> Picture:
    """A coarse mask of that head's hair, uint8 (512, 512), 0 or 255."""
    mask = np.zeros((CROP_SIDE, CROP_SIDE), np.uint8)
    cv2.ellipse(mask, (256 + number % 7, 240), (145, 180), 0, 180, 360, 255, 60)
    return mask


def png(picture: Picture) -> bytes:
    """A picture, RGB or grey, as PNG."""
    ordered = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", ordered)[1].tobytes()


def add_faceless(session: Session, store: Store, count: int) -> list[int]:
    """Insert submissions in which no face was found; returns their numbers."""
    source = Source(adapter="folder", location=f"walls {datetime.now(UTC)}", added_at=LONG_AGO)
    session.add(source)
    session.flush()
    added = [
        Submission(
            source_id=source.id, photo_name=f"wall-{number}.png", photo_sha256=store.put(png(drawn_photo(1000 + number))),
            mask_sha256=store.put(png(drawn_mask(1000 + number))), height=CROP_SIDE, width=CROP_SIDE, drawn=True,
            received_at=LONG_AGO,
        )
        for number in range(count)
    ]  # fmt: skip
    session.add_all(added)
    session.flush()
    return [one.id for one in added]


def add_examples(
    session: Session, store: Store, count: int, split: Split = Split.train, suspicions: list[float] | None = None
) -> list[int]:
    """Insert examples with different pictures, most suspicious first or with `suspicions` (0 to 1); returns their numbers."""
    source = Source(adapter="folder", location=f"test {datetime.now(UTC)}", added_at=LONG_AGO)
    session.add(source)
    session.flush()
    numbers = []
    for index in range(count):
        already = session.query(Submission).count()
        photo, mask = store.put(png(drawn_photo(already))), store.put(png(drawn_mask(already)))
        submission = Submission(
            source_id=source.id, photo_name=f"head-{already:03}.png", photo_sha256=photo, mask_sha256=mask,
            height=CROP_SIDE, width=CROP_SIDE, drawn=True, received_at=LONG_AGO,
        )  # fmt: skip
        session.add(submission)
        session.flush()
        example = Example(
            submission_id=submission.id, face_top=150, face_left=150, face_bottom=430, face_right=360, face_score=1.0,
            crop_top=0.0, crop_left=0.0, crop_side=float(CROP_SIDE), inside_top=0, inside_left=0, inside_bottom=CROP_SIDE,
            inside_right=CROP_SIDE, image_sha256=photo, mask_sha256=mask, split=split,
        )  # fmt: skip
        value = suspicions[index] if suspicions else 1 - index / max(1, count)
        example.suspicion = Suspicion(model="test", value=value, reasons=["the edge is straight"])
        example.standing = Standing(source_id=source.id, split=split, doubt=value, lot=random_rank(photo))
        session.add(example)
        session.flush()
        numbers.append(example.id)
    return numbers


def add_bare_examples(
    session: Session, count: int, split: Split = Split.train, state: State = State.open, group_of: int = 1
) -> list[int]:
    """Insert examples without pictures in the store, thousands in a second; returns their numbers.

    With `group_of`, that many at a time are a group. The database holds no examples yet.
    """
    session.add(Source(id=1, adapter="folder", location="bare", added_at=LONG_AGO))
    session.flush()
    numbers = list(range(1, count + 1))
    hashes = {number: f"{number * 7919 % 1_000_003:064x}" for number in numbers}
    session.execute(
        insert(Submission),
        [
            {
                "id": number, "source_id": 1, "photo_name": f"{number}.jpg", "photo_sha256": hashes[number],
                "mask_sha256": hashes[number], "height": CROP_SIDE, "width": CROP_SIDE, "drawn": True, "received_at": LONG_AGO,
            }
            for number in numbers
        ],
    )  # fmt: skip
    square = {
        "crop_top": 0.0, "crop_left": 0.0, "crop_side": 512.0, "crop_rotation": 0.0, "inside_top": 0, "inside_left": 0,
        "inside_bottom": 512, "inside_right": 512,
    }  # fmt: skip
    session.execute(
        insert(Example),
        [
            {
                "id": number, "submission_id": number, "image_sha256": hashes[number], "mask_sha256": hashes[number],
                "split": split, **square,
                "group_id": None if group_of == 1 else (number - 1) // group_of * group_of + 1,
            }
            for number in numbers
        ],
    )  # fmt: skip
    session.execute(
        insert(Standing),
        [
            {"example_id": number, "state": state, "source_id": 1, "split": split, "doubt": 0.5, "lot": number / (count + 1)}
            for number in numbers
        ],
    )
    return numbers


def add_bare_touch_ups(session: Session, examples: Sequence[int], at: datetime) -> None:
    """Insert for each of the examples a touch-up that was finished then, after two saves; a reviewer is added for them."""
    session.execute(insert(Reviewer).values(id=1, name="Ada"))
    clocks = {"reviewer_id": 1, "mask_before_sha256": "0" * 64, "started_at": at, "seconds_shown": 120}
    session.execute(insert(TouchUp), [{"id": number, "example_id": number, **clocks} for number in examples])
    for finished in (False, True):
        mask = f"{finished:d}" * 64
        saved = {"mask_after_sha256": mask, "seconds_used": 9.0, "finished": finished, "at": at}
        session.execute(insert(TouchUpSave), [{"touch_up_id": number, **saved} for number in examples])
