"""Which cards each open page of a reviewer has in hand: leases are a reviewer's, and one may have several pages open.

It is kept in memory. After a restart of the app a page is unknown until it asks again, within four minutes.
"""

import threading
import time
from collections.abc import Callable, Collection

from curator.review.leases import LEASE


class Hands:
    """The examples in hand, by reviewer and page; a page that has not asked for as long as a lease runs is closed.

    >>> hands = Hands()
    >>> hands.hold("Ada", "tab 1", [1, 2]); hands.hold("Ada", "tab 2", [2, 3]); hands.hold("Bo", "tab 3", [1])
    >>> hands.leave("Ada", "tab 1")
    {2, 3}
    >>> hands.leave("Ada", "tab 2")
    set()
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._held: dict[tuple[str, str], tuple[float, frozenset[int]]] = {}  # by reviewer and page; the newest last
        self._one_at_a_time = threading.Lock()

    def hold(self, reviewer: str, page: str, examples: Collection[int]) -> None:
        """A page has these in hand now, and no others."""
        with self._one_at_a_time:
            self._forget_closed()
            self._held.pop((reviewer, page), None)
            self._held[reviewer, page] = (self._clock(), frozenset(examples))

    def leave(self, reviewer: str, page: str) -> set[int]:
        """A page is closed; returns what the reviewer's other pages have in hand."""
        with self._one_at_a_time:
            self._forget_closed()
            self._held.pop((reviewer, page), None)
            return {example for (who, _), (_, held) in self._held.items() if who == reviewer for example in held}

    def _forget_closed(self) -> None:
        until = self._clock() - LEASE.total_seconds()
        for key in [key for key, (at, _) in self._held.items() if at < until]:
            del self._held[key]
