"""What long work says on every page: the jobs that run, and what became of those that ended, with the pages that come next."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.ingest.pace import roughly
from db.jobs import ACTIVE, active_jobs, job_state, time_left
from db.tables import Epoch, Job, JobState

NEWEST = 20  # jobs that are told at most
LONGEST = 200  # characters of a message


@dataclass(frozen=True)
class Step:
    """A page that a job leads to: what to do there, and the page's path."""

    label: str
    page: str


@dataclass(frozen=True)
class Told:
    """How a job ended: whether as it should, in a few words, in a sentence, and what comes next."""

    good: bool
    title: str
    words: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Running:
    """A job that runs: its progress is 0 to 1; `left` is empty while nobody knows how long it takes."""

    number: int
    name: str
    page: str
    progress: float
    message: str
    left: str
    seconds: float  # since it was asked for


@dataclass(frozen=True)
class Ended:
    """A job that has ended."""

    number: int
    told: Told


@dataclass(frozen=True)
class News:
    """The jobs that run, oldest first; those that ended, newest first; and the number of the newest job of all."""

    running: list[Running]
    ended: list[Ended]
    newest: int


# What is told of, as a name and as the subject of a sentence, and the page where it is done. A preview is its page's alone, and
# an erasure its lead's.
KINDS = {
    "ingest": ("Ingest", "The ingest", Step("Ingest", "ingest")),
    "fit": ("Training", "The training", Step("Train", "train")),
    "report": ("Measuring", "Measuring", Step("Report", "report")),
    "export": ("Export", "The export", Step("Export", "export")),
    "pack": ("Packing", "Packing", Step("Sets", "sets")),
    "undo": ("Taking back", "Taking the ingest back", Step("Ingest", "ingest")),
    "refine": ("Refine in bulk", "Refining in bulk", Step("Refine in bulk", "refinements")),
}


def news(session: Session, now: datetime, after: int | None, watched: Collection[int]) -> News:
    """What there is to tell a browser that has heard of all jobs up to number `after`, but for those it has `watched` running.

    One that has heard of none (None) is told of nothing that has ended.
    """
    running = [job for job in active_jobs(session, now) if job.kind in KINDS]
    ended: list[Job] = []
    if after is not None:
        newer = select(Job).where(Job.id > after).order_by(Job.id.desc()).limit(NEWEST)
        older = select(Job).where(Job.id.in_(watched), Job.id <= after).order_by(Job.id.desc())
        found = [*session.scalars(newer), *session.scalars(older)]
        ended = [job for job in found if job.kind in KINDS and job_state(job, now) not in ACTIVE]
    return News(
        [_running(job, now) for job in running],
        [
            Ended(job.id, how_it_ended(job.kind, job_state(job, now), job.message, job.result, _f1(session, job)))
            for job in ended
        ],
        session.scalar(select(func.max(Job.id))) or 0,
    )


def _running(job: Job, now: datetime) -> Running:
    name, _, step = KINDS[job.kind]
    left = time_left(job, now)
    return Running(
        job.id,
        name,
        step.page,
        job.progress,
        job.message,
        "" if left is None else roughly(left),
        (now - job.created_at).total_seconds(),
    )


def _f1(session: Session, job: Job) -> float | None:
    """The F1 of the best epoch of a training's run, on validation."""
    result = job.result or {}
    if job.kind != "fit" or result.get("best_epoch") is None:
        return None
    best = session.get(Epoch, (result["run"], result["best_epoch"]))
    return None if best is None else best.validation_f1


def how_it_ended(kind: str, state: JobState, message: str, result: dict[str, Any] | None, f1: float | None) -> Told:
    """What to say of a job that is over, by its kind, its state, its last message and its result; `f1` is a training's.

    >>> done = {"added": 60, "no_face": 4, "already": 0, "refusals": 0}
    >>> how_it_ended("ingest", JobState.done, "", done, None).words
    'Ingested 60, 4 without a face.'
    """
    name, subject, there = KINDS[kind]
    if kind == "ingest" and result is not None and result.get("unclear"):
        question = "The ingest has a question: what do the values of its masks mean?"
        return Told(False, f"{name} asks", question, (Step("Answer", there.page),))
    if state is JobState.done and result is not None:
        return _done(kind, result, f1)
    how = {JobState.failed: "failed", JobState.cancelled: "was stopped"}.get(state, "was interrupted")
    why = message if len(message) <= LONGEST else f"{message[:LONGEST].rstrip()} …"
    words = f"{subject} {how}: {why}" if why and state is JobState.failed else f"{subject} {how}."
    return Told(state is JobState.cancelled, f"{name} {how.removeprefix('was ')}", words, (there,))


def _done(kind: str, result: dict[str, Any], f1: float | None) -> Told:
    if kind == "ingest":
        return _ingested(result)
    if kind == "fit":
        measured = "" if f1 is None else f": F1 {_score(f1)}"
        words = f"Run {result['run']} is done{measured}, best epoch {result['best_epoch']}."
        return Told(True, "Training done", words, (KINDS["report"][2], KINDS["export"][2]))
    if kind == "report":
        words = (
            f"Run {result['run']} is measured on {result['images']:,} {result['split']} examples: F1 {_score(result['f1'])}."
        )
        return Told(True, "Measured", words, (KINDS["report"][2],))
    if kind == "export":
        if not result["passed"]:
            words = f"The file of run {result['run']} does not compute what the run computes."
            return Told(False, "Export not proven", words, (KINDS["export"][2],))
        steps = (Step("Download", "export"), *([Step("Try it on", "tryon")] if result["format"] == "litert" else []))
        return Told(True, "Export proven", f"The file of run {result['run']} is made and proven.", steps)
    if kind == "pack":
        return Told(True, "Set packed", f"The set is packed: {result['examples']:,} examples.", (KINDS["pack"][2],))
    if kind == "undo":
        words = f"The ingest is taken back: {result['submissions']:,} photos are deleted."
        return Told(True, "Ingest taken back", words, (KINDS["undo"][2],))
    proposed = result["proposed"]
    words = f"{proposed:,} of {result['masks']:,} masks have a refinement to decide on."
    return Told(True, "Refined", words, (Step("Decide", "refinements"),))


def _ingested(result: dict[str, Any]) -> Told:
    added, without, already, refused = (result[name] for name in ("added", "no_face", "already", "refusals"))
    counts = [
        (added, "Ingested {:,}"),
        (without, "{:,} without a face"),
        (already, "{:,} already here"),
        (refused, "{:,} refused"),
    ]
    parts = [words.format(count) for at, (count, words) in enumerate(counts) if count or at == 0]
    steps = [
        *([Step("Review", "review")] if added > without else []),
        *([Step("No face found", "aside")] if without else []),
        *([Step("See why", "ingest")] if refused else []),
    ]
    return Told(True, "Ingest done", f"{', '.join(parts)}.", tuple(steps or [KINDS["ingest"][2]]))


def _score(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
