"""Progress and team: how reviewing goes, how far reviewers agree, known answers, and your name."""

from html import escape

import streamlit as st

from curator.app.frame import header
from curator.app.guard import current_reviewer, leads
from curator.app.team.agreement import show_agreement
from curator.app.team.gold import show_gold
from curator.app.team.progress import show_progress
from curator.app.team.you import show_you

PARTS = {"progress": "Progress", "agreement": "Agreement", "gold": "Known answers", "you": "You"}
USUAL = "progress"


def to_address() -> None:
    """Write the chosen part into the address, but for the usual one."""
    chosen = st.session_state["team-part"]
    st.query_params.from_dict({} if chosen == USUAL else {"part": chosen})


header("Progress and team", "How fast, how far, how well: all of it counted from the verdicts themselves.")
reviewer = current_reviewer()
asked = st.query_params.get("part", USUAL)
part = asked if asked in PARTS else USUAL
st.session_state["team-part"] = part  # the address is what counts, the control shows it
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.segmented_control(
        "Part",
        list(PARTS),
        format_func=PARTS.__getitem__,
        key="team-part",
        required=True,
        on_change=to_address,
        label_visibility="collapsed",
    )
    st.html(f'<span class="winnow-note">You review as <b>{escape(reviewer)}</b></span>', width="content")
if part == "agreement":
    show_agreement(leads(reviewer))
elif part == "gold":
    show_gold(leads(reviewer))
elif part == "you":
    show_you()
else:
    show_progress(reviewer, leads(reviewer))
