"""One click from what is approved to a run, and watching its mattes sharpen."""

from datetime import datetime, tzinfo

import streamlit as st

from curator.app.charts import zone
from curator.app.components.film import film
from curator.app.curves import draw_curves, scratch_mark
from curator.app.frame import counted, drawn_note, empty_state, header, job_panel, start_job
from curator.app.state import engine
from curator.ingest.pace import duration_in_words
from curator.runs import results
from curator.runs.film import film_strip
from curator.runs.results import best_epoch
from curator.sets.freeze import freeze
from curator.status import flow
from db.errors import WinnowError
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading, writing
from db.tables import JobState, Run
from trainer.recipe import BEST_BY, NETWORKS, TRAINING_PRECISIONS, FitSettings

RESUMABLE = (JobState.cancelled, JobState.interrupted, JobState.failed)


def chosen_settings() -> list[str]:
    """The settings of a new run, as the command takes them; each begins as in the paper."""
    usual = FitSettings()
    first, second, third, fourth = st.columns(4)
    model = first.selectbox(
        "Network",
        NETWORKS,
        help="HairMatteNet gives fine mattes; HairSegNet coarse masks; FCN-VGG16 is the paper’s large one, slow to train.",
    )
    epochs = second.number_input("Epochs", 1, 500, usual.epochs, help="50 in the paper; the best one is kept.")
    size = third.selectbox("Input size, pixels", [224, 480, 128], help="224 in the paper. 128 is for a quick look.")
    batch = fourth.number_input("Batch", 1, 256, usual.batch, help="Examples a step; 4 in the paper.")
    depth = first.selectbox(
        "Decoder depth", [64, 16, 32, 128], help="Channels of the decoder; 64 in the paper, fewer are faster."
    )
    consistency = second.number_input(
        "Consistency weight w", 0.0, 10.0, usual.consistency, 0.1, help="w in L = L_M + w L_C; 0.5 in the paper, 0: without."
    )
    band = third.number_input(
        "Edge band, pixels",
        0,
        112,
        usual.band,
        help="How far from the mask’s edge the consistency is asked for; 0, as in the paper: everywhere.",
    )
    classes = fourth.selectbox("Classes", [1, 3], help="1: hair. 3: hair, skin and background, on a set with skin labels.")
    seed = first.number_input("Seed", 0, 2**31 - 1, usual.seed, help="Of what is drawn at random; the same gives the same run.")
    precision = second.selectbox(
        "Precision",
        TRAINING_PRECISIONS,
        help="Of the layers’ arithmetic: mixed_float16 is faster on GPUs, mixed_bfloat16 on some CPUs.",
    )
    best_by = third.selectbox("Best epoch by", BEST_BY, help="On the validation examples: F1, or the loss L.")
    said = {
        "--model": model,
        "--epochs": epochs,
        "--size": size,
        "--batch": batch,
        "--decoder-depth": depth,
        "--consistency": consistency,
        "--band": band,
        "--classes": classes,
        "--seed": seed,
        "--best-by": best_by,
        "--precision": precision,
    }
    return [word for name, value in said.items() for word in (name, f"{value:g}" if isinstance(value, float) else str(value))]


def offer_training(approved: int) -> None:
    """The one click, and all that can be chosen before it, folded away."""
    with st.container(border=True):
        button = st.container(horizontal=True, vertical_alignment="center")
        with st.expander("More", expanded=False):
            settings = chosen_settings()
        if button.button("Train on approved set", type="primary", disabled=approved == 0):
            try:
                with writing(engine()) as session:
                    frozen = freeze(session, "", utc_now())
            except WinnowError as error:
                st.error(str(error))
            else:
                start_job("fit", "trainer", ["fit", str(frozen.set), *settings])
        button.caption(
            f"{approved:,} approved examples are frozen as a curated set first. "
            "Training goes on when this page, or the app, is closed."
        )


