"""What was decided: verdicts are appended, the newest of each reviewer that stands counts, and how the example stands follows.

A verdict stands while no undo takes it back; it counts while its example is not sent back to review (review/reopening.py).

The rules of what stands are in review/standing.py; here verdicts are recorded, and `db.tables.Standing` is kept in step in
the same transaction.
"""

import csv
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, exists, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from curator.review.leases import claim, release
from curator.review.standing import Member, Opinion, first_of, state_of, together
from db.errors import NotThereError, WinnowError
from db.tables import Decision, Example, Reason, Reopening, Standing, State, Submission, Suspicion, Verdict

_UNDO = aliased(Verdict)


@dataclass(frozen=True)
class Given:
    """A verdict as a reviewer sends it; the same `client_id` twice from one reviewer is one verdict."""

    example: int
    decision: Decision
    reason: Reason | None
    client_id: str
    settles: bool = False


@dataclass(frozen=True)
class Counts:
    """How many examples stand where; `reject` has the disputed ones in it, for they are ruled out until a lead settles them.

    Those that wait behind another of the same picture are counted apart: nobody has to judge them.
    """

    keep: int
    reject: int
    open: int
    disputed: int = 0
    waiting: int = 0

    @property
    def examples(self) -> int:
        """All of them."""
        return self.keep + self.reject + self.open + self.waiting


def not_there(examples: Iterable[int], known: Container[int]) -> str | None:
    """The sentence for the first example that is not among the known; None when all are."""
    lost = next((example for example in examples if example not in known), None)
    return None if lost is None else f"Example {lost} is not there (any more): it may have been erased."


@dataclass(frozen=True)
class Recorded:
    """How many verdicts were new, and the number of each by its client id; a repeat has its first number."""

    taken: int
    numbers: dict[str, int]


def record(session: Session, reviewer_id: int, given: Sequence[Given], now: datetime, second_share: float = 0.0) -> Recorded:
    """Append verdicts; a repeat (by its client id) is taken once.

    A reject without a reason is recorded as `unsaid`. A verdict ends the reviewer's lease on the example, an undo
    takes it again. After a first verdict the example may want a blind second one (`second_share`, 0 to 1).
    Raises NotThereError for an example that is not there, naming it; then nothing of the batch is taken.
    """
    places = locked(session, {item.example for item in given})
    if lost := not_there([item.example for item in given], {place.example for place in places}):
        raise NotThereError(lost)
    for item in given:
        if not 1 <= len(item.client_id) <= 64:
            raise WinnowError("A verdict's client id has 1 to 64 characters.")
    numbers = _numbers(session, reviewer_id, {item.client_id for item in given})
    new = {item.client_id: item for item in given if item.client_id not in numbers}
    if not new:
        return Recorded(0, numbers)
    numbers |= dict(zip(new, _append(session, reviewer_id, list(new.values()), now), strict=True))
    last = {item.example: item.decision for item in new.values()}
    opinions = stand_anew(session, places)
    for place in places:
        if place.example in last:
            theirs = opinions.get(place.example, [])
            place.standing.first_reviewer_id = first_of(theirs, place.image, second_share)
    undone = {example for example, decision in last.items() if decision is Decision.undo}
    release(session, reviewer_id, last.keys() - undone)
    claim(session, reviewer_id, undone, now)
    return Recorded(len(new), numbers)


@dataclass(frozen=True)
class Located:
    """An example's standing, and what it depends on."""

    standing: Standing
    image: str
    group: int | None

    @property
    def example(self) -> int:
        """The example's number."""
        return self.standing.example_id


