"""The browser components: each is a folder with its own .html, .js and .css, read as they are, once; no build."""

import re
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from curator.pictures.tint import EDGE, FILL, FILL_ALPHA, OTHER_TINTS
from curator.review.progress import (
    CURRENT_SECONDS,
    ENOUGH_SECONDS,
    ENOUGH_VERDICTS,
    FORECAST_SECONDS,
    LEAST_SECONDS,
    PAUSE_SECONDS,
)
from curator.review.reasons import KEYS, LABELS
from db.tables import CROP_SIDE

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^{}]*\} from "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) )", re.MULTILINE)

# What several components are given as data: as types.d.ts there names it.
TINT = {"fill": [*FILL, FILL_ALPHA], "edge": [*EDGE, 255]}
REVIEWING = {
    "side": CROP_SIDE,
    "tints": [
        {"name": name, "label": f"{name.capitalize()} tint", "fill": [*fill, FILL_ALPHA], "edge": [*edge, 255]}
        for name, (fill, edge) in {"azure": (FILL, EDGE), **OTHER_TINTS}.items()
    ],
    "reasons": [{"name": reason.value, "label": label, "key": KEYS.get(reason)} for reason, label in LABELS.items()],
    "pace": {
        "pause_ms": 1000 * PAUSE_SECONDS,
        "recent_ms": 1000 * CURRENT_SECONDS,
        "forecast_ms": 1000 * FORECAST_SECONDS,
        "least_ms": 1000 * LEAST_SECONDS,
        "enough_ms": 1000 * ENOUGH_SECONDS,
        "enough": ENOUGH_VERDICTS,
    },
}


def component(name: str) -> ComponentRenderer:
    """Register the component of that folder, its styles isolated. Pages do this on every run."""
    html, css, js = _parts(name)
    return st.components.v2.component(f"winnow_{name}", html=html, css=css, js=js, isolate_styles=True)


@cache
def _parts(name: str) -> tuple[str, str, str]:
    """HTML, styles and script of the component of that folder.

    Its script is a module that imports others of this folder. Streamlit takes one script and one style sheet for each
    component, so they are joined: see `joined`.
    """
    scripts = scripts_of(HERE / name / f"{name}.js")
    styles = [script.with_suffix(".css") for script in scripts]
    css = "".join(_text(style) for style in styles if style.exists())
    return _text(HERE / name / f"{name}.html"), css, joined(scripts)


def scripts_of(script: Path) -> list[Path]:
    """The script and all that it imports, directly or through others: each once, after those that it imports."""
    found: dict[Path, None] = {}  # in the order in which they were added

    def add(one: Path) -> None:
        for other in IMPORT.findall(_text(one)):
            add((one.parent / other).resolve())
        found[one] = None

    add(script.resolve())
    return list(found)


def joined(scripts: list[Path]) -> str:
    """The scripts as one module: without the imports, and with the last one's default export as the only export.

    So no two scripts of a component may declare the same name, and none may rename what it imports.
    """
    return "".join(EXPORT.sub("", IMPORT.sub("", _text(script))) for script in scripts)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
