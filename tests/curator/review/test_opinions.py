"""Whose verdicts on which examples are opinions."""

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from curator.review.opinions import Opinion, newest_verdict_id, newest_verdicts, opinions_on
from curator.review.reopening import send_back
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.session import reading, writing
from db.tables import Decision
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_bare_examples

pytestmark = on_both_servers

KEEP, REJECT, UNDO = Decision.keep, Decision.reject, Decision.undo
ADA, BO = 1, 2


@pytest.fixture
def examples(engine: Engine) -> list[int]:
    with writing(engine) as session:
        assert [reviewer_called(session, name).id for name in ("Ada", "Bo")] == [ADA, BO]
        return add_bare_examples(session, 3)


def say(session: Session, reviewer: int, clock: FakeClock, example: int, decision: Decision) -> None:
    record(session, reviewer, [NewVerdict(example, decision, None, new_client_id())], clock())


def numbers(session: Session, *examples: int, include_reopened: bool = False) -> list[int]:
    found = newest_verdicts(examples or None, include_reopened=include_reopened)
    return list(session.scalars(select(found.c.id).order_by(found.c.id)))


def test_of_each_reviewer_the_newest_verdict_on_each_example_is_an_opinion(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first, second, third = examples
    with writing(engine) as session:
        for reviewer, example, decision in [
            (ADA, first, KEEP),
            (BO, first, KEEP),
            (ADA, first, REJECT),
            (ADA, second, KEEP),
            (BO, third, KEEP),
            (BO, third, UNDO),
        ]:
            say(session, reviewer, clock, example, decision)
    of_first, of_second = [Opinion(2, BO, KEEP), Opinion(3, ADA, REJECT)], [Opinion(4, ADA, KEEP)]
    with reading(engine) as session:
        assert opinions_on(session) == {first: of_first, second: of_second}
        assert opinions_on(session, examples) == {first: of_first, second: of_second}
        assert opinions_on(session, [second]) == {second: of_second}
        assert opinions_on(session, [third]) == opinions_on(session, []) == {}
        assert (numbers(session), numbers(session, first)) == ([2, 3, 4], [2, 3])


def test_what_was_said_before_an_example_was_sent_back_is_included_only_on_request(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        say(session, ADA, clock, examples[0], KEEP)
        say(session, ADA, clock, examples[1], KEEP)
        send_back(session, [examples[0]], "Lea", None, clock())
        assert numbers(session) == [2]
        assert numbers(session, include_reopened=True) == [1, 2]
        assert numbers(session, examples[0], include_reopened=True) == [1]


def test_the_newest_verdict_has_the_highest_number_and_without_any_it_is_zero(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        assert newest_verdict_id(session) == 0
        say(session, ADA, clock, examples[2], KEEP)
        say(session, BO, clock, examples[0], KEEP)
        assert newest_verdict_id(session) == 2
