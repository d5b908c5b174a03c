"""Erase a contributor, a person shown, or a photo: photos, masks and crops, and everything made from them.

Rows are deleted first, in one transaction, which also bars the photos from coming in again and notes what is left to do. Then
go the pictures that only those rows named, the words in other rows, and files; at last the database forgets the bytes of what
was deleted, and every byte is searched. A crash in between leaves pictures that no page can show any more, and the same
request goes on where it was broken off. In the other order a crash would leave rows without their pictures, on pages that
people are using. Whatever may be long, such as other people's refusals, jobs and pictures, is searched outside of
transactions, so that nobody's verdict waits.

The places in curated sets stay, without the example, so that each set keeps its hash. The weights of runs stay too: what was
learned from one photo cannot be removed from them.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, delete, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable
from upath import UPath

from curator.ingest.bars import Bars, Kind, Person
from curator.ingest.groups import leave_groups
from curator.ingest.uploads import delete_leftovers
from curator.sets.packing import delete_downloads
from curator.upkeep.byte_search import Searched, Sought, search_bytes
from curator.upkeep.receipt import Receipt, Remaining, inevitable
from curator.upkeep.spellings import in_words, named_nearly, subjects
from curator.upkeep.words import (
    NAMES_OF_PEOPLE,
    OnStep,
    Words,
    all_text_columns,
    columns_with,
    delete_refusals,
    redact,
    redact_rows,
    tables_with_words,
)
from db.blobs import blob_columns, delete_orphans, delete_unnamed, still_named
from db.errors import NotNowError, WinnowError
from db.files import write
from db.people import folded, person_key
from db.purge import PATIENCE, purge
from db.secret import home_secret
from db.session import Lock, in_batches, reading, wait_for, writing
from db.settings import Settings
from db.store import Store
from db.tables import (
    Bar,
    Base,
    Contributor,
    CropChoice,
    CuratedSet,
    Erasure,
    Event,
    Example,
    Gold,
    GuideExample,
    Job,
    JobState,
    Lease,
    Likeness,
    Measure,
    Preview,
    Refinement,
    RefinementDecision,
    Refusal,
    Remark,
    Reopening,
    Run,
    SetMember,
    Signal,
    Source,
    Standing,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpDiscard,
    TouchUpPresence,
    TouchUpRequest,
    TouchUpSave,
    Verdict,
)
from db.workspaces import outside, sweep

# Rows that are deleted with an example, in an order that satisfies their foreign keys. If a table is missing here, the database
# refuses to delete the example, so no row can be left behind unnoticed.
TABLES_OF_AN_EXAMPLE: tuple[type[Base], ...] = (
    Measure,
    Preview,
    Refinement,
    Verdict,
    Reopening,
    TouchUpRequest,
    Gold,
    Lease,
    Standing,
    Suspicion,
    Signal,
)
TABLES_OF_A_TOUCH_UP: tuple[type[Base], ...] = (TouchUpSave, TouchUpPresence, TouchUpDiscard)
TABLES_OF_A_SUBMISSION: tuple[type[Base], ...] = (Remark, Likeness, CropChoice)
TABLES_TO_EMPTY: tuple[type[Base], ...] = (SetMember, GuideExample)  # their rows stay, without the example

# Kinds of jobs: they bring in, unpack, copy or remove what is searched for.
JOBS_NOT_BESIDE = ("ingest", "look", "pack", "erase", "undo")
# A picture that no row names: whatever is not a job names it within this time, by far. Ingests don't run beside an erasure, so
# this is shorter than for `check`.
ORPHAN_AGE = timedelta(minutes=2)
PASSES = 5  # over all words, at most; the second finds what others wrote during the first
TEXT_ENDINGS = frozenset((".csv", ".htm", ".html", ".json", ".jsonl", ".log", ".md", ".tsv", ".txt", ".xml", ".yaml", ".yml"))
COUNTS = (
    *("submissions", "examples", "verdicts", "touch_ups", "refusals", "blobs"),
    *("sets", "runs", "alike", "redacted", "files"),
)
NOTHING_LEFT: dict[str, list[Any]] = {"names": [], "photos": [], "hashes": [], "pictures": []}
EXPORTS = "exports"  # a run's folder of files whose bytes are proven by hashes

Report = Callable[[float, str], None]


def _no_report(share: float, message: str) -> None:
    pass


@dataclass(frozen=True)
class Request:
    """Whom or what to erase. Made by `request_for`, or by hand for submissions that are chosen otherwise.

    `key` is a keyed hash by which the same request is recognised, when it has to go on or is allowed again.
    """

    key: str
    which: ColumnElement[bool]  # of submissions
    names: tuple[str, ...] = ()  # of the person; what holds them is redacted
    barred: frozenset[str] = frozenset()  # keyed hashes of the person; those of the photos are added
    contributors: frozenset[int] = frozenset()  # whose rows go too, also without submissions


def request_keys(bars: Bars, kind: Kind, *names: str) -> tuple[str, ...]:
    """The keyed hashes by which a request for these names, or for a photo, is recognised.

    The first is the same for every spelling and order of the names. Earlier versions had the second, of one exact spelling.
    """
    words = names if kind == "photo" else sorted({folded(name) for name in names})
    return tuple(dict.fromkeys(bars.request_hash(f"erase {kind}:" + "\0".join(each)) for each in (words, names)))


def request_for(session: Session, bars: Bars, kind: Kind, *names: str) -> Request | None:
    """The request to erase a contributor or a person shown (subject) by their names, or a photo by its sha256 or file name.

    Of a person there may be several names, each in any spelling; of a photo one. None if nothing of that name is there, but an
    erasure of it was broken off and can go on. Raises WinnowError if nothing is there at all, or only of some of the names, or
    if several photos have the file name.
    """
    keys = request_keys(bars, kind, *names)
    if kind == "photo":
        request, absent = _request_for_photo(session, keys[0], *names)
    else:
        request, absent = _request_for_person(session, bars, kind, keys[0], names)
    if not absent:
        return request
    earlier = session.scalars(select(Erasure).where(Erasure.request.in_(keys)).order_by(Erasure.id.desc())).first()
    if earlier is None or len(absent) < len(names):
        near = [] if kind == "photo" else named_nearly(session, kind, absent)
        nearly = f" Spelled nearly so: {in_words(near)}." if near else ""
        raise WinnowError(f"There is no {NOUNS[kind]} {absent[0]!r}. {HOW_NAMED[kind]}{nearly}")
    if earlier.ended_at is not None:
        raise WinnowError(f"That {NOUNS[kind]} was erased on {earlier.event.at:%Y-%m-%d}, and nothing has come in since.")
    return None


NOUNS = {"contributor": "contributor", "subject": "person shown", "photo": "photo"}
HOW_NAMED = {
    "contributor": "Case and blanks don't matter; the rest of the name must be as the source gave it.",
    "subject": "Case and blanks don't matter; the rest of the name must be as the column `subject` gave it.",
    "photo": "Give its file name exactly as `python -m curator queue` lists it, or its sha256.",
}


def _request_for_photo(session: Session, key: str, name: str) -> tuple[Request, list[str]]:
    which = _photo_called(session, name)
    absent = session.scalar(select(Submission.id).where(which).limit(1)) is None
    return Request(key, which), [name] if absent else []


def _request_for_person(
    session: Session, bars: Bars, kind: Person, key: str, names: Collection[str]
) -> tuple[Request, list[str]]:
    """The request, and those of the names that nobody has."""
    asked = {folded(name) for name in names}
    contributors: frozenset[int] = frozenset()
    if kind == "contributor":
        keys = {person_key(name) for name in names}
        rows = session.execute(select(Contributor.id, Contributor.name).where(Contributor.key.in_(keys))).all()
        spelled, contributors = {name for _, name in rows}, frozenset(number for number, _ in rows)
        which = Submission.contributor_id.in_(contributors)
    else:
        spelled = {spelling for name, spellings in subjects(session).items() if name in asked for spelling in spellings}
        which = Submission.subject.in_(spelled)
    there = {folded(spelling) for spelling in spelled}
    barred = frozenset(bars.hash(kind, name) for name in names)
    request = Request(key, which, names_in_texts({*names, *spelled}), barred, contributors)
    return request, [name for name in names if folded(name) not in there]


def names_in_texts(names: Iterable[str]) -> tuple[str, ...]:
    """The names as they are searched for in texts, where case and composed accents don't matter; the folded ones too."""
    every = {unicodedata.normalize("NFC", spelling) for name in names for spelling in (name, folded(name))}
    return tuple({spelling.lower(): spelling for spelling in sorted(every, reverse=True)}.values())


