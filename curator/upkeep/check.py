"""Check the store and the database: every picture named by a row exists and is intact, no picture is orphaned, no frozen set
has changed, and every example has the state that its verdicts give it.
"""

import hashlib
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.review.standing import wrongly_standing
from curator.sets.freeze import set_hash
from db.blobs import named_blobs
from db.errors import WinnowError
from db.jobs import ACTIVE
from db.store import Store
from db.tables import CuratedSet, Job, SetMember

FINDINGS_LISTED = 20  # of each kind, that `text` lists


@dataclass(frozen=True)
class Missing:
    """A picture that rows name but the store does not have."""

    sha256: str
    named_by: list[str]  # table.column


@dataclass(frozen=True)
class Findings:
    """What was checked, and what is wrong. The fields are the keys of `check --json`."""

    blobs: int
    named: int
    sets: int
    erased: int  # members of curated sets whose example was erased, so that their pictures are not expected
    missing: list[Missing]
    damaged: list[str]  # names of pictures whose bytes have another sha256
    orphaned: list[str]  # sha256 of pictures that no row names
    changed_sets: list[int]  # numbers of sets whose members have another hash than when they were frozen
    wrongly_standing: list[int]  # examples whose row in `standing` disagrees with their verdicts, suspicion or source

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.damaged or self.orphaned or self.changed_sets or self.wrongly_standing)

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values, for JSON."""
        return {"sound": self.sound, **asdict(self)}

    def text(self) -> str:
        """The findings as text for people."""
        lines = [
            f"{self.blobs} pictures in the store, {self.named} named by rows, {self.sets} curated sets checked; "
            f"{self.erased} of their members were erased."
        ]
        missing = [f"{each.sha256} (named by {', '.join(each.named_by)})" for each in self.missing]
        lines += _finding_lines("missing from the store", missing)
        lines += _finding_lines("damaged, the bytes do not match the name", self.damaged)
        lines += _finding_lines("orphaned, no row names them", self.orphaned)
        lines += _finding_lines("changed since they were frozen", [f"curated set {number}" for number in self.changed_sets])
        lines += _finding_lines(
            "with another state than their verdicts give", [f"example {number}" for number in self.wrongly_standing]
        )
        return "\n".join([*lines, "Everything is in order."] if self.sound else lines)


def check(session: Session, store: Store) -> Findings:
    """Check every row that names a picture, every picture's bytes and every curated set. Changes nothing.

    A picture is stored before the row that names it is committed, so a picture that is being ingested shows as orphaned:
    check again when no job is running.
    """
    present: set[str] = set()
    damaged = []
    for sha256 in store.all():
        present.add(sha256)
        if not _bytes_match_name(store, sha256):
            damaged.append(sha256)
    named: dict[str, list[str]] = defaultdict(list)
    for sha256, where in named_blobs(session):
        named[sha256].append(where)
    missing = [Missing(sha256, where) for sha256, where in sorted(named.items()) if sha256 not in present]
    sets = list(session.scalars(select(CuratedSet).order_by(CuratedSet.id)))
    erased = select(func.count()).select_from(SetMember).where(SetMember.example_id.is_(None))
    return Findings(
        blobs=len(present),
        named=len(named),
        sets=len(sets),
        erased=session.scalar(erased) or 0,
        missing=missing,
        damaged=sorted(damaged),
        orphaned=sorted(present - named.keys()),
        changed_sets=[each.id for each in sets if not _matches_hash(session, each)],
        wrongly_standing=wrongly_standing(session),
    )


def remove_orphans(session: Session, store: Store, findings: Findings) -> int:
    """Delete the pictures that were found orphaned and still are, as an interrupted erasure leaves them; returns how many.

    Raises WinnowError while a job is running, because its pictures are stored before the rows that name them.
    """
    job = session.scalars(select(Job).where(Job.state.in_(ACTIVE))).first()
    if job is not None:
        raise WinnowError(f"A job is running ({job.kind}). Try again when it has finished.")
    orphaned = set(findings.orphaned) - {sha256 for sha256, _ in named_blobs(session)}
    for sha256 in orphaned:
        store.delete(sha256)
    return len(orphaned)


def _bytes_match_name(store: Store, sha256: str) -> bool:
    try:
        return hashlib.sha256(store.get(sha256)).hexdigest() == sha256
    except WinnowError:  # its name is not a hash, or it was deleted meanwhile
        return False


def _matches_hash(session: Session, curated: CuratedSet) -> bool:
    members = session.scalars(select(SetMember).where(SetMember.set_id == curated.id))
    return set_hash((one.image_sha256, one.mask_sha256, one.split.value, one.skin_sha256) for one in members) == curated.hash


def _finding_lines(what: str, found: list[str]) -> list[str]:
    if not found:
        return []
    more = [f"  and {len(found) - FINDINGS_LISTED} more (--json lists all)"] if len(found) > FINDINGS_LISTED else []
    return [f"{len(found)} {what}:", *(f"  {each}" for each in found[:FINDINGS_LISTED]), *more]
