"""Control examples, for leads only: which there are, and how often each reviewer gives their answer."""

from datetime import datetime

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from curator.app.charts import PERCENT_LABEL, colours, show_chart
from curator.app.frame import empty_state, show_error, table
from curator.app.guard import check_lead, current_reviewer
from curator.app.state import THUMBNAIL_SIDE, cached_by_cost, engine, settings
from curator.app.wording import acting_on, browser_zone, day, percent
from curator.markup import render
from curator.plural import pluralise
from curator.review import gold
from curator.review.reviewers import reviewer_called
from db.errors import WinnowError
from db.jobs import utc_now
from db.session import reading, writing

FIRST_CARDS = 24  # control examples shown before "Show all"
CARDS_PER_ROW = 6
CARD = """
<div class="winnow-gallery" style="--wide: 100%">
<figure title="{{ one.photo }}: {{ one.answer.value }}">
  <div class="row">
  {% for sha256 in (one.image, one.mask) %}
    <img src="/pictures/{{ sha256 }}?side={{ side }}" loading="lazy" alt="{{ one.photo }}: {{ one.answer.value }}">
  {% endfor %}
  </div>
  <figcaption>
    <b>{{ one.answer.value }}</b> · {{ asked }}<br>{{ one.by }}, {{ since }}
  </figcaption>
</figure>
</div>
"""


@cached_by_cost
def _tries(engine: Engine) -> list[gold.GoldTry]:
    with reading(engine) as session:
        return gold.gold_tries(session)


def show_gold(lead: bool) -> None:
    """Show control examples and hit rates to a lead; to anyone else, one sentence."""
    if not lead:
        st.info("Some cards are control examples. Only leads see which, and how often reviewers give their answer.")
        return
    tried = _tries(engine())
    with reading(engine()) as session:
        known = gold.gold_answers(session, tried)
    share = settings().gold_share
    how = (
        "On the Review page, press G right after a verdict to make its example a control example. "
        f"Control examples are {percent(share)} of the cards that other reviewers get."
    )
    if not known and not tried:
        empty_state(f"There are no control examples yet. {how}", "Review some examples", "review")
        return
    st.caption(how)
    _hit_rates(tried)
    st.header(pluralise(len(known), "control example"), anchor=False)
    if known:
        st.caption(
            "The most often missed comes first: its answer may be wrong. Withdrawing a control example keeps its verdict."
        )
    _answers(known)


def _hit_rates(tried: list[gold.GoldTry]) -> None:
    st.header("Hit rates", anchor=False)
    rates = gold.hit_rates(tried)
    if not rates:
        st.caption("No reviewer has judged a control example yet.")
        return
    numbers, lines = st.columns(2, gap="large")
    rows = [
        {
            "reviewer": name,
            "hit rate": 100 * rate.share,
            "95 % interval": f"{percent(rate.low)} to {percent(rate.high)}",
            "hits": f"{rate.hits:,} of {rate.tries:,}",
        }
        for name, rate in sorted(rates.items(), key=lambda item: -item[1].tries)
    ]
    with numbers:
        shares = st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f %%")
        table(pd.DataFrame(rows), column_config={"hit rate": shares})
    points = gold.hits_over_time(tried)
    with lines:
        if not points:
            st.caption(f"The chart over time starts once a reviewer has judged {gold.TRIES_PER_POINT} control examples.")
            return
        clock = browser_zone()
        frame = pd.DataFrame(
            [
                {"reviewer": one.reviewer, "share": one.share, "at": one.at.astimezone(clock).replace(tzinfo=None)}
                for one in points
            ]
        )
        scale = colours(frame["reviewer"].unique().tolist())
        show_chart(
            alt.Chart(frame)
            .mark_line(point={"size": 60, "filled": True}, strokeWidth=2)
            .encode(
                x=alt.X("at:T", title=None, axis=alt.Axis(format="%d %b", tickCount="day", labelOverlap=True, grid=False)),
                y=alt.Y("share:Q", title="hits", axis=alt.Axis(labelExpr=PERCENT_LABEL), scale=alt.Scale(domain=[0, 1])),
                color=alt.Color("reviewer:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
                tooltip=["reviewer", alt.Tooltip("share", title="hits", format=".0%"), alt.Tooltip("at:T", title="until")],
            ),
            height=240,
            description=f"Share of control examples hit, for every {gold.TRIES_PER_POINT} tries of each reviewer",
        )
        st.caption(f"Each point covers {gold.TRIES_PER_POINT} tries in a row, so a single miss moves it by a tenth.")


def _answers(known: list[gold.GoldAnswer]) -> None:
    shown = known if st.session_state.get("all-gold") else known[:FIRST_CARDS]
    clock = browser_zone()
    for start in range(0, len(shown), CARDS_PER_ROW):
        for place, one in zip(st.columns(CARDS_PER_ROW), shown[start : start + CARDS_PER_ROW], strict=False):
            with place:
                st.html(_card(one, day(one.at, clock)))
                if st.button(acting_on("Withdraw", one.photo), key=f"withdraw-{one.example}", width="stretch"):
                    _withdraw(one.example, utc_now())
    if len(shown) < len(known):
        st.button(f"Show all {len(known):,}", on_click=lambda: st.session_state.update({"all-gold": True}))


def _card(one: gold.GoldAnswer, since: str) -> str:
    asked = f"hit {one.hit:,} of {one.asked:,}" if one.asked else "not asked yet"
    return render(CARD, one=one, asked=asked, since=since, side=THUMBNAIL_SIDE)


def _withdraw(example: int, now: datetime) -> None:
    try:
        check_lead(current_reviewer())
        with writing(engine()) as session:
            gold.set_answer(session, reviewer_called(session, current_reviewer()).id, example, None, None, now)
    except WinnowError as error:
        show_error(error)
    else:
        st.rerun()
