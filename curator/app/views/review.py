"""Keep, fix or reject: one example at a time, or forty at a glance. The address holds the view, the order and the filters."""

import math
from dataclasses import asdict
from functools import partial

import streamlit as st

from curator.app.components.deck import deck
from curator.app.components.grid import grid
from curator.app.frame import LEAD, PAGE_FILE, REASONS, drawn_note, empty_state, gallery, hidden_title
from curator.app.guard import current_reviewer, leads
from curator.app.state import engine, flow_now
from curator.app.wording import literal
from curator.consent import Consent, any_recorded
from curator.ingest.aside import count_faceless, list_faceless
from curator.markup import render
from curator.plural import pluralise
from curator.review.deck import FOR_LEADS, Order, ShowFilter, Wanted, count_own_repairs, wanted_from
from curator.review.reviewers import names
from curator.review.standing import counts
from curator.status import sources
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading
from db.tables import Split

PER_PAGE = 60
NO_FACE = "no_face"  # submissions without a face are not examples: this page shows them and nothing more
DEFAULTS = {"view": "one", "order": Order.doubt.value, "show": ShowFilter.open.value}
FILTERS = ["order", "show", "source", "split", "reason", "reviewer", "consent"]
VIEW_LABELS = {"one": "One by one", "grid": "Grid"}
ORDER_LABELS = {Order.doubt.value: "Most doubtful first", Order.random.value: "Random", Order.source.value: "By source"}
SHOW_LABELS = {
    ShowFilter.open.value: "To review",
    ShowFilter.unseen.value: "Not yet seen by me",
    ShowFilter.all.value: "All",
    ShowFilter.fix.value: "To be fixed",
    ShowFilter.touched.value: "Touched up",
    ShowFilter.repaired.value: "Repaired, also by me",
    ShowFilter.disputed.value: "Disagreements",
    NO_FACE: "No face found",
}
NARROWED = '<p class="winnow-narrowed">{{ words }}</p>'
CONSENT_LABELS = {
    Consent.recorded.value: "Recorded",
    Consent.none.value: "None recorded",
    Consent.ends_soon.value: "Ends within 30 days",
    Consent.ended.value: "Ended",
}
SPLIT_LABELS = {Split.train.value: "Train", Split.validation.value: "Validation", Split.test.value: "Test"}


def to_address() -> None:
    """Write the controls' values into the address, without the defaults."""
    values = {name: st.session_state[f"review-{name}"] for name in ["view", *FILTERS]}
    st.query_params.from_dict({name: value for name, value in values.items() if value not in (None, DEFAULTS.get(name))})


def clear(view: str) -> None:
    """Remove everything but the view from the address."""
    st.query_params.from_dict({} if view == DEFAULTS["view"] else {"view": view})


def choose(name: str, label: str, options: dict[str, str], placeholder: str = "") -> None:
    """Show a select box for `name` of the address; one with a placeholder may stay empty."""
    if placeholder:
        st.selectbox(
            label, list(options), index=None, format_func=options.__getitem__, placeholder=placeholder, key=f"review-{name}",
            on_change=to_address,
        )  # fmt: skip
    else:
        st.selectbox(label, list(options), format_func=options.__getitem__, key=f"review-{name}", on_change=to_address)


