"""How charts are drawn: a palette that everybody can distinguish on light and on dark, at full width, with a description."""

from collections.abc import Sequence

import altair as alt
import streamlit as st

# Okabe and Ito's palette (2008) for every kind of colour vision, without the two colours that vanish on white or black.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
GREY = "#8b8692"
PERCENT_LABEL = "format(100 * datum.value, '.0f') + ' %'"  # for the labels of an axis


def colours(names: Sequence[str]) -> alt.Scale:
    """A colour for each of the first six names; the others are grey."""
    return alt.Scale(domain=list(names), range=[*PALETTE, *[GREY] * len(names)][: len(names)])


def show_chart(drawn: alt.Chart | alt.LayerChart, *, height: int, description: str) -> None:
    """Show a chart of full width in the theme's colours; `description` describes it for screen readers."""
    st.altair_chart(drawn.properties(height=height), width="stretch", alt=description)
