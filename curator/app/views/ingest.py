"""Ingest a zip, with a preview on request; what happened to every file, and why."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from curator.app.components.upload import Arrived, arrived, upload
from curator.app.frame import PAGE_FILE, drawn_note, header, job_panel, start_job, table
from curator.app.guard import current_reviewer
from curator.app.mask_values import answered, ask_for_meaning, is_answered, options
from curator.app.state import engine, settings
from curator.app.wording import literal, pluralise
from curator.formats import ADAPTERS, ARCHIVES
from curator.ingest.outcomes import COLUMNS, Outcome, OutcomeFilter, count_by_outcome, count_files, history, list_outcomes
from curator.ingest.uploads import Upload, cancel, claim, give_back, is_whole, unfinished, whole
from curator.pictures.meaning import NOTHING_ASKED, Asked
from curator.spreadsheet import as_csv
from curator.status import flow, sources
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading
from db.tables import Job

ROWS_PER_PAGE = 50  # rows a page
NEWEST_INGESTS = 20
OUTCOME_LABELS = {
    Outcome.refused: "Refused",
    Outcome.not_read: "Not read",
    Outcome.remark: "With a remark",
    Outcome.aside: "No face found",
}
STATE_LABELS = {
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
    "interrupted": "interrupted",
    "running": "running",
    "queued": "queued",
}


def note_arrival() -> None:
    """Remember the file that has arrived."""
    st.session_state["arrived"] = arrived()


def waits(heard: Arrived | None) -> bool:
    """Whether this reviewer's file is here and nobody has begun to ingest it."""
    return heard is not None and is_whole(settings().uploads, current_reviewer(), heard.file)


def with_arrived(start: Callable[[Upload], int | None], heard: Arrived | None) -> None:
    """Take a file that has arrived, and start a job with it; where that can't be started, the file waits again."""
    claimed = None if heard is None else claim(settings().uploads, current_reviewer(), heard.file)
    if heard is None or claimed is None:
        st.warning("This zip is not here any more: it has been ingested or deleted in another tab.")
    elif start(claimed) is None:
        give_back(settings().uploads, current_reviewer(), heard.file, claimed)


def start_ingest(asked: Asked, upload: Upload) -> int | None:
    """Start the ingest of an upload with the chosen options and what was said of its masks' values; the job's number."""
    st.session_state.pop("preview", None)
    chosen = [f"--{name}={st.session_state[f'ingest-{name}']}" for name in ("format", "crop", "split")]
    told = [*chosen, *label_option(), *options(asked)]
    return start_job("ingest", "curator", ["ingest", str(upload.path), f"--called={upload.name}", "--discard", *told])


def label_option() -> list[str]:
    """The option for the label that means hair, if one was named."""
    label = st.session_state["ingest-label"].strip()
    return [f"--label={label}"] if label else []


def start_again(job: Job, asked: Asked) -> None:
    """Start an ingest that failed or was stopped again, with its options; a label or values named now replace its own."""
    start_job("ingest", "curator", answered(job.arguments, [*label_option(), *options(asked)]))


def start_preview() -> None:
    """Count what is in the file that has arrived. It waits on meanwhile, so a reload loses nothing."""
    heard: Arrived | None = st.session_state.get("arrived")
    waiting = None if heard is None else whole(settings().uploads, current_reviewer(), heard.file)
    if heard is None or waiting is None:
        st.warning("This zip is not here any more: it has been ingested or deleted in another tab.")
        return
    told = ["--dry-run", f"--format={st.session_state['ingest-format']}", *label_option()]
    job = start_job("look", "curator", ["ingest", str(waiting.path), f"--called={waiting.name}", *told])
    if job is not None:
        st.session_state["preview"] = (heard, job)


def discard(heard: Arrived) -> None:
    """Delete a previewed upload."""
    st.session_state.pop("preview", None)
    cancel(settings().uploads, current_reviewer(), heard.file)


