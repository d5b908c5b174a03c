"""An ingest that nobody has judged can be taken back, and then it is as if it had not happened."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from curator.ingest.groups import join_group
from curator.ingest.likeness import Duplicate
from curator.ingest.outcomes import UNDO, history
from curator.review.standing import wrongly_standing
from curator.upkeep.check import check
from curator.upkeep.undo import DECISIONS, undo_ingest, why_not
from db.errors import NotThereError, WinnowError
from db.jobs import enqueue
from db.session import reading, writing
from db.store import Store
from db.tables import (
    Base,
    Contributor,
    CropChoice,
    CuratedSet,
    Decision,
    Event,
    Example,
    Gold,
    GuideExample,
    Job,
    JobState,
    Lease,
    Measure,
    Preview,
    Refinement,
    RefinementDecision,
    Refusal,
    Reopening,
    Reviewer,
    SetMember,
    Signal,
    Source,
    Split,
    Standing,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpRequest,
    Verdict,
)
from tests.conftest import on_both_servers
from tests.examples import LONG_AGO, TOMORROW, add_examples, add_faceless
from tests.outside import OutsideTransactions
from tests.postgres import blocked

SHARED = b"a mask that two ingests brought"


def bring(engine: Engine, store: Store, examples: int = 3) -> int:
    """An ingest that is done: examples, a photo without a face, a refusal and a contributor of its own; its job's number."""
    number = enqueue(engine, "ingest", ["street.zip"], LONG_AGO)
    with writing(engine) as session:
        session.get_one(Job, number).state = JobState.done
        added = add_examples(session, store, examples)
        photos = list(session.scalars(select(Example.submission_id).where(Example.id.in_(added))))
        photos += add_faceless(session, store, 1) if number == 1 else []
        person = Contributor(name=f"Person {number}")
        session.add(person)
        session.flush()
        theirs = update(Submission).where(Submission.id.in_(photos))
        session.execute(theirs.values(job_id=number, contributor_id=person.id, skin_sha256=store.put(SHARED)))
        source = session.scalars(select(Submission.source_id).where(Submission.id == photos[0])).one()
        session.add(Refusal(source_id=source, job_id=number, file="torn.jpg", reason="it is torn.", at=LONG_AGO))
    return number