def show_faceless(source: int | None) -> None:
    """Show the submissions without a face, of one source or all, a page at a time."""
    with reading(engine()) as session:
        there = count_faceless(session, source)
    if not there:
        st.markdown("No photo is waiting here." if source is None else "No photo of this source is waiting here.")
        return
    st.caption("No face was found on these photos, so they have no crop and can’t be reviewed here.")
    st.page_link(PAGE_FILE.format("aside"), label="Draw their crops by hand, or discard them")
    pages = math.ceil(there / PER_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    with reading(engine()) as session:
        found = list_faceless(session, PER_PAGE, PER_PAGE * (page - 1), source)
    gallery([([one.photo_sha256], one.photo_name) for one in found], wide="9rem")
    drawn_note(sum(one.drawn for one in found))


reviewer = current_reviewer()
lead = leads(reviewer)
with reading(engine()) as session:
    totals, all_sources, reviewers = counts(session), sources(session), names(session)
    own_repairs, consents = count_own_repairs(session, reviewer, Wanted(), utc_now().date()), any_recorded(session)
source_names = {str(one.id): one.location for one in all_sources}

address = st.query_params.to_dict()
view = address.get("view", "one")
aside = address.get("show") == NO_FACE
problem = "" if view in VIEW_LABELS else f"“{view[:40]}” is not a valid view. Choose one of {', '.join(VIEW_LABELS)}."
try:
    asked_for = {name: value for name, value in address.items() if not (aside and name == "show")}
    wanted = wanted_from(asked_for, source_names, reviewers, lead=lead)
except WinnowError as error:
    problem = str(error)
if problem:
    view, wanted, aside = view if view in VIEW_LABELS else "one", Wanted(), False

show = (
    NO_FACE
    if aside
    else ShowFilter.all.value
    if wanted.show is ShowFilter.open and wanted.includes_judged
    else wanted.show.value
)
chosen = {
    "view": view,
    "order": wanted.order.value,
    "show": show,
    "source": None if wanted.source is None else str(wanted.source),
    "split": wanted.split and wanted.split.value,
    "reason": wanted.reason and wanted.reason.value,
    "reviewer": wanted.reviewer,
    "consent": wanted.consent and wanted.consent.value,
}
for name, value in chosen.items():
    st.session_state[f"review-{name}"] = value  # the address decides, the controls show it

narrowed = [
    "" if wanted.order is Order.doubt else ORDER_LABELS[wanted.order.value],
    "" if show == DEFAULTS["show"] or (wanted.show is ShowFilter.open and not aside) else SHOW_LABELS[show],
    "" if wanted.source is None else f"from {source_names[str(wanted.source)]}",
    "" if wanted.split is None else f"{wanted.split} split",
    "" if wanted.reason is None else f"rejected: {REASONS[wanted.reason.value].lower()}",
    "" if wanted.reviewer is None else f"judged by {wanted.reviewer}",
    "" if wanted.consent is None else f"consent: {CONSENT_LABELS[wanted.consent.value].lower()}",
]
hidden_title("Review")
# One line, so that the picture gets the room: the question, or what was chosen instead of all that is to review.
with st.container(key="review-head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small", key="review-narrowed"):
        if any(narrowed):
            st.html(render(NARROWED, words=" · ".join(filter(None, narrowed))), width="content")
        else:
            guide = "What is a good mask?" if reviewer in reviewers else "New here? See what a good mask is"
            st.html(render(LEAD, lead="Does the tint cover all of the hair, and nothing else?", more=("/guide", guide)))
        if any(narrowed) or problem:
            st.button("Clear", type="tertiary", on_click=clear, args=(view,))
    if totals.examples:
        with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small"):
            st.segmented_control(
                "View", list(VIEW_LABELS), format_func=VIEW_LABELS.__getitem__, key="review-view", label_visibility="collapsed",
                required=True, on_change=to_address,
            )  # fmt: skip
            with st.popover("Order and filters", icon=":material/tune:"):
                choose("order", "Order", ORDER_LABELS)
                choose(
                    "show",
                    "Show",
                    {key: label for key, label in SHOW_LABELS.items() if lead or key not in FOR_LEADS},
                )
                choose("source", "Source", source_names, "All sources")
                choose("split", "Split", SPLIT_LABELS, "All splits")
                choose("reason", "Rejected because", REASONS, "Any reason")
                choose("reviewer", "Judged by", {name: name for name in reviewers}, "Anyone")
                if consents or wanted.consent:
                    choose("consent", "Consent", CONSENT_LABELS, "Any")

if problem:
    st.warning(literal(f"{problem} So no filter is set."))

if not totals.examples:
    photos = flow_now(engine())
    if photos.no_face:
        waits = pluralise(photos.no_face, "photo")
        empty_state(f"There is nothing to review yet: no face was found in {waits}.", "Draw crops by hand", "aside")
    elif photos.submissions:
        empty_state("There is nothing to review: every photo was discarded.", "Ingest photos", "ingest")
    else:
        empty_state("There is nothing to review yet: no photos have been ingested.", "Ingest photos", "ingest")
elif aside:
    show_faceless(wanted.source)
else:
    asked = {name: value for name, value in asdict(wanted).items() if value is not None}
    (grid if view == "grid" else deck)(reviewer, asked, partial(clear, view), lead=lead)
    if own_repairs and wanted.show is not ShowFilter.repaired:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            waits = "waits" if own_repairs == 1 else "wait"
            st.caption(f"{pluralise(own_repairs, 'mask')} that you repaired {waits} for another reviewer.", width="content")
            if lead:
                asks = {"show": ShowFilter.repaired.value}
                st.page_link(PAGE_FILE.format("review"), label="Approve them yourself", query_params=asks)
    st.caption(
        "Keys work as soon as the page is open. A verdict counts once the server has stored it; "
        "until then this browser keeps it and sends it again."
    )
