"""Train on the approved examples with one click, and watch the mattes improve."""

from datetime import datetime, tzinfo

import streamlit as st

from curator.app.components.film import film
from curator.app.curves import draw_curves, warn_if_from_scratch
from curator.app.frame import drawn_note, empty_state, header, job_panel, show_error, start_job
from curator.app.guard import current_reviewer
from curator.app.state import engine
from curator.app.wording import browser_zone, pluralise
from curator.ingest.pace import roughly
from curator.runs import results
from curator.runs.film import film_strip
from curator.runs.results import best_epoch
from curator.sets.freeze import freeze
from curator.status import flow
from db.errors import WinnowError
from db.jobs import ACTIVE, job_state, time_left, utc_now
from db.session import reading
from db.tables import JobState, Run
from trainer.recipe import BEST_BY, NETWORKS, TRAINING_PRECISIONS, FitSettings

RESUMABLE = (JobState.cancelled, JobState.interrupted, JobState.failed)


def chosen_settings() -> list[str]:
    """The settings of a new run as command line options; the defaults are the paper's."""
    usual = FitSettings()
    first, second, third, fourth = st.columns(4)
    model = first.selectbox(
        "Network",
        NETWORKS,
        help="HairMatteNet gives fine mattes, HairSegNet coarse masks. FCN-VGG16 is the paper’s large network, slow to train.",
    )
    epochs = second.number_input("Epochs", 1, 500, usual.epochs, help="50 in the paper. The best epoch is kept.")
    size = third.selectbox("Input size, pixels", [224, 480, 128], help="224 in the paper; 128 for a quick try.")
    batch = fourth.number_input("Batch", 1, 256, usual.batch, help="Examples per training step; 4 in the paper.")
    depth = first.selectbox(
        "Decoder depth", [64, 16, 32, 128], help="Channels in the decoder. 64 in the paper; fewer are faster."
    )
    consistency = second.number_input(
        "Consistency weight w",
        0.0,
        10.0,
        usual.consistency,
        0.1,
        help="w in L = L_M + w L_C. 0.5 in the paper; 0 trains without it.",
    )
    band = third.number_input(
        "Edge band, pixels",
        0,
        112,
        usual.band,
        help="The consistency loss applies only this close to the mask’s edge. 0: everywhere, as in the paper.",
    )
    classes = fourth.selectbox("Classes", [1, 3], help="1: hair. 3: hair, skin and background; needs a set with skin labels.")
    seed = first.number_input("Seed", 0, 2**31 - 1, usual.seed, help="Random seed. The same seed gives the same run.")
    precision = second.selectbox(
        "Precision",
        TRAINING_PRECISIONS,
        help="Number format of the layers. mixed_float16 is faster on GPUs, mixed_bfloat16 on some CPUs.",
    )
    best_by = third.selectbox("Best epoch by", BEST_BY, help="Measured on the validation examples: F1, or the loss L.")
    options = {
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
    return [
        word for name, value in options.items() for word in (name, f"{value:g}" if isinstance(value, float) else str(value))
    ]


def offer_training(approved: int) -> None:
    """Show the button that trains, and its settings in an expander."""
    with st.container(border=True):
        button = st.container(horizontal=True, vertical_alignment="center")
        with st.expander("Training settings", expanded=False):
            settings = chosen_settings()
        if button.button("Train on approved set", type="primary", disabled=approved == 0):
            try:
                frozen = freeze(engine(), "", utc_now(), by=current_reviewer())
            except WinnowError as error:
                show_error(error)
            else:
                start_job("fit", "trainer", ["fit", str(frozen.set), *settings])
        button.caption(
            f"The {approved:,} approved examples are frozen as a curated set first. "
            "Training continues when you close this page or the app."
        )


def offer_to_continue(run: Run, state: JobState, busy: bool) -> None:
    """Offer to resume a stopped run, or to train a finished one longer; disabled while any training runs (`busy`)."""
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


def show_figures(run: Run, now: datetime, clock: tzinfo) -> None:
    """Show the run in four show_figures."""
    best, planned = best_epoch(run.epochs), run.settings.get("epochs", len(run.epochs))
    places = st.columns(4)
    places[0].metric("Epochs", f"{len(run.epochs)} of {planned}")
    places[1].metric("Best epoch", best or "—")
    of_the_best = next((epoch for epoch in run.epochs if epoch.number == best), None)
    if of_the_best is not None and of_the_best.validation_f1 is not None:
        places[2].metric("Validation F1", f"{of_the_best.validation_f1:.3f}")
    else:
        places[2].metric("Validation loss", "—" if of_the_best is None else f"{of_the_best.validation_loss:.3f}")
    left = time_left(run.job, now)
    if left is not None:
        at = (now + left).astimezone(clock)
        with places[3].container(gap=None):
            st.metric("Time left", roughly(left))
            st.caption(f"done and measured {at:%a %H:%M}")
    elif run.epochs:
        places[3].metric("Time per epoch", f"{sum(epoch.seconds for epoch in run.epochs) / len(run.epochs):,.0f} s")


def show_runs() -> None:
    """Show one run's losses and film strip, refreshed while it trains: the newest run, unless another is chosen."""
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
    warn_if_from_scratch(run)
    show_figures(run, now, browser_zone())
    if not run.epochs:
        if state in ACTIVE:
            st.caption("The first losses and mattes appear when epoch 1 is done.")
        return offer_to_continue(run, state, busy)
    draw_curves([run])
    offer_to_continue(run, state, busy)
    st.subheader("Film strip", anchor=False)
    st.caption(
        f"{pluralise(len(seen.rows), 'validation example')} with their mattes after epochs "
        f"{seen.epochs[0]} to {seen.epochs[-1]}. Click one to enlarge it."
    )
    return film(number, seen)


header("Train", "Train the paper’s network, with its loss and optimiser, on the examples that were kept.")
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
