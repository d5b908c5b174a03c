"""The film strip of a training: the same few validation examples, and their mattes epoch by epoch. Only reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from curator.runs.results import best_epoch
from db.tables import Epoch, Example, Preview, Run, SetMember, Submission

COLUMNS = 40  # epochs on a strip; of more, every k-th


@dataclass(frozen=True)
class Row:
    """One example of a strip, with a matte's hash for each epoch shown; None where an epoch has none."""

    example: int
    photo: str
    image: str
    mask: str
    mattes: list[str | None]


@dataclass(frozen=True)
class Strip:
    """The epochs shown, oldest first, which of all epochs is the best so far, and the examples, a row each."""

    epochs: list[int]
    best: int | None
    rows: list[Row]


def shown(epochs: Sequence[int], best: int | None, limit: int = COLUMNS) -> list[int]:
    """Which of the epochs have a column: all of up to `limit`; else every 2nd, 5th, 10th, ... with first, best and newest.

    >>> shown(range(1, 101), 73, limit=12)
    [1, 10, 20, 30, 40, 50, 60, 70, 73, 80, 90, 100]
    """
    if len(epochs) <= limit:
        return list(epochs)
    every = next(step * ten for ten in (10**n for n in range(10)) for step in (1, 2, 5) if len(epochs) <= step * ten * limit)
    always = {epochs[0], best, epochs[-1]}
    return [epoch for epoch in epochs if epoch in always or epoch % every == 0]


def strip(session: Session, run: int) -> Strip:
    """The strip of a run: its examples in the set's order, those that were erased left out; no rows before the first epoch."""
    epochs = list(session.scalars(select(Epoch).where(Epoch.run_id == run).order_by(Epoch.number)))
    best = best_epoch(epochs)
    columns = shown([epoch.number for epoch in epochs], best)
    wanted = (
        select(Preview, SetMember, Submission.photo_name)
        .join(Run, Run.id == Preview.run_id)
        .join(SetMember, and_(SetMember.set_id == Run.set_id, SetMember.example_id == Preview.example_id))
        .join(Example, Example.id == Preview.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .where(Preview.run_id == run, Preview.epoch.in_(columns))
        .order_by(SetMember.position)
    )
    rows: dict[int, Row] = {}
    for preview, member, photo in session.execute(wanted):
        empty: list[str | None] = [None] * len(columns)
        row = rows.setdefault(
            preview.example_id, Row(preview.example_id, photo, member.image_sha256, member.mask_sha256, empty)
        )
        row.mattes[columns.index(preview.epoch)] = preview.matte_sha256
    return Strip(columns, best, list(rows.values()))
