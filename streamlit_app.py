"""Starts the app: `streamlit run streamlit_app.py`, or `winnow app`. The pages and the HTTP routes, nothing else."""

import gc
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import curator.app
from curator.app.connections import limit_connections
from curator.app.first_view import FirstView
from curator.app.guard import check_address
from curator.app.routes import ROUTES
from curator.app.shield import middleware
from curator.app.state import engine, settings
from curator.app.upload_routes import UPLOAD_ROUTES
from db.errors import WinnowError
from db.session import warn_of_open_home

MAIN = Path(curator.app.__file__).with_name("main.py")  # absolute: in a wheel, this file lies elsewhere

try:
    check_address(st.get_option("server.address"))
    engine()  # opened before anybody opens a page: what is wrong with the settings or the database is said here, on one line
except WinnowError as error:
    sys.exit(str(error))
warn_of_open_home(settings().home)

limit_connections()
app = st.App(MAIN, routes=[*ROUTES, *UPLOAD_ROUTES], middleware=[*middleware(), Middleware(FirstView)])

# Streamlit collects garbage after each run of a page, and everything else waits. Going through all that was imported here
# took a tenth of a second each time.
gc.collect()
gc.freeze()  # it stays for good: collections leave it alone
