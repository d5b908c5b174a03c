"""Touch-ups, as a page makes them."""

from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.reviewers import reviewer_called
from curator.review.standing import wrongly_standing
from curator.review.verdicts import NewVerdict, Recorded, new_client_id, record
from curator.touchup import saves, waiting
from curator.touchup.begin import HeldTouchUp, StartedTouchUp
from curator.touchup.begin import begin as begin_or_say_who_holds_it
from curator.touchup.versions import discard as discard_touch_up
from curator.touchup.versions import versions
from db.session import reading, writing
from db.store import Store
from db.tables import Base, Decision, Standing, State
from tests.conftest import FakeClock

SECONDS = 120
PAGE = "the page"


def who(session: Session, name: str = "Ada") -> int:
    return reviewer_called(session, name).id


def say(
    session: Session,
    name: str,
    clock: FakeClock,
    example: int,
    decision: Decision,
    mask: str | None = None,
    *,
    settles: bool = False,
) -> Recorded:
    """A reviewer's verdict, of a team in which every example gets a second one."""
    given = NewVerdict(example, decision, None, new_client_id(), settles, mask)
    return record(session, who(session, name), [given], clock(), second_share=1.0)


def state(engine: Engine, example: int) -> State:
    """Where an example stands, after the check that all standings are right."""
    with reading(engine) as session:
        assert wrongly_standing(session) == []
        return session.get_one(Standing, example).state


def keep(session: Session, numbers: list[int], clock: FakeClock) -> None:
    """Ada keeps these examples."""
    given = [NewVerdict(number, Decision.keep, None, f"keep-{number}") for number in numbers]
    record(session, who(session), given, clock())


def ask_to_begin(
    engine: Engine,
    example: int,
    clock: FakeClock,
    name: str = "Ada",
    *,
    page: str = PAGE,
    start_from: str | None = None,
    take_over: bool = False,
) -> StartedTouchUp | HeldTouchUp:
    with writing(engine) as session:
        return begin_or_say_who_holds_it(
            session, who(session, name), page, example, SECONDS, clock(), start_from=start_from, take_over=take_over
        )


def begin(
    engine: Engine,
    example: int,
    clock: FakeClock,
    name: str = "Ada",
    **choice: Any,  # of `ask_to_begin`
) -> StartedTouchUp:
    begun = ask_to_begin(engine, example, clock, name, **choice)
    assert isinstance(begun, StartedTouchUp), begun
    return begun


def start_over(engine: Engine, example: int, clock: FakeClock, name: str = "Ada") -> StartedTouchUp:
    """From the contributor's mask."""
    with writing(engine) as session:
        first = versions(session, [example])[example][0].mask
    return begin(engine, example, clock, name, start_from=first)


def save(
    engine: Engine, store: Store, touch_up: int, mask: NDArray[np.uint8], now: datetime, name: str = "Ada", page: str = PAGE
) -> saves.SavedMask:
    return saves.save(engine, store, name, page, touch_up, mask, now)


def finish(
    engine: Engine,
    store: Store,
    touch_up: int,
    mask: NDArray[np.uint8] | None,
    now: datetime,
    name: str = "Ada",
    page: str = PAGE,
) -> saves.SavedMask:
    return saves.finish(engine, store, name, page, touch_up, mask, now)


def discard(engine: Engine, touch_up: int, now: datetime, name: str = "Ada", *, lead: bool = False) -> None:
    with writing(engine) as session:
        discard_touch_up(session, reviewer_called(session, name), touch_up, now, lead=lead)


def painted(rows: int) -> NDArray[np.uint8]:
    """A mask with hair in its first rows."""
    mask = np.zeros((512, 512), np.uint8)
    mask[:rows] = 255
    return mask


def pending(engine: Engine, clock: FakeClock, name: str = "Ada", count: int = 10) -> list[tuple[int, bool]]:
    """What waits for the reviewer, as (example, whether they have started it)."""
    with writing(engine) as session:
        return [(item.example, item.running) for item in waiting.pending(session, who(session, name), clock(), count)]


def finished(engine: Engine, clock: FakeClock, count: int = 10) -> list[waiting.FinishedTouchUp]:
    with reading(engine) as session:
        return waiting.finished(session, clock(), count)


def current(engine: Engine, examples: list[int]) -> dict[int, str]:
    """The hashes of the masks that count."""
    with reading(engine) as session:
        return {example: mask.sha256 for example, mask in current_masks(session, examples).items()}


def count(engine: Engine, table: type[Base]) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def stored_mask(store: Store, sha256: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(store.get(sha256), np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
