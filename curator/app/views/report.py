"""The five measures of a run, and its best and worst examples beside their masks."""

import pandas as pd
import streamlit as st

from curator import results
from curator.app.frame import drawn_note, empty_state, gallery, header, job_panel, start_job
from curator.app.state import engine
from curator.status import flow
from db.session import reading
from db.tables import Split
from trainer.measures import MEASURES

BEST_AND_WORST = 6


def caption(seen: results.Seen) -> str:
    """An example in one line: its photo and what it measured."""
    f1, gradient = seen.values["f1"], seen.values["gradient_consistency"]
    shown = "no hair" if f1 is None else f"F1 {f1:.3f}"
    return f"{seen.photo} · {shown}" + ("" if gradient is None else f" · gradient {gradient:.3f}")


header("Report", "Measured per image and averaged, on examples that the run never learned from.")
with reading(engine()) as session:
    runs, now = results.runs(session), flow(session)
if not runs:
    empty_state("No run yet, so there is nothing to measure.", "Train one", "train")
    st.stop()

run = st.selectbox("Run", runs, format_func=results.title, label_visibility="collapsed")
with reading(engine()) as session:
    table = results.summary(session, run.id)
job_panel("report", "Measuring")
if not table:
    st.info("This run has not been measured yet: training does it at its end.")
    with st.container(horizontal=True):
        for split in (Split.validation, Split.test):
            if st.button(f"Measure on {split.value}"):
                start_job("report", "trainer", ["report", str(run.id), "--split", split.value])
                st.rerun()
    st.stop()

frame = pd.DataFrame(table)
for measure in MEASURES:
    frame[measure.name] = frame[measure.name].map(lambda value: "—" if value is None or pd.isna(value) else f"{value:.4f}")
frame = frame.rename(columns={m.name: f"{m.title} {'↑' if m.better == 'higher' else '↓'}" for m in MEASURES})
st.dataframe(frame, hide_index=True)
if not any(row["split"] == "test" for row in table):
    st.caption("Its curated set has no test examples, so it is measured on validation alone.")

measured = [row["split"] for row in table if row["refine"] == "none"]
split = st.segmented_control("Split", measured, default=measured[-1], label_visibility="collapsed") or measured[-1]
with reading(engine()) as session:
    found = results.examples(session, run.id, Split(split))
half = min(BEST_AND_WORST, (len(found) + 1) // 2)
st.caption("Photo, mask, matte")
best, worst = st.columns(2, gap="large")
with best:
    st.subheader("Best", anchor=False)
    gallery([([one.image, one.mask, one.matte], caption(one)) for one in found[:half]], wide="22rem")
with worst:
    st.subheader("Worst", anchor=False)
    gallery([([one.image, one.mask, one.matte], caption(one)) for one in found[half:][::-1][:half]], wide="22rem")
drawn_note(now.drawn)
