"""The tables of a report in words, for the page, the HTML file and the model card alike. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curator.runs.estimates import Change, estimates
from curator.runs.results import ReportRow
from db.tables import Split
from trainer.intervals import Interval
from trainer.measures import MEASURES, MISSED_ERRORS, Measure
from trainer.recipe import REFINEMENT_TITLES, REFINEMENTS
from trainer.slices import slices

NONE = "—"
TIED = "\N{NO-BREAK SPACE}"  # between words that belong on one line: where a table is narrow, an interval is below its mean


@dataclass(frozen=True)
class Table:
    """A head, and rows as long as it; all of it text that nobody has escaped yet."""

    head: list[str]
    rows: list[list[str]]


def number(value: float | None, *, sign: bool = False) -> str:
    """A measured number to about three digits; a dash for none.

    >>> number(0.87341), number(0.05678), number(12.345), number(-0.0214, sign=True), number(None)
    ('0.873', '0.0568', '12.3', '−0.0214', '—')
    """
    if value is None:
        return NONE
    digits = 4 if abs(value) < 0.1 else 3 if abs(value) < 10 else 1
    shown = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return shown.replace("-", "−")


def interval(low: float, high: float, *, sign: bool = False) -> str:
    """A 95 % interval in words."""
    return f"{number(low, sign=sign)}{TIED}to{TIED}{number(high, sign=sign)}"


def titled(measure: Measure) -> str:
    """A measure's title with the direction that is better."""
    return f"{measure.title}{TIED}{'↑' if measure.better == 'higher' else '↓'}"


def known(found: Iterable[ReportRow], measures: Iterable[Measure]) -> list[Measure]:
    """The measures that some example has a value for: an older report has fewer, and only a three-class run all of them."""
    rows = list(found)
    return [measure for measure in measures if any(row.values[measure.name] is not None for row in rows)]


def measured(found: Iterable[ReportRow], measures: Sequence[Measure]) -> Table:
    """The mean of each measure with its 95 % interval: a row for each split and refinement that was measured."""
    reports: dict[tuple[Split, str], list[ReportRow]] = {}
    for one in found:
        reports.setdefault((one.split, one.refine), []).append(one)
    order = sorted(reports, key=lambda key: (list(Split).index(key[0]), REFINEMENTS.index(key[1])))
    return Table(
        ["Split", "Refinement", "Images", *map(titled, measures)],
        [
            [
                split.value,
                REFINEMENT_TITLES[refine],
                f"{len(rows):,}",
                *(_with_interval(one.mean, one.interval) for one in estimates(rows, measures)),
            ]
            for split, refine in order
            if (rows := reports[split, refine])
        ],
    )


def sliced(found: Sequence[ReportRow], measures: Sequence[Measure] = (*MEASURES, *MISSED_ERRORS)) -> dict[str, Table]:
    """A report by kinds of images, a table for each way to cut it, by its heading; none where nothing was measured."""
    made: dict[str, Table] = {}
    for one in slices(found, [measure.name for measure in measures]):
        heading = f"By {one.by}"
        head = [one.by.capitalize(), "Images", *map(titled, measures)]
        made.setdefault(heading, Table(head, [])).rows.append(
            [
                one.name,
                f"{one.images:,}",
                *(_with_interval(one.means[measure.name], one.intervals[measure.name]) for measure in measures),
            ]
        )
    return made


def compared(changes: Iterable[Change], first: str, second: str) -> Table:
    """Two runs side by side, a row a measure: both means, the paired difference with its interval, and what it means."""
    return Table(
        ["Measure", first, second, "Difference", "95 % interval", f"{second} is", "Images"],
        [
            [
                titled(change.measure),
                number(change.first),
                number(change.second),
                number(change.difference, sign=True),
                NONE if change.interval is None else interval(*change.interval, sign=True),
                change.word,
                f"{change.images:,}",
            ]
            for change in changes
        ],
    )


def settings(values: Mapping[str, object]) -> Table:
    """A run's settings, a row each."""
    return Table(["Setting", "Value"], [[name.replace("_", " "), f"{value}"] for name, value in values.items()])


def differing(first: Mapping[str, object], second: Mapping[str, object], names: tuple[str, str]) -> Table:
    """The settings in which two runs differ, a row each; one that a run's Winnow did not know yet has a dash."""
    known = [*first, *(name for name in second if name not in first)]
    rows = [
        [name.replace("_", " "), f"{first.get(name, NONE)}", f"{second.get(name, NONE)}"]
        for name in known
        if first.get(name) != second.get(name)
    ]
    return Table(["Setting", *names], rows)


def counted(counts: Mapping[str, int], what: str) -> Table:
    """Numbers of examples by something."""
    return Table([what, "Examples"], [[name, f"{count:,}"] for name, count in counts.items()])


def _with_interval(mean: float | None, reach: Interval | None) -> str:
    return number(mean) if reach is None else f"{number(mean)} ({interval(*reach)})"