def _photo_called(session: Session, name: str) -> ColumnElement[bool]:
    if re.fullmatch(r"[0-9a-f]{64}", name):
        return Submission.photo_sha256 == name
    wanted = select(Submission.photo_sha256).where(Submission.photo_name == name).distinct().limit(10)
    photos = list(session.scalars(wanted))
    if len(photos) > 1:
        raise WinnowError(f"Several photos are called {name!r}. Give the sha256 of one of them: {', '.join(sorted(photos))}.")
    return Submission.photo_sha256 == photos[0] if photos else Submission.photo_name == name


def erase(
    engine: Engine,
    store: Store,
    settings: Settings,
    request: Request,
    who: str,
    now: datetime,
    report: Report = _no_report,
    patience: float = PATIENCE,
) -> Receipt:
    """Erase everything of a request, and record who did it and when, without a name. Call it in no transaction.

    When this returns, the pictures that only those rows named are gone from the store, however new (`delete_unnamed` says what
    that does to an ingest which is storing the same bytes at this moment: run none beside it, see `JOBS_NOT_BESIDE`). Files in
    the folder of runs that are named after an erased picture's hash are deleted too, and names are redacted in all rows, in
    logs, and in texts beside the runs. Deleted is also what may be anybody's: uploaded zips, also those on their way, and what
    killed processes left, such as unpacked sources, half-written files, and pictures that no row names for two minutes. The
    photos, and the person by name, are barred from coming in again.

    `report` gets the share that is done and a line without names; it may raise an exception to stop. `patience` is how many
    seconds are waited for others who still read the database. If it is stopped, killed, or others read on, `resume` goes on.
    """
    report(0.0, "Deleting rows")
    return resume(engine, store, settings, _begin(engine, settings, request, who, now), request.names, now, report, patience)


