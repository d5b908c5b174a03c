"""What every page shares: the flow with its counts, a header, empty states, galleries and the panel of a job."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import streamlit as st

from curator.app.state import engine, flow_now, settings
from curator.review.reasons import LABELS
from curator.status import Flow, newest_job
from db import launch
from db.errors import WinnowError
from db.jobs import ACTIVE, cancel, job_state, utc_now
from db.session import reading
from db.tables import Job, JobState

LOOK = Path(__file__).parent / "look.css"
HERE = "views/{}.py"
REASONS = {reason.value: label for reason, label in LABELS.items()}


def show_flow() -> None:
    """The steps with their counts, on top of every page; counted again every few seconds."""
    st.html(LOOK)
    _flow_bar()


@st.fragment(run_every="5s")
def _flow_bar() -> None:
    now = flow_now(engine())
    with st.container(horizontal=True, key="flow", gap="small", vertical_alignment="center"):
        st.page_link(HERE.format("home"), label="Winnow")
        for page, name, number in steps(now):
            st.page_link(HERE.format(page), label=name if number is None else f"{name} :gray[{number:,}]")


def steps(now: Flow) -> list[tuple[str, str, int | None]]:
    """The pages in the order of the flow: file, name and the count that belongs to it."""
    return [
        ("ingest", "Ingest", now.submissions),
        ("review", "Review", now.verdicts.open),
        ("touchup", "Touch-up", now.touchups),
        ("sets", "Sets", now.sets),
        ("train", "Train", now.runs),
        ("report", "Report", now.reports),
        ("export", "Export", now.exports),
        ("tryon", "Try-on", None),
        ("team", "Team", None),
    ]


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 run", "2,000 runs"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def header(title: str, lead: str = "", more: tuple[str, str] | None = None) -> None:
    """The page's name, and in one line what it is for; `more` is a page's address with the words that lead there."""
    st.header(title, anchor=False)
    link = "" if more is None else f' <a href="{escape(more[0])}" target="_self">{escape(more[1])}</a>'
    if lead:
        st.html(f'<p class="winnow-lead">{escape(lead)}{link}</p>')


def empty_state(what: str, next_label: str, next_page: str) -> None:
    """Say that there is nothing here yet, and lead to what comes first."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(what, width="content")
        if st.button(next_label, type="primary"):
            st.switch_page(HERE.format(next_page))
        st.space("small")


def drawn_note(number: int) -> None:
    """Say that portraits are drawn, where some are."""
    if number:
        st.html('<p class="winnow-note">Some of these portraits were drawn by Winnow itself; they show nobody.</p>')


def gallery(figures: Iterable[tuple[Sequence[str], str]], *, wide: str = "13rem") -> None:
    """Pictures from the store, several a figure side by side, each figure with a caption; nothing of either is trusted."""
    parts = []
    for pictures, caption in figures:
        images = "".join(f'<img src="/pictures/{escape(sha)}" loading="lazy" alt="{escape(caption)}">' for sha in pictures)
        parts.append(f'<figure><div class="row">{images}</div><figcaption>{escape(caption)}</figcaption></figure>')
    st.html(f'<div class="winnow-gallery" style="--wide: {wide}">{"".join(parts)}</div>')


def start_job(kind: str, module: str, arguments: Sequence[str]) -> int | None:
    """Start one of our commands, and say its job's number; what stands in its way is shown in one sentence."""
    try:
        return launch.start_job(engine(), settings(), kind, module, arguments, utc_now())
    except WinnowError as error:
        st.error(str(error))
        return None


def job_panel(kind: str, doing: str, number: int | None = None) -> Job | None:
    """How a job is going, or the newest of its kind, with a Stop button, refreshed every second while it works; the job.

    When it ends the whole page runs again, so that what it made is shown.
    """
    job = _job(kind, number)
    if job is None:
        return None
    state = job_state(job, utc_now())
    if state in ACTIVE:
        _working(kind, doing, number)
    elif state is JobState.failed:
        st.error(job.message)
    elif state is JobState.interrupted:
        st.warning(f"{doing} was interrupted. {job.message}")
    elif state is JobState.cancelled:
        st.info(f"{doing} was stopped. {job.message}")
    return job


def _job(kind: str, number: int | None) -> Job | None:
    with reading(engine()) as session:
        return newest_job(session, kind) if number is None else session.get(Job, number)


@st.fragment(run_every="1s")
def _working(kind: str, doing: str, number: int | None) -> None:
    job = _job(kind, number)
    if job is None or job_state(job, utc_now()) not in ACTIVE:
        st.rerun()
    assert job is not None
    with st.container(border=True):
        st.progress(job.progress, text=job.message or f"{doing} is starting …")
        if st.button("Stopping …" if job.cancel_requested else "Stop", disabled=job.cancel_requested, key=f"stop-{job.id}"):
            cancel(engine(), job.id, utc_now())
