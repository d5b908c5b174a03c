"""What is a good mask: two screens of pictures, which a lead can change."""

from collections.abc import Iterable
from html import escape

import streamlit as st

from curator.app.frame import HERE, REASONS, drawn_note, gallery, header
from curator.app.guard import current_reviewer, leads
from curator.app.state import engine
from curator.review.guide import BAD_TEXTS, GOOD_TEXTS, Lesson, candidates, choose, lessons
from curator.review.reasons import KEYS
from curator.review.reviewers import reviewer_called
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Reason

SCREENS = {"keep": "Keep these", "reject": "Reject these"}


def show(found: Iterable[Lesson], verdict: str) -> None:
    """The pictures of a screen, each with its key and what to see in it."""
    parts = []
    for lesson in found:
        key, title = ("K", "Keep") if verdict == "keep" else (KEYS[Reason(lesson.place)], REASONS[lesson.place])
        parts.append(
            f'<figure data-place="{lesson.place}"><img src="/pictures/guide/{lesson.place}?v={lesson.version}" '
            f'alt="{escape(title)}: {escape(lesson.words)}"><figcaption><b><kbd>{key}</kbd> {title}</b> {escape(lesson.words)}'
            "</figcaption></figure>"
        )
    st.html(f'<div class="winnow-guide {verdict}">{"".join(parts)}</div>')


def change(lesson: Lesson, title: str) -> None:
    """Let a lead choose another picture for a place."""
    with reading(engine()) as session:
        choices = candidates(session, lesson.place, 24)
    names = {example.id: f"{example.id} · {example.submission.photo_name}" for example in choices}
    if lesson.example is not None:
        names.setdefault(lesson.example.id, f"{lesson.example.id} · {lesson.example.submission.photo_name}")
    with st.form(f"change-{lesson.place}", border=False):
        gallery([((each.image_sha256, each.mask_sha256), names[each.id]) for each in choices], wide="9rem")
        current = None if lesson.example is None else lesson.example.id
        options = [None, *names]
        example = st.selectbox(
            "Picture",
            options,
            index=options.index(current),
            format_func=lambda number: "the drawn picture" if number is None else names[number],
        )
        words = st.text_input("What to see in it", value=lesson.words, max_chars=200)
        if st.form_submit_button(f"Show this under “{title}”", type="primary"):
            try:
                with writing(engine()) as session:
                    choose(session, reviewer_called(session, current_reviewer()).id, lesson.place, example, words, utc_now())
            except WinnowError as error:
                st.error(str(error))
            else:
                st.rerun()


header(
    "What is a good mask?",
    "Two screens. The network forgives a coarse edge; it does not forgive hair that is called background.",
)
with reading(engine()) as session:
    known = lessons(session)
screen = st.query_params.get("screen", "keep")
if screen not in SCREENS:
    screen = "keep"
with st.container(horizontal=True):
    for each, label in SCREENS.items():
        if st.button(label, type="primary" if each == screen else "secondary"):
            st.query_params["screen"] = each
            st.rerun()
places = GOOD_TEXTS if screen == "keep" else BAD_TEXTS
show([known[place] for place in places], screen)
drawn_note(sum(known[place].example is None for place in places))
if screen == "keep":
    if st.button("Next: what to reject"):
        st.query_params["screen"] = "reject"
        st.rerun()
elif st.button("Start reviewing"):
    st.switch_page(HERE.format("review"))
if leads(current_reviewer()):
    with st.expander("Change the pictures of this screen"):
        titles = {place: f"Good, {place[-1]}" for place in GOOD_TEXTS} | REASONS
        chosen: str = st.selectbox("Place", list(places), format_func=lambda place: titles[place])
        change(known[chosen], titles[chosen])
