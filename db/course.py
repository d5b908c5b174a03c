"""The course of a job: its phases one after the other, the share that is done, and how long the rest will take.

What a phase usually takes was measured once, so that the share moves evenly; how fast this run is, only this run tells. The
time left is what remains, at the pace measured so far. Start-up (loading libraries, compiling) says nothing about that pace.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import NamedTuple

RECENT_SECONDS = 60.0  # the pace is that of the newest half of the work, and of no less than this
# When a time left is told. A few seconds of work may be a fifth of a job or a thousandth: so both have to be enough, until a
# minute of work is enough by itself.
ENOUGH_SECONDS = 5.0
ENOUGH_SHARE = 0.02
SURELY_ENOUGH_SECONDS = 60.0
UNCOUNTED = 1000  # items; a list whose length nobody knows is half read after so many, for its share


@dataclass(frozen=True)
class Phase:
    """A part of a job.

    `seconds` is what it takes on the machine where it was measured; what matters is its proportion to the others. A phase that
    is not `paced` is start-up: it takes as long for a little work as for much.
    """

    name: str
    seconds: float
    paced: bool = True


class Where(NamedTuple):
    """Where a job is: the share done, 0 to 1, and how long the rest will take; None while that would be a guess."""

    share: float
    left: timedelta | None


class Course:
    """The phases of one job, in their order; tell it with `at` where the job is. The share it returns never falls.

    `begin` is the share of the job, 0 to 1, that was over before the first phase. `clock` returns seconds.
    """

    def __init__(self, phases: Iterable[Phase], begin: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._phases = list(phases)
        self._places = {phase.name: place for place, phase in enumerate(self._phases)}
        self._before = [0.0, *accumulate(phase.seconds for phase in self._phases)]  # seconds of all phases before each
        self._paced_from = _from_each(phase.seconds if phase.paced else 0.0 for phase in self._phases)
        self._start_up_from = _from_each(0.0 if phase.paced else phase.seconds for phase in self._phases)
        self._begin, self._clock, self._share = begin, clock, begin
        self._place, self._fraction, self._entered, self._last = 0, 0.0, clock(), clock()
        # Time that went into paced work, and what that work usually takes; the newest points, the last is now.
        self._points = deque([(0.0, 0.0)])

    def at(self, name: str, done: float = 0.0, total: float = 1.0) -> Where:
        """Where the job is when `done` of `total` items of a phase are done. Raises KeyError for a phase that it has not."""
        now, place = self._clock(), self._places[name]
        fraction = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
        phase, before = self._phases[place], self._phases[self._place]
        if phase.paced and before.paced:
            since = self._fraction if place == self._place else 0.0
            rest = 0.0 if place == self._place else before.seconds * (1 - self._fraction)
            self._add(now - self._last, max(0.0, phase.seconds * (fraction - since) + rest))
        if place != self._place:
            self._entered = now
        self._place, self._fraction, self._last = place, fraction, now
        share = (self._before[place] + phase.seconds * fraction) / (self._before[-1] or 1.0)
        self._share = max(self._share, self._begin + (1 - self._begin) * share)
        return Where(self._share, self._left(now))

    def _add(self, seconds: float, usual: float) -> None:
        elapsed, worked = self._points[-1]
        self._points.append((elapsed + seconds, worked + usual))
        cutoff = self._points[-1][0] - max(RECENT_SECONDS, self._points[-1][0] / 2)
        while len(self._points) > 2 and self._points[1][0] <= cutoff:
            self._points.popleft()

    def _left(self, now: float) -> timedelta | None:
        (began, before), (elapsed, worked) = self._points[0], self._points[-1]
        enough = elapsed >= SURELY_ENOUGH_SECONDS or worked >= ENOUGH_SHARE * self._paced_from[0]
        if elapsed < ENOUGH_SECONDS or not enough or worked <= before:
            return None
        phase = self._phases[self._place]
        usual, start_up = self._paced_from[self._place + 1], self._start_up_from[self._place + 1]
        if phase.paced:
            usual += phase.seconds * (1 - self._fraction)
        else:
            start_up += max(0.0, phase.seconds - (now - self._entered))
        return timedelta(seconds=usual * (elapsed - began) / (worked - before) + start_up)


def of_unknown_length(done: int) -> float:
    """A share, 0 to 1 (exclusive), for work of which nobody knows how much there is: it moves at once, and never ends."""
    return done / (done + UNCOUNTED)


def _from_each(seconds: Iterable[float]) -> list[float]:
    """The sum from each one to the last; 0.0 behind the last."""
    return [*accumulate(reversed([*seconds]), initial=0.0)][::-1]
