"""Curated sets out, in formats that others read. Pictures go out as they are stored, every mask names its photo.

Nobody is named: files are numbered by their place in the set (LFW Parts: by the example), contributors stay here.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.formats import WRITERS, SetItem
from db.errors import WinnowError
from db.store import Store
from db.tables import CuratedSet, Example, SetMember, Split, Submission


@dataclass(frozen=True)
class Exported:
    """What was written; `erased` members of the set were left out, their pictures are gone."""

    set: int
    format: str
    folder: str
    examples: int
    splits: dict[str, int]
    erased: int


def export_set(session: Session, store: Store, set_number: int, folder: Path, format: str) -> Exported:
    """Write a curated set into an empty or new folder, in one of the formats that curator/formats writes.

    The lists are written last, so that a folder without them is one that was not finished. Raises WinnowError for an
    unknown format or set, a folder with something in it, and a picture that is missing from the store.
    """
    if format not in WRITERS:
        raise WinnowError(f"There is no format {format!r} to export to. There are: {', '.join(WRITERS)}.")
    if session.get(CuratedSet, set_number) is None:
        numbers = ", ".join(str(number) for number in session.scalars(select(CuratedSet.id).order_by(CuratedSet.id)))
        raise WinnowError(f"There is no curated set {set_number}. There are: {numbers or 'none yet'}.")
    items, erased = _items(session, set_number)
    _empty_folder(folder)
    WRITERS[format](folder, items, store)
    counted = Counter(item.split.value for item in items)
    return Exported(
        set=set_number,
        format=format,
        folder=str(folder),
        examples=len(items),
        splits={split.value: counted[split.value] for split in Split},
        erased=erased,
    )


def _items(session: Session, set_number: int) -> tuple[list[SetItem], int]:
    """The members that are still here, in the set's order, and how many were erased."""
    rows = session.execute(
        select(SetMember, Submission.licence, Submission.drawn)
        .outerjoin(Example, Example.id == SetMember.example_id)
        .outerjoin(Submission, Submission.id == Example.submission_id)
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
            drawn=bool(drawn),
        )
        for member, licence, drawn in rows
        if member.example_id is not None
    ]
    return items, len(rows) - len(items)


def _empty_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WinnowError(f"{folder} is not empty. Name a new folder: nothing is written over.")
    except OSError as error:
        raise WinnowError(f"{folder} can't be written to ({error.strerror}).") from None
