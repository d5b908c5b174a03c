"""Repair the test masks by hand, against the clock."""

from dataclasses import asdict

from curator.app.components.painter import painter
from curator.app.frame import empty_state, header
from curator.app.guard import current_reviewer
from curator.app.state import engine, settings
from curator.review.reviewers import reviewer_called
from curator.touchup.clock import finished, pending
from db.jobs import utc_now
from db.session import reading, writing

seconds = settings().touchup_seconds
header(
    "Touch up",
    f"Everything is measured against the test masks. Repair each of them by hand, in at most {seconds} seconds.",
)
with writing(engine()) as session:
    reviewer = reviewer_called(session, current_reviewer()).id
with reading(engine()) as session:
    wait, done = pending(session, reviewer, utc_now()), finished(session, utc_now())
if wait or done:
    painter(current_reviewer(), seconds, [asdict(item) for item in wait], [asdict(item) for item in done])
else:
    empty_state(
        "No test mask is waiting: only kept examples of the test split are touched up.", "Review more examples", "review"
    )
