"""How well reviewers agree on the examples that two or more of them judged independently."""

import numpy as np
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from curator.app.frame import PAGE_FILE, empty_state, table
from curator.app.state import cached_by_cost, engine, settings
from curator.app.wording import percent
from curator.plural import pluralise
from curator.review.agreement import Agreement, krippendorff_alpha, landis_koch
from curator.review.progress import ReviewerPair, ratings, reviewer_pairs
from curator.review.standing import counts
from curator.spreadsheet import as_csv
from db.session import reading

ENOUGH_EXAMPLES = 30  # examples; with fewer, agreement is too uncertain to rely on
BOOTSTRAP_SEED = 0  # random seed of the bootstrap; fixed, so that an interval changes only when verdicts do

COLUMNS = ("first", "second", "examples", "observed", "kappa", "low", "high")


@cached_by_cost
def _agreement(engine: Engine) -> tuple[Agreement, list[ReviewerPair], int]:
    """Alpha over all reviewers, kappa of each pair, and how many disagreements wait for a lead."""
    with reading(engine) as session:
        known, waiting = ratings(session), counts(session).disputed
    return krippendorff_alpha(known, np.random.default_rng(BOOTSTRAP_SEED)), reviewer_pairs(known), waiting


def show_agreement(lead: bool) -> None:
    """Show alpha, the kappas, and how many disagreements wait for a lead."""
    alpha, found, waiting = _agreement(engine())
    _waiting(waiting, lead)
    if not found:
        share = settings().second_opinions
        empty_state(
            "No two reviewers have judged the same example yet. "
            f"A second reviewer gets {percent(share)} of the judged examples, without being told.",
            "Review some examples",
            "review",
        )
        return

    with st.container(horizontal=True, gap="large"):
        st.metric("Krippendorff’s alpha", coefficient(alpha.value), width="content")
        st.metric("95 % interval", interval(alpha), width="content")
        st.metric("Observed agreement", percent(alpha.observed), width="content")
        st.metric("Examples with two or more opinions", f"{alpha.items:,}", width="content")
    st.markdown(alpha_in_words(alpha))

    st.header("Pairs", anchor=False)
    table(pd.DataFrame([_row(pair) for pair in found]), placeholder="—")
    st.caption(
        "Alpha and kappa are 1 for perfect agreement and 0 for agreement by chance. The words are Landis and Koch’s, who "
        "called their thresholds arbitrary. Undone verdicts, and those that settle a disagreement, are left out."
    )
    st.download_button(
        "Pairs as CSV", as_csv(COLUMNS, map(_cells, found)), "winnow-agreement.csv", "text/csv", on_click="ignore"
    )


def alpha_in_words(alpha: Agreement) -> str:
    """Alpha in a sentence, with a warning if it rests on few examples."""
    if alpha.value is None:
        return "All verdicts are the same, so agreement is undefined."
    sentence = f"Agreement is **{landis_koch(alpha.value)}**."
    if alpha.items < ENOUGH_EXAMPLES:
        sentence += f" With {pluralise(alpha.items, 'example')} this is still uncertain; wait for at least {ENOUGH_EXAMPLES}."
    return sentence


def coefficient(value: float | None) -> str:
    """A coefficient to two decimals, with a proper minus sign."""
    return "—" if value is None else f"{value:.2f}".replace("-", "−")


def interval(of: Agreement) -> str:
    """The 95 % interval of a coefficient."""
    return "not enough yet" if of.low is None else f"{coefficient(of.low)} to {coefficient(of.high)}"


def _row(pair: ReviewerPair) -> dict[str, str | int]:
    kappa = pair.kappa
    word = "not enough yet" if kappa.value is None else landis_koch(kappa.value)
    return {
        "reviewers": f"{pair.first} and {pair.second}",
        "examples": kappa.items,
        "same verdict": percent(kappa.observed),
        "Cohen’s kappa": coefficient(kappa.value),
        "95 % interval": interval(kappa),
        "in words": word + (" (few examples)" if kappa.value is not None and kappa.items < ENOUGH_EXAMPLES else ""),
    }


def _cells(pair: ReviewerPair) -> tuple[str | int | float | None, ...]:
    kappa = pair.kappa
    return pair.first, pair.second, kappa.items, kappa.observed, kappa.value, kappa.low, kappa.high


def _waiting(number: int, lead: bool) -> None:
    if not number:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        waits = "waits" if number == 1 else "wait"
        st.markdown(
            f"**{pluralise(number, 'disagreement')}** {waits} for a lead. Until then these examples are not approved.",
            width="content",
        )
        if lead:
            st.page_link(
                PAGE_FILE.format("review"), label="Settle them", query_params={"show": "disputed"}, icon=":material/balance:"
            )
