"""The browser components: each is a folder with its own .html, .js and .css, read as they are; no build."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str, *scripts: str) -> ComponentRenderer:
    """Register the component of that folder, its styles isolated.

    Before its own script come `shared.js` and then `scripts`, named without .js ("outbox", "deck/stage"): one module, so
    that what a script declares is known to those after it. `shared.css` comes before its own styles.
    """
    return st.components.v2.component(
        f"winnow_{name}",
        html=_text(f"{name}/{name}.html"),
        css=_text("shared.css") + _text(f"{name}/{name}.css"),
        js="".join(_text(f"{script}.js") for script in ("shared", *scripts, f"{name}/{name}")),
        isolate_styles=True,
    )


def _text(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")
