"""Erase a contributor: their photos, masks and crops, and everything made from them.

Rows are deleted first, in one transaction; then the pictures that only those rows named. A crash in between leaves pictures
that no page can show any more, and an hour later `check` lists them as orphaned. In the other order a crash would leave rows
without their pictures, on pages that people are using. Other people's refusals, jobs and pictures, of which there may be
millions, are searched outside the transaction, so that nobody's verdict waits.

The places in curated sets stay, without the example, so that each set keeps its hash. The weights of runs stay too: what was
learned from one photo cannot be removed from them.
"""

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Engine, Select, delete, func, or_, select, update
from sqlalchemy.orm import Session
from upath import UPath

from curator.ingest.groups import leave_groups
from curator.ingest.uploads import delete_leftovers
from db.blobs import blob_columns, delete_orphans, delete_unnamed
from db.errors import WinnowError
from db.jobs import ACTIVE
from db.session import Lock, reading, wait_for, writing
from db.settings import Settings
from db.store import Store
from db.tables import (
    Base,
    Contributor,
    CropChoice,
    CuratedSet,
    Event,
    Example,
    Gold,
    GuideExample,
    Job,
    Lease,
    Likeness,
    Measure,
    Preview,
    Refinement,
    RefinementDecision,
    Refusal,
    Remark,
    Reopening,
    Run,
    SetMember,
    Signal,
    Source,
    Standing,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpDiscard,
    TouchUpPresence,
    TouchUpRequest,
    TouchUpSave,
    Verdict,
)

# Rows that are deleted with an example, in an order that satisfies their foreign keys. If a table is missing here, the database
# refuses to delete the example, so no row can be left behind unnoticed.
TABLES_OF_AN_EXAMPLE: tuple[type[Base], ...] = (
    Measure,
    Preview,
    Refinement,
    Verdict,
    Reopening,
    TouchUpRequest,
    Gold,
    Lease,
    Standing,
    Suspicion,
    Signal,
)
TABLES_OF_A_TOUCH_UP: tuple[type[Base], ...] = (TouchUpSave, TouchUpPresence, TouchUpDiscard)
TABLES_OF_A_SUBMISSION: tuple[type[Base], ...] = (Remark, Likeness, CropChoice)
TABLES_TO_EMPTY: tuple[type[Base], ...] = (SetMember, GuideExample)  # their rows stay, without the example
REPLACEMENT = "(erased)"


@dataclass(frozen=True)
class Erased:
    """How much was erased, and the numbers of the curated sets and runs that had used it."""

    submissions: int
    examples: int
    verdicts: int
    touch_ups: int
    refusals: int
    blobs: int
    sets: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)


def erase_contributor(engine: Engine, store: Store, settings: Settings, name: str, who: str, now: datetime) -> Erased:
    """Erase everything of a contributor, and record who did it and when, without the contributor's name.

    When this returns, the pictures that only their rows named are gone from the store, however new (`delete_unnamed` says what
    that does to an ingest which is storing the same bytes at this moment). Files in the folder of runs that are named after an
    erased picture's hash are deleted too, and the name is redacted in the logs of jobs. What killed processes left behind is
    deleted, because nobody knows whose it is: zips, half-written files, and pictures that no row names; but only what is over
    an hour old, and older than every running job. Raises WinnowError if no contributor has this name.
    """
    with reading(engine) as session:
        found = _search_words(session, _contributor_called(session, name))
    with writing(engine) as session:
        wait_for(session, Lock.adding)
        contributor = _contributor_called(session, name)
        if found.photos != _photos(session, contributor):  # an ingest has just added some: too rare to be slow for others
            found = _search_words(session, contributor)
        refusals = _redact_rows(session, found)
        pictures, counts = _erase_rows(session, contributor)
        counts["refusals"] = refusals
        event = Event(at=now, who=who, what="erase", detail=counts)
        session.add(event)
    pictures = delete_unnamed(engine, store, pictures, None) | delete_orphans(engine, store, now)
    erased = Erased(**counts, blobs=len(pictures))
    with writing(engine) as session:
        session.get_one(Event, event.id).detail = asdict(erased)
    _delete_files(settings.runs, pictures)
    _redact_logs(settings.logs, found.identifying)
    delete_leftovers(settings.uploads, engine, now, older=None)
    _empty_the_write_ahead_log(engine)
    return erased


def _contributor_called(session: Session, name: str) -> Contributor:
    contributor = session.scalars(select(Contributor).where(Contributor.name == name)).one_or_none()
    if contributor is None:
        raise WinnowError(f"There is no contributor {name!r}. The name must be exactly as the source gave it.")
    return contributor


