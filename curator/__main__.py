"""Curate noisy hair masks: ingest photos, review them, freeze and export curated sets."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from curator import status
from curator.consent import ended_in_words
from curator.formats import (
    ADAPTERS,
    WRITERS,
    Counted,
    Location,
    NotRead,
    OpenedSource,
    RawPair,
    Refused,
    count_items,
    display_name,
    open_source,
    parse_location,
    read_source,
)
from curator.ingest import aside, uploads
from curator.ingest.bars import Bars, Kind, Person, allow_again, forget_lost_keys
from curator.ingest.before import look_for_known
from curator.ingest.outcomes import COLUMNS, Outcome, OutcomeFilter, count_files, list_outcomes
from curator.ingest.pace import (
    CUTTING,
    KNOWN,
    LISTED,
    LOADING,
    LOOKING,
    PREVIEWS,
    READING,
    STARTING,
    ingest_course,
    listed,
    preview_course,
    roughly,
)
from curator.ingest.pipeline import CropMode, IngestSummary, cutting_in_words, spooled
from curator.ingest.pipeline import ingest as ingest_pairs
from curator.ingest.previews import make_previews
from curator.ingest.previews import save as save_previews
from curator.ingest.survey import meaning_of_source, remembered, survey
from curator.ingest.workers import kept, workers_for
from curator.pictures.crop import Square
from curator.pictures.meaning import NOTHING_ASKED, Asked, UnclearError, contradicts, parse_value, tally
from curator.pictures.meaning import decide as decide_meaning
from curator.review import deck, verdicts
from curator.review.reviewers import reviewer_called
from curator.review.verdict_csv import read_csv
from curator.runs.deletion import delete_run
from curator.sample import write_sample
from curator.sets import freeze as sets
from curator.sets import packing
from curator.sets.export import export_set
from curator.status import parts_in_words
from curator.touchup import refinements
from curator.touchup.matting import Matting
from curator.upkeep.check import check as check_store
from curator.upkeep.erase import JOBS_NOT_BESIDE, Request, erase, names_in_texts, request_for, request_keys, unfinished
from curator.upkeep.erase import resume as go_on
from curator.upkeep.expire import expire_key, expired, expiring, expiring_text, expiring_values
from curator.upkeep.receipt import Receipt
from curator.upkeep.repair import repair
from curator.upkeep.spellings import in_words, named_nearly
from curator.upkeep.undo import undo_ingest
from db.blobs import delete_orphans
from db.commands import exit_on_error, print_result, progress_line
from db.course import Course
from db.errors import WinnowError
from db.jobs import NOT_BESIDE, Progress, running_job, utc_now
from db.people import folded
from db.secret import home_secret
from db.session import open_database, reading, writing
from db.settings import Settings, read_settings
from db.store import Store
from db.tables import Decision, Event, Reason, Split
from db.workspaces import outside, sweep, workspace

TOLD = ("added", "already", "no_face", "refusals")  # counts of an ingest that the feed tells
NOT_READ_SHOWN = 20  # of the files that belong to no photo, after an ingest
NOTHING_COUNTED = Counted()
DRAWN = 0.3  # the share of the sample's time that goes into drawing it
OUTCOME_WORDS = {
    Outcome.refused: "Refused",
    Outcome.not_read: "Not read",
    Outcome.remark: "With a remark",
    Outcome.aside: "Without a face",
}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JobNumber = Annotated[
    int | None, typer.Option("--job", hidden=True, help="The number of the job that the app created for this command.")
]


@app.command()
def sample(
    count: Annotated[int, typer.Option(min=8, help="How many pictures to draw.")] = 72,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Ingest the built-in sample: portraits drawn by the program, with masks like those of a crowd, some of them bad."""
    with exit_on_error():
        settings = read_settings()
        engine = open_database(settings)
        with (
            running_job(engine, "ingest", ["sample"], job, by=settings.reviewer) as progress,
            _unpacking(settings, progress) as folder,
        ):

            def on_portrait(done: int, total: int) -> None:
                progress.report(DRAWN * done / total, f"Drawing portrait {done} of {total}")

            write_sample(folder, count, seed, on_portrait)
            # The alphas beside the masks are the truth that nobody painted: for benchmarks, and named to nobody.
            items = (item for item in read_source("manifest", folder, folder, settings.limits) if not isinstance(item, NotRead))
            summary = _run_ingest(
                settings, progress, items, "sample", f"drawn, seed {seed}", None, folders=[folder], start=DRAWN
            )
        print_result(summary, _summary_text(summary), as_json=as_json)


