"""Forget a contributor: their photos, masks and crops, and everything that was made of them.

Rows go first, in one transaction; then the pictures that only these rows named. A crash in between leaves pictures that
nobody can reach any more: `check` lists them as orphaned. The other order would leave rows that point at nothing, in
pages that people are looking at. A curated set's places stay, so that its hash still tells what it was; they no longer
point anywhere. A run's weights stay too: what was learned from one photo cannot be taken out of them.
"""

import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Engine, Select, delete, select, update
from sqlalchemy.orm import Session
from upath import UPath

from curator.ingest.groups import without
from curator.ingest.uploads import sweep
from db.blobs import named_blobs
from db.errors import WinnowError
from db.session import writing
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
    TouchUpSave,
    Verdict,
)

# Rows that go with an example, those that point at others first. Whatever is missing here makes the database refuse the
# example's deletion, so that nothing is left behind in silence.
OF_AN_EXAMPLE: tuple[type[Base], ...] = (Measure, Preview, Verdict, Reopening, Gold, Lease, Standing, Suspicion, Signal)
OF_A_SUBMISSION: tuple[type[Base], ...] = (Remark, Likeness, CropChoice)
EMPTIED: tuple[type[Base], ...] = (SetMember, GuideExample)  # rows that stay, without the example
INSTEAD = "(erased)"
ON_ITS_WAY = timedelta(hours=1)  # a picture is stored before the row that names it is committed


@dataclass(frozen=True)
class Erased:
    """What went, in numbers, and the curated sets and runs that had used it."""

    submissions: int
    examples: int
    verdicts: int
    touch_ups: int
    refusals: int
    blobs: int
    sets: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)


def erase_contributor(engine: Engine, store: Store, settings: Settings, name: str, who: str, now: datetime) -> Erased:
    """Erase all that is a contributor's, and record who did it and when, without the name.

    Files in the runs' folder that are named by the hash of an erased picture go too, the name is struck from the logs of
    jobs. What an ingest left behind is deleted, since nobody knows who is in it: zips, and pictures that it stored before it
    broke off or refused them. Raises WinnowError for a name that no contributor has.
    """
    with writing(engine) as session:
        contributor = session.scalars(select(Contributor).where(Contributor.name == name)).one_or_none()
        if contributor is None:
            raise WinnowError(f"There is no contributor {name!r}. The name must be exactly as the source gave it.")
        telling = _telling(session, contributor)
        lost = {sha256 for sha256, _ in named_blobs(session)}
        counted = _erase_rows(session, contributor, telling)
        named = {sha256 for sha256, _ in named_blobs(session)}
        lost = (lost - named) | _left_behind(store, named, now)
        erased = Erased(**counted, blobs=len(lost))
        session.add(Event(at=now, who=who, what="erase", detail=asdict(erased)))
    for sha256 in sorted(lost):
        store.delete(sha256)
    _delete_files(settings.runs, lost)
    _strike_logs(settings.logs, telling)
    sweep(settings.uploads, engine, now, older=None)
    _empty_the_write_ahead_log(engine)
    return erased


def _left_behind(store: Store, named: set[str], now: datetime) -> set[str]:
    """Pictures that no row names, and that have been here too long for a row to be on its way."""
    found = set()
    for sha256 in set(store.all()) - named:
        with suppress(FileNotFoundError, NotImplementedError):  # gone meanwhile; a store that knows no times
            if now - store.stored_at(sha256) > ON_ITS_WAY:
                found.add(sha256)
    return found


def _erase_rows(session: Session, contributor: Contributor, telling: re.Pattern[str]) -> dict[str, Any]:
    """Delete the rows; the counts of `Erased`, without the pictures."""
    theirs = select(Submission.id).where(Submission.contributor_id == contributor.id)
    examples = select(Example.id).where(Example.submission_id.in_(theirs))
    touch_ups = select(TouchUp.id).where(TouchUp.example_id.in_(examples))
    sets, runs = _users(session, examples)
    without(session, examples)
    sources = list(session.scalars(select(Submission.source_id).where(Submission.id.in_(theirs)).distinct()))
    refusals = _erase_words(session, contributor, telling)
    counted: dict[str, Any] = {"sets": sets, "runs": runs, "refusals": refusals}
    session.execute(delete(TouchUpSave).where(TouchUpSave.touch_up_id.in_(touch_ups)))
    counted["touch_ups"] = _delete(session, TouchUp, TouchUp.example_id.in_(examples))
    for table in OF_AN_EXAMPLE:
        gone = _delete(session, table, table.__table__.c.example_id.in_(examples))
        if table is Verdict:
            counted["verdicts"] = gone
    for table in EMPTIED:
        session.execute(update(table).where(table.__table__.c.example_id.in_(examples)).values(example_id=None))
    for table in OF_A_SUBMISSION:
        _delete(session, table, table.__table__.c.submission_id.in_(theirs))
    counted["examples"] = _delete(session, Example, Example.submission_id.in_(theirs))
    counted["submissions"] = _delete(session, Submission, Submission.contributor_id == contributor.id)
    session.execute(delete(Contributor).where(Contributor.id == contributor.id))
    _delete_empty_sources(session, sources)
    return counted


