"""Prove the store: every row's picture exists and hashes right, nothing is orphaned, no frozen set has changed, and every
example stands where its verdicts put it.
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

LISTED = 20  # findings of a kind that `text` spells out


@dataclass(frozen=True)
class Missing:
    """A picture that rows name and the store lacks."""

    sha256: str
    named_by: list[str]  # table.column


@dataclass(frozen=True)
class Findings:
    """What was looked at, and what is wrong."""

    blobs: int
    named: int
    sets: int
    erased: int  # members of curated sets whose example was erased: their pictures are meant to be gone
    missing: list[Missing]
    damaged: list[str]  # sha256 of pictures whose bytes hash to something else
    orphaned: list[str]  # sha256 of pictures that no row names
    changed_sets: list[int]  # numbers of sets whose members don't hash to what was frozen
    wrongly_standing: list[int]  # examples whose place in the queue is not what their verdicts, suspicion and source say

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.damaged or self.orphaned or self.changed_sets or self.wrongly_standing)

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values, for `check --json`."""
        return {"sound": self.sound, **asdict(self)}

    def text(self) -> str:
        """The findings in lines for people."""
        lines = [
            f"{self.blobs} pictures in the store, {self.named} named by rows, {self.sets} curated sets looked at; "
            f"{self.erased} of their members were erased."
        ]
        missing = [f"{each.sha256} (named by {', '.join(each.named_by)})" for each in self.missing]
        lines += _listed("missing from the store", missing)
        lines += _listed("damaged: the bytes are not what the name says", self.damaged)
        lines += _listed("orphaned: no row names it", self.orphaned)
        lines += _listed("changed since it was frozen", [f"curated set {number}" for number in self.changed_sets])
        lines += _listed(
            "not standing where their verdicts put them", [f"example {number}" for number in self.wrongly_standing]
        )
        return "\n".join([*lines, "All is sound."] if self.sound else lines)


def check(session: Session, store: Store) -> Findings:
    """Look at every row that names a picture, every picture's bytes and every curated set. Changes nothing.

    A picture is stored before the row that names it is written, so one that is being brought in at this moment shows as
    orphaned: ask again when no job is on.
    """
    present: set[str] = set()
    damaged = []
    for sha256 in store.all():
        present.add(sha256)
        if not _hashes_right(store, sha256):
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
        changed_sets=[each.id for each in sets if not _as_frozen(session, each)],
        wrongly_standing=wrongly_standing(session),
    )


def remove_orphans(session: Session, store: Store, findings: Findings) -> int:
    """Delete the pictures that were found orphaned and still are, as an erasure that broke off leaves them; how many.

    Raises WinnowError while a job is on: its pictures are stored before the rows that name them.
    """
    job = session.scalars(select(Job).where(Job.state.in_(ACTIVE))).first()
    if job is not None:
        raise WinnowError(f"A job is on ({job.kind}): what it brings in looks orphaned until it is done. Try again then.")
    orphaned = set(findings.orphaned) - {sha256 for sha256, _ in named_blobs(session)}
    for sha256 in orphaned:
        store.delete(sha256)
    return len(orphaned)


def _hashes_right(store: Store, sha256: str) -> bool:
    try:
        return hashlib.sha256(store.get(sha256)).hexdigest() == sha256
    except WinnowError:  # its name is no hash, or it went while we looked
        return False


def _as_frozen(session: Session, curated: CuratedSet) -> bool:
    members = session.scalars(select(SetMember).where(SetMember.set_id == curated.id))
    return set_hash((one.image_sha256, one.mask_sha256, one.split.value, one.skin_sha256) for one in members) == curated.hash


def _listed(what: str, found: list[str]) -> list[str]:
    if not found:
        return []
    more = [f"  and {len(found) - LISTED} more (--json lists all)"] if len(found) > LISTED else []
    return [f"{len(found)} {what}:", *(f"  {each}" for each in found[:LISTED]), *more]
