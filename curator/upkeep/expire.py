"""Photos whose consent has ended, or ends soon: listed for a lead, and erased as any others are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from curator.consent import Consent, stands
from curator.ingest.bars import Bars
from curator.upkeep.erase import Request
from db.tables import CONSENT_RECORDED, Contributor, Source, Submission

LISTED = 20  # photos that the text lists
UNNAMED = "not named"  # the contributor of a photo whose source names none


@dataclass(frozen=True)
class Expiring:
    """A photo whose consent ends: its submission's number, its file's name, and the last day on which it may be used."""

    submission: int
    photo: str
    source: str
    contributor: str | None
    expires: date


def expiring(session: Session, today: date, within: int | None = None) -> list[Expiring]:
    """The photos whose consent has ended before `today` or, if given, ends at most `within` days later; the earliest first."""
    last = today - timedelta(days=1) if within is None else today + timedelta(days=within)
    rows = session.execute(
        select(Submission.id, Submission.photo_name, Source.location, Contributor.name, Submission.consent_expires)
        .join(Source, Source.id == Submission.source_id)
        .outerjoin(Contributor, Contributor.id == Submission.contributor_id)
        .where(CONSENT_RECORDED, Submission.consent_expires <= last)
        .order_by(Submission.consent_expires, Submission.id)
    )
    return [
        Expiring(number, photo, source, contributor, expires)
        for number, photo, source, contributor, expires in rows
        if expires is not None
    ]


def expire_key(bars: Bars) -> str:
    """The keyed hash by which an erasure of what has ended is recognised, when it has to go on."""
    return bars.request_hash("expire")


def expired(key: str, today: date) -> Request:
    """The request to erase all submissions whose consent has ended before `today`."""
    return Request(key, stands(Consent.ended, today))


def expiring_values(found: Sequence[Expiring], today: date) -> dict[str, Any]:
    """What `expire --json` prints of the photos, but for the receipts."""
    return {
        "ended": sum(one.expires < today for one in found),
        "ending": sum(one.expires >= today for one in found),
        "sources": dict(Counter(one.source for one in found).most_common()),
        "contributors": dict(Counter(one.contributor or UNNAMED for one in found).most_common()),
        "photos": [
            {
                "submission": one.submission,
                "photo": one.photo,
                "source": one.source,
                "contributor": one.contributor,
                "expires": one.expires.isoformat(),
                "ended": one.expires < today,
            }
            for one in found
        ],
    }


def expiring_text(found: Sequence[Expiring], today: date, within: int | None, *, asks: bool) -> str:
    """The photos as text for people; `asks` names the command that erases them."""
    values = expiring_values(found, today)
    lines = [f"The consent to use {values['ended']:,} photo{'' if values['ended'] == 1 else 's'} has ended."]
    if within is not None:
        lines.append(f"Within {within:,} day{'' if within == 1 else 's'} it ends for {values['ending']:,} more.")
    for what, counts in (("source", values["sources"]), ("contributor", values["contributors"])):
        if counts:
            lines.append(f"By {what}: {', '.join(f'{name} {count:,}' for name, count in counts.items())}")
    lines += [f"  {one.expires}  {one.photo}" for one in found[:LISTED]]
    if len(found) > LISTED:
        lines.append(f"  and {len(found) - LISTED:,} more (--json lists all)")
    if asks and values["ended"]:
        lines.append("Nothing was changed. `winnow expire --erase` erases what has ended.")
    return "\n".join(lines)