def go_on(run: Run, state: JobState, busy: bool) -> None:
    """Resume a run that was stopped; train one that is done for longer. Not while a training is on (`busy`)."""
    planned, done = int(run.settings.get("epochs", 0)), len(run.epochs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state in RESUMABLE and done < planned and st.button("Resume from its last epoch", disabled=busy):
            start_job("fit", "trainer", ["fit", "--resume", str(run.id)])
            st.rerun()
        if state not in ACTIVE and done >= planned > 0:
            epochs = st.number_input(
                "Train longer, to epoch",
                done + 1,
                max(1000, done + 1),
                done + max(1, planned // 2),
                width=190,
                key=f"to-{run.id}",
            )
            if st.button("Train longer", disabled=busy):
                start_job("fit", "trainer", ["fit", "--resume", str(run.id), "--epochs", str(int(epochs))])
                st.rerun()


def figures(run: Run, now: datetime, clock: tzinfo) -> None:
    """The run in four numbers."""
    best, planned = best_epoch(run.epochs), run.settings.get("epochs", len(run.epochs))
    places = st.columns(4)
    places[0].metric("Epochs", f"{len(run.epochs)} of {planned}")
    places[1].metric("Best epoch", best or "—")
    of_the_best = next((epoch for epoch in run.epochs if epoch.number == best), None)
    if of_the_best is not None and of_the_best.validation_f1 is not None:
        places[2].metric("Validation F1", f"{of_the_best.validation_f1:.3f}")
    else:
        places[2].metric("Validation loss", "—" if of_the_best is None else f"{of_the_best.validation_loss:.3f}")
    left = results.time_left(run, now)
    if left is not None:
        at = (now + left).astimezone(clock)
        with places[3].container(gap=None):
            st.metric("Time left", duration_in_words(left) if left else "any moment")
            st.caption(f"until {at:%a %H:%M}, then it is measured")
    elif run.epochs:
        places[3].metric("An epoch", f"{sum(epoch.seconds for epoch in run.epochs) / len(run.epochs):,.0f} s")


def show_runs() -> None:
    """One run's losses and film strip, drawn again while it trains; the newest, until another is chosen."""
    with reading(engine()) as session:
        runs = {run.id: run for run in results.runs(session)}
    if not runs:
        return None
    newest = max(runs)
    if st.session_state.get("newest-run") != newest:
        st.session_state["newest-run"] = st.session_state["run"] = newest
    number = st.selectbox(
        "Run", list(runs), format_func=lambda number: results.title(runs[number]), key="run", label_visibility="collapsed"
    )
    run, now = runs[number], utc_now()
    busy = any(job_state(one.job, now) in ACTIVE for one in runs.values())
    with reading(engine()) as session:
        seen = film_strip(session, number)
    state = job_state(run.job, now)
    scratch_mark(run)
    figures(run, now, zone())
    if not run.epochs:
        if state in ACTIVE:
            st.caption("The first epoch’s losses and mattes come when it is done.")
        return go_on(run, state, busy)
    draw_curves([run])
    go_on(run, state, busy)
    st.subheader("Film strip", anchor=False)
    st.caption(
        f"{counted(len(seen.rows), 'validation example')} and their mattes after epoch {seen.epochs[0]} to {seen.epochs[-1]}. "
        "Click one to see it large."
    )
    return film(number, seen)


header("Train", "The paper’s network, loss and optimiser, on what was kept.")
with reading(engine()) as session:
    counts = flow(session)
if counts.verdicts.keep == 0 and not counts.runs:
    empty_state("Nothing is approved yet, so there is nothing to train on.", "Review some examples", "review")
    st.stop()

offer_training(counts.verdicts.keep)
job = job_panel("fit", "Training")
training = job is not None and job_state(job, utc_now()) in ACTIVE
st.fragment(show_runs, run_every="2s" if training else None)()
drawn_note(counts.drawn)
