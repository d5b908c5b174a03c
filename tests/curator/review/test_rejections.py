"""Why examples were rejected: each once, by source and by contributor, and what is left of a long list."""

import pytest
from sqlalchemy import Engine, event, select

from curator.review.rejections import By, Rejections, rejections
from curator.review.reviewers import reviewer_called
from curator.review.standing import counts
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.session import reading, writing
from db.store import Store
from db.tables import Contributor, Decision, Example, Reason, Source
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples

HAIR, SPILLS, PHOTO = Reason.hair_missing, Reason.spills_over, Reason.bad_photo


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    """Six examples of one source and two of another; Cy painted the first three, Di the next two, nobody the others."""
    with writing(engine) as session:
        examples = add_examples(session, store, 6) + add_examples(session, store, 2)
        for name, source in zip(("large", "small"), session.scalars(select(Source).order_by(Source.id)), strict=True):
            source.location = name
        people = [Contributor(name="Cy"), Contributor(name="Di")]
        for number, person in zip(examples, [people[0]] * 3 + [people[1]] * 2, strict=False):
            session.get_one(Example, number).submission.contributor = person
    return examples


def say(engine: Engine, clock: FakeClock, who: str, example: int, decision: Decision, reason: Reason | None = None) -> None:
    with writing(engine) as session:
        given = [NewVerdict(example, decision, reason, new_client_id())]
        record(session, reviewer_called(session, who).id, given, clock.pass_(1))


def found(engine: Engine, by: By, count: int = 10) -> Rejections:
    with reading(engine) as session:
        told = rejections(session, by, count)
        every = sum(one.total for one in told.most) + sum(told.rest.values())
        assert every == counts(session).reject  # the parts add up to what other pages show
    return told


@on_both_servers
def test_each_rejected_example_is_counted_once_with_the_reason_that_counts(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    first, second, third, fourth, fifth, *others = examples
    say(engine, clock, "Ada", first, Decision.reject, HAIR)
    say(engine, clock, "Bo", first, Decision.reject, SPILLS)  # the newest reason of two
    say(engine, clock, "Ada", second, Decision.reject, HAIR)
    say(engine, clock, "Ada", second, Decision.reject, PHOTO)  # she changed her mind
    say(engine, clock, "Ada", third, Decision.reject, HAIR)
    say(engine, clock, "Ada", third, Decision.undo)
    say(engine, clock, "Ada", fourth, Decision.reject, HAIR)
    say(engine, clock, "Ada", fourth, Decision.keep)  # replaced
    say(engine, clock, "Ada", fifth, Decision.reject, HAIR)
    say(engine, clock, "Bo", fifth, Decision.keep)  # disputed
    say(engine, clock, "Bo", others[-1], Decision.reject, SPILLS)
    large, small = found(engine, "source").most
    assert (large.name, large.reasons, large.judged) == ("large", {SPILLS: 1, PHOTO: 1, HAIR: 1}, 4)
    assert (small.name, small.reasons, small.judged) == ("small", {SPILLS: 1}, 1)
    by_contributor = {one.name: (one.reasons, one.judged) for one in found(engine, "contributor").most}
    assert by_contributor == {"Cy": ({SPILLS: 1, PHOTO: 1}, 2), "Di": ({HAIR: 1}, 2), None: ({SPILLS: 1}, 1)}


def test_beyond_the_most_rejected_the_others_are_one(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    for example in (*examples[:2], *examples[3:]):
        say(engine, clock, "Ada", example, Decision.reject, HAIR if example % 2 else SPILLS)
    told = found(engine, "contributor", 1)
    assert ([one.name for one in told.most], told.others) == ([None], 2)
    assert told.rest == {HAIR: 2, SPILLS: 2}
    nothing = found(engine, "contributor", 3)
    assert (nothing.others, nothing.rest) == (0, {})


def test_the_reasons_cost_the_same_queries_however_many_there_are(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(str(arguments[2])))
    costs = []
    for some in (examples[:1], examples[1:]):
        for example in some:
            say(engine, clock, "Ada", example, Decision.reject, HAIR)
        asked.clear()
        found(engine, "contributor")
        costs.append(len(asked))
    assert costs[0] == costs[1]
