"""Pictures come in as a zip; what came in, what was refused and why, and the photos without a face."""

import pandas as pd
import streamlit as st

from curator.app.frame import drawn_note, gallery, header, job_panel, start_job
from curator.app.state import engine, settings
from curator.status import faceless, flow, refusals
from curator.uploads import keep, sweep
from db.jobs import ALIVE, state_of, utc_now
from db.session import reading

SHOWN = 24

header("Ingest", "Photos and the masks that people painted on them. Nothing that is in already is added twice.")

upload_side, about = st.columns([3, 2], gap="large")
with upload_side:
    with st.form("upload", clear_on_submit=True, border=False):
        upload = st.file_uploader("A zip with a folder images/ and a folder masks/; a pair has the same file name.", type="zip")
        if st.form_submit_button("Bring it in", type="primary"):
            if upload is None:
                st.warning("Choose a zip first.")
            else:
                sweep(settings().uploads, engine())
                path = keep(settings().uploads, upload)
                start_job("ingest", "curator", ["ingest", str(path), f"--called={upload.name[:200]}", "--discard"])
    job = job_panel("ingest", "Bringing pictures in")
    if job is not None and job.result is not None and state_of(job, utc_now()) not in ALIVE:
        result = job.result
        st.success(
            f"The last one: {result['seen']:,} seen, {result['added']:,} added "
            f"({result['no_face']:,} without a face), {result['already']:,} there already, {len(result['refused']):,} refused."
        )
with about:
    st.markdown(
        "**Many photos?** From a terminal, without a copy on the way:\n\n"
        "`python -m curator ingest FOLDER`\n\n"
        "A folder, zip, CSV manifest, COCO or Label Studio export, or LFW Parts.\n\n"
        "**Whose faces are these?** Bring in only photos whose people agreed to this use. "
        "`python -m curator erase --contributor NAME` removes a person everywhere."
    )

with reading(engine()) as session:
    now, aside, refused = flow(session), faceless(session, SHOWN), refusals(session, 1000)

columns = st.columns(4)
columns[0].metric("Submissions", f"{now.submissions:,}")
columns[1].metric("With a face", f"{now.verdicts.examples:,}")
columns[2].metric("Kept aside, no face found", f"{now.no_face:,}")
columns[3].metric("Refused", f"{now.refused:,}")
drawn_note(now.drawn)
if refused:
    st.subheader("Refused", anchor=False)
    st.dataframe(pd.DataFrame(refused), hide_index=True, height=min(38 * (len(refused) + 1), 320))
if aside:
    st.subheader("No face found", anchor=False)
    gallery([([one.photo_sha256], one.photo_name) for one in aside], wide="9rem")
    if now.no_face > SHOWN:
        st.caption(f"The newest {SHOWN} of {now.no_face:,}.")
