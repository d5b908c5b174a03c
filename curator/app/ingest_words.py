"""What an ingest or its preview has counted, in words for the Ingest page."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from curator.app.wording import day
from curator.plural import pluralise

SOURCES_NAMED = 2


def came_in_words(counts: Mapping[str, Any], clock: tzinfo) -> str:
    """What came in: "56 new (4 without a face), 4 already here (from spring.zip, 3 Nov 2026), 2 refused".

    `counts` is the result of an ingest; one of an earlier version does not say where from.
    """
    faceless = f" ({counts['no_face']:,} without a face)" if counts["no_face"] else ""
    refused = counts.get("refusals", len(counts["refused"]))
    known = known_in_words(counts["already"], counts.get("before", ()), clock)
    left_out = f", {pluralise(counts['not_read'], 'file')} of no photo not read" if counts.get("not_read") else ""
    return f"{counts['added']:,} new{faceless}, {known}, {refused:,} refused{left_out}"


def recognised_in_words(there: Mapping[str, Any], *, packed_by_us: bool) -> str:
    """What a preview takes a source for, and why: "folder: it has a folder images/".

    `packed_by_us` is a zip that a browser made of files: only what is inside is of interest.
    """
    name, why = there["inside"] if packed_by_us and there["inside"] else (there["format"], there["because"])
    return f"{name}: {why}"


def found_in_words(there: Mapping[str, Any], clock: tzinfo) -> str:
    """What a preview has found: "60 photos: 56 new, 4 already here (from spring.zip, 3 Nov 2026)"."""
    known = known_in_words(there["already"], there["before"], clock)
    return f"{pluralise(there['photos'], 'photo')}: {there['photos'] - there['already']:,} new, {known}"


def known_in_words(number: int, before: Sequence[Mapping[str, Any]], clock: tzinfo) -> str:
    """How many photos were here, and which sources brought most of them."""
    several = len(before) > 1 or sum(one["photos"] for one in before) < number
    named = [
        (f"{one['photos']:,} " if several else "") + f"from {one['source']}, {day(datetime.fromisoformat(one['since']), clock)}"
        for one in before[:SOURCES_NAMED]
    ]
    more = len(before) - len(named)
    named += [f"and from {more} more"] if more else []
    return f"{number:,} already here" + (f" ({'; '.join(named)})" if named else "")