def unfinished(session: Session, *keys: str) -> list[int]:
    """The numbers of the erasures that were broken off, or could not remove everything: of a request, or all of them."""
    wanted = select(Erasure.id).where(Erasure.ended_at.is_(None)).order_by(Erasure.id)
    return list(session.scalars(wanted.where(Erasure.request.in_(keys)) if keys else wanted))


# --- rows ------------------------------------------------------------------------------------------------------------


def _begin(engine: Engine, settings: Settings, request: Request, who: str, now: datetime) -> int:
    """Delete the rows of a request, bar it, and note what is left to do; returns the erasure's number."""
    bars = Bars(home_secret(settings.home.resolve()))
    with writing(engine) as session:
        wait_for(session, Lock.adding)
        received = select(Submission.source_id, Submission.photo_name, Submission.photo_sha256).where(request.which)
        photos = [(source, name, sha256) for source, name, sha256 in session.execute(received)]
        pictures, counts = erase_rows(session, request.which, request.contributors)
        event = Event(at=now, who=who, what="erase", detail=counts)
        hashes = {sha256 for _, _, sha256 in photos}
        others = {
            sha256
            for batch in in_batches(hashes)
            for sha256 in session.scalars(select(Submission.photo_sha256).where(Submission.photo_sha256.in_(batch)))
        }
        barred = request.barred | {bars.hash("photo", sha256) for sha256 in hashes - others}
        erasure = Erasure(
            request=request.key,
            event=event,
            task={
                "names": list(request.names),
                "photos": sorted({(source, name) for source, name, _ in photos}),
                "hashes": sorted(hashes - others),
                "pictures": sorted(pictures),
            },
            bars=[Bar(keyed_hash=one, key=bars.key) for one in sorted(barred)],
        )
        session.add(erasure)
        session.flush()
        return erasure.id


