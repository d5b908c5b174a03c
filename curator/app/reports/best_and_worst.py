"""The best and the worst examples of a report; the worst can be sent back to review, or to be touched up."""

import streamlit as st

from curator.app.frame import action, gallery, show_error
from curator.app.guard import check_lead, current_reviewer, leads
from curator.app.state import engine
from curator.app.wording import literal
from curator.plural import pluralise
from curator.review.reopening import reopening_reasons, send_back
from curator.review.reviewers import reviewer_called
from curator.runs import results
from curator.runs.figures import number
from curator.runs.results import ReportRow
from curator.touchup.begin import request, requested
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading, writing
from trainer.measures import ALL, Measure

COUNTS = [6, 12, 24]  # numbers to choose from, for the best and for the worst
TITLES = {measure.name: measure.title for measure in ALL}


def caption(row: ReportRow, measure: Measure) -> str:
    """An example in one line: its photo and its value of the measure."""
    more = "" if measure.name == "f1" else f" · F1 {number(row.values['f1'])}"
    return f"{row.photo} · {measure.title} {number(row.values[measure.name])}{more}"


@st.fragment
def best_and_worst(run: int, found: list[ReportRow]) -> None:
    """Show the best and the worst examples; the worst can be sent back to review, or to be touched up."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Best and worst by", list(TITLES), format_func=TITLES.__getitem__, width=240)
        count = st.segmented_control("Number of each", COUNTS, default=COUNTS[0], required=True)
    measure = next(each for each in ALL if each.name == name)
    ordered = results.best_first(found, measure)
    half = min(count, (len(ordered) + 1) // 2)
    if not ordered:
        st.caption(f"No example of this report has a value for {measure.title}.")
        return
    best, worst = st.columns(2, gap="large")
    with best:
        st.header("Best", anchor=False)
        st.caption("Photo, mask, matte")
        gallery([([one.image, one.mask, one.matte], caption(one, measure)) for one in ordered[:half]], wide="18rem")
    with worst:
        st.header("Worst", anchor=False)
        st.caption("Photo, mask, matte. If the mask is wrong, send the example back to review, or to be touched up.")
        send_back_form(run, ordered[half:][::-1][:half], measure)


def send_back_form(run: int, worst: list[ReportRow], measure: Measure) -> None:
    """Show the worst examples, each with a checkbox, and buttons to send the ticked ones to review or touch-up."""
    reviewer = current_reviewer()
    may = leads(reviewer)
    with reading(engine()) as session:
        examples = [one.example for one in worst]
        waiting, to_touch_up = reopening_reasons(session, examples), requested(session, examples)
    ticked = []
    places = st.columns(2)
    for at, one in enumerate(worst):
        with places[at % 2]:
            gallery([([one.image, one.mask, one.matte], caption(one, measure))], wide="18rem")
            if one.example in waiting:
                st.caption("Waiting on the Review page.")
            elif one.example in to_touch_up:
                st.caption("Waiting on the Touch-up page.")
            elif st.checkbox(f"Choose {literal(one.photo)}", key=f"back-{one.example}", disabled=not may):
                ticked.append(one.example)
    chosen = pluralise(len(ticked), "example")
    why_not = None if ticked else "Tick the examples first." if may else "Only a lead may send examples back."
    with st.container(horizontal=True, vertical_alignment="center"):
        back = st.button(f"{chosen} back to review" if ticked else "Back to review", disabled=not ticked)
        again = action(f"Touch up {chosen}" if ticked else "Touch up", why_not)
    if back or again:
        try:
            check_lead(reviewer)
            with writing(engine()) as session:
                if back:
                    sent = send_back(session, ticked, reviewer, run, utc_now())
                else:
                    sent = request(session, reviewer_called(session, reviewer).id, ticked, run, utc_now())
        except WinnowError as error:
            show_error(error)
            return
        message = sent_back_message if back else touch_up_message
        st.session_state["sent-back"] = message(len(sent), len(ticked) - len(sent))
        st.rerun(scope="fragment")
    if message := st.session_state.pop("sent-back", None):
        st.success(message)


def touch_up_message(sent: int, lost: int) -> str:
    """The message after examples were sent to be touched up; `lost` of them are no longer approved, or erased."""
    left = f" {pluralise(lost, 'example')} can't be: only approved ones are touched up." if lost else ""
    waits = "waits" if sent == 1 else "wait"
    return f"{pluralise(sent, 'example')} {waits} on the Touch-up page. Curated sets stay as they were frozen.{left}"


def sent_back_message(sent: int, lost: int) -> str:
    """The message after examples were sent back; `lost` of them no longer exist."""
    gone = f" {pluralise(lost, 'example')} could not be found and may have been erased." if lost else ""
    return (
        f"{pluralise(sent, 'example')} {'is' if sent == 1 else 'are'} open for review again. "
        "Earlier verdicts no longer count, but stay on record. "
        f"Curated sets stay as they were frozen.{gone}"
    )
