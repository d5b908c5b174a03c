"""Every refused file, every remark and every photo kept aside is a row that can be found, paged through and downloaded."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from curator.ingest.outcomes import (
    Outcome,
    OutcomeFilter,
    count_by_outcome,
    count_files,
    count_ingests,
    history,
    ingested_source,
    list_outcomes,
)
from db.jobs import enqueue
from db.session import reading, writing
from db.store import Store
from db.tables import Example, Job, JobState, Refusal, Remark, Source, Submission
from tests.conftest import FakeClock, on_both_servers
from tests.examples import LONG_AGO, add_examples


@pytest.fixture
def session(engine: Engine, store: Store) -> Iterator[Session]:
    """Two sources: one with a remark and a photo kept aside, one with three refusals and a file that was not read."""
    with writing(engine) as session:
        add_examples(session, store, 2)
        other = Source(adapter="zip", location="upload.zip", added_at=LONG_AGO)
        session.add(other)
        session.flush()
        for file, reason in [("a.jpg", "it has no mask."), ("b_1.jpg", "100 % wrong."), ("emoji-😀.jpg", "it has no mask.")]:
            session.add(Refusal(source_id=other.id, file=file, reason=reason, at=LONG_AGO))
            session.flush()
        session.add(Refusal(source_id=other.id, file="a.mov", reason="no picture.", at=LONG_AGO, not_read=True))
        session.add(Remark(submission_id=1, words="the mask shows no hair.", at=LONG_AGO))
        aside = Submission(
            source_id=other.id, photo_name="aside.jpg", photo_sha256="a" * 64, mask_sha256="b" * 64, height=9, width=9,
            received_at=LONG_AGO,
        )  # fmt: skip
        session.add(aside)
    with reading(engine) as session:
        assert session.scalars(select(Example.id)).all() == [1, 2]
        yield session


def files(session: Session, asked: OutcomeFilter, count: int | None = None, passed: int = 0) -> list[str]:
    return [file for _, file, _, _ in list_outcomes(session, asked, count, passed)]


@on_both_servers
def test_each_outcome_has_its_rows_the_newest_first(session: Session) -> None:
    assert files(session, OutcomeFilter(Outcome.refused)) == ["emoji-😀.jpg", "b_1.jpg", "a.jpg"]
    assert files(session, OutcomeFilter(Outcome.not_read)) == ["a.mov"]
    assert list(list_outcomes(session, OutcomeFilter(Outcome.aside))) == [
        (LONG_AGO.isoformat(timespec="seconds"), "aside.jpg", "no face was found in it.", "upload.zip")
    ]
    ((_, file, why, source),) = list_outcomes(session, OutcomeFilter(Outcome.remark))
    assert (file, why) == ("head-000.png", "the mask shows no hair.")
    assert source.startswith("test ")
    assert count_by_outcome(session) == {Outcome.refused: 3, Outcome.not_read: 1, Outcome.remark: 1, Outcome.aside: 1}


@on_both_servers
def test_words_are_found_in_names_and_reasons_and_mean_nothing_else(session: Session) -> None:
    assert files(session, OutcomeFilter(words="NO MASK")) == ["emoji-😀.jpg", "a.jpg"]
    assert files(session, OutcomeFilter(words=" 😀 ")) == ["emoji-😀.jpg"]
    assert files(session, OutcomeFilter(words="%")) == ["b_1.jpg"]
    assert files(session, OutcomeFilter(words="_")) == ["b_1.jpg"]
    assert files(session, OutcomeFilter(words="'; drop table refusal; --")) == []
    assert count_files(session, OutcomeFilter(words="no mask")) == 2


def test_a_source_and_a_page_can_be_asked_for(session: Session) -> None:
    assert files(session, OutcomeFilter(source=1)) == []
    assert files(session, OutcomeFilter(source=2), count=1, passed=1) == ["b_1.jpg"]
    assert files(session, OutcomeFilter(Outcome.remark, source=2)) == []
    assert files(session, OutcomeFilter(Outcome.remark, source=1)) == ["head-000.png"]


def test_the_history_says_how_each_ingest_stands(engine: Engine, clock: FakeClock) -> None:
    first, second = (enqueue(engine, "ingest", [name], clock()) for name in ("a.zip", "b.zip"))
    third = enqueue(engine, "ingest", ["c.zip"], clock(), by="Ada")
    enqueue(engine, "export", ["1"], clock())
    with writing(engine) as session:
        done, looked = session.get_one(Job, first), session.get_one(Job, second)
        done.state, done.result = JobState.done, {"seen": 9, "added": 7, "refusals": 2, "refused": []}
        looked.state, looked.result = JobState.done, {"pairs": 9, "refused": []}
    with reading(engine) as session:
        found = history(session, 9, clock() + timedelta(minutes=2))
        assert count_ingests(session) == 3
        assert history(session, 1, clock(), 2) == history(session, 9, clock())[1:]
    counts = {"seen": 9, "added": 7, "refusals": 2, "refused": []}
    assert [(one.job, one.by, one.source, one.state, one.counts) for one in found] == [
        (third, "Ada", "c.zip", JobState.interrupted, None),
        (first, None, "a.zip", JobState.done, counts),
    ]
    assert third > second


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        (["/photos/street"], "/photos/street"),
        (["ingest"], "ingest"),  # a folder of that name, by hand
        (["sample"], "sample"),
        (["ingest", "/photos/street"], "/photos/street"),
        (["ingest", "/uploads/3f2a.zip", "--called=Ada's photos.zip", "--discard", "--crop=face"], "Ada's photos.zip"),
        ([], ""),
    ],
)
def test_an_ingest_is_called_by_its_source_however_it_was_started(arguments: list[str], source: str) -> None:
    assert ingested_source(arguments) == source
