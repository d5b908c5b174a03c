"""The provenance of a run: settings, curated set, and contributors in numbers, without names. Nothing here writes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.consent import Terms, TermsCounts, count_terms, without_names
from curator.runs.results import best_epoch, source_names
from curator.touchup.attempts import attempts
from db.errors import WinnowError
from db.tables import Contributor, CuratedSet, Example, Run, SetMember, Split, Submission, TouchUpSave


@dataclass(frozen=True)
class Masks:
    """Who made the masks of one split of a curated set, without those of erased examples."""

    contributor: int = 0  # as their contributors painted them
    touch_up: int = 0  # repaired by hand
    refinement: int = 0  # refined by a program, and accepted
    seconds: float = 0.0  # spent on those repaired by hand, all together
    median_seconds: float | None = None  # spent on one of them
    unknown: int = 0  # of all of them, those with unknown pixels


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
    terms: TermsCounts  # of its members, without erased ones and people's names
    contributors: int  # distinct, with a name
    anonymous: int  # members whose contributor is not named, without erased ones
    drawn: int  # members that Winnow drew itself
    masks: dict[str, Masks]  # by split, for those that have members
    erased: int  # members erased since the set was frozen


def provenance(session: Session, number: int) -> Provenance:
    """The provenance of a run. Raises WinnowError for a run that does not exist or was deleted."""
    run = session.get(Run, number)
    if run is None or run.deleted_at is not None:
        raise WinnowError(f"There is no run {number}.")
    frozen = session.get_one(CuratedSet, run.set_id)
    members = session.execute(
        select(SetMember.split, Submission, Contributor.name)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
        .outerjoin(Contributor, Contributor.id == Submission.contributor_id)
        .where(SetMember.set_id == run.set_id)
    ).all()
    here = [submission for _, submission, _ in members if submission is not None]
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
        terms=count_terms(_terms(submission, name) for _, submission, name in members if submission is not None),
        contributors=len(named - {None}),
        anonymous=sum(submission.contributor_id is None for submission in here),
        drawn=sum(submission.drawn for submission in here),
        masks=masks_of_set(session, run.set_id),
        erased=len(members) - len(here),
    )


def masks_of_set(session: Session, number: int) -> dict[str, Masks]:
    """Who made the masks of a curated set, by split; without a split that has no members, or only erased ones."""
    here = (SetMember.set_id == number, SetMember.example_id.is_not(None))
    kinds = (SetMember.split, SetMember.mask_origin)
    made: dict[Split, dict[str, int]] = defaultdict(dict)
    unknown: Counter[Split] = Counter()
    counted = select(*kinds, func.count(), func.count(SetMember.unknown_sha256)).where(*here).group_by(*kinds)
    for split, origin, count, of_unknown in session.execute(counted):
        made[split][origin.value] = count
        unknown[split] += of_unknown
    seconds: dict[Split, list[float]] = defaultdict(list)
    touched = select(SetMember.example_id, SetMember.split, TouchUpSave.touch_up_id)
    touched_up = session.execute(touched.join(TouchUpSave, TouchUpSave.id == SetMember.touch_up_save_id).where(*here)).all()
    tries = attempts(session, {example: touch_up for example, _, touch_up in touched_up if example is not None})
    for example, split, _ in touched_up:
        if example in tries:
            seconds[split].append(tries[example].time.used)
    return {
        split.value: Masks(
            **made[split],
            seconds=sum(seconds[split]),
            median_seconds=median(seconds[split]) if seconds[split] else None,
            unknown=unknown[split],
        )
        for split in Split
        if split in made
    }


def _terms(submission: Submission, contributor: str | None) -> Terms:
    basis = without_names(submission.consent_basis, submission.subject, contributor)
    return Terms(submission.licence, basis, submission.consent_date, submission.consent_expires, submission.drawn)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
