"""Photos in which no face was found: draw their crops by hand, or discard them."""

import streamlit as st

from curator.app.components.aside import aside
from curator.app.frame import empty_state, header
from curator.app.guard import current_reviewer
from curator.app.state import engine, flow_now
from curator.ingest.aside import count_faceless
from db.session import reading

with reading(engine()) as session:
    wait = count_faceless(session)
header(
    "No face found",
    "Place the square like a selfie: all of the hair inside it, the face in the middle. Discard photos that show nobody.",
)
# Once shown, the component stays: it says itself when the last photo is done, and offers to undo that.
if wait or st.session_state.get("aside_begun"):
    st.session_state.aside_begun = True
    aside(current_reviewer())
elif flow_now(engine()).submissions:
    empty_state("No photo waits here: each has a crop, or was discarded.", "Review", "review")
else:
    empty_state("There are no photos yet.", "Ingest photos", "ingest")
