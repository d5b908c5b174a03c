"""Timed repairs of the test masks."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.touchup import clock as clocks
from curator.touchup import saves
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, Split, TouchUp, TouchUpSave
from tests.conftest import FakeClock
from tests.examples import add_examples, drawn_mask

SECONDS = 120


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """Two approved test examples."""
    with writing(engine) as session:
        numbers = add_examples(session, store, 2, Split.test)
        keep(session, numbers, clock)
    return numbers


def keep(session: Session, numbers: list[int], clock: FakeClock) -> None:
    given = [NewVerdict(number, Decision.keep, None, f"keep-{number}") for number in numbers]
    record(session, reviewer_called(session, "Ada").id, given, clock())


def who(session: Session, name: str = "Ada") -> int:
    return reviewer_called(session, name).id


def begin(session: Session, example: int, clock: FakeClock, name: str = "Ada", *, again: bool = False) -> clocks.StartedTouchUp:
    return clocks.begin(session, who(session, name), example, SECONDS, clock(), again=again)


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
        assert [item.example for item in clocks.pending(session, who(session), clock())] == examples


def test_a_reload_goes_on_with_the_newest_mask_and_the_servers_clock(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = begin(session, examples[0], clock)
        assert (first.seconds_left, first.mask) == (120.0, first.before)
        clock.pass_(50)
        saved = saves.save(session, store, who(session), first.touch_up, painted(1), clock())
        assert (saved.seconds_used, saved.seconds_left, saved.finished) == (50.0, 70.0, False)
    clock.pass_(10)
    with writing(engine) as session:
        again = begin(session, examples[0], clock)
        assert (again.touch_up, again.seconds_left, again.mask) == (first.touch_up, 60.0, saved.mask)
        assert again.before == first.before
        assert session.scalar(select(func.count()).select_from(TouchUp)) == 1
        ours = clocks.pending(session, who(session), clock())
        assert [(item.example, item.running) for item in ours] == [(examples[0], True), (examples[1], False)]


def test_the_mask_before_stays_and_the_newest_save_counts(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        for number in (1, 2):
            saves.save(session, store, who(session), begun.touch_up, painted(number), clock.pass_(5))
    with reading(engine) as session:
        own = session.get_one(Example, examples[0]).mask_sha256
        assert begun.before == own
        assert np.array_equal(stored_mask(store, own), drawn_mask(0))
        count = current_masks(session, [*examples, 999])
        assert np.array_equal(stored_mask(store, count[examples[0]]), painted(2))
        assert count[examples[1]] == session.get_one(Example, examples[1]).mask_sha256
        assert set(count) == set(examples)


def test_saves_are_taken_for_three_seconds_of_grace_and_no_longer(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        saved = saves.save(session, store, who(session), begun.touch_up, painted(1), clock.pass_(SECONDS + 2.9))
        assert (saved.seconds_used, saved.seconds_left) == (120.0, 0.0)
        with pytest.raises(WinnowError, match=r"This mask arrived after the time was up\. The one saved before it counts\."):
            saves.save(session, store, who(session), begun.touch_up, painted(2), clock.pass_(0.2))
        assert current_masks(session, examples)[examples[0]] == saved.mask


def test_time_up_without_a_word_finishes_with_the_newest_save_or_the_mask_unchanged(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first, second = begin(session, examples[0], clock), begin(session, examples[1], clock)
        saved = saves.save(session, store, who(session), first.touch_up, painted(1), clock.pass_(5))
        assert clocks.finished(session, clock()) == []
        clock.pass_(SECONDS)
        assert clocks.pending(session, who(session), clock()) == []
        done = {item.example: item for item in clocks.finished(session, clock())}
    assert done[examples[0]].after == saved.mask
    assert done[examples[0]].seconds_used == 120.0
    assert done[examples[1]].after == done[examples[1]].before == second.before


def test_done_ends_it_early_once_and_later_saves_are_refused(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        done = saves.finish(session, store, who(session), begun.touch_up, painted(3), clock.pass_(30))
        assert (done.finished, done.seconds_used, done.seconds_left) == (True, 30.0, 0.0)
        assert saves.finish(session, store, who(session), begun.touch_up, painted(4), clock.pass_(1)).mask == done.mask
        with pytest.raises(WinnowError, match="This touch-up is finished"):
            saves.save(session, store, who(session), begun.touch_up, painted(4), clock())
        assert [item.example for item in clocks.pending(session, who(session), clock())] == [examples[1]]
        assert clocks.finished(session, clock())[0].seconds_used == 30.0
        assert session.scalar(select(func.count()).select_from(TouchUpSave)) == 1


def test_finish_after_the_time_keeps_the_last_save(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        saved = saves.save(session, store, who(session), begun.touch_up, painted(1), clock.pass_(5))
        clock.pass_(SECONDS * 10)
        with pytest.raises(WinnowError, match="after the time was up"):
            saves.finish(session, store, who(session), begun.touch_up, painted(2), clock())
        assert saves.finish(session, store, who(session), begun.touch_up, None, clock()).mask == saved.mask


def test_another_reviewer_cannot_begin_save_or_see_what_is_being_painted(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        begun = begin(session, examples[0], clock)
        with pytest.raises(WinnowError, match=r"Another reviewer is working on this mask\."):
            begin(session, examples[0], clock, "Bo")
        with pytest.raises(WinnowError, match=r"This touch-up belongs to another reviewer\."):
            saves.save(session, store, who(session, "Bo"), begun.touch_up, painted(1), clock())
        assert [item.example for item in clocks.pending(session, who(session, "Bo"), clock())] == [examples[1]]


def test_starting_over_is_a_new_row_from_the_contributors_mask_and_empty_changes_nothing(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = begin(session, examples[0], clock)
        kept = saves.finish(session, store, who(session), first.touch_up, painted(1), clock.pass_(9))
        with pytest.raises(WinnowError, match=r"has been touched up already\. Start over to do it again\."):
            begin(session, examples[0], clock)
        second = begin(session, examples[0], clock, "Bo", again=True)
        assert second.touch_up != first.touch_up
        assert second.mask == second.before == first.before
        assert current_masks(session, examples)[examples[0]] == kept.mask
        newer = saves.save(session, store, who(session, "Bo"), second.touch_up, painted(5), clock.pass_(9))
        assert current_masks(session, examples)[examples[0]] == newer.mask


def test_only_approved_test_examples_can_begin(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        (unseen,) = add_examples(session, store, 1, Split.test)
        (train,) = add_examples(session, store, 1, Split.train)
        with pytest.raises(WinnowError, match=rf"Example {unseen} is not approved\. Keep it on the Review page first\."):
            begin(session, unseen, clock)
        with pytest.raises(WinnowError, match=rf"Example {train} is in the train split; only test masks are touched up\."):
            begin(session, train, clock)
        with pytest.raises(NotThereError, match="Example 999 does not exist"):
            begin(session, 999, clock)
        with pytest.raises(NotThereError, match="Touch-up 999 does not exist"):
            saves.save(session, store, who(session), 999, painted(1), clock())


def test_a_saved_touch_up_is_never_changed(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        touch_up = begin(session, examples[0], clock).touch_up
    with pytest.raises(WinnowError, match="never changed"), writing(engine) as session:
        session.get_one(TouchUp, touch_up).started_at = clock.pass_(1)
