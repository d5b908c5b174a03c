"""The browser components: each is a folder with its own .html, .js and .css, read as they are; no build."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str, *parts: str) -> ComponentRenderer:
    """Register the component of that folder, its styles isolated.

    Before its own script come `shared.js` and then those of `parts`, named without an ending ("outbox", "deck/stage"): one
    module, so that what a script declares is known to those after it. So with the styles, for a part that has some.
    """
    pieces = ["shared", *parts, f"{name}/{name}"]
    return st.components.v2.component(
        f"winnow_{name}",
        html=_text(f"{name}/{name}.html"),
        css="".join(_text(f"{piece}.css") for piece in pieces if (HERE / f"{piece}.css").exists()),
        js="".join(_text(f"{piece}.js") for piece in pieces),
        isolate_styles=True,
    )


def _text(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")
