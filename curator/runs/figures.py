"""The tables of a report as text, for the Report page, the HTML file and the model card. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curator.runs.estimates import MeasureDifference, RowPair, at_two_sizes, estimates
from curator.runs.provenance import Masks
from curator.runs.results import ReportRow
from db.tables import Split
from trainer.intervals import Interval
from trainer.measures import ALPHA_ERRORS, MEASURES, MISSED_ERRORS, Measure
from trainer.recipe import REFINEMENT_TITLES, REFINEMENTS
from trainer.slices import slices

NO_VALUE = "—"
NBSP = "\N{NO-BREAK SPACE}"  # keeps words on one line: a narrow table breaks before an interval, not within it


@dataclass(frozen=True)
class Table:
    """A header and rows of the same length. All cells are plain text that is not escaped yet."""

    head: list[str]
    rows: list[list[str]]


def number(value: float | None, *, sign: bool = False) -> str:
    """A value rounded to about three digits (four decimals below 0.1, three below 10, else one); a dash for None.

    >>> number(0.87341), number(0.05678), number(12.345), number(-0.0214, sign=True), number(None)
    ('0.873', '0.0568', '12.3', '−0.0214', '—')
    """
    if value is None:
        return NO_VALUE
    digits = 4 if abs(value) < 0.1 else 3 if abs(value) < 10 else 1
    shown = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return shown.replace("-", "−")


def interval(low: float, high: float, *, sign: bool = False) -> str:
    """A 95 % interval as text; `sign` adds a plus to positive numbers.

    >>> interval(0.5, 0.71).replace(NBSP, " ")
    '0.500 to 0.710'
    """
    return f"{number(low, sign=sign)}{NBSP}to{NBSP}{number(high, sign=sign)}"


def measure_heading(measure: Measure) -> str:
    """A measure's title with an arrow in the direction that is better."""
    return f"{measure.title}{NBSP}{'↑' if measure.better == 'higher' else '↓'}"


def available_measures(found: Iterable[ReportRow], measures: Iterable[Measure]) -> list[Measure]:
    """The measures that at least one example has a value for: older reports have fewer, and only a three-class run has all."""
    rows = list(found)
    return [measure for measure in measures if any(row.values[measure.name] is not None for row in rows)]


def measures_table(found: Iterable[ReportRow], measures: Sequence[Measure]) -> Table:
    """The mean of each measure with its 95 % interval, a row for each split and refinement that was measured.

    Errors of alpha are sums over pixels, so their table says of how many: older reports have those of their run's own size.
    """
    reports: dict[tuple[Split, str], list[ReportRow]] = {}
    for one in found:
        reports.setdefault((one.split, one.refine), []).append(one)
    sums = any(measure in ALPHA_ERRORS for measure in measures)
    order = sorted(reports, key=lambda key: (list(Split).index(key[0]), REFINEMENTS.index(key[1])))
    return Table(
        ["Split", "Refinement", "Images", *(["Taken at, pixels"] if sums else []), *map(measure_heading, measures)],
        [
            [
                split.value,
                REFINEMENT_TITLES[refine],
                f"{len(rows):,}",
                *([_side(rows[0])] if sums else []),
                *(_with_interval(one.mean, one.interval) for one in estimates(rows, measures)),
            ]
            for split, refine in order
            if (rows := reports[split, refine])
        ],
    )


def slice_tables(found: Sequence[ReportRow], measures: Sequence[Measure] = (*MEASURES, *MISSED_ERRORS)) -> dict[str, Table]:
    """The tables of a report's slices by their headings, one for each kind of slice; empty if nothing was measured."""
    made: dict[str, Table] = {}
    for one in slices(found, [measure.name for measure in measures]):
        heading = f"By {one.by}"
        head = [one.by.capitalize(), "Images", *map(measure_heading, measures)]
        made.setdefault(heading, Table(head, [])).rows.append(
            [
                one.name,
                f"{one.images:,}",
                *(_with_interval(one.means[measure.name], one.intervals[measure.name]) for measure in measures),
            ]
        )
    return made