def _delete(session: Session, table: type[Base], which: Any) -> int:
    # The session's copies aren't touched: none of these rows was loaded into it.
    return int(session.execute(delete(table).where(which), execution_options={"synchronize_session": False}).rowcount)  # type: ignore[attr-defined]


def _users(session: Session, examples: Select[int]) -> tuple[list[int], list[int]]:
    """The numbers of the curated sets that have these examples, and of the runs on those sets."""
    members = select(SetMember.set_id).where(SetMember.example_id.in_(examples))
    sets = list(session.scalars(select(CuratedSet.id).where(CuratedSet.id.in_(members)).order_by(CuratedSet.id)))
    runs = list(session.scalars(select(Run.id).where(Run.set_id.in_(members)).order_by(Run.id)))
    return sets, runs


def _delete_empty_sources(session: Session, sources: list[int]) -> None:
    """Sources that brought nothing but what went: their location may be called after the person."""
    for source in sources:
        used = session.scalar(select(Submission.id).where(Submission.source_id == source).limit(1))
        refused = session.scalar(select(Refusal.id).where(Refusal.source_id == source).limit(1))
        if used is None and refused is None:
            session.execute(delete(Source).where(Source.id == source))


# --- words -----------------------------------------------------------------------------------------------------------


def _telling(session: Session, contributor: Contributor) -> re.Pattern[str]:
    """Finds the contributor's name, however its words are joined, or a file of theirs, with any ending; never inside a word.

    It may find a namesake's file as well; then too much is struck, never too little.
    """
    wanted = select(Submission.photo_name).where(Submission.contributor_id == contributor.id)
    files = [PurePosixPath(name) for name in session.scalars(wanted)]
    person = r"[\s_.-]+".join(re.escape(word) for word in re.split(r"[\s_.-]+", contributor.name) if word)
    names = [person, *(re.escape(file.stem) for file in files)]
    paths = {re.escape(str(file.with_suffix(""))) for file in files if len(file.parts) > 1}
    # A bare number ("7", "0001") would find strangers too: only a path, or a name with letters in it, tells.
    telling = {name for name in names if re.search(r"[^\W\d]{2}", name)} | paths
    longest_first = sorted(telling, key=len, reverse=True) or [r"(?!)"]  # nothing tells: finds nothing
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(longest_first)})(?![^\W_])(?:\.\w+)?", re.IGNORECASE)


def _erase_words(session: Session, contributor: Contributor, telling: re.Pattern[str]) -> int:
    """Delete the refusals that tell of the contributor, and strike what jobs remember; how many refusals went.

    A refused file has no contributor. It is theirs when it or its reason names them or a file of theirs, since files are
    often called after people, or when it has the name of a photo of theirs in the same source.
    """
    wanted = select(Submission.source_id, Submission.photo_name).where(Submission.contributor_id == contributor.id)
    photos = {(source, name) for source, name in session.execute(wanted)}
    theirs = [
        number
        for number, source, file, reason in session.execute(select(Refusal.id, Refusal.source_id, Refusal.file, Refusal.reason))
        if (source, file) in photos or telling.search(file) or telling.search(reason)
    ]
    for number in theirs:
        session.execute(delete(Refusal).where(Refusal.id == number))
    for job in session.scalars(select(Job)):
        job.message = telling.sub(INSTEAD, job.message)
        job.arguments = _struck(job.arguments, telling)
        job.result = _struck(job.result, telling)
    return len(theirs)


def _struck(value: Any, telling: re.Pattern[str]) -> Any:
    """JSON with the words that tell of a person struck out."""
    if isinstance(value, str):
        return telling.sub(INSTEAD, value)
    if isinstance(value, list):
        return [_struck(each, telling) for each in value]
    if isinstance(value, dict):
        return {key: _struck(each, telling) for key, each in value.items()}
    return value


# --- files -----------------------------------------------------------------------------------------------------------


def _delete_files(folder: UPath, lost: set[str]) -> None:
    for path in list(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file() and path.stem in lost:
            path.unlink(missing_ok=True)


def _strike_logs(folder: Path, telling: re.Pattern[str]) -> None:
    for log in list(folder.glob("*.log")) if folder.is_dir() else []:
        text = log.read_text("utf-8", "surrogateescape")
        if telling.search(text):
            log.write_text(telling.sub(INSTEAD, text), "utf-8", "surrogateescape")


def _empty_the_write_ahead_log(engine: Engine) -> None:
    """SQLite keeps old pages in its write-ahead log until it is emptied; deleted rows lie there in plain text."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
