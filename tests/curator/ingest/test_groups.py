"""Of examples that show the same picture one is open at a time, whatever is said, undone, sent back or erased."""

import random
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from curator.ingest.groups import join_group, leave_groups
from curator.ingest.likeness import Duplicate
from curator.review.deck import ShowFilter, Wanted, count_waiting, deal, queue
from curator.review.reopening import send_back
from curator.review.reviewers import reviewer_called
from curator.review.standing import GroupMember, approved, counts, group_states, wrongly_standing
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import freeze
from db.session import writing
from db.store import Store
from db.tables import Decision, Example, Split, Standing, State
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples
from tests.postgres import blocked

KEEP, REJECT, UNDO = Decision.keep, Decision.reject, Decision.undo


def grouped(session: Session, examples: Sequence[int]) -> None:
    """Let each of the examples come in after the others, as a newcomer with the same picture."""
    for example in examples[1:]:
        join_group(session, session.get_one(Example, example), [Duplicate(examples[0], Split.train)])


def says(session: Session, clock: FakeClock, who: str, example: int, decision: Decision, *, settles: bool = False) -> None:
    reviewer = reviewer_called(session, who).id
    record(session, reviewer, [NewVerdict(example, decision, None, new_client_id(), settles)], clock.pass_(1))


def states(session: Session) -> str:
    """The states of all examples in the order of their numbers, a letter each."""
    found = session.scalars(select(Standing.state).order_by(Standing.example_id))
    return "".join(state.value[0] for state in found)


@on_both_servers
def test_the_next_of_a_group_opens_when_the_one_before_was_rejected(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 4, suspicions=[0.5, 0.1, 0.3, 0.2])
        grouped(session, examples[:3])
        assert states(session) == "wowo"  # the least doubtful of the three, and the one that is alone
        says(session, clock, "ada", examples[1], REJECT)
        assert states(session) == "wroo"
        says(session, clock, "ada", examples[2], KEEP)
        assert states(session) == "wrko"
        says(session, clock, "bo", examples[2], REJECT)
        assert states(session) == "wrdo"  # what is disputed may still be kept
        says(session, clock, "ada", examples[2], REJECT, settles=True)
        assert states(session) == "orro"
        says(session, clock, "ada", examples[1], UNDO)
        assert states(session) == "woro"
        assert wrongly_standing(session) == []


@on_both_servers
def test_what_waits_is_in_nobodys_deck_and_not_counted_as_work(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 3, suspicions=[0.5, 0.1, 0.3])
        grouped(session, examples)
        ada = reviewer_called(session, "ada").id
        for wanted in (Wanted(), Wanted(show=ShowFilter.all), Wanted(show=ShowFilter.unseen)):
            dealt = deal(session, ada, 5, clock(), wanted=wanted)
            assert [card.example for card in dealt.cards] == [examples[1]]
            assert count_waiting(session, ada, wanted, 0, clock().date()) == 1
        assert [row["example"] for row in queue(session, None)] == [examples[1]]
        now = counts(session)
        assert (now.open, now.waiting, now.examples) == (1, 2, 3)


