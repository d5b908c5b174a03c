"""Refined masks: proposed in bulk, accepted or declined by a person, side by side with what they replace."""

from collections.abc import Mapping

import streamlit as st

from curator.app.frame import action, empty_state, header, job_panel, start_job, why_not_now
from curator.app.guard import current_reviewer
from curator.app.state import engine
from curator.app.wording import literal
from curator.markup import render
from curator.plural import pluralise
from curator.review.reviewers import reviewer_called
from curator.review.standing import counts
from curator.runs.figures import number
from curator.touchup.refinements import Proposal, count_proposals, decide, decided, next_proposals
from db.errors import WinnowError
from db.jobs import ACTIVE, job_state, utc_now
from db.session import reading, writing
from db.tables import Split

AT_ONCE = 12
PER_ROW = 2  # large enough to see strands
LATELY = 12  # decisions to take back
CARD = """
<div class="winnow-gallery" style="--wide: 100%">
<figure>
  <div class="row">
  {% for side in ("before", "after") %}
    <img src="/pictures/refinement/{{ one.refinement }}/{{ side }}" loading="lazy" alt="{{ one.photo }}, {{ side }}">
  {% endfor %}
  </div>
  <figcaption>
    {% if one.changed_much %}<b>changed much</b> · {% endif %}IoU with before {{ iou }} · gradient consistency
    {{ before }} → {{ after }} · {{ one.photo }}
  </figcaption>
</figure>
</div>
"""


def card(one: Proposal) -> str:
    """A refinement side by side with the mask before, and in figures how much it changed."""
    return render(
        CARD, one=one, iou=number(one.iou), before=number(one.consistency_before), after=number(one.consistency_after)
    )


def say(said: Mapping[int, bool | None]) -> None:
    """Record decisions; what was recorded can be taken back with one press."""
    try:
        with writing(engine()) as session:
            taken = decide(session, reviewer_called(session, current_reviewer()).id, said, utc_now())
    except WinnowError as error:
        st.session_state["refinements-error"] = str(error)
        return
    st.session_state["refinements-last"] = [] if None in said.values() else taken
    if lost := len(said) - len(taken):
        st.session_state["refinements-error"] = (
            f"{pluralise(lost, 'mask')} had been changed or decided by somebody else meanwhile."
        )


def commit(shown: list[int]) -> None:
    """Accept what is shown, but for the ticked ones, which are declined."""
    say({one: not st.session_state.get(f"decline-{one}", False) for one in shown})


header(
    "Refine in bulk",
    "Refine moves the edges of kept masks onto the photo's. Each proposal waits for a person; nothing is overwritten.",
)
with reading(engine()) as session:
    wait, waits, lately = next_proposals(session, AT_ONCE), count_proposals(session), decided(session, LATELY)
    kept = counts(session).keep
with st.container(horizontal=True, vertical_alignment="bottom"):
    split = st.selectbox("Split", ["all", *(one.value for one in Split)], width=160)
    why_not = why_not_now("refine") or (None if kept else "No mask is kept yet. Keep some on the Review page first.")
    if action("Refine the kept masks", why_not, type="secondary" if wait else "primary") and start_job(
        "refine", "curator", ["refine", *([] if split == "all" else ["--split", split])]
    ):
        st.rerun()
job = job_panel("refine", "Refining")
if error := st.session_state.pop("refinements-error", None):
    st.warning(literal(error))
if last := st.session_state.get("refinements-last"):
    st.button(f"Take the last {pluralise(len(last), 'decision')} back", on_click=say, args=[dict.fromkeys(last)], shortcut="U")
if wait:
    st.header(f"{pluralise(waits, 'refined mask')} to decide", anchor=False)
    st.caption("Left the mask as it is, right the refined one. Tick those that got worse; all others are accepted.")
    shown = [one.refinement for one in wait]
    for start in range(0, len(wait), PER_ROW):
        for place, one in zip(st.columns(PER_ROW), wait[start : start + PER_ROW], strict=False):
            with place:
                st.html(card(one))
                st.checkbox("Decline", key=f"decline-{one.refinement}")
    declined = sum(bool(st.session_state.get(f"decline-{one}")) for one in shown)
    label = f"Accept {len(shown) - declined:,}" + (f", decline {declined:,}" if declined else "")
    st.button(label, type="primary", on_click=commit, args=[shown])  # no key: who presses it has come past all of them
elif job is None or job_state(job, utc_now()) not in ACTIVE:
    empty_state("No refined mask waits for a decision.", "Back to the sets", "sets")
if lately:
    with st.expander(f"Decided last: {len(lately)}"):
        for start in range(0, len(lately), PER_ROW):
            for place, (one, accepted, who) in zip(st.columns(PER_ROW), lately[start : start + PER_ROW], strict=False):
                with place:
                    st.html(card(one))
                    st.caption(f"{'Accepted' if accepted else 'Declined'} by {literal(who)}.")
                    st.button("Take back", key=f"back-{one.refinement}", on_click=say, args=[{one.refinement: None}])
