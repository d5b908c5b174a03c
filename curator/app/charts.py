"""How charts, shares and times are written and drawn; colours that everybody can distinguish on light and on dark."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import altair as alt
import streamlit as st

from curator.ingest.pace import lasting

# Okabe and Ito's palette (2008) for every kind of colour vision, without the two colours that vanish on white or black.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
OTHERS = "#8b8692"
PERCENT = "format(100 * datum.value, '.0f') + ' %'"  # for the labels of an axis


def colours(names: Sequence[str]) -> alt.Scale:
    """A colour for each of the first six names; the others are grey."""
    return alt.Scale(domain=list(names), range=[*COLOURS, *[OTHERS] * len(names)][: len(names)])


def chart(drawn: alt.Chart | alt.LayerChart, *, height: int, says: str) -> None:
    """Show a chart of full width in the theme's colours; `says` describes it for screen readers."""
    st.altair_chart(drawn.properties(height=height), width="stretch", alt=says)


def zone() -> tzinfo:
    """The time zone of the user's browser; UTC if it is missing or unknown."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; a dash for None."""
    return "—" if share is None else f"{100 * share:.0f} %"


def day(at: datetime, clock: tzinfo) -> str:
    """A date in words: "3 Feb 2026"."""
    local = at.astimezone(clock)
    return f"{local.day} {local:%b %Y}"


def ago(span: timedelta) -> str:
    """How long ago something was: "just now", "12 min ago", "3 days ago"."""
    if span < timedelta(minutes=1):
        return "just now"
    if span < timedelta(days=2):
        return f"{lasting(span)} ago"
    return f"{span.days:,} days ago"
