"""A run's measures with their intervals, overall and by slice, and a button to measure what has not been measured yet."""

import streamlit as st
from sqlalchemy import Engine

from curator.app.frame import start_job
from curator.app.reports.downloads import downloads
from curator.app.state import cached_by_cost, engine
from curator.runs import figures, results
from curator.runs.figures import Table
from curator.runs.report_file import meanings, table
from curator.runs.results import REFINED
from curator.status import newest_job
from db.jobs import ALIVE, state_of, utc_now
from db.session import reading
from db.tables import Split
from trainer.measures import ALPHA, BLIND, CLASSES, MEASURES, Measure


@cached_by_cost
def _tables(engine: Engine, run: int, reports: tuple[tuple[Split, str], ...]) -> list[tuple[Table, list[Measure]]]:
    """A table for each group of measures: the paper's five, the errors they miss, alpha errors, and errors by class.

    `reports` are the run's reports. They are part of the cache's key, so that a new report shows at once.
    """
    with reading(engine) as session:
        found = results.examples(session, run)
    parts = [figures.known(found, measures) for measures in (MEASURES, BLIND, ALPHA, CLASSES)]
    return [(figures.measured(found, measures), measures) for measures in parts]


@cached_by_cost
def _slices(engine: Engine, run: int, split: Split, refine: str) -> dict[str, Table]:
    """The tables of a report's slices, by heading."""
    with reading(engine) as session:
        return figures.sliced(results.examples(session, run, split, refine))


def measure_button(run: int, split: Split, refine: str, *, again: bool = False) -> None:
    """Offer to measure a run that has no such report, or (`again`) one from an older version with fewer measures.

    Disabled while another report is being made.
    """
    with reading(engine()) as session:
        job = newest_job(session, "report")
    busy = job is not None and state_of(job, utc_now()) in ALIVE
    how = "" if refine == "none" else f", {REFINED[refine]}"
    what = f"Run {run} on {split.value}{how}"
    st.caption(
        f"{what} was measured by an older version, without some of today’s measures."
        if again
        else f"{what} has not been measured yet."
    )
    if st.button(f"Measure run {run} on {split.value}{how}{' again' if again else ''}", disabled=busy):
        start_job("report", "trainer", ["report", str(run), "--split", split.value, "--refine", refine])
        st.rerun()


def show_measures(run: int, reports: dict[Split, list[str]]) -> None:
    """Show the paper's five measures and the errors they miss, and in an expander the errors of alpha and of classes."""
    key = tuple((split, refine) for split, refines in reports.items() for refine in refines)
    (five, named), (blind, unseen), *more = _tables(engine(), run, key)
    st.html(table(five))
    st.caption("Means over the images, with their 95 % intervals in brackets.")
    downloads(run)
    if unseen:
        st.subheader("Errors that gradient consistency misses", anchor=False)
        st.html(table(blind) + meanings(unseen))
    with st.expander("Alpha errors, and what each measure means"):
        for made, measures in more:
            if measures:
                st.html(table(made) + meanings(measures))
        st.html(meanings(named))


def show_slices(run: int, split: Split, refine: str) -> None:
    """Show a report's slices: its measures by kind of image, a tab for each way to divide the images."""
    made = _slices(engine(), run, split, refine)
    if made:
        st.subheader("Slices", anchor=False)
    for tab, made_table in zip(st.tabs(list(made)) if made else [], made.values(), strict=True):
        tab.html(table(made_table))