def erase_rows(
    session: Session, which: ColumnElement[bool], contributors: Collection[int] = ()
) -> tuple[set[str], dict[str, Any]]:
    """Delete submissions with all that depends on them, and contributors who have nothing left: theirs, and those named.

    Returns the pictures that the rows named, and the counts of `Receipt` that are known then.
    """
    theirs = select(Submission.id).where(which)
    examples = select(Example.id).where(Example.submission_id.in_(theirs))
    touch_ups = select(TouchUp.id).where(TouchUp.example_id.in_(examples))
    # Locked on PostgreSQL: what is just being added to them is committed before, and seen here, or refused afterwards.
    session.execute(examples.with_for_update()).all()
    pictures = _pictures(session, {"submission_id": theirs, "example_id": examples, "touch_up_id": touch_ups})
    sets, runs = _sets_and_runs_with(session, examples)
    alike = _alike(session, examples)
    leave_groups(session, examples)
    painted_by = set(session.scalars(select(Submission.contributor_id).where(which).distinct()))
    counts: dict[str, Any] = {"sets": sets, "runs": runs, "alike": alike}
    for table in TABLES_OF_A_TOUCH_UP:
        session.execute(delete(table).where(table.__table__.c.touch_up_id.in_(touch_ups)))
    refinements = select(Refinement.id).where(Refinement.example_id.in_(examples))
    session.execute(delete(RefinementDecision).where(RefinementDecision.refinement_id.in_(refinements)))
    for table in TABLES_OF_AN_EXAMPLE:
        gone = _delete(session, table, table.__table__.c.example_id.in_(examples))
        if table is Verdict:
            counts["verdicts"] = gone
    counts["touch_ups"] = _delete(session, TouchUp, TouchUp.example_id.in_(examples))
    for table in TABLES_TO_EMPTY:
        session.execute(update(table).where(table.__table__.c.example_id.in_(examples)).values(example_id=None))
    for table in TABLES_OF_A_SUBMISSION:
        _delete(session, table, table.__table__.c.submission_id.in_(theirs))
    counts["examples"] = _delete(session, Example, Example.submission_id.in_(theirs))
    counts["submissions"] = _delete(session, Submission, which)
    for contributor in {*contributors, *painted_by} - {None}:  # who has nothing left: only the name would stay
        if session.scalar(select(Submission.id).where(Submission.contributor_id == contributor).limit(1)) is None:
            session.execute(delete(Contributor).where(Contributor.id == contributor))
    return pictures, counts


def _pictures(session: Session, owners: dict[str, Select[int]]) -> set[str]:
    """The pictures that these submissions, examples and touch-ups name, and whatever belongs to them."""
    found: set[str] = set()
    for column in blob_columns():
        columns = column.table.columns
        keys = {"id": owners["submission_id"]} if column.table is Submission.__table__ else owners
        theirs = or_(*(columns[key].in_(owner) for key, owner in keys.items() if key in columns))
        found.update(session.scalars(select(column).where(theirs, column.is_not(None))))
    return found


def _delete(session: Session, table: type[Base], which: Any) -> int:
    # No need to synchronise the session: none of these rows is loaded in it.
    return int(session.execute(delete(table).where(which), execution_options={"synchronize_session": False}).rowcount)  # type: ignore[attr-defined]


def _sets_and_runs_with(session: Session, examples: Select[int]) -> tuple[list[int], list[int]]:
    """The numbers of the curated sets with these examples, and of the runs on those sets whose weights are still there."""
    members = select(SetMember.set_id).where(SetMember.example_id.in_(examples))
    sets = list(session.scalars(select(CuratedSet.id).where(CuratedSet.id.in_(members)).order_by(CuratedSet.id)))
    learned = select(Run.id).where(Run.set_id.in_(members), Run.deleted_at.is_(None))
    runs = list(session.scalars(learned.order_by(Run.id)))
    return sets, runs


