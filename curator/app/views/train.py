"""Train on the approved examples with one click, and watch the mattes improve."""

from collections import Counter
from dataclasses import asdict
from datetime import date, datetime, tzinfo
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from curator.app.components.film import film
from curator.app.curves import draw_curves, warn_if_from_scratch
from curator.app.frame import action, drawn_note, empty_state, header, job_panel, show_error, start_job, why_not_now
from curator.app.guard import check_lead, current_reviewer, leads
from curator.app.state import cached_by_cost, engine, settings, store
from curator.app.wording import browser_zone, literal
from curator.ingest.pace import roughly
from curator.plural import pluralise
from curator.review.standing import counts
from curator.runs import results
from curator.runs.deletion import delete_run, why_not_delete
from curator.runs.film import film_strip
from curator.runs.forecast import Took, Work, forecast, took
from curator.runs.names import NAME_LENGTH, NOTE_LENGTH, name_run
from curator.runs.results import best_epoch
from curator.sets.advice import Holdings, approved_holdings, cautions, set_holdings, why_not_train
from curator.sets.freeze import freeze
from curator.status import list_sets
from db.errors import WinnowError
from db.jobs import ACTIVE, active_jobs, job_state, time_left, utc_now
from db.session import reading, writing
from db.tables import Job, JobState, Run, Split
from trainer.recipe import BEST_BY, NETWORKS, PRESETS, TRAINING_PRECISIONS, FitSettings

RESUMABLE = (JobState.cancelled, JobState.interrupted, JobState.failed)
APPROVED = 0  # the choice of what is approved now, which is no set yet


@cached_by_cost
def held(engine: Engine, number: int, today: date) -> Holdings:
    """What is approved now holds, or a curated set."""
    with reading(engine) as session:
        return approved_holdings(session, today) if number == APPROVED else set_holdings(session, number)


def key(setting: str) -> str:
    """The key under which the page keeps a setting."""
    return f"fit-{setting}"


def chosen_settings() -> FitSettings:
    """The settings as they are chosen; the paper's at first."""
    usual = asdict(FitSettings())
    return FitSettings(**{name: st.session_state.setdefault(key(name), value) for name, value in usual.items()})


def take(settings: FitSettings) -> None:
    """Fill in these settings."""
    st.session_state.update({key(name): value for name, value in asdict(settings).items()})


def offer_settings() -> None:
    """Show the settings of a new run: in words, with the paper's names in the help."""
    first, second, third, fourth = st.columns(4)
    first.selectbox(
        "Network",
        NETWORKS,
        help="HairMatteNet gives fine mattes, HairSegNet coarse masks. FCN-VGG16 is the paper’s large network, slow to train.",
        key=key("model"),
    )
    second.number_input(
        "Epochs",
        1,
        500,
        help="How often the run sees every training example. 50 in the paper. The best is kept.",
        key=key("epochs"),
    )
    third.selectbox(
        "Input size, pixels",
        [224, 480, 128],
        help="224 in the paper; 128 for a quick try, 480 for finer edges.",
        key=key("size"),
    )
    fourth.number_input("Examples a step", 1, 256, help="The batch, 4 in the paper.", key=key("batch"))
    first.selectbox(
        "Width of the decoder",
        [64, 16, 32, 128],
        help="Channels of its layers; the decoder depth of Table II, 64 in the paper. Fewer are faster.",
        key=key("decoder_depth"),
    )
    second.number_input(
        "Weight of the edges",
        0.0,
        10.0,
        step=0.1,
        help="How much it counts that edges follow the photo’s: w in L = L_M + w L_C. 0.5 in the paper; 0: not at all.",
        key=key("consistency"),
    )
    third.number_input(
        "Edge band, pixels",
        0,
        112,
        help="L_C counts only this close to the mask’s edge. 0: everywhere, as in the paper.",
        key=key("band"),
    )
    fourth.selectbox(
        "What it tells apart",
        [1, 3],
        format_func={1: "hair", 3: "hair, skin, background"}.__getitem__,
        help="The classes. Three need a set with skin labels.",
        key=key("classes"),
    )
    first.selectbox(
        "Best epoch by",
        BEST_BY,
        format_func={"f1": "F1", "loss": "loss"}.__getitem__,
        help="Measured on the validation examples: F1, or the loss L.",
        key=key("best_by"),
    )
    second.selectbox(
        "Number format",
        TRAINING_PRECISIONS,
        help="Of the layers’ arithmetic. mixed_float16 is faster on GPUs, mixed_bfloat16 on some CPUs.",
        key=key("precision"),
    )
    third.number_input("Random seed", 0, 2**31 - 1, help="The same seed gives the same run.", key=key("seed"))


