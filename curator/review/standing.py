"""How an example stands: the rules as pure functions, then the rows (`db.tables.Standing`) that keep the answer.

An example is *open* while no verdict on it counts; *keep* or *reject* when all reviewers who have one agree; *disputed* when
they differ, until a lead settles it. Only *keep* is approved. Of a group (examples of the same picture) one is open at a
time, the least doubtful first; the others are *waiting* and open only after it was rejected.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from curator.review.opinions import Opinion, opinions_on
from db.tables import Example, Standing, State, Submission, Suspicion

DIGITS = 13  # hexadecimal digits of a hash that fit a float's 52 bits of mantissa


def agreed_state(opinions: Sequence[Opinion]) -> State:
    """Where an example stands by the opinions on it: a lead's newest settlement alone, else what all agree on."""
    settled = [opinion for opinion in opinions if opinion.settles]
    counting = [max(settled, key=lambda opinion: opinion.verdict)] if settled else opinions
    decisions = {opinion.decision for opinion in counting}
    if not decisions:
        return State.open
    return State(decisions.pop().value) if len(decisions) == 1 else State.disputed


@dataclass(frozen=True)
class GroupMember:
    """One example of a group, and where it would stand alone."""

    example: int
    doubt: float
    alone: State


def group_states(members: Sequence[GroupMember]) -> dict[int, State]:
    """Where the examples of a group stand: as alone, but one open at most, and none beside a kept or disputed one."""
    opens = [(member.doubt, member.example) for member in members if member.alone is State.open]
    held = any(member.alone in (State.keep, State.disputed) for member in members)
    shown = None if held or not opens else min(opens)[1]
    waits = {example for _, example in opens if example != shown}
    return {member.example: State.waiting if member.example in waits else member.alone for member in members}


def sole_reviewer(opinions: Sequence[Opinion], image_sha256: str, share: float) -> int | None:
    """The reviewer whose sole opinion stands, where a second one is wanted for a `share` (0 to 1) of all examples.

    Which examples those are is in the picture's hash, so that nobody can tell beforehand, and asking again gives the same.
    """
    if len(opinions) != 1 or opinions[0].settles or _share(image_sha256[DIGITS : 2 * DIGITS]) >= share:
        return None
    return opinions[0].reviewer


def lot_of(image_sha256: str) -> float:
    """An example's place in the random order, 0 to 1: from its picture's hash, the same for everybody."""
    return _share(image_sha256[:DIGITS])


def _share(digits: str) -> float:
    return int(digits, 16) / float(16 ** len(digits))


# --- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LockedStanding:
    """An example's standing, and what it depends on."""

    standing: Standing
    image: str
    group: int | None

    @property
    def example(self) -> int:
        """The example's number."""
        return self.standing.example_id


def lock_standings(session: Session, examples: Collection[int]) -> list[LockedStanding]:
    """Where these examples stand, and all that are of a group with one of them, in the order of their numbers.

    The rows are locked before anything is read of them: two verdicts on one example, or one group, count one after the other.
    """
    found = select(Standing, Example.image_sha256).join(Example, Example.id == Standing.example_id).order_by(Example.id)
    found = found.with_for_update(of=Standing)
    rows = session.execute(found.where(Example.id.in_(examples))).all()
    # Asked only now: whoever had to be waited for may have put them into a group.
    grouped = select(Example.id, Example.group_id).where(Example.id.in_(examples), Example.group_id.is_not(None))
    groups: dict[int, int | None] = dict(session.execute(grouped).all())
    places = [LockedStanding(standing, image, groups.get(standing.example_id)) for standing, image in rows]
    if not groups:
        return places
    # A question of its own, and not an "or" in the first: PostgreSQL would look at every example for that.
    others = found.add_columns(Example.group_id).where(Example.group_id.in_(groups.values()), Example.id.not_in(examples))
    return sorted([*places, *(LockedStanding(*row) for row in session.execute(others))], key=lambda place: place.example)


def update_standings(session: Session, places: Sequence[LockedStanding]) -> dict[int, list[Opinion]]:
    """Let each example stand where its newest verdicts and those of its group put it, and say which opinions there are.

    Groups have to be whole, as `lock_standings` gives them.
    """
    opinions = opinions_on(session, [place.example for place in places])
    states = _states_in_groups(
        (place.group, GroupMember(place.example, place.standing.doubt, agreed_state(opinions.get(place.example, []))))
        for place in places
    )
    for place in places:
        place.standing.state = states[place.example]
    return opinions


def _states_in_groups(members: Iterable[tuple[int | None, GroupMember]]) -> dict[int, State]:
    """Where examples stand, each given with its group: those of one together, those of none alone."""
    states: dict[int, State] = {}
    groups: dict[int, list[GroupMember]] = defaultdict(list)
    for group, member in members:
        if group is None:
            states[member.example] = member.alone
        else:
            groups[group].append(member)
    for each in groups.values():
        states |= group_states(each)
    return states


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
    grouped: list[tuple[int | None, GroupMember]] = []
    said: dict[int, State] = {}  # of those that are of a group: only all together tell where one stands
    for example, group, split, source, doubt, place in rows:
        alone = agreed_state(opinions.get(example, []))
        ought = (split, source, doubt)
        if (
            place is None
            or (place.split, place.source_id, place.doubt) != ought
            or (group is None and place.state is not alone)
        ):
            wrong.append(example)
        if group is not None and place is not None:
            grouped.append((group, GroupMember(example, doubt, alone)))
            said[example] = place.state
    wrong += [example for example, state in _states_in_groups(grouped).items() if said[example] is not state]
    return sorted(set(wrong))


def approved() -> Select[Example]:
    """The approved examples, in the order they came in; of a group, should two be kept, the least doubtful alone."""
    theirs, other = aliased(Standing), aliased(Example)
    better = or_(theirs.doubt < Standing.doubt, and_(theirs.doubt == Standing.doubt, theirs.example_id < Standing.example_id))
    beaten = exists().where(
        other.group_id == Example.group_id, theirs.example_id == other.id, theirs.state == State.keep, better
    )
    return select(Example).join(Standing).where(Standing.state == State.keep, ~beaten).order_by(Example.id)


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


def existing_examples(session: Session, examples: Collection[int]) -> set[int]:
    """Those of the examples that are there."""
    return set(session.scalars(select(Standing.example_id).where(Standing.example_id.in_(examples))))
