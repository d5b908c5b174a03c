"""Who gives verdicts."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.tables import Reviewer


def reviewer_called(session: Session, name: str) -> Reviewer:
    """The reviewer of that name, made when new. Raises WinnowError for a name that is empty or over 80 characters."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise WinnowError("A reviewer's name has 1 to 80 printable characters.")
    found = session.scalars(select(Reviewer).where(Reviewer.name == name)).one_or_none()
    if found is None:
        found = Reviewer(name=name)
        session.add(found)
        session.flush()
    return found
