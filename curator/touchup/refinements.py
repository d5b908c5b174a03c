"""Refine in bulk: refined alphas are proposed for kept masks, and a person accepts or declines them.

A decision is a row of its own; `Refinement.accepted` follows the newest one in the same transaction, so that the next proposals
and the mask that counts are found without reading all decisions. Nothing else of a proposal changes. An accepted alpha counts
from then on, until a touch-up saves a newer mask (curator/review/current_mask.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import cv2
import numpy as np
from sqlalchemy import Engine, Select, exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from curator.pictures.codec import decode_mask, decode_photo, encode_mask, encode_preview
from curator.pictures.tint import greyed, tinted
from curator.review.current_mask import current_mask, current_masks, refinement_counts, with_current_mask
from curator.review.standing import approved
from curator.touchup.matting import Matting
from curator.touchup.refine import HALF, METHOD
from db.course import Course, Phase
from db.errors import NotNowError, NotThereError, WinnowError
from db.session import in_batches, insert_or, reading, writing
from db.store import Store
from db.tables import Example, Refinement, RefinementDecision, Reviewer, Split, Standing, State, Submission
from trainer.measures import gradient_consistency, iou

Side = Literal["before", "after"]
OnProgress = Callable[[int, "Proposed"], None]  # masks done so far, and what became of them

PROPOSED = aliased(Refinement)  # in queries that also ask which refinement counts now
MAX_REASONS = 20  # that are told in words
WARMING, REFINING = "Warming up", "Refining masks"
WARM_UP_SECONDS, REFINE_SECONDS = 10.0, 1.0  # of the whole, and of a mask, on two cores
MUCH = 0.9  # IoU with the mask before under which a proposal has changed much: it is flagged, and comes first


@dataclass(frozen=True)
class Proposal:
    """A refinement that waits for a decision."""

    refinement: int
    example: int
    photo: str  # its file name
    split: Split
    iou: float  # with the mask before, 0 to 1
    consistency_before: float | None
    consistency_after: float | None

    @property
    def changed_much(self) -> bool:
        """Whether it must be looked at closely."""
        return self.iou < MUCH


@dataclass
class Proposed:
    """What a run of `propose` did."""

    masks: int  # that were to be refined
    proposed: int = 0
    changed_much: int = 0
    unchanged: int = 0  # Refine left them as they are
    refused: int = 0  # with the reasons of the first few below
    reasons: list[str] = field(default_factory=list)


def course(masks: int) -> Course:
    """The course of refining so many masks."""
    return Course([Phase(WARMING, WARM_UP_SECONDS, paced=False), Phase(REFINING, REFINE_SECONDS * masks)])


def propose(
    engine: Engine,
    store: Store,
    matting: Matting,
    split: Split | None,
    limit: int | None,
    now: Callable[[], datetime],
    on_progress: OnProgress,
) -> Proposed:
    """Refine the masks of approved examples, and add a proposal for each that changes. What was proposed before is left out.

    `split` None is all splits; `limit` is how many masks at most, oldest examples first. A mask that can't be refined, or whose
    example is erased meanwhile, is counted and costs no other one. Each proposal is committed at once, so work that was stopped
    goes on where it was. Raises WinnowError if Refine can't run on this machine, and what `on_progress` raises.
    """
    with reading(engine) as session:
        wanted = session.execute(_to_refine(split).limit(limit)).all()
    matting.wait()
    done = Proposed(masks=len(wanted))
    for place, (example, image, mask, unknown) in enumerate(wanted):
        on_progress(place, done)
        try:
            _propose_one(engine, store, matting, example, image, mask, unknown, now(), done)
        except NotNowError:
            raise
        except WinnowError as error:
            matting.wait()  # after one that took too long
            done.refused += 1
            done.reasons += [f"Example {example}: {error}"] if len(done.reasons) < MAX_REASONS else []
    on_progress(len(wanted), done)
    return done


def _to_refine(split: Split | None) -> Select[int, str, str, str | None]:
    """The query for the approved examples whose current mask has no proposal and is none: number, image, mask and unknown."""
    before = aliased(Refinement)
    proposed = exists().where(
        before.example_id == Example.id, before.mask_before_sha256 == current_mask(), before.method == METHOD
    )
    wanted = approved() if split is None else approved(Standing.split == split)
    wanted = with_current_mask(wanted).where(~proposed, ~refinement_counts())
    return wanted.with_only_columns(Example.id, Example.image_sha256, current_mask(), Example.unknown_sha256)


def _propose_one(
    engine: Engine,
    store: Store,
    matting: Matting,
    example: int,
    image: str,
    mask: str,
    unknown: str | None,
    now: datetime,
    done: Proposed,
) -> None:
    photo, before = decode_photo(store.get(image)), decode_mask(store.get(mask))
    left_out = None if unknown is None else decode_mask(store.get(unknown))
    known = None if left_out is None else left_out == 0
    after = matting.refine(photo, before, left_out=left_out).alpha
    if np.array_equal(after, before):
        done.unchanged += 1
        return
    alike = iou(before >= HALF, after >= HALF) or 0.0
    proposal = {
        "example_id": example,
        "mask_before_sha256": mask,
        "alpha_sha256": store.put(encode_mask(after)),
        "method": METHOD,
        "iou": alike,
        "consistency_before": gradient_consistency(photo, np.asarray(before / 255, np.float32), known),
        "consistency_after": gradient_consistency(photo, np.asarray(after / 255, np.float32), known),
        "at": now,
    }
    with writing(engine) as session:
        # Locked, so that it is not erased meanwhile; and another run may have proposed the same just now.
        if session.scalar(select(Example.id).where(Example.id == example).with_for_update()) is None:
            raise NotThereError("it has been erased.")
        session.execute(insert_or(session, Refinement).values(proposal).on_conflict_do_nothing())
    done.proposed += 1
    done.changed_much += alike < MUCH


def count_proposals(session: Session) -> int:
    """How many proposals wait for a decision."""
    return session.scalar(select(func.count()).select_from(_waiting().subquery())) or 0


def next_proposals(session: Session, count: int) -> list[Proposal]:
    """The next `count` proposals that wait for a decision, those that changed most first.

    Left out are those whose example is not kept any more, and those whose mask somebody has changed since.
    """
    rows = session.execute(_waiting().order_by(PROPOSED.iou, PROPOSED.id).limit(count)).all()
    return [_proposal(refinement, photo, split) for refinement, photo, split in rows]


def decided(session: Session, count: int) -> list[tuple[Proposal, bool, str]]:
    """The `count` refinements that were decided last, latest first: each with whether it was accepted, and by whom."""
    newest = select(func.max(RefinementDecision.id)).where(RefinementDecision.refinement_id == Refinement.id)
    rows = session.execute(
        select(Refinement, Submission.photo_name, Example.split, Reviewer.name)
        .join(RefinementDecision, RefinementDecision.refinement_id == Refinement.id)
        .join(Example, Example.id == Refinement.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Reviewer, Reviewer.id == RefinementDecision.reviewer_id)
        .where(Refinement.accepted.is_not(None), RefinementDecision.id == newest.correlate(Refinement).scalar_subquery())
        .order_by(RefinementDecision.id.desc())
        .limit(count)
    )
    return [(_proposal(one, photo, split), bool(one.accepted), who) for one, photo, split, who in rows]


def decide(session: Session, reviewer_id: int, said: Mapping[int, bool | None], now: datetime) -> list[int]:
    """Record what a person said of refinements, by their numbers: True accepts, False declines, None takes back.

    Returns the numbers of those that were recorded. Left out are refinements that were erased, or that have been decided so
    already (nothing to take back included), and acceptances of one whose mask somebody has changed since it was made.
    """
    rows = [
        row
        for batch in in_batches(sorted(said))
        for row in session.scalars(select(Refinement).where(Refinement.id.in_(batch)).order_by(Refinement.id).with_for_update())
    ]
    masks = {example: mask.sha256 for example, mask in current_masks(session, [row.example_id for row in rows]).items()}
    taken = []
    for row in rows:
        accepted = said[row.id]
        if row.accepted is accepted or (accepted and masks.get(row.example_id) != row.mask_before_sha256):
            continue
        row.accepted = accepted
        session.add(RefinementDecision(refinement_id=row.id, reviewer_id=reviewer_id, accepted=accepted, at=now))
        taken.append(row.id)
    session.flush()
    return taken


def tinted_side(session: Session, store: Store, refinement: int, side: Side, pixels: int) -> bytes:
    """The example's image with the mask before, or with the refined alpha, over it, and grey over its unknown pixels.

    A WebP, `pixels` x `pixels`.     Raises NotThereError for a refinement that does not exist.
    """
    row = session.get(Refinement, refinement, options=[joinedload(Refinement.example)])
    if row is None:
        raise NotThereError(f"Refinement {refinement} does not exist. It may have been erased.")
    mask = row.mask_before_sha256 if side == "before" else row.alpha_sha256
    shown = tinted(decode_photo(store.get(row.example.image_sha256)), decode_mask(store.get(mask)))
    if row.example.unknown_sha256 is not None:
        shown = greyed(shown, decode_mask(store.get(row.example.unknown_sha256)))
    small = cv2.resize(shown, (pixels, pixels), interpolation=cv2.INTER_AREA)
    return encode_preview(np.asarray(small, np.uint8))


def _waiting() -> Select[Refinement, str, Split]:
    """The query for the proposals that wait for a decision, with the photo's name and the split."""
    return with_current_mask(
        select(PROPOSED, Submission.photo_name, Example.split)
        .select_from(PROPOSED)
        .join(Example, Example.id == PROPOSED.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Standing, Standing.example_id == Example.id)
    ).where(PROPOSED.accepted.is_(None), Standing.state == State.keep, PROPOSED.mask_before_sha256 == current_mask())


def _proposal(row: Refinement, photo: str, split: Split) -> Proposal:
    return Proposal(row.id, row.example_id, photo, split, row.iou, row.consistency_before, row.consistency_after)
