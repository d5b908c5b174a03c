"""Timed repairs of the test masks."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, event, func, insert, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.touchup import clock as clocks
from curator.touchup import saves
from db.errors import NotThereError, WinnowError
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import Decision, Example, Reviewer, Split, State, TouchUp, TouchUpSave
from tests.conftest import FakeClock, counted_instructions, on_both_servers
from tests.examples import add_bare_examples, add_bare_touch_ups, add_examples, drawn_mask
from tests.postgres import blocked

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


def begin(engine: Engine, example: int, clock: FakeClock, name: str = "Ada", *, again: bool = False) -> clocks.StartedTouchUp:
    with writing(engine) as session:
        return clocks.begin(session, who(session, name), example, SECONDS, clock(), again=again)


def pending(engine: Engine, clock: FakeClock, name: str = "Ada", count: int = 10) -> list[tuple[int, bool]]:
    """What waits for the reviewer, as (example, whether their clock runs)."""
    with writing(engine) as session:
        return [(item.example, item.running) for item in clocks.pending(session, who(session, name), clock(), count)]


def finished(engine: Engine, clock: FakeClock, count: int = 10) -> list[clocks.FinishedTouchUp]:
    with reading(engine) as session:
        return clocks.finished(session, clock(), count)


def current(engine: Engine, examples: list[int]) -> dict[int, str]:
    with reading(engine) as session:
        return {example: mask.sha256 for example, mask in current_masks(session, examples).items()}


def count(engine: Engine, table: type[TouchUp | TouchUpSave]) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


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
    assert pending(engine, clock) == [(examples[0], False), (examples[1], False)]
    with reading(engine) as session:
        assert clocks.count_due(session) == 2


def test_of_the_same_picture_kept_twice_one_waits(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        for number in examples:
            session.get_one(Example, number).group_id = examples[0]
    # The second is the less doubtful of the two.
    assert pending(engine, clock) == [(examples[1], False)]
    with pytest.raises(WinnowError, match=rf"Example {examples[0]} is not approved\."):
        begin(engine, examples[0], clock)
    assert begin(engine, examples[1], clock).example == examples[1]


def test_only_the_next_few_are_listed_and_the_one_in_work_comes_first(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        more = add_examples(session, store, 3, Split.test)
        keep(session, more, clock)
    begin(engine, more[2], clock)
    begin(engine, examples[0], clock, "Bo")
    assert pending(engine, clock, count=2) == [(more[2], True), (more[0], False)]  # the most doubtful of the others
    with reading(engine) as session:
        assert clocks.count_due(session) == 3


def test_a_reload_goes_on_with_the_newest_mask_and_the_servers_clock(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    assert (first.seconds_left, first.mask) == (120.0, first.before)
    clock.pass_(50)
    saved = saves.save(engine, store, "Ada", first.touch_up, painted(1), clock())
    assert (saved.seconds_used, saved.seconds_left, saved.finished) == (50.0, 70.0, False)
    clock.pass_(10)
    again = begin(engine, examples[0], clock)
    assert (again.touch_up, again.seconds_left, again.mask) == (first.touch_up, 60.0, saved.mask)
    assert again.before == first.before
    assert count(engine, TouchUp) == 1
    assert pending(engine, clock) == [(examples[0], True), (examples[1], False)]


def test_the_mask_before_stays_and_the_newest_save_counts(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    for number in (1, 2):
        saves.save(engine, store, "Ada", begun.touch_up, painted(number), clock.pass_(5))
    with reading(engine) as session:
        own, other = (session.get_one(Example, number).mask_sha256 for number in examples)
    assert begun.before == own
    assert np.array_equal(stored_mask(store, own), drawn_mask(0))
    masks = current(engine, [*examples, 999])
    assert np.array_equal(stored_mask(store, masks[examples[0]]), painted(2))
    assert masks[examples[1]] == other
    assert set(masks) == set(examples)


def test_saves_are_taken_for_three_seconds_of_grace_and_no_longer(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    saved = saves.save(engine, store, "Ada", begun.touch_up, painted(1), clock.pass_(SECONDS + 2.9))
    assert (saved.seconds_used, saved.seconds_left) == (120.0, 0.0)
    with pytest.raises(WinnowError, match=r"This mask arrived after the time was up\. The one saved before it counts\."):
        saves.save(engine, store, "Ada", begun.touch_up, painted(2), clock.pass_(0.2))
    assert current(engine, examples)[examples[0]] == saved.mask


def test_time_up_without_a_word_finishes_with_the_newest_save_or_the_mask_unchanged(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first, second = begin(engine, examples[0], clock), begin(engine, examples[1], clock)
    saved = saves.save(engine, store, "Ada", first.touch_up, painted(1), clock.pass_(5))
    assert finished(engine, clock) == []
    clock.pass_(SECONDS)
    assert pending(engine, clock) == []
    done = {item.example: item for item in finished(engine, clock)}
    assert done[examples[0]].after == saved.mask
    assert done[examples[0]].seconds_used == 120.0
    assert done[examples[1]].after == done[examples[1]].before == second.before


def test_a_touch_up_is_over_at_the_very_moment_its_time_is_up(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    clock.pass_(0.75)
    begin(engine, examples[0], clock)
    clock.pass_(SECONDS - 0.25)
    assert (pending(engine, clock)[0], finished(engine, clock)) == ((examples[0], True), [])
    clock.pass_(0.25)
    assert pending(engine, clock) == [(examples[1], False)]
    assert [item.example for item in finished(engine, clock)] == [examples[0]]


def test_done_ends_it_early_once_and_later_saves_are_refused(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    done = saves.finish(engine, store, "Ada", begun.touch_up, painted(3), clock.pass_(30))
    assert (done.finished, done.seconds_used, done.seconds_left) == (True, 30.0, 0.0)
    assert saves.finish(engine, store, "Ada", begun.touch_up, painted(4), clock.pass_(1)).mask == done.mask
    with pytest.raises(WinnowError, match="This touch-up is finished"):
        saves.save(engine, store, "Ada", begun.touch_up, painted(4), clock())
    assert pending(engine, clock) == [(examples[1], False)]
    assert finished(engine, clock)[0].seconds_used == 30.0
    assert count(engine, TouchUpSave) == 1


def test_times_used_are_those_of_finished_touch_ups_the_latest_first(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    for example, seconds in zip(examples, (30, 45), strict=True):
        begun = begin(engine, example, clock)
        saves.save(engine, store, "Ada", begun.touch_up, painted(1), clock.pass_(10))
        saves.finish(engine, store, "Ada", begun.touch_up, None, clock.pass_(seconds - 10))
    begin(engine, examples[0], clock, again=True)  # not finished
    with reading(engine) as session:
        assert clocks.seconds_used(session, 10) == [45, 30]
        assert clocks.seconds_used(session, 1) == [45]


def test_finish_after_the_time_keeps_the_last_save(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    begun = begin(engine, examples[0], clock)
    saved = saves.save(engine, store, "Ada", begun.touch_up, painted(1), clock.pass_(5))
    clock.pass_(SECONDS * 10)
    with pytest.raises(WinnowError, match="after the time was up"):
        saves.finish(engine, store, "Ada", begun.touch_up, painted(2), clock())
    assert saves.finish(engine, store, "Ada", begun.touch_up, None, clock()).mask == saved.mask


def test_another_reviewer_cannot_begin_save_or_see_what_is_being_painted(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    with pytest.raises(WinnowError, match=r"Another reviewer is working on this mask\."):
        begin(engine, examples[0], clock, "Bo")
    with pytest.raises(WinnowError, match=r"This touch-up belongs to another reviewer\."):
        saves.save(engine, store, "Bo", begun.touch_up, painted(1), clock())
    assert pending(engine, clock, "Bo") == [(examples[1], False)]


def test_starting_over_is_a_new_row_from_the_contributors_mask_and_empty_changes_nothing(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    kept = saves.finish(engine, store, "Ada", first.touch_up, painted(1), clock.pass_(9))
    with pytest.raises(WinnowError, match=r"has been touched up already\. Start over to do it again\."):
        begin(engine, examples[0], clock)
    with writing(engine) as session:
        who(session, "Bo")
    second = begin(engine, examples[0], clock, "Bo", again=True)
    assert second.touch_up != first.touch_up
    assert second.mask == second.before == first.before
    assert current(engine, examples)[examples[0]] == kept.mask
    # Until it is over, the one before is what is done; then it is the newer one alone.
    assert [(item.touch_up, item.after) for item in finished(engine, clock)] == [(first.touch_up, kept.mask)]
    assert pending(engine, clock, "Bo")[0] == (examples[0], True)
    newer = saves.save(engine, store, "Bo", second.touch_up, painted(5), clock.pass_(9))
    assert current(engine, examples)[examples[0]] == newer.mask
    clock.pass_(SECONDS)
    assert [(item.touch_up, item.after, item.reviewer) for item in finished(engine, clock)] == [
        (second.touch_up, newer.mask, "Bo")
    ]


def test_what_was_started_last_is_listed_first(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    for number in examples:
        begin(engine, number, clock)
        clock.pass_(SECONDS)
    assert [item.example for item in finished(engine, clock)] == examples[::-1]
    assert [item.example for item in finished(engine, clock, count=1)] == [examples[1]]


def test_the_page_asks_as_many_questions_about_many_touch_ups_as_about_few(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(str(arguments[2])))
    costs = []
    for more in (2, 18):
        with writing(engine) as session:
            numbers = add_examples(session, store, 2 * more, Split.test)
            keep(session, numbers, clock)
        for number in numbers[:more]:
            begun = begin(engine, number, clock)
            saves.finish(engine, store, "Ada", begun.touch_up, None, clock.pass_(1))
        asked.clear()
        with reading(engine) as session:
            assert len(clocks.pending(session, 1, clock(), 100)) >= more
            assert len(clocks.finished(session, clock(), 100)) >= more
        costs.append(len(asked))
    assert costs[0] == costs[1] < 10


def test_what_the_page_asks_costs_each_touch_up_the_same(tmp_path: Path, clock: FakeClock) -> None:
    costs = []
    for number in (500, 4000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            examples = add_bare_examples(session, number, Split.test, State.keep)
            add_bare_touch_ups(session, examples[::2], clock())
        with reading(database) as session, counted_instructions(session) as hundreds:
            assert len(clocks.pending(session, 1, clock(), 10)) == 10
            assert len(clocks.finished(session, clock(), 24)) == 24
            assert clocks.count_due(session) == number / 2
        costs.append(len(hundreds) / number)
        database.dispose()
    assert costs[1] < 1.5 * costs[0]


@on_both_servers
def test_of_two_who_start_at_the_same_moment_one_gets_the_mask(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    """Whoever comes second waits for the other's commit, and is told that somebody has the mask."""
    answers: list[str] = []

    def start_as_bo() -> None:
        try:
            begin(engine, examples[0], clock, "Bo")
            answers.append("started")
        except WinnowError as error:
            answers.append(str(error))

    starting = threading.Thread(target=start_as_bo)
    with writing(engine) as session:
        clocks.begin(session, who(session), examples[0], SECONDS, clock())
        starting.start()
        while engine.dialect.name == "postgresql" and starting.is_alive() and not blocked(engine):
            pass
    starting.join()
    assert answers == ["Another reviewer is working on this mask. Take the next one."]
    assert count(engine, TouchUp) == 1


