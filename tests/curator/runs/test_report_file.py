"""A report as a file: complete by itself, without names, and with all text from others escaped."""

import base64
import csv
import dataclasses
import io
import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine, select

from curator.runs.figures import Table
from curator.runs.provenance import Provenance, provenance
from curator.runs.report_file import COLUMNS, report_csv, report_html, table_html, worst_rows
from curator.runs.results import ReportRow, examples
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Source, Split, Submission
from tests.conftest import FakeClock
from tests.erasing import erase_contributor
from tests.examples import add_examples
from tests.trained import add_run, freeze_all


@pytest.fixture
def run(engine: Engine, store: Store, clock: FakeClock) -> int:
    """A run measured on three test examples, the second by a contributor, from a source with a hostile name."""
    with writing(engine) as session:
        numbers = add_examples(session, store, 2, Split.train) + add_examples(session, store, 3, Split.test)
        for source in session.scalars(select(Source)):
            source.location = f"/home/ada/<img src=x>{source.id}.zip"
        person = Contributor(name="Ada Byron")
        session.add(person)
        submissions = list(session.scalars(select(Submission).order_by(Submission.id)))
        submissions[3].contributor = person
        return add_run(session, store, freeze_all(session, numbers, clock()), clock(), encoder="scratch")


def read(engine: Engine, run: int) -> tuple[Provenance, list[ReportRow]]:
    with reading(engine) as session:
        return provenance(session, run), examples(session, run)


def written(engine: Engine, run: int, clock: FakeClock, sliced: dict[str, Table] | None = None) -> str:
    origin, found = read(engine, run)
    worst = worst_rows(found)
    thumbnails = {sha: f"thumb {sha}".encode() for one in worst for sha in (one.image, one.mask, one.matte)}
    return report_html(origin, found, sliced or {}, worst, thumbnails, clock())


class Tags(HTMLParser):
    """What a browser would find: tags in order and addresses to fetch; fails if tags are not balanced."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_file_says_by_whom_the_masks_were_made_that_it_was_measured_against(
    engine: Engine, run: int, clock: FakeClock
) -> None:
    made = written(engine, run, clock)
    assert "Masks of the test split: 3 as their contributors painted them." in made
    assert "train split" not in made


def test_the_file_needs_nothing_else_and_shows_the_worst_first(engine: Engine, run: int, clock: FakeClock) -> None:
    text = written(engine, run, clock)
    tags = Tags(text)
    assert tags.open == []
    assert len(tags.addresses) == 3 * 3  # photo, mask and matte of three examples
    assert all(address.startswith("data:image/webp;base64,") for address in tags.addresses)
    _, found = read(engine, run)
    first = base64.b64decode(tags.addresses[0].partition(",")[2]).decode()
    assert first == f"thumb {min(found, key=lambda one: one.values['f1'] or 0).image}"
    assert "started from scratch" in text
    assert "2026-01-02 03:04 UTC" in text


def test_neither_file_names_a_person_a_photo_or_a_folder(engine: Engine, run: int, clock: FakeClock) -> None:
    _, found = read(engine, run)
    for text in (written(engine, run, clock), report_csv(found).decode()):
        assert not re.search(r"Ada|Byron|/home|head-\d", text)


def test_text_from_others_is_escaped(engine: Engine, run: int, clock: FakeClock) -> None:
    text = written(engine, run, clock, {"Source": Table(["Source", "F1"], [["<img src=x>2.zip", "<b>0.5</b>"]])})
    assert "&lt;img src=x&gt;2.zip" in text
    assert "x" not in Tags(text).addresses
    assert "b" not in Tags(table_html(Table(["a"], [["<b>"]]))).seen


def test_an_example_whose_picture_is_missing_is_left_out(engine: Engine, run: int, clock: FakeClock) -> None:
    origin, found = read(engine, run)
    worst = worst_rows(found)
    thumbnails = {sha: b"webp" for one in worst[1:] for sha in (one.image, one.mask, one.matte)}
    assert len(Tags(report_html(origin, found, {}, worst, thumbnails, clock())).addresses) == 2 * 3
    assert "Worst examples" not in report_html(origin, found, {}, worst, {}, clock())


def test_the_csv_has_a_row_for_each_image_and_reads_back(engine: Engine, run: int) -> None:
    _, found = read(engine, run)
    rows = list(csv.DictReader(io.StringIO(report_csv(found).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["example"]) for row in rows] == [one.example for one in found]
    assert [float(row["f1"]) for row in rows] == pytest.approx([0.5, 0.54, 0.58])  # tests.trained
    assert {row["hollow"] for row in rows} == {""}
    assert rows[0]["source"] == "<img src=x>2.zip"


def test_a_source_that_a_spreadsheet_would_run_is_stored_as_text(engine: Engine, run: int) -> None:
    _, found = read(engine, run)
    (row,) = csv.DictReader(io.StringIO(report_csv([dataclasses.replace(found[0], source="=HYPERLINK(1)")]).decode()))
    assert row["source"] == "'=HYPERLINK(1)"


def test_who_was_erased_is_in_neither_file(
    engine: Engine, store: Store, settings: Settings, run: int, clock: FakeClock
) -> None:
    _, before = read(engine, run)
    erase_contributor(engine, store, settings, "Ada Byron", "lea", clock())
    _, found = read(engine, run)
    (erased,) = {one.example for one in before} - {one.example for one in found}
    assert len(Tags(written(engine, run, clock)).addresses) == 2 * 3
    assert f"Example {erased}," not in written(engine, run, clock)
    assert str(erased) not in [row["example"] for row in csv.DictReader(io.StringIO(report_csv(found).decode()))]
