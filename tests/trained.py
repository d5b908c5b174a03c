"""Runs inserted directly into a database with epochs, previews and reports, like those of a training; nothing is trained."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import add_set, approved_content
from db.store import Store
from db.tables import Decision, Epoch, Job, JobState, Measure, Preview, Run, SetMember, Split
from tests.examples import drawn_mask, png
from trainer.recipe import FitSettings

PREVIEWS = 8


def freeze_all(session: Session, examples: Sequence[int], now: datetime) -> int:
    """Keep the examples and freeze what is kept; the set's number."""
    given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in examples]
    record(session, reviewer_called(session, "ada").id, given, now)
    with approved_content(session, now.date()) as content:
        return add_set(session, content, "", now).set


def add_run(
    session: Session,
    store: Store,
    set_number: int,
    now: datetime,
    *,
    epochs: int = 3,
    better: float = 0.0,
    refine: str = "none",
    encoder: str = "imagenet",
    **settings: float,
) -> int:
    """Insert a finished run: its last but one epoch is the best, each took a minute, and validation and test have reports.

    The k-th example of a split has an F1 of 0.5 + 0.04 k, plus about 1.1 times `better`. Returns the number of the run.
    """
    chosen = asdict(FitSettings(epochs=epochs, **settings))
    job = Job(kind="fit", arguments=[], state=JobState.done, progress=1.0, created_at=now, heartbeat_at=now)
    network = {"model": chosen["model"], "settings": chosen, "encoder": encoder, "parameters": 3_855_042}
    run = Run(set_id=set_number, job=job, created_at=now, **network)
    session.add(run)
    session.flush()
    members = session.query(SetMember).filter_by(set_id=set_number).order_by(SetMember.position).all()
    shown = [member for member in members if member.split is Split.validation][:PREVIEWS]
    for number in range(1, epochs + 1):
        add_epoch(session, store, run.id, number, now + timedelta(minutes=number), shown, best=number <= max(1, epochs - 1))
    for split in (Split.validation, Split.test):
        for k, member in enumerate(member for member in members if member.split is split):
            f1 = 0.5 + 0.04 * k + better * (1 + 0.1 * (k % 3))
            session.add(
                Measure(
                    run_id=run.id, split=split, refine=refine, example_id=member.example_id, f1=f1, performance=f1 - 0.1,
                    iou=f1 - 0.05, accuracy=0.9, gradient_consistency=0.2 - better, leak=0.1, hollow=None, sad=1.5, mse=0.02,
                    gradient_error=0.7, connectivity_error=0.6, hair_share=0.1 + 0.05 * k, hair_brightness=0.1 + 0.1 * k,
                    mask_sha256=member.mask_sha256, matte_sha256=matte(store, run.id, epochs, member.example_id or 0),
                )
            )  # fmt: skip
    return run.id


def add_epoch(
    session: Session, store: Store, run: int, number: int, at: datetime, shown: Sequence[SetMember], *, best: bool
) -> None:
    """One more epoch of a run, with a preview of each member shown."""
    loss = 1 / (1 + number) if best else 0.9
    session.add(
        Epoch(
            run_id=run, number=number, loss=loss, mask_loss=loss * 0.8, consistency_loss=loss * 0.4,
            validation_loss=loss + 0.05, validation_mask_loss=loss, validation_consistency_loss=loss * 0.5,
            validation_f1=1 - loss, validation_accuracy=1 - loss / 2,
            best=best, seconds=60.0, at=at,
        )
    )  # fmt: skip
    session.flush()
    for member in shown:
        example = member.example_id or 0
        session.add(Preview(run_id=run, epoch=number, example_id=example, matte_sha256=matte(store, run, number, example)))


def matte(store: Store, run: int, epoch: int, example: int) -> str:
    """A matte that no other run, epoch or example has; its hash."""
    soft = (drawn_mask(example) // 255 * min(250, 40 + 30 * epoch)).astype(np.uint8)
    soft[: 4 * run, : 4 * epoch] = 255
    soft[-example:, -epoch:] = 90 + run
    return store.put(png(soft))
