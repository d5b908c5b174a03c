"""Draw the crop by hand where no face was found."""

import streamlit as st

from curator.app.components.aside import aside
from curator.app.frame import empty_state, header
from curator.app.guard import current_reviewer
from curator.app.state import engine
from curator.ingest.aside import count_faceless
from db.session import reading

with reading(engine()) as session:
    wait = count_faceless(session)
header(
    "No face found",
    "Put the square where a selfie would be: all of the hair in it, the face in its middle. Discard what shows nobody.",
)
# Once it is drawn it stays: it says itself that the last photo is done, and can take that back.
if wait or st.session_state.get("aside_begun"):
    st.session_state.aside_begun = True
    aside(current_reviewer())
else:
    empty_state("No photo is kept aside: a face was found in all of them.", "Bring pictures in", "ingest")