def rows(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table, but for those that say that there was an ingest: its job and the event."""
    with engine.connect() as connection:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in ("job", "event")]
        return {table.name: sorted(map(tuple, connection.execute(select(table))), key=str) for table in tables}


def pictures(store: Store) -> set[str]:
    return set(store.all())


def assert_sound(engine: Engine, store: Store) -> None:
    with reading(engine) as session:
        found = check(session, store, TOMORROW)
        assert not wrongly_standing(session)
    assert found.sound, found.text()


@on_both_servers
def test_all_that_it_added_goes_and_everything_else_is_as_it_was(engine: Engine, store: Store) -> None:
    bring(engine, store)
    before, stored = rows(engine), pictures(store)
    second = bring(engine, store)
    new = len(pictures(store)) - len(stored)
    with writing(engine) as session:  # one of its pictures is one that was there: they are a group
        mine = session.scalars(select(Example.id).join(Submission).where(Submission.job_id == second)).first()
        example = session.get_one(Example, mine)
        join_group(session, example, [Duplicate(1, Split.train)])
        session.add(Reviewer(name="Ada"))
        session.flush()
        session.add(Lease(example_id=example.id, reviewer_id=1, until=TOMORROW))
    undone = undo_ingest(engine, store, second, "Ada", LONG_AGO)
    assert (undone.submissions, undone.examples, undone.refusals, undone.blobs) == (3, 3, 1, new)
    assert pictures(store) == stored
    after = rows(engine)
    after["reviewer"] = []
    assert after == before
    assert_sound(engine, store)
    with reading(engine) as session:
        event = session.scalars(select(Event)).one()
        assert [(one.job, one.undone) for one in history(session, 9, LONG_AGO)] == [(second, ("Ada", LONG_AGO)), (1, None)]
    assert (event.who, event.what, event.detail["job"]) == ("Ada", UNDO, second)
    undo_ingest(engine, store, 1, "Ada", LONG_AGO)
    assert not any(rows(engine)[name] for name in ("submission", "example", "source", "contributor", "refusal"))
    assert pictures(store) == set()
    with pytest.raises(WinnowError, match="No photo here is known to be from it"):
        undo_ingest(engine, store, 1, "Ada", LONG_AGO)


def verdict(session: Session, example: int) -> None:
    session.add(Verdict(example_id=example, reviewer_id=1, decision=Decision.keep, at=LONG_AGO, client_id=f"{example}"))


def touch_up(session: Session, example: int) -> None:
    session.add(TouchUp(example_id=example, reviewer_id=1, mask_before_sha256="0" * 64, started_at=LONG_AGO))


def frozen(session: Session, example: int) -> None:
    if session.get(CuratedSet, 1) is None:
        session.add(CuratedSet(id=1, hash="1" * 64, frozen_at=LONG_AGO))
        session.flush()
    hashes = {"image_sha256": "0" * 64, "mask_sha256": "0" * 64}
    session.add(SetMember(set_id=1, position=example, example_id=example, split=Split.train, **hashes))


def sent_back(session: Session, example: int) -> None:
    session.add(Reopening(example_id=example, reviewer_id=1, after_verdict=0, at=LONG_AGO))


def control(session: Session, example: int) -> None:
    session.add(Gold(example_id=example, reviewer_id=1, answer=Decision.keep, at=LONG_AGO))


def in_guide(session: Session, example: int) -> None:
    session.add(GuideExample(place="good_1", example_id=example, words="an edge", reviewer_id=1, at=LONG_AGO))


def wanted(session: Session, example: int) -> None:
    session.add(TouchUpRequest(example_id=example, reviewer_id=1, after_touch_up=0, at=LONG_AGO))


def refined(session: Session, example: int) -> None:
    proposal = Refinement(
        example_id=example, mask_before_sha256="0" * 64, alpha_sha256="0" * 64, method="m", iou=1.0, at=LONG_AGO
    )
    session.add(proposal)
    session.flush()
    session.add(RefinementDecision(refinement_id=proposal.id, reviewer_id=1, accepted=False, at=LONG_AGO))


def cropped(session: Session, example: int) -> None:
    photo = session.scalars(select(Example.submission_id).where(Example.id == example)).one()
    session.add(CropChoice(submission_id=photo, reviewer_id=1, at=LONG_AGO))


@pytest.mark.parametrize(
    ("decide", "one", "two"),
    [
        (verdict, "1 of its examples was judged.", "2 of its examples were judged."),
        (touch_up, "1 of its examples has a touch-up.", "2 of its examples have touch-ups."),
        (frozen, "1 of its examples is in a curated set.", "2 of its examples are in curated sets."),
        (sent_back, "1 of its examples was sent back to review.", "2 of its examples were sent back to review."),
        (control, "1 of its examples is a control example.", "2 of its examples are control examples."),
        (in_guide, "1 of its examples is in the guide.", "2 of its examples are in the guide."),
        (wanted, "1 of its examples waits for a touch-up", "2 of its examples wait for touch-ups"),
        (refined, "on the refined mask of 1 of its examples.", "on the refined mask of 2 of its examples."),
        (cropped, "1 of its photos without a face was cropped", "2 of its photos without a face were cropped"),
    ],
)
def test_what_a_person_has_decided_about_keeps_it_here(
    engine: Engine, store: Store, decide: Callable[[Session, int], None], one: str, two: str
) -> None:
    bring(engine, store)
    with writing(engine) as session:
        session.add(Reviewer(id=1, name="Ada"))
        session.flush()
        decide(session, 1)
    before = rows(engine)
    with pytest.raises(WinnowError, match="Ingest 1 stays") as refused:
        undo_ingest(engine, store, 1, "Ada", LONG_AGO)
    assert one in str(refused.value)
    assert rows(engine) == before
    with writing(engine) as session:
        decide(session, 2)
        assert two in why_not(session, 1, LONG_AGO)
    other = bring(engine, store)
    assert undo_ingest(engine, store, other, "Ada", LONG_AGO).examples == 3


def test_no_table_is_forgotten_that_holds_what_a_person_decided() -> None:
    by_machine = {Signal, Suspicion, Standing, Lease, Refinement, Preview, Measure, Example}
    of_examples = {
        table.name
        for table in Base.metadata.sorted_tables
        if any(key.column.table.name == "example" for key in table.foreign_keys)
    }
    assert of_examples == {table.__tablename__ for table in {*DECISIONS, *by_machine}}


def test_one_that_runs_and_what_is_none_are_refused(engine: Engine, store: Store) -> None:
    number = bring(engine, store)
    with writing(engine) as session:
        session.get_one(Job, number).state = JobState.running
        assert why_not(session, number, LONG_AGO) == "It is running. Stop it first."
        assert why_not(session, number, TOMORROW) == ""  # it was killed long ago
    other = enqueue(engine, "fit", [], LONG_AGO)
    for absent in (other, 99):
        with pytest.raises(NotThereError, match=f"no ingest with the number {absent}"), reading(engine) as session:
            why_not(session, absent, LONG_AGO)


def test_nobodys_verdict_waits_for_the_store(engine: Engine, store: Store, settings: Any) -> None:
    number = bring(engine, store)
    watched = OutsideTransactions(settings)
    undo_ingest(engine, watched, number, "Ada", LONG_AGO)
    assert watched.used >= 6


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_verdict_that_is_just_being_given_is_seen(engine: Engine, store: Store) -> None:
    number = bring(engine, store)
    said: list[str] = []

    def undo() -> None:
        try:
            undo_ingest(engine, store, number, "Bo", LONG_AGO)
        except WinnowError as error:
            said.append(str(error))

    with writing(engine) as session:
        session.add(Reviewer(id=1, name="Ada"))
        session.flush()
        verdict(session, 1)
        session.flush()
        undoing = threading.Thread(target=undo)
        undoing.start()
        while not blocked(engine):
            pass
    undoing.join()
    assert said == ["Ingest 1 stays. 1 of its examples was judged."]
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Verdict)) == 1
        assert session.scalar(select(func.count()).select_from(Source)) == 2
