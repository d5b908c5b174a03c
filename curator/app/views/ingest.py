"""Pictures come in as a zip, looked at first if one likes; what became of every file, and why."""

import math
from functools import partial

import pandas as pd
import streamlit as st

from curator.app.frame import HERE, counted, drawn_note, header, job_panel, start_job
from curator.app.state import engine, settings
from curator.formats import ADAPTERS
from curator.ingest.outcomes import COLUMNS, Outcome, OutcomeFilter, count_by_outcome, count_files, history, list_files
from curator.ingest.uploads import Upload, delete_leftovers, store_upload
from curator.spreadsheet import as_csv
from curator.status import flow, sources
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading

SHOWN = 50  # rows a page
PAST = 20
OUTCOMES = {Outcome.refused: "Refused", Outcome.remark: "With a remark", Outcome.aside: "No face found"}
STATES = {"done": "in", "failed": "failed", "cancelled": "stopped", "interrupted": "broke off", "running": "on", "queued": "on"}


def bring_in(upload: Upload) -> None:
    """Start the ingest of an upload, as the form says."""
    st.session_state.pop("looked_at", None)
    options = [f"--{name}={st.session_state[f'ingest-{name}']}" for name in ("format", "crop", "split")]
    start_job("ingest", "curator", ["ingest", str(upload.path), f"--called={upload.name}", "--discard", *options])


def look(upload: Upload) -> None:
    """Count what is in an upload, and keep it until somebody decides."""
    options = ["--dry-run", f"--format={st.session_state['ingest-format']}"]
    job = start_job("look", "curator", ["ingest", str(upload.path), f"--called={upload.name}", *options])
    if job is not None:
        st.session_state["looked_at"] = (upload, job)


def forget(upload: Upload) -> None:
    """Delete an upload that was looked at."""
    st.session_state.pop("looked_at", None)
    upload.path.unlink(missing_ok=True)


def show_look(upload: Upload, number: int) -> None:
    """What is in the upload that was looked at, and what to do with it."""
    job = job_panel("look", "Looking at the zip", number)
    if job is None or job_state(job, utc_now()) in ACTIVE:
        return
    if job.result is None:
        st.button("Forget it", on_click=forget, args=[upload])
        return
    there = job.result
    with st.container(border=True):
        st.markdown(
            f"**{upload.name}** looks like **{there['format']}**: {there['because']}. "
            f"{counted(there['pairs'], 'pair')}, {len(there['refused']):,} refused. Nothing was written yet."
        )
        if there["refused"]:
            st.dataframe(pd.DataFrame(there["refused"]), hide_index=True, height=min(38 * (len(there["refused"]) + 1), 240))
        with st.container(horizontal=True):
            st.button(
                f"Bring {counted(there['pairs'], 'pair')} in",
                type="primary",
                on_click=bring_in,
                args=[upload],
                disabled=not there["pairs"],
            )
            st.button("Forget it", on_click=forget, args=[upload])


def show_last() -> None:
    """How the newest ingest is going, or went."""
    job = job_panel("ingest", "Bringing pictures in")
    if job is None or job.result is None or job_state(job, utc_now()) in ACTIVE:
        return
    result = job.result
    refused = result.get("refusals", len(result["refused"]))
    st.success(
        f"The last one: {result['seen']:,} seen, {result['added']:,} added ({result['no_face']:,} without a face), "
        f"{result['already']:,} there already, {refused:,} refused."
    )


