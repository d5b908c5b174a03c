"""Starts the app: `streamlit run streamlit_app.py`, or `winnow app`. The pages and the HTTP routes, nothing else."""

from pathlib import Path

import streamlit as st

import curator.app
from curator.app.guard import middleware
from curator.app.routes import ROUTES

MAIN = Path(curator.app.__file__).with_name("main.py")  # absolute: in a wheel, this file lies elsewhere

app = st.App(MAIN, routes=ROUTES, middleware=middleware())
