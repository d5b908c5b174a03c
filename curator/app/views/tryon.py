"""Recolour a photo with the exported file that a phone would run: before and after."""

import streamlit as st

from curator.app.frame import drawn_note, empty_state, header, show_error
from curator.app.state import engine, settings, store
from curator.pictures.codec import decode_photo
from curator.pictures.pair import read_photo
from curator.runs import results
from curator.runs.tryon import recolour_photo
from db.errors import WinnowError
from db.session import reading

HAIR_COLOURS = {
    "Violet": "#7b2fbe",
    "Copper": "#c2571a",
    "Rose": "#d9508a",
    "Teal": "#0d8a8a",
    "Platinum": "#d8c9a8",
    "Raven": "#1c1a22",
}

header("Try-on", "Recolours a photo with the LiteRT file that a phone runs, not with the training network.")
with reading(engine()) as session:
    proven = [one for one in results.exports(session) if one.format == "litert" and results.is_proven(one)]
if not proven:
    empty_state("Try-on needs a LiteRT file that is proven against its run.", "Make one", "export")
    st.stop()

controls, pictures = st.columns([1, 3], gap="large")
with controls:
    export = st.selectbox("File", proven, format_func=lambda one: f"Run {one.run_id}, LiteRT {one.precision}")
    with reading(engine()) as session:
        shown = results.tryon_examples(session, export.run_id)
    upload = st.file_uploader(
        "Your photo (it is not stored)", type=["jpg", "jpeg", "png", "webp", "heic", "heif", "avif"], max_upload_size=64
    )
    chosen = st.selectbox(
        "Or an example",
        shown,
        format_func=lambda one: one.submission.photo_name,
        disabled=upload is not None,
        help="Of the set that the file’s run was trained on, but none that it learned from.",
        key=f"example-of-run-{export.run_id}",
    )
    if upload is not None:
        st.caption("Remove your photo to choose an example.")
    colour_name = st.selectbox("Colour", [*HAIR_COLOURS, "Custom"])
    colour = st.color_picker("Custom colour", "#7b2fbe") if colour_name == "Custom" else HAIR_COLOURS[colour_name]
    strength = st.slider("Strength", 0, 100, 80, format="%d%%")
with pictures:
    if upload is None and chosen is None:
        st.info("Choose a photo.")
        st.stop()
    try:
        photo = read_photo(upload.getvalue(), settings().limits) if upload else decode_photo(store().get(chosen.image_sha256))
        tried = recolour_photo(settings().exported(export.file), photo, colour, strength / 100, cropped=upload is None)
    except WinnowError as error:
        show_error(error)
        st.stop()
    before, after = st.columns(2)
    before.image(photo, caption="Before", width="stretch", alt="the photo as it is")
    after.image(tried.photo, caption=f"After: {colour}", width="stretch", alt="the photo with recoloured hair")
    with st.expander("The matte"):
        st.image(tried.matte, width=420, clamp=True, alt="the matte")
drawn_note(int(upload is None and chosen is not None and chosen.submission.drawn))
