"""What an ingest has added so far, the newest first: photo and mask as understood, to look at while it still reads."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import Example, Submission

MOST = 60  # photos on the wall


@dataclass(frozen=True)
class Tile:
    """A photo that was added; `image`, `mask` and `unknown` are the hashes of its crop's pictures, None without a face.

    `version` is for the address of the whole photo, which a browser may then keep.
    """

    submission: int
    source: int
    photo: str  # the file's name
    version: str
    image: str | None
    mask: str | None
    unknown: str | None


def newest_added(session: Session, job: int, after: int = 0) -> list[Tile]:
    """The newest MOST photos that an ingest has added since submission number `after`, newest first."""
    columns = (Submission.id, Submission.source_id, Submission.photo_name, Submission.photo_sha256)
    wanted = (
        select(*columns, Example.image_sha256, Example.mask_sha256, Example.unknown_sha256)
        .outerjoin(Example, Example.submission_id == Submission.id)
        .where(Submission.job_id == job, Submission.id > after)
        .order_by(Submission.id.desc())
        .limit(MOST)
    )
    return [
        Tile(number, source, name, photo[:16], image, mask, unknown)
        for number, source, name, photo, image, mask, unknown in session.execute(wanted)
    ]


def count_added(session: Session, job: int) -> int:
    """How many photos of an ingest are here."""
    return session.scalar(select(func.count()).select_from(Submission).where(Submission.job_id == job)) or 0
