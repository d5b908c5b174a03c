"""How numbers, shares, dates and time spans are written on the pages."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from curator.ingest.pace import duration_in_words


def pluralise(number: int, noun: str) -> str:
    """A number with its noun: "1 run", "2,000 runs"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def browser_zone() -> tzinfo:
    """The time browser_zone of the user's browser; UTC if it is missing or unknown."""
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
        return f"{duration_in_words(span)} ago"
    return f"{span.days:,} days ago"