def command_line(chosen: FitSettings) -> list[str]:
    """The settings as options of `trainer fit`."""
    return [word for name, value in asdict(chosen).items() for word in (f"--{name.replace('_', '-')}", f"{value}")]


def offer_training(approved: int, sets: list[dict[str, Any]], runs: list[Run]) -> None:
    """Show what to train on and what is too little of it, presets and settings, and the button with the time that it takes."""
    today, titles = utc_now().date(), {}
    if approved or not sets:  # fewer, where the consent to use some has ended
        usable = sum(held(engine(), APPROVED, today).examples.values())
        titles[APPROVED] = f"What is approved now: {pluralise(usable, 'example')}"
    for one in sets:
        examples = one["train"] + one["validation"] + one["test"]
        note = f" · {one['note']}" if one["note"] else ""
        titles[one["set"]] = f"Set {one['set']}: {pluralise(examples, 'example')}{note}"
    with st.container(border=True):
        number = st.selectbox("Examples", list(titles), format_func=titles.__getitem__)
        there = held(engine(), number, today)
        st.markdown(" · ".join(f"**{count:,}** {split.value}" for split, count in there.examples.items()))
        if warned := cautions(there):
            st.caption("  \n".join(f":material/warning: {caution}" for caution in warned))
        chosen = chosen_settings()
        preset = next((each for each in PRESETS if each.settings == chosen), None)
        with st.container(horizontal=True, vertical_alignment="center"):
            # Buttons, not a choice that is kept: a browser sends all choices with each click, and one that it has not heard is
            # dropped would put back the settings that were just changed.
            for each in PRESETS:
                icon = ":material/check:" if each is preset else None
                st.button(each.title, key=f"preset-{each.title}", icon=icon, on_click=take, args=(each.settings,))
            st.caption(preset.why if preset else "Settings of your own.", width="stretch")
        with st.expander("Training settings", expanded=False):
            offer_settings()
        with st.container(horizontal=True, vertical_alignment="center"):
            why_not = why_not_now("fit") or why_not_train(there)
            pressed = action(
                "Train on approved set" if number == APPROVED else f"Train on set {number}", why_not, type="primary"
            )
            if why_not is None:
                earlier = took(runs, {one["set"]: (one["train"], one["validation"]) for one in sets})
                st.caption(in_advance(chosen, there, earlier, frozen=number != APPROVED), width="stretch")
        if pressed:
            begin(number, chosen)


def in_advance(chosen: FitSettings, there: Holdings, earlier: list[Took], *, frozen: bool) -> str:
    """What happens when the button is pressed, and how long it will take."""
    work = Work(chosen.model, chosen.size, there.examples[Split.train], there.examples[Split.validation])
    expected = forecast(work, earlier)
    takes = roughly(expected.epoch * chosen.epochs).capitalize()
    first = "" if frozen else "What is approved is frozen as a curated set first. "
    return f"**{takes}** ({expected.because}). {first}It goes on when you close this page or the app."


def begin(number: int, chosen: FitSettings) -> None:
    """Start a training on a set; what is approved is frozen first."""
    try:
        number = number or freeze(engine(), "", utc_now(), by=current_reviewer()).set
    except WinnowError as error:
        show_error(error)
        return
    if start_job("fit", "trainer", ["fit", str(number), *command_line(chosen)]) is not None:
        st.rerun()


