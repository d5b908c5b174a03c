"""Downloads of a report, made when they are requested, so that a person erased in the meantime is in none of them."""

from contextlib import suppress
from functools import partial

import streamlit as st

from curator.app.state import THUMBNAIL_SIDE, engine, store
from curator.pictures.codec import thumbnail
from curator.runs import figures, results
from curator.runs.model_card import model_card
from curator.runs.provenance import provenance
from curator.runs.report_file import report_csv, report_html, worst_rows
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading


def made_html(run: int) -> str:
    """The report as one HTML file."""
    with reading(engine()) as session:
        origin, found = provenance(session, run), results.examples(session, run)
    worst = worst_rows(found)
    thumbnails = {}
    for sha256 in {sha256 for one in worst for sha256 in (one.image, one.mask, one.matte)}:
        with suppress(WinnowError):  # missing from the store: the example is left out
            thumbnails[sha256] = thumbnail(store().get(sha256), THUMBNAIL_SIDE)
    return report_html(origin, found, figures.slice_tables(results.headline_rows(found)), worst, thumbnails, utc_now())


def made_csv(run: int) -> bytes:
    """The report as a CSV file."""
    with reading(engine()) as session:
        return report_csv(results.examples(session, run))


def made_card(run: int) -> str:
    """The run's model card."""
    with reading(engine()) as session:
        origin, found = provenance(session, run), results.examples(session, run)
    return model_card(origin, found, figures.slice_tables(results.headline_rows(found)), utc_now())


def downloads(run: int) -> None:
    """Show a download button for each file."""
    with st.container(horizontal=True):
        for label, made, name, kind in (
            ("Report as HTML", made_html, f"winnow-run-{run}.html", "text/html"),
            ("Measures as CSV", made_csv, f"winnow-run-{run}.csv", "text/csv"),
            ("Model card", made_card, f"winnow-run-{run}-model-card.md", "text/markdown"),
        ):
            st.download_button(label, partial(made, run), name, kind, on_click="ignore", icon=":material/download:")
