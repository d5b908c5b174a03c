"""What follows when the repair of a mask that was to be fixed ends: a second look, and what it decides."""

import threading

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.deck import Card, ShowFilter, Wanted, count_own_repairs, count_waiting, deal
from curator.review.gold import gold_answers, set_answer
from curator.review.opinions import newest_verdicts
from curator.review.progress import ratings, source_progress
from curator.review.reopening import send_back
from curator.review.reviewers import decided
from curator.review.standing import Counts, approved, counts, wrongly_standing
from curator.review.verdicts import NewVerdict, record
from curator.sets.freeze import freeze
from curator.touchup import clock as clocks
from curator.touchup import saves, waiting
from curator.touchup.begin import HeldTouchUp
from db.errors import WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import (
    Decision,
    Example,
    Reopening,
    SetMember,
    Split,
    Standing,
    State,
    TouchUp,
    TouchUpClock,
    TouchUpSave,
    Verdict,
)
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples
from tests.postgres import blocked
from tests.touchups import SECONDS, ask_to_begin, begin, finish, painted, save, say, state, who

pytestmark = on_both_servers

KEEP, FIX, REJECT, UNDO = Decision.keep, Decision.fix, Decision.reject, Decision.undo


@pytest.fixture
def example(engine: Engine, store: Store, clock: FakeClock) -> int:
    """A training example that Bo would have fixed."""
    with writing(engine) as session:
        (number,) = add_examples(session, store, 1)
        say(session, "Bo", clock, number, FIX)
    return number


def repair(engine: Engine, store: Store, clock: FakeClock, example: int, name: str = "Ada", rows: int = 1) -> saves.SavedMask:
    """A whole repair; the mask has hair in its first `rows` rows."""
    begun = begin(engine, example, clock, name)
    return finish(engine, store, begun.touch_up, painted(rows), clock.pass_(30), name)


def hand(session: Session, name: str, clock: FakeClock, show: ShowFilter = ShowFilter.open) -> list[Card]:
    return deal(session, who(session, name), 10, clock(), wanted=Wanted(show=show)).cards


def queue(engine: Engine, clock: FakeClock, name: str = "Ada") -> list[waiting.PendingTouchUp]:
    with writing(engine) as session:
        return waiting.pending(session, who(session, name), clock(), 10)


# --- the queue --------------------------------------------------------------------------------------------------------


def test_a_mask_to_be_fixed_waits_for_a_touch_up_and_is_neither_approved_nor_in_the_queue_of_the_deck(
    engine: Engine, clock: FakeClock, example: int
) -> None:
    assert state(engine, example) is State.fix
    with writing(engine) as session:
        assert counts(session) == Counts(keep=0, fix=1, reject=0, open=0)
        assert counts(session).examples == 1
        assert session.scalars(approved()).all() == []
        assert count_waiting(session, who(session, "Cy"), Wanted(), 0, clock().date()) == 0
        assert waiting.count_due(session) == 1
        assert [card.example for card in hand(session, "Cy", clock, ShowFilter.fix)] == [example]
        (row,) = source_progress(session)
        assert (row["decided"], row["in repair"], row["share"]) == (0, 1, None)
        assert [(row["verdicts"], row["fix"]) for row in decided(session)] == [(1, 1.0)]
    (asked,) = queue(engine, clock)
    assert (asked.example, asked.split, asked.fix, asked.clock, asked.running) == (
        example, Split.train, True, False, False,
    )  # fmt: skip