def _alike(session: Session, examples: Select[int]) -> list[int]:
    """The numbers of the submissions that show the same picture as one of the examples, and are not among them."""
    groups = select(Example.group_id).where(Example.id.in_(examples), Example.group_id.is_not(None))
    wanted = select(Example.submission_id).where(Example.group_id.in_(groups), Example.id.not_in(examples))
    return list(session.scalars(wanted.order_by(Example.submission_id)))


def delete_empty_sources(session: Session, sources: Iterable[int]) -> None:
    """Delete sources that have nothing left: their location may be named after the person."""
    for source in sources:
        used = session.scalar(select(Submission.id).where(Submission.source_id == source).limit(1))
        refused = session.scalar(select(Refusal.id).where(Refusal.source_id == source).limit(1))
        if used is None and refused is None:
            session.execute(delete(Source).where(Source.id == source))


# --- all the rest, again and again until it is done ------------------------------------------------------------------


def resume(
    engine: Engine,
    store: Store,
    settings: Settings,
    number: int,
    names: tuple[str, ...] | None,
    now: datetime,
    report: Report = _no_report,
    patience: float = PATIENCE,
) -> Receipt:
    """Go on with an `unfinished` erasure. `names` are the person's, () for a photo; None if its words were not given again.

    Without them, one that was killed in its search is not complete: nobody knows then what to search for.
    """
    with reading(engine) as session:
        erasure = session.get_one(Erasure, number)
        noted, event = erasure.task, erasure.event_id
        barred = {bar.keyed_hash for bar in erasure.bars}
        counts = {key: erasure.event.detail[key] for key in COUNTS if key in erasure.event.detail}
    task = noted or NOTHING_LEFT
    words = Words(tuple({*(names or ()), *task["names"]}), frozenset((source, name) for source, name in task["photos"]))
    sought = Sought(words, _photos_of(noted, barred, Bars(home_secret(settings.home.resolve()))))
    report(0.1, "Deleting pictures")
    pictures = _delete_pictures(engine, store, task["pictures"], now)

    def on_text() -> None:
        report(0.3, "Redacting texts")

    denied: dict[str, OSError] = {}
    done = _redact_rows(engine, words, on_text) | {
        "blobs": len(pictures),
        "files": _delete_files(settings.runs, pictures, denied)
        + _redact_files(settings, words, on_text, denied)
        + sum(map(sweep, (settings.temporary, outside())))
        + delete_downloads(settings.downloads, now, older=None)
        + store.delete_abandoned_parts(now),
    }
    uploads = delete_leftovers(settings.uploads, engine, now, older=None)
    done["files"] += uploads or 0
    counts |= {key: counts.get(key, 0) + number for key, number in done.items()}
    with writing(engine) as session:
        erasure = session.get_one(Erasure, number)
        erasure.task, erasure.event.detail = None, counts
    report(0.5, "Removing what the database keeps of deleted rows")
    remains = inevitable(counts["sets"], counts["runs"], counts["alike"], postgresql=engine.dialect.name == "postgresql")
    failed = [*_purge(engine, patience), *_just_broken_off(engine, now)]
    if uploads is None:
        failed.append(
            Remaining("uploaded zips", "an ingest or a preview was just starting, so nobody could say whose they are.")
        )
    if noted is None and names is None:
        failed.append(Remaining("what the search may find", "it was broken off, and the words are gone: give its words again."))

    def on_file(so_far: Searched) -> None:
        report(0.6, f"Searching: {so_far.files:,} files, {so_far.bytes / 1e6:,.0f} MB")

    searched, found, of_others = _search(engine, settings, sought, on_file, denied)
    home = settings.home.resolve()
    failed += [
        Remaining(_shown(file, home), f"it could not be read or changed: {error.strerror or error}.")
        for file, error in denied.items()
    ]
    receipt = Receipt(
        **counts,
        searched_files=searched.files,
        searched_bytes=searched.bytes,
        remains=[*failed, *found, *of_others, *remains],
        complete=not failed and not found,
    )
    with writing(engine) as session:
        erasure = session.get_one(Erasure, number)
        # The task was away during the search, which would have found it. The next run searches for the same again.
        erasure.ended_at, erasure.task = (now, None) if receipt.complete else (None, noted)
        session.get_one(Event, event).detail = redact(receipt.as_dict(), sought.words.without_person)
    return receipt


