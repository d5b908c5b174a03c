"""Take an ingest back that nobody has judged yet: all that it added goes, as if it had not happened.

It deletes as an erasure does (curator/upkeep/erase.py), but bars nothing and searches for nothing: the same files may come in
again. As soon as a person has decided anything about one of its photos, it stays.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from curator.ingest.outcomes import UNDO
from curator.upkeep.erase import delete_empty_sources, erase_rows
from db.blobs import delete_unnamed
from db.errors import NotThereError, WinnowError
from db.jobs import ACTIVE, job_state
from db.session import Lock, wait_for, writing
from db.store import Store
from db.tables import (
    CropChoice,
    Event,
    Example,
    Gold,
    GuideExample,
    Job,
    Refinement,
    RefinementDecision,
    Refusal,
    Reopening,
    SetMember,
    Submission,
    TouchUp,
    TouchUpRequest,
    Verdict,
)

# What a person decides about an example, and how that is said of one and of several.
DECISIONS: dict[type[Verdict | TouchUp | SetMember | Reopening | Gold | GuideExample | TouchUpRequest], tuple[str, str]] = {
    Verdict: ("was judged", "were judged"),
    TouchUp: ("has a touch-up", "have touch-ups"),
    SetMember: ("is in a curated set", "are in curated sets"),
    Reopening: ("was sent back to review", "were sent back to review"),
    Gold: ("is a control example", "are control examples"),
    GuideExample: ("is in the guide", "are in the guide"),
    TouchUpRequest: ("waits for a touch-up that a lead wants", "wait for touch-ups that a lead wants"),
}


@dataclass(frozen=True)
class Undone:
    """An ingest that was taken back, by the number of its job, and what went; the keys of `undo-ingest --json`."""

    job: int
    submissions: int
    examples: int
    refusals: int
    blobs: int  # pictures in the store


def why_not(session: Session, number: int, now: datetime) -> str:
    """Why the ingest with this number can't be taken back, as a sentence; empty if it can.

    Raises NotThereError if there is no such ingest.
    """
    job = session.get(Job, number)
    if job is None or job.kind != "ingest":
        raise NotThereError(f"There is no ingest with the number {number}.")
    if job_state(job, now) in ACTIVE:
        return "It is running. Stop it first."
    if not session.scalar(select(or_(exists().where(Submission.job_id == number), exists().where(Refusal.job_id == number)))):
        return "No photo here is known to be from it: it was taken back or erased, or an earlier version did not note that."
    for table, words in DECISIONS.items():
        if decided := _count(session, select(table.example_id).where(table.example_id.in_(_examples(number)))):
            return f"{decided:,} of its examples {words[decided > 1]}."
    refined = select(Refinement.example_id).join(RefinementDecision, RefinementDecision.refinement_id == Refinement.id)
    if decided := _count(session, refined.where(Refinement.example_id.in_(_examples(number)))):
        return f"Somebody has decided on the refined mask of {decided:,} of its examples."
    photos = select(Submission.id).where(Submission.job_id == number)
    if decided := _count(session, select(CropChoice.submission_id).where(CropChoice.submission_id.in_(photos))):
        return f"{decided:,} of its photos without a face {('was', 'were')[decided > 1]} cropped or discarded by hand."
    return ""


def undo_ingest(engine: Engine, store: Store, number: int, who: str, now: datetime) -> Undone:
    """Delete the photos, masks, crops and refusals that an ingest added, and record who did it. Call it in no transaction.

    Run no ingest beside it: it might be storing the same pictures at this moment (db/blobs.py). Raises WinnowError if the
    ingest can't be taken back (`why_not`), and NotThereError if there is none.
    """
    theirs = Submission.job_id == number
    with writing(engine) as session:
        wait_for(session, Lock.adding)
        # On PostgreSQL, whoever decides something about one of them waits for us from here on, and is refused then.
        for rows in (select(Submission.id).where(theirs), _examples(number)):
            session.execute(rows.with_for_update()).all()
        if why := why_not(session, number, now):
            raise WinnowError(f"Ingest {number} stays. {why}")
        sources = {source for table in (Submission, Refusal) for source in session.scalars(_sources(table, number))}
        pictures, counts = erase_rows(session, theirs)
        refusals = session.execute(delete(Refusal).where(Refusal.job_id == number).returning(Refusal.id)).all()
        delete_empty_sources(session, sources)
        undone = Undone(number, counts["submissions"], counts["examples"], len(refusals), 0)
        session.add(Event(at=now, who=who, what=UNDO, detail={"job": number, "submissions": undone.submissions}))
    gone = delete_unnamed(engine, store, pictures, None)
    return Undone(**(asdict(undone) | {"blobs": len(gone)}))


def _examples(number: int) -> Select[int]:
    return select(Example.id).join(Submission, Submission.id == Example.submission_id).where(Submission.job_id == number)


def _sources(table: type[Submission | Refusal], number: int) -> Select[int]:
    return select(table.source_id).where(table.job_id == number).distinct()


def _count(session: Session, found: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(found.distinct().subquery())) or 0
