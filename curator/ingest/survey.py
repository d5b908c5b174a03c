"""The survey of a source: what values all of its masks have, before any of them is read, and what these mean.

Masks that a source describes in shapes or runs say what they mean; only those that are files are looked at.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, exists, select
from upath import UPath

from curator.formats import Embedded, NotRead, RawPair, Refused, mask_bytes
from curator.ingest.workers import Workers, map_in_order
from curator.pictures.census import Census, census
from curator.pictures.meaning import NOTHING_ASKED, Asked, Meaning, comparable, contradicts, decide
from curator.pictures.opening import decode_image
from db.errors import NotNowError, WinnowError
from db.session import reading
from db.settings import Limits, Settings
from db.store import Store
from db.tables import Source, Submission


def meaning_of_source(
    items: Callable[[], Iterable[RawPair | Refused | NotRead]],
    workers: Workers,
    engine: Engine,
    adapter: str,
    location: str,
    asked: Asked,
    limits: Limits,
    on_progress: Callable[[int], None] = lambda done: None,
    documented: Meaning | None = None,
) -> Meaning:
    """What the values of a source's masks mean: what it remembers, or what a survey of all its masks finds, and a person says.

    Where nobody says anything, what the source has `documented` itself counts before the survey. `on_progress` gets the
    number of items that are done, also every half second in which none is; it may raise an exception to stop. Raises
    UnclearError if a person has to say more, and WinnowError if one says what is not so any more.
    """
    known = remembered(engine, adapter, location, asked)
    if known is not None and asked == NOTHING_ASKED:
        check_new_masks(known, survey(items(), workers, limits, on_progress, only_new=True), location)
    if known is None and asked == NOTHING_ASKED:
        known = documented
    return known if known is not None else decide(survey(items(), workers, limits, on_progress), asked)


def check_new_masks(known: Meaning, found: Sequence[Census], location: str) -> None:
    """Raises WinnowError if masks that are not in yet clearly mean something else than what is known of their source.

    So it is with another zip of the same name.
    """
    own = contradicts(known, found)
    if own is not None:
        raise WinnowError(
            f"{location} was ingested before, and then {known.words}. The masks that are new say otherwise by themselves: "
            f"{own.words}. If this is another source, give it another name. If it is the same, say again what is hair "
            "(--hair, --unknown, --inverted)."
        )


def survey(
    items: Iterable[RawPair | Refused | NotRead],
    workers: Workers,
    limits: Limits,
    on_progress: Callable[[int], None] = lambda done: None,
    *,
    only_new: bool = False,
) -> list[Census]:
    """The census of every mask of a source that is a file; progress as in `meaning_of_source`.

    A mask that can't be read is left out here: it is refused when its photo is examined. So is one that is in the store, if
    `only_new`: it is not decoded.
    """
    found: list[Census] = []
    done = 0
    results = map_in_order(
        workers,
        partial(_census_of, limits=limits, only_new=only_new, store_url=workers.store),
        items,
        _none,
        lambda: on_progress(done),
    )
    with closing(results):
        for one in results:
            done += 1
            if one is not None:
                found.append(one)
            on_progress(done)
    return comparable(found)


def remembered(engine: Engine, adapter: str, location: str, asked: Asked) -> Meaning | None:
    """What the values of a source's masks meant before; None for one that is new, or of whose masks it is not known.

    Raises WinnowError if a person says something else about a source whose masks are in: they would mean two things.
    """
    with reading(engine) as session:
        source = session.scalars(select(Source).where(Source.adapter == adapter, Source.location == location)).one_or_none()
        meaning = None if source is None else Meaning.from_row(source.meaning)
        is_in = source is not None and session.scalar(select(exists().where(Submission.source_id == source.id)))
    if meaning == Meaning():  # none of its masks was a file that could be read
        return None
    if asked == NOTHING_ASKED:
        return meaning
    if is_in:
        before = "each mask was read by itself" if meaning is None else meaning.words
        if meaning is None or asked != Asked(meaning.hair, meaning.skin, meaning.unknown, meaning.inverted):
            raise WinnowError(
                f"{location} was ingested before, and then {before}. Its masks are in, and cannot mean something else now. "
                "Erase its photos first."
            )
        return meaning
    return None


def _census_of(
    item: RawPair | Refused | NotRead, limits: Limits, *, only_new: bool = False, store_url: str | None = None
) -> Census | None:
    if not isinstance(item, RawPair) or not isinstance(item.mask, Path | UPath | Embedded):
        return None
    try:
        file = mask_bytes(item, limits)
        if only_new:
            store = Store(Settings().store if store_url is None else store_url, patient=False)
            if store.holds(hashlib.sha256(file).hexdigest(), file):
                return None
        return census(decode_image(file, limits).image)
    except NotNowError:
        raise
    except Exception:  # whatever a decoder raises: the mask is refused with its photo
        return None


def _none(item: RawPair | Refused | NotRead) -> None:
    return None