def show_outcomes() -> None:
    """Every file that was refused, has a remark or is kept aside: to filter, page through and download."""
    with reading(engine()) as session:
        there, places = count_by_outcome(session), {one.id: one.location for one in sources(session)}
    if not any(there.values()):
        return
    st.subheader("What became of the files", anchor=False)
    first = next(each for each in Outcome if there[each])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        outcome = st.segmented_control(
            "Files",
            list(Outcome),
            default=first,
            required=True,
            format_func=lambda one: f"{OUTCOMES[one]} {there[one]:,}",
            key="fate",
            label_visibility="collapsed",
        )
        source = st.selectbox(
            "Source", list(places), index=None, format_func=places.__getitem__, placeholder="All sources", width=260
        )
        words = st.text_input("Search", placeholder="In names and reasons", width=260, max_chars=200)
    asked = OutcomeFilter(outcome or first, source, words or "")
    with reading(engine()) as session:
        found = count_files(session, asked)
        pages = max(1, math.ceil(found / SHOWN))
        at = st.pagination(pages, key=f"page-{asked.outcome}-{source}-{words}") if pages > 1 else 1
        table = pd.DataFrame(list_files(session, asked, SHOWN, SHOWN * (at - 1)), columns=list(COLUMNS))
    if table.empty:
        st.caption("None of these.")
        return
    table["at"] = pd.to_datetime(table["at"])
    kinds = st.column_config
    st.dataframe(
        table,
        hide_index=True,
        height=min(35 * (len(table) + 1) + 3, 420),
        column_order=("file", "why", "source", "at"),
        column_config={
            "file": kinds.TextColumn("File", width=220),
            "why": kinds.TextColumn("Why", width="large"),
            "source": kinds.TextColumn("Source", width="small"),
            "at": kinds.DatetimeColumn("When", format="distance", width="small"),
        },
    )
    with st.container(horizontal=True):
        if asked.outcome is Outcome.aside:
            st.page_link(HERE.format("aside"), label="Draw their crops by hand, or discard them", icon=":material/crop:")
        st.download_button(
            f"{counted(found, 'row')} as CSV",
            partial(csv_of, asked),
            f"winnow-{asked.outcome}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def csv_of(asked: OutcomeFilter) -> bytes:
    """All the rows that are asked for."""
    with reading(engine()) as session:
        return as_csv(COLUMNS, list_files(session, asked))


def show_past() -> None:
    """The ingests before the last one."""
    with reading(engine()) as session:
        past = history(session, PAST, utc_now())
    if len(past) < 2:
        return
    with st.expander("Earlier ingests"):
        table = pd.DataFrame(
            {
                "When": [one.at for one in past],
                "Source": [one.source for one in past],
                "State": [STATES[one.state.value] for one in past],
                "Seen": [one.seen for one in past],
                "Added": [one.added for one in past],
                "Refused": [one.refused for one in past],
                "Last word": [one.message for one in past],
            }
        )
        st.dataframe(table, hide_index=True, column_config={"When": st.column_config.DatetimeColumn(format="distance")})


header("Ingest", "Photos and the masks that people painted on them. Nothing that is in already is added twice.")

upload_side, about = st.columns([3, 2], gap="large")
limits = settings().limits
with upload_side:
    with st.form("upload", clear_on_submit=False, border=False):
        sent = st.file_uploader("A zip of photos and their masks, in any of the formats on the right.", type="zip")
        with st.expander("How to read it"):
            left, middle, right = st.columns(3)
            left.selectbox("Format", ["auto", *(one.name for one in ADAPTERS if one.name != "zip")], key="ingest-format")
            middle.selectbox(
                "Crop",
                ["face", "whole"],
                format_func={"face": "Around the face", "whole": "Whole photos"}.__getitem__,
                key="ingest-crop",
            )
            right.selectbox(
                "Split",
                ["auto", "train", "validation", "test"],
                format_func=lambda split: "As the source says" if split == "auto" else f"All to {split}",
                key="ingest-split",
            )
        with st.container(horizontal=True):
            bring = st.form_submit_button("Bring it in", type="primary")
            first_look = st.form_submit_button("Look first", help="Count what is in it, before anything is written.")
        if bring or first_look:
            if sent is None:
                st.warning("Choose a zip first.")
            else:
                delete_leftovers(settings().uploads, engine(), utc_now())
                (bring_in if bring else look)(store_upload(settings().uploads, sent, sent.name))
    if "looked_at" in st.session_state:
        show_look(*st.session_state["looked_at"])
    show_last()
with about:
    st.markdown(
        "**Formats.** Folders with the usual names (`images/` + `masks/`, `X.jpg` + `X.png`, `X_mask`, `X-org` + `X-gt`), "
        "manifests, COCO, Label Studio, Supervisely, CVAT, Hugging Face, LFW Parts.\n\n"
        "**Many photos?** From a terminal, without a copy on the way: `python -m curator ingest FOLDER`, or a URL such as "
        "`s3://bucket/selfies`.\n\n"
        f"**Limits.** {limits.file_bytes / 2**20:,.0f} MiB and {limits.pixels / 1e6:,.0f} megapixels a picture, "
        f"{limits.zip_members:,} files and {limits.zip_bytes / 2**30:,.0f} GiB a zip. "
        "They are settings (`WINNOW_MAX_…`).\n\n"
        "**Whose faces are these?** Bring in only photos whose people agreed to this use. "
        "`python -m curator erase --contributor NAME` removes a person everywhere."
    )

with reading(engine()) as session:
    now, outcomes = flow(session), count_by_outcome(session)
columns = st.columns(5)
columns[0].metric("Submissions", f"{now.submissions:,}")
columns[1].metric("With a crop", f"{now.verdicts.examples:,}")
columns[2].metric("No face found", f"{now.no_face:,}")
columns[3].metric("Remarks", f"{outcomes[Outcome.remark]:,}")
columns[4].metric("Refused", f"{now.refused:,}")
drawn_note(now.drawn)
show_outcomes()
show_past()
