"""Leases on examples, also when two reviewers ask at once."""

import threading

import pytest
from sqlalchemy import Engine, select

from curator.review.deck import deal
from curator.review.leases import LEASE, claim, release
from curator.review.reviewers import reviewer_called
from db.session import reading, writing
from db.store import Store
from db.tables import Lease, Standing
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples
from tests.postgres import blocked

pytestmark = on_both_servers


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 6)


@pytest.fixture
def people(engine: Engine) -> tuple[int, int]:
    with writing(engine) as session:
        ada, bo = reviewer_called(session, "Ada").id, reviewer_called(session, "Bo").id
    return ada, bo


def holders(engine: Engine) -> dict[int, int]:
    with reading(engine) as session:
        return {lease.example_id: lease.reviewer_id for lease in session.scalars(select(Lease))}


def test_what_another_holds_stays_theirs(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    ada, bo = people
    with writing(engine) as session:
        assert claim(session, ada, examples[:3], clock()) == set(examples[:3])
        assert claim(session, bo, examples, clock()) == set(examples[3:])
    assert holders(engine) == dict.fromkeys(examples[:3], ada) | dict.fromkeys(examples[3:], bo)


def test_a_lease_is_renewed_by_its_holder_and_taken_over_once_it_ran_out(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    ada, bo = people
    with writing(engine) as session:
        claim(session, ada, examples[:2], clock())
    clock.pass_(LEASE.total_seconds() - 1)
    with writing(engine) as session:
        assert claim(session, ada, examples[:1], clock()) == {examples[0]}
    clock.pass_(2)
    with writing(engine) as session:
        assert claim(session, bo, examples[:2], clock()) == {examples[1]}


def test_a_lease_ends_at_the_very_moment_that_it_names(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    ada, bo = people
    with writing(engine) as session:
        claim(session, ada, examples, clock())
    clock.pass_(LEASE.total_seconds() - 0.001)
    with writing(engine) as session:
        assert deal(session, bo, 6, clock()).cards == []
        assert claim(session, bo, examples, clock()) == set()
    clock.pass_(0.001)
    with writing(engine) as session:
        assert [card.example for card in deal(session, bo, 3, clock()).cards] == examples[:3]
        assert claim(session, bo, examples, clock()) == set(examples)


def test_releasing_ends_only_ones_own(engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]) -> None:
    ada, bo = people
    with writing(engine) as session:
        claim(session, ada, examples[:2], clock())
        release(session, bo, examples)
        release(session, ada, examples[:1])
    assert holders(engine) == {examples[1]: ada}


def test_two_reviewers_who_ask_at_the_same_moment_get_different_cards(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    got: dict[int, list[int]] = {}
    both_ready = threading.Barrier(2, timeout=20)

    def ask(who: int) -> None:
        both_ready.wait()
        with writing(engine) as session:
            got[who] = [card.example for card in deal(session, who, 3, clock()).cards]

    threads = [threading.Thread(target=ask, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ada, bo = people
    assert sorted(got[ada] + got[bo]) == examples
    assert holders(engine) == dict.fromkeys(got[ada], ada) | dict.fromkeys(got[bo], bo)


def test_leases_are_released_in_the_order_in_which_they_are_claimed(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    """In another order, two transactions of one reviewer would wait for each other: a deadlock."""
    ada, _ = people
    first, last = examples[0], examples[-1]
    with writing(engine) as session:
        for example in reversed(examples):  # so that the last one lies first in the table
            claim(session, ada, [example], clock())

    def release_all() -> None:
        with writing(engine) as session:
            release(session, ada, examples)

    releasing = threading.Thread(target=release_all)
    with writing(engine) as session:
        claim(session, ada, [first], clock())
        releasing.start()
        while engine.dialect.name == "postgresql" and not blocked(engine):
            assert releasing.is_alive()
        free = select(Lease.example_id).where(Lease.example_id == last).with_for_update(nowait=True)
        assert session.scalars(free).all() == [last]  # whoever waits for the first one holds no other
    releasing.join()
    assert holders(engine) == {}


def test_leases_are_claimed_in_the_order_of_their_examples(
    engine: Engine, clock: FakeClock, examples: list[int], people: tuple[int, int]
) -> None:
    """In another order, two reviewers who want the same examples would wait for each other: a deadlock."""
    ada, bo = people
    first, last = examples[0], examples[-1]
    with writing(engine) as session:
        session.get_one(Standing, first).lot = 0.5  # a row that is changed lies last in the table

    def claim_all() -> None:
        with writing(engine) as session:
            claim(session, bo, examples, clock())

    claiming = threading.Thread(target=claim_all)
    with writing(engine) as session:
        claim(session, ada, [first], clock())
        claiming.start()
        while engine.dialect.name == "postgresql" and not blocked(engine):
            assert claiming.is_alive()
        assert claim(session, ada, [last], clock()) == {last}  # whoever waits for the first one holds no other
    claiming.join()
    assert holders(engine) == dict.fromkeys(examples, bo) | {first: ada, last: ada}


def test_two_first_requests_at_once_make_one_reviewer(engine: Engine, examples: list[int]) -> None:
    found: list[int] = []
    both_ready = threading.Barrier(2, timeout=20)

    def ask() -> None:
        both_ready.wait()
        with writing(engine) as session:
            found.append(reviewer_called(session, "Cy").id)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
