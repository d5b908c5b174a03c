"""Ingest a folder, files or a zip, or what lies on the server; what came in, and what happened to every file."""

import math
from functools import partial

import pandas as pd
import streamlit as st

from curator.app.components.upload import Arrived, arrived, upload
from curator.app.components.wall import wall
from curator.app.frame import PAGE_FILE, action, drawn_note, header, job_panel, show_error, start_job, table, why_not_now
from curator.app.guard import current_reviewer, leads, owns_or_leads
from curator.app.ingest_words import came_in_words, found_in_words, recognised_in_words
from curator.app.mask_values import answered, ask_for_meaning, options, why_not_ingest
from curator.app.server_sources import may_start_again, named_source
from curator.app.state import engine, settings, undo_refused_now
from curator.app.wording import acting_on, browser_zone, literal, moment
from curator.formats import ADAPTERS, ARCHIVES
from curator.formats.allowed import in_words
from curator.ingest.outcomes import (
    COLUMNS,
    Outcome,
    OutcomeFilter,
    PastIngest,
    count_by_outcome,
    count_drawn,
    count_files,
    count_ingests,
    history,
    list_outcomes,
)
from curator.ingest.uploads import (
    Upload,
    cancel,
    claim,
    delete_leftovers,
    give_back,
    is_whole,
    previews_beside,
    whole,
)
from curator.markup import render
from curator.pictures.meaning import NOTHING_ASKED, Asked
from curator.plural import pluralise
from curator.spreadsheet import as_csv
from curator.status import flow, sources
from db.errors import WinnowError
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading
from db.tables import Job, JobState

ROWS_PER_PAGE = 50  # of files
INGESTS_PER_PAGE = 8
OTHERS = "Only a lead, or who started it, may take it back."
HERE, SERVER = "From this computer", "From the server"
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
PAST = """
<div class="winnow-past">
  <p><strong>{{ source }}</strong> <span>{{ when }}</span></p>
  {% for line in lines if line %}<p>{{ line }}</p>{% endfor %}
</div>
"""

Waiting = Arrived | str  # an upload of this reviewer, or a path or URL that the server reads


def note_arrival() -> None:
    """Remember the upload that has arrived."""
    st.session_state["arrived"] = arrived()


def waits(source: Waiting | None) -> bool:
    """Whether there is something that this reviewer may ingest: an upload that nobody has begun to ingest, or a place."""
    if isinstance(source, Arrived):
        return is_whole(settings().uploads, current_reviewer(), source.file)
    return bool(source)


def begin(source: Waiting | None, asked: Asked) -> None:
    """Start the ingest of what waits. An upload whose ingest can't be started waits again."""
    for shown in ("preview", "undoing"):
        st.session_state.pop(shown, None)
    if isinstance(source, str):
        if (place := permitted(source)) is not None:
            start_job("ingest", "curator", ["ingest", place, *chosen_options(), *options(asked)])
        return
    claimed = None if source is None else claim(settings().uploads, current_reviewer(), source.file)
    if source is None or claimed is None:
        say_gone()
    elif start_upload(claimed, asked) is None:
        give_back(settings().uploads, current_reviewer(), source.file, claimed)


def start_upload(upload: Upload, asked: Asked) -> int | None:
    """Start the ingest of a claimed upload, with the chosen options and what was said of its masks; the job's number."""
    called = [f"--called={upload.name}", "--discard"]
    return start_job("ingest", "curator", ["ingest", str(upload.path), *called, *chosen_options(), *options(asked)])


def permitted(named: str) -> str | None:
    """The path or URL that this reviewer has named, if it may be read; else None, with the reason shown."""
    try:
        place = named_source(current_reviewer(), named)
    except WinnowError as error:
        show_error(error)
        return None
    delete_leftovers(settings().uploads, engine(), utc_now())
    return place


