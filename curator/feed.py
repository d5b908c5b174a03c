"""The feed of what happened: who ingested, froze, trained, exported and erased, in words, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.plural import pluralise
from db.tables import Event, JobState
from trainer.device.formats import FORMAT_TITLES

ENDS = {JobState.failed.value: "failed", JobState.cancelled.value: "was stopped"}  # of a job; done needs no word
NOUNS = {"fit": "A training", "export": "An export", "pack": "An export"}


@dataclass(frozen=True)
class Happened:
    """An event in words; `number` is the event's."""

    number: int
    at: datetime
    who: str  # a reviewer's name; "somebody" where nobody said who
    words: str


def feed(session: Session, count: int, before: int | None = None) -> list[Happened]:
    """The newest `count` events; of those before number `before`, if that is given."""
    wanted = select(Event).order_by(Event.id.desc()).limit(count)
    found = session.scalars(wanted if before is None else wanted.where(Event.id < before))
    return [Happened(one.id, one.at, one.who or "somebody", in_words(one.what, one.detail)) for one in found]


def in_words(what: str, detail: Mapping[str, Any]) -> str:
    """What happened, in a sentence, from an event's kind and its detail; of a kind that is new here, its name.

    >>> in_words("freeze", {"set": 2, "examples": 1240})
    'Froze set 2 with 1,240 examples.'
    >>> in_words("fit", {"run": 3, "epochs": 50, "best_epoch": 41, "ended": "done"})
    'Trained run 3: 50 epochs, the best is 41.'
    """
    ended = ENDS.get(detail.get("ended", ""), "")
    if what == "ingest":
        return _ingested(detail, ended)
    if ended:
        about = "".join(f" of {name} {detail[name]}" for name in ("run", "set") if name in detail)
        return f"{NOUNS.get(what, what.capitalize())}{about} {ended}."
    match what:
        case "freeze":
            return f"Froze set {detail['set']} with {pluralise(detail['examples'], 'example')}."
        case "fit":
            return f"Trained run {detail['run']}: {pluralise(detail['epochs'], 'epoch')}, the best is {detail['best_epoch']}."
        case "export":
            proof = "and proved it" if detail.get("passed") else "but its proof did not pass"
            made = f"{FORMAT_TITLES.get(detail['format'], detail['format'])}, {detail['precision']}"
            return f"Exported run {detail['run']} as {made}, {proof}."
        case "export set" | "pack":
            return f"Exported set {detail['set']} as {detail['format']}: {pluralise(detail['examples'], 'example')}."
        case "undo ingest":
            return f"Took an ingest back, with {pluralise(detail['submissions'], 'photo')}."
        case "delete run":
            files = f" and {pluralise(detail['exports'], 'exported file')}" if detail["exports"] else ""
            return f"Deleted run {detail['run']}{files}."
        case "erase":
            photos = pluralise(detail.get("submissions", 0), "photo")
            return f"Erased {photos} with {pluralise(detail.get('examples', 0), 'example')} and all that was made from them."
        case "allow again":
            return f"Allowed {pluralise(detail['lifted'], 'erased person or photo', 'erased people and photos')} to come in."
        case _:
            return f"{what.capitalize()}."


def _ingested(detail: Mapping[str, Any], ended: str) -> str:
    if detail.get("format") == "sample":
        source = "the sample portraits"
    else:
        source = PurePosixPath(str(detail["source"]).replace("\\", "/")).name or str(detail["source"])
    counts = {"without a face": detail["no_face"], "already here": detail["already"], "refused": detail["refusals"]}
    parts = [f"{number:,} {name}" for name, number in counts.items() if number]
    came = ", ".join([pluralise(detail["added"], "photo"), *parts])
    return f"An ingest of {source} {ended}; in are {came}." if ended else f"Ingested {source}: {came}."
