"""How a touch-up begins, goes on and is taken over."""

import threading

import numpy as np
import pytest
from sqlalchemy import Engine

from curator.touchup import begin as beginning
from curator.touchup import saves, waiting
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Presence, Split, Standing, State, TouchUp, TouchUpSave
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples
from tests.postgres import blocked
from tests.touchups import (
    PAGE,
    SECONDS,
    ask_to_begin,
    begin,
    count,
    current,
    finish,
    finished,
    keep,
    painted,
    pending,
    save,
    start_over,
    stored_mask,
    who,
)


def test_a_reload_goes_on_with_the_newest_mask_and_the_servers_clock(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    assert (first.seconds_left, first.mask) == (120.0, first.before)
    clock.pass_(50)
    saved = save(engine, store, first.touch_up, painted(1), clock())
    assert (saved.seconds_used, saved.seconds_left, saved.finished) == (50.0, 70.0, False)
    clock.pass_(10)
    again = begin(engine, examples[0], clock)
    assert (again.touch_up, again.seconds_left, again.mask) == (first.touch_up, 60.0, saved.mask)
    assert again.before == first.before
    assert count(engine, TouchUp) == 1
    assert pending(engine, clock) == [(examples[0], True), (examples[1], False)]


def test_another_reviewer_cannot_begin_save_or_see_what_is_being_painted(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    assert ask_to_begin(engine, examples[0], clock, "Bo") == beginning.HeldTouchUp("Ada", own=False, seconds_left=120.0)
    with pytest.raises(WinnowError, match=r"This touch-up belongs to another reviewer\."):
        save(engine, store, begun.touch_up, painted(1), clock(), "Bo")
    assert pending(engine, clock, "Bo") == [(examples[1], False), (examples[0], False)]  # the one that is held comes last


def test_starting_over_is_a_new_row_from_the_contributors_mask_and_empty_changes_nothing(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    kept = finish(engine, store, first.touch_up, painted(1), clock.pass_(9))
    with pytest.raises(WinnowError, match=r"has been touched up already\. Start over to do it again\."):
        begin(engine, examples[0], clock)
    with writing(engine) as session:
        who(session, "Bo")
    second = start_over(engine, examples[0], clock, "Bo")
    assert second.touch_up != first.touch_up
    assert second.mask == second.before == first.before
    assert current(engine, examples)[examples[0]] == kept.mask
    # Until it is over, the one before is what is done; then it is the newer one alone.
    assert [(item.touch_up, item.after) for item in finished(engine, clock)] == [(first.touch_up, kept.mask)]
    assert pending(engine, clock, "Bo")[0] == (examples[0], True)
    newer = save(engine, store, second.touch_up, painted(5), clock.pass_(9), "Bo")
    assert current(engine, examples)[examples[0]] == newer.mask
    clock.pass_(SECONDS)
    assert [(item.touch_up, item.after, item.reviewer) for item in finished(engine, clock)] == [
        (second.touch_up, newer.mask, "Bo")
    ]


@on_both_servers
def test_of_two_who_start_at_the_same_moment_one_gets_the_mask(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    """Whoever comes second waits for the other's commit, and is told that somebody has the mask."""
    answers: list[object] = []
    starting = threading.Thread(target=lambda: answers.append(ask_to_begin(engine, examples[0], clock, "Bo")))
    with writing(engine) as session:
        beginning.begin(session, who(session), PAGE, examples[0], SECONDS, clock())
        starting.start()
        while engine.dialect.name == "postgresql" and starting.is_alive() and not blocked(engine):
            pass
    starting.join()
    assert answers == [beginning.HeldTouchUp("Ada", own=False, seconds_left=120.0)]
    assert count(engine, TouchUp) == 1


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
        save(engine, store, 999, painted(1), clock())


# --- a second page, another reviewer ----------------------------------------------------------------------------------


@on_both_servers
def test_a_second_page_is_told_and_takes_over_and_the_first_can_save_no_more(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    saved = save(engine, store, first.touch_up, painted(1), clock.pass_(20))
    held = ask_to_begin(engine, examples[0], clock, page="another page")
    assert held == beginning.HeldTouchUp("Ada", own=True, seconds_left=100.0)
    save(engine, store, first.touch_up, painted(1), clock())  # it was only asked
    second = begin(engine, examples[0], clock, page="another page", take_over=True)
    assert (second.touch_up, second.mask, second.seconds_left) == (first.touch_up, saved.mask, 100.0)
    for change in (save, finish):
        with pytest.raises(WinnowError, match="You went on with this mask on another page"):
            change(engine, store, first.touch_up, painted(2), clock())
    save(engine, store, first.touch_up, painted(3), clock(), page="another page")
    back = begin(engine, examples[0], clock, take_over=True)
    assert (first.painted_on, second.painted_on, back.painted_on) == (None, PAGE, "another page")
    assert np.array_equal(stored_mask(store, back.mask), painted(3))


def test_a_page_that_was_left_keeps_nobody_from_going_on(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    saves.note_presence(engine, "Ada", PAGE, first.touch_up, Presence.hidden, clock.pass_(5))
    assert isinstance(ask_to_begin(engine, examples[0], clock, page="another page"), beginning.HeldTouchUp)
    saves.note_presence(engine, "Ada", PAGE, first.touch_up, Presence.left, clock.pass_(5))
    second = begin(engine, examples[0], clock, page="another page")
    assert (second.touch_up, second.seconds_left) == (first.touch_up, 110.0)


@on_both_servers
def test_another_reviewer_who_takes_over_goes_on_with_the_clock_and_the_strokes(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    saves.note_presence(engine, "Ada", PAGE, first.touch_up, Presence.hidden, clock.pass_(10))
    saved = save(engine, store, first.touch_up, painted(1), clock.pass_(20))
    second = begin(engine, examples[0], clock, "Bo", take_over=True)
    assert second.touch_up != first.touch_up
    assert (second.mask, second.before, second.seconds_left) == (saved.mask, first.before, 90.0)
    with pytest.raises(WinnowError, match="Another reviewer has taken over this mask"):
        save(engine, store, first.touch_up, painted(2), clock())
    done = finish(engine, store, second.touch_up, painted(3), clock.pass_(15), "Bo")
    assert done.seconds_used == 45.0  # of both
    (shown,) = finished(engine, clock)
    assert (shown.reviewer, shown.before, shown.after, shown.seconds_used) == ("Bo", first.before, done.mask, 45.0)
    assert current(engine, examples)[examples[0]] == done.mask
    with reading(engine) as session:
        assert [one.seconds_hidden for one in session.get_one(TouchUp, second.touch_up).saves] == [20.0, 20.0]


@on_both_servers
def test_a_stroke_that_is_being_saved_while_another_reviewer_takes_over_is_not_lost(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    taken: list[object] = []
    taking = threading.Thread(target=lambda: taken.append(begin(engine, examples[0], clock, "Bo", take_over=True)))
    with writing(engine) as session:
        touch_up = session.get_one(TouchUp, first.touch_up, with_for_update=True)
        taking.start()
        while engine.dialect.name == "postgresql" and taking.is_alive() and not blocked(engine):
            pass
        stroke = store.put(b"a mask")
        touch_up.saves.append(TouchUpSave(mask_after_sha256=stroke, seconds_used=1.0, finished=False, at=clock()))
    taking.join()
    assert isinstance(taken[0], beginning.StartedTouchUp)
    assert taken[0].mask == stroke


def test_taking_over_what_nobody_has_painted_begins_with_the_same_mask_and_clock(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    clock.pass_(30)
    second = begin(engine, examples[0], clock, "Bo", take_over=True)
    assert (second.mask, second.before, second.seconds_left) == (first.mask, first.before, 90.0)
    third = begin(engine, examples[1], clock, "Bo", take_over=True)  # nobody has it: it simply begins
    assert third.seconds_left == 120.0


# --- from which mask --------------------------------------------------------------------------------------------------


def test_one_can_start_over_from_any_version(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    first = begin(engine, examples[0], clock)
    saved = finish(engine, store, first.touch_up, painted(1), clock.pass_(9))
    second = start_over(engine, examples[0], clock)
    newer = finish(engine, store, second.touch_up, painted(2), clock.pass_(9))
    third = begin(engine, examples[0], clock, "Bo", start_from=saved.mask)
    assert (third.mask, third.before) == (saved.mask, saved.mask)
    assert current(engine, examples)[examples[0]] == newer.mask  # until something is saved
    with pytest.raises(WinnowError, match=rf"Example {examples[1]} has no such version of its mask"):
        begin(engine, examples[1], clock, start_from=saved.mask)


@on_both_servers
def test_a_kept_training_mask_is_touched_up_when_a_lead_asks_for_it(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        train = add_examples(session, store, 2, Split.train)
        keep(session, train, clock)
        (opened,) = add_examples(session, store, 1, Split.train)
        assert beginning.request(session, who(session, "Lea"), [*train[:1], opened, 999], None, clock()) == train[:1]
    with pytest.raises(WinnowError, match="is kept as it is"):
        begin(engine, train[1], clock)
    begun = begin(engine, train[0], clock)
    assert begun.seconds_left is None  # no clock in this split
    done = finish(engine, store, begun.touch_up, painted(1), clock.pass_(300))
    with reading(engine) as session:
        assert session.get_one(Standing, train[0]).state is State.repaired  # who kept it saw another mask
        assert current(engine, train)[train[0]] == done.mask
        assert waiting.count_due(session) == 0


@on_both_servers
def test_of_ten_reviewers_who_begin_at_once_one_gets_the_clock(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    names = [f"reviewer {number}" for number in range(10)]
    with writing(engine) as session:
        for name in names:
            who(session, name)
    ready = threading.Barrier(len(names))
    answers: list[object] = []

    def ask(name: str) -> None:
        ready.wait(20)
        answers.append(ask_to_begin(engine, examples[0], clock, name))

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == len(names)
    assert sum(isinstance(answer, beginning.StartedTouchUp) for answer in answers) == 1
    assert count(engine, TouchUp) == 1