def _photos_of(task: dict[str, Any] | None, barred: set[str], bars: Bars) -> Callable[[str], bool]:
    """Whether a sha256 is that of an erased photo: by the task, or by the keyed hashes if a crash left no task."""
    if task is None:
        return lambda sha256: bars.hash("photo", sha256) in barred
    return frozenset(task["hashes"]).__contains__


def _delete_pictures(engine: Engine, store: Store, pictures: Collection[str], now: datetime) -> set[str]:
    """Delete those of the pictures that no row names, and what killed processes left; returns all that are gone for good."""
    delete_unnamed(engine, store, pictures, None)
    with reading(engine) as session:
        gone = set(pictures) - still_named(session, pictures)
    return gone | delete_orphans(engine, store, now, ORPHAN_AGE)


def _redact_rows(engine: Engine, words: Words, on_rows: OnStep) -> dict[str, int]:
    """Delete refusals and empty sources and redact the rest, until nothing is left; returns the counts of refusals and rows."""
    counts = {"refusals": 0, "redacted": 0}
    for _ in range(PASSES):
        refusals = delete_refusals(engine, words, on_rows)
        with writing(engine) as session:
            wait_for(session, Lock.adding)
            delete_empty_sources(session, {source for source, _ in words.photos})
        redacted = redact_rows(engine, words, on_rows)
        counts = {"refusals": counts["refusals"] + refusals, "redacted": counts["redacted"] + redacted}
        if not refusals and not redacted:
            break
    return counts


def _delete_files(folder: UPath, pictures: set[str], denied: dict[str, OSError]) -> int:
    theirs = [path for path in _files_in(folder, denied) if path.stem in pictures]
    return sum(_tried(_delete_file, path, denied) for path in theirs)


def _redact_files(settings: Settings, words: Words, on_words: OnStep, denied: dict[str, OSError]) -> int:
    """Redact the logs of jobs, and the texts beside runs; not those in exports, whose bytes are proven by hashes."""
    files = [file for folder in (settings.runs, settings.tensorboard, settings.logs) for file in _files_in(folder, denied)]
    texts = [file for file in files if file.suffix.lower() in TEXT_ENDINGS and EXPORTS not in file.parts]
    return sum(_tried(lambda file: _redact_file(file, words, on_words), file, denied) for file in texts)


def _redact_file(file: Path | UPath, words: Words, on_words: OnStep) -> bool:
    """Redact a text; returns whether it has changed."""
    old = file.read_bytes()
    new = words.struck(old.decode("utf-8", "surrogateescape"), on_words).encode("utf-8", "surrogateescape")
    if new == old:
        return False
    if isinstance(file, Path) and file.suffix == ".log":
        with file.open("r+b") as log:  # in place: its job may be writing into it, and may have written meanwhile
            log.seek(len(old))
            later = log.read()
            log.seek(0)
            log.write(new + later)
            log.truncate()
    else:
        write(file, new)
    return True


def _delete_file(file: Path | UPath) -> bool:
    file.unlink()
    return True


