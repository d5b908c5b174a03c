"""What the Train and Report pages share: a run's curves, and a warning where its encoder was not pretrained."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from curator.app.charts import PALETTE, show_chart
from curator.runs import results
from curator.runs.results import best_epoch
from db.tables import Run

CURVES = {"Loss": "loss", "Mask loss": "mask_loss", "Consistency loss": "consistency_loss", "F1": "f1"}


def warn_if_from_scratch(run: Run) -> None:
    """Show an error if a run was trained from scratch."""
    if run.encoder == "scratch":
        st.error(
            f"**Run {run.id} started from scratch**, without ImageNet weights: its mattes are far worse than this network "
            "can produce. Set `WINNOW_ENCODER_WEIGHTS` to a file with the weights, then train again.",
            icon=":material/warning:",
        )


def draw_curves(runs: Sequence[Run], *, height: int = 280) -> None:
    """Draw a loss, or F1, of one or several runs over their epochs, with a point on the best epoch of each."""
    kept = {name: what for name, what in CURVES.items() if any(results.curve(run, what) for run in runs)}
    chosen = st.segmented_control("Curve", list(kept), default="Loss", required=True, label_visibility="collapsed")
    frame = pd.DataFrame([row for run in runs for row in results.curve(run, kept[chosen])])
    frame["best"] = False
    for run in runs:
        frame.loc[(frame.run == f"Run {run.id}") & (frame.epoch == best_epoch(run.epochs)), "best"] = True
    # One run: a colour for each kind of example. Several: a colour for each run, its training dashed.
    alone = len(runs) == 1
    names = ["training", "validation"] if alone else [f"Run {run.id}" for run in runs]
    most = int(frame.epoch.max())
    base = alt.Chart(frame).encode(
        x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(domain=[1, max(2, most)])),
        y=alt.Y("value:Q", title=chosen, scale=alt.Scale(zero=False)),
        color=alt.Color(
            "examples:N" if alone else "run:N",
            scale=alt.Scale(domain=names, range=list(PALETTE[: len(names)])),
            legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3),
        ),
        tooltip=["run", "examples", "epoch", alt.Tooltip("value:Q", title=chosen, format=".4f")],
    )
    dashes = alt.StrokeDash(
        "examples:N",
        scale=alt.Scale(domain=["validation", "training"], range=[[1, 0], [5, 4]]),
        legend=None if alone else alt.Legend(title=None, orient="top", symbolType="stroke"),
    )
    lines = base.mark_line(point=most == 1).encode(strokeDash=dashes)
    best = base.transform_filter("datum.best && datum.examples == 'validation'").mark_point(size=110, filled=True, opacity=1)
    show_chart(
        lines + best,
        height=height,
        description=f"{chosen} of training and validation examples over the epochs; the best epoch is marked",
    )
