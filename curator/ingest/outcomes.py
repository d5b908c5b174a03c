"""The outcome of every file: refused, added with a remark, or kept aside without a face, each with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, literal, or_, select
from sqlalchemy.orm import Session

from curator.ingest.aside import select_faceless
from db.jobs import job_state
from db.tables import Event, Job, JobState, Refusal, Remark, Source, Submission

COLUMNS = ("at", "file", "why", "source")
UNDO = "undo ingest"  # what the event of an ingest that was taken back says; its detail names the `job`


class Outcome(StrEnum):
    """What happened to a file. `aside`: no face was found, a person may draw the crop; `not_read`: it belongs to no photo."""

    refused = "refused"
    not_read = "not_read"
    remark = "remark"
    aside = "aside"


@dataclass(frozen=True)
class OutcomeFilter:
    """Which files to list; `words` is searched for in their names and reasons, ignoring case. `source` None means all."""

    outcome: Outcome = Outcome.refused
    source: int | None = None
    words: str = ""


def list_outcomes(
    session: Session, asked: OutcomeFilter, count: int | None = None, passed: int = 0
) -> Iterator[tuple[str, str, str, str]]:
    """The files that match, newest first, as rows of COLUMNS: `count` of them (None: all) after skipping `passed`.

    The time is in ISO 8601.
    """
    wanted = _wanted(asked).limit(count).offset(passed or None).execution_options(yield_per=10_000)
    for at, file, why, source in session.execute(wanted):
        yield at.isoformat(timespec="seconds"), file, why, source


def count_files(session: Session, asked: OutcomeFilter) -> int:
    """How many files match."""
    return session.scalar(select(func.count()).select_from(_wanted(asked).order_by(None).subquery())) or 0


def count_by_outcome(session: Session) -> dict[Outcome, int]:
    """The number of files with each outcome."""
    return {outcome: count_files(session, OutcomeFilter(outcome)) for outcome in Outcome}


@dataclass(frozen=True)
class PastIngest:
    """An ingest that was started: its job's number, when, by whom (None: not known), of which source, and its state.

    `counts` is what it said at its end (`IngestSummary`), None unless it finished. `undone` is who took it back, and when.
    """

    job: int
    at: datetime
    by: str | None
    source: str
    state: JobState
    message: str
    counts: dict[str, Any] | None
    undone: tuple[str, datetime] | None = None

    @property
    def changed_nothing(self) -> bool:
        """Whether it is known that it added nothing, so that there is nothing to take back."""
        return self.counts is not None and not self.counts["added"] and not self.counts.get("refusals")


def count_drawn(session: Session, ingest: int) -> int:
    """How many of the submissions that an ingest added Winnow has drawn itself."""
    return session.scalar(select(func.count()).where(Submission.job_id == ingest, Submission.drawn)) or 0


def history(session: Session, count: int, now: datetime, passed: int = 0) -> list[PastIngest]:
    """`count` ingests, newest first, without previews, after skipping `passed`.

    An ingest is interrupted if its heartbeat is old at `now`.
    """
    wanted = select(Job).where(Job.kind == "ingest").order_by(Job.id.desc())
    jobs = session.scalars(wanted.limit(count).offset(passed or None)).all()
    number = Event.detail["job"].as_integer()
    taken_back = select(number, Event.who, Event.at).where(Event.what == UNDO, number.in_([job.id for job in jobs]))
    undone = {job: (who, at) for job, who, at in session.execute(taken_back)}
    return [
        _past_ingest(job, now, undone.get(job.id))
        for job in jobs
        if job.result is None or job.result.keys() & {"seen", "unclear"}
    ]


def count_ingests(session: Session) -> int:
    """How many ingests were started."""
    return session.scalar(select(func.count()).select_from(Job).where(Job.kind == "ingest")) or 0


def ingested_source(arguments: Sequence[str]) -> str:
    """What an ingest's source is called, by the arguments of its job; "" without any.

    A command that a person started stores the source itself. The app stores the command's words, and an upload's path is
    a name of ours: the name that its sender gave it (`--called`) is the one to show.

    >>> ingested_source(["/photos/street"]), ingested_source(["ingest", "/uploads/3f2a.zip", "--called=street.zip"])
    ('/photos/street', 'street.zip')
    """
    called = [word.removeprefix("--called=") for word in arguments if word.startswith("--called=")]
    if called:
        return called[0]
    words = arguments[1:2] if len(arguments) > 1 and arguments[0] == "ingest" else arguments[:1]
    return "".join(words)


def _past_ingest(job: Job, now: datetime, undone: tuple[str, datetime] | None) -> PastIngest:
    counts = job.result if job.result is not None and "seen" in job.result else None
    source, state = ingested_source(job.arguments), job_state(job, now)
    return PastIngest(job.id, job.created_at, job.started_by, source, state, job.message, counts, undone)


def _wanted(asked: OutcomeFilter) -> Select[*tuple[Any, ...]]:
    file: Any = Submission.photo_name
    why: Any
    newest: Any
    if asked.outcome in (Outcome.refused, Outcome.not_read):
        file, why, newest = Refusal.file, Refusal.reason, Refusal.id
        found = select(Refusal.at, file, why, Source.location).join(Source, Source.id == Refusal.source_id)
        found = found.where(Refusal.not_read.is_(asked.outcome is Outcome.not_read))
    elif asked.outcome is Outcome.remark:
        why, newest = Remark.words, Remark.id
        found = select(Remark.at, file, why, Source.location).join(Submission, Submission.id == Remark.submission_id)
        found = found.join(Source, Source.id == Submission.source_id)
    else:
        why, newest = literal("no face was found in it."), Submission.id
        found = select_faceless().with_only_columns(Submission.received_at, file, why, Source.location)
        found = found.join(Source, Source.id == Submission.source_id)
    if asked.source is not None:
        found = found.where(Source.id == asked.source)
    if asked.words.strip():
        found = found.where(or_(*(text.icontains(asked.words.strip(), autoescape=True) for text in (file, why))))
    return found.order_by(newest.desc())
