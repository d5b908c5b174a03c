"""Who sees what next."""

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from curator.deck import LEASE, deal
from curator.reviewers import reviewer_called
from curator.verdicts import Given, record
from db.session import writing
from db.store import Store
from db.tables import Decision, Lease, Suspicion
from tests.conftest import FakeClock
from tests.examples import add_examples


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 6, suspicions=[0.1, 0.9, 0.5, 0.7, 0.3, 0.2])


def dealt(session: Session, who: str, count: int, clock: FakeClock, held: tuple[int, ...] = ()) -> list[int]:
    return [card.example for card in deal(session, reviewer_called(session, who).id, count, clock(), held)]


def decide(session: Session, who: str, example: int, decision: Decision, client_id: str, clock: FakeClock) -> None:
    record(session, reviewer_called(session, who).id, [Given(example, decision, None, client_id)], clock())


def test_most_doubtful_first_and_unscored_last(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        session.delete(session.get_one(Suspicion, examples[1]))
    with writing(engine) as session:
        order = dealt(session, "Ada", 10, clock)
    assert order == [examples[i] for i in (3, 2, 4, 5, 0, 1)]


def test_a_card_says_what_the_page_shows(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        card = deal(session, reviewer_called(session, "Ada").id, 1, clock())[0]
    assert (card.example, card.photo, card.split, card.suspicion) == (examples[1], "head-001.png", "train", 0.9)
    assert card.reasons == ["the edge is straight"]
    assert card.drawn


def test_second_reviewer_never_gets_what_the_first_holds(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        ada = dealt(session, "Ada", 4, clock)
    with writing(engine) as session:
        bo = dealt(session, "Bo", 10, clock)
    assert not set(ada) & set(bo)
    assert set(ada) | set(bo) == set(examples)
    with writing(engine) as session:
        assert dealt(session, "Cy", 10, clock) == []


def test_a_reload_gets_its_own_leased_cards_again(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 3, clock)
        assert dealt(session, "Ada", 3, clock) == first


def test_a_lease_that_ran_out_comes_back_and_not_a_moment_earlier(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        dealt(session, "Ada", 6, clock)
    clock.pass_(LEASE.total_seconds() - 1)
    with writing(engine) as session:
        assert dealt(session, "Bo", 6, clock) == []
    clock.pass_(2)
    with writing(engine) as session:
        assert set(dealt(session, "Bo", 6, clock)) == set(examples)
        assert set(session.scalars(select(Lease.reviewer_id))) == {reviewer_called(session, "Bo").id}


def test_held_cards_are_left_out_and_their_leases_renewed(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        held = tuple(dealt(session, "Ada", 2, clock))
    clock.pass_(LEASE.total_seconds() - 60)
    with writing(engine) as session:
        assert dealt(session, "Ada", 0, clock, held) == []
    clock.pass_(120)
    with writing(engine) as session:
        assert not set(dealt(session, "Bo", 6, clock)) & set(held)


def test_holding_what_another_took_over_does_not_take_it_back(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        held = tuple(dealt(session, "Ada", 6, clock))
    clock.pass_(LEASE.total_seconds() + 1)
    with writing(engine) as session:
        dealt(session, "Bo", 6, clock)
        dealt(session, "Ada", 0, clock, held)
        assert set(session.scalars(select(Lease.reviewer_id))) == {reviewer_called(session, "Bo").id}


def test_decided_examples_are_not_dealt_and_an_undone_one_is_leased_again(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 1, clock)[0]
        decide(session, "Ada", first, Decision.keep, "a", clock)
    with writing(engine) as session:
        assert session.get(Lease, first) is None
        assert first not in dealt(session, "Bo", 2, clock)
        decide(session, "Ada", first, Decision.undo, "b", clock)
        dealt(session, "Ada", 0, clock, (first,))  # the page holds it again
        assert first not in dealt(session, "Bo", 10, clock)


def test_a_verdict_after_the_lease_ran_out_is_taken(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 1, clock)[0]
    clock.pass_(LEASE.total_seconds() + 60)
    with writing(engine) as session:
        dealt(session, "Bo", 1, clock)
        decide(session, "Ada", first, Decision.keep, "late", clock)
        assert first not in dealt(session, "Cy", 10, clock)
