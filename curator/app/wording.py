"""How numbers, shares, dates, time spans and strangers' words are written on the pages."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from curator.ingest.pace import duration_in_words

WORD_JOINER = "\u2060"  # invisible, and of no width


def browser_zone() -> tzinfo:
    """The time browser_zone of the user's browser; UTC if it is missing or unknown."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def literal(text: str) -> str:
    """Text that Streamlit's Markdown shows as it is: for names of files and people, for what a file says, for messages.

    Nothing in it becomes a picture, a link, a formula, an icon or a colour; only what stands between two backticks is still
    set as code. Addresses and e-mail addresses are no links either: an invisible word joiner breaks them.

    >>> literal("![x](y) `--job 1`")
    '\\\\!\\\\[x\\\\]\\\\(y\\\\) `--job 1`'
    """
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if at % 2 else _escaped(part) for at, part in enumerate(parts))


def _escaped(text: str) -> str:
    joined = re.sub(r"(?i)(:(?=\S)|www(?=\.)|\S(?=@)|[-<>=](?=[-<>=]))", f"\\1{WORD_JOINER}", text)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", joined)


def acting_on(action: str, name: str) -> str:
    """A button's label that shows the action alone, and tells a screen reader what it acts on: for buttons in a list."""
    return f"{action} :gray[{literal(name)}]"


def percent(share: float | None) -> str:
    """A share, 0 to 1, in percent; a dash for None."""
    return "—" if share is None else f"{100 * share:.0f} %"


def day(at: datetime, clock: tzinfo) -> str:
    """A date in words: "3 Feb 2026"."""
    local = at.astimezone(clock)
    return f"{local.day} {local:%b %Y}"


def moment(at: datetime, clock: tzinfo) -> str:
    """A day and a time in words: "3 Feb 2026, 14:02"."""
    return f"{day(at, clock)}, {at.astimezone(clock):%H:%M}"


def ago(span: timedelta) -> str:
    """How long ago something was: "just now", "12 min ago", "3 days ago"."""
    if span < timedelta(minutes=1):
        return "just now"
    if span < timedelta(days=2):
        return f"{duration_in_words(span)} ago"
    return f"{span.days:,} days ago"
