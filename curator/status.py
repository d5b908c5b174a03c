"""Counts of every step of the flow, and what to do next. They are counted on request, never stored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, func, select
from sqlalchemy.orm import Session

from curator.consent import consent_counts
from curator.ingest.aside import select_discarded
from curator.ingest.pace import roughly
from curator.review.standing import Counts, counts
from curator.runs.results import list_runs
from curator.touchup.waiting import count_due
from db.jobs import time_left
from db.tables import (
    CuratedSet,
    Example,
    Export,
    Job,
    MaskOrigin,
    Measure,
    Proof,
    Refusal,
    Run,
    SetMember,
    Source,
    Split,
    Submission,
)


@dataclass(frozen=True)
class Flow:
    """The counts that every page shows, one or more for each step."""

    submissions: int
    refused: int
    no_face: int  # photos kept aside
    discarded: int  # photos without a face that somebody discarded
    drawn: int  # submissions of the built-in sample
    verdicts: Counts
    touchups: int  # masks to be fixed, and approved test masks that nobody has touched up
    sets: int
    runs: int
    reports: int  # runs with a report
    exports: int  # exports that passed verification

    @property
    def submission_parts(self) -> dict[str, int]:
        """What became of the submissions, by its name: the parts add up to all of them."""
        return {"examples": self.verdicts.examples, "without a face": self.no_face, "discarded": self.discarded}

    @property
    def example_parts(self) -> dict[str, int]:
        """Where the examples stand, by its name: the parts add up to all of them."""
        stand = self.verdicts
        return {
            "kept": stand.keep,
            "to fix": stand.fix,
            "rejected": stand.reject - stand.disputed,
            "disputed": stand.disputed,
            "repaired": stand.repaired,
            "open": stand.open,
            "behind another of the same picture": stand.waiting,
        }


def parts_in_words(parts: Mapping[str, int], *always: str) -> str:
    """The parts that are not empty, and those that are `always` named: "124 examples · 8 without a face"."""
    return " · ".join(f"{number:,} {name}" for name, number in parts.items() if number or name in always)


def flow(session: Session) -> Flow:
    """The counts of the whole flow, in a fixed number of queries."""
    verdicts = counts(session)
    # An example is made of one submission, and none of what is discarded: so the rest waits without a face.
    submissions = _count(session, Submission)
    discarded = session.scalar(select(func.count()).select_from(select_discarded().subquery())) or 0
    return Flow(
        submissions=submissions,
        refused=session.scalar(select(func.count()).where(Refusal.not_read.is_(False))) or 0,
        no_face=submissions - verdicts.examples - discarded,
        discarded=discarded,
        drawn=session.scalar(select(func.count()).where(Submission.drawn)) or 0,
        verdicts=verdicts,
        touchups=count_due(session),
        sets=_count(session, CuratedSet),
        runs=session.scalar(select(func.count()).where(Run.deleted_at.is_(None))) or 0,
        reports=session.scalar(select(func.count(func.distinct(Measure.run_id)))) or 0,
        exports=_proven(session),
    )


def _proven(session: Session) -> int:
    """The exports whose newest proof passed; one from before files had hashes does not count."""
    newest = select(func.max(Proof.id)).group_by(Proof.export_id)
    wanted = select(func.count()).select_from(Proof).join(Export, Export.id == Proof.export_id)
    return session.scalar(wanted.where(Proof.id.in_(newest), Proof.passed, Export.file_hash.is_not(None))) or 0


@dataclass(frozen=True)
class NextStep:
    """What to do next: why, the words on the button, and the page."""

    why: str
    label: str
    page: str


def next_step(now: Flow) -> NextStep:
    """The next thing to do, decided from the counts alone."""
    if now.verdicts.examples == 0:
        return NextStep("There are no pictures yet.", "Ingest pictures", "ingest")
    if now.verdicts.open:
        return NextStep(f"{now.verdicts.open:,} examples wait for a verdict.", "Review them", "review")
    if now.verdicts.repaired:
        return NextStep(f"{now.verdicts.repaired:,} repaired masks wait for a second look.", "Look at them", "review")
    if now.touchups:
        return NextStep(f"{now.touchups:,} masks wait for a touch-up.", "Touch them up", "touchup")
    if now.verdicts.keep == 0:
        return NextStep("Every example was rejected. Ingest more pictures, or undo a verdict.", "Ingest pictures", "ingest")
    if now.runs == 0:
        return NextStep(f"{now.verdicts.keep:,} examples are approved.", "Train on them", "train")
    if now.exports == 0:
        return NextStep("A trained run is ready.", "Make a file for a phone", "export")
    return NextStep("An exported file is verified: it computes what the run computes.", "Try it on", "tryon")


def newest_job(session: Session, kind: str) -> Job | None:
    """The newest job of a kind."""
    return session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(1)).first()


def job_in_words(job: Job, now: datetime) -> str:
    """What a job does and how long it will take, in a line: "Epoch 3 of 50, step 4 of 19 · about 3 min left"."""
    left = time_left(job, now)
    return job.message if left is None else f"{job.message} · {roughly(left)} left"


def sources(session: Session) -> list[Source]:
    """Every source, in the order they were added."""
    return list(session.scalars(select(Source).order_by(Source.id)))


def status(session: Session, now: datetime) -> dict[str, Any]:
    """Everything that `status --json` prints: counts by state, split and verdict; sets; runs with their state, and how many
    photos' consent stands how, at `now`."""
    counted = flow(session)
    splits = dict.fromkeys((split.value for split in Split), 0)
    for split, number in session.execute(select(Example.split, func.count()).group_by(Example.split)).all():
        splits[split.value] = number
    return {
        "submissions": counted.submissions,
        "refused": counted.refused,
        "no_face": counted.no_face,
        "discarded": counted.discarded,
        "examples": counted.verdicts.examples,
        "verdicts": asdict(counted.verdicts),
        "splits": splits,
        "sets": list_sets(session),
        "runs": list_runs(session, now),
        "exports": counted.exports,
        "consent": asdict(consent_counts(session, now.date())),
    }


def list_sets(session: Session) -> list[dict[str, Any]]:
    """Every curated set, newest first: number, note, time, hash, members by split, how many have been erased since, and how
    many masks were touched up or refined."""
    touched_up, refined = (SetMember.mask_origin == origin for origin in (MaskOrigin.touch_up, MaskOrigin.refinement))
    rows = session.execute(
        select(
            SetMember.set_id,
            SetMember.split,
            func.count(),
            *(func.sum(which.cast(Integer)) for which in (SetMember.example_id.is_(None), touched_up, refined)),
        ).group_by(SetMember.set_id, SetMember.split)
    ).all()
    found: dict[int, dict[str, Any]] = {}
    for one in session.scalars(select(CuratedSet).order_by(CuratedSet.id.desc())):
        found[one.id] = {
            "set": one.id,
            "note": one.note,
            "frozen_at": one.frozen_at.isoformat(),
            "hash": one.hash,
            "train": 0,
            "validation": 0,
            "test": 0,
            "erased": 0,
            "touched_up": 0,
            "refined": 0,
        }
    for number, split, members, *counted in rows:
        found[number][split.value] = members
        for name, count in zip(("erased", "touched_up", "refined"), counted, strict=True):
            found[number][name] += count
    return list(found.values())


def _count(session: Session, table: type[Submission | CuratedSet]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0
