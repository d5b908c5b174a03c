"""A run's measures with intervals, compared with another run's; its best and worst examples; and downloads."""

import streamlit as st

from curator.app.curves import warn_if_from_scratch
from curator.app.frame import drawn_note, empty_state, header, job_panel
from curator.app.reports.best_and_worst import best_and_worst
from curator.app.reports.comparison import look_closely, show_comparison
from curator.app.reports.measurements import measure_button, show_measures, show_slices
from curator.app.state import engine
from curator.runs import results
from curator.runs.estimates import RowPair
from db.session import reading
from db.tables import Split
from trainer.measures import MEASURES
from trainer.recipe import REFINEMENT_TITLES

header("Report", "Measured per image and averaged, on examples that the run was not trained on.")
with reading(engine()) as session:
    runs = {run.id: run for run in results.runs(session)}
if not runs:
    empty_state("There is no run yet, so there is nothing to measure.", "Train one", "train")
    st.stop()


def called(run: int) -> str:
    """A run's title in a list; 0 is no run."""
    return results.title(runs[run]) if run else "no other run"


places = st.columns(2)
chosen = places[0].selectbox("Run", list(runs), format_func=called)
compared = places[1].selectbox("Compare with", [0, *(run for run in runs if run != chosen)], format_func=called)
warn_if_from_scratch(runs[chosen])
if compared:
    warn_if_from_scratch(runs[compared])
with reading(engine()) as session:
    reports, splits = results.reports(session, chosen), results.held_out_splits(session, chosen)
job_panel("report", "Measuring")
if not reports:
    st.info("This run has not been measured yet. Training measures it at the end.")

if not splits:
    st.stop()
with st.container(horizontal=True):
    measured = [split for split in splits if split in reports] or splits
    split = st.segmented_control(
        "Split", splits, default=measured[-1], format_func=lambda one: one.value, required=True, label_visibility="collapsed"
    )
    refine = st.segmented_control(
        "Refinement",
        list(REFINEMENT_TITLES),
        default="none",
        format_func=lambda one: "no refinement" if one == "none" else REFINEMENT_TITLES[one],
        required=True,
        label_visibility="collapsed",
    )
there = refine in reports.get(split, [])
with reading(engine()) as session:
    found = results.examples(session, chosen, split, refine)
if not there or results.is_old(found):
    measure_button(chosen, split, refine, again=there)
if reports:
    show_measures(chosen, reports)
    if Split.test not in splits:
        st.caption("Its curated set has no test examples, so it is measured on validation only.")
if compared:
    show_comparison(runs[chosen], runs[compared], split, refine)
if there:
    show_slices(chosen, split, refine)
    best_and_worst(chosen, found)
    if not compared and (ordered := results.best_first(found, MEASURES[0])[::-1]):
        st.header("Look closely", anchor=False)
        look_closely([RowPair(one, one) for one in ordered], chosen, chosen)
drawn_note(sum(one.drawn for one in found))
