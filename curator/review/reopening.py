"""Send examples back to review, from a report or with a repaired mask: earlier verdicts stay on record but no longer count.

Where a repair is taken back, the verdicts on the mask before count again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from curator.review.gold import withdraw_answers
from curator.review.opinions import reopening_counts, verdict_counts
from curator.review.reviewers import reviewer_called
from curator.review.standing import lock_standings, update_standings, wants_second_look
from db.tables import Reopening, Reviewer, Standing, State, TouchUp, Verdict


def send_back(session: Session, examples: Sequence[int], by: str, run: int | None, now: datetime) -> list[int]:
    """Open these examples again, whatever their verdicts; returns the numbers of those that exist, in order.

    `by` is the name of the reviewer who sends them back, `run` the run whose report showed them. Of a group, an example may
    have to wait until another one is judged. Control examples among them are withdrawn. Frozen sets and leases don't change.
    Sending an example back again before it has a new verdict changes nothing. The caller must check that `by` is a lead.
    Raises WinnowError for a name that no reviewer can have.
    """
    reviewer = reviewer_called(session, by)
    # Locked as in `record`, so that each verdict comes either before or after this.
    locked = lock_standings(session, examples)
    existing = [row.example for row in locked if row.example in set(examples)]
    verdicts = _newest_verdicts(session, existing)
    sent_back = _newest_reopenings(session, existing)
    for row in locked:
        after = verdicts.get(row.example, 0)
        unchanged = row.standing.state in (State.open, State.waiting) and sent_back.get(row.example) == after
        if row.example in existing and not unchanged:
            row.standing.first_reviewer_id = None
            session.add(Reopening(example_id=row.example, reviewer_id=reviewer.id, run_id=run, after_verdict=after, at=now))
    session.flush()
    update_standings(session, locked)
    withdraw_answers(session, reviewer.id, existing, now)
    return existing


def send_repaired(session: Session, touch_up: TouchUp, now: datetime) -> None:
    """Send the example of a touch-up that has just ended back to review with its repaired mask, if it wants a second look.

    Verdicts on the mask before no longer count. A control example is withdrawn: its answer was about that mask.
    """
    locked = lock_standings(session, [touch_up.example_id])
    standing = next(row.standing for row in locked if row.example == touch_up.example_id)
    if not wants_second_look(standing.state, standing.split):
        return
    by, example = touch_up.reviewer_id, touch_up.example_id
    after = _newest_verdicts(session, [example]).get(example, 0)
    session.add(Reopening(example_id=example, reviewer_id=by, touch_up_id=touch_up.id, after_verdict=after, at=now))
    standing.first_reviewer_id = by
    session.flush()
    update_standings(session, locked)
    withdraw_answers(session, by, [example], now)


def take_back_repaired(session: Session, touch_up: TouchUp, by: int, now: datetime) -> bool:
    """Undo what `send_repaired` did at the end of a touch-up: the verdicts on the mask before count again.

    True also where its end changed nothing, or the example was sent back for another reason since. False, with nothing changed,
    if somebody has judged the repaired mask: their verdict can't count for the mask before. `by` is the reviewer who takes it
    back.
    """
    locked = lock_standings(session, [touch_up.example_id])
    counting = select(Reopening).where(Reopening.example_id == touch_up.example_id, reopening_counts())
    newest = session.scalar(counting.order_by(Reopening.id.desc()).limit(1))
    if newest is None or newest.touch_up_id != touch_up.id:
        return True
    if session.scalar(select(exists().where(Verdict.example_id == touch_up.example_id, verdict_counts()))):
        return False
    undo = Reopening(
        example_id=touch_up.example_id,
        reviewer_id=by,
        touch_up_id=touch_up.id,
        undoes=newest.id,
        after_verdict=newest.after_verdict,
        at=now,
    )
    session.add(undo)
    next(row.standing for row in locked if row.example == touch_up.example_id).first_reviewer_id = None
    session.flush()
    update_standings(session, locked)
    return True


def _newest_verdicts(session: Session, examples: Collection[int]) -> dict[int, int]:
    newest = select(Verdict.example_id, func.max(Verdict.id)).where(Verdict.example_id.in_(examples))
    return dict(session.execute(newest.group_by(Verdict.example_id)).all())


def _newest_reopenings(session: Session, examples: Collection[int]) -> dict[int, int]:
    newest = select(Reopening.example_id, func.max(Reopening.after_verdict))
    newest = newest.where(Reopening.example_id.in_(examples), reopening_counts())
    return dict(session.execute(newest.group_by(Reopening.example_id)).all())


def reopening_reasons(session: Session, examples: Collection[int] | None = None) -> dict[int, str]:
    """Why an example is in the queue again, as text: for those of `examples` (or of all) that were sent back and not judged."""
    newest = select(func.max(Reopening.id)).where(reopening_counts()).group_by(Reopening.example_id)
    if examples is not None:
        newest = newest.where(Reopening.example_id.in_(examples))
    rows = session.execute(
        select(Reopening.example_id, Reopening.run_id, Reopening.touch_up_id, Reviewer.name)
        .join(Standing, Standing.example_id == Reopening.example_id)
        .join(Reviewer, Reviewer.id == Reopening.reviewer_id)
        .where(Reopening.id.in_(newest), Standing.state.in_([State.open, State.repaired]))
    )
    return {example: _why(run, touch_up, by) for example, run, touch_up, by in rows}


def _why(run: int | None, touch_up: int | None, by: str) -> str:
    if touch_up is not None:
        return f"repaired by {by}"
    return "sent back to review" if run is None else f"sent back from the report of run {run}"