@on_both_servers
def test_of_two_who_finish_a_touch_up_at_the_same_moment_one_is_recorded(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    """As when a page sends "done" again before the first answer."""
    begun = begin(engine, examples[0], clock)
    first: list[saves.SavedMask] = []
    again = threading.Thread(target=lambda: first.append(saves.finish(engine, store, "Ada", begun.touch_up, None, clock())))
    with writing(engine) as session:
        touch_up = session.get_one(TouchUp, begun.touch_up, with_for_update=True)
        again.start()
        while engine.dialect.name == "postgresql" and again.is_alive() and not blocked(engine):
            pass
        done = {"mask_after_sha256": touch_up.mask_before_sha256, "seconds_used": 1.0, "finished": True, "at": clock()}
        session.add(TouchUpSave(touch_up_id=touch_up.id, **done))
    again.join()
    assert (first[0].finished, first[0].seconds_used) == (True, 1.0)
    assert count(engine, TouchUpSave) == 1


def test_no_picture_is_written_inside_a_write_transaction(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    """Another process can write while the store is slow."""
    begun = begin(engine, examples[0], clock)
    other = connect(engine.url.render_as_string(hide_password=False))
    event.listen(other, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))
    wrote = []

    class SlowStore(Store):
        def put(self, data: bytes) -> str:
            with other.execution_options(writes=True).begin() as connection:  # fails at once while anybody else is writing
                connection.execute(insert(Reviewer).values(name=f"a colleague {len(wrote)}"))
            wrote.append(data)
            return super().put(data)

    slow = SlowStore(store.url)
    saves.save(engine, slow, "Ada", begun.touch_up, painted(1), clock.pass_(1))
    done = saves.finish(engine, slow, "Ada", begun.touch_up, painted(2), clock.pass_(1))
    other.dispose()
    assert len(wrote) == 2
    assert np.array_equal(stored_mask(store, done.mask), painted(2))


def test_a_mask_that_is_refused_leaves_no_picture_in_the_store(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    before = set(store.all())
    with pytest.raises(WinnowError, match="belongs to another reviewer"):
        saves.save(engine, store, "Bo", begun.touch_up, painted(1), clock())
    with pytest.raises(WinnowError, match="after the time was up"):
        saves.finish(engine, store, "Ada", begun.touch_up, painted(1), clock.pass_(SECONDS + 4))
    saves.finish(engine, store, "Ada", begun.touch_up, None, clock())
    with pytest.raises(WinnowError, match="is finished"):
        saves.save(engine, store, "Ada", begun.touch_up, painted(1), clock())
    assert set(store.all()) == before


def test_only_approved_test_examples_can_begin(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        (unseen,) = add_examples(session, store, 1, Split.test)
        (train,) = add_examples(session, store, 1, Split.train)
    with pytest.raises(WinnowError, match=rf"Example {unseen} is not approved\. Keep it on the Review page first, or mark it"):
        begin(engine, unseen, clock)
    with pytest.raises(WinnowError, match=rf"Example {train} is not approved\. Keep it"):
        begin(engine, train, clock)
    with pytest.raises(NotThereError, match="Example 999 does not exist"):
        begin(engine, 999, clock)
    with pytest.raises(NotThereError, match="Touch-up 999 does not exist"):
        saves.save(engine, store, "Ada", 999, painted(1), clock())


def test_a_saved_touch_up_is_never_changed(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    touch_up = begin(engine, examples[0], clock).touch_up
    with pytest.raises(WinnowError, match="never changed"), writing(engine) as session:
        session.get_one(TouchUp, touch_up).started_at = clock.pass_(1)