def say_gone() -> None:
    """Say that another tab has taken the upload."""
    st.warning("This upload is not here any more: it has been ingested or deleted in another tab.")


def chosen_options() -> list[str]:
    """The options of the command that were chosen."""
    return [*(f"--{name}={st.session_state[f'ingest-{name}']}" for name in ("format", "crop", "split")), *label_option()]


def label_option() -> list[str]:
    """The option for the label that means hair, if one was named."""
    label = st.session_state["ingest-label"].strip()
    return [f"--label={label}"] if label else []


def start_again(job: Job, asked: Asked) -> None:
    """Start an ingest that failed or was stopped again, with its options; a label or values named now replace its own."""
    if may_start_again(current_reviewer(), job):
        start_job("ingest", "curator", answered(job.arguments, [*label_option(), *options(asked)]))


def start_preview(source: Waiting | None) -> None:
    """Count what is in a source. An upload waits on meanwhile, so a reload loses nothing."""
    told = ["--dry-run", f"--format={st.session_state['ingest-format']}", *label_option()]
    if isinstance(source, str):
        place = permitted(source)
        named = None if place is None else [place]
    else:
        waiting = None if source is None else whole(settings().uploads, current_reviewer(), source.file)
        named = None if waiting is None else [str(waiting.path), f"--called={waiting.name}"]
        if named is None:
            say_gone()
    job = None if named is None else start_job("look", "curator", ["ingest", *named, *told])
    if job is not None:
        st.session_state["preview"] = (source, job)


def discard(source: Waiting) -> None:
    """Delete a previewed upload; of what lies on the server, only forget the preview."""
    st.session_state.pop("preview", None)
    if isinstance(source, Arrived):
        cancel(settings().uploads, current_reviewer(), source.file)


def show_preview(source: Waiting, number: int) -> None:
    """Show what is in a previewed source, with buttons to ingest or discard it."""
    if not waits(source):
        return
    job = job_panel("look", "The preview", number)
    if job is None or job_state(job, utc_now()) in ACTIVE:
        return
    leave = "Discard it" if isinstance(source, Arrived) else "Leave it"
    if job.result is None:
        st.button(leave, on_click=discard, args=[source])
        return
    there = job.result
    with st.container(border=True):
        name = source.file.name if isinstance(source, Arrived) else source
        packed_by_us = isinstance(source, Arrived) and not name.lower().endswith(".zip")
        looks, found = recognised_in_words(there, packed_by_us=packed_by_us), found_in_words(there, browser_zone())
        st.markdown(
            f"**{literal(name)}** looks like {literal(looks)}.\n\n**{literal(found)}.** "
            f"{len(there['refused']):,} refused, {len(there['not_read']):,} not read. Nothing has been written yet."
        )
        if left_out := [*there["refused"], *there["not_read"]]:
            table(pd.DataFrame(left_out), height=min(38 * (len(left_out) + 1), 240))
        beside = previews_beside(settings().uploads, job.arguments[1], number)
        asked = ask_for_meaning(beside, there, f"preview-{number}")
        with st.container(horizontal=True):
            why_not = why_not_ingest(there, asked)
            label = f"Ingest {pluralise(there['photos'], 'photo')}"
            action(label, why_not, type="primary", on_click=begin, args=[source, asked])
            st.button(leave, on_click=discard, args=[source])


def show_newest_ingest() -> int | None:
    """Show the newest ingest: its progress, its result, or a button to start it again. Returns its number if it may be seen."""
    job = job_panel("ingest", "The ingest")
    if job is None:
        return None
    with reading(engine()) as session:
        newest = next(iter(history(session, 1, utc_now())), None)
    if newest is not None and newest.undone:
        return None
    active = job_state(job, utc_now()) in ACTIVE
    if not active and (job.result is None or job.result.get("unclear")):
        if may_start_again(current_reviewer(), job):
            asked = NOTHING_ASKED
            if job.result is not None:
                beside = previews_beside(settings().uploads, job.arguments[1], job.id)
                asked = ask_for_meaning(beside, job.result, f"ingest-{job.id}")
            why_not = None if job.result is None else why_not_ingest(job.result, asked)
            action("Ingest it again", why_not, type="primary", on_click=start_again, args=[job, asked])
    elif not active and newest is not None and newest.counts is not None:
        st.success(f"**{literal(newest.source)}**: {literal(came_in_words(newest.counts, browser_zone()))}.")
        if newest.counts.get("meaning"):
            st.caption(f"**Masks:** {newest.counts['meaning']}.")
    return job.id


