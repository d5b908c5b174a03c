"""The course of an ingest, and spans of time in words. Pure functions."""

import time
from collections.abc import Callable
from datetime import timedelta

from db.course import Course, Phase, of_unknown_length

READING, STARTING, PREVIEWS = "Reading the list of files", "Starting the workers", "Making small pictures"
KNOWN, LOOKING, LOADING, CUTTING = (
    "Looking what is in already",
    "Looking at what the masks' values mean",
    "Loading the face detector",
    "Cutting crops",
)
LISTED = 0.05  # the share of an ingest that opening and listing take; how long that is, nobody knows before its end
# Seconds on two cores, with photos of 500 x 700 pixels (60 of shared street photos): only their proportions matter.
START_SECONDS, LOAD_SECONDS, KNOWN_SECONDS, LOOK_SECONDS, CUT_SECONDS, PREVIEW_SECONDS = 1.5, 1.5, 0.002, 0.015, 0.15, 1.0


def listed(steps: int, start: float = 0.0) -> float:
    """The share of an ingest that is over after so many steps of opening and listing its source, if it began at `start`.

    >>> [round(listed(steps), 3) for steps in (0, 100, 1000, 1_000_000)]
    [0.0, 0.005, 0.025, 0.05]
    """
    return start + (1 - start) * LISTED * of_unknown_length(steps)


def ingest_course(photos: int, begin: float, clock: Callable[[], float] = time.monotonic) -> Course:
    """The course of an ingest of so many photos once its list is read; `begin` is the share that is over then."""
    looking = [Phase(STARTING, START_SECONDS, paced=False), Phase(LOOKING, LOOK_SECONDS * photos)]
    cutting = [Phase(LOADING, LOAD_SECONDS, paced=False), Phase(CUTTING, CUT_SECONDS * photos)]
    return Course([*looking, *cutting], begin, clock)


def preview_course(photos: int, begin: float, clock: Callable[[], float] = time.monotonic) -> Course:
    """The course of a preview, as `ingest_course`."""
    known = Phase(KNOWN, KNOWN_SECONDS * photos, paced=False)  # the disk sets its pace, not what decodes
    looking = [Phase(STARTING, START_SECONDS, paced=False), Phase(LOOKING, LOOK_SECONDS * photos)]
    return Course([known, *looking, Phase(PREVIEWS, PREVIEW_SECONDS, paced=False)], begin, clock)


def duration_in_words(duration: timedelta) -> str:
    """A duration in words.

    >>> [duration_in_words(timedelta(seconds=seconds)) for seconds in (40, 720, 12_000, 432_000)]
    ['40 s', '12 min', '3 h 20 min', '120 h']
    """
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes and hours < 100 else f"{hours:,} h"


def roughly(duration: timedelta) -> str:
    """An estimate in words, with no more precision than a forecast deserves: about a tenth.

    >>> [roughly(timedelta(minutes=minutes)) for minutes in (0.4, 1.4, 13.0, 52.0, 100.0, 500.0, 5000.0)]
    ['less than a minute', 'about 1 min', 'about 15 min', 'about 50 min', 'about 1 h 45 min', 'about 8 h', 'about 83 h']
    """
    minutes = duration.total_seconds() / 60
    if minutes < 0.75:
        return "less than a minute"
    step = 1 if minutes < 9.5 else 5 if minutes < 57.5 else 15 if minutes < 172.5 else 60
    return f"about {duration_in_words(timedelta(minutes=step * int(minutes / step + 0.5)))}"
