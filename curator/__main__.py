"""The commands `python -m curator ...`: parse, call, print."""

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from curator import status
from curator.formats import (
    ADAPTERS,
    WRITERS,
    OpenedSource,
    RawPair,
    Refused,
    count_items,
    display_name,
    open_source,
    parse_location,
    read_source,
)
from curator.ingest import aside
from curator.ingest.pace import Mark, lately
from curator.ingest.pipeline import Cut, Summary, how_it_goes, laid_out
from curator.ingest.pipeline import ingest as bring_in
from curator.ingest.workers import workers_for
from curator.pictures.crop import Square
from curator.review import deck, verdicts
from curator.review.reviewers import reviewer_called
from curator.review.verdict_csv import read_csv
from curator.sample import write_sample
from curator.sets import freeze as sets
from curator.sets.export import export_set
from curator.upkeep.check import check as prove
from curator.upkeep.check import remove_orphans
from curator.upkeep.erase import erase_contributor
from db.commands import answer, one_clear_line, one_line
from db.errors import WinnowError
from db.jobs import Progress, held, utc_now
from db.session import open_database, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Decision, Reason, Split

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JobNumber = Annotated[int | None, typer.Option("--job", hidden=True, help="The job that the app made for this command.")]


@app.command()
def sample(
    count: Annotated[int, typer.Option(min=8, help="How many pictures to draw.")] = 72,
    seed: int = 0,
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Load the built-in sample set: portraits drawn by the program itself, with masks as a crowd would paint them."""
    settings = Settings()
    with one_clear_line(), tempfile.TemporaryDirectory() as folder:
        engine = open_database(settings)
        with held(engine, "ingest", ["sample"], job) as progress:

            def drew(done: int, total: int) -> None:
                progress.say(0.5 * done / total, f"Drawing portrait {done} of {total}")

            write_sample(Path(folder), count, seed, drew)
            items = read_source("manifest", Path(folder), Path(folder), settings.limits)
            summary = _bring_in(
                settings, progress, items, "sample", f"drawn, seed {seed}", None, folders=[Path(folder)], start=0.5
            )
        answer(summary, _said(summary), as_json=as_json)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="A folder, a zip, a list or an export; a path or a URL (s3://, https://).")],
    kind: Annotated[str, typer.Option("--format", help=f"auto, {', '.join(each.name for each in ADAPTERS)}.")] = "auto",
    split: Annotated[Literal["auto", "train", "validation", "test"], typer.Option()] = "auto",
    cut: Annotated[Cut, typer.Option("--crop", help="The square around the face, or the whole photo.")] = "face",
    called: Annotated[str | None, typer.Option(hidden=True, help="The name to remember the source by.")] = None,
    discard: Annotated[bool, typer.Option(hidden=True, help="Delete SOURCE, an upload, when all is in.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what there is; nothing is opened or written.")] = False,
    as_json: Json = False,
    job: JobNumber = None,
) -> None:
    """Bring in photos with their masks, and cut each to its face."""
    settings = Settings()
    with one_clear_line(), tempfile.TemporaryDirectory() as folder:
        place = parse_location(source)
        if dry_run:
            # A page that asks for it has made a job; asked for by hand, it leaves no trace.
            asked = nullcontext() if job is None else held(open_database(settings), "look", [], job)
            with asked as watched:
                there = count_items(open_source(place, kind, Path(folder), settings.limits))
                if watched is not None:
                    watched.result = there
            answer(there, _said_of(there), as_json=as_json)
            return
        engine = open_database(settings)
        try:
            with held(engine, "ingest", [called or display_name(place)], job) as progress:
                progress.say(0.0, "Reading the list of files")
                found = open_source(place, kind, Path(folder), settings.limits)
                progress.say(0.0, f"Reading it as {found.format}: {found.because}")
                chosen = None if split == "auto" else Split(split)
                location = called or (str(place.resolve()) if isinstance(place, Path) else display_name(place))
                folders = [place, Path(folder)] if isinstance(place, Path) else [Path(folder)]
                items = _announced(found)
                summary = _bring_in(settings, progress, items, found.format, location, chosen, cut, folders=folders)
        finally:
            if discard:
                place.unlink(missing_ok=True)
        answer(summary, _said(summary), as_json=as_json)


def _announced(found: OpenedSource) -> Iterator[RawPair | Refused]:
    yield from found.items
    typer.echo(f"This was read as {found.format}: {found.because}.", err=True)


def _said_of(there: dict[str, Any]) -> str:
    lines = [
        f"{there['format']}: {there['because']}.",
        f"{there['pairs']:,} pairs, {len(there['refused']):,} refused. Nothing was written.",
    ]
    return "\n".join(lines + [f"  {item['file']}: {item['reason']}" for item in there["refused"]])


def _bring_in(
    settings: Settings,
    progress: Progress,
    items: Iterable[RawPair | Refused],
    adapter: str,
    location: str,
    split: Split | None,
    cut: Cut = "face",
    *,
    folders: Sequence[Path] = (),
    start: float = 0.0,
) -> dict[str, Any]:
    """Bring a source in as a job; `folders` are those that the pairs lie in, for whoever else looks at them."""
    marks: list[Mark] = []

    with laid_out(items) as (total, waiting), workers_for(settings, *folders) as workers, one_line() as show:

        def told(summary: Summary) -> None:
            marks[:] = lately([*marks, Mark(utc_now(), summary.seen)])
            words = how_it_goes(summary, total, marks)
            show(words)
            progress.say(min(start + (1 - start) * summary.seen / max(total, 1), 0.999), words)

        summary = bring_in(
            waiting,
            adapter=adapter,
            location=location,
            engine=progress.engine,
            store=Store(settings.store),
            workers=workers,
            clock=utc_now,
            limits=settings.limits,
            split=split,
            cut=cut,
            told=told,
        )
    progress.result = asdict(summary) | {"workers": workers.who}
    return progress.result


def _said(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['seen']:,} seen: {summary['added']:,} added ({summary['no_face']:,} of them without a face, kept aside; "
        f"{summary['remarks']:,} with remarks), {summary['already']:,} were there already, {summary['refusals']:,} refused. "
        f"By {summary['workers']}."
    ]
    lines += [f"  {item['file']}: {item['reason']}" for item in summary["refused"]]
    unsaid = summary["refusals"] - len(summary["refused"])
    return "\n".join([*lines, f"  and {unsaid:,} more, all on the Ingest page"] if unsaid else lines)


@app.command("status")
def show_status(as_json: Json = False) -> None:
    """Counts by state, split and verdict; sets; runs."""
    with one_clear_line(), reading(open_database(Settings())) as session:
        now = status.status(session)
        given = now["verdicts"]
        text = (
            f"{now['submissions']} submissions ({now['no_face']} without a face), {now['refused']} refused\n"
            f"{now['examples']} examples: {given['keep']} kept, {given['reject']} rejected "
            f"({given['disputed']} of them disputed), {given['open']} open\n"
            f"{len(now['sets'])} curated sets, {len(now['runs'])} runs, {now['exports']} proven exports"
        )
        answer(now, text, as_json=as_json)


@app.command()
def queue(
    number: Annotated[int, typer.Option("-n", min=0, help="How many; 0 lists all.")] = 20,
    as_json: Json = False,
) -> None:
    """The next examples to review with their suspicion and signals, most doubtful first."""
    with one_clear_line(), reading(open_database(Settings())) as session:
        found = deck.queue(session, number or None)
        lines = [f"{one['example']:>6}  {one['suspicion']:.2f}  {one['photo']}  {', '.join(one['reasons'])}" for one in found]
        answer({"examples": found}, "\n".join(lines) or "Nothing is waiting for review.", as_json=as_json)


@app.command()
def decide(
    example: int,
    verdict: Annotated[Decision, typer.Argument(help="keep, reject, or undo.")],
    reason: Annotated[Reason | None, typer.Option(help="Why it is rejected.")] = None,
    by: Annotated[str, typer.Option(help="The reviewer's name.")] = "",
    as_json: Json = False,
) -> None:
    """Give one verdict."""
    settings = Settings()
    with one_clear_line(), writing(open_database(settings)) as session:
        reviewer = reviewer_called(session, by or settings.reviewer)
        given = verdicts.NewVerdict(example, verdict, reason, verdicts.new_client_id())
        verdicts.record(session, reviewer.id, [given], utc_now(), settings.second_opinions)
    answer(
        {"example": example, "verdict": verdict.value, "by": reviewer.name},
        f"Example {example}: {verdict.value}.",
        as_json=as_json,
    )


@app.command("verdicts")
def many_verdicts(
    file: Annotated[Path, typer.Argument(help="CSV with columns example,verdict,reason,reviewer.")],
    as_json: Json = False,
) -> None:
    """Give many verdicts at once. The same file twice is taken once; one wrong line, and none is taken."""
    settings = Settings()
    with one_clear_line():
        rows = read_csv(file, settings.reviewer)
        taken = 0
        with writing(open_database(settings)) as session:
            for name, given in rows.items():
                taken += verdicts.record(
                    session, reviewer_called(session, name).id, given, utc_now(), settings.second_opinions
                ).taken
        total = sum(len(given) for given in rows.values())
        answer({"verdicts": total, "taken": taken}, f"{taken} of {total} verdicts were new.", as_json=as_json)


@app.command("aside")
def kept_aside(
    number: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """The photos in which no face was found, with their numbers for `crop`."""
    with one_clear_line(), reading(open_database(Settings())) as session:
        found, left = aside.next_photos(session, number), aside.photos_left(session)
        lines = [f"{one.submission:>6}  {one.width} x {one.height}  {one.photo}  {' '.join(one.remarks)}" for one in found]
        answer(
            {"left": left, "photos": [asdict(one) for one in found]},
            "\n".join([*lines, f"{left} in all"] if left else ["No photo is kept aside."]),
            as_json=as_json,
        )


@app.command()
def crop(
    submission: int,
    box: Annotated[
        str | None, typer.Option(help="top,left,side in pixels of the upright photo, and degrees to turn it by to the left.")
    ] = None,
    discard: Annotated[bool, typer.Option("--discard", help="The photo is of no use.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what you said of it.")] = False,
    by: Annotated[str, typer.Option(help="The reviewer's name.")] = "",
    as_json: Json = False,
) -> None:
    """Say which square of a photo without a face is its crop, or that the photo is of no use."""
    settings = Settings()
    with one_clear_line():
        if [box is not None, discard, undo].count(True) != 1:
            raise WinnowError("Give one of --box, --discard and --undo.")
        engine, store, who = open_database(settings), Store(settings.store), by or settings.reviewer
        if undo:
            aside.take_back(engine, store, who, submission, utc_now())
        else:
            aside.decide(engine, store, settings.limits, who, submission, None if box is None else _square(box), utc_now())
        said = "waits again" if undo else "discarded" if discard else "cropped"
        answer({"submission": submission, "now": said, "by": who}, f"Photo {submission}: {said}.", as_json=as_json)


def _square(words: str) -> Square:
    """A square as it is written on the command line. Raises WinnowError where it isn't one."""
    try:
        top, left, side, *rotation = (float(word) for word in words.split(","))
        (turn,) = rotation or [0.0]
    except ValueError:
        raise WinnowError(f"--box {words}: it takes three or four numbers, top,left,side[,rotation].") from None
    if not all(math.isfinite(number) for number in (top, left, side, turn)):
        raise WinnowError(f"--box {words}: these are not all numbers.")
    return Square(top, left, side, turn)


@app.command()
def freeze(note: str = "", as_json: Json = False) -> None:
    """Make the next curated set from what is approved."""
    with one_clear_line():
        with writing(open_database(Settings())) as session:
            frozen = sets.freeze(session, note, utc_now())
        result = {"set": frozen.set, "examples": frozen.examples, **frozen.splits, "hash": frozen.hash}
        parts = ", ".join(f"{number} {split}" for split, number in frozen.splits.items())
        said = f"Curated set {frozen.set}: {frozen.examples} examples ({parts})."
        answer(result, said if frozen.new else f"{said} Nothing has changed since it was frozen.", as_json=as_json)


def _known_writer(kind: str) -> str:
    if kind not in WRITERS:
        raise typer.BadParameter(f"{kind!r} is not one of {', '.join(WRITERS)}.")
    return kind


@app.command()
def export(
    number: Annotated[int, typer.Argument(metavar="SET")],
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    kind: Annotated[
        str, typer.Option("--format", help=f"{', '.join(WRITERS)}.", callback=_known_writer, metavar="FORMAT")
    ] = "folder",
    as_json: Json = False,
) -> None:
    """Write a curated set as files that other tools read."""
    settings = Settings()
    with one_clear_line(), reading(open_database(settings)) as session:
        written = export_set(session, Store(settings.store), number, folder, kind)
        answer(
            asdict(written), f"{written.examples} examples written to {folder}; {written.erased} were erased.", as_json=as_json
        )


@app.command()
def erase(
    contributor: Annotated[str, typer.Option(help="The contributor's name, as the source gave it.")],
    as_json: Json = False,
) -> None:
    """Remove a contributor's photos, masks and crops, and all that was made of them, everywhere."""
    settings = Settings()
    with one_clear_line():
        gone = erase_contributor(
            open_database(settings), Store(settings.store), settings, contributor, settings.reviewer, utc_now()
        )
        answer(asdict(gone), f"Erased: {gone.submissions} submissions and {gone.blobs} pictures.", as_json=as_json)


@app.command()
def check(
    tidy: Annotated[bool, typer.Option("--remove-orphans", help="Delete pictures that no row names.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that every row's picture exists and hashes right, and that nothing is orphaned. Exits 1 when not."""
    settings = Settings()
    with one_clear_line():
        store = Store(settings.store)
        with reading(open_database(settings)) as session:
            findings = prove(session, store)
            if tidy and findings.orphaned:
                remove_orphans(session, store, findings)
                findings = prove(session, store)
        answer(findings.as_dict(), findings.text(), as_json=as_json)
        if not findings.sound:
            raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m curator")