def show_outcomes() -> None:
    """Show every file that was refused, has a remark or has no face: with filters, pages and a download."""
    with reading(engine()) as session:
        there, places = count_by_outcome(session), {one.id: one.location for one in sources(session)}
    if not any(there.values()):
        return
    st.header("What happened to each file", anchor=False)
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


def show_history() -> None:
    """Show the ingests, newest first, a page at a time, each with what it can be taken back by."""
    with reading(engine()) as session:
        there = count_ingests(session)
    if not there:
        return
    st.header("Ingests", anchor=False)
    if "undoing" in st.session_state:
        undone = job_panel("undo", "Taking the ingest back", st.session_state["undoing"])
        if undone is not None and undone.state is JobState.done and undone.result is not None:
            st.success(f"{pluralise(undone.result['submissions'], 'photo')} of it are deleted, and may come in again.")
    pages = math.ceil(there / INGESTS_PER_PAGE)
    at = st.pagination(pages, key="page-ingests") if pages > 1 else 1
    with reading(engine()) as session:
        found = history(session, INGESTS_PER_PAGE, utc_now(), INGESTS_PER_PAGE * (at - 1))
    for past in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"past-{past.job}"):
            show_past(past)


def show_past(past: PastIngest) -> None:
    """Show an ingest of the history, and whether it can be taken back."""
    clock, counts = browser_zone(), past.counts or {}
    said = [
        came_in_words(counts, clock) if past.counts else past.message,
        f"Masks: {counts['meaning']}" if counts.get("meaning") else "",
        f"Taken back by {past.undone[0]}, {moment(past.undone[1], clock)}" if past.undone else "",
    ]
    state = "taken back" if past.undone else STATE_LABELS[past.state.value]
    when = " · ".join([moment(past.at, clock), *([past.by] if past.by else []), state])
    st.html(render(PAST, source=past.source, when=when, lines=said))
    if past.undone or past.changed_nothing:
        return
    own = owns_or_leads(current_reviewer(), past.by)
    why = undo_refused_now(engine(), past.job) or (None if own else OTHERS) or why_not_now("undo")
    with st.container(width=220, gap=None, horizontal_alignment="right"):
        label = acting_on("Undo", f"{past.source}, {moment(past.at, clock)}")
        if st.button(label, key=f"undo-{past.job}", disabled=bool(why)):
            confirm_undo(past)
        if why:
            st.caption(literal(why), text_alignment="right")


@st.dialog("Take this ingest back?")
def confirm_undo(past: PastIngest) -> None:
    """Ask before an ingest is taken back, and do it."""
    added = "What it added" if past.counts is None else f"{pluralise(past.counts['added'], 'photo')}"
    st.markdown(
        f"**{literal(past.source)}**, {moment(past.at, browser_zone())}.\n\n{added}, with their masks, crops and refusals, are "
        "deleted here, as if they had not come in. Nobody has judged any of them. The files that they came from stay as they "
        "are: send them again to bring them in again."
    )
    with st.container(horizontal=True):
        if st.button("Delete them", type="primary"):
            undo(past)
            st.rerun()
        if st.button("Keep them"):
            st.rerun()


