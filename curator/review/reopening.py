"""Examples sent back to review, as by a report's reader: what was said of them before counts no more, and stays on record."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.review.gold import withdraw
from curator.review.reviewers import reviewer_called
from curator.review.standing import lock_standings, update_standings
from db.tables import Reopening, Standing, State, Verdict


def send_back(session: Session, examples: Sequence[int], by: str, run: int | None, now: datetime) -> list[int]:
    """Let these examples be open again, whatever was said of them; their numbers, in order.

    `by` names who sends them back, and `run` the run whose report showed them. Those that are not there (any more) are
    passed by: the answer is so much shorter. One of a group may have to wait behind another that is open. A known answer
    among them is withdrawn. Frozen sets and leases stay as they are. Sent back twice, with nothing said in between, is sent
    back once. Who may do it is the caller's to ask. Raises WinnowError for a name that no reviewer can have.
    """
    reviewer = reviewer_called(session, by)
    # Locked as when a verdict is recorded, so that each verdict comes clearly before or after.
    places = lock_standings(session, examples)
    there = [place.example for place in places if place.example in set(examples)]
    said = _newest_verdicts(session, there)
    sent_back = _newest_reopenings(session, there)
    for place in places:
        after = said.get(place.example, 0)
        nothing_since = place.standing.state in (State.open, State.waiting) and sent_back.get(place.example) == after
        if place.example in there and not nothing_since:
            place.standing.first_reviewer_id = None
            session.add(Reopening(example_id=place.example, reviewer_id=reviewer.id, run_id=run, after_verdict=after, at=now))
    session.flush()
    update_standings(session, places)
    withdraw(session, reviewer.id, there, now)
    return there


def _newest_verdicts(session: Session, examples: Collection[int]) -> dict[int, int]:
    newest = select(Verdict.example_id, func.max(Verdict.id)).where(Verdict.example_id.in_(examples))
    return dict(session.execute(newest.group_by(Verdict.example_id)).all())


def _newest_reopenings(session: Session, examples: Collection[int]) -> dict[int, int]:
    newest = select(Reopening.example_id, func.max(Reopening.after_verdict)).where(Reopening.example_id.in_(examples))
    return dict(session.execute(newest.group_by(Reopening.example_id)).all())


def why_again(session: Session, examples: Collection[int] | None = None) -> dict[int, str]:
    """In words, why those of the examples, or of all, that were sent back and are open since come again."""
    newest = select(func.max(Reopening.id)).group_by(Reopening.example_id)
    if examples is not None:
        newest = newest.where(Reopening.example_id.in_(examples))
    rows = session.execute(
        select(Reopening.example_id, Reopening.run_id)
        .join(Standing, Standing.example_id == Reopening.example_id)
        .where(Reopening.id.in_(newest), Standing.state == State.open)
    )
    return {
        example: "sent back to review" if run is None else f"sent back from the report of run {run}" for example, run in rows
    }
