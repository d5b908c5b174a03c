"""The name under which this browser reviews."""

import streamlit as st

from curator.app.allowance import check_new_name
from curator.app.components.me import remember
from curator.app.frame import show_error
from curator.app.guard import current_reviewer
from curator.app.state import engine, settings
from curator.app.wording import literal
from curator.review.reviewers import reviewer_called
from db.errors import WinnowError
from db.session import writing


def show_you() -> None:
    """Show the form that gives this browser a reviewer's name."""
    if settings().user_header:
        st.markdown(f"You are signed in as **{literal(current_reviewer())}** and review under that name.")
        return
    with st.form("me", border=True, width=480):
        name = st.text_input("Your name", value=current_reviewer(), max_chars=80)
        if st.form_submit_button("Review under this name", type="primary"):
            try:
                check_new_name(engine(), name)
                with writing(engine()) as session:
                    reviewer = reviewer_called(session, name)
            except WinnowError as error:
                show_error(error)
            else:
                remember(reviewer.name)
                st.success(f"This browser now reviews as {literal(reviewer.name)}.")
    st.caption("Each verdict is stored with its reviewer’s name, so that a second reviewer can give another opinion.")