def undo(past: PastIngest) -> None:
    """Start the job that takes an ingest back."""
    if not owns_or_leads(current_reviewer(), past.by):
        st.error(OTHERS)
        return
    job = start_job("undo", "curator", ["undo-ingest", str(past.job), f"--by={current_reviewer()}"])
    if job is not None:
        st.session_state["undoing"] = job


header(
    "Ingest",
    "Add photos and the masks that people painted on them. A photo and mask that are already here are not added twice.",
)

upload_side, about = st.columns([3, 2], gap="large")
limits = settings().limits
with upload_side:
    side = st.segmented_control("Where from", [HERE, SERVER], default=HERE, required=True, label_visibility="collapsed")
    source: Waiting | None
    if side == SERVER:
        places, lead = settings().ingest_places, leads(current_reviewer())
        source = st.text_input(
            "A folder, zip or list on the server, or a URL",
            key="ingest-place",
            placeholder=f"Below {in_words(places)}" if places else "/data/incoming/spring",
            max_chars=1000,
            disabled=not (places and lead),
        ).strip()
        if not places:
            st.caption(
                "Set `WINNOW_INGEST_FOLDERS` to the folders and URLs that may be read here, such as "
                "`/data/incoming,s3://bucket/photos` (docs/settings.md), and start Winnow again."
            )
        elif not lead:
            st.caption("Only a lead may name what the server reads (see `WINNOW_LEADS` in docs/settings.md).")
    else:
        source = st.session_state.get("arrived")
        most, files = int(settings().max_upload_bytes), limits.zip_members
        upload(current_reviewer(), most, files, source, waits=waits(source), on_arrival=note_arrival)
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
    ready = waits(source)
    why_not = None if ready else "Name what to read first." if side == SERVER else "Choose the photos and masks first."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Ingest now", type="primary", disabled=not ready, on_click=begin, args=[source, NOTHING_ASKED])
        action(
            "Preview",
            why_not,
            help="Count what is in it, and what is here already, before anything is written.",
            on_click=start_preview,
            args=[source],
        )
    if "preview" in st.session_state:
        show_preview(*st.session_state["preview"])
    newest_ingest = show_newest_ingest()
with about, st.container(key="ingest-about"):
    st.markdown(
        "**Formats.** Folders (`images/` + `masks/`, `X.jpg` + `X.png`), manifests, COCO, CVAT, Label Studio, labelme, VIA, "
        "YOLO, Supervisely, PASCAL VOC, CelebAMask-HQ, LFW Parts, Hugging Face; a zip may hold zips and tars.\n\n"
        "**Many photos?** Name their folder on the server, or use a terminal: `python -m curator ingest FOLDER`, or a URL such "
        "as `s3://bucket/selfies`. Neither needs an upload.\n\n"
        f"**Limits.** {limits.file_bytes / 2**20:,.0f} MiB and {limits.pixels / 1e6:,.0f} megapixels a picture, "
        f"{limits.zip_members:,} files and {limits.zip_bytes / 2**30:,.0f} GiB an upload. "
        "The settings `WINNOW_MAX_…` change them.\n\n"
        "**Whose faces are these?** Ingest only photos of people who agreed to this use. "
        "`python -m curator erase --contributor NAME` deletes everything of that person."
    )

with reading(engine()) as session:
    now, outcomes = flow(session), count_by_outcome(session)
    drawn = 0 if newest_ingest is None else count_drawn(session, newest_ingest)
if newest_ingest is not None:
    wall(current_reviewer(), newest_ingest)
    drawn_note(drawn)
columns = st.columns(6)
columns[0].metric("Submissions", f"{now.submissions:,}", help="The next three add up to these.")
for column, (name, number) in zip(columns[1:4], now.submission_parts.items(), strict=True):
    column.metric(name.capitalize(), f"{number:,}")
columns[4].metric("Remarks", f"{outcomes[Outcome.remark]:,}", help="Notes about submissions; one may have several.")
columns[5].metric("Files refused", f"{now.refused:,}", help="They are no submissions.")
show_outcomes()
show_history()