def test_the_most_doubtful_mask_is_repaired_first_whichever_way_it_came(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        kept = add_examples(session, store, 3, Split.test, [0.2, 0.9, 0.5])
        fixed = add_examples(session, store, 2, Split.train, [0.7, 0.1])
        for number in kept:
            say(session, "Bo", clock, number, KEEP)
        for number in fixed:
            say(session, "Bo", clock, number, FIX)
        assert waiting.count_due(session) == 5
    assert [one.example for one in queue(engine, clock)] == [kept[1], fixed[0], kept[2], kept[0], fixed[1]]


def test_the_undo_of_a_fix_takes_the_mask_out_of_the_queue(engine: Engine, clock: FakeClock, example: int) -> None:
    with writing(engine) as session:
        say(session, "Bo", clock, example, UNDO)
    assert state(engine, example) is State.open
    assert queue(engine, clock) == []


def test_nobody_repairs_a_training_mask_that_is_kept_as_it_is(engine: Engine, clock: FakeClock, example: int) -> None:
    with writing(engine) as session:
        say(session, "Bo", clock, example, KEEP)
    with pytest.raises(WinnowError, match=rf"Example {example} is kept as it is\. Mark it Fix on the Review page"):
        begin(engine, example, clock)


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_lead_chooses_for_each_split_whether_the_clock_runs(engine: Engine, clock: FakeClock, example: int) -> None:
    with writing(engine) as session:
        assert clocks.clocks(session) == {Split.train: False, Split.validation: False, Split.test: True}
        clocks.set_clock(session, who(session, "Lea"), Split.train, False, clock())  # as it is
        assert session.scalars(select(TouchUpClock)).all() == []
        clocks.set_clock(session, who(session, "Lea"), Split.train, True, clock())
        clocks.set_clock(session, who(session, "Lea"), Split.test, False, clock())
        assert clocks.clocks(session) == {Split.train: True, Split.validation: False, Split.test: False}
    begun = begin(engine, example, clock)
    assert (begun.seconds_shown, begun.seconds_left) == (SECONDS, 120.0)
    with writing(engine) as session:
        clocks.set_clock(session, who(session, "Lea"), Split.train, False, clock())
    clock.pass_(20)
    again = begin(engine, example, clock)
    assert (again.touch_up, again.seconds_shown, again.seconds_left) == (begun.touch_up, SECONDS, 100.0)  # it goes on


def test_without_a_clock_a_touch_up_takes_as_long_as_it_takes_and_the_time_is_recorded(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    begun = begin(engine, example, clock)
    assert (begun.seconds_shown, begun.seconds_left) == (None, None)
    saved = save(engine, store, begun.touch_up, painted(1), clock.pass_(5000))
    assert (saved.seconds_used, saved.seconds_left, saved.finished) == (5000.0, None, False)
    assert [(one.example, one.running) for one in queue(engine, clock)] == [(example, True)]
    with reading(engine) as session:
        assert waiting.finished(session, clock(), 10) == []
        assert current_masks(session, [example])[example].sha256 == begun.before  # it counts when it is finished
    assert begin(engine, example, clock).mask == saved.mask
    done = finish(engine, store, begun.touch_up, None, clock.pass_(1))
    assert (done.mask, done.seconds_used, done.seconds_left, done.finished) == (saved.mask, 5001.0, None, True)
    with reading(engine) as session:
        (shown,) = waiting.finished(session, clock(), 10)
        assert current_masks(session, [example])[example].sha256 == saved.mask
    assert (shown.seconds_used, shown.seconds_shown, shown.reviewer, shown.state) == (5001.0, None, "Ada", State.repaired)


def test_a_repair_without_a_clock_that_was_left_alone_is_taken_over_and_changes_no_more(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    first = begin(engine, example, clock)
    save(engine, store, first.touch_up, painted(1), clock.pass_(60))
    clock.pass_(29 * 60)
    assert [one.held_by for one in queue(engine, clock, "Bo")] == ["Ada"]
    assert ask_to_begin(engine, example, clock, "Bo") == HeldTouchUp("Ada", own=False, seconds_left=None)
    clock.pass_(60)
    assert [one.example for one in queue(engine, clock, "Bo")] == [example]
    assert [one.running for one in queue(engine, clock)] == [True]  # Ada may still go on
    second = begin(engine, example, clock, "Bo")
    assert (second.touch_up != first.touch_up, second.mask) == (True, first.before)
    assert [one.held_by for one in queue(engine, clock)] == ["Bo"]
    with reading(engine) as session:
        assert waiting.finished(session, clock(), 10) == []  # nobody has finished either
    for change in (save, finish):
        with pytest.raises(WinnowError, match="Another reviewer has taken over this mask"):
            change(engine, store, first.touch_up, painted(2), clock())
    finish(engine, store, second.touch_up, painted(3), clock.pass_(1), "Bo")
    with reading(engine) as session:
        assert [one.touch_up for one in waiting.finished(session, clock(), 10)] == [second.touch_up]


# --- the second look --------------------------------------------------------------------------------------------------


def test_a_finished_repair_goes_back_to_review_and_to_everybody_but_its_maker(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repaired = repair(engine, store, clock, example)
    assert state(engine, example) is State.repaired
    assert queue(engine, clock) == []
    with writing(engine) as session:
        (row,) = session.scalars(select(Reopening))
        assert (row.touch_up_id, row.reviewer_id, row.after_verdict) == (repaired.touch_up, who(session, "Ada"), 1)
        assert session.scalar(select(func.count()).select_from(Verdict)) == 1  # Bo's, on record
        assert counts(session) == Counts(keep=0, repaired=1, reject=0, open=0)
        assert session.scalars(approved()).all() == []
        assert hand(session, "Ada", clock) == []
        assert (
            count_waiting(session, who(session, "Ada"), Wanted(), 0, clock().date()),
            count_own_repairs(session, "Ada", Wanted(), clock().date()),
        ) == (0, 1)
        for show in (ShowFilter.all, ShowFilter.unseen, ShowFilter.touched):
            assert hand(session, "Ada", clock, show) == []
        assert (
            count_waiting(session, who(session, "Bo"), Wanted(), 0, clock().date()),
            count_own_repairs(session, "Bo", Wanted(), clock().date()),
        ) == (
            1,
            0,
        )
        (card,) = hand(session, "Bo", clock)
    assert (card.mask, card.repaired_by, card.reasons[0]) == (repaired.mask, "Ada", "repaired by Ada")


def test_check_finds_a_repair_that_would_be_dealt_to_the_wrong_reviewers(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repair(engine, store, clock, example)
    with writing(engine) as session:
        session.get_one(Standing, example).first_reviewer_id = who(session, "Bo")
        session.flush()
        assert wrongly_standing(session) == [example]


def test_who_keeps_the_repaired_mask_approves_it_and_it_is_frozen_in_every_split(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repaired = repair(engine, store, clock, example)
    with writing(engine) as session:
        say(session, "Bo", clock, example, KEEP, repaired.mask)
    assert state(engine, example) is State.keep
    with writing(engine) as session:
        assert session.get_one(Standing, example).first_reviewer_id is None  # two have looked at it: no third is asked
        assert hand(session, "Cy", clock) == []
    freeze(engine, "", clock(), by="Ada")
    with reading(engine) as session:
        (member,) = session.scalars(select(SetMember))
        assert (member.split, member.mask_sha256) == (Split.train, repaired.mask)
        assert session.get_one(Example, example).mask_sha256 != repaired.mask


def test_sent_back_it_waits_again_and_is_repaired_further_from_where_it_was(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repaired = repair(engine, store, clock, example)
    with writing(engine) as session:
        say(session, "Bo", clock, example, FIX, repaired.mask)
    assert state(engine, example) is State.fix
    (asked,) = queue(engine, clock, "Cy")
    assert (asked.mask, asked.running) == (repaired.mask, False)
    with reading(engine) as session:
        assert [one.state for one in waiting.finished(session, clock(), 10)] == [State.fix]
    second = begin(engine, example, clock, "Cy")
    assert (second.before, second.mask) == (repaired.mask, repaired.mask)
    finish(engine, store, second.touch_up, painted(9), clock.pass_(9), "Cy")
    with writing(engine) as session:
        assert hand(session, "Cy", clock) == []
        assert [card.repaired_by for card in hand(session, "Ada", clock)] == ["Cy"]


def test_the_undo_of_a_second_look_leaves_the_repair_waiting_for_another(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repair(engine, store, clock, example)
    with writing(engine) as session:
        say(session, "Bo", clock, example, KEEP)
        say(session, "Bo", clock, example, UNDO)
    assert state(engine, example) is State.repaired
    with writing(engine) as session:
        assert hand(session, "Ada", clock) == []


def test_nobody_approves_their_own_repair_unless_a_lead_says_so(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repair(engine, store, clock, example)
    with writing(engine) as session:
        say(session, "Ada", clock, example, KEEP)
    assert state(engine, example) is State.repaired
    with writing(engine) as session:
        assert [card.example for card in hand(session, "Bo", clock)] == [example]
        say(session, "Ada", clock, example, UNDO)
        clock.pass_(700)  # Bo's lease has run out
        assert [card.repaired_by for card in hand(session, "Ada", clock, ShowFilter.repaired)] == ["Ada"]
        say(session, "Ada", clock, example, KEEP, settles=True)
    assert state(engine, example) is State.keep


def test_a_verdict_on_the_mask_before_is_refused_for_nobody_saw_the_repair(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    with writing(engine) as session:
        (card,) = hand(session, "Cy", clock)  # a blind second opinion, on the contributor's mask
        assert card.repaired_by is None
    repaired = repair(engine, store, clock, example)
    with writing(engine) as session:
        answer = say(session, "Cy", clock, example, KEEP, card.mask)
        assert (answer.taken, len(answer.outdated)) == (0, 1)
    assert state(engine, example) is State.repaired
    with writing(engine) as session:
        assert say(session, "Cy", clock, example, KEEP, repaired.mask).outdated == []
    assert state(engine, example) is State.keep


def test_a_verdict_that_was_recorded_before_the_repair_may_be_sent_again(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    given = NewVerdict(example, FIX, None, "same", mask="0" * 64)
    with writing(engine) as session:
        record(session, who(session, "Cy"), [given], clock())
    repair(engine, store, clock, example)
    with writing(engine) as session:
        answer = record(session, who(session, "Cy"), [given], clock())
    assert (answer.taken, list(answer.numbers), answer.outdated) == (0, ["same"], [])


@pytest.mark.parametrize(
    ("meanwhile", "expected"), [(KEEP, State.repaired), (REJECT, State.disputed)], ids=["kept", "rejected"]
)
def test_a_verdict_during_the_repair_is_answered_by_it_unless_it_rejects(
    engine: Engine, store: Store, clock: FakeClock, example: int, meanwhile: Decision, expected: State
) -> None:
    begun = begin(engine, example, clock)
    with writing(engine) as session:
        say(session, "Cy", clock, example, meanwhile)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(9))
    assert state(engine, example) is expected


def test_agreement_counts_fixes_but_no_verdict_on_a_repaired_mask(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    with writing(engine) as session:
        say(session, "Cy", clock, example, KEEP)
    with reading(engine) as session:
        assert ratings(session) == {example: {"Bo": FIX, "Cy": KEEP}}
    repair(engine, store, clock, example)
    with writing(engine) as session:
        say(session, "Bo", clock, example, KEEP)
        say(session, "Dan", clock, example, KEEP)
    with reading(engine) as session:
        assert ratings(session) == {example: {"Bo": FIX, "Cy": KEEP}}


def test_a_control_example_may_be_one_to_fix_and_its_repair_withdraws_it(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1)
        set_answer(session, who(session, "Lea"), example, FIX, None, clock())
        assert [one.answer for one in gold_answers(session, [])] == [FIX]
    assert state(engine, example) is State.fix
    repair(engine, store, clock, example)
    with reading(engine) as session:
        assert gold_answers(session, []) == []


def test_a_repair_that_is_sent_back_from_a_report_is_open_for_everybody(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    repaired = repair(engine, store, clock, example)
    with writing(engine) as session:
        send_back(session, [example], "Lea", None, clock())
    assert state(engine, example) is State.open
    with writing(engine) as session:
        (card,) = hand(session, "Ada", clock)
    assert (card.mask, card.repaired_by, card.reasons[0]) == (repaired.mask, None, "sent back to review")


def test_a_kept_test_mask_stays_kept_when_it_is_touched_up_and_can_be_sent_back(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1, Split.test)
        say(session, "Bo", clock, example, KEEP)
    repaired = repair(engine, store, clock, example)
    assert state(engine, example) is State.keep
    with writing(engine) as session:
        assert session.scalars(select(Reopening)).all() == []
        (card,) = hand(session, "Cy", clock, ShowFilter.touched)
        say(session, "Cy", clock, example, FIX, card.mask)
    assert state(engine, example) is State.fix
    (asked,) = queue(engine, clock)
    assert (asked.example, asked.fix, asked.mask) == (example, True, repaired.mask)


# --- ends without a word ----------------------------------------------------------------------------------------------


def test_a_repair_whose_time_ran_out_in_a_closed_browser_wants_a_second_look_too(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    with writing(engine) as session:
        clocks.set_clock(session, who(session, "Lea"), Split.train, True, clock())
    begun = begin(engine, example, clock)
    saved = save(engine, store, begun.touch_up, painted(1), clock.pass_(119))
    ended(engine, clock)
    assert state(engine, example) is State.fix  # a second is left
    clock.pass_(1)
    ended(engine, clock)
    ended(engine, clock)
    assert state(engine, example) is State.repaired
    with reading(engine) as session:
        rows = session.execute(select(TouchUpSave.mask_after_sha256, TouchUpSave.finished, TouchUpSave.seconds_used)).all()
        assert rows == [(saved.mask, False, 119.0), (saved.mask, True, 120.0)]
        assert session.scalar(select(func.count()).select_from(Reopening)) == 1


def test_one_that_ran_out_with_nothing_painted_repaired_nothing_and_the_mask_waits_on(
    engine: Engine, clock: FakeClock, example: int
) -> None:
    with writing(engine) as session:
        clocks.set_clock(session, who(session, "Lea"), Split.train, True, clock())
    begin(engine, example, clock)
    clock.pass_(SECONDS)
    ended(engine, clock)
    assert state(engine, example) is State.fix
    assert [(one.example, one.running) for one in queue(engine, clock)] == [(example, False)]


def test_a_touch_up_from_before_the_fix_does_not_answer_it(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1, Split.test)
        say(session, "Bo", clock, example, KEEP)
    begun = begin(engine, example, clock)
    save(engine, store, begun.touch_up, painted(1), clock.pass_(9))
    clock.pass_(SECONDS)
    with writing(engine) as session:
        say(session, "Cy", clock, example, FIX)
    ended(engine, clock)
    assert state(engine, example) is State.fix


def ended(engine: Engine, clock: FakeClock) -> None:
    with writing(engine) as session:
        saves.finish_ended(session, clock())


def test_a_verdict_at_the_moment_a_repair_is_finished_comes_before_or_after_it(
    engine: Engine, store: Store, clock: FakeClock, example: int
) -> None:
    """Whoever comes second waits for the other's commit; the verdict on the mask before never approves the repair."""
    begun = begin(engine, example, clock)
    finishing = threading.Thread(target=lambda: finish(engine, store, begun.touch_up, painted(1), clock()))
    with writing(engine) as session:
        say(session, "Cy", clock, example, KEEP)
        finishing.start()
        while engine.dialect.name == "postgresql" and finishing.is_alive() and not blocked(engine):
            pass
    finishing.join()
    assert state(engine, example) is State.repaired
    with reading(engine) as session:
        assert session.scalars(select(newest_verdicts().c.id)).all() == []
        assert session.scalars(select(TouchUp)).one().id == begun.touch_up
