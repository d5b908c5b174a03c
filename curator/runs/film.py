"""The film strip of a run: the mattes of the same few validation examples, epoch by epoch. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from curator.runs.results import best_epoch
from db.tables import Epoch, Example, Preview, Run, SetMember, Submission

MAX_COLUMNS = 40  # epochs on a strip; of a longer run, every k-th


@dataclass(frozen=True)
class FilmRow:
    """One example of a strip: hashes of its 512 x 512 photo and mask, and of a matte for each epoch shown (None if missing)."""

    example: int
    photo: str
    image: str
    mask: str
    mattes: list[str | None]
    drawn: bool = False  # by Winnow


@dataclass(frozen=True)
class Strip:
    """The epochs shown, oldest first; the best of all epochs so far (None before the first); a row for each example."""

    epochs: list[int]
    best: int | None
    rows: list[FilmRow]


def shown_epochs(epochs: Sequence[int], best: int | None, limit: int = MAX_COLUMNS) -> list[int]:
    """The epochs that are shown as columns: all, if there are at most `limit`; else every 2nd, 5th, 10th, ... one.

    `epochs` are numbers in ascending order. The first, the best and the newest are always shown, so there may be up to
    three more than `limit`, which must be at least 1.

    >>> shown_epochs(range(1, 101), 73, limit=12)
    [1, 10, 20, 30, 40, 50, 60, 70, 73, 80, 90, 100]
    """
    if len(epochs) <= limit:
        return list(epochs)
    every = next(step * ten for ten in (10**n for n in range(10)) for step in (1, 2, 5) if len(epochs) <= step * ten * limit)
    always = {epochs[0], best, epochs[-1]}
    return [epoch for epoch in epochs if epoch in always or epoch % every == 0]


def film_strip(session: Session, run: int) -> Strip:
    """The film strip of a run: examples in the order of the set, without erased ones; no rows before the first epoch."""
    epochs = list(session.scalars(select(Epoch).where(Epoch.run_id == run).order_by(Epoch.number)))
    best = best_epoch(epochs)
    columns = shown_epochs([epoch.number for epoch in epochs], best)
    wanted = (
        select(Preview, SetMember, Submission)
        .join(Run, Run.id == Preview.run_id)
        .join(SetMember, and_(SetMember.set_id == Run.set_id, SetMember.example_id == Preview.example_id))
        .join(Example, Example.id == Preview.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .where(Preview.run_id == run, Preview.epoch.in_(columns))
        .order_by(SetMember.position)
    )
    rows: dict[int, FilmRow] = {}
    for preview, member, received in session.execute(wanted):
        empty: list[str | None] = [None] * len(columns)
        pictures = member.image_sha256, member.mask_sha256, empty
        row = rows.setdefault(
            preview.example_id, FilmRow(preview.example_id, received.photo_name, *pictures, drawn=received.drawn)
        )
        row.mattes[columns.index(preview.epoch)] = preview.matte_sha256
    return Strip(columns, best, list(rows.values()))
