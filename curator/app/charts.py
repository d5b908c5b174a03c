"""How the parts draw: colours that everybody can tell apart on light and on dark, the reader's clock, words for times."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import altair as alt
import streamlit as st

from curator.ingest.pace import duration_in_words

# Okabe and Ito's (2008), made for every kind of colour vision, without the two that vanish on white or on black.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
OTHERS = "#8b8692"
PERCENT = "format(100 * datum.value, '.0f') + ' %'"  # for the labels of an axis


def colours(names: Sequence[str]) -> alt.Scale:
    """A colour for each name; what comes after the sixth is grey."""
    return alt.Scale(domain=list(names), range=[*COLOURS, *[OTHERS] * len(names)][: len(names)])


def chart(drawn: alt.Chart | alt.LayerChart, *, height: int, says: str) -> None:
    """A chart of the full width, in the colours of the theme, with words that say what it shows to who can't see it."""
    st.altair_chart(drawn.properties(height=height), width="stretch", alt=says)


def zone() -> tzinfo:
    """The time zone of the reader's browser; UTC where it says none that we know."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; a dash for none."""
    return "—" if share is None else f"{100 * share:.0f} %"


def day(at: datetime, clock: tzinfo) -> str:
    """A date as people say it: "3 Feb 2026"."""
    local = at.astimezone(clock)
    return f"{local.day} {local:%b %Y}"


def ago(span: timedelta) -> str:
    """How long ago something was: "just now", "12 min ago", "3 days ago"."""
    if span < timedelta(minutes=1):
        return "just now"
    if span < timedelta(days=2):
        return f"{duration_in_words(span)} ago"
    return f"{span.days:,} days ago"
