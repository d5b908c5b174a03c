"""Who reviews: your name, and what each has decided."""

import pandas as pd
import streamlit as st

from curator.app.components.me import remember
from curator.app.frame import header
from curator.app.guard import current_reviewer
from curator.app.state import engine
from curator.reviewers import decided, reviewer_called
from db.errors import WinnowError
from db.session import reading, writing

header("Team", "Verdicts are kept under a name, so that second opinions are possible.")
with st.form("me", border=True):
    name = st.text_input("Your name", value=current_reviewer(), max_chars=80)
    if st.form_submit_button("Review under this name", type="primary"):
        try:
            with writing(engine()) as session:
                reviewer = reviewer_called(session, name)
        except WinnowError as error:
            st.error(str(error))
        else:
            remember(reviewer.name)
            st.success(f"This browser now reviews as {reviewer.name}.")

with reading(engine()) as session:
    rows = decided(session)
if rows:
    table = pd.DataFrame(rows)
    st.dataframe(
        table,
        hide_index=True,
        column_config={"kept": st.column_config.ProgressColumn("share kept", min_value=0, max_value=1, format="percent")},
    )
else:
    st.caption("Nobody has given a verdict yet.")
