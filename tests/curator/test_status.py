"""What stands where, what to do next, and what each reviewer has decided."""

import random
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, update

from curator.ingest import aside
from curator.pictures.crop import Square
from curator.review.reviewers import decided, reviewer_called
from curator.review.standing import Counts
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.runs.results import exports, is_proven
from curator.sets.freeze import freeze
from curator.status import Flow, flow, job_in_words, next_step, parts_in_words, status
from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Limits
from db.store import Store
from db.tables import Decision, Example, Export, Job, JobState, Proof, Split, Standing, State, TouchUp
from tests.conftest import FakeClock
from tests.examples import LONG_AGO, add_bare_examples, add_examples, add_faceless
from tests.trained import add_run, freeze_all

NOTHING = Flow(
    submissions=0, refused=0, no_face=0, discarded=0, drawn=0, verdicts=Counts(0, 0, 0), touchups=0, sets=0, runs=0, reports=0,
    exports=0,
)  # fmt: skip
HASH = "ab" * 32
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
        record(session, reviewer, [NewVerdict(one, decision, None, new_client_id()) for one in examples], clock())


@given(st.lists(st.integers(0, 3), min_size=7, max_size=7), st.integers(0, 3), st.integers(0, 3))
def test_in_words_the_parts_add_up_to_the_whole(numbers: list[int], no_face: int, discarded: int) -> None:
    keep, reject, still_open, disputed, waiting, fix, repaired = numbers
    stand = Counts(keep, reject + disputed, still_open, disputed, waiting, fix, repaired)
    submissions = stand.examples + no_face + discarded
    now = replace(NOTHING, submissions=submissions, verdicts=stand, no_face=no_face, discarded=discarded)
    for parts, whole in ((now.submission_parts, submissions), (now.example_parts, stand.examples)):
        said = parts_in_words(parts, "examples", "open")
        assert sum(int(part.split()[0]) for part in said.split(" · ")) == whole


def test_in_any_state_the_named_parts_add_up_to_the_whole(engine: Engine, store: Store) -> None:
    """Photos without a face are discarded, taken back and cropped in any order, and examples stand anywhere."""
    chance = random.Random(0)
    with writing(engine) as session:
        examples = add_bare_examples(session, 8)
        photos = add_faceless(session, store, 4)
    for _ in range(30):
        with suppress(WinnowError):  # what can't be done now
            match chance.choice(["discard", "undo", "crop", "stand"]):
                case "discard":
                    aside.decide(engine, store, Limits(), "Ada", chance.choice(photos), None, LONG_AGO)
                case "crop":
                    square = Square(0, 0, 512, 0)
                    aside.decide(engine, store, Limits(), "Ada", chance.choice(photos), square, LONG_AGO)
                case "undo":
                    aside.take_back(engine, store, "Ada", chance.choice(photos), LONG_AGO)
                case _:
                    with writing(engine) as session:
                        session.get_one(Standing, chance.choice(examples)).state = chance.choice(list(State))
        with reading(engine) as session:
            now = flow(session)
            assert now.no_face == aside.count_faceless(session)
        assert sum(now.submission_parts.values()) == now.submissions == 12
        assert sum(now.example_parts.values()) == now.submission_parts["examples"] >= 8
    assert now.submission_parts["examples"] > 8
    assert now.discarded


def test_parts_that_are_empty_are_named_where_they_are_missed() -> None:
    parts = {"examples": 1240, "without a face": 0, "discarded": 0}
    assert parts_in_words(parts) == "1,240 examples"
    assert parts_in_words(parts, "examples", "without a face") == "1,240 examples · 0 without a face"


def test_a_job_says_what_it_does_and_how_long_it_will_take(clock: FakeClock) -> None:
    job = Job(kind="fit", state=JobState.running, message="Epoch 3 of 50", heartbeat_at=clock(), expected_end=None)
    assert job_in_words(job, clock()) == "Epoch 3 of 50"
    job.expected_end = clock() + timedelta(minutes=12)
    assert job_in_words(job, clock.pass_(30)) == "Epoch 3 of 50 · about 10 min left"
    job.state = JobState.done
    assert job_in_words(job, clock()) == "Epoch 3 of 50"


def test_status_counts_photos_by_their_consent(engine: Engine, store: Store, clock: FakeClock) -> None:
    today = clock().date()
    with writing(engine) as session:
        numbers = add_examples(session, store, 5)
        ends = (today - timedelta(days=1), today, today + timedelta(days=31), None, None)
        for number, expires in zip(numbers, ends, strict=True):
            submission = session.get_one(Example, number).submission
            submission.consent_expires, submission.drawn = expires, number == numbers[-1]
    with reading(engine) as session:
        counted = status(session, clock())["consent"]
    assert counted == {"recorded": 2, "none": 1, "ended": 1, "ends_in_30_days": 1}


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
    freeze(engine, "first", clock(), by="Ada")
    with reading(engine) as session:
        (one,) = status(session, clock())["sets"]
    assert (one["set"], one["note"], one["train"], one["validation"], one["test"], one["erased"]) == (1, "first", 2, 0, 1, 0)


def test_a_run_that_died_is_interrupted_in_the_status_though_its_row_says_running(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2) + add_examples(session, store, 1, Split.test)
        add_run(session, store, freeze_all(session, examples, clock()), clock())
        session.execute(update(Job).values(state=JobState.running, heartbeat_at=clock()))
    with reading(engine) as session:
        assert [run["state"] for run in status(session, clock())["runs"]] == ["running"]
        clock.pass_(3 * 24 * 3600)
        assert [run["state"] for run in status(session, clock())["runs"]] == ["interrupted"]


@pytest.mark.parametrize(
    ("file_hash", "passed", "counts"),
    [
        ("ab" * 32, [True], 1),
        ("ab" * 32, [False, True], 1),
        ("ab" * 32, [True, False], 0),
        ("ab" * 32, [], 0),
        (None, [True], 0),
    ],
)
def test_an_export_counts_when_its_newest_proof_passed(
    engine: Engine, store: Store, clock: FakeClock, file_hash: str | None, passed: list[bool], counts: int
) -> None:
    """A proof from before files had hashes does not count: it proved too little."""
    with writing(engine) as session:
        examples = add_examples(session, store, 2) + add_examples(session, store, 1, Split.test)
        run = add_run(session, store, freeze_all(session, examples, clock()), clock())
        export = Export(
            run_id=run, format="litert", precision="int8", file="runs/1/exports/x/x.tflite", bytes=1, created_at=clock(),
            file_hash=file_hash, parts={},
        )  # fmt: skip
        export.proofs = [Proof(images=1, tolerance=1e-4, passed=each, at=clock()) for each in passed]
        session.add(export)
    with reading(engine) as session:
        assert flow(session).exports == counts
        assert [is_proven(one) for one in exports(session)] == [bool(counts)]


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