@app.command()
def ingest(
    source: Annotated[
        str, typer.Argument(help="A folder, zip, list of files or export, as a path or a URL (s3://, https://).")
    ],
    kind: Annotated[
        str, typer.Option("--format", help=f"Its format: auto, {', '.join(each.name for each in ADAPTERS)}.")
    ] = "auto",
    split: Annotated[
        Literal["auto", "train", "validation", "test"],
        typer.Option(help="The split of all pairs; auto takes the split that the source states, or draws one."),
    ] = "auto",
    cut: Annotated[
        CropMode, typer.Option("--crop", help="What becomes an example: the square around the face, or the whole photo.")
    ] = "face",
    label: Annotated[
        str | None, typer.Option(help="The label that means hair, in a format that has labels. Usual: the one called hair.")
    ] = None,
    hair: Annotated[
        list[str] | None, typer.Option(help="The value of hair in its mask files: a number, or a colour such as '#7f0000'.")
    ] = None,
    skin: Annotated[list[str] | None, typer.Option(help="The value of skin in its mask files.")] = None,
    unknown: Annotated[
        list[str] | None, typer.Option(help="A value of which the source says nothing: left out of training and measures.")
    ] = None,
    inverted: Annotated[bool, typer.Option("--inverted", help="Black is hair in its mask files, and white is not.")] = False,
    called: Annotated[str | None, typer.Option(hidden=True, help="The name to record for the source.")] = None,
    discard: Annotated[bool, typer.Option(hidden=True, help="Delete SOURCE, an uploaded zip, once all of it is in.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the pairs; no picture is opened and nothing is written.")
    ] = False,
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Ingest photos with their masks: find the face in each photo and cut the crop around it."""
    with exit_on_error():
        settings = read_settings()
        place = parse_location(source)
        location = called or (str(place.resolve()) if isinstance(place, Path) else display_name(place))
        asked = _asked(hair, skin, unknown, inverted)
        if discard and (not isinstance(place, Path) or place.is_dir()):
            raise WinnowError(f"{display_name(place)} is not an uploaded zip. --discard deletes nothing else.")
        if dry_run:
            # The Ingest page has created a job for its preview; a dry run by hand leaves no trace, and opens no picture.
            if job is None:
                with workspace(outside()) as folder:
                    counts = count_items(open_source(place, kind, folder, settings.limits, called or "", label))
            else:
                with (
                    running_job(open_database(settings), "look", [], job) as preview,
                    _unpacking(settings, preview) as folder,
                ):
                    found = _opened(settings, preview, place, kind, folder, called, label)
                    folders = [place, folder] if isinstance(place, Path) else [folder]
                    beside = uploads.previews_beside(settings.uploads, source, job)
                    preview.result = counts = _look(settings, preview, found, location, folders, beside)
            print_result(counts, _dry_run_text(counts), as_json=as_json)
            return
        engine = open_database(settings)
        with (
            running_job(engine, "ingest", [called or display_name(place)], job, by=settings.reviewer) as progress,
            _unpacking(settings, progress) as folder,
        ):
            progress.report(0.0, READING)
            found = _opened(settings, progress, place, kind, folder, called, label)
            progress.report(listed(found.steps), f"Reading the source as {found.format}: {found.because}")
            chosen = None if split == "auto" else Split(split)
            folders = [place, folder] if isinstance(place, Path) else [folder]
            items = _with_format_printed(found)
            upload = place if discard and isinstance(place, Path) else None
            previews = None if job is None else uploads.previews_beside(settings.uploads, source, job)
            summary = _run_ingest(
                settings,
                progress,
                items,
                found.format,
                location,
                chosen,
                cut,
                asked,
                found.counted,
                folders=folders,
                steps=found.steps,
                previews=previews,
            )
            summary["files"] = found.counted.files
            if upload is not None:  # not after a failure or a stop: then it can be ingested again
                uploads.discard(upload)
        print_result(summary, _summary_text(summary), as_json=as_json)


def _look(
    settings: Settings, job: Progress, found: OpenedSource, location: str, folders: Sequence[Path], beside: Path
) -> dict[str, Any]:
    """What a preview shows: the counts, what is in already, what the masks' values are and mean; `beside`, four small pairs."""
    with (
        spooled(_reported(found.items, job, found.steps, 0.0, kinds := Counter[type]())) as (total, items_again),
        workers_for(settings, *folders) as all_workers,
        kept(all_workers) as workers,
    ):
        counts = count_items(replace(found, items=items_again()))
        course, photos = preview_course(total, LISTED), kinds[RawPair]

        def on_known(done: int) -> None:
            share, left = course.at(KNOWN, done, photos)
            job.report(share, f"{KNOWN}: {done:,} of {photos:,}", left)

        def on_survey(done: int) -> None:
            share, left = course.at(LOOKING, done, total) if done else course.at(STARTING)
            job.report(share, f"{LOOKING}: {done:,} of {total:,}" if done else STARTING, left)

        counts |= look_for_known(items_again(), job.engine, settings.limits, on_known)
        census = survey(items_again(), workers, settings.limits, on_survey)
        values = tally(census)
        job.report(course.at(PREVIEWS).share, PREVIEWS)
        previews = make_previews(items_again, [value for value, _, _ in values], workers, settings.limits)
        save_previews(previews, beside)
    try:
        known = remembered(job.engine, found.format, location, NOTHING_ASKED)
        if known is not None and contradicts(known, census) is not None:
            why = f"A source of the same name was ingested before, and then {known.words}. These masks look otherwise."
            return counts | {"values": values, "meaning": None, "understood": None, "unclear": why}
        meaning = known or found.counted.meaning or decide_meaning(census)
    except UnclearError as error:
        return counts | {"values": values, "meaning": None, "understood": None, "unclear": error.why}
    return counts | {"values": values, "meaning": meaning.words, "understood": meaning.as_row(), "unclear": None}


def _asked(hair: list[str] | None, skin: list[str] | None, unknown: list[str] | None, inverted: bool) -> Asked:
    """What the options say about the masks' values. Raises WinnowError for words that are none."""
    named = hairs, skins, unknowns = [tuple(map(parse_value, words or ())) for words in (hair, skin, unknown)]
    if inverted and (hair or skin):
        raise WinnowError("--inverted says that black is hair. Leave it out, or --hair and --skin.")
    if len({isinstance(value, str) for values in named for value in values}) > 1:
        raise WinnowError("Name the values of hair, skin and unknown all by their numbers, or all by their colours.")
    return Asked(hairs, skins, unknowns, inverted)


@contextmanager
def _unpacking(settings: Settings, progress: Progress) -> Iterator[Path]:
    """An empty folder for a source, once what killed processes left is swept.

    Raises NotNowError while somebody is erased or an ingest is taken back.
    """
    progress.refuse_beside("erase", "undo")
    for folder in (settings.temporary, outside()):
        sweep(folder)
    with workspace(settings.temporary) as folder:
        yield folder


def _opened(
    settings: Settings, progress: Progress, place: Location, kind: str, folder: Path, called: str | None, label: str | None
) -> OpenedSource:
    """The source, opened while the job's row and the terminal tell how far that is, and a person can stop it."""
    with progress_line() as show:

        def on_step(words: str, steps: int) -> None:
            show(words)
            progress.report(listed(steps), words)

        return open_source(place, kind, folder, settings.limits, called or "", label, on_step)


def _with_format_printed(found: OpenedSource) -> Iterator[RawPair | Refused | NotRead]:
    """The items of a source; after the last, its format is printed on stderr."""
    yield from found.items
    typer.echo(f"Read as {found.format}: {found.because}.", err=True)


def _dry_run_text(counts: dict[str, Any]) -> str:
    lines = [
        f"{counts['format']}: {counts['because']}.",
        f"{counts['photos']:,} photos with their masks in {counts['files']:,} files, {len(counts['refused']):,} refused, "
        f"{len(counts['not_read']):,} not read, {counts['junk']:,} of file managers. Nothing was written.",
    ]
    left_out = [*counts["refused"], *counts["not_read"]]
    return "\n".join(lines + [f"  {item['file']}: {item['reason']}" for item in left_out])


def _run_ingest(
    settings: Settings,
    progress: Progress,
    items: Iterable[RawPair | Refused | NotRead],
    adapter: str,
    location: str,
    split: Split | None,
    cut: CropMode = "face",
    asked: Asked = NOTHING_ASKED,
    counted: Counted = NOTHING_COUNTED,
    *,
    folders: Sequence[Path] = (),
    previews: Path | None = None,
    steps: int = 0,
    start: float = 0.0,
) -> dict[str, Any]:
    """Ingest a source as a job. `folders` hold its pairs: a cluster's workers are used only if they see them.

    Beside `previews`, small pictures are left for the page to ask with, if it is unclear what the masks' values mean. It took
    `steps` to open the source; `start` is the share of the job (0 to 1) that was done before.
    """
    found: Counter[type] = Counter()
    with (
        spooled(_reported(items, progress, steps, start, found)) as (total, items_again),
        workers_for(settings, *folders) as all_workers,
        kept(all_workers) as workers,
        progress_line() as show,
    ):
        photos = total - found[NotRead]
        course = ingest_course(photos, start + (1 - start) * LISTED)
        examined, saved = 0, IngestSummary()

        def report(before: str, phase: str, line: str, done: int, of: int) -> None:
            """`before` is the phase that goes on until the first is done."""
            share, left = course.at(phase, done, of) if done else course.at(before)
            line = line if done else before
            show(line if left is None else f"{line}; {roughly(left)} left")
            progress.report(min(share, 0.999), line, left)

        def on_survey(done: int) -> None:
            report(STARTING, LOOKING, f"{LOOKING}: {done:,} of {total:,}", done, total)

        def on_examined(number: int) -> None:
            nonlocal examined
            examined = number
            report(LOADING, CUTTING, cutting_in_words(examined, photos, saved), examined, photos)

        def on_progress(summary: IngestSummary) -> None:
            nonlocal saved
            saved = summary
            progress.told = {"format": adapter, "source": location, **{name: getattr(summary, name) for name in TOLD}}
            on_examined(examined)

        try:
            meaning = meaning_of_source(
                items_again,
                workers,
                progress.engine,
                adapter,
                location,
                asked,
                settings.limits,
                on_survey,
                counted.meaning,
            )
        except UnclearError as error:
            progress.result = {"unclear": error.why, "values": error.values, "meaning": None, "understood": None}
            if previews is not None:
                values = [value for value, _, _ in error.values]
                save_previews(make_previews(items_again, values, workers, settings.limits), previews)
            raise
        summary = ingest_pairs(
            items_again(),
            adapter=adapter,
            location=location,
            engine=progress.engine,
            store=Store(settings.store),
            workers=workers,
            clock=utc_now,
            limits=settings.limits,
            secret=home_secret(settings.home.resolve()),
            job=progress.number,
            meaning=meaning,
            split=split,
            cut=cut,
            on_progress=on_progress,
            on_examined=on_examined,
            while_waiting=on_progress,
        )
    about = {"job": progress.number, "meaning": meaning.words, "workers": workers.description}
    progress.result = asdict(summary) | {"photos": found[RawPair]} | about
    return progress.result


def _reported(
    items: Iterable[RawPair | Refused | NotRead], progress: Progress, steps: int, start: float, found: Counter[type]
) -> Iterator[RawPair | Refused | NotRead]:
    """The items, while the job's row tells how many were listed, and a person can stop the listing. Counts them by kind."""
    for number, item in enumerate(items, 1):
        found[type(item)] += 1
        progress.report(listed(steps + number, start), f"{READING}: {number:,}")
        yield item


def _summary_text(summary: dict[str, Any]) -> str:
    healed = f" ({summary['healed']:,} of them healed: pictures were missing or damaged)" if summary["healed"] else ""
    lines = [
        f"{summary['seen']:,} seen: {summary['added']:,} added ({summary['no_face']:,} of them without a face, kept aside; "
        f"{summary['remarked']:,} with remarks), {summary['already']:,} already here{healed}, "
        f"{summary['refusals']:,} refused. "
        f"Work done by {summary['workers']}."
    ]
    lines += [f"  {one['photos']:,} from {one['source']}, since {one['since'][:10]}" for one in summary["before"]]
    if summary["meaning"]:
        lines.append(f"The masks' values: {summary['meaning']}.")
    # The erased are all called alike.
    said = Counter(f"  {item['file']}: {item['reason']}" for item in summary["refused"])
    lines += [line if times == 1 else f"{line} ({times:,} times)" for line, times in said.items()]
    if unlisted := summary["refusals"] - len(summary["refused"]):
        lines.append(f"  and {unlisted:,} more; `winnow intake` lists all")
    if summary["not_read"] or summary["junk"]:
        lines.append(f"{summary['not_read']:,} files belong to no photo and were not read; {summary['junk']:,} more are junk.")
        lines += [f"  {item['file']}: {item['reason']}" for item in summary["left_out"][:NOT_READ_SHOWN]]
        if summary["not_read"] > NOT_READ_SHOWN:
            lines.append(f"  and {summary['not_read'] - NOT_READ_SHOWN:,} more; `winnow intake --outcome not_read` lists all")
    if summary["remarked"]:
        lines.append(f"Remarks on {summary['remarked']:,} photos: `winnow intake --outcome remark` lists them.")
    if summary["added"]:
        lines.append(f"`winnow undo-ingest {summary['job']}` takes it back, as long as nobody has judged any of it.")
    return "\n".join(lines)


@app.command("intake")
def list_intake(
    outcome: Annotated[
        Outcome | None, typer.Option(help="Only these; usual: the refused, the not read and the remarks.")
    ] = None,
    source: Annotated[int | None, typer.Option(min=1, help="Only files of this source, by its number in --json.")] = None,
    words: Annotated[str, typer.Option(help="Only files whose name or reason has these words.")] = "",
    number: Annotated[int, typer.Option("-n", min=0, help="How many to list of each; 0 lists all.")] = 100,
    as_json: Json = False,
) -> None:
    """List what happened to files: refused, not read because they belong to no photo, with a remark, or without a face."""
    with exit_on_error(), reading(open_database(read_settings())) as session:
        chosen = [outcome] if outcome else [Outcome.refused, Outcome.not_read, Outcome.remark]
        values: dict[str, Any] = {}
        lines = []
        for one in chosen:
            asked = OutcomeFilter(one, source, words)
            rows = [dict(zip(COLUMNS, row, strict=True)) for row in list_outcomes(session, asked, number or None)]
            there = count_files(session, asked)
            values[one.value] = {"files": there, "listed": rows}
            lines.append(f"{OUTCOME_WORDS[one]}: {there:,}" + (f", the newest {len(rows):,}:" if len(rows) < there else ""))
            lines += [f"  {row['file']}: {row['why']}" for row in rows]
        print_result(values, "\n".join(lines), as_json=as_json)


@app.command("undo-ingest")
def take_ingest_back(
    number: Annotated[int, typer.Argument(metavar="JOB", min=1, help="The ingest's number, as `ingest` says it at its end.")],
    by: Annotated[str, typer.Option(help="The name to record for who took it back.")] = "",
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Take an ingest back that nobody has judged yet: all that it added goes, and may come in again."""
    with exit_on_error():
        settings = read_settings()
        engine = open_database(settings)
        with running_job(engine, "undo", [str(number)], job, by=by or settings.reviewer) as progress:
            progress.refuse_beside(*NOT_BESIDE["undo"])
            progress.report(0.0, "Deleting what the ingest added")
            undone = undo_ingest(engine, Store(settings.store), number, by or settings.reviewer, utc_now())
            progress.result = asdict(undone)
        print_result(
            progress.result,
            f"Ingest {number} is taken back: {undone.submissions:,} photos, {undone.examples:,} examples and "
            f"{undone.refusals:,} refusals are deleted, and {undone.blobs:,} pictures that only they named.",
            as_json=as_json,
        )


@app.command("status")
def show_status(as_json: Json = False) -> None:
    """Show the counts of submissions, examples and verdicts, and the curated sets and runs."""
    with exit_on_error(), reading(open_database(read_settings())) as session:
        now, counted = status.status(session, utc_now()), status.flow(session)
        ended = now["consent"]["ended"]
        text = (
            f"{counted.submissions:,} submissions: {parts_in_words(counted.submission_parts, 'examples')}\n"
            f"{counted.verdicts.examples:,} examples: {parts_in_words(counted.example_parts, 'kept', 'rejected', 'open')}\n"
            f"{counted.refused:,} files refused\n"
            f"{len(now['sets'])} curated sets, {len(now['runs'])} runs, {now['exports']} verified exports"
        )
        text += f"\n{ended_in_words(ended)}" if ended else ""
        print_result(now, text, as_json=as_json)


@app.command()
def queue(
    number: Annotated[int, typer.Option("-n", min=0, help="How many to list; 0 lists all.")] = 20,
    as_json: Json = False,
) -> None:
    """List the next examples to review, most suspicious first, with their suspicion and signals."""
    with exit_on_error(), reading(open_database(read_settings())) as session:
        found = deck.queue(session, number or None)
        lines = [f"{one['example']:>6}  {one['suspicion']:.2f}  {one['photo']}  {', '.join(one['reasons'])}" for one in found]
        print_result({"examples": found}, "\n".join(lines) or "Nothing is waiting for review.", as_json=as_json)


@app.command()
def decide(
    example: Annotated[int, typer.Argument(help="The example's number, as `queue` lists it.")],
    verdict: Annotated[Decision, typer.Argument(help="The verdict.")],
    reason: Annotated[Reason | None, typer.Option(help="Why it is rejected.")] = None,
    by: Annotated[str, typer.Option(help="The reviewer's name.")] = "",
    as_json: Json = False,
) -> None:
    """Record one verdict."""
    with exit_on_error():
        settings = read_settings()
        with writing(open_database(settings)) as session:
            reviewer = reviewer_called(session, by or settings.reviewer)
            given = verdicts.NewVerdict(example, verdict, reason, verdicts.new_client_id())
            verdicts.record(session, reviewer.id, [given], utc_now(), settings.second_opinions)
    print_result(
        {"example": example, "verdict": verdict.value, "by": reviewer.name},
        f"Example {example}: {verdict.value}.",
        as_json=as_json,
    )


@app.command("verdicts")
def many_verdicts(
    file: Annotated[Path, typer.Argument(help="CSV with columns example,verdict,reason,reviewer.")],
    as_json: Json = False,
) -> None:
    """Record the verdicts in a CSV file. The same file again adds nothing; if one line is wrong, nothing is recorded."""
    with exit_on_error():
        settings = read_settings()
        rows = read_csv(file, settings.reviewer)
        taken = 0
        with writing(open_database(settings)) as session:
            for name, given in rows.items():
                taken += verdicts.record(
                    session, reviewer_called(session, name).id, given, utc_now(), settings.second_opinions
                ).taken
        total = sum(len(given) for given in rows.values())
        print_result({"verdicts": total, "taken": taken}, f"{taken} of {total} verdicts were new.", as_json=as_json)


@app.command("aside")
def list_aside(
    number: Annotated[int, typer.Option("-n", min=1, help="How many to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List the photos in which no face was found, with their numbers for `crop`."""
    with exit_on_error(), reading(open_database(read_settings())) as session:
        found, left = aside.next_faceless(session, number), aside.count_faceless(session)
        lines = [f"{one.submission:>6}  {one.width} x {one.height}  {one.photo}  {' '.join(one.remarks)}" for one in found]
        print_result(
            {"left": left, "photos": [asdict(one) for one in found]},
            "\n".join([*lines, f"{left} in total"] if left else ["No photo is kept aside."]),
            as_json=as_json,
        )


@app.command()
def crop(
    submission: Annotated[int, typer.Argument(help="The photo's number, as `aside` lists it.")],
    box: Annotated[
        str | None,
        typer.Option(
            metavar="TOP,LEFT,SIDE[,ROTATION]",
            help="The square, in pixels of the upright photo; rotation in degrees counter-clockwise.",
        ),
    ] = None,
    discard: Annotated[bool, typer.Option("--discard", help="Discard the photo.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo your crop or discard.")] = False,
    by: Annotated[str, typer.Option(help="The reviewer's name.")] = "",
    as_json: Json = False,
) -> None:
    """Crop a photo in which no face was found, or discard it."""
    with exit_on_error():
        settings = read_settings()
        if [box is not None, discard, undo].count(True) != 1:
            raise WinnowError("Give one of --box, --discard and --undo.")
        engine, store, who = open_database(settings), Store(settings.store), by or settings.reviewer
        if undo:
            aside.take_back(engine, store, who, submission, utc_now())
        else:
            aside.decide(engine, store, settings.limits, who, submission, None if box is None else _square(box), utc_now())
        state = "waits again" if undo else "discarded" if discard else "cropped"
        print_result({"submission": submission, "now": state, "by": who}, f"Photo {submission}: {state}.", as_json=as_json)


def _square(words: str) -> Square:
    """Reads the value of --box. Raises WinnowError if it is not three or four finite numbers."""
    try:
        top, left, side, *rotation = (float(word) for word in words.split(","))
        (turn,) = rotation or [0.0]
    except ValueError:
        raise WinnowError(f"--box {words}: give three or four numbers, top,left,side[,rotation].") from None
    if not all(math.isfinite(number) for number in (top, left, side, turn)):
        raise WinnowError(f"--box {words}: nan and inf are not allowed.")
    return Square(top, left, side, turn)


@app.command()
def freeze(
    note: Annotated[str, typer.Option(help="A note to store with the set.")] = "",
    consent: Annotated[
        Literal["any", "recorded"],
        typer.Option(help="recorded leaves out photos of people without recorded consent; any leaves out ended ones only."),
    ] = "any",
    as_json: Json = False,
) -> None:
    """Freeze the approved examples as the next curated set. Those whose consent has ended are always left out."""
    with exit_on_error():
        settings = read_settings()
        consented = consent == "recorded"
        frozen = sets.freeze(open_database(settings), note, utc_now(), by=settings.reviewer, consented=consented)
        result = {
            "set": frozen.set,
            "examples": frozen.examples,
            **frozen.splits,
            "hash": frozen.hash,
            "no_consent": frozen.no_consent,
            "left_out_ended": frozen.left_out_ended,
            "left_out_no_consent": frozen.left_out_no_consent,
        }
        parts = ", ".join(f"{number} {split}" for split, number in frozen.splits.items())
        text = f"Curated set {frozen.set}: {frozen.examples} examples ({parts}). {frozen.consent_in_words}".rstrip()
        print_result(result, text if frozen.new else f"{text} Nothing has changed since it was frozen.", as_json=as_json)


@app.command()
def refine(
    split: Annotated[Split | None, typer.Option(help="Only the masks of this split.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many masks, oldest examples first.")] = None,
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Propose refined masks for the kept examples. A person accepts or declines them on the page Refine in bulk."""
    with exit_on_error():
        settings = read_settings()
        engine = open_database(settings)
        matting = Matting(settings.compiled)
        with running_job(engine, "refine", [split or "all"], job, by=settings.reviewer) as progress, progress_line() as show:
            course: Course | None = None
            progress.report(0.0, refinements.WARMING)

            def on_progress(done: int, so_far: refinements.Proposed) -> None:
                nonlocal course
                course = course or refinements.course(so_far.masks)
                share, left = course.at(refinements.REFINING, done, so_far.masks)
                line = f"{refinements.REFINING}: {done:,} of {so_far.masks:,}, {so_far.proposed:,} proposed"
                show(line if left is None else f"{line}; {roughly(left)} left")
                progress.report(min(share, 0.999), line, left)

            try:
                proposed = refinements.propose(engine, Store(settings.store), matting, split, limit, utc_now, on_progress)
            finally:
                matting.close()
            progress.result = asdict(proposed)
        print_result(progress.result, _refined_text(proposed), as_json=as_json)


def _refined_text(proposed: refinements.Proposed) -> str:
    lines = [
        f"{proposed.masks:,} masks: {proposed.proposed:,} refined ({proposed.changed_much:,} of them changed much), "
        f"{proposed.unchanged:,} unchanged, {proposed.refused:,} refused."
    ]
    return "\n".join(lines + [f"  {reason}" for reason in proposed.reasons])


def _known_writer(kind: str) -> str:
    if kind not in WRITERS:
        raise typer.BadParameter(f"{kind!r} is not one of {', '.join(WRITERS)}.")
    return kind


@app.command()
def export(
    number: Annotated[int, typer.Argument(metavar="SET", help="The number of the curated set.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    kind: Annotated[
        str, typer.Option("--format", help=f"The format: {', '.join(WRITERS)}.", callback=_known_writer, metavar="FORMAT")
    ] = "folder",
    as_json: Json = False,
) -> None:
    """Export a curated set in a format that other tools read."""
    with exit_on_error():
        settings = read_settings()
        engine = open_database(settings)
        with reading(engine) as session:
            written = export_set(session, Store(settings.store), number, folder, kind, utc_now().date())
        with writing(engine) as session:  # the files are whole by now
            detail = {"set": number, "format": kind, "examples": written.examples}
            session.add(Event(at=utc_now(), who=settings.reviewer, what="export set", detail=detail))
        cut = f" {written.cut_at_half} soft masks were cut at half: {kind} has one bit a pixel." if written.cut_at_half else ""
        text = f"{written.examples} examples written to {folder}; {written.erased} left out, because they were erased.{cut}"
        text += f"\n{kind}: {WRITERS[kind].in_words}"
        if written.consent_ended:
            text += f"\nThe consent to use {written.consent_ended} of them has ended. Freeze a new set."
        first = written.consent_ends_first
        values = asdict(written) | {"consent_ends_first": first and first.isoformat()}
        print_result(values, text, as_json=as_json)


@app.command(hidden=True)
def pack(
    number: Annotated[int, typer.Argument(metavar="SET", help="The number of the curated set.")],
    kind: Annotated[str, typer.Option("--format", callback=_known_writer, metavar="FORMAT")] = "folder",
    by: Annotated[str, typer.Option(help="The reviewer who may download it.")] = "",
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Pack an exported set as a zip that the Sets page lets its reviewer download."""
    with exit_on_error():
        settings = read_settings()
        engine = open_database(settings)
        with running_job(engine, packing.KIND, packing.arguments(number, kind, by), job, by=by) as progress:
            progress.refuse_beside("erase")
            packing.delete_downloads(settings.downloads, utc_now())
            progress.told = {"set": number, "format": kind}
            progress.result = packing.pack(
                engine, Store(settings.store), settings, number, kind, progress.number, utc_now().date(), progress.report
            )
            progress.told["examples"] = progress.result["examples"]
        print_result(progress.result, f"{progress.result['examples']} examples packed for {by}.", as_json=as_json)


@app.command("delete-run")
def delete_a_run(
    number: Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")],
    with_exports: Annotated[bool, typer.Option("--with-exports", help="Delete its exported files and proofs, too.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a run with its weights, epochs, previews and reports. Its curated set stays."""
    with exit_on_error():
        settings = read_settings()
        engine, store = open_database(settings), Store(settings.store)
        deleted = delete_run(engine, store, settings, number, settings.reviewer, utc_now(), with_exports=with_exports)
        text = f"Run {number} is deleted: {deleted.epochs} epochs, {deleted.pictures} mattes, {deleted.exports} exported files."
        print_result(asdict(deleted), text, as_json=as_json)


@app.command("erase")
def erase_somebody(
    contributor: Annotated[
        list[str] | None, typer.Option(help="A contributor's name, in any case. Repeat it for each other spelling.")
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="The name of the person shown, in any case. Repeat it for each other spelling.")
    ] = None,
    photo: Annotated[str | None, typer.Option(help="A photo's file name or sha256.")] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Erase whom you name, and leave those whose names are spelled nearly the same.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with erasures that were broken off.")] = False,
    again: Annotated[
        bool, typer.Option("--allow-again", help="Erase nothing, but let an ingest bring in again what was erased.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase a contributor, a person shown or a photo, and everything made from them; print what went and what remains.

    Exits 1 if something should still go: the same command goes on then, as after a crash. Exits 1 and erases nothing if others
    have nearly the same name, until --only says that they are other people. Every later ingest refuses what was erased.
    """
    with exit_on_error():
        settings = read_settings()
        people: dict[Person, list[str]] = {"contributor": contributor or [], "subject": subject or []}
        asked: list[tuple[Kind, list[str]]] = [(person, names) for person, names in people.items() if names]
        asked += [] if photo is None else [("photo", [photo])]
        if len(asked) + resume != 1 and not (again and not asked and not resume):
            raise WinnowError("Give one of --contributor, --subject, --photo and --resume.")
        if only and (again or not any(people.values())):
            raise WinnowError("--only goes with --contributor or --subject.")
        engine, bars = open_database(settings), Bars(home_secret(settings.home.resolve()))
        if again:
            lifted = _allow_again(engine, bars, asked, settings.reviewer)
            print_result({"lifted": lifted}, f"Allowed again: {lifted} people and photos.", as_json=as_json)
            return
        # Looked up before the job begins, whose row must not keep a name.
        with reading(engine) as session:
            request, begun = (None, unfinished(session)) if resume else _requested(session, bars, *asked[0], only=only)
        if request is None and not begun:
            print_result({"erasures": []}, "No erasure was broken off.", as_json=as_json)
            return
        words = None if resume else names_in_texts(name for names in people.values() for name in names)
        receipts = _erase_as_a_job(settings, engine, begun, words, request)
        with reading(engine) as session:
            for person, names in people.items():
                if names:
                    receipts[-1] = replace(receipts[-1], near=named_nearly(session, person, names))
        answer = {"erasures": [each.as_dict() for each in receipts]} if resume else receipts[-1].as_dict()
        print_result(answer, "\n\n".join(receipt.text() for receipt in receipts), as_json=as_json)
        if not all(receipt.complete for receipt in receipts):
            raise typer.Exit(1)


def _requested(session: Session, bars: Bars, kind: Kind, names: list[str], *, only: bool) -> tuple[Request | None, list[int]]:
    """The request for these names, and the numbers of its erasures that were broken off.

    Raises WinnowError as `request_for` does. Without `only` it also does if others have nearly the same name, so that a person
    decides whether they are meant too.
    """
    request = request_for(session, bars, kind, *names)
    if request is not None and kind != "photo" and not only:
        asked = {folded(name) for name in names}
        others = [one for one in named_nearly(session, kind, names) if folded(one.name) not in asked]
        if others:
            raise WinnowError(
                f"Nothing was erased yet, because others have nearly the same name: {in_words(others)}. If one of them is the "
                f"same person, repeat --{kind} with that name. Add --only to leave those whom you don't name."
            )
    return request, unfinished(session, *request_keys(bars, kind, *names))


def _erase_as_a_job(
    settings: Settings, engine: Engine, begun: Iterable[int], names: tuple[str, ...] | None, request: Request | None
) -> list[Receipt]:
    """Go on with the erasures that were begun, then erase what is requested; a receipt of each, in this order.

    `names` are those of the person who was asked for: () if there is none, None if they are not known again.
    """
    store, receipts = Store(settings.store), []
    with running_job(engine, "erase", [], None) as progress, progress_line() as show:
        progress.refuse_beside(*JOBS_NOT_BESIDE)

        def report(share: float, line: str) -> None:
            show(line)
            progress.report(share, line)

        for number in begun:
            receipts.append(go_on(engine, store, settings, number, names, utc_now(), report))
        if request is not None:
            receipts.append(erase(engine, store, settings, request, settings.reviewer, utc_now(), report))
        progress.result = {"complete": all(receipt.complete for receipt in receipts)}
    return receipts


def _allow_again(engine: Engine, bars: Bars, asked: list[tuple[Kind, list[str]]], who: str) -> int:
    """Lift the bars of one request, or without a request those whose key is lost; returns how many, and records it."""
    with writing(engine) as session:
        if asked:
            kind, names = asked[0]
            hashes = {one for name in names for one in bars.hashes(kind, name)}
            lifted = allow_again(session, [*request_keys(bars, kind, *names), *hashes])
        else:
            lifted = forget_lost_keys(session, bars)
        if not lifted:
            raise WinnowError("Nothing is barred under these words. They must be those with which it was erased.")
        session.add(Event(at=utc_now(), who=who, what="allow again", detail={"lifted": lifted}))
    return lifted


@app.command()
def expire(
    within: Annotated[
        int | None, typer.Option(min=0, max=36_500, metavar="DAYS", help="List also what ends within this many days.")
    ] = None,
    now_erase: Annotated[bool, typer.Option("--erase", help="Erase what has ended, as `erase` does.")] = False,
    as_json: Json = False,
) -> None:
    """List the photos whose consent has ended, by source and contributor; nothing is changed without --erase.

    Exits 1 if something should still go after --erase: the same command goes on then, as after a crash.
    """
    with exit_on_error():
        if now_erase and within is not None:
            raise WinnowError("--erase erases only what has ended. Leave --within out.")
        settings = read_settings()
        engine, today = open_database(settings), utc_now().date()
        key = expire_key(Bars(home_secret(settings.home.resolve())))
        with reading(engine) as session:
            found = expiring(session, today, within)
            begun = unfinished(session, key)
        receipts = []
        if now_erase and (found or begun):
            receipts = _erase_as_a_job(settings, engine, begun, (), expired(key, today) if found else None)
        answer = expiring_values(found, today) | {"erasures": [each.as_dict() for each in receipts]}
        text = expiring_text(found, today, within, asks=not now_erase)
        if begun and not now_erase:
            text += "\nAn erasure of these was broken off: `winnow expire --erase` goes on with it."
        print_result(answer, "\n\n".join([text, *(receipt.text() for receipt in receipts)]), as_json=as_json)
        if not all(receipt.complete for receipt in receipts):
            raise typer.Exit(1)


@app.command()
def check(
    tidy: Annotated[bool, typer.Option("--remove-orphans", help="Delete the pictures that no row names any more.")] = False,
    mend: Annotated[
        bool, typer.Option("--repair", help="Make missing and damaged crops again, and say what to ingest again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that every picture exists and is intact, that none is orphaned and no curated set has changed. Exits 1 if not."""
    with exit_on_error():
        settings = read_settings()
        engine, store = open_database(settings), Store(settings.store)
        if tidy:
            delete_orphans(engine, store, utc_now())
        with reading(engine) as session:
            findings = check_store(session, store, utc_now())
            values, text = findings.as_dict(), findings.text()
            if mend and (findings.missing or findings.damaged):
                findings, repairs = repair(session, store, settings.limits, findings)
                values, text = findings.as_dict() | repairs.as_dict(), f"{repairs.text()}\n{findings.text()}"
        print_result(values, text, as_json=as_json)
        if not findings.sound:
            raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m curator")
