"""What stands where, what to do next, and what each reviewer has decided."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from curator.review.reviewers import decided, reviewer_called
from curator.review.verdicts import Counts, Given, new_client_id, record
from curator.sets.freeze import freeze
from curator.status import Flow, count_faceless, faceless, flow, next_step, sources, status
from db.errors import WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Split, Submission, TouchUp
from tests.conftest import FakeClock
from tests.examples import LONG_AGO, add_examples

NOTHING = Flow(
    submissions=0, refused=0, no_face=0, drawn=0, verdicts=Counts(0, 0, 0), touchups=0, sets=0, runs=0, reports=0, exports=0
)  # fmt: skip
REVIEWED = replace(NOTHING, submissions=3, verdicts=Counts(keep=2, reject=1, open=0))


@pytest.mark.parametrize(
    ("now", "page"),
    [
        (NOTHING, "ingest"),
        (replace(NOTHING, submissions=3, verdicts=Counts(0, 0, 3)), "review"),
        (replace(REVIEWED, touchups=1), "touchup"),
        (replace(REVIEWED, verdicts=Counts(keep=0, reject=3, open=0)), "ingest"),
        (REVIEWED, "train"),
        (replace(REVIEWED, runs=1), "export"),
        (replace(REVIEWED, runs=1, exports=1), "tryon"),
    ],
)
def test_the_next_thing_to_do_follows_the_flow(now: Flow, page: str) -> None:
    assert next_step(now).page == page


def decide(engine: Engine, clock: FakeClock, name: str, decision: Decision, *examples: int) -> None:
    with writing(engine) as session:
        reviewer = reviewer_called(session, name).id
        record(session, reviewer, [Given(one, decision, None, new_client_id()) for one in examples], clock())


def test_counts_follow_the_newest_verdicts(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 3) + add_examples(session, store, 2, Split.test)
    decide(engine, clock, "ada", Decision.keep, *examples)
    decide(engine, clock, "bo", Decision.reject, examples[0])
    decide(engine, clock, "ada", Decision.undo, examples[1])
    with reading(engine) as session:
        now = flow(session)
        assert now.verdicts == Counts(keep=3, reject=1, open=1, disputed=1)
        assert (now.submissions, now.no_face, now.touchups) == (5, 0, 2)
        rows = {row["reviewer"]: row for row in decided(session)}
    assert (rows["ada"]["verdicts"], rows["ada"]["kept"]) == (4, 1.0)
    assert (rows["bo"]["verdicts"], rows["bo"]["kept"]) == (1, 0.0)
    with writing(engine) as session:
        session.add(
            TouchUp(example_id=examples[3], reviewer_id=1, mask_before_sha256="0" * 64, started_at=clock(), seconds_shown=120)
        )
    with reading(engine) as session:
        assert flow(session).touchups == 1


def test_status_lists_sets_by_split(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2) + add_examples(session, store, 1, Split.test)
    decide(engine, clock, "ada", Decision.keep, *examples)
    with writing(engine) as session:
        freeze(session, "first", clock())
    with reading(engine) as session:
        (one,) = status(session)["sets"]
    assert (one["set"], one["note"], one["train"], one["validation"], one["test"], one["erased"]) == (1, "first", 2, 0, 1, 0)


def test_a_flow_of_40_costs_the_same_queries_as_one_of_4(engine: Engine, store: Store) -> None:
    counted: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: counted.append(str(arguments[2])))
    costs = []
    for more in (4, 36):
        with writing(engine) as session:
            add_examples(session, store, more)
        counted.clear()
        with reading(engine) as session:
            flow(session)
        costs.append(len(counted))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "a\u202eb"])
def test_a_reviewer_needs_a_name_that_can_be_read(engine: Engine, name: str) -> None:
    with pytest.raises(WinnowError, match="1 to 80 printable characters"), writing(engine) as session:
        reviewer_called(session, name)


def test_spaces_make_no_second_reviewer(engine: Engine) -> None:
    with writing(engine) as session:
        assert reviewer_called(session, " Ada  L ").id == reviewer_called(session, "Ada L").id


def test_submissions_without_a_face_come_newest_first_a_page_at_a_time_of_one_source_or_all(
    engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1)
        add_examples(session, store, 1)
        first, second = [source.id for source in sources(session)]
        for number, source in enumerate([first, second, second, first, second]):
            name = f"wall-{number}"
            photo = Submission(
                source_id=source, photo_name=name, photo_sha256="0" * 64, mask_sha256=f"{number:064}", height=9, width=9,
                received_at=LONG_AGO,
            )  # fmt: skip
            session.add(photo)
            session.flush()
    with reading(engine) as session:
        assert [one.photo_name for one in faceless(session, 3)] == ["wall-4", "wall-3", "wall-2"]
        assert [one.photo_name for one in faceless(session, 3, 3)] == ["wall-1", "wall-0"]
        assert [one.photo_name for one in faceless(session, 3, source=first)] == ["wall-3", "wall-0"]
        assert [count_faceless(session), count_faceless(session, first), count_faceless(session, second)] == [5, 2, 3]
