"""The provenance of a run: settings, curated set, and contributors in numbers, without names. Nothing here writes."""

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

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Provenance:
    """A run and the data that it learned from, without the name of any contributor, photo or machine."""

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
    splits: dict[str, int]  # members by split, including erased ones
    sources: dict[str, int]  # members by source, without erased ones
    licences: dict[str, int]  # members by licence, without erased ones
    contributors: int  # distinct, with a name
    anonymous: int  # members whose contributor is not named, without erased ones
    drawn: int  # members that Winnow drew itself
    touched_up: int  # test members whose mask was repaired
    erased: int  # members erased since the set was frozen


def provenance(session: Session, number: int) -> Provenance:
    """The provenance of a run. Raises WinnowError for a run that does not exist."""
    run = session.get(Run, number)
    if run is None:
        raise WinnowError(f"There is no run {number}.")
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
        licences=_counted(submission.licence or NOT_RECORDED for submission in here),
        contributors=len(named - {None}),
        anonymous=sum(submission.contributor_id is None for submission in here),
        drawn=sum(submission.drawn for submission in here),
        touched_up=sum(used != own for at, used, own, _ in members if at is Split.test and own is not None),
        erased=len(members) - len(here),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
