"""Make files for devices, each with the proof that it computes what its run computes."""

from hashlib import sha256

import streamlit as st
from upath import UPath

from curator.app.frame import action, empty_state, header, job_panel, start_job, why_not_now
from curator.app.state import engine, settings
from curator.app.wording import acting_on
from curator.runs import results
from db.session import reading
from trainer.device.formats import DEFAULT_PRECISION, EXPORT_PRECISIONS, FORMAT_TITLES, FORMATS
from trainer.device.outcome import cost, costs_too_much, outcome

CHOICES = [
    (kind, precision) for kind in FORMATS for precision in dict.fromkeys((DEFAULT_PRECISION[kind], *EXPORT_PRECISIONS))
]  # each format with its default precision first


@st.cache_data(max_entries=1000, show_spinner=False)
def hash_of(path: str, modified: float, size: int) -> str:
    """The sha256 of an exported file; computed again when its time or size has changed."""
    return sha256(UPath(path).read_bytes()).hexdigest()


header("Export", "A file is made from a run’s best epoch, then run on this machine and compared with the run, crop by crop.")
with reading(engine()) as session:
    runs = [run for run in results.runs(session) if run.epochs]
    made = results.exports(session)
if not runs:
    empty_state("No run has finished an epoch yet, so there is nothing to export.", "Train one", "train")
    st.stop()

with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
    run = st.selectbox("Run", runs, format_func=results.title)
    choice = st.selectbox(
        "File",
        CHOICES,
        format_func=lambda one: f"{FORMAT_TITLES[one[0]]}, {one[1]}",
        help="Start with float16; choose int8 if size matters most. Try-on needs a LiteRT file.",
    )
    if action("Make and prove it", why_not_now("export"), type="primary"):
        kind, precision = choice
        start_job("export", "trainer", ["export", str(run.id), "--format", kind, "--precision", precision])
        st.rerun()
job_panel("export", "The export")

for one in made:
    path = settings().exported(one.file)
    proof = one.proofs[-1] if one.proofs else None
    there = path.stat() if path.is_file() else None
    with st.container(border=True):
        name, difference, button = st.columns([3, 5, 1.5], vertical_alignment="center")
        what = f"**{FORMAT_TITLES[one.format]}, {one.precision}** · run {one.run_id}"
        name.markdown(f"{what}  \n:gray[{path.name} · {one.bytes / 1e6:,.1f} MB]")
        if proof is None:
            difference.badge("not proven yet", color="orange")
        elif one.file_hash is None:
            difference.markdown(":orange-badge[proven by an older rule] Make it again: its file had no hash.")
        else:
            badge = ":green-badge[proven]" if proof.passed else ":red-badge[not proven]"
            advice = "" if proof.passed else " Don’t ship it."
            difference.markdown(f"{badge} {outcome(proof)}{advice}")
            costly = ":orange-badge[costly] " if costs_too_much(proof) else ""
            if words := cost(proof, one.precision):
                difference.markdown(f"{costly}:gray[{words}]")
        if there is None:
            button.caption("The file is missing.")
        elif one.file_hash is not None and hash_of(str(path), there.st_mtime, there.st_size) != one.file_hash:
            button.caption("The file has changed since it was exported. Make it again.")
        else:
            button.download_button(
                acting_on("Download", path.name), path.read_bytes, path.name, key=f"download-{one.id}", on_click="ignore"
            )
st.caption("The proof runs the saved file on this machine. It does not imitate how a phone’s Neural Engine rounds.")
