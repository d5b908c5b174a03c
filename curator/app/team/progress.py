"""Progress of reviewing: pace, what is left, sources and reviewers side by side, and CSV files of all of it."""

from datetime import datetime, timedelta, tzinfo
from pathlib import PurePath
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from streamlit.delta_generator import DeltaGenerator

from curator.app.charts import GREY, PALETTE, PERCENT_LABEL, colours, show_chart
from curator.app.frame import empty_state, table
from curator.app.guard import DOWNLOAD, token_for
from curator.app.routes import VERDICT_LOG
from curator.app.state import cached_by_cost, engine, flow_now
from curator.app.team.rejections import show_rejections
from curator.app.team.touchups import show_touch_ups
from curator.app.wording import ago, browser_zone, percent
from curator.ingest.pace import duration_in_words, roughly
from curator.markup import render
from curator.plural import pluralise
from curator.review import progress
from curator.review.gold import gold_tries, hit_rates
from curator.review.reviewers import decided
from curator.spreadsheet import as_csv
from db.jobs import utc_now
from db.session import reading

PERIODS: dict[str, tuple[progress.Period, int, str]] = {
    "Hours": ("hour", 48, "%a %H:00"),
    "Days": ("day", 30, "%d %b"),
}
EVERYBODY_ELSE = "others"
TOO_EARLY = f"told after {progress.ENOUGH_VERDICTS} verdicts in {duration_in_words(timedelta(seconds=progress.ENOUGH_SECONDS))}"
LOG_LINK = '<a class="winnow-download" href="{{ address }}" download>{{ label }} as CSV</a>'


@cached_by_cost
def _activity(engine: Engine) -> dict[str, progress.Times]:
    with reading(engine) as session:
        return progress.activity(session, utc_now() - progress.WINDOW)


