"""Timed repairs of the test masks."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import Given, record
from curator.touchup import clock as touchups
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, Split, TouchUp, TouchUpSave
from tests.conftest import FakeClock
from tests.examples import add_examples, drawn_mask, png

SECONDS = 120


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """Two approved test examples."""
    with writing(engine) as session:
        numbers = add_examples(session, store, 2, Split.test)
        keep(session, numbers, clock)
    return numbers


def keep(session: Session, numbers: list[int], clock: FakeClock) -> None:
    given = [Given(number, Decision.keep, None, f"keep-{number}") for number in numbers]
    record(session, reviewer_called(session, "Ada").id, given, clock())


def who(session: Session, name: str = "Ada") -> int:
    return reviewer_called(session, name).id


def begin(session: Session, example: int, clock: FakeClock, name: str = "Ada", *, again: bool = False) -> touchups.Begun:
    return touchups.begin(session, who(session, name), example, SECONDS, clock(), again=again)


def painted(number: int) -> NDArray[np.uint8]:
    mask = np.zeros((512, 512), np.uint8)
    mask[: 10 * number] = 255
    return mask


def stored_mask(store: Store, sha256: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(store.get(sha256), np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def test_kept_test_examples_wait_and_nothing_else(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1, Split.test)  # open
        keep(session, add_examples(session, store, 1, Split.train), clock)
        assert [item.example for item in touchups.waiting(session, who(session), clock())] == examples


def test_a_reload_goes_on_with_the_newest_mask_and_the_servers_clock(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = begin(session, examples[0], clock)
        assert (first.seconds_left, first.mask) == (120.0, first.before)
        clock.pass_(50)
        saved = touchups.save(session, store, who(session), first.touch_up, painted(1), clock())
        assert (saved.seconds_used, saved.seconds_left, saved.finished) == (50.0, 70.0, False)
    clock.pass_(10)
    with writing(engine) as session:
        again = begin(session, examples[0], clock)
        assert (again.touch_up, again.seconds_left, again.mask) == (first.touch_up, 60.0, saved.mask)
        assert again.before == first.before
        assert session.scalar(select(func.count()).select_from(TouchUp)) == 1
        ours = touchups.waiting(session, who(session), clock())
        assert [(item.example, item.running) for item in ours] == [(examples[0], True), (examples[1], False)]


def test_the_mask_before_stays_and_the_newest_save_counts(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        for number in (1, 2):
            touchups.save(session, store, who(session), begun.touch_up, painted(number), clock.pass_(5))
    with reading(engine) as session:
        own = session.get_one(Example, examples[0]).mask_sha256
        assert begun.before == own
        assert np.array_equal(stored_mask(store, own), drawn_mask(0))
        count = touchups.masks_that_count(session, [*examples, 999])
        assert np.array_equal(stored_mask(store, count[examples[0]]), painted(2))
        assert count[examples[1]] == session.get_one(Example, examples[1]).mask_sha256
        assert set(count) == set(examples)


def test_saves_are_taken_for_three_seconds_of_grace_and_no_longer(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        saved = touchups.save(session, store, who(session), begun.touch_up, painted(1), clock.pass_(SECONDS + 2.9))
        assert (saved.seconds_used, saved.seconds_left) == (120.0, 0.0)
        with pytest.raises(WinnowError, match=r"The time was up before this mask arrived; the one saved before it counts\."):
            touchups.save(session, store, who(session), begun.touch_up, painted(2), clock.pass_(0.2))
        assert touchups.masks_that_count(session, examples)[examples[0]] == saved.mask


def test_time_up_without_a_word_finishes_with_the_newest_save_or_the_mask_unchanged(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first, second = begin(session, examples[0], clock), begin(session, examples[1], clock)
        saved = touchups.save(session, store, who(session), first.touch_up, painted(1), clock.pass_(5))
        assert touchups.finished(session, clock()) == []
        clock.pass_(SECONDS)
        assert touchups.waiting(session, who(session), clock()) == []
        done = {item.example: item for item in touchups.finished(session, clock())}
    assert done[examples[0]].after == saved.mask
    assert done[examples[0]].seconds_used == 120.0
    assert done[examples[1]].after == done[examples[1]].before == second.before


def test_done_ends_it_early_once_and_later_saves_are_refused(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        done = touchups.finish(session, store, who(session), begun.touch_up, painted(3), clock.pass_(30))
        assert (done.finished, done.seconds_used, done.seconds_left) == (True, 30.0, 0.0)
        assert touchups.finish(session, store, who(session), begun.touch_up, painted(4), clock.pass_(1)).mask == done.mask
        with pytest.raises(WinnowError, match="This touch-up is done"):
            touchups.save(session, store, who(session), begun.touch_up, painted(4), clock())
        assert [item.example for item in touchups.waiting(session, who(session), clock())] == [examples[1]]
        assert touchups.finished(session, clock())[0].seconds_used == 30.0
        assert session.scalar(select(func.count()).select_from(TouchUpSave)) == 1


def test_finish_after_the_time_keeps_the_last_save(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        saved = touchups.save(session, store, who(session), begun.touch_up, painted(1), clock.pass_(5))
        clock.pass_(SECONDS * 10)
        with pytest.raises(WinnowError, match="The time was up"):
            touchups.finish(session, store, who(session), begun.touch_up, painted(2), clock())
        assert touchups.finish(session, store, who(session), begun.touch_up, None, clock()).mask == saved.mask


def test_another_reviewer_cannot_begin_save_or_see_what_is_being_painted(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        with pytest.raises(WinnowError, match=r"Another reviewer is at this mask just now\."):
            begin(session, examples[0], clock, "Bo")
        with pytest.raises(WinnowError, match=r"This touch-up is another reviewer's\."):
            touchups.save(session, store, who(session, "Bo"), begun.touch_up, painted(1), clock())
        assert [item.example for item in touchups.waiting(session, who(session, "Bo"), clock())] == [examples[1]]


def test_starting_over_is_a_new_row_from_the_contributors_mask_and_empty_changes_nothing(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = begin(session, examples[0], clock)
        kept = touchups.finish(session, store, who(session), first.touch_up, painted(1), clock.pass_(9))
        with pytest.raises(WinnowError, match=r"touched up already\. Start over to do it again\."):
            begin(session, examples[0], clock)
        second = begin(session, examples[0], clock, "Bo", again=True)
        assert second.touch_up != first.touch_up
        assert second.mask == second.before == first.before
        assert touchups.masks_that_count(session, examples)[examples[0]] == kept.mask
        newer = touchups.save(session, store, who(session, "Bo"), second.touch_up, painted(5), clock.pass_(9))
        assert touchups.masks_that_count(session, examples)[examples[0]] == newer.mask


def test_only_approved_test_examples_can_begin(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        (unseen,) = add_examples(session, store, 1, Split.test)
        (train,) = add_examples(session, store, 1, Split.train)
        with pytest.raises(WinnowError, match=rf"Example {unseen} is not approved\. Keep it on the Review page first\."):
            begin(session, unseen, clock)
        with pytest.raises(WinnowError, match=rf"Example {train} is in the train split; only test masks are touched up\."):
            begin(session, train, clock)
        with pytest.raises(NotThereError, match="Example 999 is not there"):
            begin(session, 999, clock)
        with pytest.raises(NotThereError, match="Touch-up 999 is not there"):
            touchups.save(session, store, who(session), 999, painted(1), clock())


def test_a_saved_touch_up_is_never_changed(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        touch_up = begin(session, examples[0], clock).touch_up
    with pytest.raises(WinnowError, match="never changed"), writing(engine) as session:
        session.get_one(TouchUp, touch_up).started_at = clock.pass_(1)


def header_of(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG that claims a size and carries no more than a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The mask is not a PNG."),
        (b"\xff\xd8\xff\xe0" + bytes(100), "The mask is not a PNG."),
        (header_of(512, 512)[:20], "The mask is not a PNG."),
        (header_of(60000, 60000), "The mask is 60000 x 60000; it must be 512 x 512."),
        (header_of(511, 512), "The mask is 511 x 512; it must be 512 x 512."),
        (header_of(512, 512, bits=16), "The mask's PNG has 16 bits of colour type 0; it must have 8 bits in grey or RGB."),
        (header_of(512, 512, colour=3), "The mask's PNG has 8 bits of colour type 3; it must have 8 bits in grey or RGB."),
        (b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024), "The mask's PNG has 1048584 bytes; at most 786432 are taken."),
    ],
)
def test_hostile_masks_are_refused_before_decoding(data: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a decoder saw it")

    monkeypatch.setattr(touchups.cv2, "imdecode", decoded)
    with pytest.raises(WinnowError) as refused:
        touchups.read_mask(data)
    assert str(refused.value) == sentence


def test_masks_are_split_at_the_middle_whatever_the_png_holds() -> None:
    grey = np.tile(np.arange(512, dtype=np.uint16) // 2, (512, 1)).astype(np.uint8)
    for picture in (grey, np.dstack([grey] * 3), np.dstack([grey, grey, grey, np.full_like(grey, 255)])):
        mask = touchups.read_mask(cv2.imencode(".png", picture)[1].tobytes())
        assert mask.shape == (512, 512)
        assert np.array_equal(mask, np.where(grey >= 128, 255, 0))
    assert np.array_equal(touchups.read_mask(png(drawn_mask(3))), drawn_mask(3))


@pytest.mark.parametrize("data", [header_of(512, 512), png(drawn_mask(1))[:200], png(drawn_mask(1))[:600]])
def test_a_mask_cut_short_is_refused_whole(data: bytes) -> None:
    with pytest.raises(WinnowError, match=r"^The mask's PNG is broken\.$"):
        touchups.read_mask(data)
