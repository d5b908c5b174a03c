"""The flow as steps with counts, and the next thing to do."""

import streamlit as st

from curator.app.frame import PAGE_FILE, action, header, job_panel, start_job, why_not_now
from curator.app.guard import current_reviewer, leads
from curator.app.state import engine, flow_now
from curator.app.wording import literal
from curator.consent import count_ended, ended_in_words
from curator.plural import pluralise
from curator.status import next_step, parts_in_words
from db.jobs import utc_now
from db.session import reading

STEPS = {
    "ingest": ("Ingest", "Add photos and their painted masks; each is cropped around the face."),
    "review": ("Review", "Keep, fix or reject each example with one key, the most doubtful first."),
    "touchup": ("Touch-up", "Repair by hand the kept test masks, in two minutes each, and all that are worth fixing."),
    "train": ("Train", "Train the paper’s network on the approved examples with one click."),
    "report": ("Report", "See five measures, and the best and worst mattes."),
    "export": ("Export", "Make Core ML and LiteRT files, proven against the run."),
}

now = flow_now(engine())
header(
    "From crowd masks to a hair matte for a phone",
    "Curate the masks that people painted, train on the ones you keep, and export a proven file.",
)
if leads(current_reviewer()):
    with reading(engine()) as session:
        ended = count_ended(session, utc_now().date())
    if ended:
        st.warning(literal(ended_in_words(ended)))
step = next_step(now)
if now.submissions == 0:
    with st.container(border=True):
        st.header("Start here", anchor=False)
        st.markdown(
            "Try the whole loop in five minutes with portraits that Winnow draws itself: good and bad masks, and a few "
            "pictures without a face. They show no real people, and nothing is downloaded."
        )
        with st.container(horizontal=True):
            if action("Load the sample portraits", why_not_now("sample"), type="primary"):
                start_job("ingest", "curator", ["sample"])
                st.rerun()
            if st.button("Ingest your own photos"):
                st.switch_page(PAGE_FILE.format("ingest"))
    job_panel("ingest", "Loading the sample portraits")
else:
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Next** — {step.why}", width="content")
        if st.button(step.label, type="primary"):
            st.switch_page(PAGE_FILE.format(step.page))
    job_panel("ingest", "The ingest")

numbers = {
    "ingest": f"{pluralise(now.submissions, 'photo')}: {parts_in_words(now.submission_parts, 'examples', 'without a face')}"
    + (f"; besides, {pluralise(now.refused, 'file')} refused" if now.refused else ""),
    "review": f"{pluralise(now.verdicts.examples, 'example')}: "
    f"{parts_in_words(now.example_parts, 'kept', 'to fix', 'rejected', 'open')}",
    "touchup": f"{now.touchups:,} waiting",
    "train": f"{pluralise(now.sets, 'set')} · {pluralise(now.runs, 'run')}",
    "report": f"{pluralise(now.reports, 'run')} measured",
    "export": pluralise(now.exports, "proven file"),
}
for row in (list(STEPS)[:3], list(STEPS)[3:]):
    for column, page in zip(st.columns(3), row, strict=True):
        name, what = STEPS[page]
        with column.container(border=True, height="stretch"):
            st.page_link(PAGE_FILE.format(page), label=f"**{name}**")
            st.markdown(f"{what}  \n:gray[{numbers[page]}]")
