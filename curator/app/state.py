"""What the pages and routes of one process share: settings, engine and store, each created once, and cached counts."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine

from curator.review.deck import Wanted, count_filtered, count_own_repairs, count_waiting
from curator.review.opinions import newest_verdict_id
from curator.review.standing import Counts
from curator.status import Flow, flow
from curator.touchup.clock import SteadyClock
from curator.touchup.matting import Matting
from curator.upkeep.undo import why_not
from db.jobs import utc_now
from db.session import open_database, reading
from db.settings import Settings, read_settings
from db.store import Store

REMEMBERED = 1000  # results of a cached function
THUMBNAIL_SIDE = 192  # pixels; the only size of thumbnails, so that nobody can make the app compute thousands of sizes

P = ParamSpec("P")
T = TypeVar("T")


touch_up_now = SteadyClock()


@cache
def settings() -> Settings:
    """The settings this process was started with. Raises WinnowError for a value that is not allowed."""
    return read_settings()


@cache
def engine() -> Engine:
    """The engine on the migrated database. Raises WinnowError like `open_database`."""
    return open_database(settings())


@cache
def store() -> Store:
    """The blob store."""
    return Store(settings().store)


@cache
def matting() -> Matting:
    """The process that refines masks; it is started when somebody opens the Touch-up page."""
    return Matting(settings().compiled)


def cached_by_cost(count: Callable[P, T], clock: Callable[[], float] = time.monotonic) -> Callable[P, T]:
    """Cache a function's results, so that counting again takes a twentieth of the time at most. `clock` returns seconds.

    A result is kept for twenty times as long as it took to count. Where several expensive ones are counted again, these times
    follow one another, so each is kept for as long as all of them together: the bound holds however many there are, however
    many pages ask, and each has its turn. Cheap counts are fresh. Results that are new, because they were not among the last
    thousand that were asked for, are counted at once, and outside the bound.
    """
    kept: dict[Any, tuple[float, T]] = {}  # when to count again, and the result; the one that was asked for last is at the end
    free_at = 0.0  # when the time that all counts again have taken is paid back
    one_at_a_time = threading.Lock()

    @wraps(count)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal free_at
        asked = (args, tuple(kwargs.items()))
        with one_at_a_time:
            began = clock()
            known = kept.pop(asked, None)
            if known is None or began >= known[0]:
                found = count(*args, **kwargs)
                ended = clock()
                expires = ended + 20 * (ended - began)
                if known is not None:
                    expires = free_at = max(ended, free_at) + 20 * (ended - began)
                known = (expires, found)
                if len(kept) >= REMEMBERED:
                    del kept[next(iter(kept))]
            kept[asked] = known
            return known[1]

    return answer


@cached_by_cost
def flow_now(engine: Engine) -> Flow:
    """The counts of the whole flow."""
    with reading(engine) as session:
        return flow(session)


@cached_by_cost
def undo_refused_now(engine: Engine, ingest: int) -> str:
    """Why an ingest can't be taken back now, as a sentence; empty if it can."""
    with reading(engine) as session:
        return why_not(session, ingest, utc_now())


@dataclass(frozen=True)
class DeckCounts:
    """What the deck says beside its cards: how the examples of the wanted source, split and consent stand, how many are `left`
    under all filters, and how many of the queue are left `elsewhere`. `upto` is the newest verdict that is counted."""

    counts: Counts
    left: int
    elsewhere: int
    upto: int


def deck_counts(engine: Engine, reviewer: str, reviewer_id: int, wanted: Wanted, since: int) -> DeckCounts:
    """The counts for a reviewer under their filters."""
    counted, left, upto = _counted(engine, reviewer, reviewer_id, wanted, since)
    if not wanted.is_narrowed:
        return DeckCounts(counted, left, 0, upto)
    _, queued, _ = _counted(engine, reviewer, reviewer_id, Wanted(), 0)
    elsewhere = queued if wanted.includes_judged else max(0, queued - left)
    return DeckCounts(counted, left, elsewhere, upto)


def _counted(engine: Engine, reviewer: str, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    if wanted.includes_judged:
        return _deck_counts(engine, reviewer_id, wanted, since)
    # The queue is the same for every reviewer, but for their own repairs, so it is counted once for all of them.
    counted, left, upto = _deck_counts(engine, 0, wanted, 0)
    return counted, max(0, left - _own_repairs(engine, reviewer, wanted)), upto


@cached_by_cost
def _deck_counts(engine: Engine, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    today = utc_now().date()
    with reading(engine) as session:
        upto = newest_verdict_id(
            session
        )  # first: a verdict committed in the meantime is then counted twice by the page at worst, and never missed
        return count_filtered(session, wanted, today), count_waiting(session, reviewer_id, wanted, since, today), upto


@cached_by_cost
def _own_repairs(engine: Engine, reviewer: str, wanted: Wanted) -> int:
    with reading(engine) as session:
        return count_own_repairs(session, reviewer, wanted, utc_now().date())
