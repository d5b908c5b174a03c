"""Export a curated set in a format that other tools read. Pictures are written as they are stored.

An export names nobody: files are numbered by their place in the set (LFW Parts: by contributor). A contributor gets a pseudonym
that holds for this set only, so that splits by person can be kept; the people shown are left out. The names of both are taken
out of what their consent rests on.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.consent import TERMS, Terms, count_terms, without_names
from curator.formats import WRITERS, Fact, SetItem
from curator.formats.locations import write_file
from curator.sets.croissant import FILE, About, croissant, describe_files
from db.errors import WinnowError
from db.store import Store
from db.tables import CROP_SIDE, Contributor, CuratedSet, Example, SetMember, Split, Submission

WHOLE = (0, 0, CROP_SIDE, CROP_SIDE)  # the part of a crop that shows the photo, if none is filled


@dataclass(frozen=True)
class Exported:
    """What was written.

    `keeps` and `loses` say what the format has a place for. `erased` counts the members of the set that were left out because
    they have been erased, `cut_at_half` the soft masks that the format could not carry, `consent_ended` the examples that were
    written though the consent to use them has ended. The others count the examples as `TermsCounts` does; `consent_ends_first`
    is the earliest last day.
    """

    set: int
    format: str
    folder: str
    keeps: list[Fact]
    loses: list[Fact]
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

    `croissant.json`, which describes it, is written last: a folder without it is an unfinished export. Raises
    WinnowError for an unknown format or set, a folder that is not empty or cannot be written to, and a picture that is missing
    from the store.
    """
    if format not in WRITERS:
        raise WinnowError(f"There is no export format {format!r}. Choose one of: {', '.join(WRITERS)}.")
    curated = session.get(CuratedSet, set_number)
    if curated is None:
        numbers = ", ".join(str(number) for number in session.scalars(select(CuratedSet.id).order_by(CuratedSet.id)))
        raise WinnowError(f"There is no curated set {set_number}. Existing sets: {numbers or 'none yet'}.")
    items, erased = _items(session, curated)
    _empty_folder(folder)
    writer = WRITERS[format]
    cut_at_half = writer.write(folder, items, store)
    terms = count_terms(
        Terms(item.licence, item.consent_basis, item.consent_date, item.consent_expires, item.drawn) for item in items
    )
    counted = Counter(item.split.value for item in items)
    splits = {split.value: counted[split.value] for split in Split}
    about = About(
        set=set_number,
        hash=curated.hash,
        frozen=curated.frozen_at.date(),
        exported=today,
        format=format,
        examples=len(items),
        splits=splits,
        contributors=len({item.contributor for item in items} - {None}),
        terms=terms,
        ended=terms.ended(today),
        drawn=sum(item.drawn for item in items),
        skin=sum(item.skin is not None for item in items),
        partly_unknown=sum(item.unknown is not None or item.inside != WHOLE for item in items),
        origins=Counter(item.origin for item in items),
        cut_at_half=cut_at_half,
        loses=tuple(writer.loses),
    )
    write_file(folder / FILE, json.dumps(croissant(about, *describe_files(folder)), indent=1, ensure_ascii=False).encode())
    return Exported(
        set=set_number,
        format=format,
        folder=str(folder),
        keeps=[fact for fact in Fact if fact in writer.keeps],
        loses=writer.loses,
        examples=len(items),
        splits=splits,
        erased=erased,
        cut_at_half=cut_at_half,
        licences=terms.licences,
        consent=terms.consent,
        consent_ends_first=min(terms.ends, default=None),
        no_consent=terms.no_consent,
        consent_ended=terms.ended(today),
    )


def _items(session: Session, curated: CuratedSet) -> tuple[list[SetItem], int]:
    """The members that have not been erased, in the set's order, and how many have been."""
    inside = (Example.inside_top, Example.inside_left, Example.inside_bottom, Example.inside_right)
    rows = session.execute(
        select(SetMember, Submission.subject, Contributor.name, *inside, *TERMS)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
        .outerjoin(Contributor, Contributor.id == Submission.contributor_id)
        .where(SetMember.set_id == curated.id)
        .order_by(SetMember.position)
    ).all()
    called = pseudonyms(((member.position + 1, name) for member, _, name, *_ in rows if name is not None), curated.hash)
    items = []
    for member, subject, contributor, *values in rows:
        if member.example_id is None:
            continue
        top, left, bottom, right, licence, basis, given, expires, drawn = values
        item = SetItem(
            name=f"{member.position + 1:06d}",
            example=member.example_id,
            image=member.image_sha256,
            mask=member.mask_sha256,
            skin=member.skin_sha256,
            unknown=member.unknown_sha256,
            split=member.split,
            licence=licence,
            drawn=drawn,
            inside=(top, left, bottom, right),
            contributor=called.get(contributor),
            origin=member.mask_origin,
            consent_basis=without_names(basis, subject, contributor),
            consent_date=given,
            consent_expires=expires,
        )
        items.append(item)
    return items, len(rows) - len(items)


def pseudonyms(photos: Iterable[tuple[int, str]], set_hash: str) -> dict[str, str]:
    """A pseudonym for each contributor of photos, given as (the photo's number in the set, name).

    It has the number of the contributor's first photo, so that nobody gets another's when photos are erased between two
    exports; and six digits of the set's hash, so that two people of two sets don't become one where both are ingested.

    >>> pseudonyms([(1, "Nora Quist"), (2, "Nora Quist"), (3, "Bo Berg")], "5f70bf18")
    {'Nora Quist': 'contributor-0001-5f70bf', 'Bo Berg': 'contributor-0003-5f70bf'}
    """
    called: dict[str, str] = {}
    for number, name in photos:
        called.setdefault(name, f"contributor-{number:04d}-{set_hash[:6]}")
    return called


def _empty_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WinnowError(f"{folder} is not empty. Choose a new or empty folder; nothing is overwritten.")
    except OSError as error:
        raise WinnowError(f"{folder} cannot be written to ({error.strerror}).") from None
