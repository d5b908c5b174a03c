"""Export a curated set in a format that other tools read. Pictures are written as they are stored.

An export names nobody: files are numbered by their place in the set (LFW Parts: by the example); contributors and the people
shown are left out, and their names are taken out of what their consent rests on.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.consent import TERMS, Terms, count_terms, without_names
from curator.formats import WRITERS, SetItem
from db.errors import WinnowError
from db.store import Store
from db.tables import Contributor, CuratedSet, Example, SetMember, Split, Submission


@dataclass(frozen=True)
class Exported:
    """What was written.

    `erased` counts the members of the set that were left out because they have been erased, `cut_at_half` the soft masks that
    the format could not carry, `consent_ended` the examples that were written though the consent to use them has ended. The
    others count the examples as `TermsCounts` does; `consent_ends_first` is the earliest last day.
    """

    set: int
    format: str
    folder: str
    examples: int
    splits: dict[str, int]
    erased: int
    cut_at_half: int
    licences: dict[str, int]
    consent: dict[str, int]
    consent_ends_first: date | None
    no_consent: int
    consent_ended: int


def export_set(session: Session, store: Store, set_number: int, folder: Path, format: str, today: date) -> Exported:
    """Write a curated set into an empty or new folder, in one of the formats that curator/formats writes.

    The lists are written last, so a folder without them is an unfinished export. Raises WinnowError for an unknown format or
    set, a folder that is not empty or cannot be written to, and a picture that is missing from the store.
    """
    if format not in WRITERS:
        raise WinnowError(f"There is no export format {format!r}. Choose one of: {', '.join(WRITERS)}.")
    if session.get(CuratedSet, set_number) is None:
        numbers = ", ".join(str(number) for number in session.scalars(select(CuratedSet.id).order_by(CuratedSet.id)))
        raise WinnowError(f"There is no curated set {set_number}. Existing sets: {numbers or 'none yet'}.")
    items, erased = _items(session, set_number)
    _empty_folder(folder)
    cut_at_half = WRITERS[format](folder, items, store)
    terms = count_terms(
        Terms(item.licence, item.consent_basis, item.consent_date, item.consent_expires, item.drawn) for item in items
    )
    counted = Counter(item.split.value for item in items)
    return Exported(
        set=set_number,
        format=format,
        folder=str(folder),
        examples=len(items),
        splits={split.value: counted[split.value] for split in Split},
        erased=erased,
        cut_at_half=cut_at_half,
        licences=terms.licences,
        consent=terms.consent,
        consent_ends_first=min(terms.ends, default=None),
        no_consent=terms.no_consent,
        consent_ended=terms.ended(today),
    )


def _items(session: Session, set_number: int) -> tuple[list[SetItem], int]:
    """The members that have not been erased, in the set's order, and how many have been."""
    rows = session.execute(
        select(SetMember, Submission.subject, Contributor.name, *TERMS)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
        .outerjoin(Contributor, Contributor.id == Submission.contributor_id)
        .where(SetMember.set_id == set_number)
        .order_by(SetMember.position)
    ).all()
    items = [
        SetItem(
            name=f"{member.position + 1:06d}",
            example=member.example_id,
            image=member.image_sha256,
            mask=member.mask_sha256,
            skin=member.skin_sha256,
            split=member.split,
            licence=licence,
            drawn=drawn,
            consent_basis=without_names(basis, subject, contributor),
            consent_date=given,
            consent_expires=expires,
        )
        for member, subject, contributor, licence, basis, given, expires, drawn in rows
        if member.example_id is not None
    ]
    return items, len(rows) - len(items)


def _empty_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WinnowError(f"{folder} is not empty. Choose a new or empty folder; nothing is overwritten.")
    except OSError as error:
        raise WinnowError(f"{folder} cannot be written to ({error.strerror}).") from None
