"""Repair the store: cut broken crops again from their photos, and say what brings the other broken pictures back."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from curator.ingest.healing import crops_with, heal
from curator.upkeep.check import Findings, Missing, finding_lines
from db.blobs import named_blobs
from db.session import in_batches
from db.settings import Limits
from db.store import Store
from db.tables import Example, Source, Submission


@dataclass(frozen=True)
class BrokenSource:
    """A source that brings pictures back when it is ingested again."""

    format: str
    location: str
    photos: list[str]  # names of those whose pictures are broken


@dataclass(frozen=True)
class Repairs:
    """What was repaired, and what is left to do. The fields are keys of `check --repair --json`."""

    healed: list[str]  # sha256 of the pictures that were made again
    ingest_again: list[BrokenSource]
    from_backup: list[Missing]  # pictures that nothing else can bring back, such as masks that people painted

    def as_dict(self) -> dict[str, Any]:
        """The repairs as plain values, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """The repairs as text for people."""
        lines = [f"{len(self.healed)} pictures were made again from their photos and masks."]
        for one in self.ingest_again:
            lines += finding_lines(f"photos are broken; to heal them, ingest {one.location} again ({one.format})", one.photos)
        painted = [f"{each.sha256} (named by {', '.join(each.named_by)})" for each in self.from_backup]
        return "\n".join([*lines, *finding_lines("broken that only a backup of the store brings back", painted)])


def repair(session: Session, store: Store, limits: Limits, found: Findings) -> tuple[Findings, Repairs]:
    """Make again what can be made from what is there. Returns the findings that are left, and what was done.

    Crops are cut again from their photos and masks, where that gives the same bytes. Photos and masks as they were received
    come back when their source is ingested again, and so do their crops. `session` is a reading one. Raises DiskFullError if
    the store has no room.
    """
    suspects = {one.sha256 for one in found.missing} | set(found.damaged)
    named: dict[str, list[str]] = defaultdict(list)
    for sha256, where in named_blobs(session):
        if sha256 in suspects:
            named[sha256].append(where)
    healed = heal(store, crops_with(session, list(named)), limits)
    left = named.keys() - healed
    sources, come_back = _sources(session, left)
    rest = replace(
        found,
        missing=[one for one in found.missing if one.sha256 not in healed],
        damaged=[sha256 for sha256 in found.damaged if sha256 not in healed],
    )
    backup = [Missing(sha256, named[sha256]) for sha256 in sorted(left - come_back)]
    return rest, Repairs(sorted(healed), sources, backup)


def _sources(session: Session, broken: Collection[str]) -> tuple[list[BrokenSource], set[str]]:
    """The sources whose photos or masks are broken, and all pictures that ingesting them again brings back."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    come_back: set[str] = set()
    received = (Submission.photo_sha256, Submission.mask_sha256, Submission.skin_sha256, Submission.unknown_sha256)
    for batch in in_batches(sorted(broken), 100):  # named four times in the statement
        wanted = (
            select(Source.adapter, Source.location, Submission, Example)
            .join(Submission, Submission.source_id == Source.id)
            .outerjoin(Example, Example.submission_id == Submission.id)
            .where(or_(*(column.in_(batch) for column in received)))
        )
        for adapter, location, submission, example in session.execute(wanted):
            names[adapter, location].add(submission.photo_name)
            files = [submission.photo_sha256, submission.mask_sha256, submission.skin_sha256, submission.unknown_sha256]
            if example is not None:
                files += [example.image_sha256, example.mask_sha256, example.skin_sha256, example.unknown_sha256]
            come_back |= set(filter(None, files))
    return [BrokenSource(*source, sorted(photos)) for source, photos in sorted(names.items())], come_back
