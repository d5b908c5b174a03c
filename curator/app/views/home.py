"""The flow as steps with counts, and the next thing to do."""

import streamlit as st

from curator.app.frame import HERE, counted, drawn_note, header, job_panel, start_job
from curator.app.state import engine, flow_now
from curator.status import next_step

WHAT = {
    "ingest": ("Ingest", "Photos and painted masks come in; each is cropped around its face."),
    "review": ("Review", "Keep or reject, one key each, most doubtful first."),
    "touchup": ("Touch-up", "Two minutes for each kept test mask."),
    "train": ("Train", "One click on what is approved: the paper’s network."),
    "report": ("Report", "Five measures, the best and the worst mattes."),
    "export": ("Export", "Core ML and LiteRT, proven against the run."),
}

now = flow_now(engine())
header(
    "From crowd masks to a hair matte for a phone",
    "Curate what people painted, train on what you kept, hand over a file that is proven.",
)
step = next_step(now)
if now.submissions == 0:
    with st.container(border=True):
        st.subheader("Start here", anchor=False)
        st.markdown(
            "See the whole loop in five minutes with portraits that Winnow draws by itself: good and bad masks, "
            "a few pictures without a face, nobody’s real photo, no download."
        )
        with st.container(horizontal=True):
            if st.button("Load the sample portraits", type="primary"):
                start_job("ingest", "curator", ["sample"])
                st.rerun()
            if st.button("Bring in your own photos"):
                st.switch_page(HERE.format("ingest"))
    job_panel("ingest", "Loading the sample portraits")
else:
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Next** — {step.why}", width="content")
        if st.button(step.label, type="primary"):
            st.switch_page(HERE.format(step.page))
    job_panel("ingest", "Bringing pictures in")

numbers = {
    "ingest": f"{now.submissions:,} in · {now.no_face:,} without a face · {now.refused:,} refused",
    "review": f"{now.verdicts.keep:,} kept · {now.verdicts.reject:,} rejected · {now.verdicts.open:,} open",
    "touchup": f"{now.touchups:,} waiting",
    "train": f"{counted(now.sets, 'set')} · {counted(now.runs, 'run')}",
    "report": f"{counted(now.reports, 'run')} measured",
    "export": counted(now.exports, "proven file"),
}
for row in (list(WHAT)[:3], list(WHAT)[3:]):
    for column, page in zip(st.columns(3), row, strict=True):
        name, what = WHAT[page]
        with column.container(border=True, height="stretch"):
            st.page_link(HERE.format(page), label=f"**{name}**")
            st.markdown(f"{what}  \n:gray[{numbers[page]}]")
drawn_note(now.drawn)
