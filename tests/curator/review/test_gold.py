"""Control examples: which there are, and how often, by whom and when they are judged right."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from curator.review.gold import (
    GoldAnswer,
    GoldTry,
    HitRatePoint,
    gold_answers,
    gold_tries,
    hit_rates,
    hits_over_time,
    set_answer,
)
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example
from tests.conftest import on_both_servers
from tests.examples import add_examples

KEEP, REJECT, UNDO = Decision.keep, Decision.reject, Decision.undo
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3)


def say(session: Session, who: str, now: datetime, example: int, decision: Decision) -> None:
    record(session, reviewer_called(session, who).id, [NewVerdict(example, decision, None, new_client_id())], now)


def answer(session: Session, example: int, decision: Decision | None, now: datetime = NOON) -> None:
    set_answer(session, reviewer_called(session, "Lead").id, example, decision, None, now)


def tried(who: str, *hits: bool) -> list[GoldTry]:
    return [GoldTry(who, 1, NOON + timedelta(minutes=place), hit) for place, hit in enumerate(hits)]


@on_both_servers
def test_a_try_is_the_newest_verdict_of_another_reviewer_since_the_answer_was_set(engine: Engine, examples: list[int]) -> None:
    one, other, _ = examples
    with writing(engine) as session:
        say(session, "Early", NOON - timedelta(minutes=1), one, REJECT)  # before the answer was set
        answer(session, one, KEEP)
        answer(session, other, REJECT)
        say(session, "Lead", LATER, one, REJECT)  # knows the answer
        say(session, "Bo", LATER, one, REJECT)
        say(session, "Bo", LATER, one, KEEP)  # changed his mind: one try
        say(session, "Cy", LATER, one, KEEP)
        say(session, "Cy", LATER, one, UNDO)
        say(session, "Cy", LATER, other, KEEP)
    with reading(engine) as session:
        assert gold_tries(session) == [GoldTry("Bo", one, LATER, True), GoldTry("Cy", other, LATER, False)]


@on_both_servers
def test_a_verdict_of_the_very_moment_at_which_the_answer_was_set_is_no_try(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        answer(session, examples[0], KEEP, NOON)
        say(session, "Bo", NOON, examples[0], KEEP)
        say(session, "Cy", NOON + timedelta(microseconds=1), examples[0], KEEP)
    with reading(engine) as session:
        assert [one.reviewer for one in gold_tries(session)] == ["Cy"]


@on_both_servers
def test_control_examples_have_their_hits_and_the_most_missed_come_first(engine: Engine, examples: list[int]) -> None:
    one, other, third = examples
    with writing(engine) as session:
        for example in (other, one, third):
            answer(session, example, KEEP)
        say(session, "Bo", LATER, other, REJECT)
        say(session, "Cy", LATER, other, KEEP)
        say(session, "Cy", LATER, one, KEEP)
    with reading(engine) as session:
        found = gold_answers(session, gold_tries(session))
        crop = session.get_one(Example, other)
        first = GoldAnswer(other, "head-001.png", crop.image_sha256, crop.mask_sha256, KEEP, "Lead", NOON, asked=2, hit=1)
    assert found[0] == first
    assert [(one.example, one.asked, one.hit) for one in found[1:]] == [(third, 0, 0), (one, 1, 1)]  # newest first


@on_both_servers
def test_a_withdrawn_control_example_is_gone_and_so_are_its_tries(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        answer(session, examples[0], KEEP)
        answer(session, examples[1], KEEP)
        for example in examples:
            say(session, "Bo", LATER, example, KEEP)
        answer(session, examples[0], None, LATER)
    with reading(engine) as session:
        made = gold_tries(session)
        assert [one.example for one in made] == [examples[1]]
        assert [one.example for one in gold_answers(session, made)] == [examples[1]]


def test_hit_rate_has_an_interval_that_narrows_with_tries() -> None:
    rates = hit_rates(tried("Ada", True, True, False, True) + tried("Bo", *[True, True, True, False] * 25))
    assert (rates["Ada"].hits, rates["Ada"].tries, rates["Ada"].share) == (3, 4, 0.75)
    assert rates["Bo"].share == 0.75
    assert rates["Ada"].low < rates["Bo"].low < 0.75 < rates["Bo"].high < rates["Ada"].high
    assert hit_rates([]) == {}


def test_each_point_over_time_has_equally_many_tries_and_unfilled_ones_are_left_out() -> None:
    made = tried("Ada", True, False, True, True, False) + tried("Bo", True)
    assert hits_over_time(made, every=2) == [
        HitRatePoint("Ada", NOON + timedelta(minutes=1), 0.5),
        HitRatePoint("Ada", NOON + timedelta(minutes=3), 1.0),
    ]
