"""What the values of a zip's masks mean, on the Ingest page: four photos tinted as it is understood, and a choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from curator.ingest.previews import Preview, load
from curator.pictures.census import Value
from curator.pictures.meaning import NOTHING_ASKED, Asked, Meaning
from curator.pictures.tint import greyed, tinted

VALUES = {"--hair", "--skin", "--unknown", "--inverted"}  # options that are one answer together


def ask_for_meaning(upload: Path, told: dict[str, Any], key: str) -> Asked:
    """Show how the values are understood, and a choice of what else they may mean; returns what was chosen, if anything.

    `told` is the result of a job that looked at all of the masks: its `values` with their counts, and its `meaning` in words,
    or why it is `unclear`. `upload` has the previews beside it.
    """
    counted: dict[Value, tuple[int, float]] = {value: (masks, share) for value, masks, share in told["values"]}
    if told["unclear"]:
        st.warning(f"{told['unclear']} Choose below; nothing has come in yet.")
    elif told["meaning"]:
        st.caption(f"**Masks:** {told['meaning']}.")
    chosen = _choice(counted, "Choose" if told["unclear"] else "As understood", key) if counted else NOTHING_ASKED
    previews = load(upload)
    meaning = _meaning(told, chosen)
    for column, preview in zip(st.columns(4), previews, strict=False):
        column.image(_shown(preview, meaning, list(counted)), width="stretch")
    if previews:
        st.caption("Blue is what would come in as hair" + ("; grey is left out." if meaning.unknown else "."))
    return chosen


def options(asked: Asked) -> list[str]:
    """The options of the command that say the same."""
    named = (("hair", asked.hair), ("skin", asked.skin), ("unknown", asked.unknown))
    return [f"--{name}={value}" for name, values in named for value in values] + ["--inverted"] * asked.inverted


def answered(arguments: Sequence[str], more: Sequence[str]) -> list[str]:
    """The arguments of an ingest that stopped to ask, with these options for those of the same kind that it had.

    >>> answered(["ingest", "a.zip", "--crop=face", "--hair=1", "--hair=2"], ["--hair=3"])
    ['ingest', 'a.zip', '--crop=face', '--hair=3']
    """
    said = {option.partition("=")[0] for option in more}
    said |= VALUES if said & VALUES else set()
    return [*(each for each in arguments if each.partition("=")[0] not in said), *more]


def is_answered(told: dict[str, Any], asked: Asked) -> bool:
    """Whether nothing has to be asked any more."""
    return told["unclear"] is None or bool(asked.hair) or asked.inverted


def why_not_ingest(told: dict[str, Any], asked: Asked) -> str | None:
    """Why a source can't be ingested as it is understood so far, in a sentence; None if it can."""
    if told.get("photos") == 0:
        return "There is no photo with a mask in it."
    return None if is_answered(told, asked) else "Say first what the values of its masks mean."


def _choice(counted: dict[Value, tuple[int, float]], placeholder: str, key: str) -> Asked:
    def label(value: Value) -> str:
        masks, share = counted[value]
        return f"{value}  ({share:.1%} of {masks:,} masks)"

    hair_side, left_side, inverted_side = st.columns([2, 2, 1], vertical_alignment="bottom")
    hair = hair_side.multiselect("Hair is", list(counted), format_func=label, key=f"{key}-hair", placeholder=placeholder)
    rest = [value for value in counted if value not in hair]
    unknown = left_side.multiselect(
        "Left out is",
        rest,
        format_func=label,
        key=f"{key}-unknown",
        placeholder="Nothing",
        help="Pixels of which the masks say nothing, such as the band of a trimap: no training and no measure counts them.",
    )
    inverted = inverted_side.checkbox("Black is hair", key=f"{key}-inverted", disabled=bool(hair))
    return Asked(tuple(hair), (), tuple(unknown), inverted and not hair)


def _meaning(told: dict[str, Any], chosen: Asked) -> Meaning:
    if chosen != NOTHING_ASKED:
        return Meaning((), chosen.hair, chosen.skin, chosen.unknown, chosen.inverted)
    return Meaning.from_row(told["understood"]) or Meaning()


def _shown(preview: Preview, meaning: Meaning, values: list[Value]) -> np.ndarray:
    return greyed(tinted(preview.photo, preview.hair(meaning, values)), preview.unknown(meaning, values))
