"""What a good mask is: two screens of pictures, which a lead can change."""

from collections.abc import Iterable

import streamlit as st

from curator.app.frame import PAGE_FILE, REASONS, drawn_note, gallery, header, show_error
from curator.app.guard import current_reviewer, leads
from curator.app.state import engine
from curator.markup import render
from curator.review.guide import BAD_TEXTS, GOOD_TEXTS, Lesson, candidates, choose, lessons
from curator.review.reviewers import reviewer_called
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading, writing

SCREENS = {"keep": "Keep these", "reject": "Reject these"}
FIGURES = """
<div class="winnow-guide {{ screen }}">
{% for lesson, key, title in figures %}
<figure data-place="{{ lesson.place }}">
  <img src="/pictures/guide/{{ lesson.place }}?v={{ lesson.version }}" alt="{{ title }}: {{ lesson.words }}">
  <figcaption><b><kbd>{{ key }}</kbd> {{ title }}</b> {{ lesson.words }}</figcaption>
</figure>
{% endfor %}
</div>
"""


def show_pictures(found: Iterable[Lesson], screen: str) -> None:
    """Show the pictures of a screen, each with its key and its caption."""
    figures = []
    for number, lesson in enumerate(found, start=1):
        key, title = ("K", "Keep") if screen == "keep" else (str(number), REASONS[lesson.place])
        figures.append((lesson, key, title))
    st.html(render(FIGURES, screen=screen, figures=figures))


def picture_form(lesson: Lesson, title: str) -> None:
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
        words = st.text_input("Caption", value=lesson.words, max_chars=200)
        if st.form_submit_button(f"Show this under “{title}”", type="primary"):
            try:
                with writing(engine()) as session:
                    choose(session, reviewer_called(session, current_reviewer()).id, lesson.place, example, words, utc_now())
            except WinnowError as error:
                show_error(error)
            else:
                st.rerun()


header(
    "What is a good mask?",
    "Two screens: what to keep, what to reject. What is nearly right can be fixed. The network tolerates a coarse edge, "
    "but not hair marked as background.",
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
show_pictures([known[place] for place in places], screen)
drawn_note(sum(known[place].example is None for place in places))
if screen == "keep":
    if st.button("Next: what to reject"):
        st.query_params["screen"] = "reject"
        st.rerun()
elif st.button("Start reviewing"):
    st.switch_page(PAGE_FILE.format("review"))
if leads(current_reviewer()):
    with st.expander("Change the pictures of this screen"):
        titles = {place: f"Good, {place[-1]}" for place in GOOD_TEXTS} | REASONS
        chosen: str = st.selectbox("Place", list(places), format_func=lambda place: titles[place])
        picture_form(known[chosen], titles[chosen])
