"""Repair the test masks by hand, against the clock."""

from dataclasses import asdict

import streamlit as st

from curator.app.components.painter import painter
from curator.app.frame import empty_state, header
from curator.app.guard import current_reviewer
from curator.app.state import engine, matting, settings
from curator.review.reviewers import reviewer_called
from curator.touchup.clock import count_untouched, finished, pending
from db.jobs import utc_now
from db.session import reading, writing

WAITING_AT_ONCE = 10  # masks to choose from
DONE_AT_ONCE = 24  # touch-ups, and as many more with each click


def show_more() -> None:
    """Show more of the touch-ups that are over."""
    st.session_state["touch-ups-shown"] += DONE_AT_ONCE


matting().warm()
seconds = settings().touchup_seconds
header(
    "Touch up",
    f"Everything is measured against the test masks. Repair each of them by hand, in at most {seconds} seconds.",
)
with writing(engine()) as session:
    reviewer = reviewer_called(session, current_reviewer()).id
shown = st.session_state.setdefault("touch-ups-shown", DONE_AT_ONCE)
with reading(engine()) as session:
    now = utc_now()
    wait, done = pending(session, reviewer, now, WAITING_AT_ONCE), finished(session, now, shown + 1)
    waits = count_untouched(session) + sum(one.running for one in wait)
if wait or done:
    painter(
        current_reviewer(),
        seconds,
        [asdict(item) for item in wait],
        waits,
        [asdict(item) for item in done[:shown]],
        show_more if len(done) > shown else None,
    )
else:
    empty_state(
        "No test mask is waiting: only kept examples of the test split are touched up.", "Review more examples", "review"
    )