def test_a_card_in_hand_goes_when_a_less_doubtful_one_of_its_picture_comes_in(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        first, second = add_examples(session, store, 2, suspicions=[0.5, 0.1])
        ada = reviewer_called(session, "ada").id
        assert {card.example for card in deal(session, ada, 5, clock()).cards} == {first, second}
        grouped(session, [first, second])
        assert deal(session, ada, 5, clock(), held=[first, second]).gone == [first]
        assert deal(session, ada, 5, clock(), held=[first, second], wanted=Wanted(show=ShowFilter.all)).gone == [first]


def test_of_two_that_are_kept_the_less_doubtful_is_frozen(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 3, suspicions=[0.5, 0.1, 0.3])
        for example in examples:  # before anybody knew that two of them show the same
            says(session, clock, "ada", example, KEEP)
        grouped(session, examples[:2])
        assert states(session) == "kkk"
        assert [example.id for example in session.scalars(approved())] == examples[1:]
    assert freeze(engine, "", clock(), by="Ada").examples == 2


def test_what_is_sent_back_stands_in_its_group_again(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2, suspicions=[0.1, 0.5])
        grouped(session, examples)
        says(session, clock, "ada", examples[0], REJECT)
        says(session, clock, "ada", examples[1], KEEP)
        assert states(session) == "rk"
        assert send_back(session, examples[:1], "ada", None, clock.pass_(1)) == examples[:1]
        assert states(session) == "wk"  # open it would be beside a kept one
        assert send_back(session, examples[1:], "ada", None, clock.pass_(1)) == examples[1:]
        assert states(session) == "ow"
        assert wrongly_standing(session) == []


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_without_one_the_others_go_on_as_a_group(engine: Engine, store: Store, clock: FakeClock, gone: int) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 3, suspicions=[0.1, 0.2, 0.3])
        grouped(session, examples)
        leave_groups(session, select(Example.id).where(Example.id == examples[gone]))
        left = [example for example in examples if example != examples[gone]]
        groups = dict(session.execute(select(Example.id, Example.group_id)).all())
        assert groups == {examples[gone]: None, left[0]: left[0], left[1]: left[0]}
        assert session.get_one(Standing, left[0]).state is State.open
        assert session.get_one(Standing, left[1]).state is State.waiting
        leave_groups(session, select(Example.id).where(Example.id == left[0]))
        assert session.get_one(Example, left[1]).group_id is None
        assert session.get_one(Standing, left[1]).state is State.open


def test_a_picture_like_two_groups_makes_one_of_them(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 5, suspicions=[0.1, 0.2, 0.3, 0.4, 0.5])
        grouped(session, examples[:2])
        grouped(session, examples[2:4])
        assert states(session) == "owowo"
        duplicates = [Duplicate(examples[number], Split.train) for number in (0, 2)]
        join_group(session, session.get_one(Example, examples[4]), duplicates)
        assert set(session.scalars(select(Example.group_id))) == {examples[0]}
        assert states(session) == "owwww"
        assert wrongly_standing(session) == []


def test_check_finds_what_stands_where_its_group_does_not_put_it(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2, suspicions=[0.1, 0.2])
        grouped(session, examples)
        session.get_one(Standing, examples[1]).state = State.open
        session.flush()
        assert wrongly_standing(session) == [examples[1]]


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2]), st.sampled_from([each for each in State if each != "waiting"])), max_size=6)
)
def test_one_is_open_at_most_and_one_is_as_long_as_none_may_be_kept(members: list[tuple[float, State]]) -> None:
    group = [GroupMember(number, doubt, alone) for number, (doubt, alone) in enumerate(members)]
    found = group_states(random.Random(1).sample(group, len(group)))
    alone = {member.example: member.alone for member in group}
    assert {example for example, state in found.items() if state is not alone[example]} == {
        example for example, state in found.items() if state is State.waiting
    }
    opens = [member for member in group if found[member.example] is State.open]
    may_be_kept = any(state in (State.keep, State.fix, State.repaired, State.disputed) for state in alone.values())
    unjudged = [member for member in group if member.alone is State.open]
    assert len(opens) == (1 if unjudged and not may_be_kept else 0)
    assert all(opens[0].doubt <= member.doubt for member in unjudged if opens)


@on_both_servers
def test_a_verdict_that_had_to_wait_for_a_newcomer_of_the_same_picture_counts_in_their_group(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        first, second = add_examples(session, store, 2, suspicions=[0.1, 0.5])
        reviewer_called(session, "ada")

    def judge() -> None:
        with writing(engine) as session:
            says(session, clock, "ada", first, REJECT)

    judging = threading.Thread(target=judge)
    with writing(engine) as session:
        join_group(session, session.get_one(Example, second), [Duplicate(first, Split.train)])
        assert states(session) == "ow"
        judging.start()
        while engine.dialect.name == "postgresql" and not blocked(engine):
            assert judging.is_alive()
    judging.join()
    with writing(engine) as session:
        assert states(session) == "ro"
        assert wrongly_standing(session) == []
