"""Keep or reject: the deck, one picture at a time."""

import streamlit as st

from curator.app.components.deck import deck
from curator.app.frame import empty_state, header
from curator.app.guard import current_reviewer
from curator.app.state import engine
from curator.verdicts import counts
from db.session import reading

header("Review", "Does the tint cover the hair, all of it and nothing else? Keep it. If not, reject it.")
with reading(engine()) as session:
    known = counts(session)
if known.examples:
    deck(current_reviewer())
    st.caption(
        "Keys work as soon as the page is open. A verdict counts once the server has stored it; "
        "what it hasn't stays in this browser and is sent again."
    )
else:
    empty_state("There is nothing to review yet: no picture has come in.", "Bring pictures in", "ingest")
