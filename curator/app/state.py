"""What the pages and the routes of one process share: settings, engine and store, each made once, and counts of the moment."""

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
from db.settings import Settings
from db.store import Store

P = ParamSpec("P")
T = TypeVar("T")


@cache
def settings() -> Settings:
    """The settings this process was started with."""
    return Settings()


@cache
def engine() -> Engine:
    """The engine on the migrated database."""
    return open_database(settings())


@cache
def store() -> Store:
    """The blob store."""
    return Store(settings().store)


def dear(count: Callable[P, T], clock: Callable[[], float] = time.monotonic) -> Callable[P, T]:
    """Keep an answer for twenty times as long as it took: what is dear may be a little old, what is cheap is fresh.

    So that however many pages are open on however many examples, counting takes no more than a twentieth of the time.
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


@dear
def flow_now(engine: Engine) -> Flow:
    """The counts of the whole flow."""
    with reading(engine) as session:
        return flow(session)


def tallied(engine: Engine, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    """The counts, how much waits under what is wanted, and the number of the newest verdict that they know of."""
    # The queue is the same for everybody, so it is counted once for all.
    return _tallied(engine, reviewer_id, wanted, since) if wanted.includes_judged else _tallied(engine, 0, wanted, 0)


@dear
def _tallied(engine: Engine, reviewer_id: int, wanted: Wanted, since: int) -> tuple[Counts, int, int]:
    with reading(engine) as session:
        upto = newest_verdict_id(session)  # first: a verdict committed meanwhile is then known by the page at the worst twice
        return counts(session), count_waiting(session, reviewer_id, wanted, since), upto
