"""What of a source is in already, byte by byte, and which source brought it."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Engine, func, select, tuple_
from sqlalchemy.orm import Session

from curator.formats import NotRead, RawPair, Refused, mask_bytes, photo_bytes
from db.errors import NotNowError
from db.session import reading
from db.settings import Limits
from db.tables import Source, Submission

MAX_NUMBER = 2**31 - 1  # of a row
LISTED = 20  # sources that are named, those of most photos first
CHUNK = 200  # pairs that are looked up at a time


@dataclass
class SeenBefore:
    """Counts photos with their masks that are in, by the source that brought them; up to submission `newest`."""

    newest: int = MAX_NUMBER
    _found: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # how many, and when the first came

    def add(self, session: Session, pairs: Collection[tuple[str, str]]) -> int:
        """Look these pairs of hashes up, (photo sha256, mask sha256); returns how many of them are in."""
        if not pairs:
            return 0
        hashes = tuple_(Submission.photo_sha256, Submission.mask_sha256)
        wanted = (
            select(Source.location, func.count(), func.min(Submission.received_at))
            .join(Source, Source.id == Submission.source_id)
            .where(hashes.in_(list(pairs)), Submission.id <= self.newest)
            .group_by(Source.location)
        )
        found = session.execute(wanted).all()
        for location, number, first in found:
            before, since = self._found.get(location, (0, first))
            self._found[location] = before + number, min(since, first)
        return sum(number for _, number, _ in found)

    def as_rows(self) -> list[dict[str, Any]]:
        """The sources that brought most of them: `source`, `photos`, and when the first came (`since`, ISO 8601)."""
        most = sorted(self._found.items(), key=lambda item: -item[1][0])[:LISTED]
        return [
            {"source": location, "photos": number, "since": first.isoformat(timespec="seconds")}
            for location, (number, first) in most
        ]


def look_for_known(
    items: Iterable[RawPair | Refused | NotRead], engine: Engine, limits: Limits, on_progress: Callable[[int], None]
) -> dict[str, Any]:
    """How many of a source's photos are `already` in with their masks, and from which sources (`before`), as a preview says it.

    Every file is read, none is decoded. One that can't be read is not in: the ingest says what is wrong with it. `on_progress`
    gets the number of photos that were looked for; it may raise an exception to stop.
    """
    seen, pairs, already, done = SeenBefore(), (item for item in items if isinstance(item, RawPair)), 0, 0
    while chunk := list(islice(pairs, CHUNK)):
        hashes = []
        for pair in chunk:
            hashes += [] if (one := _hashes(pair, limits)) is None else [one]
            on_progress(done := done + 1)
        with reading(engine) as session:
            already += seen.add(session, set(hashes))
    return {"already": already, "before": seen.as_rows()}


def _hashes(pair: RawPair, limits: Limits) -> tuple[str, str] | None:
    try:
        photo, mask = (hashlib.sha256(file).hexdigest() for file in (photo_bytes(pair, limits), mask_bytes(pair, limits)))
    except NotNowError:
        raise
    except Exception:  # whatever an encoding raises: the ingest refuses the photo, and says why
        return None
    return photo, mask
