"""The browser components: each is a folder with its own .html, .js and .css, read as they are; no build."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str) -> ComponentRenderer:
    """Register the component of that folder, with `shared.js` and `shared.css` before its own; isolated styles."""
    return st.components.v2.component(
        f"winnow_{name}",
        html=_text(f"{name}/{name}.html"),
        css=_text("shared.css") + _text(f"{name}/{name}.css"),
        js=_text("shared.js") + _text(f"{name}/{name}.js"),
        isolate_styles=True,
    )


def _text(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")