def _tried(action: Callable[[Any], bool], file: Path | UPath, denied: dict[str, OSError]) -> bool:
    """What the action returns; False for a file that is gone, and for one that denies it, which is added with the reason."""
    try:
        return action(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        denied[str(file)] = error
        return False


def _files_in(folder: Path | UPath, denied: dict[str, OSError]) -> Iterator[Any]:
    """Every file below a folder, if it is there. What may not be looked into is added to `denied`, with the reason."""
    if not isinstance(folder, Path):
        yield from (path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else ()
        return

    def on_error(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            denied[str(error.filename)] = error

    for there, _, names in os.walk(folder, onerror=on_error):
        yield from (path for path in (Path(there, name) for name in names) if _tried(Path.is_file, path, denied))


def _purge(engine: Engine, patience: float) -> list[Remaining]:
    try:
        purge(engine, tables_with_words(), patience)
    except NotNowError as error:
        return [Remaining("deleted rows in the database's files", str(error))]
    return []


def _just_broken_off(engine: Engine, now: datetime) -> list[Remaining]:
    """Says so if an ingest may have left pictures that are still too new to be told from others' on their way."""
    recent = select(Job.id).where(Job.kind == "ingest", Job.state != JobState.done, Job.heartbeat_at > now - ORPHAN_AGE)
    with reading(engine) as session:
        if session.scalar(recent.limit(1)) is None:
            return []
    return [Remaining("pictures of an ingest that was broken off", "that was just now: wait two minutes, to be sure of them.")]


# --- the search at the end -------------------------------------------------------------------------------------------


def _search(
    engine: Engine, settings: Settings, sought: Sought, on_file: Callable[[Searched], None], denied: dict[str, OSError]
) -> tuple[Searched, list[Remaining], list[Remaining]]:
    """Search every byte that Winnow owns on this machine, and every text in the database.

    Returns how much was searched, what should not be there, and what belongs to others. What may not be read is added to
    `denied`, with the reason.
    """
    database = _database_files(engine)
    home = settings.home.resolve()
    store, runs = (
        folder.resolve() if isinstance(folder, Path) else None for folder in (Store(settings.store).root, settings.runs)
    )
    roots = [home, *(each for each in (store, runs, outside()) if each is not None and home not in each.parents)]
    files = (file for root in dict.fromkeys(roots) for file in _files_in(root, denied) if file not in database)
    searched = search_bytes(files, sought, on_file=on_file)
    denied |= {str(file): error for file, error in searched.unread}

    def on_rows() -> None:
        on_file(searched)

    found, of_others = [], []
    for file, what in searched.found:
        shown = _shown(str(file), home)
        if store is not None and store in file.parents:
            of_others.append(
                Remaining(f"{what} in {shown}", "it is inside a picture of somebody else; look at it, and erase it.")
            )
        elif EXPORTS in file.parts:
            of_others.append(Remaining(f"{what} in {shown}", "a file for a device is proven by its hash; export it again."))
        else:
            found.append(Remaining(f"{what} in {shown}", "it should not be there; delete the file, if it is not needed."))
    in_database = search_bytes(database, sought, side_by_side=True, on_file=on_file)
    named = columns_with(engine, sought.words.person, [each.property.columns[0] for each in NAMES_OF_PEOPLE], on_rows)
    of_others += [
        Remaining(f"the name in {number} rows of {column}", "somebody else is called so, or this person has another part here.")
        for column, number in named.items()
    ]
    for file, what in in_database.found:
        if what != "the name" or not _in_use(engine, sought.words.person_anywhere, on_rows):
            found.append(Remaining(f"{what} in {file.name}", "the database still holds it; run the same command again."))
    searched.files += in_database.files
    searched.bytes += in_database.bytes
    return searched, found, of_others


def _shown(file: str, home: Path) -> str:
    return file.removeprefix(f"{home}/")


def _database_files(engine: Engine) -> list[Path]:
    """SQLite's files; of a server, none."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return []
    files = [Path(f"{engine.url.database}{end}").resolve() for end in ("", "-wal", "-shm", "-journal")]
    return [file for file in files if file.is_file()]


def _in_use(engine: Engine, pattern: re.Pattern[str], on_rows: OnStep) -> bool:
    """Whether the schema itself, or a row in use, holds what the bytes of the database hold: then nobody's deleted row does."""
    schema = "".join(str(CreateTable(table).compile(engine)) for table in Base.metadata.sorted_tables)
    return pattern.search(schema) is not None or bool(columns_with(engine, pattern, all_text_columns(), on_rows))
