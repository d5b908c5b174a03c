"""Why examples were rejected: the reasons by source, and for leads by contributor, as bars."""

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from curator.app.charts import GREY, PALETTE, show_chart
from curator.app.frame import REASONS
from curator.app.state import cached_by_cost, engine
from curator.plural import pluralise
from curator.review.rejections import By, Rejections, rejections
from curator.runs.results import source_names
from db.session import reading
from db.tables import Reason

MOST = 10  # bars; the others are one more
BY: dict[By, str] = {"source": "By source", "contributor": "By contributor"}
NOBODY = "(no contributor named)"


@cached_by_cost
def _rejections(engine: Engine, by: By) -> tuple[Rejections, dict[int, str]]:
    """The rejections, and short names of all sources."""
    with reading(engine) as session:
        return rejections(session, by, MOST), source_names(session)


def show_rejections(lead: bool) -> None:
    """Show the reasons as bars. By contributor for leads alone: who knows whose masks are bad judges no longer blind."""
    with st.container(horizontal=True, vertical_alignment="top", horizontal_alignment="distribute"):
        st.header("Why examples are rejected", anchor=False, width="content")
        chosen: By = "source"
        if lead:
            chosen = st.segmented_control(
                "Rejections",
                list(BY),
                format_func=BY.__getitem__,
                default="source",
                required=True,
                label_visibility="collapsed",
            )
    found, sources = _rejections(engine(), chosen)
    if not found.most:
        st.caption("No example is rejected.")
        return
    rows = rows_of(found, chosen, sources)
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    given = [reason for reason in REASONS.values() if any(row["reason"] == reason for row in rows)]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=180, ticks=False))
    )
    bars = base.mark_bar(height={"band": 0.6}).encode(
        x=alt.X("examples:Q", title="rejected examples", axis=alt.Axis(tickMinStep=1)),
        order=alt.Order("place:Q"),
        color=alt.Color(
            "reason:N",
            sort=given,
            scale=alt.Scale(domain=given, range=[*PALETTE, GREY][: len(given)]),
            legend=alt.Legend(title=None, orient="top", columns=3, labelLimit=160),
        ),
        tooltip=["name", "reason", alt.Tooltip("examples", format=","), alt.Tooltip("of", title="of all")],
    )
    height = 36 * len(names) + 170  # with the legend and the axis
    show_chart(bars, height=height, description=f"Rejected examples {BY[chosen].lower()}, by reason")
    st.caption("Each rejected or disputed example once, with the reason that was given last.")


def rows_of(found: Rejections, by: By, sources: Mapping[int, str]) -> list[dict[str, str | int]]:
    """The bars' parts: the name, the reason, how many examples, and how many of theirs are rejected, in words."""
    names = [sources[one.number or 0] if by == "source" else one.name or NOBODY for one in found.most]
    every = [
        (name, one.reasons, f"{one.total:,} of {one.judged:,} judged") for name, one in zip(names, found.most, strict=True)
    ]
    if found.others:
        label = pluralise(found.others, f"other {by}")
        every.append((label, found.rest, pluralise(sum(found.rest.values()), "rejected example")))
    return [
        {"name": name, "reason": REASONS[reason.value], "examples": reasons[reason], "of": words, "place": place}
        for name, reasons, words in every
        for place, reason in enumerate(Reason)
        if reason in reasons
    ]
