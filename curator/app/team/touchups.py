"""Touch-ups: how many masks, how long each took, by reviewer and week, and how long the rest will take."""

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from curator.app.charts import colours, show_chart
from curator.app.frame import table
from curator.app.state import cached_by_cost, engine, flow_now, touch_up_now
from curator.app.wording import browser_zone
from curator.ingest.pace import roughly
from curator.plural import pluralise
from curator.touchup.pace import ENOUGH, TouchedUp, paces, per_week, touched_up, work_left
from db.session import reading

WEEK = "week of %d %b"


@cached_by_cost
def _touched_up(engine: Engine) -> list[TouchedUp]:
    with reading(engine) as session:
        return touched_up(session, touch_up_now())


def show_touch_ups() -> None:
    """Show the pace of touch-ups in figures, by week and by reviewer; nothing where none was made and none waits."""
    done, waiting = _touched_up(engine()), flow_now(engine()).touchups
    if not done and not waiting:
        return
    st.header("Touch-ups", anchor=False)
    measured, left = paces(done), work_left(waiting, done)
    places = st.columns(4)
    places[0].metric("Masks touched up", f"{measured[0].masks if measured else 0:,}", help="In the last 12 weeks")
    places[1].metric("Seconds a touch-up", f"{measured[0].median:.0f}" if measured else "—", help="The median")
    places[2].metric("Masks waiting", f"{waiting:,}")
    places[3].metric(
        "Work left",
        roughly(left).removeprefix("about ") if left and waiting else "—" if waiting else "none",
        help="For one person, at the mean time of the touch-ups so far",
    )
    if waiting and left is None:
        st.caption(f"How long the rest takes can be told after {ENOUGH} touch-ups; so far there are {len(done):,}.")
    if not done:
        return
    zone = browser_zone()
    chart, numbers = st.columns([3, 2], gap="large")
    weeks = per_week(done, zone)
    names = sorted({name for name, _ in weeks})
    labels = [monday.strftime(WEEK) for monday in sorted({monday for _, monday in weeks})]
    counted = [(name, monday.strftime(WEEK), number) for (name, monday), number in sorted(weeks.items())]
    frame = pd.DataFrame(counted, columns=["reviewer", "week", "touch-ups"])
    with chart:
        show_chart(
            alt.Chart(frame)
            .mark_bar(cornerRadius=1, size=28)
            .encode(
                x=alt.X("week:O", title=None, scale=alt.Scale(domain=labels), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
                y=alt.Y("touch-ups:Q", title="touch-ups", axis=alt.Axis(tickMinStep=1)),
                color=alt.Color("reviewer:N", scale=colours(names), legend=alt.Legend(title=None, orient="top")),
                tooltip=["week", "reviewer", alt.Tooltip("touch-ups", format=",")],
            ),
            height=200,
            description=f"{pluralise(len(done), 'touch-up')} by week, stacked by reviewer",
        )
    with numbers:
        rows = [(one.reviewer, one.masks, one.touch_ups, round(one.median)) for one in measured[1:]]
        table(
            pd.DataFrame(rows, columns=["reviewer", "masks", "touch-ups", "seconds each"]),
            column_config={"seconds each": st.column_config.NumberColumn(help="The median")},
        )