def locked(session: Session, examples: Collection[int]) -> list[Located]:
    """Where these examples stand, and all that are of a group with one of them, in the order of their numbers.

    The rows are locked before anything is read of them: two verdicts on one example, or one group, count one after the other.
    """
    found = select(Standing, Example.image_sha256).join(Example, Example.id == Standing.example_id).order_by(Example.id)
    found = found.with_for_update(of=Standing)
    rows = session.execute(found.where(Example.id.in_(examples))).all()
    # Asked only now: whoever had to be waited for may have put them into a group.
    grouped = select(Example.id, Example.group_id).where(Example.id.in_(examples), Example.group_id.is_not(None))
    groups: dict[int, int | None] = dict(session.execute(grouped).all())
    places = [Located(standing, image, groups.get(standing.example_id)) for standing, image in rows]
    if not groups:
        return places
    # A question of its own, and not an "or" in the first: PostgreSQL would look at every example for that.
    others = found.add_columns(Example.group_id).where(Example.group_id.in_(groups.values()), Example.id.not_in(examples))
    return sorted([*places, *(Located(*row) for row in session.execute(others))], key=lambda place: place.example)


def stand_anew(session: Session, places: Sequence[Located]) -> dict[int, list[Opinion]]:
    """Let each example stand where its newest verdicts and those of its group put it, and say which opinions there are.

    Groups have to be whole, as `locked` gives them.
    """
    opinions = opinions_on(session, [place.example for place in places])
    states = _together(
        (place.group, Member(place.example, place.standing.doubt, state_of(opinions.get(place.example, []))))
        for place in places
    )
    for place in places:
        place.standing.state = states[place.example]
    return opinions


def _together(members: Iterable[tuple[int | None, Member]]) -> dict[int, State]:
    """Where examples stand, each given with its group: those of one together, those of none alone."""
    states: dict[int, State] = {}
    groups: dict[int, list[Member]] = defaultdict(list)
    for group, member in members:
        if group is None:
            states[member.example] = member.alone
        else:
            groups[group].append(member)
    for each in groups.values():
        states |= together(each)
    return states


def _numbers(session: Session, reviewer_id: int, client_ids: Collection[str]) -> dict[str, int]:
    wanted = select(Verdict.client_id, Verdict.id).where(Verdict.reviewer_id == reviewer_id, Verdict.client_id.in_(client_ids))
    return dict(session.execute(wanted).all())


def _append(session: Session, reviewer_id: int, given: Sequence[Given], now: datetime) -> list[int]:
    """Add the verdicts in their order, and say their numbers. An undo names what it takes back, as it is at its turn."""
    numbers: list[int] = []
    for undoing, run in groupby(given, key=lambda item: item.decision is Decision.undo):
        items = list(run)
        undone = _last_of(session, reviewer_id, [item.example for item in items]) if undoing else [None] * len(items)
        rows = [_row(item, reviewer_id, now, undoes) for item, undoes in zip(items, undone, strict=True)]
        numbers += session.scalars(insert(Verdict).returning(Verdict.id, sort_by_parameter_order=True), rows)
    return numbers


def _last_of(session: Session, reviewer_id: int, examples: Sequence[int]) -> list[int | None]:
    """The reviewer's last verdict on each example that stands, the one before it where an example comes again, or None."""
    wanted = select(Verdict.example_id, Verdict.id).where(Verdict.reviewer_id == reviewer_id, Verdict.example_id.in_(examples))
    standing: dict[int, list[int]] = defaultdict(list)
    for example, number in session.execute(wanted.where(stands()).order_by(Verdict.id)):
        standing[example].append(number)
    return [standing[example].pop() if standing[example] else None for example in examples]


def _row(item: Given, reviewer_id: int, now: datetime, undoes: int | None) -> dict[str, Any]:
    rejects = item.decision is Decision.reject
    return {
        "example_id": item.example,
        "reviewer_id": reviewer_id,
        "decision": item.decision,
        "reason": (item.reason or Reason.unsaid) if rejects else None,
        "settles": item.settles and item.decision is not Decision.undo,
        "undoes": undoes,
        "at": now,
        "client_id": item.client_id,
    }


def opinions_on(session: Session, examples: Iterable[int] | None = None) -> dict[int, list[Opinion]]:
    """The opinions on each of these examples, or on all: the newest counting verdict of each reviewer."""
    given = newest(examples)
    columns = (given.c.example_id, given.c.id, given.c.reviewer_id, given.c.decision, given.c.settles)
    rows = session.execute(select(*columns).order_by(given.c.id))
    found: dict[int, list[Opinion]] = defaultdict(list)
    for example, verdict, reviewer, decision, settles in rows:
        found[example].append(Opinion(verdict, reviewer, decision, settles))
    return found


