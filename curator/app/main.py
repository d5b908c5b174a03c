"""Navigation: the list of pages, and the frame around each."""

from pathlib import Path

import cv2
import streamlit as st

from curator.app.frame import show_error, show_navigation
from curator.app.guard import refuses_cookies
from curator.app.state import settings
from curator.sets.packing import delete_downloads
from db.environment import opencv_fault
from db.errors import NotNowError
from db.jobs import utc_now

ICON = Path(__file__).with_name("icon.svg")  # an emoji or a symbol would be asked for at another host

PAGES = [
    st.Page("views/home.py", title="Winnow", default=True),
    st.Page("views/ingest.py", title="Ingest", url_path="ingest"),
    st.Page("views/aside.py", title="No face found", url_path="aside"),
    st.Page("views/review.py", title="Review", url_path="review"),
    st.Page("views/touchup.py", title="Touch-up", url_path="touchup"),
    st.Page("views/sets.py", title="Sets", url_path="sets"),
    st.Page("views/refinements.py", title="Refine in bulk", url_path="refinements"),
    st.Page("views/train.py", title="Train", url_path="train"),
    st.Page("views/report.py", title="Report", url_path="report"),
    st.Page("views/export.py", title="Export", url_path="export"),
    st.Page("views/tryon.py", title="Try-on", url_path="tryon"),
    st.Page("views/guide.py", title="Guide", url_path="guide"),
    st.Page("views/team.py", title="Team", url_path="team"),
]

page = st.navigation(PAGES, position="hidden")
title = "Winnow" if page.url_path == "" else f"{page.title} · Winnow"
st.set_page_config(page_title=title, page_icon=ICON, layout="wide", initial_sidebar_state="collapsed")

if fault := opencv_fault(cv2):
    st.error(fault)
    st.stop()

delete_downloads(settings().downloads, utc_now())
show_navigation(title)
with st.container(key="content"):
    if refuses_cookies():
        st.warning("This browser keeps no cookies of Winnow, and without them there are no pictures. Allow them, then reload.")
    try:
        page.run()
    except NotNowError as error:  # the database went away while the app was running
        show_error(error)
