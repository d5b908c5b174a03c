"""Navigation: which pages there are, and the frame around each."""

import streamlit as st

from curator.app.frame import show_flow

st.set_page_config(page_title="Winnow", page_icon=":material/content_cut:", layout="wide", initial_sidebar_state="collapsed")

PAGES = [
    st.Page("pages/home.py", title="Winnow", default=True),
    st.Page("pages/ingest.py", title="Ingest", url_path="ingest"),
    st.Page("pages/review.py", title="Review", url_path="review"),
    st.Page("pages/touchup.py", title="Touch-up", url_path="touchup"),
    st.Page("pages/sets.py", title="Sets", url_path="sets"),
    st.Page("pages/train.py", title="Train", url_path="train"),
    st.Page("pages/report.py", title="Report", url_path="report"),
    st.Page("pages/export.py", title="Export", url_path="export"),
    st.Page("pages/tryon.py", title="Try-on", url_path="tryon"),
    st.Page("pages/team.py", title="Team", url_path="team"),
]

page = st.navigation(PAGES, position="hidden")
show_flow()
page.run()
