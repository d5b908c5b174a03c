"""How much one reviewer, or one process, may ask for: far more than a person does, far less than a script can.

The numbers are kept in memory, so a restart of the app forgets them.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy import Engine

from curator.review.reviewers import known_reviewer
from db.errors import NotNowError
from db.session import reading

REMEMBERED = 1000  # reviewers


class TooMuchError(NotNowError):
    """More was asked for than is allowed at the moment; later it may be. A route answers 429."""

    code = "too_much"
    to_reviewers = "Winnow has more from you than it takes at once. It goes on in a moment; nothing is lost."


class Allowance:
    """Each reviewer may take `at_once` in one go, and `per_second` of it comes back. `clock` returns seconds.

    >>> now = 0.0
    >>> allowance = Allowance(at_once=2, per_second=0.5, clock=lambda: now)
    >>> [allowance.take("Ada"), allowance.take("Ada"), allowance.take("Ada"), allowance.take("Bo")]
    [True, True, False, True]
    >>> now = 2.0
    >>> [allowance.take("Ada"), allowance.take("Ada")]
    [True, False]
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.at_once = at_once
        self.per_second = per_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what was left, and when; the last to take last
        self._one_at_a_time = threading.Lock()

    def take(self, who: str, amount: float = 1) -> bool:
        """Take this much of a reviewer's allowance; False if that is more than is left, and then nothing is taken."""
        with self._one_at_a_time:
            now = self._clock()
            left, at = self._left.pop(who, (self.at_once, now))
            left = min(self.at_once, left + self.per_second * max(0.0, now - at))
            allowed = amount <= left
            self._left[who] = (left - amount if allowed else left, now)
            if len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
            return allowed


# The fastest reviewers give two verdicts a second, and a team may share one name. An outbox that was offline for a day sends
# some thousands at once.
REQUESTS = Allowance(at_once=3000, per_second=100)
VERDICTS = Allowance(at_once=10_000, per_second=100)
NAMES = Allowance(at_once=100, per_second=1 / 30)  # names that were never seen before, of all browsers together

_known: set[str] = set()  # names that are in the database, or that the allowance was taken for


def check_new_name(engine: Engine, name: str) -> None:
    """Raises TooMuchError for a reviewer's name that is new, when too many new ones came in a short time."""
    if name in _known:
        return
    with reading(engine) as session:
        there = known_reviewer(session, name) is not None
    if not there and not NAMES.take(""):
        raise TooMuchError("Too many new names of reviewers in a short time. Wait a minute.")
    if len(_known) < REMEMBERED:
        _known.add(name)