def _erase_rows(session: Session, contributor: Contributor) -> tuple[set[str], dict[str, Any]]:
    """Delete the rows; returns the pictures that they named, and the counts of `Erased`, but for `refusals` and `blobs`."""
    theirs = select(Submission.id).where(Submission.contributor_id == contributor.id)
    examples = select(Example.id).where(Example.submission_id.in_(theirs))
    touch_ups = select(TouchUp.id).where(TouchUp.example_id.in_(examples))
    # Locked on PostgreSQL: what is just being added to them is committed before, and seen here, or refused afterwards.
    session.execute(examples.with_for_update()).all()
    pictures = _pictures(session, {"submission_id": theirs, "example_id": examples, "touch_up_id": touch_ups})
    sets, runs = _sets_and_runs_with(session, examples)
    leave_groups(session, examples)
    sources = list(session.scalars(select(Submission.source_id).where(Submission.id.in_(theirs)).distinct()))
    counts: dict[str, Any] = {"sets": sets, "runs": runs}
    for table in TABLES_OF_A_TOUCH_UP:
        session.execute(delete(table).where(table.__table__.c.touch_up_id.in_(touch_ups)))
    refinements = select(Refinement.id).where(Refinement.example_id.in_(examples))
    session.execute(delete(RefinementDecision).where(RefinementDecision.refinement_id.in_(refinements)))
    for table in TABLES_OF_AN_EXAMPLE:
        gone = _delete(session, table, table.__table__.c.example_id.in_(examples))
        if table is Verdict:
            counts["verdicts"] = gone
    counts["touch_ups"] = _delete(session, TouchUp, TouchUp.example_id.in_(examples))
    for table in TABLES_TO_EMPTY:
        session.execute(update(table).where(table.__table__.c.example_id.in_(examples)).values(example_id=None))
    for table in TABLES_OF_A_SUBMISSION:
        _delete(session, table, table.__table__.c.submission_id.in_(theirs))
    counts["examples"] = _delete(session, Example, Example.submission_id.in_(theirs))
    counts["submissions"] = _delete(session, Submission, Submission.contributor_id == contributor.id)
    session.execute(delete(Contributor).where(Contributor.id == contributor.id))
    _delete_empty_sources(session, sources)
    return pictures, counts


def _pictures(session: Session, owners: dict[str, Select[int]]) -> set[str]:
    """The pictures that these submissions, examples and touch-ups name, and whatever belongs to them."""
    found: set[str] = set()
    for column in blob_columns():
        columns = column.table.columns
        keys = {"id": owners["submission_id"]} if column.table is Submission.__table__ else owners
        theirs = or_(*(columns[key].in_(owner) for key, owner in keys.items() if key in columns))
        found.update(session.scalars(select(column).where(theirs, column.is_not(None))))
    return found


def _delete(session: Session, table: type[Base], which: Any) -> int:
    # No need to synchronise the session: none of these rows is loaded in it.
    return int(session.execute(delete(table).where(which), execution_options={"synchronize_session": False}).rowcount)  # type: ignore[attr-defined]


def _sets_and_runs_with(session: Session, examples: Select[int]) -> tuple[list[int], list[int]]:
    """The numbers of the curated sets with these examples, and of the runs on those sets."""
    members = select(SetMember.set_id).where(SetMember.example_id.in_(examples))
    sets = list(session.scalars(select(CuratedSet.id).where(CuratedSet.id.in_(members)).order_by(CuratedSet.id)))
    runs = list(session.scalars(select(Run.id).where(Run.set_id.in_(members)).order_by(Run.id)))
    return sets, runs


def _delete_empty_sources(session: Session, sources: list[int]) -> None:
    """Delete sources that have nothing left: their location may be named after the person."""
    for source in sources:
        used = session.scalar(select(Submission.id).where(Submission.source_id == source).limit(1))
        refused = session.scalar(select(Refusal.id).where(Refusal.source_id == source).limit(1))
        if used is None and refused is None:
            session.execute(delete(Source).where(Source.id == source))


# --- words -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """Where a contributor, or a file of theirs, is named in words, and how far this was searched."""

    photos: frozenset[tuple[int, str]]  # their photos: number of the source, name
    identifying: re.Pattern[str]
    refusals: tuple[int, ...]  # numbers of those that identify them
    jobs: tuple[int, ...]  # numbers of those that name them, or may have done so since, because they were active
    last_refusal: int  # the newest that was searched
    last_job: int


