"""What every page shares: the steps of the flow with their counts, the header, empty states, galleries and the job panel."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from curator.app.components.bar import bar
from curator.app.guard import current_reviewer
from curator.app.state import engine, flow_now, settings, touch_up_now
from curator.app.wording import literal
from curator.markup import render
from curator.review.reasons import LABELS
from curator.spreadsheet import inert
from curator.status import Flow, job_in_words, newest_job
from curator.touchup.waiting import own_seconds_left
from db import launch
from db.errors import NotNowError, WinnowError
from db.jobs import ACTIVE, active_jobs, cancel, job_state, utc_now, why_not
from db.session import reading
from db.tables import Job, JobState

LOOK = Path(__file__).parent / "look.css"
PAGE_FILE = "views/{}.py"
REASONS = {reason.value: label for reason, label in LABELS.items()}

LEAD = """
<p class="winnow-lead">{{ lead }}{% if more %} <a href="{{ more[0] }}" target="_self">{{ more[1] }}</a>{% endif %}</p>
"""
GALLERY = """
<div class="winnow-gallery" style="--wide: {{ wide }}">
{% for pictures, caption in figures %}
<figure>
  <div class="row">
  {% for sha256 in pictures %}
    <img src="/pictures/{{ sha256 }}" loading="lazy" alt="{{ caption }}">
  {% endfor %}
  </div>
  <figcaption>{{ caption }}</figcaption>
</figure>
{% endfor %}
</div>
"""


def show_navigation(title: str) -> None:
    """Show the steps with their counts at the top of every page, and the jobs that run. `title` is the document's."""
    st.html(LOOK)
    reviewer = current_reviewer()
    with st.container(horizontal=True, key="top", gap="small", vertical_alignment="center"):
        try:
            with reading(engine()) as session:
                left = own_seconds_left(session, reviewer, touch_up_now())
            now = flow_now(engine())
        except NotNowError:  # the page below says why
            st.caption("The counts cannot be read now.")
            return
        with st.container(horizontal=True, key="flow", gap=None, vertical_alignment="center"):
            st.page_link(PAGE_FILE.format("home"), label="Winnow")
            for step, name, count in steps(now, left):
                st.page_link(PAGE_FILE.format(step), label=f"{name} :gray[{count}]" if count else name)
        bar(title, reviewer)


def steps(now: Flow, clock: float | None) -> list[tuple[str, str, str]]:
    """The pages in the order of the flow: file, name, and what stands below the name: a count, or the seconds that are left
    on the reviewer's `clock`, so that nobody forgets it on another page."""
    counted = [
        ("ingest", "Ingest", now.submissions),
        ("review", "Review", now.verdicts.open + now.verdicts.repaired),
        ("touchup", "Touch-up", now.touchups),
        ("sets", "Sets", now.sets),
        ("train", "Train", now.runs),
        ("report", "Report", now.reports),
        ("export", "Export", now.exports),
        ("tryon", "Try-on", None),
        ("team", "Team", None),
        ("guide", "Guide", None),
    ]
    written = [(page, name, "" if count is None else f"{count:,}") for page, name, count in counted]
    if clock is None:
        return written
    left = f"{int(clock) // 60}:{int(clock) % 60:02}"
    return [(page, name, left if page == "touchup" else count) for page, name, count in written]


def header(title: str, lead: str = "", more: tuple[str, str] | None = None) -> None:
    """Show the page's title and, in one line, what the page is for; `more` is an address and the text of the link to it."""
    st.title(title, anchor=False)
    if lead:
        st.html(render(LEAD, lead=lead, more=more))


def hidden_title(title: str) -> None:
    """A title for screen readers alone, on a page whose room belongs to a picture; the navigation shows it to others."""
    st.html(render('<h1 class="winnow-unseen">{{ title }}</h1>', title=title))


def empty_state(what: str, next_label: str, next_page: str) -> None:
    """Say that there is nothing here yet, with a button to the page that comes first."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(what, width="content")
        if st.button(next_label, type="primary"):
            st.switch_page(PAGE_FILE.format(next_page))
        st.space("small")


def drawn_note(number: int) -> None:
    """Say that some portraits are drawn, if `number` of them are."""
    if number:
        st.html('<p class="winnow-note">Some of these portraits were drawn by Winnow. They show no real people.</p>')


def gallery(figures: Iterable[tuple[Sequence[str], str]], *, wide: str = "13rem") -> None:
    """Show figures: each has one or more pictures from the store, side by side, and a caption."""
    st.html(render(GALLERY, figures=figures, wide=wide))


def show_error(error: WinnowError) -> None:
    """Show an error to whoever uses the page."""
    st.error(literal(error.shown))


def table(rows: pd.DataFrame, **options: Any) -> None:
    """Show a table; `options` are those of `st.dataframe`. A cell that a spreadsheet would run as a formula is made inert,
    because the table can be downloaded."""
    st.dataframe(rows.map(inert), hide_index=True, **options)


def action(label: str, why_not: str | None, **options: Any) -> bool:
    """Show a button, and whether it was pressed; with a reason in `why_not` it is disabled, and the reason stands beside it.

    `options` are those of `st.button`.
    """
    pressed = st.button(label, disabled=why_not is not None, **options)
    if why_not is not None:
        st.caption(why_not, width="content")
    return pressed


def why_not_now(what: str) -> str | None:
    """Why this (see `db.jobs.NOT_BESIDE`) can't be started now, in a sentence; None if it can."""
    now = utc_now()
    with reading(engine()) as session:
        return why_not(what, active_jobs(session, now))


def start_job(kind: str, module: str, arguments: Sequence[str]) -> int | None:
    """Start one of Winnow's commands as a job and return the job's number; None, with the error shown, if it can't start."""
    try:
        return launch.start_job(engine(), settings(), kind, module, arguments, utc_now(), current_reviewer())
    except WinnowError as error:
        show_error(error)
        return None


def job_panel(kind: str, doing: str, number: int | None = None) -> Job | None:
    """Show a job, or the newest of its kind: refreshed every second, with a Stop button, while it runs. Returns the job.

    When the job ends the whole page reruns, so that its results appear.
    """
    job = _find_job(kind, number)
    if job is None:
        return None
    state = job_state(job, utc_now())
    if state in ACTIVE:
        _job_progress(kind, doing, number)
    elif state is JobState.failed and not (job.result or {}).get("unclear"):  # one that stopped to ask shows its question
        st.error(literal(job.message))
    elif state is JobState.interrupted:
        st.warning(f"{doing} was interrupted. {literal(job.message)}")
    elif state is JobState.cancelled:
        st.info(f"{doing} was stopped. {literal(job.message)}")
    return job


def _find_job(kind: str, number: int | None) -> Job | None:
    with reading(engine()) as session:
        return newest_job(session, kind) if number is None else session.get(Job, number)


@st.fragment(run_every="1s")
def _job_progress(kind: str, doing: str, number: int | None) -> None:
    job = _find_job(kind, number)
    if job is None or job_state(job, utc_now()) not in ACTIVE:
        st.rerun()
    assert job is not None
    with st.container(border=True):
        st.progress(job.progress, text=literal(job_in_words(job, utc_now())) or f"{doing} is starting …")
        stop = f"Stop {doing[:1].lower()}{doing[1:]}"
        if st.button("Stopping …" if job.cancel_requested else stop, disabled=job.cancel_requested, key=f"stop-{job.id}"):
            cancel(engine(), job.id, utc_now())
