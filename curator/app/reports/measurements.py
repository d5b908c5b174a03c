"""A run's measures with their intervals, overall and by slice, and a button to measure what has not been measured yet."""

import streamlit as st
from sqlalchemy import Engine

from curator.app.frame import action, start_job, why_not_now
from curator.app.reports.downloads import downloads
from curator.app.state import cached_by_cost, engine
from curator.runs import figures, results
from curator.runs.figures import Table
from curator.runs.provenance import masks_of_set
from curator.runs.report_file import meanings_html, table_html
from db.session import reading
from db.tables import Run, Split
from trainer.measures import ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS, Measure
from trainer.recipe import REFINEMENT_TITLES


@cached_by_cost
def _tables(engine: Engine, run: int, reports: tuple[tuple[Split, str], ...]) -> list[tuple[Table, list[Measure]]]:
    """A table for each group of measures: the paper's five, the errors they miss, alpha errors, and errors by class.

    `reports` are the run's reports. They are part of the cache's key, so that a new report shows at once.
    """
    with reading(engine) as session:
        found = results.examples(session, run)
    parts = [
        figures.available_measures(found, measures) for measures in (MEASURES, MISSED_ERRORS, ALPHA_ERRORS, CLASS_MEASURES)
    ]
    return [(figures.measures_table(found, measures), measures) for measures in parts]


@cached_by_cost
def _masks(engine: Engine, run: int, splits: tuple[Split, ...]) -> str:
    """Who made the masks of these splits, in sentences."""
    with reading(engine) as session:
        return figures.masks_sentences(masks_of_set(session, session.get_one(Run, run).set_id), splits)


@cached_by_cost
def _slices(engine: Engine, run: int, split: Split, refine: str) -> dict[str, Table]:
    """The tables of a report's slices, by heading."""
    with reading(engine) as session:
        return figures.slice_tables(results.examples(session, run, split, refine))


def measure_button(run: int, split: Split, refine: str, *, again: bool = False) -> None:
    """Offer to measure a run that has no such report, or (`again`) one from an older version with fewer measures.

    Disabled, with the reason, while another report is being made.
    """
    how = "" if refine == "none" else f", {REFINEMENT_TITLES[refine]}"
    what = f"Run {run} on {split.value}{how}"
    st.caption(
        f"{what} was measured by an older version, without some of today’s measures or with errors of alpha at its own size."
        if again
        else f"{what} has not been measured yet."
    )
    if action(f"Measure run {run} on {split.value}{how}{' again' if again else ''}", why_not_now("report")):
        start_job("report", "trainer", ["report", str(run), "--split", split.value, "--refine", refine])
        st.rerun()


def show_measures(run: int, reports: dict[Split, list[str]]) -> None:
    """Show the paper's five measures and the errors they miss, and in an expander the errors of alpha and of classes."""
    key = tuple((split, refine) for split, refines in reports.items() for refine in refines)
    (five, named), (blind, unseen), *more = _tables(engine(), run, key)
    st.html(table_html(five))
    st.caption(f"Means over the images, with their 95 % intervals in brackets. {_masks(engine(), run, tuple(reports))}")
    downloads(run)
    if unseen:
        st.header("Errors that gradient consistency misses", anchor=False)
        st.html(table_html(blind) + meanings_html(unseen))
    with st.expander("Alpha errors, and what each measure means"):
        for made, measures in more:
            if measures:
                st.html(table_html(made) + meanings_html(measures))
        st.html(meanings_html(named))


def show_slices(run: int, split: Split, refine: str) -> None:
    """Show a report's slices: its measures by kind of image, a tab for each way to divide the images."""
    made = _slices(engine(), run, split, refine)
    if made:
        st.header("Slices", anchor=False)
    for tab, made_table in zip(st.tabs(list(made)) if made else [], made.values(), strict=True):
        tab.html(table_html(made_table))
