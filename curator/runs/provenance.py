"""Where a run comes from: its settings, its curated set, and whose pictures those are, in numbers without names. Only reads."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.runs.results import best_epoch, source_names
from db.errors import WinnowError
from db.tables import CuratedSet, Example, Run, SetMember, Split, Submission

SAID_NOTHING = "not recorded"


@dataclass(frozen=True)
class Provenance:
    """A run and what it learned from, with nothing that names a contributor, a photo or a machine."""

    run: int
    model: str
    encoder: str  # imagenet or scratch
    parameters: int
    settings: dict[str, Any]
    created_at: datetime
    epochs: int
    best_epoch: int | None
    set: int
    set_hash: str
    frozen_at: datetime
    splits: dict[str, int]  # members by split, the erased ones too
    sources: dict[str, int]  # members still here by source
    licences: dict[str, int]  # members still here by licence
    contributors: int  # different ones
    anonymous: int  # members still here whose contributor nobody named
    drawn: int  # members that Winnow drew itself
    touched_up: int  # test members whose mask was repaired
    erased: int  # members erased since the set was frozen


def provenance(session: Session, number: int) -> Provenance:
    """All that is known about a run's origin. Raises WinnowError for a run that is not there."""
    run = session.get(Run, number)
    if run is None:
        raise WinnowError(f"There is no run {number} (any more).")
    frozen = session.get_one(CuratedSet, run.set_id)
    members = session.execute(
        select(SetMember.split, SetMember.mask_sha256, Example.mask_sha256, Submission)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
        .where(SetMember.set_id == run.set_id)
    ).all()
    here = [submission for _, _, _, submission in members if submission is not None]
    split = Counter(split for split, *_ in members)
    sources = source_names(session)
    named = {submission.contributor_id for submission in here}
    return Provenance(
        run=run.id,
        model=run.model,
        encoder=run.encoder,
        parameters=run.parameters,
        settings=dict(run.settings),
        created_at=run.created_at,
        epochs=len(run.epochs),
        best_epoch=best_epoch(run.epochs),
        set=frozen.id,
        set_hash=frozen.hash,
        frozen_at=frozen.frozen_at,
        splits={each.value: split[each] for each in Split},
        sources=_counted(sources[submission.source_id] for submission in here),
        licences=_counted(submission.licence or SAID_NOTHING for submission in here),
        contributors=len(named - {None}),
        anonymous=sum(submission.contributor_id is None for submission in here),
        drawn=sum(submission.drawn for submission in here),
        touched_up=sum(used != own for at, used, own, _ in members if at is Split.test and own is not None),
        erased=len(members) - len(here),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
