"""A run's measures with their intervals, by kinds of images; and what was not measured yet."""

import streamlit as st
from sqlalchemy import Engine

from curator.app.frame import start_job
from curator.app.reports.files import downloads
from curator.app.state import dear, engine
from curator.runs import figures, results
from curator.runs.figures import Table
from curator.runs.report_file import meanings_html, table_html
from curator.status import newest_job
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading
from db.tables import Split
from trainer.measures import ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS, Measure
from trainer.recipe import REFINEMENT_TITLES


@dear
def _tables(engine: Engine, run: int, reports: tuple[tuple[Split, str], ...]) -> list[tuple[Table, list[Measure]]]:
    """The paper's five, what they are blind to, the errors of alpha and of classes: a table each, with its measures.

    `reports` are those that the run has, so that a new one is counted at once.
    """
    with reading(engine) as session:
        found = results.examples(session, run)
    parts = [
        figures.available_measures(found, measures) for measures in (MEASURES, MISSED_ERRORS, ALPHA_ERRORS, CLASS_MEASURES)
    ]
    return [(figures.measures_table(found, measures), measures) for measures in parts]


@dear
def _slices(engine: Engine, run: int, split: Split, refine: str) -> dict[str, Table]:
    """The tables of a report's slices."""
    with reading(engine) as session:
        return figures.slice_tables(results.examples(session, run, split, refine))


def measure_button(run: int, split: Split, refine: str, *, again: bool = False) -> None:
    """Offer to make a report that isn't there, or one that an older Winnow made, with fewer measures; one at a time."""
    with reading(engine()) as session:
        job = newest_job(session, "report")
    busy = job is not None and job_state(job, utc_now()) in ACTIVE
    how = "" if refine == "none" else f", {REFINEMENT_TITLES[refine]}"
    what = f"Run {run} on {split.value}{how}"
    st.caption(f"{what} was measured before there were all of today’s measures." if again else f"{what} is not measured yet.")
    if st.button(f"Measure run {run} on {split.value}{how}{' again' if again else ''}", disabled=busy):
        start_job("report", "trainer", ["report", str(run), "--split", split.value, "--refine", refine])
        st.rerun()


def show_measures(run: int, reports: dict[Split, list[str]]) -> None:
    """The paper's five; what they are blind to; the errors of alpha and of classes, folded away."""
    key = tuple((split, refine) for split, refines in reports.items() for refine in refines)
    (five, named), (blind, unseen), *more = _tables(engine(), run, key)
    st.html(table_html(five))
    st.caption("Per image, then averaged; in brackets the 95 % interval of the mean over images.")
    downloads(run)
    if unseen:
        st.subheader("Errors that gradient consistency misses", anchor=False)
        st.html(table_html(blind) + meanings_html(unseen))
    with st.expander("Errors of alpha, and what the measures are"):
        for made, measures in more:
            if measures:
                st.html(table_html(made) + meanings_html(measures))
        st.html(meanings_html(named))


def show_slices(run: int, split: Split, refine: str) -> None:
    """The report by what the examples are like."""
    made = _slices(engine(), run, split, refine)
    if made:
        st.subheader("Slices", anchor=False)
    for tab, made_table in zip(st.tabs(list(made)) if made else [], made.values(), strict=True):
        tab.html(table_html(made_table))
