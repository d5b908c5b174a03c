"""Two runs side by side: their curves, how they differ on the same examples, and one example under a slider."""

import streamlit as st

from curator.app.components.wipe import Side, wipe
from curator.app.curves import draw_curves
from curator.app.reports.measurements import measure_button
from curator.app.state import engine
from curator.plural import pluralise
from curator.runs import figures, results
from curator.runs.estimates import RowPair, comparable_measures, measure_differences, most_different, pair_rows
from curator.runs.figures import number
from curator.runs.report_file import table_html
from db.session import reading
from db.tables import Run, Split
from trainer.measures import MEASURES


def show_differing_settings(other: Run, run: Run, names: tuple[str, str]) -> None:
    """Show in which settings the two runs differ."""
    made = figures.differing_settings_table({"set": other.set_id, **other.settings}, {"set": run.set_id, **run.settings}, names)
    st.html(table_html(made) if made.rows else '<p class="winnow-note">Both have the same set and settings.</p>')
    if other.settings.get("consistency") != run.settings.get("consistency"):
        st.caption("The runs weigh consistency differently, so their losses are not comparable; their mask losses are.")


def show_comparison(run: Run, other: Run, split: Split, refine: str) -> None:
    """Show two runs: their curves, how they differ on the same examples, and one example under a slider."""
    st.header(f"Run {run.id} against run {other.id}", anchor=False)
    with reading(engine()) as session:
        before = results.examples(session, other.id, split, refine)
        after = results.examples(session, run.id, split, refine)
    names = (f"Run{figures.NBSP}{other.id}", f"Run{figures.NBSP}{run.id}")
    curves, settings = st.columns([3, 1], gap="large")
    with curves:
        draw_curves([other, run])
    with settings:
        show_differing_settings(other, run, names)
    if not before or results.is_old(before):
        measure_button(other.id, split, refine, again=bool(before))
    if not before or not after:
        return None  # if `run` is not measured, the page already offers to measure it
    both = pair_rows(before, after)
    paired = (
        f"Paired on {pluralise(len(both), 'example')} of the {split.value} split that both runs measured against the same mask"
    )
    apart = (len(before) - len(both), len(after) - len(both))
    left = f"; {apart[0]:,} of run {other.id} and {apart[1]:,} of run {run.id} are left out." if any(apart) else "."
    st.caption(paired + left)
    if not both:
        return None
    sides = other.settings["size"], run.settings["size"]
    differences = measure_differences(both, comparable_measures(*sides))
    st.html(table_html(figures.comparison_table((one for one in differences if one.images), *names)))
    for sentence in figures.size_sentences(both, (other.id, sides[0]), (run.id, sides[1])):
        st.caption(sentence)
    return look_closely(most_different(both, MEASURES[0]), other.id, run.id)


@st.fragment
def look_closely(both: list[RowPair], first: int, second: int) -> None:
    """Show one example of two runs, any two of its pictures under a slider; for a single run, `first` equals `second`."""
    by_number = {pair.second.example: pair for pair in both}
    alone = first == second

    def with_values(example: int) -> str:
        pair = by_number[example]
        values = [pair.second] if alone else [pair.first, pair.second]
        return f"{pair.second.photo} · F1 " + " → ".join(number(one.values["f1"]) for one in values)

    words, picture = st.columns([2, 3], gap="large")
    with words:
        chosen = st.selectbox("Example", list(by_number), format_func=with_values, key=f"look-{first}-{second}")
        pair = by_number[chosen]
        sides = {"Photo": pair.second.image, "Mask": pair.second.mask, f"Run {second}": pair.second.matte}
        if not alone:
            sides[f"Run {first}"] = pair.first.matte
        names = list(sides)
        left = st.segmented_control("Left", names, default="Photo" if alone else f"Run {first}", required=True)
        right = st.segmented_control("Right", names, default=f"Run {second}", required=True)
        st.caption(
            "Drag the line, or move it with the arrow keys. "
            + ("The worst examples are listed first." if alone else "The examples where the runs differ most are listed first.")
        )
    with picture:
        wipe("wipe", Side(left, sides[left]), Side(right, sides[right]))