def wrongly_standing(session: Session) -> list[int]:
    """The examples whose `Standing` is missing, or says something else than verdicts, suspicion, source and group do."""
    opinions = opinions_on(session)
    rows = session.execute(
        select(Example.id, Example.group_id, Example.split, Submission.source_id, func.coalesce(Suspicion.value, 0.0), Standing)
        .join(Submission, Submission.id == Example.submission_id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .outerjoin(Standing, Standing.example_id == Example.id)
        .order_by(Example.id)
        .execution_options(yield_per=10_000)
    )
    wrong: list[int] = []
    grouped: list[tuple[int | None, Member]] = []
    said: dict[int, State] = {}  # of those that are of a group: only all together tell where one stands
    for example, group, split, source, doubt, place in rows:
        alone = state_of(opinions.get(example, []))
        ought = (split, source, doubt)
        if (
            place is None
            or (place.split, place.source_id, place.doubt) != ought
            or (group is None and place.state is not alone)
        ):
            wrong.append(example)
        if group is not None and place is not None:
            grouped.append((group, Member(example, doubt, alone)))
            said[example] = place.state
    wrong += [example for example, state in _together(grouped).items() if said[example] is not state]
    return sorted(set(wrong))


def newest_number(session: Session) -> int:
    """The number of the newest verdict; 0 before the first."""
    return session.scalar(select(func.max(Verdict.id))) or 0


def those_there(session: Session, examples: Collection[int]) -> set[int]:
    """Those of the examples that are there."""
    return set(session.scalars(select(Standing.example_id).where(Standing.example_id.in_(examples))))


def stands(verdict: type[Verdict] = Verdict) -> ColumnElement[bool]:
    """That a verdict is a keep or a reject which no undo has taken back."""
    return and_(verdict.decision != Decision.undo, ~exists().where(_UNDO.undoes == verdict.id))


def counting(verdict: type[Verdict] = Verdict) -> ColumnElement[bool]:
    """That a verdict stands, and that its example was not sent back to review since."""
    since = (Reopening.example_id == verdict.example_id, Reopening.after_verdict >= verdict.id)
    return and_(stands(verdict), ~exists().where(*since))


def newest(examples: Iterable[int] | None = None, *, ever: bool = False) -> Subquery:
    """The newest counting verdict of each reviewer on each example (on these alone, when given), with all its columns.

    With `ever` the newest standing one, also where its example was sent back to review: what was given, not what counts.
    """
    rule = stands() if ever else counting()
    latest = select(func.max(Verdict.id)).where(rule).group_by(Verdict.example_id, Verdict.reviewer_id)
    if examples is not None:
        latest = latest.where(Verdict.example_id.in_(examples))
    return select(Verdict).where(Verdict.id.in_(latest)).subquery()


def approved() -> Select[Example]:
    """The approved examples, in the order they came in; of a group, should two be kept, the least doubtful alone."""
    theirs, other = aliased(Standing), aliased(Example)
    better = or_(theirs.doubt < Standing.doubt, and_(theirs.doubt == Standing.doubt, theirs.example_id < Standing.example_id))
    beaten = exists().where(
        other.group_id == Example.group_id, theirs.example_id == other.id, theirs.state == State.keep, better
    )
    return select(Example).join(Standing).where(Standing.state == State.keep, ~beaten).order_by(Example.id)


def counts(session: Session) -> Counts:
    """How many examples are kept, rejected and open."""
    rows = session.execute(select(Standing.state, func.count()).group_by(Standing.state)).all()
    found = dict(rows)
    disputed = found.get(State.disputed, 0)
    return Counts(
        keep=found.get(State.keep, 0),
        reject=found.get(State.reject, 0) + disputed,
        open=found.get(State.open, 0),
        disputed=disputed,
        waiting=found.get(State.waiting, 0),
    )


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
