"""Examples sent back to review: they are open again, their earlier verdicts don't count and are not overwritten."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from curator.review.deck import Card, ShowFilter, Wanted, count_waiting, deal, queue
from curator.review.gold import gold_answers, set_answer, unseen_gold
from curator.review.leases import claim
from curator.review.progress import ratings
from curator.review.reopening import send_back
from curator.review.reviewers import decided, reviewer_called
from curator.review.standing import Counts, approved, counts, wrongly_standing
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import freeze, set_hash
from curator.upkeep.check import check
from db.errors import WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import (
    CuratedSet,
    Decision,
    Example,
    Lease,
    Reason,
    Reopening,
    SetMember,
    Standing,
    State,
    TouchUp,
    TouchUpSave,
    Verdict,
)
from tests.conftest import FakeClock, on_both_servers
from tests.examples import TOMORROW, add_examples
from tests.trained import add_run, freeze_all

pytestmark = on_both_servers

KEEP, REJECT, UNDO = Decision.keep, Decision.reject, Decision.undo
AGAIN = "sent back from the report of run 1"


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """Three examples that ada kept, and a run on a set of them."""
    with writing(engine) as session:
        examples = add_examples(session, store, 3)
        add_run(session, store, freeze_all(session, examples, clock()), clock())
    return examples


def say(session: Session, who: str, clock: FakeClock, example: int, decision: Decision, *, settles: bool = False) -> None:
    given = NewVerdict(example, decision, Reason.not_hair if decision is REJECT else None, new_client_id(), settles)
    record(session, reviewer_called(session, who).id, [given], clock())


def back(session: Session, clock: FakeClock, *examples: int, by: str = "Lea", run: int | None = 1) -> list[int]:
    return send_back(session, examples, by, run, clock())


def state(session: Session, example: int) -> State:
    return session.scalars(select(Standing.state).where(Standing.example_id == example)).one()


def hand(session: Session, who: str, clock: FakeClock, **more: object) -> list[Card]:
    return deal(session, reviewer_called(session, who).id, 10, clock(), **more).cards


# --- what counts -----------------------------------------------------------------------------------------------------


def test_an_example_that_is_sent_back_is_open_and_its_verdicts_stay(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first, second, third = examples
    with writing(engine) as session:
        assert back(session, clock, third, first) == [first, third]
    with reading(engine) as session:
        assert counts(session) == Counts(keep=1, reject=0, open=2)
        assert [one.id for one in session.scalars(approved())] == [second]
        assert [one.decision for one in session.scalars(select(Verdict))] == [KEEP] * 3
        rows = session.scalars(select(Reopening).order_by(Reopening.id)).all()
        assert [(row.example_id, row.run_id, row.after_verdict, row.at) for row in rows] == [
            (first, 1, 1, clock()),
            (third, 1, 3, clock()),
        ]
        assert wrongly_standing(session) == []


def test_only_later_verdicts_count(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first = examples[0]
    with writing(engine) as session:
        say(session, "Bo", clock, first, REJECT)
        assert state(session, first) is State.disputed
        back(session, clock, first)
        say(session, "Cy", clock, first, KEEP)
        assert state(session, first) is State.keep  # neither ada's keep nor Bo's reject is in it
        say(session, "Bo", clock, first, REJECT)
        assert state(session, first) is State.disputed
        assert wrongly_standing(session) == []


def test_a_leads_settlement_is_sent_back_like_anything_else(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first = examples[0]
    with writing(engine) as session:
        say(session, "Bo", clock, first, REJECT)
        say(session, "Lea", clock, first, KEEP, settles=True)
        back(session, clock, first)
        say(session, "ada", clock, first, REJECT)
        assert state(session, first) is State.reject


def test_an_undo_of_what_no_longer_counts_changes_nothing(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first = examples[0]
    with writing(engine) as session:
        say(session, "ada", clock, first, REJECT)
        back(session, clock, first)
        say(session, "ada", clock, first, UNDO)
        assert state(session, first) is State.open  # her keep before the reject comes back no more
        say(session, "Bo", clock, first, KEEP)
        say(session, "ada", clock, first, UNDO)
        say(session, "ada", clock, first, UNDO)
        assert state(session, first) is State.keep
        assert wrongly_standing(session) == []


def test_an_undo_of_a_later_verdict_leaves_it_open(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first = examples[0]
    with writing(engine) as session:
        back(session, clock, first)
        say(session, "ada", clock, first, REJECT)
        say(session, "ada", clock, first, UNDO)
        assert state(session, first) is State.open  # not kept, as it was before it was sent back
        assert wrongly_standing(session) == []


def test_an_example_can_be_sent_back_again_and_twice_in_a_row_is_once(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first = examples[0]
    with writing(engine) as session:
        assert back(session, clock, first) == back(session, clock, first) == [first]
        assert session.scalar(select(func.count()).select_from(Reopening)) == 1
        say(session, "ada", clock, first, KEEP)
        assert back(session, clock, first, first) == [first]
        assert session.scalar(select(func.count()).select_from(Reopening)) == 2
        assert state(session, first) is State.open


def test_examples_that_do_not_exist_are_ignored(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        assert back(session, clock, 999, examples[1]) == [examples[1]]
        assert back(session, clock, 999) == back(session, clock) == []
        assert session.scalar(select(func.count()).select_from(Reopening)) == 1


def test_an_invalid_name_sends_nothing_back(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with pytest.raises(WinnowError, match="1 to 80 printable characters"), writing(engine) as session:
        back(session, clock, examples[0], by=" ")
    with reading(engine) as session:
        assert counts(session).open == 0


def test_an_error_in_the_middle_sends_nothing_back(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as session:  # noqa: PT012 - what stands in the with is the test
        back(session, clock, *examples)
        session.flush()
        raise ZeroDivisionError
    with reading(engine) as session:
        assert counts(session).keep == 3
        assert session.scalar(select(func.count()).select_from(Reopening)) == 0


def test_a_reopening_is_never_changed(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        back(session, clock, examples[0])
    with pytest.raises(WinnowError, match="Rows of the table reopening are never changed"), writing(engine) as session:
        session.scalars(select(Reopening)).one().after_verdict = 0


def test_check_finds_what_stands_as_if_it_had_not_been_sent_back(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        back(session, clock, examples[0])
    with reading(engine) as session:
        assert check(session, store, TOMORROW).wrongly_standing == []
    with writing(engine) as session:
        session.get_one(Standing, examples[0]).state = State.keep
    with reading(engine) as session:
        assert check(session, store, TOMORROW).wrongly_standing == [examples[0]]


# --- what stays ------------------------------------------------------------------------------------------------------


def test_a_frozen_set_keeps_what_is_sent_back_and_the_next_one_lacks_it(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        members = session.scalars(select(SetMember.example_id).order_by(SetMember.position)).all()
        back(session, clock, examples[0])
        assert session.scalars(select(SetMember.example_id).order_by(SetMember.position)).all() == members
        rows = session.scalars(select(SetMember).where(SetMember.set_id == 1))
        content = set_hash((one.image_sha256, one.mask_sha256, one.split.value, one.skin_sha256) for one in rows)
        assert content == session.get_one(CuratedSet, 1).hash
    next_one = freeze(engine, "", clock(), by="Ada").set
    with reading(engine) as session:
        there = session.scalars(select(SetMember.example_id).where(SetMember.set_id == next_one)).all()
        assert sorted(there) == examples[1:]


def test_leases_stay_with_their_holders(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        bo = reviewer_called(session, "Bo").id
        claim(session, bo, examples[:1], clock())
        back(session, clock, *examples[:2])
        assert [(one.example_id, one.reviewer_id) for one in session.scalars(select(Lease))] == [(examples[0], bo)]


def test_earlier_verdicts_stay_in_the_figures(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Bo", clock, examples[0], REJECT)
        before = ratings(session), decided(session)
        back(session, clock, examples[0])
        assert (ratings(session), decided(session)) == before
        assert before[0] == {examples[0]: {"ada": KEEP, "Bo": REJECT}}


def test_a_control_example_is_withdrawn(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first, second, _ = examples
    with writing(engine) as session:
        lea, bo = (reviewer_called(session, name).id for name in ("Lea", "Bo"))
        for example in (first, second):
            set_answer(session, lea, example, KEEP, None, clock())
        back(session, clock, first)
        assert [one.example for one in gold_answers(session, [])] == [second]
        assert [one.example_id for one in unseen_gold(session, bo, Standing.example_id > 0)] == [second]
        back(session, clock, first)  # what is withdrawn isn't withdrawn again
        set_answer(session, lea, first, REJECT, Reason.not_hair, clock.pass_(1))
        assert {one.example: one.answer for one in gold_answers(session, [])} == {first: REJECT, second: KEEP}


# --- what the deck shows ---------------------------------------------------------------------------------------------


def test_everybody_gets_it_again_with_the_reason(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first, second, _ = examples
    with writing(engine) as session:
        back(session, clock, first)
        back(session, clock, second, run=None)
        cards = hand(session, "ada", clock)
        assert [(card.example, card.reasons) for card in cards] == [
            (first, [AGAIN, "the edge is straight"]),
            (second, ["sent back to review", "the edge is straight"]),
        ]
        assert {row["example"]: row["reasons"][0] for row in queue(session, None)} == {
            first: AGAIN,
            second: "sent back to review",
        }


def test_the_reason_is_shown_until_it_is_judged(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    first = examples[0]
    look = Wanted(show=ShowFilter.all)
    with writing(engine) as session:
        back(session, clock, first)
        say(session, "Bo", clock, first, KEEP)
        (card,) = (card for card in hand(session, "ada", clock, wanted=look) if card.example == first)
        assert card.reasons == ["the edge is straight"]
        say(session, "Bo", clock, first, UNDO)
        (card,) = hand(session, "ada", clock)
        assert card.reasons == [AGAIN, "the edge is straight"]


def test_a_reviewer_who_judged_it_before_holds_the_card_until_they_judge_it_again(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first = examples[0]
    with writing(engine) as session:
        back(session, clock, first)
        ada = reviewer_called(session, "ada").id
        assert deal(session, ada, 5, clock(), [first]).gone == []
        say(session, "ada", clock, first, REJECT)
        assert deal(session, ada, 5, clock(), [first]).gone == [first]


def test_not_yet_seen_includes_what_one_judged_before_reopening(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    unseen, rejected = Wanted(show=ShowFilter.unseen), Wanted(reason=Reason.not_hair)
    with writing(engine) as session:
        ada, bo = (reviewer_called(session, name).id for name in ("ada", "Bo"))
        say(session, "ada", clock, examples[1], REJECT)
        assert count_waiting(session, ada, unseen, 0, clock().date()) == 0
        assert count_waiting(session, bo, rejected, 0, clock().date()) == 1
        back(session, clock, examples[1])
        assert count_waiting(session, ada, unseen, 0, clock().date()) == 1
        assert count_waiting(session, bo, rejected, 0, clock().date()) == 0


def test_it_shows_the_mask_that_the_report_measured_against(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first, second, _ = examples
    with writing(engine) as session:
        before = session.get_one(Example, first).mask_sha256
        repaired = store.put(b"a repaired mask")
        save = TouchUpSave(mask_after_sha256=repaired, seconds_used=1.0, finished=True, at=clock())
        ada = reviewer_called(session, "ada").id
        session.add(
            TouchUp(
                example_id=first, reviewer_id=ada, mask_before_sha256=before, started_at=clock(), seconds_shown=9, saves=[save]
            )
        )
        back(session, clock, first, second)
        untouched = session.get_one(Example, second).mask_sha256
        assert {card.example: card.mask for card in hand(session, "Bo", clock)} == {first: repaired, second: untouched}
