"""Words that identify somebody are found however they are written, and only those; and no text column is forgotten."""

import time

import pytest
from sqlalchemy import Engine, select

from curator.upkeep.words import Words, columns_with, delete_refusals, redact, redact_rows, text_columns
from db.session import reading, writing
from db.tables import CuratedSet, Event, Job, JobState, Refusal, Source
from tests.conftest import FakeClock

NORA = Words(("Nora Quist",), frozenset({(1, "images/photo.jpg"), (1, "IMG_0001.jpg"), (1, "0007.jpg"), (1, "a/0008.jpg")}))


@pytest.mark.parametrize(
    ("said", "redacted"),
    [
        ("by nora-quist, and Bo", "by (erased), and Bo"),
        ("NORA_QUIST_7.jpg", "(erased)_7.jpg"),
        ("https://x.org/Nora%20Quist.zip", "https://x.org/(erased)"),
        ("Nora Quistmann, Eleonora Quist", "Nora Quistmann, Eleonora Quist"),
        ("the photo is cut off", "the photo is cut off"),
        ("photo.png is cut off", "(erased) is cut off"),
        ("img_0001 is cut off", "(erased) is cut off"),
        ("0007.jpg, a/0008.png", "0007.jpg, (erased)"),
    ],
)
def test_a_text_is_redacted(said: str, redacted: str) -> None:
    assert redact(said, NORA.struck) == redacted


@pytest.mark.parametrize(
    ("photo", "said", "redacted"),
    [
        ("_DSC 1 (2).jpg", "_dsc 1 (2), x_DSC 1 (2)", "(erased), x_DSC 1 (2)"),
        ("a/photo.jpg", "a/photo.jpg, b/a/photo, a/photos", "(erased), b/(erased), a/photos"),
        ("IMG_1.jpg", "IMG_1, IMG_12, IMG_1_2.jpg, 1_IMG_1.tar", "(erased), IMG_12, (erased)_2.jpg, 1_(erased)"),
        ("photo.jpg", "photo.jpg.txt photo. photo", "(erased).txt photo. photo"),
        ("李明1.jpg", "这是李明1 的照片", "这是(erased) 的照片"),
        ("STRASSE_1.jpg", "strasse_1", "(erased)"),
    ],
)
def test_a_photos_name_is_struck_as_whole_words_with_its_extension(photo: str, said: str, redacted: str) -> None:
    assert Words((), frozenset({(1, photo), (1, "IMG_1/x.jpg")})).struck(said) == redacted


def test_many_photos_cost_no_more_than_few_and_one_can_stop() -> None:
    """An alternation of these names takes 53 seconds a megabyte, and lets no other thread run."""
    words = Words(("Nora Quist",), frozenset((1, f"a/{number % 50}/DSC_{number:05}.jpg") for number in range(5000)))
    said = "\n".join(f"a/{number % 50}/DSC_{number:05}.jpg: cut off" for number in range(4000, 6000))
    began, steps = time.process_time(), []
    struck = words.struck(said, lambda: steps.append(1))
    assert (struck.count("(erased)"), len(steps)) == (1000, 14)
    assert time.process_time() - began < 2
    with pytest.raises(KeyboardInterrupt):
        words.struck(said, stop)


def stop() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "said", "redacted"),
    [
        ("Zoë Núñez", '{"name": "Zo\\u00eb N\\u00fa\\u00f1ez"}', '{"name": "(erased)"}'),
        ("Zoë Núñez", "Zoe\u0308 Nu\u0301n\u0303ez", "(erased)"),
        ("Zoë", "Zo%C3%AB.zip", "(erased)"),
        ("李明", "这是李明的照片", "这是(erased)的照片"),
        ("7", "7 of 9", "7 of 9"),
        ("C.J. Ng (x)", "by c_j_ng_(x) 2", "by (erased) 2"),
    ],
    ids=["json", "decomposed", "url", "without spaces", "a number", "signs"],
)
def test_a_name_is_found_in_every_writing(name: str, said: str, redacted: str) -> None:
    assert redact(said, Words((name,)).without_person) == redacted


def test_what_is_redacted_is_all_text_but_our_own_vocabulary() -> None:
    """A new column belongs to one of these three: it is redacted, reported, or written by Winnow alone."""
    assert {f"{column.table.name}.{column.name}" for column in text_columns()} == {
        "contributor.name", "reviewer.name", "event.who", "job.started_by", "submission.subject",  # reported
        "curated_set.note", "event.detail", "guide_example.words", "job.arguments", "job.message", "job.result",
        "refusal.file", "refusal.reason", "remark.words", "source.location", "submission.photo_name", "submission.licence",
        "submission.consent_basis", "run.name", "run.note",
    }  # fmt: skip


def test_two_sources_stay_two_when_their_names_are_redacted(engine: Engine, clock: FakeClock) -> None:
    with writing(engine) as session:
        for end in ("zip", "json", "x" * 980):
            session.add(Source(adapter="folder", location=f"/uploads/Nora Quist.{end}", added_at=clock()))
    searched: list[int] = []
    assert redact_rows(engine, NORA, lambda: searched.append(1)) == 3
    assert len(searched) == 1  # every thousand rows of a table that has any
    with reading(engine) as session:
        assert set(session.scalars(select(Source.location))) == {f"/uploads/(erased) {number}" for number in (1, 2, 3)}
    assert redact_rows(engine, NORA) == 0


def test_notes_jobs_and_refusals_lose_the_name_and_keep_the_rest(engine: Engine, clock: FakeClock) -> None:
    with writing(engine) as session:
        session.add(CuratedSet(id=1, hash="0" * 64, note="all but Nora Quist", frozen_at=clock()))
        job = {"state": JobState.done, "created_at": clock(), "heartbeat_at": clock(), "arguments": ["x"]}
        session.add(Job(kind="ingest", message="m" * 1990 + " Nora Quist", result={"a": [{"b": "nora_quist"}]}, **job))
        source = Source(adapter="folder", location="/here", added_at=clock())
        session.add_all(Refusal(source=source, file=file, reason="cut off", at=clock()) for file in ("x.png", "0007.jpg"))
        session.add(Event(at=clock(), who="Nora Quist", what="ingest", detail={"source": "/up/nora_quist.zip", "added": 7}))
    assert (redact_rows(engine, NORA), delete_refusals(engine, NORA)) == (3, 1)
    with reading(engine) as session:
        assert session.scalars(select(CuratedSet.note)).one() == "all but (erased)"
        found = session.scalars(select(Job)).one()
        assert (found.message[-9:], found.result, found.arguments) == (" (erased)", {"a": [{"b": "(erased)"}]}, ["x"])
        assert session.scalars(select(Refusal.file)).all() == ["x.png"]
        assert session.scalars(select(Event.detail)).one() == {"source": "/up/(erased)", "added": 7}
    # Somebody who works here may be called alike: that is told in the receipt, and stays.
    assert columns_with(engine, NORA.person, text_columns()) == {"event.who": 1}
