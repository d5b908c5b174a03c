"""How an example stands, from opinions alone."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.review.opinions import Opinion
from curator.review.standing import agreed_state, lot_of, sole_reviewer
from db.tables import Decision, State

KEEP, REJECT = Decision.keep, Decision.reject
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)


@pytest.mark.parametrize(
    ("opinions", "state"),
    [
        ([], State.open),
        ([Opinion(1, 1, KEEP)], State.keep),
        ([Opinion(1, 1, REJECT)], State.reject),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, KEEP)], State.keep),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, REJECT)], State.disputed),
        ([Opinion(1, 1, REJECT), Opinion(2, 2, KEEP), Opinion(3, 3, KEEP)], State.disputed),
        ([Opinion(1, 1, KEEP), Opinion(2, 2, REJECT), Opinion(3, 3, REJECT, settles=True)], State.reject),
        ([Opinion(3, 3, KEEP, settles=True), Opinion(4, 4, REJECT)], State.keep),  # a later voice reopens nothing
        ([Opinion(5, 5, REJECT, settles=True), Opinion(3, 3, KEEP, settles=True)], State.reject),  # the newer word
    ],
)
def test_state_follows_the_opinions(opinions: list[Opinion], state: State) -> None:
    assert agreed_state(opinions) is state


@given(st.lists(st.tuples(st.sampled_from([KEEP, REJECT]), st.booleans()), max_size=6), st.randoms())
def test_order_of_opinions_decides_nothing(said: list[tuple[Decision, bool]], chance: random.Random) -> None:
    opinions = [Opinion(number, number, decision, settles) for number, (decision, settles) in enumerate(said)]
    shuffled = opinions.copy()
    chance.shuffle(shuffled)
    assert agreed_state(shuffled) is agreed_state(opinions)


def test_only_a_sole_blind_opinion_wants_a_second() -> None:
    sha = "f" * 64  # the last to be chosen
    one, other = Opinion(1, 7, KEEP), Opinion(2, 8, KEEP)
    assert sole_reviewer([one], sha, 1.0) == 7
    assert sole_reviewer([one], sha, 0.99) is None
    assert sole_reviewer([], sha, 1.0) is None
    assert sole_reviewer([one, other], sha, 1.0) is None
    assert sole_reviewer([Opinion(1, 7, KEEP, settles=True)], sha, 1.0) is None


@given(SHA)
def test_nobody_is_asked_twice_where_no_share_is_wanted_and_everybody_where_all_is(sha: str) -> None:
    assert sole_reviewer([Opinion(1, 7, KEEP)], sha, 0.0) is None
    assert sole_reviewer([Opinion(1, 7, KEEP)], sha, 1.0) == 7
    assert 0 <= lot_of(sha) < 1


def test_the_share_that_is_asked_twice_is_the_share_that_is_wanted_and_no_end_of_the_random_order() -> None:
    shas = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]
    asked = [sha for sha in shas if sole_reviewer([Opinion(1, 7, KEEP)], sha, 0.2)]
    assert len(asked) / len(shas) == pytest.approx(0.2, abs=0.02)
    assert sum(lot_of(sha) for sha in asked) / len(asked) == pytest.approx(0.5, abs=0.04)
