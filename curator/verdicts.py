"""What was decided: verdicts are appended, the newest of each reviewer counts, and any standing reject rules out.

An example is *approved* when at least one reviewer's newest verdict on it is keep and nobody's is reject; *rejected*
when somebody's is reject; *open* when nobody has a verdict standing on it (an undo takes one back).
"""

import csv
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from db.errors import NotThereError, WinnowError
from db.tables import Decision, Example, Lease, Reason, Verdict


@dataclass(frozen=True)
class Given:
    """A verdict as a reviewer sends it; the same `client_id` twice from one reviewer is one verdict."""

    example: int
    decision: Decision
    reason: Reason | None
    client_id: str


@dataclass(frozen=True)
class Counts:
    """How many examples stand where."""

    keep: int
    reject: int
    open: int

    @property
    def examples(self) -> int:
        """All of them."""
        return self.keep + self.reject + self.open


def record(session: Session, reviewer_id: int, given: Sequence[Given], now: datetime) -> int:
    """Append verdicts, and say how many were new; a repeat (by its client id) is taken once.

    A reject without a reason is recorded as `unsaid`. A verdict ends the reviewer's lease on the example.
    Raises NotThereError for an example that is not there, naming it; then nothing of the batch is taken.
    """
    known = set(session.scalars(select(Example.id).where(Example.id.in_({item.example for item in given}))))
    for item in given:
        if item.example not in known:
            raise NotThereError(f"Example {item.example} is not there (any more): it may have been erased.")
        if not 1 <= len(item.client_id) <= 64:
            raise WinnowError("A verdict's client id has 1 to 64 characters.")
    taken = set(
        session.scalars(
            select(Verdict.client_id).where(
                Verdict.reviewer_id == reviewer_id, Verdict.client_id.in_({item.client_id for item in given})
            )
        )
    )
    new = {item.client_id: item for item in given if item.client_id not in taken}
    for item in new.values():
        rejects = item.decision is Decision.reject
        session.add(
            Verdict(
                example_id=item.example,
                reviewer_id=reviewer_id,
                decision=item.decision,
                reason=(item.reason or Reason.unsaid) if rejects else None,
                at=now,
                client_id=item.client_id,
            )
        )
    for lease in session.scalars(select(Lease).where(Lease.example_id.in_(known), Lease.reviewer_id == reviewer_id)):
        session.delete(lease)
    return len(new)


def newest() -> Subquery:
    """The newest verdict of each reviewer on each example, as a subquery: id, example_id, reviewer_id, decision."""
    latest = select(func.max(Verdict.id)).group_by(Verdict.example_id, Verdict.reviewer_id)
    return (
        select(Verdict.id, Verdict.example_id, Verdict.reviewer_id, Verdict.decision).where(Verdict.id.in_(latest)).subquery()
    )


def standing() -> Subquery:
    """How each example with a verdict stands, as a subquery: example_id, decision (keep or reject); none when open."""
    given = newest()
    rejects = func.sum(case((given.c.decision == Decision.reject, 1), else_=0))
    return (
        select(given.c.example_id, case((rejects > 0, Decision.reject.value), else_=Decision.keep.value).label("decision"))
        .where(given.c.decision != Decision.undo)
        .group_by(given.c.example_id)
        .subquery()
    )


def approved() -> Select[Example]:
    """The approved examples, in the order they came in."""
    stands = standing()
    return (
        select(Example)
        .join(stands, stands.c.example_id == Example.id)
        .where(stands.c.decision == Decision.keep.value)
        .order_by(Example.id)
    )


def counts(session: Session) -> Counts:
    """How many examples are kept, rejected and open."""
    stands = standing()
    rows = session.execute(select(stands.c.decision, func.count()).group_by(stands.c.decision)).all()
    found: dict[str, int] = {decision: number for decision, number in rows}  # noqa: C416 - rows aren't pairs to mypy
    total = session.scalar(select(func.count()).select_from(Example)) or 0
    keep, reject = found.get(Decision.keep.value, 0), found.get(Decision.reject.value, 0)
    return Counts(keep=keep, reject=reject, open=total - keep - reject)


def new_client_id() -> str:
    """A client id that no one has used."""
    return uuid.uuid4().hex


def read_csv(file: Path, reviewer: str) -> dict[str, list[Given]]:
    """The verdicts of a CSV file with columns example,verdict and, if given, reason and reviewer, by reviewer.

    `reviewer` gives the verdicts of lines that name nobody. Client ids come from the file's content, so that reading it
    again gives the same verdicts. Raises WinnowError with the line's number for anything that is no verdict.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WinnowError(f"{file} can't be read as a CSV file in UTF-8 ({error}).") from None
    rows = csv.DictReader(text.splitlines())
    if not {"example", "verdict"} <= set(rows.fieldnames or ()):
        raise WinnowError(f"{file} needs a first line with the columns example,verdict,reason,reviewer.")
    content = hashlib.sha256(text.encode()).hexdigest()[:32]
    found: dict[str, list[Given]] = {}
    for row in rows:
        try:
            example, decision = int(row["example"]), Decision(row["verdict"].strip())
            reason = Reason(row["reason"].strip()) if (row.get("reason") or "").strip() else None
        except (ValueError, TypeError, AttributeError):
            raise WinnowError(
                f"{file}, line {rows.line_num}: wanted an example's number, keep, reject or undo, and no reason or one of "
                f"{', '.join(Reason)}."
            ) from None
        name = (row.get("reviewer") or "").strip() or reviewer
        found.setdefault(name, []).append(Given(example, decision, reason, f"{content}-{rows.line_num}"))
    return found
