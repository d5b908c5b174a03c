"""The state of an example from the opinions on it."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Select, select, update

from curator.review.opinions import Opinion
from curator.review.standing import (
    GroupMember,
    agreed_state,
    approved,
    approved_among,
    first_reviewer,
    group_states,
    lock_standings,
    random_rank,
    update_standings,
    wants_second_look,
    wrongly_standing,
)
from db.session import connect, migrate, reading, writing
from db.tables import Decision, Example, Split, Standing, State
from tests.conftest import counted_instructions, on_both_servers
from tests.examples import add_bare_examples

KEEP, FIX, REJECT = Decision.keep, Decision.fix, Decision.reject
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)


@pytest.mark.parametrize(
    ("opinions", "state"),
    [
        ([], State.open),
        ([Opinion(1, 1, KEEP)], State.keep),
        ([Opinion(1, 1, REJECT)], State.reject),
        ([Opinion(1, 1, FIX)], State.fix),
        ([Opinion(1, 1, FIX), Opinion(2, 2, FIX)], State.fix),
        ([Opinion(1, 1, FIX), Opinion(2, 2, KEEP)], State.fix),  # a repair spoils nothing
        ([Opinion(1, 1, FIX), Opinion(2, 2, REJECT)], State.disputed),
        ([Opinion(1, 1, FIX), Opinion(2, 2, KEEP), Opinion(3, 3, REJECT)], State.disputed),
        ([Opinion(1, 1, REJECT), Opinion(2, 2, FIX, settles=True)], State.fix),
        ([Opinion(1, 1, FIX), Opinion(2, 2, KEEP, settles=True)], State.keep),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, KEEP)], State.keep),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, REJECT)], State.disputed),
        ([Opinion(1, 1, REJECT), Opinion(2, 2, KEEP), Opinion(3, 3, KEEP)], State.disputed),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, REJECT), Opinion(3, 3, REJECT, settles=True)], State.reject),
        ([Opinion(3, 3, KEEP, settles=True), Opinion(4, 4, REJECT)], State.keep),  # a later verdict reopens nothing
        ([Opinion(5, 5, REJECT, settles=True), Opinion(3, 3, KEEP, settles=True)], State.reject),  # the newer settlement
    ],
)
def test_state_follows_the_opinions(opinions: list[Opinion], state: State) -> None:
    assert agreed_state(opinions) is state


@pytest.mark.parametrize(
    ("opinions", "state"),
    [
        ([], State.repaired),
        ([Opinion(1, 7, KEEP)], State.repaired),
        ([Opinion(1, 7, KEEP, settles=True)], State.keep),
        ([Opinion(1, 7, FIX)], State.fix),
        ([Opinion(1, 7, REJECT)], State.reject),
        ([Opinion(1, 8, KEEP)], State.keep),
        ([Opinion(1, 8, FIX)], State.fix),
        ([Opinion(1, 7, KEEP), Opinion(2, 8, REJECT)], State.reject),
        ([Opinion(1, 7, KEEP, settles=True), Opinion(2, 8, FIX)], State.keep),
    ],
)
def test_the_state_of_a_repaired_mask_follows_the_opinions_of_others_than_its_repairer(
    opinions: list[Opinion], state: State
) -> None:
    assert agreed_state(opinions, repairer=7) is state


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("state", State)
def test_every_repair_wants_a_second_look_but_of_kept_test_masks_and_rejected_ones(state: State, split: Split) -> None:
    as_the_paper = state is State.keep and split is Split.test
    assert wants_second_look(state, split) is not (as_the_paper or state in (State.reject, State.disputed))


@pytest.mark.parametrize("beside", [State.keep, State.fix, State.repaired, State.disputed])
def test_of_a_group_none_is_open_beside_one_that_may_still_be_approved(beside: State) -> None:
    members = [GroupMember(1, 0.1, State.open), GroupMember(2, 0.9, beside), GroupMember(3, 0.5, State.open)]
    assert group_states(members) == {1: State.waiting, 2: beside, 3: State.waiting}


@given(st.lists(st.tuples(st.sampled_from([KEEP, FIX, REJECT]), st.booleans()), max_size=6), st.randoms())
def test_order_of_opinions_decides_nothing(said: list[tuple[Decision, bool]], chance: random.Random) -> None:
    opinions = [Opinion(number, number, decision, settles) for number, (decision, settles) in enumerate(said)]
    shuffled = opinions.copy()
    chance.shuffle(shuffled)
    assert agreed_state(shuffled) is agreed_state(opinions)


def test_only_a_single_blind_opinion_gets_a_second() -> None:
    sha = "f" * 64  # the last to be chosen
    one, other = Opinion(1, 7, KEEP), Opinion(2, 8, KEEP)
    assert first_reviewer([one], sha, 1.0) == 7
    assert first_reviewer([one], sha, 0.99) is None
    assert first_reviewer([], sha, 1.0) is None
    assert first_reviewer([one, other], sha, 1.0) is None
    assert first_reviewer([Opinion(1, 7, KEEP, settles=True)], sha, 1.0) is None
    assert first_reviewer([Opinion(1, 7, FIX)], sha, 1.0) == 7


def test_a_repaired_mask_gets_a_second_look_and_no_third() -> None:
    sha = "f" * 64
    assert first_reviewer([], sha, 0.0, repairer=7) == 7
    assert first_reviewer([Opinion(1, 7, KEEP)], sha, 0.0, repairer=7) == 7
    assert first_reviewer([Opinion(1, 8, KEEP)], sha, 1.0, repairer=7) is None
    assert first_reviewer([Opinion(1, 8, FIX)], sha, 1.0, repairer=7) is None


@given(SHA)
def test_a_share_of_none_gives_no_second_opinions_and_of_all_one_for_each(sha: str) -> None:
    assert first_reviewer([Opinion(1, 7, KEEP)], sha, 0.0) is None
    assert first_reviewer([Opinion(1, 7, KEEP)], sha, 1.0) == 7
    assert 0 <= random_rank(sha) < 1


def test_second_opinions_meet_their_share_and_are_independent_of_the_random_order() -> None:
    shas = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]
    asked = [sha for sha in shas if first_reviewer([Opinion(1, 7, KEEP)], sha, 0.2)]
    assert len(asked) / len(shas) == pytest.approx(0.2, abs=0.02)
    assert sum(random_rank(sha) for sha in asked) / len(asked) == pytest.approx(0.5, abs=0.04)


# --- groups -----------------------------------------------------------------------------------------------------------


@on_both_servers
def test_a_verdict_locks_its_example_with_the_whole_group_and_no_others(engine: Engine) -> None:
    with writing(engine) as session:
        add_bare_examples(session, 9, group_of=3)
        session.get_one(Example, 9).group_id = None
        session.flush()
        locked = {asked: [(row.example, row.group) for row in lock_standings(session, [asked])] for asked in (2, 9)}
    assert locked == {2: [(1, 1), (2, 1), (3, 1)], 9: [(9, None)]}


@on_both_servers
def test_one_of_each_group_is_open_and_what_stands_otherwise_is_found(engine: Engine) -> None:
    with writing(engine) as session:
        add_bare_examples(session, 6, group_of=3)
        session.execute(update(Standing).values(doubt=0.0))  # as without a suspicion
        update_standings(session, lock_standings(session, [1, 6]))
        states = session.scalars(select(Standing.state).order_by(Standing.example_id))
        assert states.all() == [State.open, State.waiting, State.waiting] * 2
        session.flush()
        assert wrongly_standing(session) == []
        session.get_one(Standing, 2).state = State.open
        session.flush()
        assert wrongly_standing(session) == [2]
        session.get_one(Standing, 6).doubt = 0.5
        session.flush()
        assert wrongly_standing(session) == [2, 6]


# --- what is approved -------------------------------------------------------------------------------------------------


@on_both_servers
def test_of_each_group_the_least_doubtful_that_is_kept_is_approved(engine: Engine) -> None:
    with writing(engine) as session:
        add_bare_examples(session, 9, Split.test, State.keep, group_of=3)
        doubts = [0.1, 0.3, 0.2, 0.5, 0.5, 0.4, 0.5, 0.5, 0.5]
        for number, doubt in enumerate(doubts, start=1):
            session.get_one(Standing, number).doubt = doubt
        session.get_one(Standing, 1).state = State.reject  # so that 3 is the best of its group
        session.flush()
        assert [example.id for example in session.scalars(approved())] == [3, 6, 7]
        assert [example.id for example in session.scalars(approved(Standing.split == Split.test))] == [3, 6, 7]
        assert session.scalars(approved(Standing.split == Split.train)).all() == []
        for asked in (
            [1, 2, 3],
            [2],
            [3],
            [3, 6],
            [6, 7],
            [],
        ):  # of a group, the others decide too, though nobody asks for them
            found = session.scalars(approved_among(select(Example.id).where(Example.id.in_(asked))))
            assert [example.id for example in found] == [number for number in asked if number in (3, 6, 7)]


def costs_of(tmp_path: Path, group_of: int, asked: Callable[[], Select[Example]], found: Callable[[int], int]) -> list[int]:
    """The instructions that a query takes beside 500 and 4,000 examples; `found` is how many it finds of so many."""
    costs = []
    for number in (500, 4000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            add_bare_examples(session, number, Split.test, State.keep, group_of)
        with reading(database) as session, counted_instructions(session) as hundreds:
            assert len(session.scalars(asked()).all()) == found(number)
        costs.append(len(hundreds))
        database.dispose()
    return costs


@pytest.mark.parametrize("group_of", [1, 2])
def test_finding_what_is_approved_costs_each_example_the_same(tmp_path: Path, group_of: int) -> None:
    few, many = costs_of(tmp_path, group_of, approved, lambda number: number // group_of)
    assert many / 4000 < 1.5 * few / 500


@pytest.mark.parametrize("group_of", [1, 2])
def test_finding_which_of_a_few_are_approved_costs_the_same_beside_many(tmp_path: Path, group_of: int) -> None:
    asked = approved_among(select(Example.id).where(Example.id <= 20))
    few, many = costs_of(tmp_path, group_of, lambda: asked, lambda _: 20 // group_of)
    assert many < 1.5 * few
