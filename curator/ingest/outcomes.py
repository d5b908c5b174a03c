"""What became of all that was sent in: every refused file, every remark and every photo kept aside, each with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, literal, or_, select
from sqlalchemy.orm import Session

from curator.ingest.aside import kept_aside
from db.jobs import job_state
from db.tables import Job, JobState, Refusal, Remark, Source, Submission

COLUMNS = ("at", "file", "why", "source")


class Outcome(StrEnum):
    """What became of a file."""

    refused = "refused"
    remark = "remark"
    aside = "aside"


@dataclass(frozen=True)
class OutcomeFilter:
    """Which files are asked for; `words` are looked for in their names and reasons, whatever the case."""

    outcome: Outcome = Outcome.refused
    source: int | None = None
    words: str = ""


def rows(
    session: Session, asked: OutcomeFilter, count: int | None = None, passed: int = 0
) -> Iterator[tuple[str, str, str, str]]:
    """The files that are asked for, the newest first, as rows of COLUMNS: `count` of them after the first `passed`, or all."""
    wanted = _wanted(asked).limit(count).offset(passed or None).execution_options(yield_per=10_000)
    for at, file, why, source in session.execute(wanted):
        yield at.isoformat(timespec="seconds"), file, why, source


def number(session: Session, asked: OutcomeFilter) -> int:
    """How many files are asked for."""
    return session.scalar(select(func.count()).select_from(_wanted(asked).order_by(None).subquery())) or 0


def numbers(session: Session) -> dict[Outcome, int]:
    """How many files there are of each outcome."""
    return {outcome: number(session, OutcomeFilter(outcome)) for outcome in Outcome}


@dataclass(frozen=True)
class Past:
    """An ingest that was started: when, of what, how it stands, and the numbers that it came to, if it came to an end."""

    at: datetime
    source: str
    state: JobState
    message: str
    seen: int | None
    added: int | None
    refused: int | None


def history(session: Session, count: int, now: datetime) -> list[Past]:
    """The newest ingests, the newest first; what only looked at a source is none."""
    jobs = session.scalars(select(Job).where(Job.kind == "ingest").order_by(Job.id.desc()).limit(count))
    return [_past(job, now) for job in jobs if job.result is None or "seen" in job.result]


def _past(job: Job, now: datetime) -> Past:
    numbers = job.result or {}
    refused = numbers.get("refusals", len(numbers["refused"]) if "refused" in numbers else None)
    return Past(
        at=job.created_at,
        source=job.arguments[0] if job.arguments else "",
        state=job_state(job, now),
        message=job.message,
        seen=numbers.get("seen"),
        added=numbers.get("added"),
        refused=refused,
    )


def _wanted(asked: OutcomeFilter) -> Select[*tuple[Any, ...]]:
    file: Any = Submission.photo_name
    why: Any
    newest: Any
    if asked.outcome is Outcome.refused:
        file, why, newest = Refusal.file, Refusal.reason, Refusal.id
        found = select(Refusal.at, file, why, Source.location).join(Source, Source.id == Refusal.source_id)
    elif asked.outcome is Outcome.remark:
        why, newest = Remark.words, Remark.id
        found = select(Remark.at, file, why, Source.location).join(Submission, Submission.id == Remark.submission_id)
        found = found.join(Source, Source.id == Submission.source_id)
    else:
        why, newest = literal("no face was found in it."), Submission.id
        found = kept_aside().with_only_columns(Submission.received_at, file, why, Source.location)
        found = found.join(Source, Source.id == Submission.source_id)
    if asked.source is not None:
        found = found.where(Source.id == asked.source)
    if asked.words.strip():
        found = found.where(or_(*(text.icontains(asked.words.strip(), autoescape=True) for text in (file, why))))
    return found.order_by(newest.desc())
