"""The only door: `streamlit run streamlit_app.py`. Pages and HTTP routes, nothing else."""

import streamlit as st

from curator.app.guard import middleware
from curator.app.routes import ROUTES

app = st.App("curator/app/main.py", routes=ROUTES, middleware=middleware())
