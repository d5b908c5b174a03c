"""What of the server a page may have ingested: only a lead may say it, and only below the folders that a setting names."""

from curator.app.guard import check_lead, leads
from curator.app.state import settings
from curator.formats.allowed import allowed_source
from curator.ingest.uploads import unfinished
from db.errors import WinnowError
from db.tables import Job


def named_source(reviewer: str, named: str) -> str:
    """The path or URL of a source that a reviewer has named, its links resolved.

    Raises RefusedError for somebody who is no lead, and WinnowError for what lies elsewhere.
    """
    check_lead(reviewer)
    return allowed_source(named, settings().ingest_places)


def may_start_again(reviewer: str, job: Job) -> bool:
    """Whether a page may start a failed ingest again for a reviewer: of an upload that is here, or a source they may name.

    One that was started in a terminal goes on there.
    """
    if "--discard" in job.arguments:
        return unfinished(job)
    if len(job.arguments) < 2 or job.arguments[0] != "ingest" or not leads(reviewer):
        return False
    try:
        return named_source(reviewer, job.arguments[1]) == job.arguments[1]
    except WinnowError:
        return False