def show_preview(heard: Arrived, number: int) -> None:
    """Show what is in a previewed upload, with buttons to ingest or discard it."""
    if not waits(heard):
        return
    job = job_panel("look", "The preview", number)
    if job is None or job_state(job, utc_now()) in ACTIVE:
        return
    if job.result is None:
        st.button("Discard it", on_click=discard, args=[heard])
        return
    there = job.result
    with st.container(border=True):
        st.markdown(
            f"**{literal(heard.file.name)}** looks like **{there['format']}**: {literal(there['because'])}. "
            f"{pluralise(there['photos'], 'photo')}, {len(there['refused']):,} refused, {len(there['not_read']):,} not read. "
            "Nothing has been written yet."
        )
        if left_out := [*there["refused"], *there["not_read"]]:
            table(pd.DataFrame(left_out), height=min(38 * (len(left_out) + 1), 240))
        waiting = whole(settings().uploads, current_reviewer(), heard.file)
        asked = NOTHING_ASKED if waiting is None else ask_for_meaning(waiting.path, there, f"preview-{number}")
        with st.container(horizontal=True):
            st.button(
                f"Ingest {pluralise(there['photos'], 'photo')}",
                type="primary",
                on_click=with_arrived,
                args=[partial(start_ingest, asked), heard],
                disabled=not there["photos"] or not is_answered(there, asked),
            )
            st.button("Discard it", on_click=discard, args=[heard])


def show_newest_ingest() -> None:
    """Show the newest ingest: its progress, its result, or a button to ingest its upload again after a failure or a stop."""
    job = job_panel("ingest", "The ingest")
    if job is None or job_state(job, utc_now()) in ACTIVE:
        return
    if job.result is None or job.result.get("unclear"):
        if unfinished(job):
            asked = NOTHING_ASKED
            if job.result is not None:
                asked = ask_for_meaning(Path(job.arguments[1]), job.result, f"ingest-{job.id}")
            ready = job.result is None or is_answered(job.result, asked)
            st.button("Ingest it again", type="primary", on_click=start_again, args=[job, asked], disabled=not ready)
        return
    result = job.result
    refused = result.get("refusals", len(result["refused"]))
    st.success(
        f"Last ingest: {result['seen']:,} seen, {result['added']:,} added ({result['no_face']:,} without a face), "
        f"{result['already']:,} already present, {refused:,} refused."
        + (f" {result['not_read']:,} files belong to no photo and were not read." if result.get("not_read") else "")
    )
    if result.get("meaning"):
        st.caption(f"**Masks:** {result['meaning']}.")


