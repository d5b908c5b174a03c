"""Check the store and the database: every picture named by a row exists and is intact, no picture is orphaned, no frozen set
has changed, and every example has the state that its verdicts give it.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import false, func, select
from sqlalchemy.orm import Session

from curator.review.standing import wrongly_standing
from curator.sets.freeze import set_hash
from db.blobs import due, named_blobs, still_named
from db.errors import DamagedError, NotThereError
from db.store import Store
from db.tables import Contributor, CuratedSet, Example, SetMember, Split, Submission

FINDINGS_LISTED = 20  # of each kind, that `text` lists


@dataclass(frozen=True)
class Missing:
    """A picture that rows name but the store does not have."""

    sha256: str
    named_by: list[str]  # table.column


@dataclass(frozen=True)
class Parted:
    """A contributor whose examples lie in several splits, and how many lie in each."""

    contributor: int
    name: str
    splits: dict[str, int]


@dataclass(frozen=True)
class Findings:
    """What was checked, and what is wrong. The fields are the keys of `check --json`."""

    blobs: int
    named: int
    sets: int
    erased: int  # members of curated sets whose example was erased, so that their pictures are not expected
    missing: list[Missing]
    damaged: list[str]  # names of pictures whose bytes have another sha256
    orphaned: list[str]  # sha256 of pictures that no row names, and no row will
    recent: int  # pictures that no row names yet: stored within the last hour, or since a job that is running began
    strangers: list[str]  # what lies in the store and is not Winnow's, such as `.DS_Store`; it is passed by
    changed_sets: list[int]  # numbers of sets whose members have another hash than when they were frozen
    wrongly_standing: list[int]  # examples whose row in `standing` disagrees with their verdicts, suspicion or source
    parted: list[Parted]  # contributors in several splits, but for what a published set's own lists say

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.missing, self.damaged, self.orphaned, self.changed_sets, self.wrongly_standing, self.parted)
        return not any(wrong)

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values, for JSON."""
        return {"sound": self.sound, **asdict(self)}

    def text(self) -> str:
        """The findings as text for people."""
        lines = [
            f"{self.blobs} pictures in the store, {self.named} named by rows, {self.sets} curated sets checked; "
            f"{self.erased} of their members were erased."
        ]
        if self.recent:
            lines.append(f"{self.recent} pictures that were stored lately are not named yet.")
        missing = [f"{each.sha256} (named by {', '.join(each.named_by)})" for each in self.missing]
        lines += finding_lines("missing from the store", missing)
        lines += finding_lines("damaged, the bytes do not match the name", self.damaged)
        lines += finding_lines("orphaned, no row names them", self.orphaned)
        lines += finding_lines("changed since they were frozen", [f"curated set {number}" for number in self.changed_sets])
        lines += finding_lines(
            "with another state than their verdicts give", [f"example {number}" for number in self.wrongly_standing]
        )
        parted = [f"contributor {one.contributor} ({one.name}): {_counted(one.splits)}" for one in self.parted]
        lines += finding_lines("contributors with examples in several splits", parted)
        if parted:
            lines.append(
                "  What a run learns of them in one split, it is tested with in another. To put somebody into one split: erase "
                "them, allow them again, and ingest their photos again."
            )
        lines += finding_lines("in the store that are not Winnow's, and were passed by", self.strangers)
        return "\n".join([*lines, "Everything is in order."] if self.sound else lines)


def check(session: Session, store: Store, now: datetime) -> Findings:
    """Check every row that names a picture, every picture's bytes and every curated set. Changes nothing.

    Others may work meanwhile: what they store, name or erase is no finding. `session` is a reading one, without a change.
    """
    present: set[str] = set()
    damaged = []
    for sha256 in store.all():
        try:
            store.get(sha256)
        except DamagedError:
            damaged.append(sha256)
        except NotThereError:  # deleted meanwhile
            continue
        present.add(sha256)
    named: dict[str, list[str]] = defaultdict(list)
    for sha256, where in named_blobs(session):
        named[sha256].append(where)
    # Reading the store takes long, and the rows were read after it: ask again about what seems to be missing.
    absent = [sha256 for sha256 in sorted(named.keys() - present) if not store.path(sha256).exists()]
    session.rollback()  # SQLite shows the rows as they are now, not as they were at the first question
    missing = [Missing(sha256, named[sha256]) for sha256 in absent if still_named(session, [sha256])]
    orphaned, recent = _unnamed(store, present - named.keys(), due(session, now))
    sets = list(session.scalars(select(CuratedSet).order_by(CuratedSet.id)))
    erased = select(func.count()).select_from(SetMember).where(SetMember.example_id.is_(None))
    return Findings(
        blobs=len(present),
        named=len(named),
        sets=len(sets),
        erased=session.scalar(erased) or 0,
        missing=missing,
        damaged=sorted(damaged),
        orphaned=orphaned,
        recent=recent,
        strangers=store.strangers(),
        changed_sets=[each.id for each in sets if not _matches_hash(session, each)],
        wrongly_standing=wrongly_standing(session),
        parted=parted_contributors(session),
    )


def parted_contributors(session: Session) -> list[Parted]:
    """The contributors whose examples lie in several splits, but for those that a published set's own lists put there.

    No ingest parts anybody: they were two contributors, by two spellings of a name, before a migration joined them.
    """
    several = (
        select(Submission.contributor_id)
        .join(Example)
        .where(Submission.official.is_(false()), Submission.contributor_id.is_not(None))
        .group_by(Submission.contributor_id)
        .having(func.min(Example.split) != func.max(Example.split))
    )
    counted = (
        select(Contributor.id, Contributor.name, Example.split, func.count())
        .join_from(Submission, Example)
        .join(Contributor, Contributor.id == Submission.contributor_id)
        .where(Contributor.id.in_(several), Submission.official.is_(false()))
        .group_by(Contributor.id, Contributor.name, Example.split)
        .order_by(Contributor.id)
    )
    found: dict[int, Parted] = {}
    for number, name, split, examples in session.execute(counted):
        found.setdefault(number, Parted(number, name, {})).splits[split.value] = examples
    return list(found.values())


def _counted(splits: dict[str, int]) -> str:
    return ", ".join(f"{splits[split]:,} in {split}" for split in Split if split in splits)


def _unnamed(store: Store, pictures: set[str], before: datetime) -> tuple[list[str], int]:
    """Those of the pictures that were last stored before this time, and how many were stored later."""
    orphaned, recent = [], 0
    for sha256 in sorted(pictures):
        try:
            old = store.stored_at(sha256) < before
        except FileNotFoundError:  # deleted meanwhile
            continue
        except NotImplementedError:  # the store keeps no times
            old = True
        orphaned += [sha256] if old else []
        recent += not old
    return orphaned, recent


def _matches_hash(session: Session, curated: CuratedSet) -> bool:
    members = session.scalars(select(SetMember).where(SetMember.set_id == curated.id))
    content = ((one.image_sha256, one.mask_sha256, one.split.value, one.skin_sha256, one.unknown_sha256) for one in members)
    return set_hash(content) == curated.hash


def finding_lines(what: str, found: list[str]) -> list[str]:
    """Their number with what is wrong with them, then the first twenty, one a line; [] if there are none."""
    if not found:
        return []
    more = [f"  and {len(found) - FINDINGS_LISTED} more (--json lists all)"] if len(found) > FINDINGS_LISTED else []
    return [f"{len(found)} {what}:", *(f"  {each}" for each in found[:FINDINGS_LISTED]), *more]
