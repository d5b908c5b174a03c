"""What happened: who ingested, froze, trained, exported and erased, newest first, a page at a time."""

import streamlit as st

from curator.app.frame import empty_state
from curator.app.state import engine
from curator.app.wording import browser_zone, moment
from curator.feed import feed
from curator.markup import render
from db.session import reading

PER_PAGE = 30
FEED = """
<div class="winnow-table"><table>
<thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th></tr></thead>
<tbody>
{% for when, who, words in rows %}
<tr><th scope="row">{{ when }}</th><td>{{ who }}</td><td>{{ words }}</td></tr>
{% endfor %}
</tbody>
</table></div>
"""


def show_feed() -> None:
    """Show a page of events. A page begins before the last event of the one before it, so that each costs the same."""
    begins: list[int | None] = st.session_state.setdefault("feed", [None])
    with reading(engine()) as session:
        found = feed(session, PER_PAGE + 1, begins[-1])
    if not found and len(begins) == 1:
        empty_state(
            "Nothing has happened yet. Who ingests, freezes, trains, exports or erases is noted here.",
            "Ingest pictures",
            "ingest",
        )
        return
    zone, shown = browser_zone(), found[:PER_PAGE]
    st.html(render(FEED, rows=[(moment(one.at, zone), one.who, one.words) for one in shown]))
    with st.container(horizontal=True):
        if len(begins) > 1 and st.button("Newer", icon=":material/arrow_back:"):
            begins.pop()
            st.rerun()
        if len(found) > PER_PAGE and st.button("Older", icon=":material/arrow_forward:"):
            begins.append(shown[-1].number)
            st.rerun()
