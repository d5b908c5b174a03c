"""Spans of time in words; the course of an ingest."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from curator.ingest.pace import CUTTING, LISTED, LOADING, LOOKING, STARTING, duration_in_words, ingest_course, roughly


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h"), (5400, "1 h 30 min"), (7200, "2 h"), (400_000, "111 h")],
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(timedelta(seconds=seconds)) == words


def test_an_estimate_is_rounded_to_about_a_tenth() -> None:
    for minutes in range(1, 6000):
        said = roughly(timedelta(minutes=minutes)).removeprefix("about ").removesuffix(" min")
        hours, _, rest = said.rpartition(" h")
        told = 60 * int(hours or 0) + int(rest or 0)
        assert abs(told - minutes) <= max(0.5, 0.26 * minutes if minutes < 20 else 0.18 * minutes), (minutes, said)


def test_an_estimate_is_rounded_as_in_the_deck() -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "pace.json").read_text())["roughly"]
    assert [[seconds, roughly(timedelta(seconds=seconds))] for seconds, _ in vectors] == vectors


def test_an_ingest_moves_while_it_looks_at_the_masks_and_says_how_long_it_takes_once_it_cuts() -> None:
    """Of 300 photos at 0.6 s a crop, four times as long as where it was measured; the detector takes half a minute."""
    now = 0.0
    course = ingest_course(300, LISTED, lambda: now)
    shares = [course.at(STARTING).share]
    now += 12
    for done in range(1, 301):
        now += 0.06
        shares.append(course.at(LOOKING, done, 300).share)
    assert shares[0] == LISTED
    assert shares[-1] == pytest.approx(LISTED + (1 - LISTED) * 6 / 52.5)  # 1.5 s and 300 masks of 52.5 s in all
    now += 30
    assert course.at(LOADING).share == shares[-1]
    for done in range(1, 31):
        now += 0.6
        left = course.at(CUTTING, done, 300).left
    assert left is not None
    assert left.total_seconds() == pytest.approx(270 * 0.6, rel=0.1)
    assert course.at(CUTTING, 300, 300).share == pytest.approx(1.0)