def comparison_table(changes: Iterable[MeasureDifference], first: str, second: str) -> Table:
    """Two runs side by side, a row for each measure: both means, the paired difference with its interval, and the outcome."""
    return Table(
        ["Measure", first, second, "Difference", "95 % interval", f"{second} is", "Images"],
        [
            [
                measure_heading(change.measure),
                number(change.first),
                number(change.second),
                number(change.difference, sign=True),
                NO_VALUE if change.interval is None else interval(*change.interval, sign=True),
                change.outcome,
                f"{change.images:,}",
            ]
            for change in changes
        ],
    )


def size_sentences(both: Sequence[RowPair], first: tuple[int, int], second: tuple[int, int]) -> list[str]:
    """What the sizes of two runs, each given as its number and the side of its input in pixels, mean for their comparison."""
    said = []
    if at_two_sizes(both):
        pair = next(one for one in both if at_two_sizes([one]))
        sides = f"{_side(pair.first)} pixels for run {first[0]}, {_side(pair.second)} for run {second[0]}"
        said.append(
            "The errors of alpha (SAD, MSE, gradient and connectivity) are not compared. An older version took them at the "
            f"size of a run’s input: here they are of {sides}. Measure the older report again."
        )
    if first[1] != second[1]:
        said.append(
            f"Run {first[0]} sees pictures of {first[1]} x {first[1]} pixels, run {second[0]} of {second[1]} x {second[1]}. "
            "Gradient consistency is measured on these and depends on their size, so it is not compared."
        )
    return said


def _side(row: ReportRow) -> str:
    return f"{row.alpha_side} x {row.alpha_side}"


def settings_table(values: Mapping[str, object]) -> Table:
    """A run's settings, one in each row."""
    return Table(["Setting", "Value"], [[name.replace("_", " "), f"{value}"] for name, value in values.items()])


def differing_settings_table(first: Mapping[str, object], second: Mapping[str, object], names: tuple[str, str]) -> Table:
    """The settings in which two runs differ, one in each row; a dash for a setting that an older run does not have."""
    names_of_both = [*first, *(name for name in second if name not in first)]
    rows = [
        [name.replace("_", " "), f"{first.get(name, NO_VALUE)}", f"{second.get(name, NO_VALUE)}"]
        for name in names_of_both
        if first.get(name) != second.get(name)
    ]
    return Table(["Setting", *names], rows)


def masks_sentences(masks: Mapping[str, Masks], splits: Iterable[str]) -> str:
    """For each of these splits that has masks: who made them, in what time, and how many say nothing of some pixels.

    >>> masks_sentences({"test": Masks(contributor=2, touch_up=18, seconds=1860.0, median_seconds=96.4)}, ["test"])
    'Masks of the test split: 18 touched up by hand in 31 min (96 s at the median), 2 as their contributors painted them.'
    >>> masks_sentences({"test": Masks(contributor=20, unknown=3)}, ["test"])
    'Masks of the test split: 20 as their contributors painted them. Unknown pixels, in 3 of them, are left out.'
    """
    return " ".join(_masks_sentence(split, masks[split]) for split in splits if split in masks)


def _masks_sentence(split: str, made: Masks) -> str:
    told = []
    if made.touch_up:
        took = f" in {_duration(made.seconds)} ({made.median_seconds:.0f} s at the median)" if made.median_seconds else ""
        told.append(f"{made.touch_up:,} touched up by hand{took}")
    if made.refinement:
        told.append(f"{made.refinement:,} refined by a program and accepted")
    if made.contributor:
        told.append(f"{made.contributor:,} as their contributors painted them")
    unknown = f" Unknown pixels, in {made.unknown:,} of them, are left out." if made.unknown else ""
    return f"Masks of the {split} split: {', '.join(told)}.{unknown}"


def _duration(seconds: float) -> str:
    """A time in whole seconds up to two minutes, in minutes up to two hours, else in hours."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def counts_table(counts: Mapping[str, int], what: str) -> Table:
    """Numbers of examples by `what`, the title of the first column."""
    return Table([what, "Examples"], [[name, f"{count:,}"] for name, count in counts.items()])


def _with_interval(mean: float | None, reach: Interval | None) -> str:
    return number(mean) if reach is None else f"{number(mean)} ({interval(*reach)})"
