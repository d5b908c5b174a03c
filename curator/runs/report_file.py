"""A report as files to download: an HTML page that needs no other file, and a CSV file with a row for each image.

Examples are identified by their numbers: file names often contain people's names, and folders those of machines.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from curator.markup import render
from curator.runs import figures
from curator.runs.figures import Table
from curator.runs.provenance import Provenance
from curator.runs.results import VALUE_COLUMNS, ReportRow, best_first, headline_rows
from curator.spreadsheet import as_csv
from trainer.measures import ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS, Measure

WORST = 12  # examples shown in the file
MEASURES_BY_HEADING: dict[str, tuple[Measure, ...]] = {
    "Measures": MEASURES,
    "Errors that gradient consistency misses": MISSED_ERRORS,
    "Errors of alpha": ALPHA_ERRORS,
    "Classes": CLASS_MEASURES,
}
COLUMNS = ("example", "split", "refine", "source", *VALUE_COLUMNS, "alpha_side")
# Used alone by the Report page, and by the file's template.
MACROS = """\
{% macro table_of(table) %}
<div class="winnow-table"><table>
<thead><tr>{% for cell in table.head %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr><th scope="row">{{ row[0] }}</th>{% for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endmacro %}
{% macro meanings_of(measures) %}
<p class="winnow-note">
{% for measure in measures %}
{% if not loop.first %}<br>{% endif %}<b>{{ measure.title }}</b>: {{ measure.means }}
{% endfor %}
</p>
{% endmacro %}
"""
PAGE = MACROS + Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")


def report_csv(found: Iterable[ReportRow]) -> bytes:
    """A CSV file in UTF-8, a row for each image: its number, split, refinement, source and all values; no value is empty.

    `alpha_side` is the side of the square, in pixels, at which the errors of alpha were taken.
    """
    rows = (
        [
            *(one.example, one.split.value, one.refine, one.source),
            *(one.values[name] for name in VALUE_COLUMNS),
            one.alpha_side,
        ]
        for one in found
    )
    return as_csv(COLUMNS, rows)


def table_html(table: Table) -> str:
    """A table as HTML; all of its text is escaped."""
    return render(MACROS + "{{ table_of(table) }}", table=table)


def meanings_html(measures: Sequence[Measure]) -> str:
    """What each measure means, one on a line, as HTML."""
    return render(MACROS + "{{ meanings_of(measures) }}", measures=measures)


def worst_rows(found: Iterable[ReportRow], count: int = WORST) -> list[ReportRow]:
    """The examples of a run's headline report with the lowest F1, the worst first."""
    return best_first(headline_rows(found), MEASURES[0])[::-1][:count]


def report_html(
    origin: Provenance,
    found: Sequence[ReportRow],
    slices: Mapping[str, Table],
    worst: Sequence[ReportRow],
    thumbnails: Mapping[str, bytes],
    now: datetime,
) -> str:
    """The report of a run as one HTML document.

    `slices` are tables by their headings; `thumbnails` are WebP files by the hash of the picture they show. An example of
    `worst` is left out if one of its three thumbnails is missing.
    """
    return render(
        PAGE,
        title=f"Run {origin.run}: {origin.model} on curated set {origin.set}",
        origin=origin,
        splits=", ".join(f"{count:,} {name}" for name, count in origin.splits.items()),
        written=f"{now:%Y-%m-%d %H:%M}",
        masks=figures.masks_sentences(origin.masks, dict.fromkeys(one.split.value for one in found)),
        sections=[
            (heading, figures.measures_table(found, measures), measures)
            for heading, group in MEASURES_BY_HEADING.items()
            if (measures := figures.available_measures(found, group))
        ],
        slices=slices,
        worst=[_figure(one, thumbnails) for one in worst if {one.image, one.mask, one.matte} <= thumbnails.keys()],
        settings=figures.settings_table(origin.settings),
    )


def _figure(row: ReportRow, thumbnails: Mapping[str, bytes]) -> dict[str, Any]:
    """What the template shows of an example: its pictures are (kind, base64 of a WebP file)."""
    pictures = (("photo", row.image), ("mask", row.mask), ("matte", row.matte))
    return {
        "example": row.example,
        "split": row.split.value,
        "f1": figures.number(row.values["f1"]),
        "pictures": [(kind, b64encode(thumbnails[sha256]).decode()) for kind, sha256 in pictures],
    }
