"""Repair masks by hand: the kept test masks against the clock, and those that reviewers would have fixed."""

from collections import Counter
from dataclasses import asdict
from statistics import median

import altair as alt
import pandas as pd
import streamlit as st

from curator.app.charts import show_chart
from curator.app.components.painter import painter
from curator.app.frame import PAGE_FILE, empty_state, hidden_title
from curator.app.guard import check_lead, current_reviewer, leads
from curator.app.state import engine, matting, settings, touch_up_now
from curator.plural import pluralise
from curator.review.deck import ShowFilter
from curator.review.reviewers import reviewer_called
from curator.review.standing import counts
from curator.touchup.clock import clocks, set_clock
from curator.touchup.saves import finish_ended
from curator.touchup.waiting import count_due, finished, pending, times_used
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Split

WAITING_AT_ONCE = 10  # masks to choose from
CLOCK_LABELS = {Split.test: "Test masks", Split.validation: "Validation masks", Split.train: "Training masks"}
TIMED_AT_ONCE = 500  # touch-ups whose times are shown
STEP = 10  # seconds a bar
DONE_AT_ONCE = 24  # touch-ups, and as many more with each click


def show_more() -> None:
    """Show more of the touch-ups that are over."""
    st.session_state["touch-ups-shown"] += DONE_AT_ONCE


def choose_clock(split: Split) -> None:
    """Store whether the clock runs for this split, as its toggle says now."""
    check_lead(current_reviewer())
    with writing(engine()) as session:
        who = reviewer_called(session, current_reviewer())
        set_clock(session, who.id, split, st.session_state[f"clock-{split}"], utc_now())


def show_clocks(chosen: dict[Split, bool]) -> None:
    """A toggle for each split, for leads."""
    with st.popover("Clock", icon=":material/timer:"):
        for split in CLOCK_LABELS:
            st.session_state[f"clock-{split}"] = chosen[split]  # the database decides, the control shows it
            st.toggle(CLOCK_LABELS[split], key=f"clock-{split}", on_change=choose_clock, args=(split,))
        st.caption(f"With the clock, a touch-up has {seconds} seconds. A change counts for those that begin from now on.")


matting().warm()
seconds = settings().touchup_seconds
lead = leads(current_reviewer())
hidden_title("Touch up")
with writing(engine()) as session:
    reviewer = reviewer_called(session, current_reviewer()).id
    finish_ended(session, touch_up_now())
shown = st.session_state.setdefault("touch-ups-shown", DONE_AT_ONCE)
with reading(engine()) as session:
    now = touch_up_now()
    wait, done = pending(session, reviewer, now, WAITING_AT_ONCE), finished(session, now, shown + 1)
    waits = count_due(session) + sum(one.running and not one.fix for one in wait)
    chosen, repaired, took = clocks(session), counts(session).repaired, times_used(session, TIMED_AT_ONCE)
if wait or done:
    painter(
        current_reviewer(),
        lead,
        seconds,
        [asdict(item) for item in wait],
        waits,
        [asdict(item) for item in done[:shown]],
        show_more if len(done) > shown else None,
    )
else:
    empty_state(
        "No mask is waiting: only kept examples of the test split are touched up, and those that were marked Fix.",
        "Review more examples",
        "review",
    )
with st.container(horizontal=True, vertical_alignment="center"):
    if lead:
        show_clocks(chosen)
    if repaired:
        verb = "waits" if repaired == 1 else "wait"
        st.caption(f"{pluralise(repaired, 'repaired mask')} {verb} for a second look.", width="content")
        asks = {"show": ShowFilter.repaired.value} if lead else {}
        st.page_link(PAGE_FILE.format("review"), label="Approve or send back", query_params=asks)
if took:
    middle = median(one.used for one in took)
    with st.expander(f"Time used: {middle:.0f} s at the median of {pluralise(len(took), 'mask')}"):
        bars = Counter(int(one.used // STEP) * STEP for one in took)
        found = [{"seconds": f"{at} to {at + STEP}", "masks": bars[at]} for at in sorted(bars)]
        drawn = alt.Chart(pd.DataFrame(found)).mark_bar().encode(x=alt.X("seconds", sort=None), y="masks")
        show_chart(drawn, height=180, description="how many masks took how many seconds")
        away = [one for one in took if one.hidden >= 1]
        hidden = f" Here, {pluralise(len(away), 'mask')} lost {sum(one.hidden for one in away):.0f} s so." if away else ""
        st.caption(
            "By the server's clock, all attempts at a mask together. It runs on while the page is hidden: the two minutes "
            f"are a person's.{hidden}"
        )
