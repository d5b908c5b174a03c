"""The feed: what happened in words, newest first, a page at a time."""

from typing import Any

import pytest
from sqlalchemy import Engine

from curator.feed import Happened, feed, in_words
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import freeze
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Event
from tests.conftest import FakeClock
from tests.examples import add_examples

CAME = {"format": "folder", "source": "/photos/street", "added": 56, "already": 0, "no_face": 4, "refusals": 1, "ended": "done"}


@pytest.mark.parametrize(
    ("what", "detail", "words"),
    [
        ("ingest", CAME, "Ingested street: 56 photos, 4 without a face, 1 refused."),
        (
            "ingest",
            CAME | {"format": "sample", "source": "drawn, seed 0"},
            "Ingested the sample portraits: 56 photos, 4 without a face, 1 refused.",
        ),
        (
            "ingest",
            CAME | {"added": 1, "no_face": 0, "ended": "cancelled"},
            "An ingest of street was stopped; in are 1 photo, 1 refused.",
        ),
        ("ingest", CAME | {"source": "(erased)"}, "Ingested (erased): 56 photos, 4 without a face, 1 refused."),
        ("freeze", {"set": 2, "examples": 1}, "Froze set 2 with 1 example."),
        ("fit", {"run": 1, "epochs": 50, "best_epoch": 43, "ended": "done"}, "Trained run 1: 50 epochs, the best is 43."),
        (
            "export",
            {"run": 1, "format": "coreml", "precision": "float16", "passed": True, "ended": "done"},
            "Exported run 1 as Core ML, float16, and proved it.",
        ),
        (
            "export",
            {"run": 1, "format": "litert", "precision": "int8", "passed": False, "ended": "done"},
            "Exported run 1 as LiteRT, int8, but its proof did not pass.",
        ),
        ("export", {"run": 1, "format": "litert", "precision": "int8", "ended": "failed"}, "An export of run 1 failed."),
        ("export set", {"set": 3, "format": "coco", "examples": 1240}, "Exported set 3 as coco: 1,240 examples."),
        (
            "erase",
            {"submissions": 2, "examples": 1, "verdicts": 9},
            "Erased 2 photos with 1 example and all that was made from them.",
        ),
        ("allow again", {"lifted": 3}, "Allowed 3 erased people and photos to come in."),
        ("pack", {"set": 3, "format": "coco", "ended": "cancelled"}, "An export of set 3 was stopped."),
        ("undo ingest", {"job": 4, "submissions": 60}, "Took an ingest back, with 60 photos."),
        ("delete run", {"run": 1, "exports": 0}, "Deleted run 1."),
        ("delete run", {"run": 2, "exports": 1}, "Deleted run 2 and 1 exported file."),
        ("something new", {}, "Something new."),
    ],
)  # fmt: skip
def test_an_event_is_told_in_a_sentence(what: str, detail: dict[str, Any], words: str) -> None:
    assert in_words(what, detail) == words


def test_the_feed_is_read_newest_first_a_page_at_a_time(engine: Engine, clock: FakeClock) -> None:
    with writing(engine) as session:
        for number in range(1, 8):
            who = "" if number == 1 else "<b>Ada</b>"
            session.add(Event(at=clock.pass_(1), who=who, what="freeze", detail={"set": number, "examples": 2}))
            session.flush()
    with reading(engine) as session:
        pages = [feed(session, 3), feed(session, 3, 5), feed(session, 3, 2)]
    assert [[one.number for one in page] for page in pages] == [[7, 6, 5], [4, 3, 2], [1]]
    assert pages[0][0] == Happened(7, clock(), "<b>Ada</b>", "Froze set 7 with 2 examples.")
    assert pages[2][0].who == "somebody"


def test_a_set_that_is_frozen_is_told_once_and_with_it_or_not_at_all(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2)
    with writing(engine) as session:
        given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in examples]
        record(session, reviewer_called(session, "Ada").id, given, clock())
    for who in ("Ada", "Bo"):  # the same content is the same set
        freeze(engine, "", clock(), by=who)
    with reading(engine) as session:
        assert [(one.who, one.words) for one in feed(session, 9)] == [("Ada", "Froze set 1 with 2 examples.")]
