"""A report to take away: one HTML file that needs nothing else, and a CSV file with a row an image. Pure functions.

Examples are called by their numbers: file names are often called after people, and folders after machines.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from curator.runs import figures
from curator.runs.figures import Table
from curator.runs.provenance import Provenance
from curator.runs.results import VALUES, ReportRow, best_first, headline
from curator.spreadsheet import as_csv
from trainer.measures import ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS, Measure

WORST = 12  # examples shown in the file
SECTIONS: dict[str, tuple[Measure, ...]] = {
    "Measures": MEASURES,
    "Where gradient consistency sees nothing": MISSED_ERRORS,
    "Errors of alpha": ALPHA_ERRORS,
    "Classes": CLASS_MEASURES,
}
COLUMNS = ("example", "split", "refine", "source", *VALUES)
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; margin: .6rem 0; }
th, td {
  text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent);
}
.loud { border: 3px solid #c62828; border-radius: 8px; padding: .7rem 1rem; font-weight: 600; }
.winnow-note { opacity: .8; font-size: .9rem; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figure div { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px; }
img { width: 100%; aspect-ratio: 1; border-radius: 6px; } figcaption { font-size: .85rem; }
"""


def csv_of(found: Iterable[ReportRow]) -> bytes:
    """A row an image: its number, split, refinement, source and all that was measured, in UTF-8; empty where there is none."""
    rows = ([one.example, one.split.value, one.refine, one.source, *(one.values[name] for name in VALUES)] for one in found)
    return as_csv(COLUMNS, rows)


def table(made: Table) -> str:
    """A table as HTML, all of its text escaped."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in made.head)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in made.rows
    )
    return f'<div class="winnow-table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def meanings(measures: Sequence[Measure]) -> str:
    """What each measure is, a line each, as HTML."""
    lines = (f"<b>{escape(each.title)}</b>: {escape(each.means)}" for each in measures)
    return f'<p class="winnow-note">{"<br>".join(lines)}</p>'


def worst_of(found: Iterable[ReportRow], count: int = WORST) -> list[ReportRow]:
    """The examples of a run's headline report with the lowest F1, the worst first."""
    return best_first(headline(found), MEASURES[0])[::-1][:count]


def html_of(
    origin: Provenance,
    found: Sequence[ReportRow],
    sliced: Mapping[str, Table],
    worst: Sequence[ReportRow],
    thumbnails: Mapping[str, bytes],
    now: datetime,
) -> str:
    """The report of a run as one HTML document.

    `sliced` are tables by their headings; `thumbnails` are WebP files by the hash of the picture they show, and an example
    whose three pictures aren't all among them is left out.
    """
    title = f"Run {origin.run}: {origin.model} on curated set {origin.set}"
    body = [
        f"<h1>{escape(title)}</h1>",
        _scratch(origin),
        f"<p>{escape(_line(origin))} Written {now:%Y-%m-%d %H:%M} UTC.</p>",
        "<p class='winnow-note'>Per image, then averaged; in brackets the 95 % interval of the mean over images.</p>",
        *(_section(heading, found, measures) for heading, measures in SECTIONS.items()),
        *(f"<h2>{escape(heading)}</h2>{table(made)}" for heading, made in sliced.items()),
        _figures(worst, thumbnails),
        "<h2>Settings</h2>",
        table(figures.settings(origin.settings)),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><body>{"".join(body)}</body></html>'
    )


def _section(heading: str, found: Sequence[ReportRow], measures: Sequence[Measure]) -> str:
    there = figures.known(found, measures)
    return f"<h2>{escape(heading)}</h2>{table(figures.measured(found, there))}{meanings(there)}" if there else ""


def _line(origin: Provenance) -> str:
    splits = ", ".join(f"{count:,} {name}" for name, count in origin.splits.items())
    best = f", the best epoch {origin.best_epoch}" if origin.best_epoch else ""
    return f"Epochs trained: {origin.epochs}{best}. Curated set {origin.set} ({splits}), content hash {origin.set_hash}."


def _scratch(origin: Provenance) -> str:
    if origin.encoder != "scratch":
        return ""
    return '<p class="loud">This run started from scratch, without ImageNet weights: its mattes are far worse for it.</p>'


def _figures(worst: Sequence[ReportRow], thumbnails: Mapping[str, bytes]) -> str:
    shown = [one for one in worst if {one.image, one.mask, one.matte} <= thumbnails.keys()]
    if not shown:
        return ""
    parts = []
    for one in shown:
        pictures = "".join(
            f'<img alt="{word} of example {one.example}" src="data:image/webp;base64,{b64encode(thumbnails[sha]).decode()}">'
            for word, sha in (("photo", one.image), ("mask", one.mask), ("matte", one.matte))
        )
        said = f"Example {one.example}, F1 {figures.number(one.values['f1'])}"
        parts.append(f"<figure><div>{pictures}</div><figcaption>{escape(said)}</figcaption></figure>")
    head = f"<h2>Worst examples of {shown[0].split.value}</h2><p class='winnow-note'>Photo, mask, matte.</p>"
    return f"{head}<div class='worst'>{''.join(parts)}</div>"