@cached_by_cost
def _sources(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as session:
        return progress.source_progress(session)


@cached_by_cost
def _reviewers(engine: Engine, lead: bool) -> list[dict[str, Any]]:
    with reading(engine) as session:
        given, opinions = decided(session), progress.ratings(session)
        golds = hit_rates(gold_tries(session)) if lead else None
    return progress.side_by_side(given, _activity(engine), progress.agreement_with_others(opinions), golds)


def show_progress(reviewer: str, lead: bool) -> None:
    """Show the progress of reviewing; hit rates and others' verdicts only to a lead."""
    rows = _reviewers(engine(), lead)
    if not rows:
        empty_state("Nobody has given a verdict yet, so there is no progress to show.", "Review some examples", "review")
        return
    _live_figures()
    verdicts, kept = st.columns([3, 2], gap="large")
    with verdicts:
        _verdicts_over_time(_activity(engine()))
    with kept:
        _keep_rates(_sources(engine()))
    st.header("Reviewers", anchor=False)
    _reviewer_table(rows)
    _downloads(rows, reviewer, lead)
    show_rejections(lead)
    show_touch_ups()


@st.fragment(run_every="10s")
def _live_figures() -> None:
    """The figures that change while people review."""
    now, clock, left = utc_now(), browser_zone(), flow_now(engine()).verdicts.open
    team = progress.merged_times(_activity(engine()))
    lately = progress.measure_pace(progress.newest_activity(team, progress.FORECAST_SECONDS))
    today = progress.measure_pace(progress.not_before(team, progress.midnight(now, clock)))
    last = datetime.fromtimestamp(float(team[-1]), clock) if len(team) else None
    coming = progress.forecast(left, lately, last, now)
    pace = progress.measure_pace(progress.newest_activity(team, progress.CURRENT_SECONDS))
    places = st.columns(4)
    _figure(
        places[0],
        "Verdicts per minute",
        _rate(pace.per_minute),
        _measured_when(pace, now - last) if last else "none in 30 days",
    )
    _figure(
        places[1],
        "Verdicts today",
        f"{today.verdicts:,}",
        _since_midnight(today),
    )
    _figure(places[2], "Left to review", f"{left:,}", "examples without a verdict")
    if coming:
        done = _clock(coming.done_at, now, clock) if coming.done_at else "nobody is reviewing now"
        _figure(places[3], "Time left", roughly(coming.work).removeprefix("about "), done)
    else:
        _figure(
            places[3],
            "Time left",
            "—" if left else "none",
            TOO_EARLY if left else "every example is judged",
        )
    basis = (
        f"The time left is told at the pace of the last {duration_in_words(coming.basis)} of reviewing: "
        f"{_rate(lately.per_minute)} per minute by all reviewers together, without pauses. "
        "Second opinions and control examples are extra. "
        if coming
        else ""
    )
    st.caption(f"{basis}What was taken back, or replaced by a reviewer’s later verdict, counts neither here nor below.")


def _figure(place: DeltaGenerator, label: str, value: str, under: str) -> None:
    with place.container(gap=None):
        st.metric(label, value)
        st.caption(under)


def _measured_when(pace: progress.Pace, since: timedelta) -> str:
    if pace.per_minute is None:
        return f"too little reviewing to tell; the last verdict {ago(since)}"
    return f"last {duration_in_words(timedelta(seconds=pace.seconds))} of reviewing, {ago(since)}"


def _since_midnight(today: progress.Pace) -> str:
    if not today.verdicts:
        return "none yet since midnight"
    spent = f", in {duration_in_words(timedelta(seconds=today.seconds))} of reviewing"
    return f"since midnight{'' if today.per_minute is None else spent}"


def _rate(per_minute: float | None) -> str:
    return "—" if per_minute is None else f"{per_minute:.1f}" if per_minute < 10 else f"{per_minute:.0f}"


def _clock(done: datetime, now: datetime, clock: tzinfo) -> str:
    # To five minutes, as nobody can tell it better.
    at = datetime.fromtimestamp(300 * round(done.timestamp() / 300), clock)
    today = now.astimezone(clock).date()
    days = (at.date() - today).days
    on = {0: "today", 1: "tomorrow"}.get(days, f"{at.day} {at:%b}")
    return f"done {on} at about {at:%H:%M}, without pauses"


def _verdicts_over_time(activity: dict[str, progress.Times]) -> None:
    now, clock = utc_now(), browser_zone()
    team = progress.merged_times(activity)
    fresh = not len(team) or float(team[0]) > (now - timedelta(hours=48)).timestamp()
    with st.container(horizontal=True, vertical_alignment="top", horizontal_alignment="distribute"):
        st.header("Verdicts", anchor=False, width="content")
        chosen = st.segmented_control(
            "Verdicts in", list(PERIODS), default="Hours" if fresh else "Days", required=True, label_visibility="collapsed"
        )
    period, count, form = PERIODS[chosen]
    starts = progress.periods(now, clock, period, count)
    counted_in = progress.per_period(activity, clock, period)
    busiest = sorted(activity, key=lambda name: -len(activity[name]))[: len(PALETTE)]
    names = [name for name in activity if name in busiest]  # in a fixed order, so that the colours stay
    rows = [
        {"when": start.strftime(form), "verdicts": number, "reviewer": name if name in names else EVERYBODY_ELSE}
        for (name, start), number in counted_in.items()
        if start in starts
    ]
    if not rows:
        st.caption(f"No verdict in the last {count} {chosen.lower()}.")
        return
    frame = pd.DataFrame(rows).groupby(["when", "reviewer"], as_index=False).sum()
    shown = [*names, EVERYBODY_ELSE] if len(activity) > len(names) else names
    labels = [start.strftime(form) for start in starts]
    ticks = labels[-1::-3] if period == "day" else [start.strftime(form) for start in starts if start.hour % 6 == 0]
    show_chart(
        alt.Chart(frame)
        .mark_bar(cornerRadius=1)
        .encode(
            x=alt.X("when:O", title=None, scale=alt.Scale(domain=labels), axis=alt.Axis(labelAngle=0, values=ticks)),
            y=alt.Y("sum(verdicts):Q", title="verdicts", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "reviewer:N", scale=colours(shown), legend=alt.Legend(title=None, orient="top", columns=4, labelLimit=120)
            ),
            tooltip=["when", "reviewer", alt.Tooltip("sum(verdicts)", title="verdicts", format=",")],
        ),
        height=280,
        description=f"Verdicts in each of the last {count} {chosen.lower()}, stacked by reviewer",
    )


def _keep_rates(sources: list[dict[str, Any]]) -> None:
    with st.container(horizontal=True):
        st.header("Kept, by source", anchor=False)
    rows = [row for row in sources if row["decided"]]
    if not rows:
        st.caption("No source has a decided example yet.")
        return
    few = rows[:12]
    frame = pd.DataFrame([{**row, "name": name} for row, name in zip(few, _names(few), strict=True)])
    frame["count"] = [f"{percent(row['share'])} of {row['decided']:,}" for row in few]
    base = alt.Chart(frame).encode(y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=140, ticks=False)))
    bars = base.mark_bar(color=PALETTE[0], height={"band": 0.55}).encode(
        x=alt.X(
            "share:Q",
            title=None,
            axis=alt.Axis(labelExpr=PERCENT_LABEL, values=[0, 0.5, 1]),
            scale=alt.Scale(domain=[0, 1.35], nice=False),
        ),
        tooltip=[
            alt.Tooltip("source", title="source"),
            alt.Tooltip("kept", title="kept", format=","),
            alt.Tooltip("decided", title="decided", format=","),
            alt.Tooltip("disputed", title="disputed", format=","),
            alt.Tooltip("in repair", title="in repair", format=","),
            alt.Tooltip("open", title="open", format=","),
            alt.Tooltip("waiting", title="behind another of the same picture", format=","),
        ],
    )
    reach = base.mark_rule(color=GREY, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    words = base.mark_text(align="left", dx=6, color=GREY).encode(x="high:Q", text="count:N")
    show_chart(bars + reach + words, height=max(90, 44 * len(few)), description="Share kept of the decided examples, by source")
    rest = f" {pluralise(len(rows) - len(few), 'smaller source')} in the CSV." if len(rows) > len(few) else ""
    st.caption("Share of the decided examples; the line is the 95 % interval." + rest)


def _names(rows: list[dict[str, Any]]) -> list[str]:
    """The last part of each location; the whole location where two would look the same."""
    short = [PurePath(row["source"].replace("\\", "/")).name or row["source"] for row in rows]
    return [
        one if short.count(one) == 1 else f"{row['source']} ({row['adapter']})" for one, row in zip(short, rows, strict=True)
    ]


def _reviewer_table(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows)
    for share in ("kept", "fix"):
        frame[share] = [None if row[share] is None else 100 * row[share] for row in rows]
    frame["agreed"] = [_of(row["agreed"], row["compared"]) for row in rows]
    columns = ["reviewer", "verdicts", "kept", "fix", "active minutes", "per minute", "median seconds", "agreed"]
    if "gold tries" in frame:
        frame["gold"] = [_gold(row) for row in rows]
        columns.append("gold")
    kinds = st.column_config
    table(
        frame[[*columns, "last seen"]],
        placeholder="—",
        column_config={
            "reviewer": kinds.TextColumn(pinned=True, width="medium"),
            "verdicts": kinds.NumberColumn(format="localized", help="Verdicts that count now, from all time"),
            "kept": kinds.ProgressColumn(min_value=0, max_value=100, format="%.0f %%"),
            "fix": kinds.NumberColumn("to fix", format="%.0f %%", help="Verdicts that ask for a repair"),
            "active minutes": kinds.NumberColumn(
                format="%.0f", help="In the last 30 days; more than a minute without a verdict is a pause"
            ),
            "per minute": kinds.NumberColumn("per minute", format="%.1f", help="Verdicts per minute of active time"),
            "median seconds": kinds.NumberColumn("seconds per verdict", format="%.1f", help="The median, without pauses"),
            "agreed": kinds.TextColumn("agrees with others", help="On examples that another reviewer judged too"),
            "gold": kinds.TextColumn("control examples hit", help="With the 95 % interval; only leads see this"),
            "last seen": kinds.DatetimeColumn(format="distance"),
        },
    )


def _of(share: float | None, number: int) -> str | None:
    return None if share is None else f"{percent(share)} of {number:,}"


def _gold(row: dict[str, Any]) -> str | None:
    share = _of(row["gold hit rate"], row["gold tries"])
    return share and f"{share} ({percent(row['gold low'])} to {percent(row['gold high'])})"


def _downloads(rows: list[dict[str, Any]], reviewer: str, lead: bool) -> None:
    sources = _sources(engine())
    with st.container(horizontal=True):
        _download("Reviewers", "reviewers", as_csv(list(rows[0]), [list(row.values()) for row in rows]))
        if sources:
            _download("Sources", "sources", as_csv(list(sources[0]), [list(row.values()) for row in sources]))
        # Streamed by a route, because it may have a million rows: a download button would hold all of them in memory.
        log = f"{VERDICT_LOG}?token={token_for(reviewer, DOWNLOAD)}"
        st.html(render(LOG_LINK, address=log, label="Verdict log" if lead else "Your verdicts"), width="content")


def _download(label: str, name: str, data: bytes) -> None:
    st.download_button(f"{label} as CSV", data, f"winnow-{name}.csv", "text/csv", on_click="ignore", icon=":material/download:")
