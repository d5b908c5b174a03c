"""What the pages and routes of one process share: settings, engine and store, each created once, and cached counts."""

import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine

from curator.review.deck import Wanted, count_waiting
from curator.review.opinions import newest_verdict_id
from curator.review.standing import Counts, counts
from curator.status import Flow, flow
from db.session import open_database, reading
from db.settings import Settings, read_settings
from db.store import Store

THUMBNAIL_SIDE = 192  # pixels; the only size of thumbnails, so that nobody can make the app compute thousands of sizes

P = ParamSpec("P")
T = TypeVar("T")


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


def cached_by_cost(count: Callable[P, T], clock: Callable[[], float] = time.monotonic) -> Callable[P, T]:
    """Cache a function's results, each for twenty times as long as it took to compute.

    Cheap counts are always fresh and expensive ones a little old. However many pages are open, on however many examples,
    counting takes no more than a twentieth of the time. `clock` returns seconds.
    """
    kept: dict[Any, tuple[float, T]] = {}
    one_at_a_time = threading.Lock()

    @wraps(count)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        asked = (args, tuple(kwargs.items()))
        with one_at_a_time:
            if asked in kept and clock() < kept[asked][0]:
                return kept[asked][1]
            began = clock()
            found = count(*args, **kwargs)
            if len(kept) >= 1000:
                kept.clear()
            kept[asked] = (clock() + 20 * (clock() - began), found)
            return found

    return answer


@cached_by_cost
def flow_now(engine: Engine) -> Flow:
    """The counts of the whole flow."""
    with reading(engine) as session:
        return flow(session)


def deck_counts(engine: Engine, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    """All counts, how many examples wait under these filters, and the number of the newest verdict that is counted."""
    # The queue is the same for every reviewer, so it is counted once for all of them.
    return _deck_counts(engine, reviewer_id, wanted, since) if wanted.includes_judged else _deck_counts(engine, 0, wanted, 0)


@cached_by_cost
def _deck_counts(engine: Engine, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    with reading(engine) as session:
        upto = newest_verdict_id(
            session
        )  # first: a verdict committed in the meantime is then counted twice by the page at worst, and never missed
        return counts(session), count_waiting(session, reviewer_id, wanted, since), upto
