"""Frozen sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import Frozen, freeze, set_hash
from db.errors import WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import CuratedSet, Decision, Split, TouchUp, TouchUpSave
from tests.conftest import FakeClock
from tests.examples import add_examples

REPAIRED = "f" * 64


def decide(engine: Engine, clock: FakeClock, decision: Decision, *examples: int) -> None:
    with writing(engine) as session:
        reviewer = reviewer_called(session, "ada").id
        record(session, reviewer, [NewVerdict(one, decision, None, new_client_id()) for one in examples], clock())


def frozen(engine: Engine, clock: FakeClock) -> Frozen:
    return freeze(engine, "", clock())


def members(engine: Engine, number: int) -> list[tuple[int | None, str, str]]:
    with reading(engine) as session:
        return [(one.example_id, one.mask_sha256, one.split.value) for one in session.get_one(CuratedSet, number).members]


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3) + add_examples(session, store, 2, Split.test)


def test_only_what_is_approved_is_frozen(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples[:4])
    decide(engine, clock, Decision.reject, examples[0])
    one = frozen(engine, clock)
    assert (one.set, one.examples, one.splits) == (1, 3, {"train": 2, "validation": 0, "test": 1})
    assert [number for number, _, _ in members(engine, 1)] == examples[1:4]


def test_a_set_stays_as_it_was_when_verdicts_change(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    before, first = frozen(engine, clock), members(engine, 1)
    decide(engine, clock, Decision.reject, examples[1])
    second = frozen(engine, clock)
    assert (second.set, second.examples, second.new) == (2, 4, True)
    assert members(engine, 1) == first
    assert before.hash != second.hash


def test_what_reviewers_see_differently_is_in_no_set_until_a_lead_settles_it(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    decide(engine, clock, Decision.keep, *examples)
    with writing(engine) as session:
        record(session, reviewer_called(session, "Bo").id, [NewVerdict(examples[0], Decision.reject, None, "no")], clock())
    assert examples[0] not in [number for number, _, _ in members(engine, frozen(engine, clock).set)]
    with writing(engine) as session:
        settled = [NewVerdict(examples[0], Decision.keep, None, "yes", settles=True)]
        record(session, reviewer_called(session, "Lea").id, settled, clock())
    assert examples[0] in [number for number, _, _ in members(engine, frozen(engine, clock).set)]


def test_freezing_the_same_again_gives_the_set_that_has_it(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    first, again = frozen(engine, clock), frozen(engine, clock)
    assert (again.set, again.hash, again.new) == (first.set, first.hash, False)


def test_a_repaired_mask_is_frozen_for_a_test_example(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    plain = frozen(engine, clock)
    with writing(engine) as session:
        touch_up = TouchUp(
            example_id=examples[-1], reviewer_id=1, mask_before_sha256="0" * 64, started_at=clock(), seconds_shown=120
        )
        touch_up.saves = [TouchUpSave(mask_after_sha256=REPAIRED, seconds_used=9.0, finished=True, at=clock())]
        session.add(touch_up)
    repaired = frozen(engine, clock)
    assert repaired.set == plain.set + 1
    assert [mask for _, mask, _ in members(engine, repaired.set)].count(REPAIRED) == 1


def test_nothing_approved_is_said_in_one_sentence(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with pytest.raises(WinnowError, match=r"^Nothing is approved yet. Keep some examples on the Review page first.$"):
        frozen(engine, clock)


triples = st.tuples(st.text("0123456789abcdef", min_size=4, max_size=4), st.just("m"), st.sampled_from(list(Split)))


@given(content=st.lists(triples, max_size=6), seed=st.randoms())
def test_the_hash_does_not_depend_on_the_order(content: list[tuple[str, str, str]], seed: object) -> None:
    mixed = list(content)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    assert set_hash(mixed) == set_hash(content)
