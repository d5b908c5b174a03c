"""Keep or reject: one picture at a time, or forty at a glance. What is shown, and in which order, stands in the address."""

import math
from dataclasses import asdict
from html import escape

import streamlit as st

from curator.app.components.deck import deck
from curator.app.components.grid import grid
from curator.app.frame import HERE, REASONS, drawn_note, empty_state, gallery, header
from curator.app.guard import current_reviewer, leads
from curator.app.state import engine
from curator.ingest.aside import count_faceless, list_faceless
from curator.review.deck import Order, ShowFilter, Wanted, wanted_from
from curator.review.reviewers import names
from curator.review.standing import counts
from curator.status import sources
from db.errors import WinnowError
from db.session import reading
from db.tables import Split

SHOWN = 60
NO_FACE = "no_face"  # submissions without a face are no examples: they are looked at, and nothing else
USUAL = {"view": "one", "order": Order.doubt.value, "show": ShowFilter.open.value}
FILTERS = ["order", "show", "source", "split", "reason", "reviewer"]
VIEWS = {"one": "One by one", "grid": "Grid"}
ORDERS = {Order.doubt.value: "Most doubtful first", Order.random.value: "Random", Order.source.value: "By source"}
SHOWS = {
    ShowFilter.open.value: "To review",
    ShowFilter.unseen.value: "Not yet seen by me",
    ShowFilter.all.value: "All",
    ShowFilter.touched.value: "Touched up",
    ShowFilter.disputed.value: "Disagreements",
    NO_FACE: "No face found",
}
SPLITS = {Split.train.value: "Train", Split.validation.value: "Validation", Split.test.value: "Test"}


def to_address() -> None:
    """Write what the controls say into the address, but for what is usual."""
    said = {name: st.session_state[f"review-{name}"] for name in ["view", *FILTERS]}
    st.query_params.from_dict({name: value for name, value in said.items() if value not in (None, USUAL.get(name))})


def clear(view: str) -> None:
    """Leave nothing in the address but the view."""
    st.query_params.from_dict({} if view == USUAL["view"] else {"view": view})


def choose(name: str, label: str, options: dict[str, str], placeholder: str = "") -> None:
    """A choice that stands in the address under `name`; one with a placeholder may be left open."""
    if placeholder:
        st.selectbox(
            label, list(options), index=None, format_func=options.__getitem__, placeholder=placeholder, key=f"review-{name}",
            on_change=to_address,
        )  # fmt: skip
    else:
        st.selectbox(label, list(options), format_func=options.__getitem__, key=f"review-{name}", on_change=to_address)


def show_faceless(source: int | None) -> None:
    """The submissions without a face, of one source or all, a page at a time."""
    with reading(engine()) as session:
        there = count_faceless(session, source)
    st.caption("No face was found on these photos, so nothing was cropped: nothing can be decided about them here.")
    if not there:
        st.markdown("There is none.")
        return
    st.page_link(HERE.format("aside"), label="Draw their crops by hand, or discard them")
    pages = math.ceil(there / SHOWN)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    with reading(engine()) as session:
        found = list_faceless(session, SHOWN, SHOWN * (page - 1), source)
    gallery([([one.photo_sha256], one.photo_name) for one in found], wide="9rem")
    drawn_note(sum(one.drawn for one in found))


reviewer = current_reviewer()
lead = leads(reviewer)
with reading(engine()) as session:
    known, places, people = counts(session), sources(session), names(session)
source_names = {str(one.id): one.location for one in places}

address = st.query_params.to_dict()
view = address.get("view", "one")
aside = address.get("show") == NO_FACE
problem = "" if view in VIEWS else f"“{view[:40]}” is no view; there are {', '.join(VIEWS)}."
try:
    asked_for = {name: value for name, value in address.items() if not (aside and name == "show")}
    wanted = wanted_from(asked_for, source_names, people, lead=lead)
except WinnowError as error:
    problem = str(error)
if problem:
    view, wanted, aside = view if view in VIEWS else "one", Wanted(), False

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
}
for name, value in chosen.items():
    st.session_state[f"review-{name}"] = value  # the address is what counts, the controls show it

with st.container(key="review-head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    with st.container(width="content", gap="small"):
        guide = "What is a good mask?" if reviewer in people else "New here? What a good mask is"
        header("Review", "Does the tint cover all of the hair, and nothing else?", ("/guide", guide))
    if known.examples:
        with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small"):
            st.segmented_control(
                "View", list(VIEWS), format_func=VIEWS.__getitem__, key="review-view", label_visibility="collapsed",
                required=True, on_change=to_address,
            )  # fmt: skip
            with st.popover("Order and filters", icon=":material/tune:"):
                choose("order", "Order", ORDERS)
                choose("show", "Show", {key: label for key, label in SHOWS.items() if lead or key != ShowFilter.disputed.value})
                choose("source", "Source", source_names, "Every source")
                choose("split", "Split", SPLITS, "Every split")
                choose("reason", "Rejected because", REASONS, "Whatever was said")
                choose("reviewer", "Judged by", {name: name for name in people}, "Whoever judged")

if problem:
    st.warning(f"{problem} So no filter is set.")
narrowed = [
    "" if wanted.order is Order.doubt else ORDERS[wanted.order.value],
    "" if show == USUAL["show"] or (wanted.show is ShowFilter.open and not aside) else SHOWS[show],
    "" if wanted.source is None else f"from {source_names[str(wanted.source)]}",
    "" if wanted.split is None else f"{wanted.split} split",
    "" if wanted.reason is None else f"rejected: {REASONS[wanted.reason.value].lower()}",
    "" if wanted.reviewer is None else f"judged by {wanted.reviewer}",
]
if any(narrowed) or problem:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="review-narrowed"):
        if any(narrowed):
            st.html(f'<p class="winnow-narrowed">{escape(" · ".join(filter(None, narrowed)))}</p>', width="content")
        st.button("Clear", type="tertiary", on_click=clear, args=(view,))

if not known.examples:
    empty_state("There is nothing to review yet: no picture has come in.", "Bring pictures in", "ingest")
elif aside:
    show_faceless(wanted.source)
else:
    asked = {name: value for name, value in asdict(wanted).items() if value is not None}
    (grid if view == "grid" else deck)(reviewer, asked, lead=lead)
    st.caption(
        "Keys work as soon as the page is open. A verdict counts once the server has stored it; "
        "what it hasn't stays in this browser and is sent again."
    )
