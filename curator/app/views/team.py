"""Progress and team: how reviewing goes, how well reviewers agree, control examples, and your name."""

import streamlit as st

from curator.app.frame import header
from curator.app.guard import current_reviewer, leads
from curator.app.team.agreement import show_agreement
from curator.app.team.feed import show_feed
from curator.app.team.gold import show_gold
from curator.app.team.progress import show_progress
from curator.app.team.you import show_you
from curator.markup import render

PARTS = {"progress": "Progress", "agreement": "Agreement", "gold": "Control examples", "feed": "What happened", "you": "You"}
DEFAULT_PART = "progress"
YOU = '<span class="winnow-note">You review as <b>{{ reviewer }}</b></span>'


def to_address() -> None:
    """Write the chosen part into the address, unless it is the default."""
    chosen = st.session_state["team-part"]
    st.query_params.from_dict({} if chosen == DEFAULT_PART else {"part": chosen})


header(
    "Progress and team", "How fast reviewing goes, what is left and how well reviewers agree, all computed from the verdicts."
)
reviewer = current_reviewer()
asked = st.query_params.get("part", DEFAULT_PART)
part = asked if asked in PARTS else DEFAULT_PART
st.session_state["team-part"] = part  # the address decides, the control shows it
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
    st.html(render(YOU, reviewer=reviewer), width="content")
if part == "agreement":
    show_agreement(leads(reviewer))
elif part == "gold":
    show_gold(leads(reviewer))
elif part == "feed":
    show_feed()
elif part == "you":
    show_you()
else:
    show_progress(reviewer, leads(reviewer))