def _search_words(session: Session, contributor: Contributor) -> _Words:
    """Search all refusals and jobs for a contributor's words.

    A refusal has no contributor. It is theirs if its file or reason names them or a file of theirs, because files are often
    named after people, or if it has the name of a photo of theirs in the same source.
    """
    photos = _photos(session, contributor)
    identifying = _identifying_pattern(contributor, [name for _, name in photos])
    last_refusal, last_job = (session.scalar(select(func.max(table.id))) or 0 for table in (Refusal, Job))
    return _Words(
        photos,
        identifying,
        tuple(_refusals_of(session, photos, identifying, after=0)),
        tuple(
            job.id
            for job in session.scalars(select(Job).execution_options(yield_per=100))
            if job.state in ACTIVE or (said := [job.message, job.arguments, job.result]) != _redact(said, identifying)
        ),
        last_refusal,
        last_job,
    )


def _photos(session: Session, contributor: Contributor) -> frozenset[tuple[int, str]]:
    wanted = select(Submission.source_id, Submission.photo_name).where(Submission.contributor_id == contributor.id)
    return frozenset((source, name) for source, name in session.execute(wanted))


def _refusals_of(session: Session, photos: frozenset[tuple[int, str]], identifying: re.Pattern[str], after: int) -> list[int]:
    wanted = select(Refusal.id, Refusal.source_id, Refusal.file, Refusal.reason).where(Refusal.id > after)
    return [
        number
        for number, source, file, reason in session.execute(wanted.execution_options(yield_per=1000))
        if (source, file) in photos or identifying.search(file) or identifying.search(reason)
    ]


def _identifying_pattern(contributor: Contributor, photos: Collection[str]) -> re.Pattern[str]:
    """Matches the contributor's name, however its words are joined, or the name of a photo of theirs, with any extension.

    It matches whole words only. It may match a file of a namesake too: too much is redacted then, never too little.
    """
    files = [PurePosixPath(name) for name in photos]
    person = r"[\s_.-]+".join(re.escape(word) for word in re.split(r"[\s_.-]+", contributor.name) if word)
    names = [person, *(re.escape(file.stem) for file in files)]
    paths = {re.escape(str(file.with_suffix(""))) for file in files if len(file.parts) > 1}
    # A bare number ("7", "0001") would match other people too: only a path or a name with letters identifies somebody.
    identifying = {name for name in names if re.search(r"[^\W\d]{2}", name)} | paths
    longest_first = sorted(identifying, key=len, reverse=True) or [r"(?!)"]  # which matches nothing
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(longest_first)})(?![^\W_])(?:\.\w+)?", re.IGNORECASE)


def _redact_rows(session: Session, found: _Words) -> int:
    """Delete the refusals that identify the contributor, and redact the rows of jobs; returns the number of refusals.

    What was added since the search is searched here.
    """
    refusals = {*found.refusals, *_refusals_of(session, found.photos, found.identifying, after=found.last_refusal)}
    for number in refusals:
        session.execute(delete(Refusal).where(Refusal.id == number))
    for job in session.scalars(select(Job).where(or_(Job.id.in_(found.jobs), Job.id > found.last_job))):
        job.message = found.identifying.sub(REPLACEMENT, job.message)
        job.arguments = _redact(job.arguments, found.identifying)
        job.result = _redact(job.result, found.identifying)
    return len(refusals)


def _redact(value: Any, identifying: re.Pattern[str]) -> Any:
    """A JSON value with every identifying word replaced."""
    if isinstance(value, str):
        return identifying.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_redact(each, identifying) for each in value]
    if isinstance(value, dict):
        return {key: _redact(each, identifying) for key, each in value.items()}
    return value


# --- files -----------------------------------------------------------------------------------------------------------


def _delete_files(folder: UPath, pictures: set[str]) -> None:
    for path in list(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file() and path.stem in pictures:
            path.unlink(missing_ok=True)


def _redact_logs(folder: Path, identifying: re.Pattern[str]) -> None:
    for log in list(folder.glob("*.log")) if folder.is_dir() else []:
        text = log.read_text("utf-8", "surrogateescape")
        if identifying.search(text):
            log.write_text(identifying.sub(REPLACEMENT, text), "utf-8", "surrogateescape")


def _empty_the_write_ahead_log(engine: Engine) -> None:
    """SQLite keeps old pages, with deleted rows in plain text, in its write-ahead log until it is emptied."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
