"""What is told of long work: the jobs that run, those that ended, and what comes next."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from curator.news import Told, how_it_ended, news
from db.session import reading, writing
from db.store import Store
from db.tables import Job, JobState, Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all

QUESTION = "The ingest has a question: what do the values of its masks mean?"
INGESTED = {"added": 0, "no_face": 0, "already": 0, "refusals": 0}


@pytest.mark.parametrize(
    ("kind", "result", "words", "pages"),
    [
        ("ingest", {"added": 56, "no_face": 4}, "Ingested 56, 4 without a face.", ["review", "aside"]),
        ("ingest", {"added": 1200, "refusals": 3}, "Ingested 1,200, 3 refused.", ["review", "ingest"]),
        ("ingest", {"added": 2, "no_face": 2}, "Ingested 2, 2 without a face.", ["aside"]),
        ("ingest", {"already": 60}, "Ingested 0, 60 already here.", ["ingest"]),
        ("fit", {"run": 1, "best_epoch": 9}, "Run 1 is done: F1 0.67, best epoch 9.", ["report", "export"]),
        (
            "report",
            {"run": 2, "split": "test", "images": 12, "f1": 0.5},
            "Run 2 is measured on 12 test examples: F1 0.50.",
            ["report"],
        ),
        (
            "export",
            {"run": 3, "format": "litert", "passed": True},
            "The file of run 3 is made and proven.",
            ["export", "tryon"],
        ),
        ("export", {"run": 3, "format": "coreml", "passed": True}, "The file of run 3 is made and proven.", ["export"]),
        ("pack", {"examples": 1056}, "The set is packed: 1,056 examples.", ["sets"]),
        ("undo", {"submissions": 60}, "The ingest is taken back: 60 photos are deleted.", ["ingest"]),
        ("refine", {"masks": 9, "proposed": 7}, "7 of 9 masks have a refinement to decide on.", ["refinements"]),
    ],
)
def test_a_job_that_is_done_says_what_came_of_it_and_where_to_go_on(
    kind: str, result: dict[str, Any], words: str, pages: list[str]
) -> None:
    told = how_it_ended(kind, JobState.done, "old words", INGESTED | result if kind == "ingest" else result, 0.67)
    assert (told.good, told.words, [step.page for step in told.steps]) == (True, words, pages)


def test_a_training_without_an_f1_says_none() -> None:
    assert how_it_ended("fit", JobState.done, "", {"run": 1, "best_epoch": 2}, None).words == "Run 1 is done, best epoch 2."


@pytest.mark.parametrize(
    ("state", "result", "good", "title", "words"),
    [
        (JobState.failed, None, False, "Ingest failed", "The ingest failed: The disk is full."),
        (JobState.interrupted, None, False, "Ingest interrupted", "The ingest was interrupted."),
        (JobState.cancelled, None, True, "Ingest stopped", "The ingest was stopped."),
        (JobState.failed, {"unclear": "…"}, False, "Ingest asks", QUESTION),
    ],
)
def test_a_job_that_is_not_done_says_why_and_leads_to_its_page(
    state: JobState, result: dict[str, Any] | None, good: bool, title: str, words: str
) -> None:
    told = how_it_ended("ingest", state, "The disk is full.", result, None)
    assert (told.good, told.title, told.words, [step.page for step in told.steps]) == (good, title, words, ["ingest"])


def test_a_file_that_is_not_proven_is_no_good_news_and_a_long_reason_is_cut() -> None:
    unproven = how_it_ended("export", JobState.done, "", {"run": 3, "format": "litert", "passed": False}, None)
    assert (unproven.good, [step.page for step in unproven.steps]) == (False, ["export"])
    assert how_it_ended("fit", JobState.failed, "x" * 2000, None, None).words == f"The training failed: {'x' * 200} …"


def add_job(engine: Engine, clock: FakeClock, kind: str, state: JobState, **values: Any) -> int:
    with writing(engine) as session:
        job = Job(kind=kind, arguments=[], state=state, created_at=clock(), heartbeat_at=clock(), **values)
        session.add(job)
        session.flush()
        return job.id


def test_a_browser_hears_of_jobs_that_are_new_or_that_it_saw_running_and_of_no_others(engine: Engine, clock: FakeClock) -> None:
    before = add_job(engine, clock, "ingest", JobState.done, result=INGESTED)
    seen = add_job(engine, clock, "export", JobState.cancelled)
    running = add_job(engine, clock, "refine", JobState.running, progress=0.5, message="5 of 10 masks")
    with writing(engine) as session:
        session.get_one(Job, running).expected_end = clock() + timedelta(minutes=12)
    failed = add_job(engine, clock, "report", JobState.failed, message="No.")
    add_job(engine, clock, "look", JobState.running)
    newest = add_job(engine, clock, "erase", JobState.done)
    with reading(engine) as session:
        told = news(session, clock(), running, [seen])
        first = news(session, clock(), None, [])
        later = news(session, clock() + timedelta(hours=1), newest, [running])
    assert [(one.number, one.name, one.page, one.progress, one.message, one.left) for one in told.running] == [
        (running, "Refine in bulk", "refinements", 0.5, "5 of 10 masks", "about 10 min")
    ]
    assert [one.number for one in told.ended] == [failed, seen]
    assert told.newest == newest
    assert (first.ended, first.running, first.newest) == ([], told.running, newest)
    assert [(one.number, one.told.title) for one in later.ended] == [(running, "Refine in bulk interrupted")]
    assert before not in {one.number for one in [*told.ended, *later.ended]}


def test_a_training_tells_the_f1_of_its_best_epoch(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2, Split.validation)
        run = add_run(session, store, freeze_all(session, examples, clock()), clock(), epochs=3)
        job = session.get_one(Job, 1)
        job.result = {"run": run, "best_epoch": 2}
    with reading(engine) as session:
        (ended,) = news(session, clock(), 0, []).ended
    assert ended.told == Told(True, "Training done", "Run 1 is done: F1 0.67, best epoch 2.", ended.told.steps)
