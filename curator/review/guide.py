"""What is a good mask: the guide's two screens, and the pictures on them, which a lead can change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import cv2
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from curator.pictures.arrays import Mask, Photo
from curator.pictures.codec import decode_mask, decode_photo
from curator.pictures.tint import EDGE, FILL, FILL_ALPHA
from curator.sample.lessons import draw_lesson
from db.errors import NotThereError, WinnowError
from db.store import Store
from db.tables import Example, GuideExample, Reason, Standing, State, Verdict

GOOD = {
    "good_1": "All of the hair and nothing else. An edge that a fingertip drew is fine.",
    "good_2": "The long ends belong to it, also where they lie on the shoulders.",
    "good_3": "Curls as one shape. Nobody has to follow every strand.",
    "good_4": "No hair, nothing painted: an empty mask is right here. Keep it.",
}
BAD = {
    Reason.no_face.value: "There is no face to be found: a pet, a thing, the back of a head.",
    Reason.not_hair.value: "What is painted isn’t hair: the face, a hat, a beard alone.",
    Reason.hair_missing.value: "Hair is left out: a side, a bun, the ends, or a few strokes only.",
    Reason.spills_over.value: "It runs over onto the forehead, the ears, the background.",
    Reason.too_coarse.value: "A box or a blob that only says where the head is.",
    Reason.bad_photo.value: "The photo itself is blurred, dark, or covered by a filter.",
}
PLACES = {**GOOD, **BAD}


@dataclass(frozen=True)
class Lesson:
    """One picture of the guide with what to see in it. Without an example it is a drawn one."""

    place: str
    words: str
    example: Example | None
    version: int  # of the picture; another number, another picture


def lessons(session: Session) -> dict[str, Lesson]:
    """Every place of the guide with the picture that was chosen last, else the drawn one. An erased example leaves none."""
    latest = select(func.max(GuideExample.id)).group_by(GuideExample.place)
    chosen = select(GuideExample).where(GuideExample.id.in_(latest), GuideExample.example_id.is_not(None))
    found = {place: Lesson(place, words, None, 0) for place, words in PLACES.items()}
    for row in session.scalars(chosen):
        if row.place in found:
            example = session.get_one(Example, row.example_id, options=[joinedload(Example.submission)])
            found[row.place] = Lesson(row.place, row.words or PLACES[row.place], example, row.id)
    return found


def choose(session: Session, reviewer_id: int, place: str, example: int | None, words: str, now: datetime) -> None:
    """Put an example into a place of the guide, with what to see in it; None brings the drawn picture back.

    Raises NotThereError for a place or an example that is not there, and WinnowError for words over 200 characters.
    """
    if place not in PLACES:
        raise NotThereError(f"The guide has no place {place!r}.")
    if example is not None and session.get(Example, example) is None:
        raise NotThereError(f"Example {example} is not there (any more): it may have been erased.")
    words = " ".join(words.split())
    if len(words) > 200:
        raise WinnowError(f"The words to a picture have 200 characters at most; these are {len(words)}.")
    session.add(GuideExample(place=place, example_id=example, words=words, reviewer_id=reviewer_id, at=now))


def candidates(session: Session, place: str, count: int) -> Sequence[Example]:
    """Examples that could stand in a place: kept ones for the good, those rejected for the reason; the newest first."""
    wanted = select(Example).join(Standing).options(joinedload(Example.submission)).limit(count)
    if place in GOOD:
        return session.scalars(wanted.where(Standing.state == State.keep).order_by(Example.id.desc())).all()
    reasons = select(Verdict.example_id).where(Verdict.reason == place)
    rejected = wanted.where(Standing.state == State.reject, Example.id.in_(reasons))
    return session.scalars(rejected.order_by(Example.id.desc())).all()


def picture(session: Session, store: Store, place: str, side: int) -> bytes:
    """The picture of a place with its mask over it, as the deck shows it: WebP, `side` x `side` pixels.

    Raises NotThereError for a place that the guide hasn't.
    """
    if place not in PLACES:
        raise NotThereError(f"The guide has no place {place!r}.")
    example = lessons(session)[place].example
    if example is None:
        return _drawn(place, side)
    return _encoded(decode_photo(store.get(example.image_sha256)), decode_mask(store.get(example.mask_sha256)), side)


@cache
def _drawn(place: str, side: int) -> bytes:
    return _encoded(*draw_lesson(place), side)


def _encoded(photo: Photo, mask: Mask, side: int) -> bytes:
    small = cv2.resize(tinted(photo, mask), (side, side), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".webp", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 88])[1].tobytes()


def tinted(photo: Photo, mask: Mask) -> Photo:
    """A photo, uint8 (H, W, 3) RGB, with the tint of its mask, uint8 (H, W), over it: a fill, and a line at its edge."""
    inside = mask > 127
    edge = inside & (cv2.erode(mask, np.ones((5, 5), np.uint8), borderValue=255) <= 127)
    shown = photo.astype(np.float32)
    shown[inside] += (np.array(FILL) - shown[inside]) * (FILL_ALPHA / 255)
    shown[edge] = EDGE
    return np.asarray(np.rint(shown), np.uint8)
