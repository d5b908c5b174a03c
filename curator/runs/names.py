"""The name and the note of a run, which a person may change at any time."""

from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.tables import Run

NAME_LENGTH, NOTE_LENGTH = 80, 1000  # characters, as the columns have room for


def name_run(session: Session, number: int, name: str, note: str) -> None:
    """Give a run a name and a note; "" is none. Raises WinnowError for a run that was deleted, and for one that is too long."""
    run = session.get(Run, number)
    if run is None or run.deleted_at is not None:
        raise WinnowError(f"There is no run {number}. Somebody may have deleted it.")
    name, note = " ".join(name.split()), note.strip()
    for what, given, longest in (("name", name, NAME_LENGTH), ("note", note, NOTE_LENGTH)):
        if len(given) > longest:
            raise WinnowError(f"The {what} has {len(given):,} characters. Shorten it to {longest:,}.")
    run.name, run.note = name, note