def offer_to_continue(run: Run, state: JobState) -> None:
    """Offer to resume a stopped run, or to train a finished one longer; not while any training runs."""
    planned, done = int(run.settings.get("epochs", 0)), len(run.epochs)
    more = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state in RESUMABLE and done < planned and action("Resume from its last epoch", why_not_now("fit")):
            more = ["--resume", str(run.id)]
        if state not in ACTIVE and done >= planned > 0:
            epochs = st.number_input(
                "Train longer, to epoch",
                done + 1,
                max(1000, done + 1),
                done + max(1, planned // 2),
                width=190,
                key=f"to-{run.id}",
            )
            if action("Train longer", why_not_now("fit")):
                more = ["--resume", str(run.id), "--epochs", str(int(epochs))]
    if more and start_job("fit", "trainer", ["fit", *more]) is not None:
        st.rerun()


def offer_to_name(run: Run) -> None:
    """Offer to change the run's name and note."""
    with st.popover("Name and note"), st.form(f"name-{run.id}", border=False):
        name = st.text_input("Name", run.name, max_chars=NAME_LENGTH, placeholder="without the blurred masks")
        note = st.text_area("Note", run.note, max_chars=NOTE_LENGTH)
        if st.form_submit_button("Save", type="primary"):
            try:
                with writing(engine()) as session:
                    name_run(session, run.id, name, note)
            except WinnowError as error:
                show_error(error)
            else:
                st.rerun()


def offer_to_delete(run: Run, exports: int, jobs: list[Job], now: datetime) -> None:
    """Offer to delete the run, with a word on what goes."""
    with st.popover("Delete"):
        goes = f"its weights, {pluralise(len(run.epochs), 'epoch')} and its reports"
        st.markdown(f"Delete run {run.id}: {goes}. Its curated set stays. This can’t be undone.")
        files = pluralise(exports, "exported file")
        with_exports = exports > 0 and st.checkbox(f"Also delete its {files}, with their proofs", key=f"exports-{run.id}")
        why_not = why_not_delete(run, jobs, now)
        if not leads(current_reviewer()):
            why_not = "Only a lead may delete a run."
        elif why_not is None and exports and not with_exports:
            why_not = "Tick the box first."
        if action(f"Delete run {run.id}", why_not, type="primary"):
            try:
                check_lead(current_reviewer())
                who = current_reviewer()
                delete_run(engine(), store(), settings(), run.id, who, utc_now(), with_exports=with_exports)
            except WinnowError as error:
                show_error(error)
            else:
                st.rerun()


def show_figures(run: Run, now: datetime, clock: tzinfo) -> None:
    """Show the run in four figures."""
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
    now = utc_now()
    with reading(engine()) as session:
        runs = {run.id: run for run in results.runs(session)}
        exports = Counter(one.run_id for one in results.exports(session))
        jobs = active_jobs(session, now)
    if not runs:
        return
    newest = max(runs)
    if st.session_state.get("newest-run") != newest or st.session_state.get("run") not in runs:
        st.session_state["newest-run"] = st.session_state["run"] = newest
    with st.container(horizontal=True):
        number = st.selectbox(
            "Run", list(runs), format_func=lambda number: results.title(runs[number]), key="run", label_visibility="collapsed"
        )
        run = runs[number]
        offer_to_name(run)
        offer_to_delete(run, exports[number], jobs, now)
    if run.note:
        st.caption(literal(run.note))
    with reading(engine()) as session:
        seen = film_strip(session, number)
    state = job_state(run.job, now)
    warn_if_from_scratch(run)
    show_figures(run, now, browser_zone())
    if not run.epochs:
        if state in ACTIVE:
            st.caption("The first losses and mattes appear when epoch 1 is done.")
        offer_to_continue(run, state)
        return
    draw_curves([run])
    offer_to_continue(run, state)
    st.header("Film strip", anchor=False)
    st.caption(
        f"{pluralise(len(seen.rows), 'validation example')} with their mattes after epochs "
        f"{seen.epochs[0]} to {seen.epochs[-1]}. Click one to enlarge it."
    )
    film(number, seen)
    drawn_note(sum(row.drawn for row in seen.rows))


header("Train", "Train the paper’s network, with its loss and optimiser, on the examples that were kept.")
with reading(engine()) as session:
    approved, sets, existing = counts(session).keep, list_sets(session), results.runs(session)
if not approved and not sets:
    empty_state("Nothing is approved yet, so there is nothing to train on.", "Review some examples", "review")
    st.stop()

offer_training(approved, sets, existing)
job = job_panel("fit", "Training")
training = job is not None and job_state(job, utc_now()) in ACTIVE
st.fragment(show_runs, run_every="2s" if training else None)()