def show_outcomes() -> None:
    """Show every file that was refused, has a remark or has no face: with filters, pages and a download."""
    with reading(engine()) as session:
        there, places = count_by_outcome(session), {one.id: one.location for one in sources(session)}
    if not any(there.values()):
        return
    st.subheader("What happened to each file", anchor=False)
    first = next(each for each in Outcome if there[each])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        outcome = st.segmented_control(
            "Files",
            list(Outcome),
            default=first,
            required=True,
            format_func=lambda one: f"{OUTCOME_LABELS[one]} {there[one]:,}",
            key="outcome",
            label_visibility="collapsed",
        )
        source = st.selectbox(
            "Source", list(places), index=None, format_func=places.__getitem__, placeholder="All sources", width=260
        )
        words = st.text_input("Search", placeholder="Names and reasons", width=260, max_chars=200)
    asked = OutcomeFilter(outcome or first, source, words or "")
    with reading(engine()) as session:
        found = count_files(session, asked)
        pages = max(1, math.ceil(found / ROWS_PER_PAGE))
        at = st.pagination(pages, key=f"page-{asked.outcome}-{source}-{words}") if pages > 1 else 1
        rows = pd.DataFrame(list_outcomes(session, asked, ROWS_PER_PAGE, ROWS_PER_PAGE * (at - 1)), columns=list(COLUMNS))
    if rows.empty:
        st.caption("No file matches these filters.")
        return
    rows["at"] = pd.to_datetime(rows["at"])
    kinds = st.column_config
    table(
        rows,
        height=min(35 * (len(rows) + 1) + 3, 420),
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
            st.page_link(PAGE_FILE.format("aside"), label="Draw their crops by hand, or discard them", icon=":material/crop:")
        st.download_button(
            f"{pluralise(found, 'row')} as CSV",
            partial(csv_of, asked),
            f"winnow-{asked.outcome}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def csv_of(asked: OutcomeFilter) -> bytes:
    """All rows that match the filters."""
    with reading(engine()) as session:
        return as_csv(COLUMNS, list_outcomes(session, asked))


def show_earlier_ingests() -> None:
    """Show the ingests before the newest."""
    with reading(engine()) as session:
        past = history(session, NEWEST_INGESTS, utc_now())
    if len(past) < 2:
        return
    with st.expander("Earlier ingests"):
        rows = pd.DataFrame(
            {
                "When": [one.at for one in past],
                "Source": [one.source for one in past],
                "State": [STATE_LABELS[one.state.value] for one in past],
                "Seen": [one.seen for one in past],
                "Added": [one.added for one in past],
                "Refused": [one.refused for one in past],
                "Message": [one.message for one in past],
            }
        )
        table(rows, column_config={"When": st.column_config.DatetimeColumn(format="distance")})


header(
    "Ingest",
    "Add photos and the masks that people painted on them. A photo and mask that are already here are not added twice.",
)

upload_side, about = st.columns([3, 2], gap="large")
limits = settings().limits
with upload_side:
    heard = st.session_state.get("arrived")
    here = waits(heard)
    upload(current_reviewer(), int(settings().max_upload_bytes), limits.zip_members, heard, waits=here, on_arrival=note_arrival)
    with st.expander("Options"):
        left, middle, right = st.columns(3)
        left.selectbox("Format", ["auto", *(one.name for one in ADAPTERS if one.name not in ARCHIVES)], key="ingest-format")
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
        left.text_input(
            "Label of hair",
            key="ingest-label",
            placeholder="The one called hair",
            max_chars=200,
            help="In formats with labels, such as COCO and CVAT, where hair is called something else.",
        )
    with st.container(horizontal=True):
        st.button(
            "Ingest this zip",
            type="primary",
            disabled=not here,
            on_click=with_arrived,
            args=[partial(start_ingest, NOTHING_ASKED), heard],
        )
        st.button(
            "Preview",
            help="Count what is in the zip before anything is written.",
            disabled=not here,
            on_click=start_preview,
        )
    if "preview" in st.session_state:
        show_preview(*st.session_state["preview"])
    show_newest_ingest()
with about:
    st.markdown(
        "**Formats.** Folders (`images/` + `masks/`, `X.jpg` + `X.png`), manifests, COCO, CVAT, Label Studio, labelme, VIA, "
        "YOLO, Supervisely, PASCAL VOC, CelebAMask-HQ, LFW Parts, Hugging Face; a zip may hold zips and tars.\n\n"
        "**Many photos?** Use a terminal, which needs no upload: `python -m curator ingest FOLDER`, or a URL such as "
        "`s3://bucket/selfies`.\n\n"
        f"**Limits.** {limits.file_bytes / 2**20:,.0f} MiB and {limits.pixels / 1e6:,.0f} megapixels a picture, "
        f"{limits.zip_members:,} files and {limits.zip_bytes / 2**30:,.0f} GiB a zip. "
        "The settings `WINNOW_MAX_…` change them.\n\n"
        "**Whose faces are these?** Ingest only photos of people who agreed to this use. "
        "`python -m curator erase --contributor NAME` deletes everything of that person."
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
show_earlier_ingests()
