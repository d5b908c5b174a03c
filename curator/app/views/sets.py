"""Curated sets: freeze the approved examples, and list what was frozen."""

import pandas as pd
import streamlit as st

from curator.app.frame import PAGE_FILE, action, empty_state, header, job_panel, show_error, start_job, table, why_not_now
from curator.app.guard import DOWNLOAD_SET, current_reviewer, leads, token_for
from curator.app.routes import PACKED_SETS
from curator.app.state import engine, settings
from curator.app.wording import browser_zone
from curator.consent import any_recorded, ended_in_sets
from curator.formats import WRITERS
from curator.markup import render
from curator.plural import pluralise
from curator.review.standing import counts
from curator.sets import packing
from curator.sets.freeze import freeze
from curator.status import list_sets
from curator.touchup.refinements import count_proposals
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading

LINK = '<a class="winnow-download" href="{{ address }}" download>Download {{ name }} ({{ size }})</a>'


def format_title(name: str) -> str:
    """A format's name, and what its files look like."""
    return f"{name}: {WRITERS[name].description}"


def offer_to_pack(number: int, format: str) -> None:
    """Offer to have a set packed as a zip, and the zip that this reviewer had packed last, for as long as it is there."""
    reviewer = current_reviewer()
    why_not = why_not_now(packing.KIND) if leads(reviewer) else "Only a lead may take a set’s pictures away."
    if action(f"Pack set {number} as a zip", why_not):
        start_job(packing.KIND, "curator", packing.arguments(number, format, reviewer))
        st.rerun()
    job_panel(packing.KIND, "The export")
    with reading(engine()) as session:
        job = packing.newest(session, reviewer)
        found = None if job is None else packing.packed(session, settings(), job.id, reviewer, utc_now())
    if job is None or found is None or job.result is None:
        return
    address = f"{PACKED_SETS}/{job.id}?token={token_for(reviewer, DOWNLOAD_SET)}"
    st.html(render(LINK, address=address, name=found.name, size=f"{found.bytes / 1e6:,.1f} MB"))
    made = job.result
    told = [f"{pluralise(made['examples'], 'example')}; nobody is named in it."]
    if made["erased"]:
        told.append(f"{made['erased']:,} left out, because they were erased.")
    if made["cut_at_half"]:
        told.append(f"{pluralise(made['cut_at_half'], 'soft mask')} cut at half: the format has one bit a pixel.")
    if made["consent_ended"]:
        told.append(f"The consent to use {made['consent_ended']:,} of them has ended: freeze a new set.")
    st.caption(" ".join([*told, "It is deleted after an hour, and whenever somebody is erased."]))


header("Curated sets", "Frozen, numbered and hashed. A run names the set that it was trained on; a set never changes.")
with reading(engine()) as session:
    now, sets, consents = counts(session), list_sets(session), any_recorded(session)

if now.keep == 0 and not sets:
    empty_state("Nothing is approved yet, so there is nothing to freeze.", "Review some examples", "review")
else:
    with st.form("freeze", border=True):
        note = st.text_input("Note", max_chars=200, placeholder="first hundred verdicts")
        consented = consents and st.checkbox("Leave out photos of people without recorded consent")
        why_not = None if now.keep else "Nothing is approved now. Keep some examples on the Review page first."
        if st.form_submit_button(f"Freeze the {now.keep:,} approved examples", type="primary", disabled=why_not is not None):
            try:
                frozen = freeze(engine(), note, utc_now(), by=current_reviewer(), consented=consented)
            except WinnowError as error:
                show_error(error)
            else:
                message = f"Curated set {frozen.set}: {frozen.examples:,} examples. {frozen.consent_in_words}".rstrip()
                st.success(message if frozen.new else f"{message} Nothing has changed since it was frozen.")
                with reading(engine()) as session:
                    sets = list_sets(session)
        if why_not is not None:
            st.caption(why_not)
    with reading(engine()) as session:
        refined, ended = count_proposals(session), ended_in_sets(session, utc_now().date())
    waiting = f": {pluralise(refined, 'refined mask')} to decide" if refined else ""
    st.page_link(PAGE_FILE.format("refinements"), label=f"Refine the kept masks in bulk{waiting}")
    if ended:
        held = ", ".join(f"{count:,} of set {number}" for number, count in sorted(ended.items(), reverse=True))
        st.warning(f"The consent to use some examples has ended: {held}. Freeze a new set before you train or export.")
    rows = pd.DataFrame(sets)
    if not rows.empty:
        rows["frozen_at"] = pd.to_datetime(rows["frozen_at"]).dt.tz_convert(browser_zone())
        rows["hash"] = rows["hash"].str[:12]
        table(
            rows,
            column_order=["set", "note", "train", "validation", "test", "touched_up", "refined", "erased", "frozen_at", "hash"],
            column_config={
                "frozen_at": st.column_config.DatetimeColumn("frozen", format="D MMM YYYY, HH:mm"),
                "touched_up": st.column_config.NumberColumn("touched up"),
                "erased": st.column_config.NumberColumn("erased since"),
            },
        )
        with st.container(border=True):
            st.markdown("**Export a set**")
            left, right = st.columns(2)
            chosen = left.selectbox("Set", [one["set"] for one in sets])
            format = right.selectbox("Format", list(WRITERS), index=list(WRITERS).index("folder"), format_func=format_title)
            st.markdown(WRITERS[format].in_words)
            offer_to_pack(chosen, format)
            with st.expander("In a terminal"):
                st.caption("Run this where Winnow runs. DIR is a new folder; nobody is named in it.")
                st.code(f"winnow export {chosen} DIR --format {format}", language=None)
