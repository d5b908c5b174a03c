"""One click from what is approved to a run, and watching its mattes sharpen."""

import pandas as pd
import streamlit as st

from curator import results
from curator.app.frame import drawn_note, empty_state, gallery, header, job_panel, start_job
from curator.app.state import engine
from curator.sets import freeze
from curator.status import flow
from db.errors import WinnowError
from db.jobs import ALIVE, state_of, utc_now
from db.session import reading, writing
from db.tables import JobState

RESUMABLE = (JobState.cancelled, JobState.interrupted, JobState.failed)

header("Train", "The paper’s network, loss and optimiser, on what was kept.")
with reading(engine()) as session:
    now, runs = flow(session), results.runs(session)

if now.verdicts.keep == 0 and not runs:
    empty_state("Nothing is approved yet, so there is nothing to train on.", "Review some examples", "review")
    st.stop()

with st.container(border=True):
    with st.expander("More", expanded=False):
        first, second, third = st.columns(3)
        model = first.selectbox(
            "Network", ["hairmattenet", "hairsegnet"], help="HairMatteNet gives fine mattes; HairSegNet coarse masks."
        )
        epochs = second.number_input(
            "Epochs", min_value=1, max_value=500, value=50, help="50 in the paper; the best one is kept."
        )
        size = third.selectbox("Input size, pixels", [224, 480, 128], help="224 in the paper. 128 is for a quick look.")
    if st.button("Train on approved set", type="primary", disabled=now.verdicts.keep == 0):
        try:
            with writing(engine()) as session:
                frozen = freeze(session, "", utc_now())
        except WinnowError as error:
            st.error(str(error))
        else:
            arguments = ["fit", str(frozen.set), "--model", model, "--epochs", str(int(epochs)), "--size", str(size)]
            start_job("fit", "trainer", arguments)
    st.caption(
        f"{now.verdicts.keep:,} approved examples are frozen as a curated set first. "
        "Training goes on when this page, or the app, is closed."
    )

job = job_panel("fit", "Training")


def show_run() -> None:
    """The newest run's losses and sample mattes, drawn again while it trains."""
    with reading(engine()) as session:
        found = results.runs(session)
        if not found:
            return
        run = found[0]
        epoch, mattes = results.previews(session, run.id)
    st.subheader(results.title(run), anchor=False)
    state = state_of(run.job, utc_now())
    if state in RESUMABLE and st.button("Resume from its last epoch"):
        start_job("fit", "trainer", ["fit", "--resume", str(run.id)])
        st.rerun()
    if not run.epochs:
        if state in ALIVE:
            st.caption("The first epoch’s losses and mattes come when it is done.")
        return
    history = pd.DataFrame(results.history(run)).set_index("epoch")
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.line_chart(history[["training", "validation"]], x_label="epoch", y_label="loss", height=260)
        best = history["validation"].idxmin()
        a, b, c = st.columns(3)
        a.metric("Best epoch", f"{best} of {len(history)}")
        b.metric("Validation loss", f"{history['validation'].min():.3f}")
        c.metric("An epoch", f"{history['seconds'].mean():,.0f} s")
    with right:
        st.caption(f"Validation examples and their mattes after epoch {epoch}")
        gallery([([example.image_sha256, preview.matte_sha256], "") for preview, example in mattes[:6]], wide="15rem")


training = job is not None and state_of(job, utc_now()) in ALIVE
st.fragment(show_run, run_every="2s" if training else None)()
drawn_note(now.drawn)
